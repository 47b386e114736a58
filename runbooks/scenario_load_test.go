package runbooks_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

func TestLoadScenarios(t *testing.T) {
	read := func(path string) []byte {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	small := string(read("testdata/scenario/ok/small.yaml"))
	file := func(name string, change ...string) runbooks.File {
		return runbooks.File{Name: name, Src: []byte(strings.NewReplacer(change...).Replace(small))}
	}
	programs := []*runbooks.Program{scenarioBook(t)}
	scenarios, found := runbooks.LoadScenarios([]runbooks.File{
		file("z.yaml", "id: small", "id: zulu"),
		file("a.yaml"),
		file("b.yaml"), // the id of a.yaml
		file("c.yaml", "id: small", "id: c", "runbook: book", "runbook: boook"),
		file("d.yaml", "id: small", "id: d", "runbook: book", "runbook: elsewhere"),
		file("e.yaml", "id: small", "id: e", "after: disable", "after: disabel"),
		file("f.yaml", "kind: Scenario", "kind: Runbook"),
		file("g.yaml", "id: small", "id: g", `owner: {team: t, contact: "#t"}`, "shown: A"),
	}, programs, runbookstest.Catalog())
	var ids, said []string
	for _, s := range scenarios {
		ids = append(ids, s.ID)
		if len(s.Digest) != 64 {
			t.Errorf("%s has the digest %q", s.ID, s.Digest)
		}
	}
	for _, d := range found {
		said = append(said, d.Error())
	}
	if diff := cmp.Diff([]string{"g", "small", "zulu"}, ids); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		`b.yaml:3:5: another scenario has the id "small": a.yaml [duplicate-id]`,
		`c.yaml:5:10: there is no runbook "boook" [unknown-runbook]`,
		`d.yaml:5:10: there is no runbook "elsewhere" [unknown-runbook]`,
		`e.yaml:19:21: there is no step and no inject "disabel" [unknown-step]`,
		`f.yaml:2:7: the kind is "Runbook" [not-a-scenario]`,
		`g.yaml:1:1: warning: the scenario has no owner [no-owner]`,
	}, said); diff != "" {
		t.Error(diff)
	}
	if hint := found[1].Hint; hint != `did you mean "book"?` {
		t.Error(hint)
	}
}

func TestIsScenario(t *testing.T) {
	for src, want := range map[string]bool{
		"apiVersion: firebreak/v1\nkind: Scenario\n": true, "kind: \"Scenario\"": true, "kind: Runbook\n": false, "kind: Scenarios\n": false, "  kind: Scenario\n": false, "": false,
	} {
		if runbooks.IsScenario([]byte(src)) != want {
			t.Errorf("%q: want %v", src, want)
		}
	}
}

// What a scenario does not say has a value that is told in the documentation.
func TestScenarioDefaults(t *testing.T) {
	s, out := loadScenario(t, "testdata/scenario/ok/small.yaml")
	if s == nil {
		t.Fatal(out)
	}
	if s.Shown != "Exercise" || s.Severity != 2 || s.Seed != 1 || s.Facilitator.ID != "facilitator" || s.Environment.Name != "prod" || s.Environment.Account != "111122223333" {
		t.Errorf("%+v", s)
	}
	all := allOfScenario(t)
	var texts []string
	for _, in := range all.Injects {
		for _, e := range in.Expect {
			texts = append(texts, e.Text)
		}
	}
	if diff := cmp.Diff([]string{"Somebody starts the runbook", `group:leads or person:carol notes "country"`, "They talk to the owner", "step revoke is skipped", "steps.disable.done"}, texts); diff != "" {
		t.Error(diff)
	}
	if e := all.Injects[0].Expect; e[0].Points != 2 || e[1].Points != 1 || e[2].Points != 0 || !e[2].Hand {
		t.Errorf("%+v", e)
	}
	if in := all.Injects[0]; in.Trigger.At == nil || *in.Trigger.At != 0 {
		t.Errorf("%+v", in.Trigger)
	}
	if who := []string{all.People[0].ID, all.People[1].ID, all.People[2].ID}; strings.Join(who, " ") != "alice bob carol" || strings.Join(all.People[0].Groups, " ") != "leads security" {
		t.Errorf("%+v", all.People)
	}
}
