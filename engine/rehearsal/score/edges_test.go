package score_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
)

const edgeBook = `apiVersion: firebreak/v1
kind: Runbook
id: edge
title: Edge
owner: {team: t, contact: "#t", escalate: group:leads}
inputs:
  hosts: {type: list, of: string, default: [h1, h2]}
steps:
  - id: a
    uses: t.set
    with: {target: h1}
    approval: {from: [group:leads], quorum: 1, expires: 5m, break_glass: {by: [group:bosses], review: [group:leads]}}
    verify: {within: 60s}
    retry: {attempts: 2, backoff: 2s}
    on_failure: continue
    on_refused: continue
  - id: each
    uses: t.set
    for_each: {in: inputs.hosts, max_parallel: 2}
    with: {target: "${{ item }}"}
    approval: {from: [group:leads], quorum: 1, expires: 5m, break_glass: {by: [group:bosses], review: [group:leads]}}
    verify: {within: 60s}
    on_refused: continue
  - id: m
    manual: Look.
`

const edgeScenario = `apiVersion: firebreak/v1
kind: Scenario
id: edge-one
title: Edge
shown: Edge
runbook: edge
owner: {team: t, contact: "#t"}
severity: 2
seed: 7
briefing: Look.
objectives: [{id: o1, text: It is contained, check: metrics.time_to_full_containment <= 100000}]
facilitator: {id: fran}
environment: {name: prod, account: "111122223333", region: eu-central-1}
answers: {a: {outputs: {state: Down}}, each: {outputs: {state: Down}}}
%s
end: {max: 60m}
`

// begun is how most of the stories begin; a is asked about at 1:00.
const begun = `
0:00 fran declare
0:00 fran drill 1
0:00 alice run
1:00 - plan a
`

const aDone = `
1:10 bob approve a
1:10 - plan a
1:10 - ok a
1:10 - verified a
`

const allDone = aDone + `
1:10 - plan each.1
1:10 - plan each.2 h2
1:50 bob approve each
1:50 - plan each.1
1:50 - plan each.2 h2
1:50 - ok each.1
1:50 - ok each.2
1:50 - verified each.1
2:00 - verified each.2
`

