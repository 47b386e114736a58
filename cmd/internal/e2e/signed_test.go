package e2e

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

const signedRunbook = `apiVersion: firebreak/v1
kind: Runbook
id: signed
title: A signed yes
owner: {team: t, contact: "#t", escalate: group:security-leads}
budget: 5m
inputs:
  access_key_id: {type: string, pattern: "^AKIA[A-Z0-9]{16}$", description: The key}
steps:
  - id: disable
    uses: aws.iam.deactivate_access_key
    with: {access_key_id: "${{ inputs.access_key_id }}", user: ci-deployer}
    approval: {from: [group:security-leads], quorum: 1, step_up: true}
    verify: {within: 60s}
`

// TestSignedYes plays a stolen Slack session: whatever it clicks, types or
// forges, a step that wants a signature does not move. Then the person signs,
// in a terminal, and Slack shows it.
func TestSignedYes(t *testing.T) {
	key, public := sshKey(t)
	// Whoever runs the tests is bob in the terminal.
	directory := strings.NewReplacer(`, os_user: "%s"`, "", "slack: T0001/U0002,", `slack: T0001/U0002, os_user: "%s", ssh_keys: ["`+public+`"],`).Replace(directoryText)
	s := newStage(t, awstest.Fake(awsfake.Options{}), false, directory)
	s.stop()
	if err := os.MkdirAll(filepath.Join(s.dir, "runbooks"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.write("runbooks/signed.yaml", signedRunbook)
	s.start()
	s.declare()
	s.declared()
	s.type_("alice", "/incident run signed access_key_id="+s.key)
	ask := s.asked("disable")

	text := ask.Rendered(func(id string) string { return id })
	for _, want := range []string{"needs a signature by your SSH key", "firebreak incident approve INC-1 R1/disable --digest", "--sign ~/.ssh/id_ed25519"} {
		if !strings.Contains(text, want) {
			t.Errorf("the question lacks %q:\n%s", want, text)
		}
	}
	for _, b := range ask.Buttons() {
		if b != "Deny…" {
			t.Errorf("the question has the button %q", b)
		}
	}
	// The session of bob, in other hands.
	s.type_("bob", "/incident approve disable")
	s.told("bob", "E_STEP_UP_REQUIRED", "firebreak incident approve R1/disable INC-1 --sign ~/.ssh/id_ed25519")
	s.type_("bob", "/incident approve disable --sign id_ed25519")
	deny := s.ws.User("bob").ClickLabel(ask.Ref(), "Deny…") // opens a form, and decides nothing
	s.did(deny)
	forged := s.ws.Forge(slackfake.Forgery{From: deny, Edit: asApproval})
	if forged.Status != 200 {
		t.Fatalf("the forged click is answered with %d: %s", forged.Status, forged.Ack)
	}
	s.type_("bob", "/incident note \"done clicking\"") // behind the click in its lane
	s.told("bob", "done clicking")
	if n := s.cloud.Proxy.Count("iam:UpdateAccessKey"); n != 0 {
		t.Fatalf("%d changes were made without a signature", n)
	}

	// Bob himself.
	out := s.run(0, "incident", "approve", "disable", "INC-1", "--sign", key)
	if !strings.Contains(out, "Signed with an SSH key of Bob (bob)") {
		t.Errorf("the signed yes is answered with:\n%s", out)
	}
	s.shows("Approved", "Step: disable", "signed with SHA256:")
	s.shows("R1 signed: done")
	if got := s.keyStatus(); got != types.StatusTypeInactive {
		t.Errorf("the key is %s", got)
	}
	s.run(3, "verify", "--live")
	s.stop()
	s.run(3, "verify")
	if got := s.refusals(); got["E_STEP_UP_REQUIRED bob"] != 3 {
		t.Errorf("%d of 3 unsigned yeses are on record: %v", got["E_STEP_UP_REQUIRED bob"], got)
	}
}

// sshKey makes the key of somebody, with the real tool.
func sshKey(t *testing.T) (file, public string) {
	t.Helper()
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is missing; install OpenSSH (package openssh-client)")
	}
	file = filepath.Join(t.TempDir(), "id_ed25519")
	if out, err := exec.CommandContext(t.Context(), keygen, "-q", "-t", "ed25519", "-N", "", "-C", "me", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	line, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return file, strings.TrimSpace(string(line))
}

// asApproval makes a click on Deny one on an Approve that was never offered.
func asApproval(body []byte) []byte {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		panic(err)
	}
	var p map[string]any
	if err := json.Unmarshal([]byte(form.Get("payload")), &p); err != nil {
		panic(err)
	}
	p["trigger_id"] = "9.9.9"
	action := p["actions"].([]any)[0].(map[string]any)
	action["action_id"] = strings.Replace(action["action_id"].(string), "fb:deny:", "fb:approve:", 1)
	data, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	form.Set("payload", string(data))
	return []byte(form.Encode())
}
