package timeline_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
	"github.com/firebreak-ir/firebreak/runbooks"
)

const revoke = "aws.iam.revoke_sessions"

// wide is a story with a loop over n roles, a runbook that is called, a wait, a
// containment that is extended, kept and lifted, and steps of on_cancel.
func wide(t testing.TB, n int) *script {
	t.Helper()
	source := func(text string) *runbooks.Expression { return &runbooks.Expression{Source: text} }
	leads := []string{"group:security-leads"}
	program, err := json.Marshal(&runbooks.Program{
		Semantics: 1, Digest: digest2, ID: "wide", Title: "Wide", Budget: runbooks.Span(time.Hour),
		Steps: []runbooks.Step{
			{ID: "none", Uses: revoke, Effect: actions.Reversible, CanUndo: true, ForEach: &runbooks.ForEach{In: source("inputs.none")}},
			{ID: "revoke", Uses: revoke, Effect: actions.Reversible, CanUndo: true, ForEach: &runbooks.ForEach{In: source("inputs.roles"), MaxParallel: 2, MaxPercent: 50}, Contains: &runbooks.Contains{Ask: leads}},
			{ID: "settle", Wait: &runbooks.Wait{For: runbooks.Span(10 * time.Minute)}},
			{ID: "late", Wait: &runbooks.Wait{Until: source("100")}},
			{ID: "other", Runbook: &runbooks.Subrun{ID: "leaked-access-key", Program: &runbooks.Program{Steps: []runbooks.Step{
				{ID: "disable", Uses: disable, Effect: actions.Reversible, CanUndo: true},
			}}}},
			{ID: "ask", Manual: &runbooks.Manual{}},
		},
		OnCancel: []runbooks.Step{{ID: "tell", Uses: "slack.post", Effect: actions.Reversible, Tells: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var roles []string
	for k := range n {
		roles = append(roles, fmt.Sprintf("role-%d", k+1))
	}
	items, err := json.Marshal(roles)
	if err != nil {
		t.Fatal(err)
	}
	readings := []runbooks.Reading{{Path: "inputs.deep", Value: "true"}}
	s := declared("INC-14").say(time.Minute, alice, "R1", "", engine.RunStarted{Runbook: "wide", Digest: digest2, Program: engine.Large{Value: program}, Inputs: json.RawMessage(`{"deep":true}`)})
	s.it(0, "none", engine.StepEnded{Status: engine.StepSkipped, Reason: "its list is empty", If: "inputs.none", Readings: []runbooks.Reading{{Path: "inputs.none", Value: "[]"}}})
	s.it(0, "revoke", engine.StepExpanded{Items: engine.Large{Value: items}, N: n, If: "inputs.deep", Readings: readings})
	part := func(k int) string { return fmt.Sprintf("revoke.%d", k+1) }
	role := func(k int) actions.Target { return actions.Target{Type: "aws.iam.role", ID: roles[k]} }
	for k := range n {
		s.it(0, part(k), engine.StepReady{})
		s.it(0, part(k), engine.StepPlanned{N: 1, Digest: digest1, Preview: actions.Preview{Targets: []actions.Target{role(k)}, Warnings: []string{"console sessions stay alive for a minute"}}})
	}
	s.it(0, "revoke", engine.ApprovalRequested{ID: "a1", Digest: digest1, From: leads, Quorum: 1, Expires: s.stamp(15 * time.Minute), RemindAt: s.stamp(5 * time.Minute), StepUp: true})
	s.it(5*time.Minute, "revoke", engine.ApprovalReminded{ID: "a1", N: 1, Next: s.stamp(10 * time.Minute)})
	s.it(5*time.Minute, "revoke", engine.ApprovalReminded{ID: "a1", N: 2})
	s.say(time.Second, bob, "R1", "revoke", engine.Vote{Approval: "a1", Approve: true})
	s.it(0, "revoke", engine.ApprovalClosed{ID: "a1", Verdict: engine.ApprovalGranted})
	for k := range n {
		s.it(time.Second, part(k), intent(1, revoke, actions.Reversible, "a1", "bob"))
		out := engine.EffectOutcome{Attempt: 1, Millis: 900}
		if k == 1 {
			out.Failure = &engine.Failure{Class: actions.Denied, Message: "no right to do this"}
			s.it(0, part(k), out)
			s.it(0, part(k), engine.StepEnded{Status: engine.StepFailed, Reason: out.Failure.Message, Failure: out.Failure})
			continue
		}
		s.it(0, part(k), out)
		s.it(0, part(k), engine.EffectVerified{Attempt: 1, Readings: 2, Reading: actions.Reading{Verdict: actions.Verified, Detail: roles[k] + " has no sessions"}})
		s.it(0, part(k), engine.StepEnded{Status: engine.StepDone})
	}
	s.it(0, "revoke", engine.StepEnded{Status: engine.StepDone, Reason: fmt.Sprintf("%d of %d; 1 did not work, the first: revoke.2: no right to do this", n-1, n)})
	s.it(0, "revoke", engine.ContainmentBegan{Until: s.stamp(72 * time.Hour), Ask: leads})
	s.it(0, "late", engine.StepEnded{Status: engine.StepDone, Reason: "the time had come already", If: "inputs.deep", Readings: readings})
	s.it(0, "settle", engine.WaitStarted{Until: s.stamp(10 * time.Minute), If: "inputs.deep", Readings: readings})
	s.it(10*time.Minute, "settle", engine.TimerFired{Ref: "wait", Due: s.stamp(10 * time.Minute)})
	s.it(0, "settle", engine.StepEnded{Status: engine.StepDone})
	s.it(0, "other", engine.StepEntered{Inputs: engine.Large{Value: json.RawMessage(`{"access_key_id":"AKIAEXAMPLE000000001"}`)}})
	s.it(0, "other.disable", engine.StepReady{})
	s.it(0, "other.disable", engine.StepPlanned{N: 1, Digest: digest2, Preview: actions.Preview{Targets: []actions.Target{user}, Changes: []string{"set the key to Inactive"}}})
	s.it(0, "other.disable", asked("a2"))
	s.smash(3*time.Minute, bob, "other.disable", "a2", "svc-deploy", "the attacker is in, and carol is on a plane")
	s.it(0, "other.disable", intent(1, disable, actions.Reversible, "a2", "bob"))
	s.it(time.Second, "other.disable", engine.EffectOutcome{Attempt: 1, Millis: 900})
	s.it(0, "other.disable", engine.EffectVerified{Attempt: 1, Readings: 2, Reading: actions.Reading{Verdict: actions.Verified, Detail: "the key is Inactive"}})
	s.it(0, "other.disable", engine.StepEnded{Status: engine.StepDone})
	s.it(0, "other", engine.StepEnded{Status: engine.StepDone, Outputs: engine.Large{Value: json.RawMessage(`{"disabled":true}`)}})
	s.it(0, "ask", engine.ManualAsked{ID: "m1", Instructions: "Is the owner told?", Until: s.stamp(2 * time.Hour)})
	s.say(time.Minute, alice, "R1", "", engine.CancelRequested{Reason: "enough is done"})
	s.it(0, "ask", engine.StepEnded{Status: engine.StepCancelled, Reason: "not run: cancelled by alice: enough is done"})
	s.it(0, "tell", intent(1, "slack.post", actions.Reversible, "", "alice"))
	s.it(time.Second, "tell", engine.EffectOutcome{Attempt: 1, Millis: 100})
	s.it(0, "tell", engine.StepEnded{Status: engine.StepDone})
	s.say(0, engine.TheEngine, "R1", "", engine.RunEnded{Status: engine.RunCancelled, Reason: "cancelled by alice: enough is done", Outputs: json.RawMessage(`{"roles":["role-1","role-3"],"summary":"all | sessions"}`)})
	s.it(72*time.Hour-62*time.Second, "other.disable", engine.TimerFired{Ref: "review:review-a2", Due: s.stamp(72*time.Hour - 62*time.Second)})
	s.it(62*time.Second, "revoke", engine.ContainmentDue{ID: "c1", Ask: leads})
	s.say(time.Minute, bob, "R1", "revoke", engine.ContainmentExtended{Until: s.stamp(24 * time.Hour), Reason: "the owner is on leave"})
	if n < 100 {
		s.say(time.Minute, carol, "R1", "revoke", engine.ContainmentKept{Reason: "the roles are not needed"})
		return s
	}
	s.say(time.Hour, carol, "R1", "revoke", engine.UndoRequested{Reason: "the owner is back"})
	ids := []string{part(2), part(0)}
	back, err := json.Marshal(ids)
	if err != nil {
		t.Fatal(err)
	}
	s.it(0, "revoke~undo", engine.StepExpanded{Items: engine.Large{Value: back}, N: 2})
	for _, id := range ids {
		s.it(0, id+"~undo", engine.StepReady{})
		s.it(0, id+"~undo", intent(1, revoke, actions.Reversible, "", "carol"))
		s.it(time.Second, id+"~undo", engine.EffectOutcome{Attempt: 1, Millis: 900})
		s.it(0, id+"~undo", engine.StepEnded{Status: engine.StepDone})
	}
	s.it(0, "revoke~undo", engine.StepEnded{Status: engine.StepDone, Reason: "2 of 2"})
	return s
}

// Of a long loop every fact is told, and the summary stays short.
func TestALongLoopIsSummedUp(t *testing.T) {
	const n = 500
	story := wide(t, n)
	tl := story.fold(t)
	rows := 0
	for _, r := range tl.Rows {
		if !r.Derived {
			rows++
		}
	}
	if rows != len(story.facts) {
		t.Errorf("got %d rows for %d facts", rows, len(story.facts))
	}
	if len(tl.Actions) != n+4 {
		t.Errorf("got %d actions, want those of %d items and 4 more", len(tl.Actions), n)
	}
	want := timeline.Group{Run: "R1", Step: "revoke", Kind: timeline.GroupLoop, Items: n, Done: n - 1, Failed: 1, Status: "done"}
	got := tl.Groups[0]
	if got.Items != want.Items || got.Done != want.Done || got.Failed != want.Failed || got.Open != 0 || got.NotRun != 0 || got.Status != want.Status {
		t.Errorf("got group %+v, want %+v", got, want)
	}
	page, _, _ := strings.Cut(string(markdown(t, story)), "\n## Timeline")
	if lines := strings.Count(page, "\n"); lines > 120 {
		t.Errorf("the summary of a loop of %d has %d lines", n, lines)
	}
	if !strings.Contains(page, "| R1/revoke.2 |") {
		t.Errorf("the summary does not name the item that failed:\n%s", page)
	}
	if len(tl.Alive) != 1 || tl.Alive[0].Step != "revoke" {
		t.Errorf("got warnings %+v, want one for all items", tl.Alive)
	}
	if len(tl.Open) > 6 {
		t.Errorf("got %d open items: %+v", len(tl.Open), tl.Open)
	}
	if a := tl.Approvals[0]; a.Items != n || a.Reminders != 2 {
		t.Errorf("got approval %+v, want one for %d items with 2 reminders", a, n)
	}
}

// Who decided about a containment, why, and how it ended is told.
func TestContainmentsAreTold(t *testing.T) {
	kept := wide(t, 3).fold(t).Containments
	if len(kept) != 1 || kept[0].State != timeline.ContainmentKept || len(kept[0].Decisions) != 2 || kept[0].Decisions[0].By.ID != "bob" || kept[0].Decisions[1].Reason != "the roles are not needed" {
		t.Errorf("got %+v, want one that bob extended and carol kept", kept)
	}
	lifted := wide(t, 500).fold(t)
	if c := lifted.Containments[0]; c.State != timeline.ContainmentLifted || c.LiftedBy != "revoke~undo" || len(c.Decisions) != 1 {
		t.Errorf("got %+v, want one that revoke~undo lifted", c)
	}
	for _, o := range lifted.Open {
		if o.Kind == timeline.OpenContain {
			t.Errorf("a lifted containment is open: %+v", o)
		}
	}
	half := wide(t, 3)
	half.facts = half.facts[:len(half.facts)-2] // it is due, and nobody has decided
	open := half.fold(t).Open
	if !slices.ContainsFunc(open, func(o timeline.OpenItem) bool {
		return o.Kind == timeline.OpenContain && strings.Contains(o.Text, "nobody has decided")
	}) {
		t.Errorf("got open %+v, want the containment that is due", open)
	}
}

// The reason of a skip is its own: an empty list is no false condition.
func TestWhyAStepWasSkipped(t *testing.T) {
	tl := wide(t, 3).fold(t)
	n := tl.NotDone[0]
	if n.Step != "none" || !strings.Contains(n.Reason, "matches nothing") || strings.Contains(n.Reason, "false") {
		t.Errorf("got %+v, want a list that matches nothing", n)
	}
	for _, r := range tl.Rows {
		if r.Step == "late" && (strings.Contains(r.Text, "false") || !strings.Contains(r.Text, "the time had come already; condition inputs.deep was true")) {
			t.Errorf("got %q of a wait whose condition was true", r.Text)
		}
	}
}