// TestEdges is the small print of doc.go, one case for each line of it.
func TestEdges(t *testing.T) {
	const inject = "injects: [{id: i1, at: 0m, to: channel, say: Look., %s}]"
	for _, tt := range []struct{ name, scenario, story, want string }{
		{"the middle of two is the longer", "", begun + allDone, "approval_latency_median=40 approval_latency_worst=40 time_to_full_containment=120 time_to_first_containment=70"},
		{"a yes that is void was a decision", "", begun + `
			1:10 bob approve a
			1:11 - plan a h2
			1:41 bob approve a`, "approvals_granted=2 approval_latency_median=30"},
		{"a question that expired was not decided", "", begun + `6:00 - wake`, "approvals_expired=1 approval_latency_worst=none"},
		{"a broken glass hands nothing over, and is no decision of those who were asked", "", begun + `1:10 dave break-glass a | nobody answers`,
			"handoffs=0 glasses_broken=1 glasses_unreviewed=1 approvals_granted=0 approval_latency_worst=none"},
		{"a broken glass of all items is one", "", begun + aDone + `
			1:10 - plan each.1
			1:10 - plan each.2 h2
			1:50 dave break-glass each | nobody answers
			1:50 - plan each.1
			1:50 - plan each.2 h2`, "glasses_broken=1 approvals_granted=1"},
		{"a broken glass is a yes against a red flag", fmt.Sprintf(inject, "red_flag: [a]"), begun + `
			1:05 - inject i1
			1:10 dave break-glass a | nobody answers`, "wrong_decisions=1"},
		{"votes hand nothing over", "", begun + allDone + `3:00 alice done m`, "handoffs=0"},
		{"another person does the next act", "", begun + allDone + `3:00 carol done m`, "handoffs=1"},
		{"a loop that is left out is one step", "", begun + aDone + "1:20 - plan each.1\n1:20 - plan each.2 h2\n1:30 carol skip each | no", "steps_skipped=1 time_to_full_containment=none"},
		{"a step that is left out by its condition is none", "", begun + allDone, "steps_skipped=0"},
		{"a change that fails stands in the way", "", begun + "1:10 bob approve a\n1:10 - plan a\n1:10 - fail a denied", "time_to_full_containment=none"},
		{"a proof that does not hold is none", "", begun + "1:10 bob approve a\n1:10 - plan a\n1:10 - ok a\n1:20 - verified a not_verified", "time_to_first_containment=none"},
		{"what is taken back was contained", "", begun + allDone + "3:00 alice done m\n4:00 carol undo a", "time_to_full_containment=120"},
		{"the last run of the same counts", "", begun + "1:10 bob deny a | no\n1:10 - plan each.1\n1:10 - plan each.2 h2\n1:20 bob deny each | no\n1:30 alice done m\n2:00 alice run\n2:00 - plan a" +
			strings.NewReplacer("1:10", "3:10", "1:50", "3:50", "2:00", "4:00").Replace(allDone), "time_to_full_containment=240"},
		{"a refused request is no act", "", "0:00 fran declare\n0:00 fran drill 1\n0:30 bob refused run | no\n1:00 bob note | here", "time_to_acknowledge=60 refused=1"},
		{"a facilitator acknowledges nothing", "", "0:00 fran declare\n0:00 fran drill 1\n0:30 fran note | hello\n1:00 bob note | here", "time_to_acknowledge=60"},
		{"an attempt that is repeated settles the doubt", "", begun + "1:10 bob approve a\n1:10 - plan a\n1:10 - fail a unknown\n1:20 - wake\n1:21 - ok a", "doubts=1 doubts_resolved=1 retries=1"},
		{"one that nobody settles does not", "", begun + "1:10 bob approve a\n1:10 - plan a\n1:10 - fail a unknown\n1:20 - wake", "doubts=1 doubts_resolved=0"},
		{"no commander", "", begun + "1:10 bob approve a", "time_to_commander=none"},
		{"messages of facilitators tell nobody", "", "0:00 fran declare\n0:00 fran drill 1\n1:00 fran hint | look\n2:00 - posted control\n4:00 - posted card\n5:00 - end facilitator", "longest_silence=180 hints=1"},

		{"a deadline holds to the end", fmt.Sprintf(inject, "expect: [{verb: run, within: 1m, points: 1, text: Run}]"), "0:00 fran declare\n0:00 fran drill 1\n0:00 - inject i1\n1:00 alice run", "expectations_met=1"},
		{"and no longer", fmt.Sprintf(inject, "expect: [{verb: run, within: 1m, points: 1, text: Run}]"), "0:00 fran declare\n0:00 fran drill 1\n0:00 - inject i1\n1:00.001 alice run", "expectations_met=0 expectations_missed=1 points=0 points_possible=1 i1=late"},
		{"what comes before the inject is no reaction", fmt.Sprintf(inject, "expect: [{note: host, within: 1m, points: 1, text: Note}]"), "0:00 fran declare\n0:00 fran drill 1\n0:00 bob note | host\n0:01 - inject i1\n2:00 - end facilitator", "i1=missed"},
		{"a state is met at once", fmt.Sprintf(inject, "expect: [{step: a, within: 1m, points: 1, text: Done}]"), begun + aDone + "3:00 - inject i1", "i1=met"},
		{"somebody else is not who should", fmt.Sprintf(inject, "expect: [{note: host, by: [\"group:leads\"], within: 1m, points: 1, text: Note}]"), "0:00 fran declare\n0:00 fran drill 1\n0:00 - inject i1\n0:30 dave note | host\n2:00 - end facilitator", "i1=missed"},
		{"a facilitator meets nothing", fmt.Sprintf(inject, "expect: [{note: host, within: 1m, points: 1, text: Note}]"), "0:00 fran declare\n0:00 fran drill 1\n0:00 - inject i1\n0:30 fran note | host\n2:00 - end facilitator", "i1=missed"},
		{"nothing is missed that was not due", fmt.Sprintf(inject, "expect: [{note: host, within: 9m, points: 1, text: Note}]"), "0:00 fran declare\n0:00 fran drill 1\n0:00 - inject i1\n2:00 - end facilitator", "i1=not_due expectations_missed=0 points_possible=0"},
		{"unless the play came to its own end", fmt.Sprintf(inject, "expect: [{note: host, within: 9m, points: 1, text: Note}]"), "0:00 fran declare\n0:00 fran drill 1\n0:00 - inject i1\n2:00 - end end", "i1=missed"},
		{"time that is held does not pass", fmt.Sprintf(inject, "expect: [{note: host, within: 1m, points: 1, text: Note}]"), "0:00 fran declare\n0:00 fran drill 1\n0:00 - inject i1\n0:10 fran hold\n9:10 fran go\n9:50 bob note | host", "i1=met time_to_acknowledge=50"},
		{"the facilitator's word counts more", fmt.Sprintf(inject, "expect: [{note: host, within: 1m, points: 1, text: Note}]"), "0:00 fran declare\n0:00 fran drill 1\n0:00 - inject i1\n0:30 bob note | host\n2:00 fran judge i1 1 missed", "i1=missed points=0"},

		{"a forbidden target must not be changed", "forbidden: [{target: \"host:h2\", why: no}]", begun + allDone, "wrong_decisions=1"},
		{"nor by an undo", "forbidden: [{target: \"host:h9\", why: no}]", begun + allDone + "3:00 carol undo a\n3:00 - plan a~undo h9\n3:10 bob approve a~undo\n3:10 - plan a~undo h9", "wrong_decisions=1"},
		{"to take a forbidden step back is not to do it", "forbidden: [{step: each, why: no}]", begun + allDone + "3:00 carol undo each.1\n3:00 - plan each.1~undo\n3:10 bob approve each.1~undo\n3:10 - plan each.1~undo", "wrong_decisions=1"},
		{"nor is it to do what is forbidden", "forbidden: [{action: t.set, why: no}]", begun + allDone + "3:00 carol undo a\n3:00 - plan a~undo\n3:10 bob approve a~undo\n3:10 - plan a~undo", "wrong_decisions=2"},
		{"a loop is one decision", "forbidden: [{action: t.set, why: no}]", begun + allDone, "wrong_decisions=2"},
		{"a word that is refused is no act", "forbidden: [{verb: cancel, why: no}]", begun + "1:10 bob cancel", "wrong_decisions=0 refused=1"},

		{"the stop word shows nothing", "", begun + "2:00 - end stop", "outcome=stopped"},
		{"a run that goes on when the time is over", "", begun + allDone + "59:00 - end time", "outcome=partial"},
		{"one that is over", "", begun + allDone + "3:00 alice done m\n59:00 - end time", "outcome=pass"},
		{"it goes on", "", begun, "outcome=going"},
		{"what cannot be shown does not pass", "", begun + "2:00 - end facilitator", "outcome=partial"},
		{"all is well", "", begun + allDone + "2:00 - end facilitator", "outcome=pass"},
		{"the record holds and the facilitator says U", "", begun + allDone + "2:00 - end facilitator\n3:00 fran rate o1 U", "outcome=fail"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			program := compile(t, edgeBook)
			r := scored(t, story(t, program, scenario(t, fmt.Sprintf(edgeScenario, tt.scenario), program), tt.story))
			for want := range strings.FieldsSeq(tt.want) {
				name, want, _ := strings.Cut(want, "=")
				got := ""
				switch m, ok := r.Metric(name); {
				case name == "outcome":
					got = string(r.Outcome)
				case name == "i1":
					got = strings.ReplaceAll(string(r.Expect[0].State), " ", "_")
				case ok && !m.Came:
					got = "none"
				case ok:
					got = fmt.Sprint(m.Value)
				}
				if got != want {
					t.Errorf("%s is %s, want %s", name, got, want)
				}
			}
		})
	}
}

