package timeline_test

import (
	"crypto/sha256"
	"encoding/json"
	"iter"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/timeline"
	"github.com/firebreak-ir/firebreak/runbooks"
)

var (
	alice   = engine.Actor{Type: engine.Person, ID: "alice", Name: "Alice Ng", Via: "slack:T01/U01", Groups: []string{"responders"}}
	bob     = engine.Actor{Type: engine.Person, ID: "bob", Name: "Bob", Via: "slack:T01/U02", Groups: []string{"security-leads"}}
	carol   = engine.Actor{Type: engine.Person, ID: "carol", Name: "Carol", Via: "cli:uid/1000", Groups: []string{"security-leads"}}
	dave    = engine.Actor{Type: engine.Person, ID: "dave", Name: "Dave", Via: "cli:uid/1001", Groups: []string{"auditors"}}
	mallory = engine.Actor{Type: engine.Stranger, Via: "slack:T99/U66"}
	noon    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	user    = actions.Target{Type: "aws.iam.user", ID: "svc-deploy", Account: "111122223333"}
	digest1 = "3f2a9c0d11223344556677889900aabbccddeeff00112233445566778899aabb"
	digest2 = "77b1c2d3e4f5060718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f"
)

// script is a record being written: each fact comes after the one before it.
type script struct {
	facts []engine.Event
	now   time.Time
}

func declared(id string) *script {
	s := &script{now: noon}
	return s.say(0, alice, "", "", engine.Declared{ID: id, Title: "Leaked key in a public repository", Severity: 2, Store: "01HSTORE"})
}

func (s *script) say(after time.Duration, who engine.Actor, run, step string, body engine.Body) *script {
	s.now = s.now.Add(after)
	s.facts = append(s.facts, engine.Event{At: s.now, Actor: who, Run: run, Step: step, Body: body, Seq: int64(40 + len(s.facts))})
	return s
}

// it is a fact that the engine decided.
func (s *script) it(after time.Duration, step string, body engine.Body) *script {
	return s.say(after, engine.TheEngine, "R1", step, body)
}

func (s *script) stamp(after time.Duration) engine.Stamp { return engine.At(s.now.Add(after)) }

