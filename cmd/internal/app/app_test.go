package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
)

const leaked = "AKIAIOSFODNN7EXAMPLE"

// house makes a configuration with alice, bob and carol, one environment at endpoint
// and the library.
func house(t *testing.T, endpoint string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	signer, verifier, err := journal.GenerateKey(config.Origin("acme"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"signer.key": signer + "\n", "genesis.pub": verifier + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settle := time.Millisecond
	return &config.Config{
		Organisation: "acme", Store: filepath.Join(dir, "journal.db"), Signer: filepath.Join(dir, "signer.key"), Genesis: filepath.Join(dir, "genesis.pub"),
		Rehearsal: config.Rehearsal{Store: filepath.Join(dir, "drills.db"), StopWord: "stopdrill"},
		Library:   true, Socket: filepath.Join(dir, "fb.sock"), DefaultEnvironment: "prod",
		Environments: []config.Environment{{Name: "prod", Account: "111122223333", Region: "eu-central-1", Endpoint: endpoint, Settle: &settle}},
		Directory: chatops.Directory{
			People: []chatops.PersonEntry{
				{ID: "alice", OSUser: "alice", Roles: []chatops.Role{chatops.Commander, chatops.Responder}},
				{ID: "bob", OSUser: "bob", Roles: []chatops.Role{chatops.Responder}},
				{ID: "carol", OSUser: "carol", Roles: []chatops.Role{chatops.Responder}},
			},
			Groups: map[string][]string{"security-leads": {"alice", "bob", "carol"}, "ciso": {"bob"}},
		},
	}
}

// say speaks as a person and stops the test when that is refused.
func say(t *testing.T, a *App, who, text string) {
	t.Helper()
	actor, ok := a.Config.Directory.ByOSUser(who, 1000)
	if !ok {
		t.Fatalf("there is no %s", who)
	}
	if m := a.Bot.Command(t.Context(), chatops.Input{Actor: actor, Text: text}); m.Failed || m.Usage {
		t.Fatalf("%s: %s: %+v", who, text, m)
	}
	if err := a.Host.Idle(t.Context(), "INC-1"); err != nil {
		t.Fatal(err)
	}
}

// played is the journal of one incident in which bob lets the key be disabled,
// as the real wiring wrote it.
func played(t *testing.T) *config.Config {
	t.Helper()
	cloud, err := awsfake.New(awsfake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Close()
	cloud.AddUser("ci-deployer")
	cloud.AddAccessKey("ci-deployer", leaked, "not-used-by-anybody")
	cfg := house(t, cloud.URL())
	operator := cloud.Operator()
	a, err := Open(t.Context(), cfg, Options{Create: true, AWS: aws.Options{Credentials: aws.StaticCredentials(operator.AccessKeyID, actions.NewSecret(operator.SecretAccessKey))}})
	if err != nil {
		t.Fatal(err)
	}
	say(t, a, "alice", `declare "key on a public page" --sev 2`)
	say(t, a, "alice", "run INC-1 leaked-access-key access_key_id="+leaked)
	say(t, a, "bob", "approve INC-1 quarantine")
	say(t, a, "bob", "approve INC-1 disable")
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := cloud.KeyStatus(leaked); got != "Inactive" {
		t.Fatalf("the key is %q; the story did not get to its end", got)
	}
	return cfg
}

// forge writes a journal of the same facts into a new file, each as edit wants
// it, signed by the true key: what somebody can do who holds the machine.
func forge(t *testing.T, cfg *config.Config, edit func(e *engine.Event) (keep bool)) string {
	t.Helper()
	signer, err := journal.LoadSigner(cfg.Signer)
	if err != nil {
		t.Fatal(err)
	}
	from, err := bolt.Open(cfg.Store, bolt.Options{ReadOnly: true, MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	path := filepath.Join(t.TempDir(), "forged.db")
	to, err := bolt.Open(path, bolt.Options{Signer: signer, Org: cfg.Organisation})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	for entry, err := range from.All(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		batch := journal.Batch{Stream: entry.Stream, Expect: -1, Records: []journal.Record{{Data: entry.Data}}}
		if strings.HasPrefix(entry.Stream, "INC-") {
			e, err := engine.Decode(entry.Data, func(digest string) ([]byte, error) { return from.Blob(t.Context(), digest) })
			if err != nil {
				t.Fatal(err)
			}
			if !edit(&e) {
				continue
			}
			data, blobs, err := engine.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			if batch.Records[0].Data, err = journal.Canonical(json.RawMessage(data)); err != nil {
				t.Fatal(err)
			}
			batch.Blobs = blobs
		}
		if _, err := to.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// altered lists what a deep verification holds against a journal.
func altered(t *testing.T, cfg *config.Config, path string) []string {
	t.Helper()
	key, err := os.ReadFile(cfg.Genesis)
	if err != nil {
		t.Fatal(err)
	}
	o := bolt.VerifyOptions{Key: strings.TrimSpace(string(key))}
	Deep(&o)
	report, err := bolt.Verify(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range report.Findings {
		if f.Kind != bolt.KindUnanchored {
			list = append(list, string(f.Kind)+": "+f.What)
		}
	}
	return list
}

// A history that was made up is signed, complete and in order; only the
// engine's own rules tell.
func TestDeepFindsAForgedHistory(t *testing.T) {
	cfg := played(t)
	if found := altered(t, cfg, cfg.Store); len(found) > 0 {
		t.Fatalf("the true journal: %q", found)
	}
	if found := altered(t, cfg, forge(t, cfg, func(*engine.Event) bool { return true })); len(found) > 0 {
		t.Fatalf("a copy of it: %q", found)
	}
	for _, tt := range []struct {
		name string
		edit func(e *engine.Event) bool
		want string
	}{
		{"the requester approved", func(e *engine.Event) bool {
			if _, vote := e.Body.(engine.Vote); vote {
				e.Actor.ID, e.Actor.Via = "alice", "cli:alice/1000"
			}
			return true
		}, "breaks a rule: "},
		{"nobody approved", func(e *engine.Event) bool {
			_, vote := e.Body.(engine.Vote)
			return !vote
		}, "INC-1"},
		{"an effect without an intent", func(e *engine.Event) bool {
			_, intent := e.Body.(engine.EffectIntent)
			return !intent || e.Step != "disable"
		}, "does not follow: "},
		{"another plan was approved", func(e *engine.Event) bool {
			if b, planned := e.Body.(engine.StepPlanned); planned && e.Step == "disable" {
				b.Digest = strings.Repeat("0", 64)
				e.Body = b
			}
			return true
		}, "breaks a rule: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := altered(t, cfg, forge(t, cfg, tt.edit))
			if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, "altered: ") && strings.Contains(f, tt.want) }) {
				t.Errorf("found %q, want it altered with %q", found, tt.want)
			}
		})
	}
}

// What is unfinished at the end is said, and is no forgery.
func TestDeepSaysWhatIsOpen(t *testing.T) {
	cfg := played(t)
	cut := false
	path := forge(t, cfg, func(e *engine.Event) bool {
		if _, outcome := e.Body.(engine.EffectOutcome); outcome && e.Step == "disable" {
			cut = true
		}
		return !cut
	})
	found := altered(t, cfg, path)
	if len(found) != 1 || !strings.HasPrefix(found[0], "open: INC-1: ") {
		t.Errorf("got %q, want one open effect", found)
	}
}

// Whatever needs no store must work with no credentials, on a train.
func TestRegistryAndProgramsNeedNoNetwork(t *testing.T) {
	var calls atomic.Int32
	world := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { calls.Add(1) }))
	defer world.Close()
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY"} {
		t.Setenv(name, world.URL)
	}
	cfg := house(t, world.URL)
	cfg.Slack = &config.Slack{Mode: config.SocketMode, Team: "T0001", BotToken: "secret://none/bot", AppToken: "secret://none/app", APIURL: world.URL}
	secrets := &actions.Secrets{}
	secrets.Scheme("none", func(context.Context, string) (actions.Secret, error) {
		t.Error("a secret was resolved")
		return actions.Secret{}, errors.New("no")
	})
	r := Registry(cfg, Options{Secrets: secrets}, nil)
	for _, name := range []string{"aws.iam.deactivate_access_key", "aws.iam.lookup_access_key", "slack.post"} {
		if !slices.Contains(r.Names(), name) {
			t.Errorf("there is no %s in %v", name, r.Names())
		}
	}
	if programs, faults, _ := Programs(cfg, r); len(programs) == 0 || faults.HasErrors() {
		t.Errorf("got %d programs, %v", len(programs), faults)
	}
	if !slices.Equal(r.Names(), Registry(nil, Options{}, nil).Names()) {
		t.Error("without a configuration other actions are known")
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("the world was called %d times", n)
	}
}

// What is wrong with hosts and programs stops a server, and leaves whoever lints
// with actions that reach nothing.
func TestHostsThatAreWrong(t *testing.T) {
	cfg := house(t, "http://127.0.0.1:1")
	cfg.HTTP = &config.HTTP{Hosts: []string{"api.example.com"}, Secrets: map[string][]string{"other.example.com": {"secret://env/TOKEN"}}}
	if _, err := Open(t.Context(), cfg, Options{Create: true}); err == nil || !strings.Contains(err.Error(), cfg.Path+`: http.secrets: "other.example.com" is not among the hosts`) {
		t.Errorf("the server starts: %v", err)
	}
	h, ok := Registry(cfg, Options{}, nil).Handler("http.get")
	if !ok {
		t.Fatal("there is no http.get to lint with")
	}
	_, err := h.Plan(t.Context(), actions.Call{}, []byte(`{"url":"https://api.example.com/"}`))
	if actions.ClassOf(err) != actions.Invalid || !strings.Contains(err.Error(), "http.hosts") {
		t.Errorf("got %v", err)
	}
}

const runbook = `apiVersion: firebreak/v1
kind: Runbook
id: %s
title: Look
owner: {team: t, contact: "#t", escalate: group:security-leads}
budget: 5m
inputs:
  access_key_id: {type: string, pattern: "^AKIA[A-Z0-9]{16}$", description: The key}
steps:
  - id: look
    uses: aws.iam.lookup_access_key
    with: {access_key_id: "${{ inputs.access_key_id }}"}
`

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestProgramsLeavesOutWhatIsBroken(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", fmt.Sprintf(runbook, "look"))
	write(t, dir, "b.yaml", fmt.Sprintf(runbook, "look"))
	write(t, dir, "c.yaml", "kind: [")
	write(t, dir, "deep/d.yaml", fmt.Sprintf(runbook, "leaked-access-key"))
	write(t, dir, "e_test.yaml", "not a runbook")
	write(t, dir, "f.yml", "not looked at")
	if err := os.Symlink(filepath.Join(dir, "a.yaml"), filepath.Join(dir, "g.yaml")); err != nil {
		t.Fatal(err)
	}
	cfg := house(t, "")
	cfg.Runbooks = []string{dir, filepath.Join(dir, "gone")}
	programs, faults, sources := Programs(cfg, Registry(cfg, Options{}, nil))
	var ids []string
	for _, p := range programs {
		ids = append(ids, p.ID)
	}
	rest := len(library.List()) - 1 // ours stands in the place of one
	if want := []string{"look", "leaked-access-key"}; len(ids) != 2+rest || !slices.Equal(ids[:2], want) {
		t.Errorf("got programs %v, want %v", ids, want)
	}
	if p := programs[1]; p.Source.Name != filepath.Join(dir, "deep/d.yaml") {
		t.Errorf("leaked-access-key is from %s, want ours before the library's", p.Source.Name)
	}
	var errs []string
	for _, f := range faults {
		name, err := filepath.Rel(dir, f.File)
		if err != nil {
			t.Fatal(err)
		}
		errs = append(errs, name)
	}
	slices.Sort(errs)
	if errs = slices.Compact(errs); !slices.Equal(errs, []string{"b.yaml", "c.yaml", "gone"}) {
		t.Errorf("got faults in %v: %v", errs, faults)
	}
	if len(sources) != 4+rest {
		t.Errorf("got %d sources, want those of a, b, c and d and of the library's other runbooks", len(sources))
	}
	var text strings.Builder
	if err := faults.WriteText(&text, sources); err != nil || !strings.Contains(text.String(), `another runbook has the id "look": `+filepath.Join(dir, "a.yaml")) {
		t.Errorf("got %v:\n%s", err, &text)
	}

	cfg.Library, cfg.Runbooks = false, nil
	if programs, faults, _ = Programs(cfg, Registry(cfg, Options{}, nil)); len(programs)+len(faults) > 0 {
		t.Errorf("without files and library: %v, %v", programs, faults)
	}
}

// What lint refuses is not run as a part of something else either, however
// deep it lies; what a waiver covers is run.
func TestProgramsLeavesOutWhoCallsWhatIsRefused(t *testing.T) {
	const calling = `apiVersion: firebreak/v1
kind: Runbook
id: %s
title: Calls another
owner: {team: t, contact: "#t"}
budget: 5m
inputs:
  access_key_id: {type: string, pattern: "^AKIA[A-Z0-9]{16}$", description: The key}
steps:
  - {id: call, runbook: %s, with: {access_key_id: "${{ inputs.access_key_id }}"}}
`
	paper := strings.Replace(fmt.Sprintf(runbook, "inner"), `contact: "#t", `, "", 1)
	inner := strings.Replace(fmt.Sprintf(runbook, "inner"), "group:security-leads", "group:nobody", 1)
	for _, tt := range []struct {
		name, inner string
		want        []string
		said        []string
	}{
		{"fine", fmt.Sprintf(runbook, "inner"), []string{"inner", "outer", "middle"}, nil},
		{"refused", inner, nil, []string{
			`inner.yaml:1:1: owner.escalate names the group "nobody", which is not in the directory [approval-group]`,
			`middle.yaml:10:16: the runbook "inner" cannot be called: it has errors of its own, in inner.yaml [runbook]`,
			`outer.yaml:10:16: the runbook "middle" cannot be called: it has errors of its own, in inner.yaml [runbook]`,
		}},
		{"not well kept", paper, []string{"inner", "outer", "middle"}, []string{"inner.yaml:1:1: the owner has no contact [no-owner]"}},
		{"waived", inner + fmt.Sprintf("waivers:\n  - {rule: approval-group, reason: the group comes with the next sync, owner: group:ciso, expires: %s}\n", time.Now().UTC().AddDate(0, 1, 0).Format(time.DateOnly)), []string{"inner", "outer", "middle"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := []runbooks.File{
				{Name: "inner.yaml", Src: []byte(tt.inner)},
				{Name: "outer.yaml", Src: fmt.Appendf(nil, calling, "outer", "middle")}, // before what it calls
				{Name: "middle.yaml", Src: fmt.Appendf(nil, calling, "middle", "inner")},
			}
			cfg := house(t, "")
			shelf := LoadFiles(files, Registry(cfg, Options{}, nil), cfg)
			var ids, said []string
			for _, p := range shelf.Programs {
				ids = append(ids, p.ID)
			}
			for _, d := range shelf.Faults {
				if d.Severity == runbooks.SeverityError {
					said = append(said, d.Error())
				}
			}
			if !slices.Equal(ids, tt.want) || !slices.Equal(said, tt.said) {
				t.Errorf("got %v, want %v\nsaid %q", ids, tt.want, said)
			}
		})
	}
}

func TestOpenRefusesAnotherKey(t *testing.T) {
	cfg := house(t, "")
	if _, err := Open(t.Context(), cfg, Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no journal: got %v", err)
	}
	a, err := Open(t.Context(), cfg, Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), cfg, Options{}); err == nil {
		t.Error("a second one was let in")
	} else if _, locked := errors.AsType[*journal.LockedError](err); !locked {
		t.Errorf("a second one: got %v", err)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := house(t, "")
	for _, tt := range []struct {
		name string
		edit func(c *config.Config)
		want string
	}{
		{"public key of another", func(c *config.Config) { c.Genesis = other.Genesis }, "is not the key that this journal was made with"},
		{"signer of another", func(c *config.Config) { c.Signer = other.Signer }, "key"},
		{"no signer", func(c *config.Config) { c.Signer += ".gone" }, "the key that signs the journal: "},
		{"another organisation", func(c *config.Config) { c.Organisation = "other" }, "other"},
	} {
		c := *cfg
		tt.edit(&c)
		if _, err := Open(t.Context(), &c, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	// Nothing of that keeps the file, and a missing public key is only a pity.
	cfg.Genesis += ".gone"
	if a, err = Open(t.Context(), cfg, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestListenUnix(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "fb") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "run", "fb.sock")
	left, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listenUnix(path); err == nil || !strings.Contains(err.Error(), "another server answers on "+path+"; stop it first") {
		t.Errorf("beside a server that answers: got %v", err)
	}
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := listenUnix(path)
	if err != nil {
		t.Fatalf("after a server that is gone: %v", err)
	}
	defer again.Close()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("got mode %v, %v: others can come in", info.Mode(), err)
	}
}
