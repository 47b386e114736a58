package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func TestExamineSigners(t *testing.T) {
	d := &chatops.Directory{
		People: []chatops.PersonEntry{{ID: "alice", SSHKeys: []string{"k"}}, {ID: "bob"}, {ID: "carol", SSHKeys: []string{"l", "m"}}},
		Groups: map[string][]string{"leads": {"alice", "bob"}, "ciso": {"bob"}, "all": {"alice", "bob", "carol"}},
	}
	step := func(id, group string, quorum int, stepUp bool) runbooks.Step {
		return runbooks.Step{ID: id, Uses: "a", Effect: actions.Destructive, Approval: &runbooks.Approval{From: []string{"group:" + group}, Quorum: quorum, StepUp: stepUp}}
	}
	program := func(steps ...runbooks.Step) []*runbooks.Program {
		return []*runbooks.Program{{ID: "p", Steps: steps}}
	}
	undo := step("a", "leads", 1, false)
	undo.Undo = &runbooks.UndoRule{Approval: &runbooks.Approval{From: []string{"group:ciso"}, Quorum: 1, StepUp: true}}
	called := program(runbooks.Step{ID: "other", Runbook: &runbooks.Subrun{Program: program(step("a", "ciso", 1, true))[0]}})
	glass := func(by string) runbooks.Step {
		s := step("a", "all", 1, false)
		s.Approval.BreakGlass = &runbooks.BreakGlass{By: []string{"group:" + by}, Review: []string{"group:leads"}, Within: runbooks.DefaultReview}
		return s
	}
	back := step("a", "leads", 1, false)
	back.Undo = &runbooks.UndoRule{Approval: glass("ciso").Approval}
	two := []*engine.Floor{{Effect: actions.Reversible, From: []string{"group:all"}, Quorum: 2}}
	for _, tt := range []struct {
		name     string
		programs []*runbooks.Program
		floors   []*engine.Floor
		want     []finding
	}{
		{"nobody wants any", program(step("a", "ciso", 1, false)), nil, nil},
		{"enough", program(step("a", "all", 2, true)), nil, []finding{{"signatures", true, "whoever is asked to sign has a key, enough of them each time"}}},
		{"nobody", program(step("a", "ciso", 1, true)), nil, []finding{{"signatures", false, `step "a" of runbook "p" wants 1 signature from group:ciso, and nobody has a key there; add ssh_keys to them in the directory`}}},
		{"too few", program(step("a", "all", 3, true)), nil, []finding{{"signatures", false, `step "a" of runbook "p" wants 3 signatures from group:all, and only 2 people have a key there; add ssh_keys to them in the directory`}}},
		{"too few for the floor", program(step("a", "leads", 1, true)), two, []finding{{"signatures", false, `step "a" of runbook "p" wants 2 signatures from group:leads, and only 1 person has a key there; add ssh_keys to them in the directory`}}},
		{"an undo", program(undo), nil, []finding{{"signatures", false, `step "a" of runbook "p" wants 1 signature from group:ciso, and nobody has a key there; add ssh_keys to them in the directory`}}},
		{"a runbook that is called", called, nil, []finding{{"signatures", false, `step "other.a" of runbook "p" wants 1 signature from group:ciso, and nobody has a key there; add ssh_keys to them in the directory`}}},
		{"a glass", program(glass("leads")), nil, []finding{{"signatures", true, "whoever is asked to sign has a key, enough of them each time"}}},
		{"a glass of nobody", program(glass("ciso")), nil, []finding{{"signatures", false, `nobody can break the glass at step "a" of runbook "p": it takes a signature, and nobody of group:ciso has a key; add ssh_keys to them in the directory`}}},
		{"a glass of the undo, in two environments", program(back), []*engine.Floor{nil, {Effect: actions.Reversible, From: []string{"group:all"}, Quorum: 1, BreakGlass: true}},
			[]finding{{"signatures", false, `nobody can break the glass at step "a" of runbook "p": it takes a signature, and nobody of group:ciso has a key; add ssh_keys to them in the directory`}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, examineSigners(tt.programs, d, tt.floors)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
