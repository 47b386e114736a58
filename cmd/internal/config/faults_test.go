package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/faults.txt anew")

// canary stands for a value that must never be shown.
const canary = "c4n4ry-0f-4-s3cr3t"

// aliceKey is a key of testdata/directory.yaml, generated for these tests.
const aliceKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFWSJBJXqWungmCy8zgG62xLZnYkBJ7LJ48BbB24IP1t"

// house writes a config that has no faults, with all that it names.
func house(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, folder := range []string{"var", "keys", "runbooks/more"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{FileName, "directory.yaml"} {
		src, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		put(t, dir, name, string(src))
	}
	for _, name := range []string{"var/journal.db", "keys/signer.key", "keys/genesis.pub", "runbooks/a.yaml", "runbooks/more/b.yml"} {
		put(t, dir, name, "x\n")
	}
	return dir
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func chmod(mode os.FileMode, name string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
}

func gone(name string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// Each row breaks one thing of a good config; what is said about it is in
// testdata/faults.txt, to be reviewed by reading.
var faults = []struct {
	name     string
	old, new string // in firebreak.yaml, or in directory.yaml when it is there
	do       func(t *testing.T, dir string)
	lines    int // of the answer; 0 means 1
}{
	{name: "unknown key", old: "library: true", new: "libary: true"},
	{name: "unknown key far from all", old: "library: true", new: "telemetry: true"},
	{name: "unknown key in a section", old: "everybody_responds:", new: "everybody_respond:"},
	{name: "unknown key of an environment", old: "region: eu-central-1", new: "regoin: eu-central-1", lines: 2},
	{name: "all at once", old: "library: true\n", new: "library: \"yes\"\nfoo: 1\nkind: Config\n", lines: 3},
	{name: "key twice", old: "library: true", new: "library: true\nlibrary: false"},
	{name: "key that is a list", old: "library: true", new: "? [a]\n: b"},
	{name: "missing key", old: "organisation: example\n", new: ""},
	{name: "missing nested key", old: "genesis: keys/genesis.pub", new: "signer: keys/signer.key", lines: 2},
	{name: "version of tomorrow", old: "apiVersion: firebreak/v1\nkind: Config", new: "apiVersion: firebreak/v2\nkind: Config"},
	{name: "not a config", old: "kind: Config", new: "kind: Directory"},
	{name: "number for a string", old: "organisation: example", new: "organisation: 12"},
	{name: "yes for a boolean", old: "library: true", new: "library: yes"},
	{name: "string for a boolean", old: "everybody_responds: true", new: "everybody_responds: \"true\""},
	{name: "list for a mapping", old: "store: {path: var/journal.db}", new: "store: [var/journal.db]"},
	{name: "string for a list", old: "runbooks: [runbooks]", new: "runbooks: runbooks"},
	{name: "mapping for a string", old: "organisation: example", new: "organisation: {name: example}"},
	{name: "capital organisation", old: "organisation: example", new: "organisation: Example Inc"},
	{name: "no value", old: "organisation: example", new: "organisation:"},
	{name: "value read as a comment", old: `word: /incident`, new: "word: #incident"},
	{name: "home folder", old: "path: var/journal.db", new: "path: ~/journal.db"},
	{name: "empty path", old: "path: var/journal.db", new: `path: ""`},
	{name: "control character", old: "path: var/journal.db", new: `path: "var/\n.db"`},

	{name: "empty file", do: func(t *testing.T, dir string) { put(t, dir, FileName, "# nothing\n") }},
	{name: "not a mapping", do: func(t *testing.T, dir string) { put(t, dir, FileName, "- a\n") }},
	{name: "tab", old: "  prod:", new: "\tprod:"},
	{name: "unclosed list", old: "runbooks: [runbooks]", new: "runbooks: [runbooks"},
	{name: "two documents", old: "default_environment: prod", new: "---\ndefault_environment: prod"},
	{name: "anchor and alias", old: `account: "111122223333"`, new: "account: &a \"111122223333\"\n    external_id: *a", lines: 2},
	{name: "alias of nothing", old: "protected: [\"aws.iam.user:break-glass-*\"]", new: "protected: *all"},
	{name: "tag", old: "library: true", new: "library: !!bool true"},
	{name: "nested without end", old: "library: true", new: "library: " + strings.Repeat("[", 40) + strings.Repeat("]", 40)},

	{name: "bot token as a value", old: "secret://env/SLACK_BOT_TOKEN", new: "xoxb-" + canary},
	{name: "some secret as a value", old: "secret://env/SLACK_APP_TOKEN", new: canary},
	{name: "secret as a list", old: "secret://env/SLACK_APP_TOKEN", new: "[" + canary + "]"},
	{name: "secret of an unknown kind", old: "secret://env/SLACK_APP_TOKEN", new: "secret://evn/SLACK_APP_TOKEN"},
	{name: "secret in a strange variable", old: "secret://env/SLACK_APP_TOKEN", new: "secret://env/" + canary},
	{name: "token where no secret belongs", old: "word: /incident", new: "word: \"xoxb-" + canary + "\""},
	{name: "token as a key", old: "library: true", new: "xoxb-" + canary + ": true", lines: 2},
	{name: "token in an environment", old: "external_id: firebreak-prod", new: "external_id: AKIAIOSFODNN7EXAMPLE"},
	{name: "signer key in the file", old: "signer: keys/signer.key", new: "signer: PRIVATE+KEY+example+00000000+" + canary},

	{name: "slack without a token", old: "  bot_token: secret://env/SLACK_BOT_TOKEN\n", new: ""},
	{name: "slack mode", old: "mode: socket", new: "mode: sockets"},
	{name: "socket mode without its token", old: "  app_token: secret://env/SLACK_APP_TOKEN\n", new: ""},
	{name: "http mode without its keys", old: "mode: socket", new: "mode: http", lines: 2},
	{name: "slack team by name", old: "team: T0123", new: "team: acme"},
	{name: "slack word", old: "word: /incident", new: "word: incident"},
	{name: "listen without a port", old: "mode: socket", new: "mode: socket\n  listen: 127.0.0.1"},
	{name: "api over plain http", old: `api_url: ""`, new: "api_url: http://slack.example.com/api/"},
	{name: "api with a password", old: `api_url: ""`, new: "api_url: https://user:" + canary + "@slack.example.com/"},
	{name: "api of another kind", old: `api_url: ""`, new: "api_url: ftp://slack.example.com/"},
	{name: "api that is no URL", old: `api_url: ""`, new: "api_url: slack.example.com"},
	{name: "api with a query", old: `api_url: ""`, new: "api_url: https://slack.example.com/?token=1"},

	{name: "account without quotes", old: `account: "111122223333"`, new: "account: 011122223333"},
	{name: "account too short", old: `account: "111122223333"`, new: `account: "11112222333"`},
	{name: "region", old: "region: eu-central-1", new: "region: Frankfurt"},
	{name: "role of another account", old: "iam::111122223333", new: "iam::999922223333"},
	{name: "role that is no ARN", old: "role: arn:aws:iam::111122223333:role/firebreak-contain", new: "role: firebreak-contain"},
	{name: "external id without a role", old: "    role: arn:aws:iam::111122223333:role/firebreak-contain\n", new: ""},
	{name: "duty's role of another account", old: "iam::444455556666:role/firebreak-release", new: "iam::999922223333:role/firebreak-release"},
	{name: "duty that is not known", old: "release: \"arn", new: "undo: \"arn"},
	{name: "duty's role that is no ARN", old: "\"arn:aws-us-gov:iam::444455556666:role/firebreak-release\"", new: "firebreak-release"},
	{name: "evidence without a bucket", old: "bucket: acme-evidence, ", new: ""},
	{name: "evidence bucket", old: "acme-evidence", new: "s3://acme"},
	{name: "evidence mode", old: "compliance", new: "strict"},
	{name: "evidence days", old: "days: 365", new: "days: 0"},
	{name: "evidence key", old: "arn:aws-us-gov:kms:us-gov-west-1:999900001111:key", new: "arn:aws:kms:key"},
	{name: "http without hosts", old: "  hosts: [api.example.com, \"status.example.com:8443\"]\n", new: ""},
	{name: "host that is a URL", old: "[api.example.com, ", new: "[\"https://api.example.com/\", "},
	{name: "host's secret as a value", old: "{api.example.com: [secret://env/API_TOKEN]}", new: "{api.example.com: [hunter2-hunter2]}"},
	{name: "private range", old: "10.20.0.0/16", new: "10.20"},
	{name: "okta's token as a value", old: "secret://env/OKTA_TOKEN", new: "00abcdefghijklmnop"},
	{name: "okta over plain http", old: "https://example.okta.com", new: "http://example.okta.com"},
	{name: "okta's scheme", old: "scheme: Bearer", new: "scheme: Basic"},
	{name: "github token without a url", old: "url: \"https://ghe.example.com/api/v3\", ", new: ""},
	{name: "program by a relative path", old: "path: /opt/ir/rotate", new: "path: rotate"},
	{name: "program without a pin", old: "    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n", new: ""},
	{name: "program's effect", old: "[read, destructive]", new: "[write]"},
	{name: "program's variable", old: "env: [TOKEN]", new: "env: [\"TO KEN\"]"},
	{name: "endpoint over plain http", old: "http://127.0.0.1:5000", new: "http://10.0.0.5:5000"},
	{name: "endpoint that only looks like loopback", old: "http://127.0.0.1:5000", new: "http://127.0.0.1.example.com:5000"},
	{name: "settle that is no duration", old: `endpoint: "http://127.0.0.1:5000"`, new: `endpoint: "http://127.0.0.1:5000", settle: soon`},
	{name: "settle on AWS itself", old: `endpoint: ""`, new: "settle: 0s"},
	{name: "protected without a kind", old: "aws.iam.user:break-glass-*", new: "break-glass-*"},
	{name: "protected pattern", old: "aws.iam.user:break-glass-*", new: "aws.iam.user:[a"},
	{name: "floor effect", old: "effect: reversible", new: "effect: reversable"},
	{name: "floor quorum", old: "quorum: 1", new: "quorum: 0"},
	{name: "floor quorum as a string", old: "quorum: 1", new: `quorum: "1"`},
	{name: "floor out of reach", old: "quorum: 1", new: "quorum: 3"},
	{name: "floor of nobody", old: "from: [group:security-leads]", new: "from: []"},
	{name: "floor of an unknown group", old: "from: [group:security-leads]", new: "from: [group:security-lead]"},
	{name: "floor of an unknown person", old: "from: [group:security-leads]", new: "from: [group:security-leads, person:carol]"},
	{name: "floor of a bare word", old: "from: [group:security-leads]", new: "from: [security-leads]"},
	{name: "floor with the glass as a text", old: "break_glass: true", new: `break_glass: "yes"`},
	{name: "floor with the glass misspelt", old: "break_glass: true", new: "break-glass: true"},
	{name: "floor with rules of its own for the glass", old: "break_glass: true", new: "break_glass: {by: [group:security-leads]}"},
	{name: "age of rehearsals without a unit", old: "max_age: 90d", new: "max_age: 90"},
	{name: "age of rehearsals in hours", old: "max_age: 90d", new: "max_age: 36h"},
	{name: "age of rehearsals that is none", old: "max_age: 90d", new: "max_age: 0d"},
	{name: "rate of rehearsals", old: "min_pass: 60", new: "min_pass: 101"},
	{name: "number of rehearsals", old: "last: 3", new: "last: 0"},
	{name: "additional approver as a number", old: "unrehearsed_adds_approver: true", new: "unrehearsed_adds_approver: 1"},
	{name: "state to fail on", old: "fail_on: [never, stale]", new: "fail_on: [never, stael]"},
	{name: "fresh to fail on", old: "fail_on: [never, stale]", new: "fail_on: [fresh]"},
	{name: "no environments", old: "environments:\n", new: "environments: {}\nold:\n", lines: 3},
	{name: "environment name", old: "  staging:", new: "  Staging area:"},
	{name: "default environment", old: "default_environment: prod", new: "default_environment: prud"},

	{name: "config writable by others", do: chmod(0o622, FileName)},
	{name: "directory writable by the group", do: chmod(0o660, "directory.yaml")},
	{name: "signer readable by the group", do: chmod(0o640, "keys/signer.key")},
	{name: "genesis writable by others", do: chmod(0o646, "keys/genesis.pub")},
	{name: "journal readable by others", do: chmod(0o644, "var/journal.db")},
	{name: "folder of the journal writable by others", do: chmod(0o777, "var"), lines: 2},
	{name: "runbooks writable by others", do: chmod(0o777, "runbooks")},
	{name: "runbooks writable by others but sticky", do: chmod(0o777|os.ModeSticky, "runbooks")},
	{name: "one runbook writable by others", do: chmod(0o666, "runbooks/more/b.yml")},
	{name: "no runbooks folder", do: gone("runbooks")},
	{name: "no directory", do: gone("directory.yaml")},
	{name: "journal is a folder", old: "path: var/journal.db", new: "path: var"},

	{name: "directory key", old: "os_user: alice", new: "osuser: alice"},
	{name: "directory version", do: func(t *testing.T, dir string) {
		put(t, dir, "directory.yaml", "apiVersion: v1\nkind: directory\npeople: []\n")
	}, lines: 4},
	{name: "directory that is no YAML", do: func(t *testing.T, dir string) { put(t, dir, "directory.yaml", "people: [\n") }},
	{name: "person twice", old: "{id: bob,", new: "{id: alice,", lines: 2},
	{name: "slack user twice", old: "T0123/U0789", new: "T0123/U0456"},
	{name: "machine user twice", old: "{id: bob,", new: "{id: bob, os_user: alice,"},
	{name: "slack user without a workspace", old: "T0123/U0789", new: "U0789"},
	{name: "role", old: "commander", new: "comander"},
	{name: "role twice", old: "[commander, responder]", new: "[commander, commander]"},
	{name: "identity as a pattern", old: "aws.iam.user:alice", new: "aws.iam.user:al*"},
	{name: "identity without a kind", old: "aws.iam.user:alice", new: "alice"},
	{name: "keys that are no list", old: "roles: [responder]", new: "ssh_keys: \"" + aliceKey + "\""},
	{name: "key of somebody else", old: "roles: [responder]", new: "ssh_keys: [\"" + aliceKey + "\"]"},
	{name: "SSH key twice", old: "roles: [commander, responder]\n    ssh_keys:\n", new: "ssh_keys:\n      - " + aliceKey + "\n"},
	{name: "key that is cut off", old: "roles: [responder]", new: "ssh_keys: [\"" + aliceKey[:40] + "\"]"},
	{name: "key of RSA", old: "roles: [responder]", new: "ssh_keys: [\"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ== bob\"]"},
	{name: "key of an unknown type", old: "roles: [responder]", new: "ssh_keys: [\"bob " + aliceKey + "\"]"},
	{name: "fingerprint for a key", old: "roles: [responder]", new: "ssh_keys: [\"SHA256:nLfzi6BXoCCn5CAgTMuvdfb2Hg2j5icxUSCuakpQObg\"]"},
	{name: "private key for a key", old: "roles: [responder]", new: "ssh_keys: [\"-----BEGIN OPENSSH PRIVATE KEY-----" + canary + "\"]"},
	{name: "number for a key", old: "roles: [responder]", new: "ssh_keys: [1]"},
	{name: "stranger in a group", old: "security-leads: [alice, bob]", new: "security-leads: [alice, bobby]"},
	{name: "member twice", old: "security-leads: [alice, bob]", new: "security-leads: [alice, alice]"},
	{name: "group that is empty and needed", old: "security-leads: [alice, bob]", new: "security-leads: []"},
	{name: "token in the directory", old: "name: Alice Example", new: "name: xapp-" + canary},
}

func TestFaults(t *testing.T) {
	golden := filepath.Join("testdata", "faults.txt")
	src, err := os.ReadFile(golden)
	if err != nil && !*rewrite {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, answer := range strings.Split(string(src), "\n\n# ")[1:] {
		name, text, _ := strings.Cut(answer, "\n")
		want[name] = strings.TrimRight(text, "\n") + "\n"
	}
	got := "What is said about each fault of faults_test.go. Rewrite with: go test -rewrite\n"
	for _, tt := range faults {
		t.Run(tt.name, func(t *testing.T) {
			dir := house(t)
			if tt.old != "" {
				replace(t, dir, tt.old, tt.new)
			}
			if tt.do != nil {
				tt.do(t, dir)
			}
			t.Chdir(dir)
			c, err := Load(FileName)
			problems, ok := errors.AsType[*Problems](err)
			if !ok {
				t.Fatalf("Load: got %v, %v, want *Problems", c, err)
			}
			if n := len(problems.List); n != max(tt.lines, 1) {
				t.Errorf("got %d problems, want %d", n, max(tt.lines, 1))
			}
			text := strings.ReplaceAll(err.Error(), dir+"/", "/DIR/") + "\n"
			if strings.Contains(text, canary) || strings.Contains(text, "xoxb") {
				t.Errorf("a secret is shown: %s", text)
			}
			if !slices.IsSortedFunc(problems.List, func(a, b Problem) int {
				return strings.Compare(a.File, b.File)*1000000 + (a.Line-b.Line)*1000 + a.Col - b.Col
			}) {
				t.Errorf("not sorted:\n%s", text)
			}
			got += "\n# " + tt.name + "\n" + text
			if diff := cmp.Diff(want[tt.name], text); diff != "" && !*rewrite {
				t.Errorf("got (+), want (-); if right, run go test -rewrite:\n%s", diff)
			}
		})
	}
	if *rewrite {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if len(want) != len(faults) {
		t.Errorf("testdata/faults.txt has %d answers for %d faults", len(want), len(faults))
	}
}

// replace breaks the one of the two files that has the text.
func replace(t *testing.T, dir, old, with string) {
	t.Helper()
	for _, name := range []string{FileName, "directory.yaml"} {
		src, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(src), old) {
			put(t, dir, name, strings.Replace(string(src), old, with, 1))
			return
		}
	}
	t.Fatalf("neither file contains %q", old)
}
