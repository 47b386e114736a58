package host

import (
	"context"
	"slices"

	"github.com/firebreak-ir/firebreak/engine"
)

// flight is one command that was started.
type flight struct {
	cancel context.CancelFunc
	sort   sort
	place  string // the step it belongs to, as run/step; "" for a message
}

// sort tells kinds of work apart.
type sort int

const (
	sortEffect sort = iota // may change the world: is never cut off
	sortRead               // reads a target
	sortWait               // waits for a time
	sortTell               // tells people
)

// start begins every command that is owed and not in flight, and calls off
// waits and readings that are no longer owed. It looks only at the steps that
// moved, so that a fact costs the same in a run of ten steps and of thousands.
func (w *owner) start() {
	moved := w.inc.Moved()
	if w.scanned {
		for _, s := range moved {
			w.begin(s.Commands(), w.byStep[placeOf(s.Run().ID, s.ID)])
		}
		w.begin(w.inc.Messages(), w.byStep[""])
	} else {
		w.scanned = true
		w.begin(w.inc.Commands(), w.flight)
	}
	w.wakeIdle()
}

// rescan looks at every command again, after something happened that moved no
// step: an end that was not taken in, an incident that was read back.
func (w *owner) rescan() {
	w.scanned = false
	w.start()
}

// begin starts what is owed and, of what is in flight there, calls off waits
// and readings that are no longer owed.
func (w *owner) begin(owed []engine.Command, flying map[string]*flight) {
	refs := make(map[string]bool, len(owed))
	for _, c := range owed {
		ref := c.Ref()
		refs[ref] = true
		if w.flight[ref] == nil && ref != w.ending && !w.drained {
			w.launch(c)
			if f := w.flight[ref]; f != nil {
				w.put(ref, f, place(c))
			}
		}
	}
	for ref, f := range flying {
		if !refs[ref] && (f.sort == sortWait || f.sort == sortRead) {
			f.cancel()
			w.land(ref)
		}
	}
}

func placeOf(run, step string) string { return run + "/" + step }

// place is where a command belongs: its step, or "" for a message.
func place(c engine.Command) string {
	switch c := c.(type) {
	case engine.PlanStep:
		return placeOf(c.Run, c.Step)
	case engine.RunEffect:
		return placeOf(c.Run, c.Step)
	case engine.ProbeEffect:
		return placeOf(c.Run, c.Step)
	case engine.VerifyEffect:
		return placeOf(c.Run, c.Step)
	case engine.Wake:
		return placeOf(c.Run, c.Step)
	}
	return ""
}

// put notes that something is in flight.
func (w *owner) put(ref string, f *flight, place string) {
	f.place = place
	w.flight[ref] = f
	if w.byStep[place] == nil {
		w.byStep[place] = map[string]*flight{}
	}
	w.byStep[place][ref] = f
}

// land notes that something is no longer in flight.
func (w *owner) land(ref string) {
	f := w.flight[ref]
	if f == nil {
		return
	}
	delete(w.flight, ref)
	delete(w.byStep[f.place], ref)
	if len(w.byStep[f.place]) == 0 {
		delete(w.byStep, f.place)
	}
}

// owes says whether the command of an event is still owed.
func (w *owner) owes(ref string, e engine.Event) bool {
	owed := w.inc.Messages
	if e.Step != "" {
		run, ok := w.inc.Run(e.Run)
		if !ok || e.Run == "" {
			return false
		}
		step, ok := run.Step(e.Step)
		if !ok {
			return false
		}
		owed = step.Commands
	}
	return slices.ContainsFunc(owed(), func(c engine.Command) bool { return c.Ref() == ref })
}
