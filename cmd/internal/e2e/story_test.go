package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
)

// TestStory plays the main job by both of Slack's doors and against each
// emulator: a leaked key is disabled with a second person's approval, read back
// by a client of its own, and the record verifies.
func TestStory(t *testing.T) {
	for _, emulator := range awstest.Start(t) {
		for _, way := range []string{"http", "socket"} {
			t.Run(emulator.Name+"/"+way, func(t *testing.T) {
				s := newStage(t, emulator, way == "socket")
				s.declare()
				s.declared()
				s.start_()
				ask := s.asked("quarantine")
				s.did(s.ws.User("alice").ClickLabel(ask.Ref(), "Approve"))
				s.told("alice", "E_SELF_APPROVAL", "somebody else has to decide")
				if n := s.cloud.Proxy.Count("iam:PutUserPolicy"); n != 0 {
					t.Fatalf("%d changes before anybody approved", n)
				}
				s.did(s.ws.User("bob").ClickLabel(ask.Ref(), "Approve"))
				ask = s.asked("disable")
				if got := s.keyStatus(); got != types.StatusTypeActive {
					t.Fatalf("the key is %s before its step was approved", got)
				}
				s.did(s.ws.User("bob").ClickLabel(ask.Ref(), "Approve"))
				s.asked("review")
				if got := s.keyStatus(); got != types.StatusTypeInactive {
					t.Fatalf("the key is %s after it was disabled", got)
				}
				if p := s.cloud.Policies(t, "user", owner); len(p) != 1 {
					t.Errorf("policies of the owner: %v", p)
				}
				s.type_("bob", `/incident done review nothing`)
				s.shows("R1 leaked-access-key: done")
				s.resolve_()
				s.recorded()
			})
		}
	}
}

// recorded checks the timeline and the journal after a story that ended well.
func (s *stage) recorded() {
	s.t.Helper()
	page := s.run(0, "export", "INC-1", "--format", "md")
	for _, want := range []string{"alice declared", "bob approved step", "E\\_SELF\\_APPROVAL", "aws.iam.deactivate\\_access\\_key started, attempt 1, on authority of bob", "is Inactive", `the last change was read back: step "disable" of run R1`, "alice resolved"} {
		if !strings.Contains(page, want) {
			s.t.Errorf("the timeline does not say %q:\n%s", want, page)
		}
	}
	anchor := filepath.Join(s.dir, "timeline.json")
	s.run(0, "export", "INC-1", "--format", "json", "--out", anchor)
	var exported struct {
		Checkpoint string
		Rows       []struct{ Type string }
	}
	data, err := os.ReadFile(anchor)
	if err == nil {
		err = json.Unmarshal(data, &exported)
	}
	if err != nil || exported.Checkpoint == "" || len(exported.Rows) < 20 {
		s.t.Errorf("the exported timeline has %d rows and checkpoint %q, %v", len(exported.Rows), exported.Checkpoint, err)
	}
	if out := s.run(0, "verify", "--live", "--anchor", anchor); !strings.Contains(out, "consistent and anchored") {
		s.t.Errorf("verify says:\n%s", out)
	}
	s.run(1, "verify") // locked by the server
	s.stop()
	s.run(3, "verify")
	s.run(0, "verify", "--anchor", anchor)
}

