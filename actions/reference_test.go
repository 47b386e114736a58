package actions_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// documented is an action that uses everything a declaration can say.
type documented struct{}

func (documented) Spec() actions.Spec {
	return actions.Spec{
		Name: "test.close_doors", Version: 3, Title: "Close doors", Doc: "Closes the doors it is given.\nIt can take a while.",
		Effect: actions.Reversible, Repeat: actions.Keyed, BlastRadius: "Whoever is inside.", StaysAlive: []string{"Windows.", "The cat flap."},
		Permissions: []actions.Permission{
			{Phase: actions.PhasePlan, Action: "door:Look", Resource: "door/{door}", Why: "see | what it is"},
			{Phase: actions.PhaseExecute, Action: "door:Close", Resource: "*", Conditions: actions.Conditions{"StringEquals": {"door:Kind": {"front", "back"}}}, Why: "close it"},
		},
		Timeout: time.Minute, Settle: 90 * time.Second,
	}
}

func (documented) Plan(context.Context, actions.Call, everyParams) (actions.Preview, error) {
	return actions.Preview{}, nil
}

func (documented) Execute(context.Context, actions.Call, everyParams) (documentedResult, error) {
	return documentedResult{}, nil
}

type documentedResult struct {
	Closed []owner `json:"closed" doc:"the doors | that were closed"`
	Who    string  `json:"who,omitempty" doc:"who stood there" subject:"true"`
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: want -, got +; run with -rewrite if that is right\n%s", path, diff)
	}
}

func TestReference(t *testing.T) {
	full := one(documented{}).Spec()
	golden(t, "reference_full.md", actions.Markdown(full))
	golden(t, "reference_small.md", actions.Markdown(one(&door{}).Spec()))
	full.Permissions = append(slices.Clone(full.Permissions), actions.Permission{Phase: actions.PhaseExecute, Action: "ec2:Hard", Resource: "*", When: actions.When{"mode": {"hard", "harder"}}, Why: "only then"},
		actions.Permission{Phase: actions.PhaseVerify, Action: "chat:write", Resource: "*", Why: "two services"}, actions.Permission{Phase: actions.PhaseVerify, Action: "scope", Resource: "*", Why: "no service"})
	if got := actions.Markdown(full); !strings.Contains(got, "`*` when mode is `hard, harder` | only then") {
		t.Errorf("the page does not say when a right is needed:\n%s", got)
	}
	golden(t, "table.md", actions.Table([]actions.Spec{full, one(&door{}).Spec()}))
	schema, err := json.MarshalIndent(actions.JSONSchema(full), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "reference_full.schema.json", string(schema)+"\n")
}
