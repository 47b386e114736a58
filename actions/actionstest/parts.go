package actionstest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"

	"github.com/firebreak-ir/firebreak/actions"
)

func parts() []part {
	always := func(actions.Spec, World) string { return "" }
	canVerify := func(spec actions.Spec, _ World) string {
		if !spec.CanVerify {
			return "the action has no verify"
		}
		return ""
	}
	return []part{
		{"spec", always, (*subject).declared},
		{"plan", always, (*subject).plansOnly},
		{"execute", always, (*subject).executes},
		{"twice", func(spec actions.Spec, _ World) string {
			if !spec.Repeat.Again() {
				return "the action does not repeat by itself"
			}
			return ""
		}, (*subject).twiceIsOnce},
		{"probe", func(spec actions.Spec, _ World) string {
			if !spec.CanProbe {
				return "the action has no probe"
			}
			return ""
		}, (*subject).probes},
		{"verify", canVerify, (*subject).verifies},
		{"disturbed", func(spec actions.Spec, w World) string {
			if w.Disturb == nil {
				return "the case has no Disturb"
			}
			return canVerify(spec, w)
		}, (*subject).noticesDisturbance},
		{"undo", func(spec actions.Spec, _ World) string {
			if !spec.CanUndo {
				return "the action has no undo"
			}
			return ""
		}, (*subject).undoes},
		{"lost answer", func(_ actions.Spec, w World) string {
			if w.LoseAnswer == nil {
				return "the case has no LoseAnswer"
			}
			return ""
		}, (*subject).survivesLostAnswer},
	}
}

// declared checks what people and lint need to know about the action.
func (s *subject) declared() {
	if s.spec.BlastRadius == "" {
		s.Error("the spec has no blast radius")
	}
	if s.spec.Effect != actions.Read && len(s.spec.StaysAlive) == 0 {
		s.Error("the spec does not say what stays alive")
	}
	var phases []actions.Phase
	for _, p := range s.spec.Permissions {
		if p.Action == "" || p.Resource == "" || p.Why == "" {
			s.Errorf("the permission %+v is incomplete", p)
		}
		if !slices.Contains(actions.Phases(), p.Phase) {
			s.Errorf("the permission %+v is of no known phase", p)
		}
		phases = append(phases, p.Phase)
	}
	needed := map[actions.Phase]bool{actions.PhaseExecute: true, actions.PhaseVerify: s.spec.CanVerify, actions.PhaseUndo: s.spec.CanUndo}
	for _, phase := range []actions.Phase{actions.PhaseExecute, actions.PhaseVerify, actions.PhaseUndo} {
		if needed[phase] && !slices.Contains(phases, phase) {
			s.Errorf("the spec names no permission for %s", phase)
		}
	}
	for _, f := range slices.Concat(s.spec.Params, s.spec.Outputs) {
		if f.Doc == "" {
			s.Errorf("the field %q has no doc", f.Name)
		}
	}
	for _, f := range s.spec.Params {
		if f.Required && f.Example == "" && len(f.Enum) == 0 {
			s.Errorf("the parameter %q has no example", f.Name)
		}
		if f.Example != "" && f.Kind == actions.String {
			if problems := actions.CheckValue(f, f.Example, f.Name); len(problems) > 0 {
				s.Errorf("the example of %q is wrong: %v", f.Name, problems)
			}
		}
	}
	if s.spec.Effect == actions.Reversible && !s.spec.CanUndo && !s.spec.Adds && !s.spec.Tells {
		s.Error("the action is reversible but has no undo")
	}
}

func (s *subject) plansOnly() {
	before := s.world.Snapshot(s.T)
	first := s.plan()
	s.same("plan changed something", before, s.world.Snapshot(s.T))
	if len(first.Targets) == 0 || len(first.Changes) == 0 || len(first.Calls) == 0 {
		s.Errorf("the preview names no targets, changes or calls: %+v", first)
	}
	if s.spec.CanUndo && len(first.State) == 0 && first.NoUndo == "" {
		s.Error("the action can be undone, but its plan captured no state")
	}
	if first.InEffect {
		s.Error("the preview says that the effect is there already")
	}
}

func (s *subject) executes() {
	s.plan()
	before := s.world.Snapshot(s.T)
	result := s.execute()
	after := s.world.Snapshot(s.T)
	switch {
	case s.spec.Effect == actions.Read:
		s.same("a read changed something", before, after)
	case before == after:
		s.Errorf("nothing changed: %s", after)
	}
	var values map[string]any
	d := json.NewDecoder(bytes.NewReader(result))
	d.UseNumber()
	if err := d.Decode(&values); err != nil {
		s.Fatalf("the result is no object: %v: %s", err, result)
	}
	if problems := actions.CheckObject(s.spec.Outputs, values, ""); len(problems) > 0 {
		s.Errorf("the result does not fit the outputs: %v: %s", problems, result)
	}
	if len(s.call.Requests.List()) == 0 {
		s.Error("no request ids were noted")
	}
}

func (s *subject) twiceIsOnce() {
	s.plan()
	first := s.execute()
	once := s.world.Snapshot(s.T)
	second := s.execute()
	s.same("the second attempt changed something", once, s.world.Snapshot(s.T))
	if s.spec.Effect != actions.Read {
		s.same("the second attempt gave another result", string(first), string(second))
	}
}

