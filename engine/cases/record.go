package cases

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Recording is a case made of what happened.
type Recording struct {
	Text  []byte   // a file of tests
	Notes []string // what a person should know about it
}

// Record makes a case of a run: the world answers, and people do, what they did
// then, and what came of it is expected. run "" is the latest. Whatever could
// tell whose incident it was is replaced by stand-ins, the same for the same
// text; words that the runbook itself names stay. The case is played once;
// where it does not come out as the run did, the notes say so. Errors: facts
// that do not follow, a run that is not there or has not ended.
func Record(ctx context.Context, facts []engine.Event, run string, cat runbooks.Catalog) (*Recording, error) {
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
	rec := &recorder{inc: inc, run: r, cat: cat, steps: map[string]*recordedStep{}}
	for _, e := range facts {
		b, ok := e.Body.(engine.RunStarted)
		if !ok || e.Run != r.ID {
			continue
		}
		program, err := runbooks.DecodeProgram(b.Program.Value) // that of the run has the settle times of its environment
		if err != nil {
			return nil, err
		}
		rec.program, rec.red = program, newRedactor(program, b.Program.Value, r.StartedAt)
	}
	rec.red.person(r.Requester.ID) // is the first of the people
	for _, e := range facts {
		if e.Run == r.ID {
			rec.take(e)
		}
	}
	out := &Recording{Text: rec.file(facts), Notes: rec.notes}
	again, err := rec.again(ctx, out.Text)
	out.Notes = append(out.Notes, again...)
	return out, err
}

// recorder reads the facts of one run.
type recorder struct {
	inc     *engine.Incident
	run     *engine.Run
	program *runbooks.Program
	cat     runbooks.Catalog
	red     *redactor
	steps   map[string]*recordedStep
	order   []string
	acts    []recordedAct
	notes   []string
}

// recordedStep is what the world did with a step.
type recordedStep struct {
	def      *runbooks.Step
	undo     bool
	attempts []*recordedAttempt
	since    time.Time // of the latest question, or of the end
	open     bool      // there is a question that nobody has answered
	over     bool      // the question is about a containment that is over
}

// recordedReading is one reading of a target.
type recordedReading struct {
	preview *actions.Preview // nil: it could not be read
	fails   actions.Class
}

type recordedAttempt struct {
	readings   []recordedReading
	began      time.Time
	ended      time.Time
	outcome    *engine.EffectOutcome
	probed     *engine.EffectProbed
	verified   *engine.EffectVerified
	probedAt   time.Time
	verifiedAt time.Time
}

func (rec *recorder) step(id string) *recordedStep {
	if s := rec.steps[id]; s != nil {
		return s
	}
	s := &recordedStep{}
	if known, ok := rec.run.Step(id); ok {
		s.def, s.undo = known.Def, known.Undoes != nil
	} else {
		s.def = &runbooks.Step{ID: id}
	}
	rec.steps[id] = s
	rec.order = append(rec.order, id)
	return s
}

// next is the attempt that has not begun; last the one that has.
func (s *recordedStep) next() *recordedAttempt {
	if n := len(s.attempts); n == 0 || !s.attempts[n-1].began.IsZero() {
		s.attempts = append(s.attempts, &recordedAttempt{})
	}
	return s.attempts[len(s.attempts)-1]
}

func (s *recordedStep) attempt(n int) *recordedAttempt {
	if n < 1 || n > len(s.attempts) {
		return &recordedAttempt{}
	}
	return s.attempts[n-1]
}

// take reads a fact.
func (rec *recorder) take(e engine.Event) {
	if e.Step == "" {
		if b, ok := e.Body.(engine.CancelRequested); ok {
			rec.acts = append(rec.acts, recordedAct{verb: "cancel", by: rec.red.person(e.Actor.ID), at: e.At.Sub(rec.run.StartedAt), reason: b.Reason != ""})
		}
		return
	}
	s := rec.step(e.Step)
	switch b := e.Body.(type) {
	case engine.StepPlanned:
		if s.def.Uses != "" && (s.def.Effect != actions.Read || s.undo) {
			a := s.next()
			a.readings = append(a.readings, recordedReading{preview: &b.Preview})
		}
	case engine.PlanFailed:
		a := s.next()
		a.readings = append(a.readings, recordedReading{fails: b.Failure.Class})
	case engine.EffectIntent:
		s.next().began = e.At
	case engine.EffectOutcome:
		a := s.attempt(b.Attempt)
		a.outcome, a.ended = &b, e.At
	case engine.EffectInDoubt:
		if a := s.attempt(b.Attempt); a.outcome == nil {
			a.outcome, a.ended = &engine.EffectOutcome{Attempt: b.Attempt, Failure: &engine.Failure{Class: actions.Unknown}}, e.At
			rec.notes = append(rec.notes, fmt.Sprintf("the server stopped while step %q was in flight; in the case its answer is lost", e.Step))
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
	case engine.ApprovalClosed:
		s.open = false
	case engine.StepEnded:
		s.since, s.open = e.At, false
	default:
		rec.act(e, s)
	}
}

// again plays the case and says what does not come out as it did.
func (rec *recorder) again(ctx context.Context, text []byte) ([]string, error) {
	tests, found := runbooks.ParseTests("recorded_test.yaml", text)
	var file *runbooks.TestFile
	if tests != nil {
		var more runbooks.Diagnostics
		file, more = tests.Check(rec.program, rec.cat)
		found = append(found, more...)
	}
	var notes []string
	if file == nil {
		for _, d := range found {
			notes = append(notes, "the case has to be mended by hand: "+d.Error())
		}
		return notes, nil
	}
	result, err := Run(ctx, file, rec.program, Options{Catalog: rec.cat})
	if err != nil {
		return nil, err
	}
	for _, c := range result.Cases {
		for _, f := range c.Failures {
			notes = append(notes, fmt.Sprintf("played again it comes out differently: line %d: %s", f.Pos.Line, f))
		}
	}
	return notes, nil
}

// book is the name of the runbook's file.
func (rec *recorder) book() string {
	name := path.Base(rec.program.Source.Name)
	if ext := path.Ext(name); ext != ".yaml" && ext != ".yml" {
		return rec.program.ID + ".yaml"
	}
	return name
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
		return literal(v.String())
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
