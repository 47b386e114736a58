package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

// blow is a point of the story at which the server is killed. arm sets a trap
// and gives a function that waits until the server is in it.
type blow struct {
	name string
	at   string // the part of the story during which it happens
	arm  func(s *stage) (caught func())
}

func blows() []blow {
	cloud := func(hold func(s *stage) *awstest.Hold) func(*stage) func() {
		return func(s *stage) func() {
			h := hold(s)
			return func() { s.caught(h.Reached()) }
		}
	}
	chat := func(method string) func(*stage) func() {
		return func(s *stage) func() {
			release := s.ws.Hold(method, 1)
			return func() {
				s.t.Helper()
				s.until("a call of "+method, func() bool { return s.ws.HeldCalls() > 0 })
				s.release = append(s.release, release)
			}
		}
	}
	lost := func(method string) func(*stage) func() {
		return func(s *stage) func() {
			before := len(s.ws.Calls(method))
			s.ws.FailNext(method, 1, slackfake.DropAfterEffect())
			return func() {
				s.t.Helper()
				s.wait("the lost answer of "+method, func(w *slackfake.State) bool {
					calls := w.Calls(method)
					return len(calls) > before && calls[len(calls)-1].Effect && calls[len(calls)-1].Status == 0
				})
			}
		}
	}
	return []blow{
		{"before the channel is made", "declare", chat("conversations.create")},
		{"the channel is made and nobody wrote it down", "declare", lost("conversations.create")},
		{"the card is posted and nobody wrote it down", "declare", lost("chat.postMessage")},
		{"while the key is looked up", "run", cloud(func(s *stage) *awstest.Hold { return s.cloud.Proxy.HoldAnswer("iam:GetAccessKeyLastUsed") })},
		{"while the first change is planned", "run", cloud(func(s *stage) *awstest.Hold { return s.cloud.Proxy.HoldAnswer("iam:ListUserPolicies") })},
		{"the question is posted and nobody wrote it down", "run", lost("chat.postMessage")},
		{"approved, while the plan is read again", "approve quarantine", cloud(func(s *stage) *awstest.Hold { return s.cloud.Proxy.HoldAnswer("iam:ListUserPolicies") })},
		{"the change is sent and has no effect yet", "approve quarantine", cloud(func(s *stage) *awstest.Hold { return s.cloud.Proxy.HoldCall("iam:PutUserPolicy") })},
		{"the change took effect and its answer is lost", "approve quarantine", cloud(func(s *stage) *awstest.Hold { return s.cloud.Proxy.HoldAnswer("iam:PutUserPolicy") })},
		{"the key is disabled and its answer is lost", "approve disable", cloud(func(s *stage) *awstest.Hold { return s.cloud.Proxy.HoldAnswer("iam:UpdateAccessKey") })},
		{"the step's message is posted and its answer is lost", "approve disable", lostTell},
		{"the buttons of an answered question are taken away", "done review", chat("chat.update")},
	}
}

// lostTell lets the message of the step "tell" be posted, and the answer be lost.
func lostTell(s *stage) func() {
	h := s.cloud.Proxy.HoldAnswer("iam:UpdateAccessKey")
	return func() {
		s.t.Helper()
		s.caught(h.Reached())
		s.wait("the question about disable being closed", func(w *slackfake.State) bool {
			for _, m := range s.messages(w, "Step: disable", "Approved") {
				if len(m.Buttons()) == 0 {
					return true
				}
			}
			return false
		})
		before := len(s.ws.Calls("chat.postMessage"))
		s.ws.FailNext("chat.postMessage", 1, slackfake.DropAfterEffect())
		h.Release()
		s.wait("the lost answer of the step's message", func(w *slackfake.State) bool {
			calls := w.Calls("chat.postMessage")
			return len(calls) > before && calls[len(calls)-1].Effect
		})
	}
}

// TestKill kills the server at chosen points of the story and starts it again:
// nothing is lost, nothing is done twice, and the card goes on.
func TestKill(t *testing.T) {
	for _, b := range blows() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			s := newStage(t, awstest.Fake(awsfake.Options{}), false)
			part := func(name string, act, came func()) {
				t.Helper()
				if name != b.at {
					act()
					came()
					return
				}
				caught := b.arm(s)
				act()
				caught()
				s.kill()
				for _, release := range s.release {
					release()
				}
				s.ws.ClearFaults()
				s.cloud.Proxy.Heal()
				s.start()
				came() // without anybody doing it again
			}
			bob := s.ws.User("bob")
			part("declare", s.declare, s.declared)
			var ask slackfake.Message
			part("run", func() { s.start_() }, func() { ask = s.asked("quarantine") })
			part("approve quarantine", func() { s.did(bob.ClickLabel(ask.Ref(), "Approve")) }, func() { ask = s.asked("disable") })
			part("approve disable", func() { s.did(bob.ClickLabel(ask.Ref(), "Approve")) }, func() { s.asked("review") })
			part("done review", func() { s.type_("bob", `/incident done review nothing`) }, func() { s.shows("R1 leaked-access-key: done", "Started by") })
			s.resolve_()
			s.once()
			s.recordedAfterKill()
		})
	}
}

// once checks that nothing was done or said twice, and nothing is missing.
func (s *stage) once() {
	s.t.Helper()
	if got := s.keyStatus(); got != types.StatusTypeInactive {
		s.t.Errorf("the key is %s", got)
	}
	if p := s.cloud.Policies(s.t, "user", owner); len(p) != 1 {
		s.t.Errorf("the owner has the policies %v", p)
	}
	channels := 0
	for _, c := range s.ws.Channels() {
		if strings.HasPrefix(c.Name, "inc-") {
			channels++
		}
	}
	if channels != 1 {
		s.t.Errorf("%d channels were made", channels)
	}
	// What follows the end is posted a moment later: wait for the last of it.
	s.wait("every question being closed", func(w *slackfake.State) bool {
		for _, m := range s.messages(w, "Step: ") {
			if len(m.Buttons()) > 0 {
				return false
			}
		}
		return true
	})
	for what, words := range map[string][]string{
		"status card":                      {"State:", "Declared by:"},
		"question about quarantine":        {"Step: quarantine", "Plan digest"},
		"question about disable":           {"Step: disable", "Plan digest"},
		"question about review":            {"Step: review"},
		"message of the step tell":         {"the access key " + s.key},
		"message about the end of the run": {"R1 leaked-access-key: done", "Started by"},
	} {
		if n := len(s.messages(s.ws.State, words...)); n != 1 {
			s.t.Errorf("%s: it is there %d times", what, n)
		}
	}
}

// recordedAfterKill checks that the record is whole and kept the rules.
func (s *stage) recordedAfterKill() {
	s.t.Helper()
	page := s.run(0, "export", "INC-1")
	for _, want := range []string{"alice declared", "bob approved step", "alice resolved"} {
		if !strings.Contains(page, want) {
			s.t.Errorf("the timeline does not say %q", want)
		}
	}
	s.run(3, "verify", "--live") // consistent, kept the rules, nothing in doubt; only not anchored
	s.stop()
}

// caught waits until the server is in the trap.
func (s *stage) caught(reached <-chan struct{}) {
	s.t.Helper()
	select {
	case <-reached:
	case <-time.After(patience):
		s.t.Fatalf("the server never came to the point at which it should be killed\n%s", s.ws.Transcript())
	}
}

// until asks again and again, for what tells nobody when it changes.
func (s *stage) until(what string, ok func() bool) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			s.t.Fatalf("waiting for %s took too long\n%s", what, s.ws.Transcript())
		}
	}
}
