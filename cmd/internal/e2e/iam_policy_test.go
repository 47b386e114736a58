package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

// TestGeneratedPolicy asks the binary for the policies of a runbook, plays the
// runbook and takes it back, and holds every call the server made against the
// policy of the phase it was in.
func TestGeneratedPolicy(t *testing.T) {
	for _, emulator := range awstest.Start(t) {
		t.Run(emulator.Name, func(t *testing.T) {
			s := newStage(t, emulator, false)
			read := func(phases ...string) awstest.Policies {
				t.Helper()
				var documents [][]byte
				for _, phase := range phases {
					document := []byte(s.run(0, "iam-policy", "leaked-access-key", "--phase", phase))
					if !json.Valid(document) {
						t.Fatalf("the policy for %s is not JSON:\n%s", phase, document)
					}
					documents = append(documents, document)
				}
				p, err := awstest.ParsePolicies(documents...)
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			// obeyed looks at what was called since the last time.
			obeyed := func(what string, p awstest.Policies) {
				t.Helper()
				n := 0
				for _, call := range s.cloud.Proxy.Calls() {
					for _, need := range s.cloud.Needs(t, call) {
						n++
						switch answer, err := p.Decide(need.Action, need.Resource, nil); {
						case err != nil:
							t.Fatal(err)
						case answer != awstest.Allowed:
							t.Errorf("%s: %s on %s is %s", what, need.Action, need.Resource, answer)
						}
					}
				}
				if n == 0 {
					t.Errorf("%s: nothing was called, so this shows nothing", what)
				}
				s.cloud.Proxy.Forget()
			}
			preflight, contain, release := read("preflight"), read("contain"), read("release")

			s.run(0, "plan", "leaked-access-key", "access_key_id="+s.key)
			obeyed("a plan", preflight)
			s.declare()
			s.declared()
			s.start_()
			ask := s.asked("quarantine")
			obeyed("the run until its first question", preflight)
			s.did(s.ws.User("bob").ClickLabel(ask.Ref(), "Approve"))
			ask = s.asked("disable")
			s.did(s.ws.User("bob").ClickLabel(ask.Ref(), "Approve"))
			s.asked("review")
			obeyed("the steps that change", append(slices.Clone(preflight), contain...)) // each is planned again right before
			s.type_("bob", `/incident done review nothing`)
			s.shows("R1 leaked-access-key: done")
			s.cloud.Proxy.Forget()
			for _, step := range []string{"disable", "quarantine"} {
				s.type_("alice", "/incident undo "+step+` --reason "false alarm"`)
				ask = s.asked(step + "~undo")
				s.did(s.ws.User("bob").ClickLabel(ask.Ref(), "Approve"))
				s.wait("the undo being proven", func(*slackfake.State) bool {
					return strings.Contains(s.run(0, "incident", "step", step+"~undo", "INC-1"), "done, proven")
				})
			}
			obeyed("the undo", release)
			if got := s.keyStatus(); got != "Active" {
				t.Errorf("the key is %s after the undo", got)
			}
		})
	}
}