// TestRefusals tries every way past the approval: each is refused, recorded
// and explained, and nothing is changed.
func TestRefusals(t *testing.T) {
	emulator := awstest.Fake(awsfake.Options{})
	s := newStage(t, emulator, false)
	s.declare()
	s.declared()
	s.start_()
	ask := s.asked("quarantine")
	alice, bob, mallory := s.ws.User("alice"), s.ws.User("bob"), s.ws.User("mallory")

	// The requester.
	s.did(alice.ClickLabel(ask.Ref(), "Approve"))
	s.told("alice", "E_SELF_APPROVAL")
	// A guest, who cannot even see the channel but knows the words.
	s.did(mallory.In("security").Type("/incident approve quarantine INC-1"))
	s.told("mallory", "E_NOT_KNOWN", "guest")
	// Somebody who is not asked.
	s.did(s.ws.User("carol").ClickLabel(ask.Ref(), "Approve"))
	s.told("carol", "E_NOT_APPROVER")
	// A forged signature, an old one, one without.
	for name, f := range map[string]slackfake.Forgery{
		"wrong secret": {User: "U0002", Channel: s.channel, Text: "/incident approve quarantine", Secret: "guess"},
		"unsigned":     {User: "U0002", Channel: s.channel, Text: "/incident approve quarantine", Unsigned: true},
		"altered":      {User: "U0002", Channel: s.channel, Text: "/incident approve quarantine", FlipByte: true},
		"ten minutes":  {User: "U0002", Channel: s.channel, Text: "/incident approve quarantine", Age: 600e9},
	} {
		if d := s.ws.Forge(f); d.Status < 400 {
			t.Errorf("forgery %q was answered with %d", name, d.Status)
		}
	}
	// A denial, byte for byte a second time after the step was asked again.
	d := s.type_("bob", `/incident deny quarantine --reason "not yet"`)
	s.shows("denied", "quarantine")
	s.asked("disable") // on_refused: continue
	s.type_("alice", "/incident retry R1/quarantine")
	s.asked("quarantine")
	s.ws.Replay(d.N)
	// The plan moves under the question: the key is switched off by somebody else.
	ask = s.asked("disable")
	s.cloud.SetKey(t, owner, s.key, false)
	s.did(bob.ClickLabel(ask.Ref(), "Approve"))
	s.shows("Step: disable", "Asked again", "whether it is in effect already", "void")
	s.cloud.SetKey(t, owner, s.key, true)
	// A vote for a plan that is not the one asked for.
	s.type_("bob", "/incident approve disable --digest 000000000000")
	s.told("bob", "E_PLAN_CHANGED")

	if n := s.cloud.Proxy.Count("iam:PutUserPolicy") + s.cloud.Proxy.Count("iam:UpdateAccessKey"); n != 0 {
		t.Errorf("%d changes were made without an approval", n)
	}
	s.stop()
	got := s.refusals()
	for _, want := range []string{"E_SELF_APPROVAL alice", "E_NOT_KNOWN slack:T0001/U0009", "E_NOT_APPROVER carol", "E_PLAN_CHANGED bob", "E_NOT_KNOWN http:127.0.0.1", "E_DUPLICATE slack:T0001/U0002"} {
		if got[want] == 0 {
			t.Errorf("%s is not on record; there is %v", want, got)
		}
	}
	if n := got["E_NOT_KNOWN http:127.0.0.1"]; n < 4 {
		t.Errorf("%d of 4 forgeries are on record", n)
	}
}

// refusals counts the refused requests in the journal by code and who.
func (s *stage) refusals() map[string]int {
	s.t.Helper()
	log, err := bolt.Open(filepath.Join(s.dir, "var/journal.db"), bolt.Options{ReadOnly: true})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	found := map[string]int{}
	for entry, err := range log.All(s.t.Context(), 0) {
		if err != nil {
			s.t.Fatal(err)
		}
		e, err := engine.Decode(entry.Data, func(d string) ([]byte, error) { return log.Blob(s.t.Context(), d) })
		if err != nil {
			s.t.Fatal(err)
		}
		if r, ok := e.Body.(engine.Refused); ok {
			who := e.Actor.ID
			if who == "" {
				who = e.Actor.Via
			}
			found[string(r.Code)+" "+who]++
		}
	}
	return found
}