func (s *script) events() iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for _, e := range s.facts {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (s *script) fold(t testing.TB) *timeline.Timeline {
	t.Helper()
	tl, err := timeline.Fold(s.events())
	if err != nil {
		t.Fatal(err)
	}
	return tl
}

func program(t testing.TB, budget time.Duration) engine.Large {
	t.Helper()
	data, err := json.Marshal(&runbooks.Program{
		Semantics: 1, Digest: digest2, ID: "leaked-access-key", Title: "Leaked IAM access key", Budget: runbooks.Span(budget),
		Steps: []runbooks.Step{
			{ID: "owner", Uses: "aws.iam.lookup_access_key", Effect: actions.Read},
			{ID: "disable", Title: "Disable the key", Uses: "aws.iam.deactivate_access_key", Effect: actions.Reversible, CanUndo: true},
			{ID: "lift", Uses: "aws.iam.revoke_sessions", Effect: actions.Reversible, CanUndo: true},
			{ID: "tell", Manual: &runbooks.Manual{}},
			{ID: "wipe", Uses: "aws.iam.delete_user", Effect: actions.Destructive},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return engine.Large{Value: data}
}

func (s *script) start(t testing.TB, after, budget time.Duration) *script {
	return s.say(after, alice, "R1", "", engine.RunStarted{
		Runbook: "leaked-access-key", Digest: digest2, Program: program(t, budget), Inputs: json.RawMessage(`{"severity":2,"access_key_id":"AKIAEXAMPLE000000001","tell":"#cloud-sec","hard":false}`),
		Environment: runbooks.EnvironmentFacts{Name: "prod", Account: "111122223333"},
		Floor:       &engine.Floor{Effect: actions.Destructive, From: []string{"group:ciso"}, Quorum: 2, BreakGlass: true}, Protected: []string{"aws.iam.user:break-glass"},
	})
}

func intent(n int, action string, effect actions.Effect, approval, authority string) engine.EffectIntent {
	return engine.EffectIntent{Attempt: n, Key: "00ff", Action: action, Version: 1, Effect: effect, Digest: digest1, Approval: approval, Actor: authority}
}

// asked is a question to two people whose quorum a commander may pass over.
func asked(id string) engine.ApprovalRequested {
	return engine.ApprovalRequested{
		ID: id, Digest: digest2, From: []string{"group:security-leads"}, Quorum: 2, Expires: engine.At(noon.Add(20 * time.Hour)),
		BreakGlass: &runbooks.BreakGlass{By: []string{"group:commanders"}, Review: []string{"group:auditors"}, Within: runbooks.DefaultReview},
	}
}

// smash is a glass that is broken, with what the engine writes after it.
func (s *script) smash(after time.Duration, who engine.Actor, step, approval, target, reason string) *script {
	s.say(after, who, "R1", step, engine.GlassBroken{Approval: approval, Digest: digest2[:12], Target: target, Reason: reason, Root: "abcd", Signature: "-----BEGIN SSH SIGNATURE-----"})
	s.it(0, step, engine.GlassReviewAsked{ID: "review-" + approval, Approval: approval, By: who.ID, Ask: []string{"group:auditors"}, Due: s.stamp(72 * time.Hour)})
	return s.it(0, step, engine.ApprovalClosed{ID: approval, Verdict: engine.ApprovalGranted, Reason: "the glass was broken by " + who.ID + ": " + reason})
}

const disable = "aws.iam.deactivate_access_key"

// told is a story in which every kind of fact occurs.
func told(t testing.TB) *script {
	s := declared("INC-12")
	s.say(time.Second, engine.TheEngine, "", "", engine.ChannelBound{Channel: "C0123", Name: "inc-12"})
	s.say(time.Second, engine.TheEngine, "", "", engine.MessagePosted{Ref: "card", Channel: "C0123", TS: "1.2"})
	s.say(time.Minute, bob, "", "", engine.Noted{Text: "a scanner found the key", Class: engine.Observation, Observed: engine.At(noon.Add(-40 * time.Minute))})
	s.say(time.Second, mallory, "", "", engine.Refused{Verb: "run", Code: engine.NotKnown, Message: "you are not in the directory"})
	s.start(t, time.Minute, 20*time.Minute)
	s.it(0, "owner", engine.StepReady{Params: engine.Large{Value: json.RawMessage(`{"access_key_id":"AKIAEXAMPLE000000001"}`)}})
	s.it(0, "owner", engine.StepPlanned{N: 1, Digest: digest2})
	s.it(0, "owner", intent(1, "aws.iam.lookup_access_key", actions.Read, "", "alice"))
	s.it(120*time.Millisecond, "owner", engine.EffectOutcome{Attempt: 1, Epoch: 3, Millis: 120, Result: engine.Large{Value: json.RawMessage(`{"status":"Active","user":"svc-deploy"}`)},
		Requests: []actions.Request{{Operation: "iam:GetAccessKeyLastUsed", ID: "req-1"}}})
	s.it(0, "owner", engine.StepEnded{Status: engine.StepDone})
	readings := []runbooks.Reading{{Path: "steps.owner.outputs.status", Value: `"Active"`}}
	s.it(0, "disable", engine.StepReady{If: `steps.owner.outputs.status == "Active"`, Readings: readings})
	s.it(time.Second, "disable", engine.PlanFailed{N: 1, Failure: engine.Failure{Class: actions.Throttled, Message: "rate exceeded"}})
	s.it(0, "disable", engine.RetryScheduled{Attempt: 1, Due: s.stamp(2 * time.Second), Why: "the target could not be read: rate exceeded"})
	s.it(2*time.Second, "disable", engine.TimerFired{Ref: "retry", Due: s.stamp(2 * time.Second)})
	preview := actions.Preview{
		Targets: []actions.Target{user}, Changes: []string{"set key AKIAEXAMPLE000000001 of svc-deploy to Inactive"}, Calls: []string{"iam:UpdateAccessKey"},
		Warnings: []string{"sessions made with the key stay alive until they expire"},
	}
	s.it(0, "disable", engine.StepPlanned{N: 2, Preview: preview, Digest: digest1})
	s.it(0, "disable", engine.ApprovalRequested{ID: "a1", Digest: digest1, From: []string{"group:security-leads"}, Quorum: 2, Expires: s.stamp(15 * time.Minute), Floor: true})
	s.say(0, engine.TheEngine, "", "", engine.MessagePosted{Ref: "ask:a1", Channel: "C0123", TS: "1.3"})
	s.say(5*time.Second, alice, "R1", "disable", engine.Refused{Verb: "approve", Code: engine.SelfApproval, Message: `you asked for step "disable", so somebody else has to decide it`})
	s.it(5*time.Minute, "disable", engine.ApprovalEscalated{ID: "a1", To: []string{"group:ciso"}})
	s.say(time.Second, bob, "R1", "disable", engine.Vote{Approval: "a1", Approve: true, Digest: digest1[:12], Root: "abcd"})
	s.say(time.Second, carol, "R1", "disable", engine.Vote{Approval: "a1", Approve: true, Reason: "seen it in CloudTrail"})
	s.it(0, "disable", engine.ApprovalClosed{ID: "a1", Verdict: engine.ApprovalGranted})
	s.say(0, engine.TheEngine, "", "", engine.MessageClosed{Ref: "ask:a1"})
	s.it(0, "disable", engine.StepPlanned{N: 3, Preview: preview, Digest: digest1})
	s.it(0, "disable", intent(1, disable, actions.Reversible, "a1", "carol"))
	s.it(30*time.Second, "disable", engine.EffectOutcome{Attempt: 1, Epoch: 3, Millis: 30000, Failure: &engine.Failure{Class: actions.Unknown, Message: "no answer before the time limit"}})
	s.it(0, "disable", engine.EffectInDoubt{Attempt: 1, Reason: "no answer before the time limit"})
	s.it(2*time.Second, "disable", engine.EffectProbed{Attempt: 1, Found: actions.FoundUnknown, Detail: "iam:ListAccessKeys is denied"})
	s.it(0, "disable", engine.StepHeld{ID: "h1", Why: engine.HeldDoubt, Message: "attempt 1 may have taken effect: no answer before the time limit"})
	s.it(15*time.Second, "disable", engine.EffectLate{Attempt: 1, Outcome: engine.EffectOutcome{Attempt: 1, Epoch: 3, Millis: 47000}})
	s.say(14*time.Minute, bob, "R1", "disable", engine.EffectResolved{Attempt: 1, Applied: true, Reason: "the console shows Inactive"})
	s.it(time.Second, "disable", engine.EffectVerified{Attempt: 1, Reading: actions.Reading{Verdict: actions.Verified, Detail: "key AKIAEXAMPLE000000001 is Inactive"}, Readings: 2,
		Requests: []actions.Request{{Operation: "iam:ListAccessKeys", ID: "req-7"}}})
	s.it(0, "disable", engine.StepEnded{Status: engine.StepDone, Reason: "key AKIAEXAMPLE000000001 is Inactive"})
	s.it(0, "lift", engine.StepEnded{Status: engine.StepSkipped, Reason: "its condition was false", If: `steps.owner.outputs.status == "Inactive"`, Readings: readings})
	s.it(0, "tell", engine.StepReady{})
	s.it(0, "tell", engine.ManualAsked{ID: "m1", Instructions: "call the owner of svc-deploy"})
	s.say(time.Minute, bob, "R1", "tell", engine.ManualDone{Answer: "called, they rotate"})
	s.it(0, "tell", engine.StepEnded{Status: engine.StepDone, Reason: "done by bob"})
	s.it(0, "wipe", engine.StepReady{})
	s.it(0, "wipe", engine.StepPlanned{N: 1, Digest: digest2, Preview: actions.Preview{Targets: []actions.Target{user}, Changes: []string{"delete the user"}, NoUndo: "a deleted user cannot be made again"}})
	s.it(0, "wipe", engine.ApprovalRequested{ID: "a2", Digest: digest2, From: []string{"group:ciso"}, Quorum: 2, Expires: s.stamp(15 * time.Minute)})
	s.say(time.Minute, carol, "R1", "wipe", engine.Vote{Approval: "a2", Reason: "evidence first"})
	s.it(0, "wipe", engine.ApprovalClosed{ID: "a2", Verdict: engine.ApprovalDenied, Reason: "denied by carol: evidence first"})
	s.it(0, "wipe", engine.StepEnded{Status: engine.StepRefused, Reason: "denied by carol: evidence first"})
	s.say(0, engine.TheEngine, "R1", "", engine.RunEnded{Status: engine.RunRefused, Reason: `step "wipe" refused: denied by carol: evidence first`})
	s.say(time.Minute, alice, "R1", "wipe", engine.RetryRequested{Reason: "evidence is safe now"})
	s.it(0, "wipe", engine.StepReady{})
	s.say(time.Minute, alice, "R1", "wipe", engine.SkipRequested{Reason: "after all not"})
	s.it(0, "wipe", engine.StepEnded{Status: engine.StepSkipped, Reason: "skipped by alice: after all not"})
	s.say(time.Second, alice, "R1", "", engine.CancelRequested{Reason: "enough"})
	s.say(0, engine.TheEngine, "R1", "", engine.RunEnded{Status: engine.RunCancelled, Reason: "cancelled by alice: enough"})
	s.say(13*time.Hour, carol, "R1", "disable", engine.UndoRequested{Reason: "the key was rotated"})
	s.it(0, "disable~undo", engine.StepReady{})
	s.it(0, "disable~undo", engine.StepPlanned{N: 1, Digest: digest2, Preview: actions.Preview{Targets: []actions.Target{user}, Changes: []string{"set the key to Active"}}})
	s.it(0, "disable~undo", asked("a3"))
	s.say(time.Minute, bob, "R1", "disable~undo", engine.Vote{Approval: "a3", Approve: true, Digest: digest2})
	s.smash(4*time.Minute, carol, "disable~undo", "a3", "svc-deploy", "checkout is down, and no other lead answers")
	s.it(0, "disable~undo", intent(1, disable, actions.Reversible, "a3", "carol"))
	s.it(time.Second, "disable~undo", engine.EffectOutcome{Attempt: 1, Epoch: 3, Millis: 900})
	s.it(time.Second, "disable~undo", engine.EffectVerified{Attempt: 1, Reading: actions.Reading{Verdict: actions.Verified, Detail: "key AKIAEXAMPLE000000001 is Active"}, Readings: 1})
	s.it(0, "disable~undo", engine.StepEnded{Status: engine.StepDone, Reason: "key AKIAEXAMPLE000000001 is Active"})
	s.say(5*time.Minute, dave, "R1", "disable~undo", engine.GlassReviewed{ID: "review-a3", Justified: true, Text: "the key was rotated before, and all leads were on one plane"})
	s.say(0, engine.TheEngine, "", "", engine.ClockAnomaly{BackMillis: 1500})
	s.say(time.Minute, alice, "", "", engine.Resolved{Summary: "the key is dead, the owner rotated"})
	s.say(time.Minute, alice, "", "", engine.ExportMade{Format: "json", SHA256: digest1, First: 40, Last: 99})
	return s
}

func head() journal.Checkpoint {
	return journal.Checkpoint{
		Origin: "firebreak/acme/01HSTORE/0", Size: 104, Root: sha256.Sum256([]byte("root")),
		Note: []byte("firebreak/acme/01HSTORE/0\n104\nSBPr0Rd5zL8qbWbYmnuRPPgWkKj1Y7Wl3J1JQX5cWhY=\n\n— firebreak/acme/01HSTORE/0 c2lnbmF0dXJl\n"),
	}
}
