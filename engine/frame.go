package engine

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// frame is one level of steps: those of a run, those of its on_cancel, those of
// a runbook that a step calls, or the children of a loop. A step is a member of
// one frame and reads the names of one; they differ only for the child of a
// loop, which reads what the step beside it reads.
type frame struct {
	run    *Run
	owner  *Step // the step whose frame it is; nil: the run's own
	steps  []*Step
	left   int        // steps that have not ended
	halted StepStatus // what becomes of steps that have not begun; empty: they may begin
	why    string     // of the halt
	ending StepStatus // what a step made of the whole: failed or refused; empty: nothing
	undo   bool       // finished steps are being taken back, last first

	program *runbooks.Program
	inputs  map[string]any
	ended   map[string]runbooks.StepState // what expressions may read, by the step's own id
	waiters map[string][]*Step            // by the id they wait for

	loop    *loop  // of the children of a loop
	cleanup *frame // the steps of on_cancel, once the run was cancelled
	after   *frame // of these: whose steps end before
	back    int    // from here on no step is left that on_failure: undo takes back by itself
}

func newFrame(r *Run, owner *Step, program *runbooks.Program, inputs map[string]any) *frame {
	return &frame{run: r, owner: owner, program: program, inputs: inputs, ended: map[string]runbooks.StepState{}, waiters: map[string][]*Step{}}
}

// lay puts the steps of a runbook in place.
func (f *frame) lay(defs []runbooks.Step) {
	prefix := ""
	if f.owner != nil {
		prefix = f.owner.ID + "."
	}
	for n := range defs {
		def := &defs[n]
		s := &Step{ID: prefix + def.ID, Def: def, Status: StepWaiting, run: f.run, in: f, pending: len(def.Needs)}
		f.add(s)
		for _, need := range def.Needs {
			f.waiters[need] = append(f.waiters[need], s)
		}
	}
}

// add makes a step a member.
func (f *frame) add(s *Step) {
	s.of, s.Parent = f, f.owner
	f.steps = append(f.steps, s)
	f.left++
	f.back = len(f.steps)
	f.run.byID[s.ID] = s
	if f.owner == nil {
		f.run.Steps = append(f.run.Steps, s)
	}
}

// begin wakes the steps that wait for nobody.
func (f *frame) begin() {
	for _, s := range f.steps {
		if s.pending == 0 {
			f.run.incident.touch(s)
		}
	}
}

// cleanUp lays out the steps of on_cancel. They read those of the runbook, and
// begin when all of them have ended.
func (f *frame) cleanUp() {
	if len(f.program.OnCancel) == 0 || f.cleanup != nil {
		return
	}
	c := newFrame(f.run, f.owner, f.program, f.inputs)
	c.ended, c.after = f.ended, f
	c.lay(f.program.OnCancel)
	f.cleanup = c
	if f.left == 0 {
		c.begin()
	}
}

// open says whether a step has not ended, those of on_cancel included.
func (f *frame) open() bool { return f.left > 0 || f.cleanup != nil && f.cleanup.left > 0 }

// over says whether what the frame is of has ended.
func (f *frame) over() bool {
	if f.owner != nil {
		return f.owner.Status.Ended()
	}
	return f.run.Status.Ended()
}

// calling says whether the step is in the midst of a runbook that it calls. One
// that is tried again and that its loop has not let in is not.
func (s *Step) calling() bool {
	return s.Status == StepProgress && s.Undoes == nil && s.children != nil && s.children.loop == nil && s.letIn()
}

// halt ends what has not begun; what is in flight goes on to its end.
func (f *frame) halt(as StepStatus, why string) {
	if f.halted != "" {
		return
	}
	f.halted, f.why = as, why
	f.stir()
}

// stir wakes every step that has not ended, at every level below.
func (f *frame) stir() {
	for _, s := range f.steps {
		if !s.Status.Ended() {
			f.run.incident.touch(s)
			if s.children != nil {
				s.children.stir()
			}
		}
	}
}

// around walks the frames a step is in, from the nearest on. It stops at the
// steps of on_cancel, since what ends a run does not end those; the undo that a
// person asked for is in none.
func (s *Step) around() iter.Seq[*frame] {
	return func(yield func(*frame) bool) {
		for f := s.of; f != nil && yield(f) && f.owner != nil && f.after == nil; f = f.owner.of {
		}
	}
}

// halting says what becomes of this step when it has not begun, and why. The
// nearest frame decides.
func (s *Step) halting() (as StepStatus, why string) {
	for f := range s.around() {
		if f.halted != "" {
			return f.halted, f.why
		}
	}
	return "", ""
}

// OnCancel says whether the step is there for a cancel: it, or what calls it, is
// one of the steps of on_cancel.
func (s *Step) OnCancel() bool {
	for f := range s.around() {
		if f.after != nil {
			return true
		}
	}
	return false
}

// stopping names what is being brought to its end around a step, or is empty.
func (s *Step) stopping() string {
	for f := range s.around() {
		switch {
		case f.halted == "" || !f.open():
		case f.owner == nil:
			return "run " + f.run.ID
		default:
			return fmt.Sprintf("step %q", f.owner.ID)
		}
	}
	return ""
}

