package library_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/library/librarytest"
)

// leakedKey is the runbook of the main job, compiled.
func leakedKey(t *testing.T) *runbooks.Program {
	t.Helper()
	entry, ok := library.Get("leaked-access-key")
	if !ok {
		t.Fatal("the library has no leaked-access-key")
	}
	p, found := runbooks.Load(entry.Name, entry.Source, librarytest.Actions(t))
	if len(found) > 0 {
		var b strings.Builder
		_ = found.WriteText(&b, map[string][]byte{entry.Name: entry.Source})
		t.Fatal(b.String())
	}
	return p
}

func TestEveryRunbookIsSilent(t *testing.T) {
	list := library.List()
	if len(list) == 0 {
		t.Fatal("the library is empty")
	}
	for _, entry := range list {
		p, found := runbooks.Load(entry.Name, entry.Source, librarytest.Actions(t))
		if len(found) > 0 {
			_ = found.WriteText(os.Stderr, map[string][]byte{entry.Name: entry.Source})
			t.Fatalf("%s has %d diagnostics", entry.Name, len(found))
		}
		if p.ID != entry.ID {
			t.Errorf("%s has the id %q", entry.Name, p.ID)
		}
	}
	if _, ok := library.Get("nope"); ok {
		t.Error("got a runbook that does not exist")
	}
}

func TestWhatLeakedAccessKeySays(t *testing.T) {
	p := leakedKey(t)
	env := runbooks.Env{
		Inputs:   map[string]any{"access_key_id": "AKIAIOSFODNN7EXAMPLE"},
		Incident: runbooks.IncidentFacts{ID: "INC-12", Title: "Leak", Severity: 2},
		Now:      time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC),
		Steps: map[string]runbooks.StepState{
			"owner": {Status: "done", Outputs: map[string]any{
				"user": "ci-deploy", "account": "111122223333", "status": "Active", "other_keys": []any{"AKIA0000000000000001", "AKIA0000000000000002"}, "last_used_service": "",
			}},
			"quarantine":     {Status: "refused"},
			"disable":        {Status: "done", Outputs: map[string]any{}},
			"disable_others": {Status: "skipped"},
		},
	}
	say := func(id string) string {
		step, ok := p.Step(id)
		if !ok {
			t.Fatalf("there is no step %q", id)
		}
		v := step.With
		if step.Manual != nil {
			v = step.Manual.Instructions
		}
		got, err := v.Resolve(env)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := got.(map[string]any); ok {
			got = m["text"]
		}
		return got.(string)
	}
	want := "INC-12: the access key AKIAIOSFODNN7EXAMPLE of ci-deploy in account 111122223333 is disabled now. " +
		"The owner was NOT quarantined. Other keys, which still work: AKIA0000000000000001, AKIA0000000000000002."
	if got := say("tell"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := say("review"); !strings.Contains(got, "IAM last saw the key with no service.") {
		t.Errorf("got %s", got)
	}
	disable, _ := p.Step("disable")
	active, readings, err := disable.If.Bool(env)
	if err != nil || !active || len(readings) != 1 || readings[0] != (runbooks.Reading{Path: "steps.owner.outputs.status", Value: `"Active"`}) {
		t.Errorf("got %v, %v, %v", active, readings, err)
	}
}
