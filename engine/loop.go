package engine

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// LoopGrace is how long after it was granted one approval for all items of a
// loop may be used, when that is longer than its expiry. The plan of each item
// is read again right before its effect all the same.
const LoopGrace = time.Hour

// loop is what a frame knows about the children of a loop, or of the undo of
// one. Children are let in one after the other, so that at most max of them are
// in flight. Where people have to be asked they are asked once: each child is
// planned and parked, the question is about all of them, and then they are let
// in again.
type loop struct {
	max     int
	budget  int // children that may fail before no more are let in
	next    int // the next child to look at
	flying  int // children that were let in and have neither ended nor been parked
	parked  int // children that are planned and wait for the question about all of them
	errors  int
	shared  bool // one approval is for all
	granted bool // it was granted
}

// expand decides to lay out a child for each item.
func (s *Step) expandLoop(env runbooks.Env, readings []runbooks.Reading) Body {
	items, more, err := s.Def.ForEach.In.Items(env)
	readings = append(readings, more...)
	if err != nil {
		return s.broken("the list cannot be worked out", err)
	}
	if len(items) == 0 {
		return StepEnded{Status: StepSkipped, Reason: "its list is empty", If: s.Def.ForEach.In.Source, Readings: readings}
	}
	data, err := json.Marshal(items)
	if err != nil {
		return s.broken("the list cannot be encoded", err)
	}
	return StepExpanded{Items: Large{Value: data}, N: len(items), If: s.condition(), Readings: readings}
}

// expandUndo decides which children of a finished step are taken back: the
// last first.
func (s *Step) expandUndo() Body {
	var ids []string
	steps := s.Undoes.children.steps
	for n := len(steps) - 1; n >= 0; n-- {
		if steps[n].Undoable() {
			ids = append(ids, steps[n].ID)
		}
	}
	if len(ids) == 0 {
		return s.fail(Failure{Class: actions.Precondition, Message: "nothing of it can be taken back"})
	}
	data, err := json.Marshal(ids)
	if err != nil {
		return s.broken("its parts cannot be encoded", err)
	}
	return StepExpanded{Items: Large{Value: data}, N: len(ids)}
}

// expand lays out the children.
func (s *Step) expand(e Event, b StepExpanded) error {
	if s.Status != StepWaiting || s.pending > 0 || s.children != nil {
		return s.contradicts(e, "it has no list to go through now")
	}
	items, err := decodeList(b.Items.Value)
	if err != nil || len(items) != b.N || b.N == 0 {
		return s.contradicts(e, "its list of %d cannot be read: %v", b.N, err)
	}
	f := &frame{run: s.run, owner: s, loop: &loop{shared: s.rule() != nil}}
	switch {
	case s.Undoes != nil:
		f.loop.max, f.loop.budget = 1, len(items)
		if s.Def.ForEach != nil {
			f.loop.max = s.Def.ForEach.MaxParallel
		}
		for _, item := range items {
			id, _ := item.(string)
			of, known := s.run.byID[id]
			if !known || of.Parent != s.Undoes || !of.Undoable() {
				return s.contradicts(e, "%q cannot be taken back", id)
			}
		}
		for _, item := range items {
			f.add(s.run.byID[item.(string)].undoStep(s.By, s.Why))
		}
	case s.Def.ForEach != nil && s.Index == 0:
		f.loop.max, f.loop.budget = s.Def.ForEach.MaxParallel, s.Def.ForEach.Budget(b.N)
		def := *s.Def
		def.ForEach, def.If, def.Needs, def.Contains = nil, nil, nil, nil
		for n, item := range items {
			f.add(&Step{ID: s.ID + "." + strconv.Itoa(n+1), Def: &def, Item: item, Index: n + 1, Status: StepWaiting, run: s.run, in: s.in})
		}
	default:
		return s.contradicts(e, "it is no loop")
	}
	s.children = f
	s.Status, s.If, s.Readings, s.ReadyAt = StepProgress, b.If, b.Readings, e.At
	f.loop.admit(f)
	return nil
}