// letIn says whether the loops around a step have let it in.
func (s *Step) letIn() bool {
	for f := range s.around() {
		if f.loop != nil && !s.admitted {
			return false
		}
		s = f.owner
	}
	return true
}

// take notes that a member has ended.
func (f *frame) take(s *Step) {
	f.left--
	f.back = len(f.steps)
	i := f.run.incident
	if f.loop != nil {
		f.loop.take(f, s)
	} else {
		f.ended[s.Def.ID] = runbooks.StepState{Status: string(s.Status), Outputs: s.Outputs}
		for _, w := range f.waiters[s.Def.ID] {
			if w.pending--; w.pending == 0 {
				i.touch(w)
			}
		}
		f.react(s)
	}
	if f.left == 0 && f.cleanup != nil {
		f.cleanup.begin()
	}
	if f.owner != nil {
		i.touch(f.owner)
	}
	i.stir(f.run)
}

// react follows what the runbook says about a step that failed or was refused.
func (f *frame) react(s *Step) {
	reaction, as := runbooks.Reaction(""), StepFailed
	switch s.Status {
	case StepFailed:
		reaction = s.Def.OnFailure
	case StepRefused:
		reaction, as = s.Def.OnRefused, StepRefused
	}
	if reaction != runbooks.Stop && reaction != runbooks.Undo {
		return
	}
	why := fmt.Sprintf("step %q %s: %s", s.ID, s.Status, s.Why)
	if reaction == runbooks.Undo && !f.undo {
		f.undo = true
		f.run.backs = append(f.run.backs, f)
	}
	if f == f.run.root {
		f.run.stop(RunStatus(as), why)
		return
	}
	if f.ending == "" {
		f.ending = as
	}
	f.halt(StepCancelled, why)
}

// untake brings a member back that had ended.
func (f *frame) untake(s *Step) {
	f.left++
	f.back = len(f.steps)
	if f.loop != nil {
		f.loop.untake(f, s)
		return
	}
	delete(f.ended, s.Def.ID)
	for _, w := range f.waiters[s.Def.ID] {
		w.pending++
	}
}

// reopen lets the frame go on after it was halted or had ended: what was not
// run because of it gets its turn again.
func (f *frame) reopen() {
	closed := f.halted != "" || f.owner != nil && f.owner.Status.Ended()
	f.halted, f.why, f.ending, f.undo = "", "", "", false
	if o := f.owner; o != nil && f.after == nil && (o.Status.Ended() || o.Status == StepOnHold) {
		if o.Status.Ended() {
			o.untake()
		} else {
			f.run.incident.answer(o)
		}
		o.Status, o.Held, o.Why, o.Failure, o.skip, o.EndedAt = StepProgress, "", "", nil, nil, time.Time{}
		o.renew()
		if f.loop != nil {
			f.loop.granted = false // what is still to do is asked for anew, once for all
		}
		if o.of != nil && o.of.loop != nil {
			o.of.loop.admit(o.of)
		}
		f.run.incident.touch(o)
	}
	if f.loop != nil {
		closed = f.loop.errors <= f.loop.budget // more than what a person wants may begin
	}
	if closed {
		for _, s := range f.steps {
			if s.Status == StepCancelled {
				s.reset()
			}
		}
	}
}

// critical finds a step that failed or was refused and makes the whole fail
// although it went on.
func (f *frame) critical() *Step {
	for _, s := range f.steps {
		if s.Def.Critical && (s.Status == StepFailed || s.Status == StepRefused) {
			return s
		}
	}
	return nil
}

// outputs works out what the runbook of the frame gives back.
func (f *frame) outputs(env runbooks.Env) (json.RawMessage, error) {
	if len(f.program.Outputs) == 0 {
		return nil, nil
	}
	values := make(map[string]any, len(f.program.Outputs))
	for _, out := range f.program.Outputs {
		v, err := out.Value.Value(env)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", out.Name, err)
		}
		values[out.Name] = v
	}
	return json.Marshal(values)
}

// undoable finds the last finished step that on_failure: undo takes back by
// itself, or nil.
func (f *frame) undoable() *Step {
	for ; f.back > 0; f.back-- {
		s := f.steps[f.back-1]
		if s.children != nil && (s.Def.Runbook != nil || s.Status != StepDone) {
			if found := s.children.undoable(); found != nil {
				return found
			}
			continue
		}
		if s.Undoable() && s.UndoneBy == nil && s.Def.Effect == actions.Reversible {
			return s
		}
	}
	return nil
}

// takingBack says whether something that finished is being taken back, or will be.
func (f *frame) takingBack() bool { return f.run.undoing() || f.undoable() != nil }

// Children are the steps of a step: one for each item of a loop, or those of
// the runbook that it calls, those of its on_cancel last.
func (s *Step) Children() []*Step {
	if s.children == nil {
		return nil
	}
	if c := s.children.cleanup; c != nil {
		return slices.Concat(s.children.steps, c.steps)
	}
	return s.children.steps
}

// decideProgress follows the children of a step.
func (s *Step) decideProgress() Body {
	f := s.children
	switch {
	case f.left > 0 && f.loop != nil:
		return s.askForAll()
	case f.open() || f.undo && f.takingBack():
		return nil
	case f.loop != nil:
		return s.concludeLoop()
	}
	return s.concludeSubrun()
}
