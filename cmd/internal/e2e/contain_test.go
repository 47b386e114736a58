package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

const boundedText = `apiVersion: firebreak/v1
kind: Runbook
id: bounded
title: Disable keys for a time
owner: {team: t, contact: "#t", escalate: group:security-leads}
budget: 30m
inputs:
  keys: {type: list, of: aws.access_key_id, max: 20, description: The keys}
steps:
  - id: disable
    title: Disable the keys
    uses: aws.iam.deactivate_access_key
    for_each: inputs.keys
    with: {access_key_id: "${{ item }}", user: ci-deployer}
    approval: {from: [group:security-leads], quorum: 1, expires: 15m, remind: 1s}
    verify: {within: 60s}
    contains: {expires: 1s}
  - id: review
    title: Look at the logs
    manual:
      instructions: Was anything done with the keys?
      answer: {type: string, enum: [nothing, something]}
`

// TestContainmentInSlack plays in Slack what asks people again: a reminder, an
// answer by a type, and an effect whose time is over, which is extended by a
// form and then lifted.
func TestContainmentInSlack(t *testing.T) {
	s := newStage(t, awstest.Fake(awsfake.Options{}), true)
	s.stop()
	s.write("runbooks/bounded.yaml", boundedText)
	s.start()
	s.declare()
	s.declared()
	alice, bob := s.ws.User("alice"), s.ws.User("bob")

	// The list is asked for by a form, and the reminder comes once for each time.
	s.type_("alice", "/incident run bounded")
	view := s.opened("alice", "Run")
	s.did(alice.Submit(view, map[string]string{"f:keys": s.key + "\n"}))
	ask := s.asked("disable")
	s.shows("Reminder 1: R1/disable", "@bob")
	s.did(bob.ClickLabel(ask.Ref(), "Approve"))

	// An answer is one of those that the runbook knows.
	ask = s.asked("review")
	s.did(bob.ClickLabel(ask.Ref(), "Done…"))
	view = s.opened("bob", "Done")
	s.did(bob.Submit(view, map[string]string{"f:answer": "nothing"}))
	s.shows("R1 bounded: done")
	if got := s.keyStatus(); got != types.StatusTypeInactive {
		t.Fatalf("the key is %s", got)
	}

	// Its time is over: extended by a form, listed, and lifted with a yes of its own.
	s.shows("Lift, extend or keep: R1/disable")
	s.wait("the question", func(w *slackfake.State) bool {
		found := s.messages(w, "Lift, extend or keep: R1/disable")
		if len(found) > 0 {
			ask = found[0]
		}
		return len(found) > 0
	})
	s.did(bob.ClickLabel(ask.Ref(), "Extend…"))
	view = s.opened("bob", "Extend")
	s.did(bob.Submit(view, map[string]string{"f:for": "2h", "f:reason": "the owner is away"}))
	s.shows("R1/disable lasts longer", "Reason: the owner is away")
	s.shows("Answered: R1/disable", "extended by Bob (bob): the owner is away")
	s.type_("carol", "/incident contained")
	s.told("carol", "1 containment in force", "INC-1 R1/disable")
	s.type_("bob", `/incident lift disable --reason "a false alarm"`)
	ask = s.asked("disable~undo")
	s.did(alice.ClickLabel(ask.Ref(), "Approve"))
	s.shows("State:", "taken back by disable~undo")
	if got := s.keyStatus(); got != types.StatusTypeActive {
		t.Errorf("the key is %s", got)
	}
	page := s.run(0, "export", "INC-1")
	for _, want := range []string{"## Containments", "extended to ", "lifted at ", "were reminded (reminder 1)"} {
		if !strings.Contains(page, want) {
			t.Errorf("the timeline does not say %q:\n%s", want, page)
		}
	}
}

// opened waits until somebody has a form before them.
func (s *stage) opened(person, submit string) (view slackfake.View) {
	s.t.Helper()
	s.wait(person+"'s form", func(w *slackfake.State) bool {
		v, open := w.OpenView(person)
		view = v
		return open && v.SubmitText == submit
	})
	return view
}
