//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/chatops/slack"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

// Each file of testdata/script is a story of one behaviour, told with the
// commands below besides those of testscript:
//
//	exits CODE PROGRAM WORD...   run it and compare its exit code
//	until PATTERN PROGRAM WORD...  run it until its output matches
//	house                        init a folder with alice, bob, carol and the played worlds
//	be PERSON                    be that person of the directory from now on (nobody: none);
//	                             who has a PERSON.pub here, has it in the directory
//	aws start | second | deny OP | forbid OP | heal | key STATUS [ID] | unchanged | changed OP N
//	slack start | down | up | type WHO TEXT | shows TEXT
//	server start | stop CODE | wait CODE
//	json PATH [PATTERN]          standard output is JSON and holds this
//	flip FILE TEXT               change the first byte of TEXT wherever FILE holds it
//	cut FILE BYTES               take away its last bytes
//	fill FILE...                 put the environment into @NAME@
var updateScripts = flag.Bool("update-scripts", false, "write what the commands say now into testdata/script")

func TestMain(m *testing.M) {
	syscall.Umask(0o022) // what scripts unpack must not be open to others
	testscript.Main(m, map[string]func(){"firebreak": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
		stop()
		if len(os.Args) > 1 && os.Args[1] == verifyChild {
			syscall.Exit(code) // it has an empty environment; os.Exit of a -race build waits a second, for each command
		}
		os.Exit(code)
	}})
}

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "../../testdata/script",
		UpdateScripts:      *updateScripts,
		RequireUniqueNames: true,
		Setup:              setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "until": until, "house": house, "be": be, "aws": playAWS, "slack": playSlack, "server": server,
			"json": readsJSON, "flip": flip, "cut": cut, "fill": fill,
		},
	})
}

// Whoever reads the help of a command must find what its exit code means.
func TestHelpNamesExitCodes(t *testing.T) {
	var visit func(c *cobra.Command)
	n := 0
	visit = func(c *cobra.Command) {
		if c.Hidden {
			return
		}
		n++
		var out bytes.Buffer
		words := append(strings.Fields(c.CommandPath())[1:], "--help")
		if code := run(t.Context(), words, streams{strings.NewReader(""), &out, &out}); code != exitDone {
			t.Errorf("%s --help ends with %d", c.CommandPath(), code)
		}
		if !strings.Contains(out.String(), "Exit codes:") {
			t.Errorf("%s --help does not name its exit codes:\n%s", c.CommandPath(), &out)
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit((&program{}).root())
	if n < 20 {
		t.Fatalf("looked at %d commands only", n)
	}
}

// world is what one script plays with.
type world struct {
	folder string // of the socket: short, because a socket's path must be
	me     string // name of the user who runs the tests
	aws    *awsfake.Server
	slack  *slackfake.Workspace
	server *exec.Cmd
	ended  chan error
}

type worldKey struct{}

func setup(env *testscript.Env) error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("/tmp", "fb")
	if err != nil {
		return err
	}
	w := &world{folder: folder, me: me.Username}
	env.Values[worldKey{}] = w
	env.Setenv("FB_SOCKET", filepath.Join(folder, "fb.sock"))
	env.Setenv("FB_USER", w.me)
	env.Setenv("FB_SOON", time.Now().UTC().AddDate(0, 1, 0).Format(time.DateOnly))
	env.Setenv("FB_PAST", time.Now().UTC().AddDate(0, -1, 0).Format(time.DateOnly))
	env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	env.Setenv("NO_COLOR", "1")
	env.Setenv("GORACE", "atexit_sleep_ms=0") // else each command of a -race build waits a second
	env.Defer(func() {
		if w.server != nil {
			_ = w.server.Process.Kill()
			<-w.ended
		}
		if w.slack != nil {
			w.slack.Close()
		}
		if w.aws != nil {
			_ = w.aws.Close()
		}
		_ = os.RemoveAll(folder)
	})
	return nil
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// arguments stops a script that calls a command with too few words.
func arguments(ts *testscript.TestScript, neg bool, args []string, least int, usage string) {
	if neg || len(args) < least {
		ts.Fatalf("usage: %s", usage)
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, "exits CODE PROGRAM WORD...")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := exitCode(ts, ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("got exit code %d, want %d", got, want)
	}
}

func exitCode(ts *testscript.TestScript, err error) int {
	if err == nil {
		return 0
	}
	ended, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		ts.Fatalf("%v", err)
	}
	return ended.ExitCode()
}

// patience bounds everything that is waited for.
const patience = 20 * time.Second

func until(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, "until PATTERN PROGRAM WORD...")
	pattern := regexp.MustCompile("(?m)" + args[0])
	tick, end := time.NewTicker(30*time.Millisecond), time.NewTimer(patience)
	defer tick.Stop()
	defer end.Stop()
	for {
		_ = ts.Exec(args[1], args[2:]...)
		if pattern.MatchString(ts.ReadFile("stdout")) || pattern.MatchString(ts.ReadFile("stderr")) {
			return
		}
		select {
		case <-tick.C:
		case <-end.C:
			ts.Fatalf("%q did not come in %s", args[0], patience)
		}
	}
}