// A check reads the incident as it stood at the end of the play.
func TestChecksReadTheEnd(t *testing.T) {
	program := compile(t, edgeBook)
	src := strings.Replace(edgeScenario, "metrics.time_to_full_containment <= 100000", "elapsed <= 120 && notes == 0", 1)
	s := scenario(t, fmt.Sprintf(src, ""), program)
	r := scored(t, story(t, program, s, begun+"2:00 - end facilitator\n90:00 bob note | looking back\n95:00 fran corrective bob 2027-01-31 | more people"))
	if o := r.Aims[0]; o.State != score.Holds {
		t.Errorf("it %s: %s %v", o.State, o.Problem, o.Readings)
	}
}

// A day that is given counts as in time until it is over.
func TestOverdue(t *testing.T) {
	p, _ := read(t, "testdata/messy.txt")
	for _, tt := range []struct {
		now  time.Time
		want bool
	}{
		{time.Date(2026, 11, 19, 23, 59, 0, 0, time.UTC), false},
		{time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), true},
	} {
		r, err := score.Score(p.events(), score.Options{Now: tt.now})
		if err != nil || r.Correct[0].Overdue != tt.want || r.Correct[1].Overdue {
			t.Errorf("at %s: %v %+v", tt.now, err, r.Correct)
		}
	}
}

// An open live incident is silent until somebody looks.
func TestSilenceUntilNow(t *testing.T) {
	p, _ := read(t, "testdata/live.txt")
	open := *p
	open.facts = p.facts[:len(p.facts)-1]
	for _, tt := range []struct {
		facts *tape
		want  int64
	}{{p, 77}, {&open, 3600 - 137}} {
		r, err := score.Score(tt.facts.events(), score.Options{Now: noon.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if m, _ := r.Metric("longest_silence"); m.Value != tt.want {
			t.Errorf("silent for %d s, want %d", m.Value, tt.want)
		}
	}
}
