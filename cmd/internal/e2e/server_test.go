package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/chatops/slack"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

// patience is how long anything may take on a slow machine.
const patience = 60 * time.Second

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "firebreak-e2e-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "firebreak")
	out, err := exec.Command("go", "build", "-o", bin, "../../firebreak").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build firebreak: %w\n%s", err, out)
	}
	return bin, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if bin, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(bin))
	}
	os.Exit(code)
}

// stage is everything a story needs: a Slack, a cloud, a folder, and the server.
type stage struct {
	t     *testing.T
	bin   string
	dir   string
	ws    *slackfake.Workspace
	cloud *awstest.World
	key   string // the leaked one
	port  string
	env   []string

	server  *exec.Cmd
	log     *lockedBuffer
	channel string   // of the incident
	release []func() // what a trap of Slack holds
}

const owner = "ci-deployer"

// newStage sets everything up and starts the server.
func newStage(t *testing.T, emulator *awstest.Emulator, socket bool, directory ...string) *stage {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, bin: bin, dir: t.TempDir(), cloud: emulator.World(t), log: &lockedBuffer{}}
	if err := os.Chmod(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.cloud.User(t, "/", owner)
	s.key, _ = s.cloud.AccessKey(t, owner)

	var scopes []string
	for _, scope := range slack.Scopes() {
		scopes = append(scopes, scope.Name)
	}
	s.ws = slackfake.New(slackfake.Options{Commands: []string{"/incident", "/firebreak"}, Scopes: scopes, SocketMode: socket})
	for id, name := range map[string]string{"U0001": "alice", "U0002": "bob", "U0003": "carol", "U0009": "mallory"} {
		s.ws.AddUser(slackfake.User{ID: id, Name: name, Restricted: name == "mallory"})
	}
	s.ws.AddChannel(slackfake.Channel{ID: "C1", Name: "security", Members: []string{"U0001", "U0002", "U0003", "U0009", s.ws.App.BotUserID}})
	if err := s.ws.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.ws.Close)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, s.port, _ = net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.env = append(os.Environ(),
		"SLACK_BOT_TOKEN="+s.ws.App.BotToken, "SLACK_APP_TOKEN="+s.ws.App.AppToken, "SLACK_SIGNING_SECRET="+s.ws.App.SigningSecret,
		"AWS_ACCESS_KEY_ID="+s.cloud.Credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+s.cloud.Credentials.SecretAccessKey,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")

	s.run(0, "init", s.dir, "--organisation", "e2e", "--account", s.cloud.Account)
	dir := directoryText
	if len(directory) > 0 {
		dir = directory[0]
	}
	s.write("firebreak.yaml", fmt.Sprintf(configText, slackText(socket, s.port, s.ws.APIURL()), s.cloud.Account, s.cloud.Proxy.URL))
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s.write("directory.yaml", fmt.Sprintf(dir, me.Username))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the server:\n%s", s.log)
		}
	})
	s.start()
	return s
}

const configText = `apiVersion: firebreak/v1
kind: Config
organisation: e2e
store: {path: var/journal.db}
keys: {signer: keys/signer.key, genesis: keys/genesis.pub}
library: true
runbooks: [runbooks]
directory: directory.yaml
socket: var/firebreak.sock
%s
environments:
  prod:
    account: "%s"
    region: eu-central-1
    endpoint: %s
    settle: 50ms
`

func slackText(socket bool, port, api string) string {
	if socket {
		return "slack: {mode: socket, team: T0001, bot_token: secret://env/SLACK_BOT_TOKEN, app_token: secret://env/SLACK_APP_TOKEN, api_url: " + api + "}"
	}
	return "slack: {mode: http, listen: 127.0.0.1:" + port + ", team: T0001, bot_token: secret://env/SLACK_BOT_TOKEN, signing_secret: secret://env/SLACK_SIGNING_SECRET, api_url: " + api + "}"
}

const directoryText = `apiVersion: firebreak/v1
kind: Directory
people:
  - {id: alice, name: Alice, slack: T0001/U0001, os_user: "%s", roles: [commander, responder]}
  - {id: bob, name: Bob, slack: T0001/U0002, roles: [responder]}
  - {id: carol, name: Carol, slack: T0001/U0003, roles: [responder]}
  - {id: mallory, name: Mallory, slack: T0001/U0009}
groups:
  security-leads: [alice, bob]
  ciso: [bob]
`

func (s *stage) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// start starts the server and waits until it is ready.
func (s *stage) start() {
	s.t.Helper()
	cmd := exec.Command(s.bin, "serve", "--config", filepath.Join(s.dir, "firebreak.yaml"))
	cmd.Env, cmd.Stderr = s.env, s.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.server = cmd
	s.t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.Contains(line, "ready") {
		_ = cmd.Wait()
		s.t.Fatalf("the server did not get ready: %q, %v\n%s", line, err, s.log)
	}
	base := "http://127.0.0.1:" + s.port
	if strings.Contains(line, base) {
		s.ws.App.SetEndpoints(base+slack.CommandsPath, base+slack.InteractionsPath, base+slack.EventsPath)
		return
	}
	s.wait("the sockets", func(w *slackfake.State) bool { return w.Sockets() > 0 })
}

// kill ends the server as a power cut would.
func (s *stage) kill() {
	s.t.Helper()
	if err := s.server.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	_ = s.server.Wait() // it was killed, and says so
}

// stop ends the server as its supervisor would.
func (s *stage) stop() {
	s.t.Helper()
	if err := s.server.Process.Signal(os.Interrupt); err != nil {
		s.t.Fatal(err)
	}
	if err := s.server.Wait(); err != nil {
		s.t.Fatalf("the server did not stop well: %v\n%s", err, s.log)
	}
}

// run runs one command to its end, wants an exit code and gives what it wrote.
func (s *stage) run(code int, args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.bin, args...)
	cmd.Env, cmd.Dir = append(s.env, "FIREBREAK_CONFIG="+filepath.Join(s.dir, "firebreak.yaml")), s.dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got, err = exit.ExitCode(), nil
	}
	if err != nil || got != code {
		s.t.Fatalf("firebreak %s: exit code %d, want %d; %v\n%s%s", strings.Join(args, " "), got, code, err, out.String(), errs.String())
	}
	return out.String()
}

// wait waits until the workspace shows something.
func (s *stage) wait(what string, ok func(*slackfake.State) bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if err := s.ws.Wait(ctx, ok); err != nil {
		s.t.Fatalf("waiting for %s: %v", what, err)
	}
}

// lockedBuffer is a bytes.Buffer for two goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