const houseConfig = `apiVersion: firebreak/v1
kind: Config
organisation: acme
store: {path: var/journal.db}
keys: {signer: keys/signer.key, genesis: keys/genesis.pub}
runbooks: [runbooks]
library: true
directory: directory.yaml
socket: "@FB_SOCKET@"
environments:
  prod:
    account: "111122223333"
    region: eu-central-1
@AWS@    protected: ["aws.iam.user:break-glass-*"]
    approval_floor: {effect: reversible, from: [group:security-leads], quorum: 1}
`

const houseSlack = `slack:
  mode: socket
  team: T0001
  bot_token: secret://env/SLACK_BOT_TOKEN
  app_token: secret://env/SLACK_APP_TOKEN
  api_url: "@FB_SLACK_URL@"
`

// house inits the current folder and replaces the configuration by one that
// reaches the played worlds which have been started.
func house(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 0, "house")
	ts.Check(ts.Exec("firebreak", "init", "--organisation", "acme"))
	w, text := worldOf(ts), houseConfig
	emulator := ""
	if w.aws != nil {
		emulator = "    endpoint: \"@FB_AWS_URL@\"\n    settle: 10ms\n"
	}
	text = strings.Replace(text, "@AWS@", emulator, 1)
	if w.slack != nil {
		text += houseSlack
	}
	ts.Check(os.WriteFile(ts.MkAbs("firebreak.yaml"), []byte(filled(ts, text)), 0o600))
	be(ts, false, []string{"alice"})
}

// be writes the directory so that whoever runs the tests is that person: the
// system tells one user of this machine from another, and tests have only one.
func be(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, "be PERSON")
	text := "apiVersion: firebreak/v1\nkind: Directory\npeople:\n"
	for _, p := range []struct{ id, slack, roles string }{
		{"alice", "U0001", "[commander, responder]"}, {"bob", "U0002", "[responder]"}, {"carol", "U0004", "[reporter]"}, {"dave", "U0005", "[responder]"},
	} {
		osUser := "not-" + p.id
		if p.id == args[0] {
			osUser = worldOf(ts).me
		}
		keys := ""
		if public, err := os.ReadFile(ts.MkAbs(p.id + ".pub")); err == nil {
			keys = fmt.Sprintf(", ssh_keys: [%q]", strings.TrimSpace(string(public)))
		}
		text += fmt.Sprintf("  - {id: %s, slack: T0001/%s, os_user: %q, roles: %s%s}\n", p.id, p.slack, osUser, p.roles, keys)
	}
	text += "groups:\n  security-leads: [alice, bob]\n  ciso: [bob, dave]\n"
	ts.Check(os.WriteFile(ts.MkAbs("directory.yaml"), []byte(text), 0o600))
}

// leakedKey is the access key in the played AWS, AWS's own example.
const leakedKey = "AKIAIOSFODNN7EXAMPLE"

// secondKey is another one of the same user.
const secondKey = "AKIAI44QH8DHBEXAMPLE"

