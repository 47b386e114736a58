package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

const nightRunbook = `apiVersion: firebreak/v1
kind: Runbook
id: night
title: Disable a key at night
owner: {team: t, contact: "#t", escalate: group:security-leads}
budget: 5m
inputs:
  access_key_id: {type: string, pattern: "^AKIA[A-Z0-9]{16}$", description: The key}
steps:
  - id: disable
    uses: aws.iam.deactivate_access_key
    with: {access_key_id: "${{ inputs.access_key_id }}", user: ci-deployer}
    approval:
      from: [group:security-leads]
      quorum: 2
      break_glass: {by: [person:alice], review: [person:bob, person:carol], within: 24h}
    verify: {within: 60s}
`

// TestBrokenGlass plays the night on which nobody answers, by signed HTTP and by
// Socket Mode: Slack can ask for it and not do it; the terminal does it; all of
// the channel sees it; somebody who had no part in it reviews it by a button.
func TestBrokenGlass(t *testing.T) {
	key, public := sshKey(t)
	directory := strings.Replace(directoryText, `os_user: "%s",`, `os_user: "%s", ssh_keys: ["`+public+`"],`, 1)
	for way, socket := range map[string]bool{"http": false, "socket": true} {
		t.Run(way, func(t *testing.T) {
			s := newStage(t, awstest.Fake(awsfake.Options{}), socket, directory)
			s.stop()
			if err := os.MkdirAll(filepath.Join(s.dir, "runbooks"), 0o700); err != nil {
				t.Fatal(err)
			}
			s.write("runbooks/night.yaml", nightRunbook)
			s.start()
			s.declare()
			s.declared()
			s.type_("alice", "/incident run night access_key_id="+s.key)
			ask := s.asked("disable")
			text := ask.Rendered(func(id string) string { return id })
			for _, want := range []string{"alice may break the glass", "bob, carol review it", "firebreak incident break-glass INC-1 R1/disable --digest", "--target ..."} {
				if !strings.Contains(text, want) {
					t.Errorf("the question lacks %q:\n%s", want, text)
				}
			}
			s.did(s.ws.User("bob").ClickLabel(ask.Ref(), "Approve")) // one of two, and then he is asleep
			s.type_("alice", "/incident break-glass disable --target "+s.key+` --reason "bob is asleep"`)
			s.told("alice", "E_STEP_UP_REQUIRED", "--target "+s.key+" --reason 'bob is asleep' --sign ~/.ssh/id_ed25519")
			if n := s.cloud.Proxy.Count("iam:UpdateAccessKey"); n != 0 {
				t.Fatalf("%d changes were made without a signature", n)
			}

			out := s.run(0, "incident", "break-glass", "disable", "INC-1", "--target", s.key, "--reason", "bob is asleep", "--sign", key)
			if !strings.Contains(out, "broke the glass at R1/disable") {
				t.Errorf("it is answered with:\n%s", out)
			}
			s.shows("GLASS BROKEN: R1/disable", "Reason: bob is asleep", "@carol")
			s.shows("Glass broken", "1 of 2", "Alice (alice) broke the glass at")
			s.shows("R1 night: done")
			if got := s.keyStatus(); got != types.StatusTypeInactive {
				t.Errorf("the key is %s", got)
			}

			// The review: not by who broke it, not by who voted, and only once.
			var review slackfake.Message
			s.wait("the review", func(w *slackfake.State) bool {
				found := s.messages(w, "GLASS BROKEN: R1/disable")
				if len(found) > 0 {
					review = found[0]
				}
				return len(found) > 0
			})
			s.type_("alice", `/incident resolve "done"`)
			s.told("alice", "E_UNREVIEWED_BREAK_GLASS")
			s.type_("bob", `/incident justified disable --reason "fine"`)
			s.told("bob", "E_SELF_APPROVAL")
			s.did(s.ws.User("carol").ClickLabel(review.Ref(), "It was right…"))
			view := s.opened("carol", "It was right")
			s.did(s.ws.User("carol").Submit(view, map[string]string{"f:reason": "the key was in use"}))
			s.shows("Reviewed, it was right: glass broken at R1/disable", "the key was in use")
			s.type_("alice", `/incident resolve "done"`)
			s.shows("resolved")
			page := s.run(0, "export", "INC-1")
			for _, want := range []string{"## Broken glass", "bob is asleep", "the key was in use"} {
				if !strings.Contains(page, want) {
					t.Errorf("the timeline does not say %q:\n%s", want, page)
				}
			}
			s.run(3, "verify", "--live")
		})
	}
}
