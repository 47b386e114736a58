package awstest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
)

// Way is one way through an action: the world it finds decides which calls it
// makes. The way makes that world and gives the parameters.
type Way func(t *testing.T, w *World) map[string]any

// Lose makes the first attempt of a way lose the answer of an operation, so that
// the second takes the branches that only a lost answer leads to.
func (w *World) Lose(operation string) { w.lost = operation }

// right is one right in one phase.
type right struct {
	Phase  actions.Phase
	Action string
}

// ExactRights plays every action of a registry through all its ways, behind a
// proxy that records, and compares the rights that its calls needed in each
// phase with those it declares, in both directions. What a call was about has
// to fit the resource of a row. There is no list of exceptions: a right that no
// way uses is not needed.
func ExactRights(t *testing.T, emulator *Emulator, registry func(*World) *actions.Registry, ways map[string][]Way) {
	t.Helper()
	for _, name := range registry(emulator.World(t)).Names() {
		if len(ways[name]) == 0 {
			t.Errorf("there is no way for %s; add ways that use every right it declares", name)
		}
		t.Run(name, func(t *testing.T) {
			var used []right
			var spec actions.Spec
			for _, way := range ways[name] {
				w := emulator.World(t)
				with := way(t, w)
				s := NewStep(t, registry(w), name, with)
				spec = s.Handler.Spec()
				s.live(w, func(phase actions.Phase, call Call) {
					for _, need := range w.Needs(t, call) {
						used = append(used, right{phase, need.Action})
						FitsRow(t, spec, phase, need)
					}
				})
			}
			var declared []right
			for _, p := range spec.Permissions {
				declared = append(declared, right{p.Phase, p.Action})
			}
			if diff := cmp.Diff(set(declared), set(used)); diff != "" {
				t.Errorf("declared -, used +\n%s", diff)
			}
		})
	}
}

// Only are the actions of a registry that ways are given for, when its rights are
// shown in several tests.
func Only(all *actions.Registry, ways map[string][]Way) *actions.Registry {
	r := actions.NewRegistry()
	for _, name := range slices.Sorted(maps.Keys(ways)) {
		if h, ok := all.Handler(name); ok {
			r.Add(h)
		}
	}
	return r
}

// live plays the whole life of a step and tells each call.
func (s *Step) live(w *World, tell func(actions.Phase, Call)) {
	s.Helper()
	note := func(phase actions.Phase) {
		for _, call := range w.Proxy.Calls() {
			tell(phase, call)
		}
		w.Proxy.Forget()
	}
	w.Proxy.Forget()
	s.Plan()
	note(actions.PhasePlan)
	if w.lost != "" {
		w.Proxy.DropAfterEffect(w.lost, EveryAttempt)
		if _, err := s.Handler.Execute(s.Context(), s.Call, s.Params); err == nil {
			s.Fatalf("the answer of %s was lost, and execute worked", w.lost)
		}
		w.Proxy.Heal()
		s.Call.Attempt++
	}
	s.Execute()
	spec := s.Handler.Spec()
	if spec.CanProbe {
		if _, _, err := s.Handler.Probe(s.Context(), s.Call, s.Params); err != nil {
			s.Fatal(err)
		}
	}
	note(actions.PhaseExecute)
	if spec.CanVerify {
		s.Is(actions.Verified, "")
		note(actions.PhaseVerify)
	}
	if spec.CanUndo && s.Preview.NoUndo == "" {
		s.Undo()
		note(actions.PhaseUndo)
	}
}

var anything = regexp.MustCompile(`\{[a-z_]+\}`)

// FitsRow checks that a row of this phase is about what was called.
func FitsRow(t *testing.T, spec actions.Spec, phase actions.Phase, need Need) {
	t.Helper()
	for _, p := range spec.Permissions {
		pattern := anything.ReplaceAllString(p.Resource, "*")
		if p.Phase == phase && strings.EqualFold(p.Action, need.Action) && (Like(pattern, need.Resource) || pattern == "*") {
			return
		}
	}
	t.Errorf("%s needs %s on %s to %s, which it does not declare", spec.Name, need.Action, need.Resource, phase)
}

func set(rights []right) []right {
	slices.SortFunc(rights, func(a, b right) int {
		if n := slices.Index(actions.Phases(), a.Phase) - slices.Index(actions.Phases(), b.Phase); n != 0 {
			return n
		}
		return strings.Compare(a.Action, b.Action)
	})
	return slices.Compact(rights)
}