func playAWS(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "aws start | second | deny OP | forbid OP | heal | key STATUS [ID] | unchanged | changed OP N"
	arguments(ts, neg, args, 1, usage)
	w := worldOf(ts)
	switch {
	case args[0] == "start":
		cloud, err := awsfake.New(awsfake.Options{})
		ts.Check(err)
		w.aws = cloud
		cloud.AddUser("ci-deployer")
		cloud.AddAccessKey("ci-deployer", leakedKey, "not-used-by-anybody")
		operator := cloud.Operator()
		ts.Setenv("FB_AWS_URL", cloud.URL())
		ts.Setenv("AWS_ACCESS_KEY_ID", operator.AccessKeyID)
		ts.Setenv("AWS_SECRET_ACCESS_KEY", operator.SecretAccessKey)
	case args[0] == "second":
		w.aws.AddAccessKey("ci-deployer", secondKey, "not-used-by-anybody")
	case args[0] == "key" && len(args) == 3:
		if got := w.aws.KeyStatus(args[2]); got != args[1] {
			ts.Fatalf("key %s is %q, want %q", args[2], got, args[1])
		}
	case args[0] == "deny" && len(args) == 2:
		w.aws.Inject(awsfake.Denied(args[1]))
	case args[0] == "forbid" && len(args) == 2:
		w.aws.SetInlinePolicy("user", "firebreak-operator", "forbidden", fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":%q,"Resource":"*"}]}`, args[1]))
	case args[0] == "heal":
		w.aws.Heal()
	case args[0] == "key" && len(args) == 2:
		if got := w.aws.KeyStatus(leakedKey); got != args[1] {
			ts.Fatalf("the key is %q, want %q", got, args[1])
		}
	case args[0] == "unchanged":
		if len(w.aws.Calls()) == 0 {
			ts.Fatalf("AWS was not called at all, so this shows nothing")
		}
		for _, call := range w.aws.Calls() {
			_, verb, _ := strings.Cut(call.Operation, ":")
			if !strings.HasPrefix(verb, "Get") && !strings.HasPrefix(verb, "List") && verb != "SimulatePrincipalPolicy" {
				ts.Fatalf("AWS was changed: %s", call.Operation)
			}
		}
	case args[0] == "changed" && len(args) == 3:
		if got := strconv.Itoa(w.aws.Count(args[1])); got != args[2] {
			ts.Fatalf("%s was called %s times, want %s", args[1], got, args[2])
		}
	default:
		ts.Fatalf("usage: %s", usage)
	}
}

func playSlack(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "slack start | down | up | type WHO TEXT | shows TEXT"
	arguments(ts, neg, args, 1, usage)
	w := worldOf(ts)
	switch {
	case args[0] == "start":
		var scopes []string
		for _, s := range slack.Scopes() {
			scopes = append(scopes, s.Name)
		}
		ws := slackfake.New(slackfake.Options{Commands: []string{"/incident"}, Scopes: scopes})
		ws.AddUser(slackfake.User{ID: "U0001", Name: "alice"})
		ws.AddUser(slackfake.User{ID: "U0002", Name: "bob"})
		ws.AddChannel(slackfake.Channel{ID: "C0001", Name: "security", Members: []string{"U0001", "U0002", ws.App.BotUserID}})
		ts.Check(ws.Start())
		w.slack = ws
		ts.Setenv("FB_SLACK_URL", ws.APIURL())
		ts.Setenv("SLACK_BOT_TOKEN", ws.App.BotToken)
		ts.Setenv("SLACK_APP_TOKEN", ws.App.AppToken)
	case args[0] == "down", args[0] == "up":
		w.slack.Down(args[0] == "down")
	case args[0] == "type" && len(args) == 3:
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		ts.Check(w.slack.Wait(ctx, func(s *slackfake.State) bool { return s.Sockets() > 0 }))
		ts.Check(w.slack.User(args[1]).In("security").Type(args[2]).Err)
	case args[0] == "shows" && len(args) == 2:
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		ts.Check(w.slack.Wait(ctx, func(s *slackfake.State) bool { return strings.Contains(s.Transcript(), args[1]) }))
	default:
		ts.Fatalf("usage: %s", usage)
	}
}

// passed on from the script to a server; a script's whole environment cannot be read.
var passed = []string{
	"PATH", "HOME", "TMPDIR", "FIREBREAK_CONFIG", "AWS_EC2_METADATA_DISABLED", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
	"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "GOCOVERDIR", "GORACE",
}

// server runs firebreak serve beside the script; what it says is in server.out
// and server.err.
func server(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "server start | stop CODE | wait CODE"
	arguments(ts, neg, args, 1, usage)
	w := worldOf(ts)
	switch {
	case args[0] == "start" && w.server == nil:
		ts.Check(w.serve(ts))
	case (args[0] == "stop" || args[0] == "wait") && len(args) == 2 && w.server != nil:
		if args[0] == "stop" {
			ts.Check(w.server.Process.Signal(syscall.SIGTERM))
		}
		late := time.AfterFunc(patience, func() { _ = w.server.Process.Kill() })
		err := <-w.ended
		late.Stop()
		w.server = nil
		if got := strconv.Itoa(exitCode(ts, err)); got != args[1] {
			ts.Fatalf("the server ended with %s, want %s; it said:\n%s", got, args[1], ts.ReadFile("server.err"))
		}
	default:
		ts.Fatalf("usage: %s", usage)
	}
}

func (w *world) serve(ts *testscript.TestScript) error {
	stderr, err := os.Create(ts.MkAbs("server.err"))
	if err != nil {
		return err
	}
	defer stderr.Close()
	path := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if name := filepath.Join(dir, "firebreak"); path == "" && filepath.IsAbs(name) {
			if _, err := os.Stat(name); err == nil {
				path = name
			}
		}
	}
	c := exec.Command(path, "serve")
	c.Dir, c.Stderr = ts.MkAbs("."), stderr
	for _, name := range passed {
		if v := ts.Getenv(name); v != "" {
			c.Env = append(c.Env, name+"="+v)
		}
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(stdout)
	ready := lines.Scan()
	if err := os.WriteFile(ts.MkAbs("server.out"), []byte(lines.Text()+"\n"), 0o600); err != nil {
		return err
	}
	if !ready {
		return fmt.Errorf("the server did not start (%v): %s", c.Wait(), ts.ReadFile("server.err"))
	}
	w.server, w.ended = c, make(chan error, 1)
	go func() { w.ended <- c.Wait() }()
	return nil
}

// readsJSON walks along a path such as steps.0.id; a number counts in a list.
func readsJSON(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, "json PATH [PATTERN]")
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &v); err != nil {
		ts.Fatalf("standard output is not JSON: %v", err)
	}
	for word := range strings.SplitSeq(args[0], ".") {
		ok := word == ""
		switch in := v.(type) {
		case map[string]any:
			if word != "" {
				v, ok = in[word]
			}
		case []any:
			if i, err := strconv.Atoi(word); err == nil && i < len(in) {
				v, ok = in[i], true
			}
		}
		if !ok {
			ts.Fatalf("there is no %q of %s in %v", word, args[0], v)
		}
	}
	if len(args) < 2 {
		return
	}
	text, ok := v.(string)
	if !ok {
		data, err := json.Marshal(v)
		ts.Check(err)
		text = string(data)
	}
	if !regexp.MustCompile(args[1]).MatchString(text) {
		ts.Fatalf("%s is %s, want %s", args[0], text, args[1])
	}
}

func flip(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, "flip FILE TEXT")
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	if !bytes.Contains(data, []byte(args[1])) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	changed := append([]byte{args[1][0] ^ 1}, args[1][1:]...)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt(bytes.ReplaceAll(data, []byte(args[1]), changed), 0)
	ts.Check(errors.Join(err, f.Close()))
}

func cut(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, "cut FILE BYTES")
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), info.Size()-n))
}

var place = regexp.MustCompile(`@[A-Z_]+@`)

func filled(ts *testscript.TestScript, text string) string {
	return place.ReplaceAllStringFunc(text, func(s string) string { return ts.Getenv(strings.Trim(s, "@")) })
}

func fill(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, "fill FILE...")
	for _, name := range args {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(filled(ts, ts.ReadFile(name))), 0o600))
	}
}
