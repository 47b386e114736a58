package rehearsal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// director knows when the injects of a scenario are due and when it is over. It
// folds the facts one by one, so that what it knows follows from the record
// alone, whatever was restarted in between.
type director struct {
	scenario *runbooks.Scenario
	inc      *engine.Incident     // folded fact by fact
	ended    map[string]time.Time // steps, by id: when each had ended first
	whens    []*when              // in the order of the file
	second   int64                // of the exercise, up to which conditions about time were looked at
	broken   []error              // conditions that cannot be worked out; told once
	holds    holds
	env      map[string]any // what conditions read, until the next fact
}

// holds evaluates a condition; nil as function: nothing ever holds.
type holds func(expr string, env map[string]any) (bool, error)

// when is a condition that something waits for.
type when struct {
	expr  string
	time  bool      // it looks at the time
	since time.Time // it has been true; zero: it has not
	dead  bool      // it cannot be worked out
}

func newDirector(s *runbooks.Scenario, h holds) *director {
	d := &director{scenario: s, inc: engine.NewIncident(), ended: map[string]time.Time{}, holds: h}
	for _, in := range s.Injects {
		d.watch(in.Trigger)
	}
	for _, l := range s.Script {
		d.watch(l.Trigger)
	}
	d.watch(runbooks.Trigger{When: s.End.When})
	return d
}

func (d *director) watch(t runbooks.Trigger) {
	if t.When != "" && d.when(t.When) == nil {
		d.whens = append(d.whens, &when{expr: t.When, time: strings.Contains(t.When, "elapsed")})
	}
}

func (d *director) when(expr string) *when {
	for _, w := range d.whens {
		if w.expr == expr {
			return w
		}
	}
	return nil
}

// take folds a fact.
func (d *director) take(e engine.Event) error {
	d.tick(e.At)
	if err := d.inc.Apply(e); err != nil {
		return err
	}
	d.env = nil
	if _, ok := e.Body.(engine.StepEnded); ok {
		if _, before := d.ended[e.Step]; !before {
			d.ended[e.Step] = e.At
		}
	}
	d.look(false, e.At)
	return nil
}

// tick looks at the conditions about time at each whole second that has passed.
func (d *director) tick(now time.Time) {
	drill := d.inc.Drill
	if drill == nil || drill.Ended || !d.timed() {
		return
	}
	for ; ; d.second++ {
		at := drill.StartedAt.Add(time.Duration(d.second+1) * time.Second)
		if at.After(now) || !d.timed() {
			return
		}
		d.look(true, at)
	}
}

// timed says whether anything waits for a condition about time.
func (d *director) timed() bool {
	return d.holds != nil && slices.ContainsFunc(d.whens, func(w *when) bool { return w.time && w.since.IsZero() && !w.dead })
}

// look evaluates what has not come true yet.
func (d *director) look(onlyTime bool, at time.Time) {
	drill := d.inc.Drill
	if d.holds == nil || drill == nil || drill.Ended {
		return
	}
	for _, w := range d.whens {
		if w.dead || !w.since.IsZero() || onlyTime && !w.time {
			continue
		}
		if d.env == nil {
			d.env = Facts(d.inc, d.scenario)
		}
		d.env["elapsed"] = int64(at.Sub(drill.StartedAt) / time.Second)
		yes, err := d.holds(w.expr, d.env)
		if missing(err) {
			continue // not yet
		}
		if err != nil {
			w.dead = true
			d.broken = append(d.broken, fmt.Errorf("the condition %q cannot be worked out: %w", w.expr, err))
			continue
		}
		if yes {
			w.since = at
		}
	}
}

// missing says whether a condition could not be worked out because something
// that it reads has not happened.
func missing(err error) bool {
	_, ok := errors.AsType[*runbooks.NoValue](err)
	return ok
}

// due says when a trigger is due as things stand; known is false when it
// depends on something that has not happened, or on a person.
func (d *director) due(t runbooks.Trigger) (at time.Time, known bool) {
	drill := d.inc.Drill
	switch {
	case drill == nil:
		return at, false
	case t.At != nil:
		at, known = drill.StartedAt.Add(time.Duration(*t.At)), true
	case t.After != "":
		if at, known = drill.Delivered[t.After]; !known {
			at, known = d.ended[t.After]
		}
	case t.Asked != "":
		if a := d.question(t.Asked, waits(), nil); a != nil {
			at, known = a.At, true
		}
	case t.When != "":
		if w := d.when(t.When); w != nil && !w.since.IsZero() {
			at, known = w.since, true
		}
	}
	return at.Add(time.Duration(t.Delay)), known
}

// waits lists the types of questions about what becomes of a step. The review of
// a broken glass is none: it is about what was done.
func waits() []engine.AskType {
	return []engine.AskType{engine.AskApproval, engine.AskManual, engine.AskHeld, engine.AskContainment}
}

// question is the first open one about a step, of one of some types, that is not
// among those done.
func (d *director) question(step string, types []engine.AskType, done map[string]bool) *engine.Ask {
	for _, a := range d.inc.Asks {
		if !a.Closed && !done[a.ID] && (len(types) == 0 || slices.Contains(types, a.Type)) && slices.Contains(sim.Keys(a.Step.ID), step) {
			return a
		}
	}
	return nil
}

// cue is what the director does next.
type cue struct {
	at     time.Time
	inject *runbooks.Inject
	end    engine.EndReason // or this
	text   string
	tick   bool // or only look at the conditions about time
}

// next is what comes first; ok is false when nothing does.
func (d *director) next() (c cue, ok bool) {
	drill := d.inc.Drill
	if drill == nil || drill.Ended {
		return c, false
	}
	consider := func(other cue) {
		if !ok || other.at.Before(c.at) {
			c, ok = other, true
		}
	}
	for n := range d.scenario.Injects {
		in := &d.scenario.Injects[n]
		if drill.Gone(in.ID) {
			continue
		}
		if at, known := d.due(in.Trigger); known {
			consider(cue{at: at, inject: in})
		}
	}
	if at, known := d.due(runbooks.Trigger{When: d.scenario.End.When}); known {
		consider(cue{at: at, end: engine.EndCondition, text: "what the scenario ends with has come about"})
	}
	if most := time.Duration(d.scenario.End.Max); most > 0 {
		consider(cue{at: drill.StartedAt.Add(most), end: engine.EndTime, text: fmt.Sprintf("its time of %s is over", runbooks.SpanText(d.scenario.End.Max))})
	}
	if d.timed() {
		consider(cue{at: drill.StartedAt.Add(time.Duration(d.second+1) * time.Second), tick: true})
	}
	return c, ok
}

// why is the word for a trigger in the record of an inject.
func why(t runbooks.Trigger) string {
	switch {
	case t.After != "", t.Asked != "":
		return "after"
	case t.When != "":
		return "when"
	case t.Hand:
		return "hand"
	}
	return "time"
}