// TestExpiry lets the time of an approval run out: it counts as refused, and a
// late click is told so.
func TestExpiry(t *testing.T) {
	s := newStage(t, awstest.Fake(awsfake.Options{}), false)
	s.stop()
	s.write("runbooks/short.yaml", shortRunbook)
	s.start()
	s.declare()
	s.declared()
	s.type_("alice", "/incident run short access_key_id="+s.key)
	ask := s.asked("disable")
	s.shows("R1 short: refused", "0 of 1 people approved in time")
	s.did(s.ws.User("bob").ClickStale(ask, "fb:approve:0"))
	s.told("bob", "E_EXPIRED")
	if got := s.keyStatus(); got != types.StatusTypeActive {
		t.Errorf("the key is %s", got)
	}
	s.stop()
	if got := s.refusals(); got["E_EXPIRED bob"] != 1 {
		t.Errorf("the late click is not on record: %v", got)
	}
}

const shortRunbook = `apiVersion: firebreak/v1
kind: Runbook
id: short
title: A key, and little time
owner: {team: security, contact: "#security"}
budget: 1m
inputs:
  access_key_id: {type: string, description: The key}
steps:
  - id: disable
    uses: aws.iam.deactivate_access_key
    with: {access_key_id: "${{ inputs.access_key_id }}"}
    approval: {from: [group:security-leads], quorum: 1, expires: 1s}
`

// TestModal declares by the form that /incident declare opens, denies by the
// form behind the button, and has Slack go away and come back in between.
func TestModal(t *testing.T) {
	s := newStage(t, awstest.Fake(awsfake.Options{}), true)
	alice, bob := s.ws.User("alice"), s.ws.User("bob")
	fill := func(who string, p *slackfake.Person, values map[string]string) {
		t.Helper()
		var view slackfake.View
		s.wait("the form of "+who, func(w *slackfake.State) bool {
			v, open := w.OpenView(who)
			view = v
			inputs := 0
			for _, b := range v.Blocks {
				if b.Type == "input" {
					inputs++
				}
			}
			return open && inputs >= len(values)
		})
		s.did(p.Submit(view, values))
	}
	s.did(alice.In("security").Type("/incident declare"))
	fill("alice", alice, map[string]string{"f:title": "Declared by form", "f:severity": "1"})
	s.declared()
	s.shows("Declared by form", "SEV 1")
	s.start_()
	ask := s.asked("quarantine")
	s.did(bob.ClickLabel(ask.Ref(), "Deny…"))
	fill("bob", bob, map[string]string{"f:reason": "not this user"})
	s.shows("Step: quarantine", "not this user")
	s.asked("disable")

	s.ws.Down(true)
	// Without Slack the terminal goes on; alice is the user of this test.
	s.run(0, "incident", "note", "Slack is gone", "INC-1")
	s.run(0, "incident", "skip", "disable", "INC-1", "--reason", "we are offline")
	s.ws.Down(false)
	s.shows("No longer asked", "the step is skipped", "R1/disable")
	s.shows("State: open", "disable", "skipped by alice: we are offline")
	s.shows(s.key+" of "+owner, "was NOT disabled and still works", "was NOT quarantined")
	s.asked("review")
}

// TestReplayAfterKill sends a request byte for byte again to a server that was
// killed in between and knows of the first one only from its journal.
func TestReplayAfterKill(t *testing.T) {
	s := newStage(t, awstest.Fake(awsfake.Options{}), false)
	s.declare()
	s.declared()
	s.start_()
	s.asked("quarantine")
	d := s.type_("bob", `/incident deny quarantine --reason "not yet"`)
	s.asked("disable")
	s.kill()
	s.start()
	s.type_("alice", "/incident retry R1/quarantine")
	s.asked("quarantine") // open again, so the old denial would count
	s.ws.Replay(d.N)
	s.told("bob", "came before")
	s.stop()
	if got := s.refusals(); got["E_DUPLICATE bob"] != 1 {
		t.Errorf("the copy is not on record: %v", got)
	}
	s.start()
	if out := s.run(0, "incident", "step", "quarantine", "INC-1"); !strings.Contains(out, "waits for") {
		t.Errorf("the copy was followed:\n%s", out)
	}
}
