package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

func TestLoad(t *testing.T) {
	dir := house(t)
	got, err := Load(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	want := &Config{
		Path:          in("firebreak.yaml"),
		Organisation:  "example",
		Store:         in("var/journal.db"),
		Signer:        in("keys/signer.key"),
		Genesis:       in("keys/genesis.pub"),
		Runbooks:      []string{in("runbooks")},
		Library:       true,
		DirectoryPath: in("directory.yaml"),
		Socket:        in("var/firebreak.sock"),
		Slack: &Slack{
			Mode: SocketMode, Team: "T0123", Word: "/incident",
			BotToken: "secret://env/SLACK_BOT_TOKEN", AppToken: "secret://env/SLACK_APP_TOKEN",
		},
		Environments: []Environment{
			{
				Name: "prod", Account: "111122223333", Region: "eu-central-1",
				Role: "arn:aws:iam::111122223333:role/firebreak-contain", ExternalID: "firebreak-prod",
				Protected: []string{"aws.iam.user:break-glass-*"},
				Floor:     &engine.Floor{Effect: actions.Reversible, From: []string{"group:security-leads"}, Quorum: 1, BreakGlass: true},
			},
			{
				Name: "staging", Account: "444455556666", Region: "us-gov-west-1", Endpoint: "http://127.0.0.1:5000",
				Roles: Roles{Preflight: "arn:aws-us-gov:iam::444455556666:role/firebreak-preflight", Release: "arn:aws-us-gov:iam::444455556666:role/firebreak-release"},
				Evidence: &Evidence{Bucket: "acme-evidence", Account: "999900001111", Mode: "COMPLIANCE", Days: 365,
					KMSKey: "arn:aws-us-gov:kms:us-gov-west-1:999900001111:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
			},
		},
		DefaultEnvironment: "prod",
		Policy:             Policy{EverybodyResponds: true},
		Readiness:          Readiness{MaxAge: 90 * 24 * time.Hour, Last: 3, MinPass: 60, CountScripted: true, AddsApprover: true, FailOn: []string{"never", "stale"}},
		Rehearsal:          Rehearsal{Store: in("var/journal-drills.db"), StopWord: "stopdrill"},
		HTTP: &HTTP{
			Hosts:   []string{"api.example.com", "status.example.com:8443"},
			Secrets: map[string][]string{"api.example.com": {"secret://env/API_TOKEN"}}, Private: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")},
		},
		Okta:      &Okta{URL: "https://example.okta.com", Token: "secret://env/OKTA_TOKEN", Scheme: "Bearer"},
		GitHub:    &GitHub{URL: "https://ghe.example.com/api/v3", Token: "secret://env/GHE_TOKEN"},
		PagerDuty: &PagerDuty{RoutingKey: "secret://env/PAGERDUTY_KEY"},
		Programs: map[string]Program{"rotate": {
			Path: "/opt/ir/rotate", SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
			Interpreter: "/usr/bin/python3", ScriptSum: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
			Env: []string{"TOKEN"}, Dir: "/var/empty", Effects: []string{"read", "destructive"},
		}},
		Directory: chatops.Directory{
			People: []chatops.PersonEntry{
				{
					ID: "alice", Name: "Alice Example", Slack: "T0123/U0456", OSUser: "alice",
					Identities: []string{"aws.iam.user:alice"}, Roles: []chatops.Role{chatops.Commander, chatops.Responder},
					SSHKeys: []string{aliceKey, "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA/Chb5SWTK+9VMzQGYt/piezvhF24sxbK1XrwHlBOqg0lgM7vNH3l9pY+apv4dVvl0DDmq28AyFIr2/D/0/Dtc="},
				},
				{ID: "bob", Name: "bob", Slack: "T0123/U0789", Roles: []chatops.Role{chatops.Responder}},
			},
			Groups: map[string][]string{"security-leads": {"alice", "bob"}},
		},
	}
	if len(in("var/firebreak.sock")) > maxSocketPath {
		got.Warnings = nil // the folder of the test is too deep for a socket
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("got (+), want (-):\n%s", diff)
	}
	if got, want := got.Origin(), "firebreak/example"; got != want {
		t.Errorf("Origin: got %q, want %q", got, want)
	}
	if e, ok := got.Environment(""); !ok || e.Name != "prod" {
		t.Errorf("Environment of no name: got %q, %v, want prod", e.Name, ok)
	}
	if e, ok := got.Environment("nowhere"); ok {
		t.Errorf("Environment of an unknown name: got %v", e)
	}
}

func TestLoadWithLittle(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, FileName, `
apiVersion: firebreak/v1
kind: Config
organisation: example
store: {path: /nowhere/journal.db}
keys: {signer: /nowhere/signer.key, genesis: /nowhere/genesis.pub}
directory: d.yaml
environments: {lab: {account: '000000000001', region: eu-west-1, endpoint: "http://localhost:5000/", settle: 10ms}}
`)
	put(t, dir, "d.yaml", "apiVersion: firebreak/v1\nkind: Directory\npeople: [{id: alice, os_user: alice}]\n")
	c, err := Load(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	if c.Slack != nil || !c.Library || c.DefaultEnvironment != "lab" || c.Environments[0].Account != "000000000001" || c.Environments[0].Settle == nil || *c.Environments[0].Settle != 10*time.Millisecond || c.Socket != filepath.Join(dir, "var/firebreak.sock") {
		t.Errorf("defaults: got %+v", c)
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"empty group", "groups:\n", "groups:\n  ciso: []\n", `directory.yaml:15:9: the group "ciso" is empty`},
		{"other workspace", "T0123/U0789", "T9999/U0789", `directory.yaml:13:22: "bob" is of the workspace T9999`},
		{"person nobody can recognise", "{id: bob, slack: T0123/U0789, roles: [responder]}", "{id: bob}", `directory.yaml:13:5: "bob" cannot be recognised`},
		{"no runbooks", "runbooks: [runbooks]\nlibrary: true", "library: false", `firebreak.yaml:1:1: there are no runbooks`},
		{"listening to all", "mode: socket\n", "mode: http\n  listen: 0.0.0.0:8080\n  signing_secret: secret://env/S\n", `firebreak.yaml:12:11: slack.listen is open to other machines`},
		{"long socket", "var/firebreak.sock", strings.Repeat("long/", 20) + "s", `firebreak.yaml:9:9: socket is a path of`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := house(t)
			replace(t, dir, tt.old, tt.new)
			t.Chdir(dir)
			c, err := Load(FileName)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range c.Warnings {
				if strings.HasPrefix(w.String(), tt.want) {
					return
				}
			}
			t.Errorf("got %v, want one that begins with %q", c.Warnings, tt.want)
		})
	}
}

