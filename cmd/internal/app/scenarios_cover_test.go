package app

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
)

// What some scenario of the library has to use, so that whoever copies one finds
// an example of everything.
var covered = []string{
	"trigger at", "trigger after step", "trigger after inject", "trigger asked", "trigger when", "trigger hand",
	"to channel", "to person", "to group", "to role",
	"outcome fails", "outcome times_out", "outcome unknown", "outcome lies", "outcome verified_after", "outcome in_effect", "probe unknown",
	"answers of an inject", "away", "back", "chat down", "chat up", "red flag", "red flag on an undo", "floor", "identities", "clock of an inject",
	"forbidden action", "forbidden step", "forbidden target", "forbidden verb",
	"expect verb", "expect step", "expect note", "expect when", "expect hand", "expect of a person", "expect of a group",
	"script via chat", "script refused", "script by the facilitator",
	"capability analysis", "capability containment", "capability eradication", "capability recovery", "capability communication", "capability coordination",
}

// TestLibraryScenariosCover: every runbook can be rehearsed, and everything that
// the language of scenarios can say is said somewhere.
func TestLibraryScenariosCover(t *testing.T) {
	used := map[string]bool{}
	for _, one := range libraryStories(t) {
		used["runbook "+one.Runbook] = true
		one.uses(func(format string, args ...any) { used[fmt.Sprintf(format, args...)] = true })
	}
	want := slices.Clone(covered)
	for _, e := range library.List() {
		want = append(want, "runbook "+e.ID)
	}
	for _, w := range want {
		if !used[w] {
			t.Errorf("no scenario of the library has: %s; there are %q", w, slices.Sorted(maps.Keys(used)))
		}
	}
}

// uses tells what a scenario makes use of.
func (one story) uses(say func(format string, args ...any)) {
	steps := map[string]bool{}
	for step := range one.program.Deep() {
		steps[step] = true
	}
	answers := func(list []runbooks.TestAnswers) {
		for _, a := range list {
			for _, x := range a.List {
				for name, yes := range map[string]bool{
					"outcome fails": x.Fails != "", "outcome times_out": x.TimesOut, "outcome unknown": x.Unknown, "outcome lies": x.Lies,
					"outcome verified_after": x.VerifiedAfter > 0, "outcome in_effect": x.InEffect, "probe " + string(x.Found): x.Found != "",
				} {
					if yes {
						say("%s", name)
					}
				}
			}
		}
	}
	answers(one.Answers)
	if one.Environment.Floor != nil {
		say("floor")
	}
	for _, p := range one.People {
		if len(p.Identities) > 0 {
			say("identities")
		}
	}
	for _, o := range one.Objectives {
		say("capability %s", o.Capability)
	}
	for _, in := range one.Injects {
		kind := trigger(in.Trigger)
		switch {
		case kind == "after" && steps[in.Trigger.After]:
			kind = "after step"
		case kind == "after":
			kind = "after inject"
		}
		say("trigger %s", kind)
		to, _, _ := strings.Cut(in.To, ":")
		say("to %s", to)
		say("chat %s", in.Chat)
		if len(in.Answers) > 0 {
			say("answers of an inject")
			answers(in.Answers)
		}
		if len(in.Away) > 0 {
			say("away")
		}
		if len(in.Back) > 0 {
			say("back")
		}
		for _, step := range in.RedFlag {
			say("red flag")
			if strings.Contains(step, "~undo") {
				say("red flag on an undo")
			}
		}
		for _, x := range in.Expect {
			for name, yes := range map[string]bool{"verb": x.Verb != "", "step": x.Step != "", "note": x.Note != "", "when": x.When != "", "hand": x.Hand} {
				if yes {
					say("expect %s", name)
				}
			}
			for _, by := range x.By {
				kind, _, _ := strings.Cut(by, ":")
				say("expect of a %s", kind)
			}
		}
	}
	for _, c := range one.Clocks {
		if c.From != "" {
			say("clock of an inject")
		}
	}
	for _, f := range one.Forbidden {
		for name, yes := range map[string]bool{"action": f.Action != "", "step": f.Step != "", "target": f.Target != "", "verb": f.Verb != ""} {
			if yes {
				say("forbidden %s", name)
			}
		}
	}
	for _, line := range one.Script {
		if line.Via == "chat" {
			say("script via chat")
		}
		if line.Refused != "" {
			say("script refused")
		}
		if line.By == one.Facilitator.ID {
			say("script by the facilitator")
		}
	}
}

func trigger(t runbooks.Trigger) string {
	switch {
	case t.At != nil:
		return "at"
	case t.After != "":
		return "after"
	case t.Asked != "":
		return "asked"
	case t.When != "":
		return "when"
	}
	return "hand"
}

var (
	hosts     = regexp.MustCompile(`[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|io|eu|de|dev|nl|app|cloud)\b`)
	addresses = regexp.MustCompile(`\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b`)
	accounts  = regexp.MustCompile(`\b[0-9]{12}\b`)
	keys      = regexp.MustCompile(`\bA[KS]IA[A-Z0-9]{16}\b`)
)

// madeUpAccounts are the accounts of the stories, and what looks like one in an id.
var madeUpAccounts = []string{"111122223333", "444455556666", "999900001111", "210987654321", "123456789abc", "000000000001", "00000000000f"}

