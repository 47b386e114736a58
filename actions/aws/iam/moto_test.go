package iam_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

const (
	victim      = "arn:aws:iam::123456789012:user/victim"
	trustVictim = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::123456789012:user/victim","arn:aws:iam::123456789012:user/friend"],"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
)

// onMoto are the actions that need more of AWS than awsfake has.
func onMoto(t *testing.T, emulator *awstest.Emulator) []named {
	return slices.Concat(trustCases(emulator), rotateCases(t, emulator), disableCases(emulator), deleteCases(emulator), modeCases(emulator))
}

type named struct {
	name string
	actionstest.Case
}

// TestActionsOnMoto runs the suite for the actions that awsfake does not know.
func TestActionsOnMoto(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	for _, c := range onMoto(t, moto) {
		t.Run(c.name, func(t *testing.T) { actionstest.Run(t, c.Case) })
	}
}

func trustCases(moto *awstest.Emulator) []named {
	one := func(name, mode string, errors map[string]actions.Class) named {
		return named{name, actionstest.Case{Action: "aws.iam.lock_role_trust", Errors: errors, World: func(t *testing.T) actionstest.World {
			w := moto.World(t)
			w.User(t, "/", "victim")
			role := w.RoleTrusting(t, "/apps/", "web", trustVictim)
			return actionstest.World{
				Registry: provider(w), Call: awstest.NewCall(), Snapshot: w.Snapshot,
				Params:     map[string]any{"role": role, "principal": victim, "mode": mode},
				Disturb:    func(t *testing.T) { w.SetTrust(t, "web", trustVictim) },
				LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect("iam:UpdateAssumeRolePolicy", awstest.EveryAttempt) },
				Fault:      faults(w, "iam:UpdateAssumeRolePolicy"),
			}
		}}}
	}
	return []named{one("trust deny", "deny", changeErrors), one("trust remove", "remove", nil)}
}

// lives plays a step with the answer of one operation lost for as often as the
// SDK asks, resolves it as the engine does, and takes it back.
func lives(t *testing.T, operation string, attempts int, world func(t *testing.T) (*awstest.World, *awstest.Step, func() string)) {
	t.Helper()
	w, s, state := world(t)
	before := state()
	s.Plan()
	w.Proxy.DropAfterEffect(operation, attempts)
	_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
	if err == nil {
		t.Fatalf("the answer of %s was lost, and execute worked", operation)
	}
	if class := actions.ClassOf(err); class != actions.Unknown {
		t.Errorf("the answer of %s was lost: got class %s (%v)", operation, class, err)
	}
	w.Proxy.Heal()
	s.Call.Attempt++
	s.Execute().Is(actions.Verified, "")
	once := state()
	result := s.Result
	s.Call.Attempt++
	s.Execute()
	if diff := cmp.Diff(string(result), string(s.Result)); diff != "" {
		t.Errorf("another attempt gave another result: -, +\n%s", diff)
	}
	if diff := cmp.Diff(once, state()); diff != "" {
		t.Errorf("another attempt changed something: -, +\n%s", diff)
	}
	s.Undo()
	if diff := cmp.Diff(before, state()); diff != "" {
		t.Errorf("the undo does not bring it back: -, +\n%s", diff)
	}
}

// losesUndo plays the undo of a step with the answer of one operation lost.
func losesUndo(t *testing.T, operation string, attempts int, world func(t *testing.T) (*awstest.World, *awstest.Step, func() string)) {
	t.Helper()
	w, s, state := world(t)
	before := state()
	s.Plan().Execute()
	w.Proxy.DropAfterEffect(operation, attempts)
	if err := s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result); actions.ClassOf(err) != actions.Unknown || err == nil {
		t.Errorf("the answer of %s was lost: got %v", operation, err)
	}
	w.Proxy.Heal()
	s.Undo()
	if diff := cmp.Diff(before, state()); diff != "" {
		t.Errorf("the undo does not bring it back: -, +\n%s", diff)
	}
}

// withoutElements empties the answer of an operation: what is between its outer
// elements goes.
func withoutElements(operation string) func([]byte) []byte {
	return func([]byte) []byte {
		return []byte("<" + operation + "Response><" + operation + "Result></" + operation + "Result></" + operation + "Response>")
	}
}

func says(t *testing.T, list []string, words string) {
	t.Helper()
	if !strings.Contains(strings.Join(list, "\n"), words) {
		t.Errorf("got %q, which does not say %q", list, words)
	}
}
