package score

import (
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// class is what a step does with time at a moment.
type class int

const (
	idle    class = iota
	working       // something of it is at work, or a pause passes
	asking        // people have to answer
)

func classOf(s *engine.Step) class {
	switch s.Status {
	case engine.StepAwaiting, engine.StepManual, engine.StepOnHold:
		return asking
	case engine.StepPlanning:
		if s.AskedForAll() {
			return idle // its loop asks for it
		}
		return working
	case engine.StepChecking, engine.StepRunning, engine.StepRetrying, engine.StepDoubt, engine.StepVerifying, engine.StepSleeping:
		return working
	}
	return idle
}

// watch sorts passing time: while anything is at work it is the machine's, else
// while a question is open it is the people's.
type watch struct {
	working, asking int
	off             bool
	since           Moment
	people, machine Took
	length          Took
}

func (w *watch) until(now Moment) {
	if !w.off {
		gone := now.since(w.since)
		w.length = w.length.plus(gone)
		switch {
		case w.working > 0:
			w.machine = w.machine.plus(gone)
		case w.asking > 0:
			w.people = w.people.plus(gone)
		}
	}
	w.since = now
}

func (w *watch) count(c class, n int) {
	switch c {
	case working:
		w.working += n
	case asking:
		w.asking += n
	}
}

// run is what is known of a run.
type run struct {
	Run
	watch
	of     *engine.Run
	rows   []*row
	byID   map[string]*row
	manual []manualDone
	last   string // who moved it last
}

// row is a step of the program, with all its items.
type row struct {
	Step
	watch
	place int // in the program; undos come after
	undo  bool
}

func (r *run) stop(now Moment) {
	for _, row := range r.rows {
		row.until(now)
		row.off = true
	}
	r.until(now)
	r.off = true
}

func (f *fold) takeRun(e engine.Event) {
	b, ok := e.Body.(engine.RunStarted)
	if !ok {
		return
	}
	of, _ := f.inc.Run(e.Run)
	r := &run{of: of, byID: map[string]*row{}}
	r.Run = Run{
		Run: e.Run, Runbook: b.Runbook, Title: of.Program.Title, Digest: b.Digest, By: named(e.Actor), StartedAt: engine.At(e.At), Seq: e.Seq,
		BudgetMS: time.Duration(of.Program.Budget).Milliseconds(),
	}
	r.since = f.now
	r.lay(f.now, "", of.Program.Steps, false)
	r.lay(f.now, "", of.Program.OnCancel, true)
	f.runs = append(f.runs, r)
	f.byRun[e.Run] = r
	f.compile(of.Program)
}

// lay makes a row for each step of a program, those of runbooks that are called
// behind the step that calls them.
func (r *run) lay(now Moment, prefix string, steps []runbooks.Step, onCancel bool) {
	for i := range steps {
		s := &steps[i]
		r.add(now, &row{Step: Step{ID: prefix + s.ID, Title: s.Name(), Kind: s.Kind(), Changes: s.Changes(), OnCancel: onCancel}})
		if s.Runbook != nil {
			r.lay(now, prefix+s.ID+".", s.Runbook.Program.Steps, onCancel)
			r.lay(now, prefix+s.ID+".", s.Runbook.Program.OnCancel, true)
		}
	}
}

func (r *run) add(now Moment, row *row) *row {
	row.Run, row.place, row.since = r.Run.Run, len(r.rows), now
	r.rows = append(r.rows, row)
	r.byID[row.ID] = row
	return row
}

// row finds the row of a step: that of its loop for an item, that of the whole
// for a part of an undo.
func (f *fold) row(s *engine.Step) *row {
	if row := f.rows[s]; row != nil {
		return row
	}
	r := f.byRun[s.Run().ID]
	id := s.ID
	switch p := s.Parent; {
	case p != nil && (s.Undoes != nil || s.Index > 0):
		row := f.row(p)
		f.rows[s] = row
		return row
	case p != nil:
		id = f.row(p).ID + "." + s.Def.ID
	}
	found := r.byID[id]
	if found == nil { // an undo
		found = r.add(f.now, &row{undo: true, Step: Step{ID: id, Title: s.Def.Name(), Kind: s.Def.Kind(), Changes: s.Def.Changes()}})
	}
	f.rows[s] = found
	return found
}

// step finds the step of a fact.
func (f *fold) step(e engine.Event) *engine.Step {
	if e.Step == "" {
		return nil
	}
	r, ok := f.inc.Run(e.Run)
	if !ok || e.Run == "" {
		return nil
	}
	s, _ := r.Step(e.Step)
	return s
}

// watch follows the steps that the latest fact moved.
func (f *fold) watch() {
	for _, s := range f.inc.Moved() {
		was := f.class[s]
		f.reclass(s)
		if s.Status == engine.StepAwaiting || was == asking { // a question about all of its items changes what each waits for
			for _, c := range s.Children() {
				f.reclass(c)
			}
		}
	}
	for _, r := range f.runs {
		if ended := r.of.Status.Ended(); ended != r.off && !f.over {
			r.watch.until(f.now)
			r.off = ended
		}
	}
}

func (f *fold) reclass(s *engine.Step) {
	was, is := f.class[s], classOf(s)
	if was == is || f.over {
		return
	}
	f.class[s] = is
	for _, w := range []*watch{&f.row(s).watch, &f.byRun[s.Run().ID].watch} {
		w.until(f.now)
		w.count(was, -1)
		w.count(is, 1)
	}
}

// takeStep counts what happened to the steps.
func (f *fold) takeStep(e engine.Event) {
	s := f.step(e)
	if s == nil {
		return
	}
	row := f.row(s)
	switch b := e.Body.(type) {
	case engine.EffectIntent:
		row.Exercised = true
		row.Attempts++
	case engine.EffectOutcome:
		switch {
		case b.Failure == nil:
			row.OK++
		case b.Failure.Class != actions.Unknown || s.Def.Effect == actions.Read: // else a doubt follows
			row.Failed++
		}
	case engine.EffectInDoubt:
		row.Doubts++
	case engine.EffectVerified:
		if b.Reading.Verdict == actions.Verified {
			row.Verified++
		} else {
			row.Refuted++
		}
	case engine.ManualDone:
		row.Exercised = true
		f.byRun[e.Run].manual = append(f.byRun[e.Run].manual, manualDone{row.place, e.Seq})
	case engine.WaitStarted, engine.StepEntered:
		row.Exercised = true
	}
}

// finishRuns writes down the runs and their steps.
func (f *fold) finishRuns() {
	type key struct{ runbook, id string }
	exercised, known := map[key]bool{}, map[key]bool{}
	var all []key
	for _, r := range f.runs {
		r.Status, r.Reason = string(r.of.Status), r.of.Reason
		r.Length, r.People, r.Machine = r.watch.length, r.watch.people, r.watch.machine
		f.r.Runs = append(f.r.Runs, r.Run)
		f.statuses(r)
		for _, row := range r.rows {
			row.Step.People, row.Step.Machine = row.watch.people, row.watch.machine
			f.r.Steps = append(f.r.Steps, row.Step)
			if row.undo || row.OnCancel {
				continue
			}
			k := key{r.Runbook, row.ID}
			if !known[k] {
				known[k], all = true, append(all, k)
			}
			exercised[k] = exercised[k] || row.Exercised
		}
	}
	f.r.Cover.Total = len(all)
	for _, k := range all {
		if exercised[k] {
			f.r.Cover.Exercised++
			continue
		}
		name := k.id
		if len(f.runs) > 1 && f.runs[0].Runbook != k.runbook {
			name = k.runbook + "/" + k.id
		}
		f.r.Cover.Missing = append(f.r.Cover.Missing, name)
	}
}

// statuses gives each row the status of its step, or says that they differ.
func (f *fold) statuses(r *run) {
	for s := range r.of.All() {
		row := f.row(s)
		if s.Parent != nil && (s.Undoes != nil || s.Index > 0) {
			row.Items++
			continue
		}
		switch status := string(s.Status); {
		case row.Status == "":
			row.Status = status
		case row.Status != status:
			row.Status = "mixed"
		}
	}
	for _, row := range r.rows {
		if row.Status == "" {
			row.Status = "not reached"
		}
	}
}
