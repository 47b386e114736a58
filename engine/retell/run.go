package retell

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Story is a run, to be told again under other names. Its fields are read only.
type Story struct {
	Incident *engine.Incident
	Run      *engine.Run
	Program  *runbooks.Program // as its file compiled then
	Names    *Redactor
	Acts     []Act    // in order
	Notes    []string // what a person should know about it

	cat   runbooks.Catalog
	steps map[string]*step
	order []string
}

// Read reads a run from the facts of its incident. run "" is the latest. Errors:
// facts that do not follow, a run that is not there or has not ended.
func Read(facts []engine.Event, run string, cat runbooks.Catalog) (*Story, error) {
	inc := engine.NewIncident()
	for _, e := range facts {
		if err := inc.Apply(e); err != nil {
			return nil, fmt.Errorf("record %d does not follow: %w; see: firebreak verify", e.Seq, err)
		}
	}
	r, ok := inc.Run(run)
	switch {
	case !ok && run == "":
		return nil, fmt.Errorf("%s has no run", inc.ID)
	case !ok:
		return nil, fmt.Errorf("%s has no run %q; it has %d", inc.ID, run, len(inc.Runs))
	case !r.Status.Ended():
		return nil, fmt.Errorf("run %s of %s is %s; record it when it has ended", r.ID, inc.ID, r.Status)
	}
	rec := &Story{Incident: inc, Run: r, cat: cat, steps: map[string]*step{}}
	for _, e := range facts {
		b, ok := e.Body.(engine.RunStarted)
		if !ok || e.Run != r.ID {
			continue
		}
		program, err := runbooks.DecodeProgram(b.Program.Value) // that of the run has the settle times of its environment
		if err != nil {
			return nil, err
		}
		rec.Program, rec.Names = program, NewRedactor(program, b.Program.Value, r.StartedAt)
	}
	rec.Names.Person(r.Requester.ID) // is the first of the people
	for _, e := range facts {
		if e.Run == r.ID {
			rec.take(e)
		}
	}
	return rec, nil
}

// step is what the world did with a step.
type step struct {
	def      *runbooks.Step
	undo     bool
	attempts []*attempt
	since    time.Time            // of the latest question, or of the end
	open     bool                 // there is a question that nobody has answered
	over     bool                 // the question is about a containment that is over
	ends     int                  // how often it has ended
	reviews  map[string]time.Time // when each review of a broken glass was asked for, by id
}

// reading is one reading of a target.
type reading struct {
	preview *actions.Preview // nil: it could not be read
	fails   actions.Class
}

type attempt struct {
	readings   []reading
	began      time.Time
	ended      time.Time
	outcome    *engine.EffectOutcome
	probed     *engine.EffectProbed
	verified   *engine.EffectVerified
	probedAt   time.Time
	verifiedAt time.Time
}

func (rec *Story) step(id string) *step {
	if s := rec.steps[id]; s != nil {
		return s
	}
	s := &step{}
	if known, ok := rec.Run.Step(id); ok {
		s.def, s.undo = known.Def, known.Undoes != nil
	} else {
		s.def = &runbooks.Step{ID: id}
	}
	rec.steps[id] = s
	rec.order = append(rec.order, id)
	return s
}

// next is the attempt that has not begun; last the one that has.
func (s *step) next() *attempt {
	if n := len(s.attempts); n == 0 || !s.attempts[n-1].began.IsZero() {
		s.attempts = append(s.attempts, &attempt{})
	}
	return s.attempts[len(s.attempts)-1]
}

func (s *step) attempt(n int) *attempt {
	if n < 1 || n > len(s.attempts) {
		return &attempt{}
	}
	return s.attempts[n-1]
}

// take reads a fact.
func (rec *Story) take(e engine.Event) {
	if e.Step == "" {
		if b, ok := e.Body.(engine.CancelRequested); ok {
			rec.Acts = append(rec.Acts, Act{Verb: "cancel", By: rec.Names.Person(e.Actor.ID), At: e.At.Sub(rec.Run.StartedAt), Since: e.At.Sub(rec.Run.StartedAt), Reason: b.Reason != ""})
		}
		return
	}
	s := rec.step(e.Step)
	switch b := e.Body.(type) {
	case engine.StepPlanned:
		if s.def.Uses != "" && (s.def.Effect != actions.Read || s.undo) {
			a := s.next()
			a.readings = append(a.readings, reading{preview: &b.Preview})
		}
	case engine.PlanFailed:
		a := s.next()
		a.readings = append(a.readings, reading{fails: b.Failure.Class})
	case engine.EffectIntent:
		s.next().began = e.At
	case engine.EffectOutcome:
		a := s.attempt(b.Attempt)
		a.outcome, a.ended = &b, e.At
	case engine.EffectInDoubt:
		if a := s.attempt(b.Attempt); a.outcome == nil {
			a.outcome, a.ended = &engine.EffectOutcome{Attempt: b.Attempt, Failure: &engine.Failure{Class: actions.Unknown}}, e.At
			rec.Notes = append(rec.Notes, fmt.Sprintf("the server stopped while step %q was in flight; in the case its answer is lost", e.Step))
		}
	case engine.EffectProbed:
		a := s.attempt(b.Attempt)
		a.probed, a.probedAt = &b, e.At
	case engine.EffectVerified:
		a := s.attempt(b.Attempt)
		a.verified, a.verifiedAt = &b, e.At
	case engine.ApprovalRequested, engine.ManualAsked, engine.StepHeld:
		s.since, s.open = e.At, true
	case engine.ContainmentDue:
		s.since, s.open, s.over = e.At, true, true
	case engine.GlassReviewAsked:
		if s.reviews == nil {
			s.reviews = map[string]time.Time{}
		}
		s.reviews[b.ID] = e.At
	case engine.ApprovalClosed:
		s.open = false
	case engine.StepEnded:
		s.since, s.open = e.At, false
		s.ends++
	default:
		rec.act(e, s)
	}
}

// decode reads a JSON object with whole numbers as they are.
func decode(data json.RawMessage) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var m map[string]any
	err := d.Decode(&m)
	whole(m)
	return m, err
}

func whole(v any) any {
	switch v := v.(type) {
	case json.Number:
		return Literal(v.String())
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = whole(v[k])
		}
	}
	return v
}