// A secret in a file is looked at when the file is there.
func TestSecretFile(t *testing.T) {
	dir := house(t)
	put(t, dir, "token", canary)
	replace(t, dir, "secret://env/SLACK_BOT_TOKEN", "secret://file"+dir+"/token")
	if _, err := Load(filepath.Join(dir, FileName)); err != nil {
		t.Fatalf("mode 0600: %v", err)
	}
	chmod(0o644, "token")(t, dir)
	_, err := Load(filepath.Join(dir, FileName))
	if err == nil || !strings.Contains(err.Error(), "run: chmod 600 "+dir+"/token") || strings.Contains(err.Error(), canary) {
		t.Errorf("mode 0644: got %v, want the chmod to run", err)
	}
}

func TestLoadOfWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "large"), make([]byte, maxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"missing": "does not exist", ".": "is not a regular file", "large": "is larger than 1 MiB"} {
		_, err := Load(filepath.Join(dir, name))
		if _, isProblems := errors.AsType[*Problems](err); err == nil || isProblems || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "firebreak init") {
			t.Errorf("Load(%q): got %v, want a plain error with %q", name, err, want)
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	put(t, dir, "a.yaml", "")
	put(t, dir, "b.yaml", "")
	for i, step := range []struct {
		explicit, variable, local string
		want, err                 string
	}{
		{err: "firebreak init"},
		{local: FileName, want: FileName},
		{variable: "b.yaml", local: FileName, want: "b.yaml"},
		{explicit: "a.yaml", variable: "b.yaml", local: FileName, want: "a.yaml"},
		{explicit: "gone.yaml", local: FileName, err: `"gone.yaml" that --config names does not exist`},
		{variable: "gone.yaml", local: FileName, err: `"gone.yaml" that FIREBREAK_CONFIG names does not exist`},
		{explicit: ".", err: "is a folder"},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Setenv(Variable, step.variable)
			if step.local != "" {
				put(t, dir, step.local, "")
			}
			got, err := Find(step.explicit)
			if got != step.want || (err != nil) != (step.err != "") || err != nil && !strings.Contains(err.Error(), step.err) {
				t.Errorf("got %q, %v, want %q, %q", got, err, step.want, step.err)
			}
		})
	}
}