func decodeList(data json.RawMessage) ([]any, error) {
	wrapped, err := decodeObject(json.RawMessage(`{"list":` + string(data) + `}`))
	if err != nil {
		return nil, err
	}
	list, ok := wrapped["list"].([]any)
	if !ok {
		return nil, fmt.Errorf("it is no list")
	}
	return list, nil
}

// admit lets in as many children as may be in flight.
func (l *loop) admit(f *frame) {
	for l.flying < l.max && l.next < len(f.steps) {
		c := f.steps[l.next]
		l.next++
		if c.Status.Ended() || c.admitted || c.parked && !l.granted {
			continue
		}
		c.admitted = true
		l.flying++
		if c.parked {
			c.parked = false
			l.parked--
			if c.covered != "" && c.covered == c.Digest {
				c.grant(f.owner.Approval)
			} // else it came while people were asked about the others, and asks by itself
			c.covered = ""
		}
		f.run.incident.touch(c)
		if c.children != nil { // it went on before it was let in again
			c.children.stir()
		}
	}
}

// grant gives a planned child its part of the approval for all.
func (s *Step) grant(all *Approval) {
	asked := all.ApprovalRequested
	asked.Digest = s.Digest
	if late := At(all.ClosedAt.Add(LoopGrace)); late.After(asked.Expires.Time) {
		asked.Expires = late
	}
	s.Approval = &Approval{ApprovalRequested: asked, State: ApprovalGranted, AskedAt: all.AskedAt, ClosedAt: all.ClosedAt, Votes: all.Votes, Glass: all.Glass, preview: s.Preview, params: string(s.Params)}
	s.Status, s.planned, s.planOwed = StepChecking, false, true
}

// AskedForAll says whether the question about all items of its loop that is open
// is about this one. One that came later asks by itself.
func (s *Step) AskedForAll() bool { return s.parked && s.covered != "" }

// shares says whether the question about this step is asked for all its
// siblings at once, and was not yet answered.
func (s *Step) shares() bool {
	return s.of != nil && s.of.loop != nil && s.of.loop.shared && !s.of.loop.granted
}

// park takes a planned child out of flight until the question about all is answered.
func (l *loop) park(f *frame, c *Step) {
	if c.parked {
		return
	}
	c.parked = true
	l.parked++
	l.leave(c)
	l.admit(f)
	f.run.incident.touch(f.owner)
}

func (l *loop) leave(c *Step) {
	if c.admitted {
		c.admitted = false
		l.flying--
	}
}

func (l *loop) take(f *frame, c *Step) {
	l.leave(c)
	if c.parked {
		c.parked = false
		l.parked--
	}
	if c.Status == StepFailed || c.Status == StepRefused {
		l.errors++
		if l.errors > l.budget && f.halted == "" {
			f.halt(StepCancelled, f.overBudget())
		}
	}
	l.admit(f)
}

func (l *loop) untake(f *frame, c *Step) {
	if c.Status == StepFailed || c.Status == StepRefused {
		l.errors--
	}
	l.next = 0
}

// overBudget says why no more items are let in.
func (f *frame) overBudget() string {
	return fmt.Sprintf("%d of %d did not work and %d may fail; the first: %s", f.loop.errors, len(f.steps), f.loop.budget, f.firstFault())
}

// firstFault says what the first failed child says.
func (f *frame) firstFault() string {
	for _, c := range f.steps {
		if c.Status == StepFailed || c.Status == StepRefused {
			return c.ID + ": " + c.Why
		}
	}
	return ""
}

// askForAll asks people about the planned children, once every one of them is
// planned or has ended.
func (s *Step) askForAll() Body {
	l := s.children.loop
	if !l.shared || l.granted || l.parked == 0 || l.parked != s.children.left {
		return nil
	}
	b := s.askFor(s.rule())
	b.Digest = s.children.digest()
	return b
}