func (s *subject) probes() {
	s.plan()
	if found, _, err := s.handler.Probe(s.Context(), s.call, s.params); err != nil || found != actions.NotApplied {
		s.Errorf("before the effect: got probe %q, error %v, want %q", found, err, actions.NotApplied)
	}
	first := s.execute()
	before := s.world.Snapshot(s.T)
	found, result, err := s.handler.Probe(s.Context(), s.call, s.params)
	if err != nil || found != actions.Applied {
		s.Fatalf("after the effect: got probe %q, error %v, want %q", found, err, actions.Applied)
	}
	s.same("the probe gave another result", string(first), string(result))
	s.same("the probe changed something", before, s.world.Snapshot(s.T))
}

func (s *subject) verifies() {
	s.plan()
	if reading := s.verify(nil, actions.NotVerified); reading.Verdict == actions.Verified {
		s.Errorf("verified before the effect: %s", reading.Detail)
	}
	result := s.execute()
	before := s.world.Snapshot(s.T)
	if reading := s.verify(result, actions.Verified); reading.Verdict != actions.Verified {
		s.Errorf("after the effect: got %s (%s)", reading.Verdict, reading.Detail)
	}
	s.same("verify changed something", before, s.world.Snapshot(s.T))
}

func (s *subject) noticesDisturbance() {
	s.plan()
	result := s.execute()
	s.world.Disturb(s.T)
	if reading := s.verify(result, actions.NotVerified); reading.Verdict == actions.Verified {
		s.Errorf("verified although the effect was taken away: %s", reading.Detail)
	}
}

func (s *subject) undoes() {
	before := s.world.Snapshot(s.T)
	s.plan()
	result := s.execute()
	if reading := s.verifyUndo(result, actions.NotVerified); reading.Verdict == actions.Verified {
		s.Errorf("the undo is verified before it was made: %s", reading.Detail)
	}
	s.undo(result)
	s.same("undo does not bring it back", before, s.world.Snapshot(s.T))
	if reading := s.verifyUndo(result, actions.Verified); reading.Verdict != actions.Verified {
		s.Errorf("after the undo: got %s (%s)", reading.Verdict, reading.Detail)
	}
	if s.spec.CanVerify {
		if reading := s.verify(result, actions.NotVerified); reading.Verdict == actions.Verified {
			s.Errorf("still verified after the undo: %s", reading.Detail)
		}
	}
	if err := s.handler.Undo(s.Context(), s.call, s.params, result); err != nil {
		s.Errorf("undo a second time: %v", err)
	}
	s.same("the second undo changed something", before, s.world.Snapshot(s.T))
}

func (s *subject) survivesLostAnswer() {
	before := s.world.Snapshot(s.T)
	s.plan()
	s.world.LoseAnswer(s.T)
	result, err := s.try()
	if err != nil {
		if class := actions.ClassOf(err); class != actions.Unknown && s.spec.Effect != actions.Read {
			s.Fatalf("the answer was lost after the effect: got class %s (%v), want %s", class, err, actions.Unknown)
		}
		result = s.resolve()
	}
	if s.spec.CanVerify {
		if reading := s.verify(result, actions.Verified); reading.Verdict != actions.Verified {
			s.Errorf("after a lost answer: got %s (%s)", reading.Verdict, reading.Detail)
		}
	}
	if s.spec.CanUndo {
		s.undo(result)
		s.same("something is left of an effect whose answer was lost", before, s.world.Snapshot(s.T))
	}
}

// resolve does what the engine does with a step in doubt.
func (s *subject) resolve() json.RawMessage {
	s.Helper()
	switch {
	case s.spec.Repeat.Again():
		return s.execute()
	case s.spec.Repeat == actions.Probe:
		found, result, err := s.handler.Probe(s.Context(), s.call, s.params)
		if err != nil || found != actions.Applied {
			s.Fatalf("in doubt: got probe %q, error %v, want %q", found, err, actions.Applied)
		}
		return result
	}
	s.Skip("only a person may decide")
	return nil
}

func (s *subject) failsWith(name string, class actions.Class) {
	s.plan()
	before := s.world.Snapshot(s.T)
	s.world.Fault(s.T, name)
	_, err := s.try()
	if err == nil {
		s.Fatal("execute worked, want an error")
	}
	if got := actions.ClassOf(err); got != class {
		s.Errorf("got class %s (%v), want %s", got, err, class)
	}
	if class != actions.Unknown {
		s.same("the class promises no effect, but there was one", before, s.world.Snapshot(s.T))
	}
}

// encodings are the forms in which a secret could slip out.
func encodings(secret string) map[string]string {
	return map[string]string{
		"plain":  secret,
		"base64": base64.StdEncoding.EncodeToString([]byte(secret)),
		"hex":    hex.EncodeToString([]byte(secret)),
		"url":    url.QueryEscape(secret),
		"json":   string(bytes.Trim(mustJSON(secret), `"`)),
	}
}

func mustJSON(s string) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		panic("actionstest: " + err.Error()) // a string always marshals
	}
	return data
}
