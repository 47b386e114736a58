package actionstest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// Case is one action with one set of parameters.
type Case struct {
	Action string                   // "aws.iam.deactivate_access_key"
	World  func(t *testing.T) World // a fresh one for each part of the suite
	Errors map[string]actions.Class // faults by name, see World.Fault, and the class they must give
	Skip   map[string]string        // parts that do not apply, with the reason
}

// World is an action and its target, as they are before the first step.
type World struct {
	Registry *actions.Registry
	Params   map[string]any
	Call     actions.Call // without State and Started

	// Snapshot reads all that the action can touch, by other means than the
	// action's own code. Equal text means equal state.
	Snapshot func(t *testing.T) string
	// Disturb takes the effect away behind firebreak's back.
	Disturb func(t *testing.T)
	// LoseAnswer makes the next change take effect without an answer.
	LoseAnswer func(t *testing.T)
	// Fault makes Execute fail in a way that Case.Errors names.
	Fault func(t *testing.T, name string)
	// Canaries are secret values that must not come out anywhere.
	Canaries []string
}

// part is one subtest.
type part struct {
	name    string
	applies func(actions.Spec, World) string // why not; empty: it does
	test    func(*subject)
}

// Run runs all parts of the suite that apply to the action.
func Run(t *testing.T, c Case) {
	t.Helper()
	for _, p := range parts() {
		t.Run(p.name, func(t *testing.T) {
			if reason, skip := c.Skip[p.name]; skip {
				t.Skip(reason)
			}
			s := newSubject(t, c)
			if why := p.applies(s.spec, s.world); why != "" {
				t.Skip(why)
			}
			p.test(s)
			s.noSecrets()
		})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Errors)) {
		t.Run("error "+name, func(t *testing.T) {
			s := newSubject(t, c)
			s.failsWith(name, c.Errors[name])
			s.noSecrets()
		})
	}
}

// subject is the action under test in its world.
type subject struct {
	*testing.T
	spec    actions.Spec
	handler actions.Handler
	world   World
	params  json.RawMessage
	call    actions.Call
	outputs []string // all that came out
}

func newSubject(t *testing.T, c Case) *subject {
	t.Helper()
	w := c.World(t)
	h, ok := w.Registry.Handler(c.Action)
	if !ok {
		t.Fatalf("the registry has no action %q", c.Action)
	}
	params, err := json.Marshal(w.Params)
	if err != nil {
		t.Fatalf("the parameters do not marshal: %v", err)
	}
	if w.Call.Requests == nil {
		w.Call.Requests = &actions.Requests{}
	}
	if w.Call.Attempt == 0 {
		w.Call.Attempt = 1
	}
	if problems := h.Check(params); len(problems) > 0 {
		t.Fatalf("the parameters of the case are wrong: %v", problems)
	}
	return &subject{T: t, spec: h.Spec(), handler: h, world: w, params: params, call: w.Call}
}

// out notes an output for the search for secrets.
func (s *subject) out(v any) {
	s.Helper()
	if err, ok := v.(error); ok {
		s.outputs = append(s.outputs, err.Error())
		return
	}
	data, err := json.Marshal(v)
	if err != nil {
		s.Fatalf("%T does not marshal: %v", v, err)
	}
	s.outputs = append(s.outputs, string(data))
}

// plan plans, and keeps the captured state for the calls that follow.
func (s *subject) plan() actions.Preview {
	s.Helper()
	preview, err := s.handler.Plan(s.Context(), s.call, s.params)
	if err != nil {
		s.Fatalf("plan: %v", err)
	}
	s.out(preview)
	s.call.State, s.call.Started = preview.State, time.Now()
	return preview
}

// try executes once.
func (s *subject) try() (json.RawMessage, error) {
	result, err := s.handler.Execute(s.Context(), s.call, s.params)
	if err != nil {
		s.out(err)
	}
	s.outputs = append(s.outputs, string(result))
	s.call.Attempt++
	return result, err
}

func (s *subject) execute() json.RawMessage {
	s.Helper()
	result, err := s.try()
	if err != nil {
		s.Fatalf("execute: %v", err)
	}
	return result
}

// reads is how often a reading is made before its verdict counts, so that
// targets whose reads lag behind get the time that the engine would give them.
const reads = 10

// verify reads until the wanted verdict comes or the readings are used up.
func (s *subject) verify(result json.RawMessage, wanted actions.Verdict) actions.Reading {
	s.Helper()
	var reading actions.Reading
	var err error
	for range reads {
		if reading, err = s.handler.Verify(s.Context(), s.call, s.params, result); err != nil {
			s.Fatalf("verify: %v", err)
		}
		s.out(reading)
		if reading.Verdict == wanted {
			break
		}
	}
	return reading
}

func (s *subject) verifyUndo(result json.RawMessage, wanted actions.Verdict) actions.Reading {
	s.Helper()
	var reading actions.Reading
	var err error
	for range reads {
		if reading, err = s.handler.VerifyUndo(s.Context(), s.call, s.params, result); err != nil {
			s.Fatalf("verify the undo: %v", err)
		}
		s.out(reading)
		if reading.Verdict == wanted {
			break
		}
	}
	return reading
}

func (s *subject) undo(result json.RawMessage) {
	s.Helper()
	preview, err := s.handler.PlanUndo(s.Context(), s.call, s.params, result)
	if err != nil {
		s.Fatalf("plan the undo: %v", err)
	}
	s.out(preview)
	if preview.NoUndo != "" {
		s.Fatalf("there should be an undo, but: %s", preview.NoUndo)
	}
	if err := s.handler.Undo(s.Context(), s.call, s.params, result); err != nil {
		s.Fatalf("undo: %v", err)
	}
}

// same compares two snapshots.
func (s *subject) same(what, before, after string) {
	s.Helper()
	if before != after {
		s.Errorf("%s\nbefore: %s\nafter:  %s", what, before, after)
	}
}

// noSecrets searches everything that came out.
func (s *subject) noSecrets() {
	s.Helper()
	s.out(s.call.Requests.List())
	for _, canary := range s.world.Canaries {
		for encoding, form := range encodings(canary) {
			for _, output := range s.outputs {
				if strings.Contains(output, form) {
					s.Errorf("a secret came out, in its %s form, in: %s", encoding, strings.ReplaceAll(output, form, "[secret]"))
				}
			}
		}
	}
}
