package timeline_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// long is an incident of three days with nights in which nobody wrote anything,
// and n steps of which some fail.
func long(t testing.TB, n int) *script {
	t.Helper()
	p := &runbooks.Program{Semantics: 1, Digest: digest2, ID: "rebuild", Title: "Rebuild the fleet", Budget: runbooks.Span(72 * time.Hour)}
	for k := range n {
		p.Steps = append(p.Steps, runbooks.Step{ID: fmt.Sprintf("host-%03d", k+1), Uses: "aws.ec2.isolate_instance", Effect: actions.Reversible, CanUndo: true})
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	s := declared("INC-15")
	s.say(20*time.Second, engine.TheEngine, "", "", engine.ChannelBound{Channel: "C0123", Name: "inc-15"})
	s.say(3*time.Minute, bob, "", "", engine.Noted{Text: "beacons from three subnets", Class: engine.Observation, Observed: engine.At(noon.Add(-5 * time.Hour))})
	s.say(2*time.Minute, alice, "R1", "", engine.RunStarted{Runbook: "rebuild", Digest: digest2, Program: engine.Large{Value: data}, Environment: runbooks.EnvironmentFacts{Name: "prod"}})
	for k := range n {
		id := p.Steps[k].ID
		if k == n/3 || k == 2*n/3 {
			s.say(time.Minute, carol, "", "", engine.Noted{Text: "enough for today, the rest tomorrow", Class: engine.Decision})
			s.say(13*time.Hour, bob, "", "", engine.Noted{Text: "good morning", Class: engine.Decision})
		}
		target := actions.Target{Type: "aws.ec2.instance", ID: fmt.Sprintf("i-%04d", k), Account: "111122223333", Region: "eu-central-1"}
		s.it(0, id, engine.StepReady{})
		s.it(0, id, engine.StepPlanned{N: 1, Digest: digest1, Preview: actions.Preview{Targets: []actions.Target{target}, Changes: []string{"isolate " + target.ID}}})
		ask := fmt.Sprintf("a%d", k)
		s.it(0, id, engine.ApprovalRequested{ID: ask, Digest: digest1, From: []string{"group:security-leads"}, Quorum: 1, Expires: s.stamp(time.Hour)})
		s.say(time.Duration(20+k%7*13)*time.Second, []engine.Actor{bob, carol}[k%2], "R1", id, engine.Vote{Approval: ask, Approve: true, Digest: digest1})
		s.it(0, id, engine.ApprovalClosed{ID: ask, Verdict: engine.ApprovalGranted})
		s.it(0, id, intent(1, "aws.ec2.isolate_instance", actions.Reversible, ask, "alice"))
		out := engine.EffectOutcome{Attempt: 1, Epoch: 1, Millis: 4000, Requests: []actions.Request{{Operation: "ec2:ModifyInstanceAttribute", ID: fmt.Sprintf("req-%d", k)}}}
		if k%11 == 5 {
			out.Failure = &engine.Failure{Class: actions.Denied, Message: "no right to do this"}
			s.it(4*time.Second, id, out)
			s.it(0, id, engine.StepEnded{Status: engine.StepFailed, Reason: out.Failure.Message, Failure: out.Failure})
			continue
		}
		s.it(4*time.Second, id, out)
		s.it(6*time.Second, id, engine.EffectVerified{Attempt: 1, Readings: 2, Reading: actions.Reading{Verdict: actions.Verified, Detail: target.ID + " talks to nobody"}})
		s.it(0, id, engine.StepEnded{Status: engine.StepDone})
	}
	s.say(time.Minute, engine.TheEngine, "R1", "", engine.RunEnded{Status: engine.RunDone})
	s.say(10*time.Minute, alice, "", "", engine.Resolved{Summary: "the fleet is rebuilt"})
	return s
}

// played is an exercise of twenty minutes with injects, a doubt and a correction.
func played(t testing.TB) *script {
	s := declared("DRL-7")
	s.say(0, alice, "", "", engine.DrillStarted{Scenario: "friday-evening", Title: "A key leaks on a Friday evening", Digest: digest1, Runbook: "leaked-access-key", RunbookDigest: digest2, Pace: 1, Facilitators: []string{"alice"}})
	s.say(20*time.Second, engine.TheEngine, "", "", engine.InjectDelivered{ID: "alert", To: "channel", Text: "GuardDuty: a key is used from an unusual place", Why: "time"})
	s.say(70*time.Second, bob, "", "", engine.Noted{Text: "the key is that of the deploy user", Class: engine.Hypothesis})
	s.start(t, 20*time.Second, 15*time.Minute)
	s.it(0, "owner", engine.StepReady{})
	s.it(0, "owner", intent(1, "aws.iam.lookup_access_key", actions.Read, "", "alice"))
	s.it(2*time.Second, "owner", engine.EffectOutcome{Attempt: 1, Epoch: 3, Millis: 2000})
	s.it(0, "owner", engine.StepEnded{Status: engine.StepDone})
	s.it(0, "disable", engine.StepPlanned{N: 1, Digest: digest1, Preview: actions.Preview{Targets: []actions.Target{user}, Changes: []string{"set the key to Inactive"}}})
	s.it(0, "disable", engine.ApprovalRequested{ID: "a1", Digest: digest1, From: []string{"group:security-leads"}, Quorum: 2, Expires: s.stamp(15 * time.Minute)})
	s.say(65*time.Second, engine.TheEngine, "", "", engine.InjectDelivered{ID: "bob-leaves", To: "person:bob", Text: "your phone is dead", Why: "asked", Away: []string{"bob"}})
	s.say(30*time.Second, bob, "R1", "disable", engine.Refused{Verb: "approve", Code: engine.OutOfReach, Message: "the exercise says that you are away"})
	s.say(50*time.Second, carol, "R1", "disable", engine.Vote{Approval: "a1", Approve: true, Digest: digest1})
	s.say(2*time.Minute, engine.TheEngine, "", "", engine.InjectDelivered{ID: "bob-back", To: "channel", Text: "bob is back", Why: "after", Back: []string{"bob"}})
	s.say(15*time.Second, bob, "R1", "disable", engine.Vote{Approval: "a1", Approve: true, Digest: digest1})
	s.it(0, "disable", engine.ApprovalClosed{ID: "a1", Verdict: engine.ApprovalGranted})
	s.it(0, "disable", intent(1, disable, actions.Reversible, "a1", "alice"))
	s.it(30*time.Second, "disable", engine.EffectOutcome{Attempt: 1, Epoch: 3, Millis: 30000, Failure: &engine.Failure{Class: actions.Unknown, Message: "no answer"}})
	s.it(0, "disable", engine.EffectInDoubt{Attempt: 1, Reason: "no answer"})
	s.it(5*time.Second, "disable", engine.StepHeld{ID: "h1", Why: engine.HeldDoubt, Message: "attempt 1 may have taken effect"})
	s.say(2*time.Minute, alice, "", "", engine.HintGiven{To: "channel", Text: "what does the console show?"})
	s.say(40*time.Second, bob, "R1", "disable", engine.EffectResolved{Attempt: 1, Applied: true, Reason: "the console shows Inactive"})
	s.it(12*time.Second, "disable", engine.EffectVerified{Attempt: 1, Readings: 1, Reading: actions.Reading{Verdict: actions.Verified, Detail: "the key is Inactive"}})
	s.it(0, "disable", engine.StepEnded{Status: engine.StepDone})
	s.it(0, "lift", engine.StepEnded{Status: engine.StepSkipped, Reason: "no sessions", If: "inputs.deep"})
	s.it(0, "tell", engine.ManualAsked{ID: "m1", Instructions: "call the owner"})
	s.say(3*time.Minute, carol, "R1", "tell", engine.ManualDone{Answer: "called"})
	s.it(0, "tell", engine.StepEnded{Status: engine.StepDone})
	s.it(0, "wipe", engine.StepPlanned{N: 1, Digest: digest2, Preview: actions.Preview{Targets: []actions.Target{user}, Changes: []string{"delete the user"}, NoUndo: "a deleted user cannot be made again"}})
	s.it(0, "wipe", engine.ApprovalRequested{ID: "a2", Digest: digest2, From: []string{"group:ciso"}, Quorum: 1, Expires: s.stamp(15 * time.Minute)})
	s.say(80*time.Second, carol, "R1", "wipe", engine.Vote{Approval: "a2", Digest: digest2, Reason: "evidence first"})
	s.it(0, "wipe", engine.ApprovalClosed{ID: "a2", Verdict: engine.ApprovalDenied, Reason: "denied by carol: evidence first"})
	s.it(0, "wipe", engine.StepEnded{Status: engine.StepRefused, Reason: "denied by carol: evidence first"})
	s.say(0, engine.TheEngine, "R1", "", engine.RunEnded{Status: engine.RunRefused, Reason: `step "wipe" refused`})
	s.say(time.Minute, alice, "", "", engine.DrillEnded{Why: engine.EndCondition, Text: "the key is off and the owner knows"})
	s.say(2*time.Minute, carol, "", "", engine.RowCorrected{Of: s.facts[3].Seq, Text: "the key was that of the backup user", Reason: "looked it up"})
	s.say(0, carol, "", "", engine.KeyTimeSet{Name: "detected", When: engine.At(noon.Add(-3 * time.Minute)), Source: "https://console.example.com/finding/1?a=b&c=d"})
	s.say(0, carol, "", "", engine.RowHidden{Of: s.facts[2].Seq, Reason: "said twice"})
	return s
}