// digest is what one approval for all children is bound to.
func (f *frame) digest() string {
	var list [][2]string
	for _, c := range f.steps {
		if c.parked {
			list = append(list, [2]string{c.ID, c.Digest})
		}
	}
	return loopDigest(list)
}

// loopDigest covers the plans of steps, each by its id and its own digest.
func loopDigest(list [][2]string) string {
	data, err := json.Marshal(list)
	if err != nil {
		panic("engine: digests do not encode: " + err.Error())
	}
	return digestOf(data)
}

// preview gathers what the parked children would change, for the question
// about all of them.
func (f *frame) preview() *actions.Preview {
	all := &actions.Preview{}
	calls, warnings := map[string]bool{}, map[string]bool{}
	for _, c := range f.steps {
		if !c.parked || c.Preview == nil {
			continue
		}
		all.Targets = append(all.Targets, c.Preview.Targets...)
		all.Changes = append(all.Changes, c.Preview.Changes...)
		all.Calls = once(all.Calls, calls, c.Preview.Calls)
		all.Warnings = once(all.Warnings, warnings, c.Preview.Warnings)
		if c.Preview.NoUndo != "" && all.NoUndo == "" {
			all.NoUndo = c.ID + ": " + c.Preview.NoUndo
		}
	}
	return all
}

func once(list []string, seen map[string]bool, more []string) []string {
	for _, one := range more {
		if !seen[one] {
			seen[one] = true
			list = append(list, one)
		}
	}
	return list
}

// answerAll takes in the end of the question about all children.
func (s *Step) answerAll(verdict ApprovalState, why string) {
	f := s.children
	switch verdict {
	case ApprovalGranted:
		s.Status = StepProgress
		f.loop.granted, f.loop.next = true, 0
		f.loop.admit(f)
	case ApprovalDenied, ApprovalExpired:
		if s.Def.OnRefused != runbooks.Ask {
			f.halt(StepRefused, why)
		}
	}
}

// concludeLoop ends a step all of whose children have ended.
func (s *Step) concludeLoop() Body {
	f := s.children
	count := map[StepStatus]int{}
	for _, c := range f.steps {
		count[c.Status]++
	}
	switch l := f.loop; {
	case f.halted == StepRefused:
		return StepEnded{Status: StepRefused, Reason: f.why}
	case l.errors > l.budget && count[StepFailed] == 0:
		return StepEnded{Status: StepRefused, Reason: f.overBudget()}
	case l.errors > l.budget:
		return s.fail(Failure{Class: actions.Precondition, Message: f.overBudget()})
	case s.Undoes != nil && l.errors > 0:
		return s.fail(Failure{Class: actions.Precondition, Message: fmt.Sprintf("%d of %d could not be taken back; the first: %s", l.errors, len(f.steps), f.firstFault())})
	case s.Undoes != nil && count[StepDone] < len(f.steps): // what it takes back is not all back
		return StepEnded{Status: StepSkipped, Reason: fmt.Sprintf("%d of %d were taken back", count[StepDone], len(f.steps))}
	case count[StepCancelled] > 0:
		_, why := f.steps[0].halting()
		return StepEnded{Status: StepCancelled, Reason: "not finished: " + why}
	}
	reason := fmt.Sprintf("%d of %d", count[StepDone], len(f.steps))
	if f.loop.errors > 0 {
		reason += fmt.Sprintf("; %d did not work, the first: %s", f.loop.errors, f.firstFault())
	}
	return StepEnded{Status: StepDone, Reason: reason}
}

// results is what expressions may read of a loop that is done.
func (f *frame) results() map[string]any {
	list, failed := []any{}, int64(0)
	for _, c := range f.steps {
		switch c.Status {
		case StepDone:
			list = append(list, map[string]any(c.Outputs))
		case StepFailed, StepRefused:
			failed++
		}
	}
	return map[string]any{"results": list, "done": int64(len(list)), "failed": failed}
}
