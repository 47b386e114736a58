package engine_test

import (
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func TestMatchProtected(t *testing.T) {
	user := actions.Target{Type: "aws.iam.user", ID: "break-glass-1", Account: "111122223333"}
	for _, c := range []struct {
		pattern string
		want    bool
	}{
		{"aws.iam.user:break-glass-1", true},
		{"aws.iam.user:111122223333/break-glass-1", true},
		{"aws.iam.user:444455556666/break-glass-1", false},
		{"aws.iam.user:break-glass-*", true},
		{"aws.iam.user:break-glass-?", true},
		{"aws.iam.user:break-glass-??", false},
		{"*:break-glass-*", true},
		{"*glass*", true},
		{"aws.iam.role:*", false},
		{"aws.iam.user:break-glass", false},
		{"", false},
	} {
		if _, got := engine.MatchProtected([]string{c.pattern}, []actions.Target{user}); got != c.want {
			t.Errorf("pattern %q protects %s: got %v, want %v", c.pattern, user, got, c.want)
		}
	}
}

func TestEffectiveApproval(t *testing.T) {
	floor := &engine.Floor{Effect: actions.Reversible, From: []string{"group:leads"}, Quorum: 2}
	own := &runbooks.Approval{From: []string{"group:x"}, Quorum: 1}
	strict := &runbooks.Approval{From: []string{"group:x"}, Quorum: 3}
	for _, c := range []struct {
		name   string
		step   runbooks.Step
		floor  *engine.Floor
		quorum int
		from   string
	}{
		{"no floor, no approval", runbooks.Step{Uses: "a", Effect: actions.Destructive}, nil, 0, ""},
		{"a read is below the floor", runbooks.Step{Uses: "a", Effect: actions.Read}, floor, 0, ""},
		{"the floor asks where the runbook does not", runbooks.Step{Uses: "a", Effect: actions.Reversible}, floor, 2, "group:leads"},
		{"the floor is for worse effects too", runbooks.Step{Uses: "a", Effect: actions.Destructive}, floor, 2, "group:leads"},
		{"a copy for the record changes nothing", runbooks.Step{Uses: "a", Effect: actions.Reversible, Adds: true}, floor, 0, ""},
		{"a copy that leaves a trace on its target is a change", runbooks.Step{Uses: "a", Effect: actions.Destructive, Adds: true}, floor, 2, "group:leads"},
		{"what preserves is a change", runbooks.Step{Uses: "a", Effect: actions.Reversible, Preserves: true}, floor, 2, "group:leads"},
		{"the floor raises the number, not the group", runbooks.Step{Uses: "a", Effect: actions.Reversible, Approval: own}, floor, 2, "group:x"},
		{"a stricter runbook stays", runbooks.Step{Uses: "a", Effect: actions.Reversible, Approval: strict}, floor, 3, "group:x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := engine.EffectiveApproval(&c.step, c.floor)
			if got == nil {
				if c.quorum != 0 {
					t.Fatalf("nobody is asked, want %d people", c.quorum)
				}
				return
			}
			if got.Quorum != c.quorum || got.From[0] != c.from {
				t.Errorf("got %d of %v, want %d of %s", got.Quorum, got.From, c.quorum, c.from)
			}
		})
	}
}