// TestLibraryScenariosHouse keeps what every scenario of the library has: a story
// that names nobody, an end, objectives of both kinds, and nothing that can never
// come about.
func TestLibraryScenariosHouse(t *testing.T) {
	for _, e := range library.Scenarios() {
		src := string(e.Source)
		for _, host := range hosts.FindAllString(src, -1) {
			if !slices.Contains([]string{"example.com", "example.org", "example.net"}, lastTwo(host)) {
				t.Errorf("%s names the host %s; take one below example.com", e.Name, host)
			}
		}
		for _, a := range addresses.FindAllString(src, -1) {
			if !strings.HasPrefix(a, "203.0.113.") && !strings.HasPrefix(a, "198.51.100.") && !strings.HasPrefix(a, "10.") {
				t.Errorf("%s names the address %s; take one of 203.0.113.0/24", e.Name, a)
			}
		}
		for _, a := range accounts.FindAllString(src, -1) {
			if !slices.Contains(madeUpAccounts, a) {
				t.Errorf("%s names the account %s; take one of %v", e.Name, a, madeUpAccounts)
			}
		}
		for _, k := range keys.FindAllString(src, -1) {
			if !strings.HasSuffix(k, "EXAMPLE") {
				t.Errorf("%s names the key %s; take one that ends with EXAMPLE", e.Name, k)
			}
		}
	}
	for _, one := range libraryStories(t) {
		if one.Owner.Team == "" || len(one.Tests) < 3 || len(one.Script) == 0 || one.End.When == "" || len(one.Facts) == 0 {
			t.Errorf("%s: it needs an owner, three tags, a script, an end, and facts", one.ID)
		}
		if one.Environment.Account != "111122223333" || one.Shown == "Exercise" || !strings.Contains(one.Briefing, "Nothing that you do here reaches anything real.") {
			t.Errorf("%s: the account is 111122223333, players see a title of their own, and the briefing says that nothing is real", one.ID)
		}
		byHand := 0
		for _, o := range one.Objectives {
			if o.Check == "" {
				byHand++
			}
			if o.Capability == "" {
				t.Errorf("%s: objective %s has no capability", one.ID, o.ID)
			}
		}
		if byHand == 0 || byHand > 2 || byHand == len(one.Objectives) {
			t.Errorf("%s: %d of %d objectives are rated by hand; one or two should be", one.ID, byHand, len(one.Objectives))
		}
		for _, f := range one.Forbidden {
			if !one.canHappen(f) {
				t.Errorf("%s forbids what cannot happen in it: %s%s%s%s %s", one.ID, f.Action, f.Step, f.Target, f.Verb, f.Of)
			}
		}
	}
}

func lastTwo(host string) string {
	parts := strings.Split(host, ".")
	return strings.Join(parts[max(len(parts)-2, 0):], ".")
}

// canHappen says whether somebody could do what is forbidden.
func (one story) canHappen(f runbooks.Forbidden) bool {
	switch {
	case f.Action != "":
		for _, step := range one.program.Deep() {
			if step.Uses == f.Action {
				return true
			}
		}
		return false
	case f.Target != "":
		hit := func(list []runbooks.TestAnswers) bool {
			return slices.ContainsFunc(list, func(a runbooks.TestAnswers) bool {
				return slices.ContainsFunc(a.List, func(x runbooks.TestAnswer) bool {
					_, ok := engine.MatchProtected([]string{f.Target}, x.Targets)
					return ok
				})
			})
		}
		return hit(one.Answers) || slices.ContainsFunc(one.Injects, func(in runbooks.Inject) bool { return hit(in.Answers) })
	}
	return true // a step and a verb were checked when it was read
}

// TestScenariosTable keeps the table of the scenarios beside them.
func TestScenariosTable(t *testing.T) {
	const name = "../../../runbooks/library/scenarios/README.md"
	want := scenariosTable(libraryStories(t))
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the scenarios say; run go generate ./runbooks/library", path.Base(name))
	}
}

// scenariosTable is the page of the scenarios. Players are the people of the
// script whom the engine follows at all; whoever is only refused is played by
// the facilitator.
func scenariosTable(list []story) string {
	var b strings.Builder
	b.WriteString("# Scenarios\n\nExercises for the runbooks of the library. Play one with `firebreak rehearse ID`, or let its script play:\n" +
		"`firebreak rehearse ID --scripted`. To make one of your own, copy the nearest, and keep it beside your runbooks.\n" +
		"Minutes are those of the exercise's own clock, at most; it runs faster while nobody is asked anything, with `--speed`.\n" +
		"Made from the scenarios by `go generate ./runbooks/library`.\n\n" +
		"| id | title | runbook | what it tests | minutes | players |\n|---|---|---|---|--:|--:|\n")
	slices.SortFunc(list, func(a, b story) int { return cmp.Compare(a.ID, b.ID) })
	for _, one := range list {
		players := map[string]bool{}
		for _, line := range one.Script {
			if line.By != one.Facilitator.ID && line.Refused == "" {
				players[line.By] = true
			}
		}
		fmt.Fprintf(&b, "| [%s](%s.yaml) | %s | [%s](../%s.md) | %s | %d | %d |\n", one.ID, one.ID, one.Title, one.Runbook, one.Runbook,
			strings.ReplaceAll(strings.Join(one.Tests, ", "), "-", " "), time.Duration(one.End.Max)/time.Minute, len(players))
	}
	return b.String()
}
