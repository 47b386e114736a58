// Package demo plays one incident with the real server, for whoever wants to
// see before installing anything: no account, no network.
//
// Everything that decides and records is what runs in production: the server,
// the journal, the runbook, the AWS SDK, the Slack client. Only the two outside
// worlds are played, by slackfake and awsfake, over loopback.
//
// # Design
//
// A recording of a session was rejected: it shows what somebody wanted to show,
// and nothing would notice when it no longer happens. This one fails when the
// product does.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/chatops/slack"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

// leaked is the access key of the story, AWS's own example.
const (
	leaked = "AKIAIOSFODNN7EXAMPLE"
	owner  = "ci-deployer"
)

// marker is the file by which a folder is known as one that a demo made.
const marker = ".firebreak-demo"

// made is what a demo leaves in its folder.
var made = []string{"journal.db", "genesis.pub", "timeline.md", "timeline.json", "firebreak.yaml", "directory.yaml", "signer.key", "firebreak.sock"}

// show is one running demo.
type show struct {
	out io.Writer
	mu  sync.Mutex
	dir string
	ws  *slackfake.Workspace
	aws *awsfake.Server
	app *app.App

	channel string // of the incident
}

// Run plays the story, prints what each person sees, and leaves the journal,
// its key and the timeline in dir. It takes some seconds.
func Run(ctx context.Context, dir string, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	d := &show{out: out}
	if d.dir, err = prepare(dir); err != nil {
		return err
	}
	d.ws = workspace()
	if err := d.ws.Start(); err != nil {
		return err
	}
	defer d.ws.Close()
	if d.aws, err = awsfake.New(awsfake.Options{}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.aws.Close()) }()
	d.aws.AddUser(owner)
	d.aws.AddAccessKey(owner, leaked, "not-used-by-anybody")
	d.aws.SetLastUsed(leaked, time.Now().Add(-10*time.Minute), "s3", "eu-central-1")

	served := make(chan error, 1)
	stop, err := d.serve(ctx, served)
	if err != nil {
		return err
	}
	told := d.story(ctx)
	stop()
	return errors.Join(told, <-served)
}

// prepare makes an empty folder, or empties one that an earlier demo made.
func prepare(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the folder of the demo: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	_, ours := os.Stat(filepath.Join(dir, marker))
	if len(entries) > 0 && ours != nil {
		return "", fmt.Errorf("%s is not empty and was not made by a demo; name another folder with --out", dir)
	}
	for _, name := range made {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	return dir, os.WriteFile(filepath.Join(dir, marker), []byte("A demo of firebreak made this folder and may empty it again.\n"), 0o600)
}

// workspace is a small company's Slack.
func workspace() *slackfake.Workspace {
	ws := slackfake.New(slackfake.Options{Commands: []string{"/incident", "/firebreak"}, Scopes: scopes()})
	ws.AddUser(slackfake.User{ID: "U0001", Name: "alice", RealName: "Alice"})
	ws.AddUser(slackfake.User{ID: "U0002", Name: "bob", RealName: "Bob"})
	ws.AddUser(slackfake.User{ID: "U0003", Name: "mallory", RealName: "Mallory", Restricted: true})
	ws.AddChannel(slackfake.Channel{ID: "C0001", Name: "security", Members: []string{"U0001", "U0002", "U0003", ws.App.BotUserID}})
	return ws
}

func scopes() []string {
	var names []string
	for _, s := range slack.Scopes() {
		names = append(names, s.Name)
	}
	return names
}

const configText = `# Made by: firebreak demo
apiVersion: firebreak/v1
kind: Config
organisation: demo
store: {path: journal.db}
keys: {signer: signer.key, genesis: genesis.pub}
library: true
directory: directory.yaml
socket: firebreak.sock
slack:
  mode: http
  listen: 127.0.0.1:0
  team: T0001
  bot_token: secret://env/DEMO_BOT_TOKEN
  signing_secret: secret://env/DEMO_SIGNING_SECRET
  api_url: %s
environments:
  prod:
    account: "%s"
    region: eu-central-1
    endpoint: %s
    settle: 100ms              # the played AWS is consistent at once
    protected: ["aws.iam.user:break-glass-*"]
    approval_floor: {effect: reversible, from: [group:security-leads], quorum: 1}
`

const directoryText = `# Made by: firebreak demo
apiVersion: firebreak/v1
kind: Directory
people:
  - {id: alice, name: Alice, slack: T0001/U0001, roles: [commander, responder]}
  - {id: bob, name: Bob, slack: T0001/U0002, roles: [responder]}
  - {id: mallory, name: Mallory, slack: T0001/U0003}
  - {id: carol, name: Carol, slack: T0001/U0004, roles: [responder]}
groups:
  security-leads: [alice, bob]
  ciso: [bob, carol]
`

// serve writes a configuration and starts the real server with it.
func (d *show) serve(ctx context.Context, served chan error) (stop func(), err error) {
	signer, verifier, err := journal.GenerateKey(config.Origin("demo"))
	if err != nil {
		return nil, err
	}
	if err := journal.SaveSigner(filepath.Join(d.dir, "signer.key"), signer); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		"genesis.pub":    verifier + "\n",
		"firebreak.yaml": fmt.Sprintf(configText, d.ws.APIURL(), d.aws.Account(), d.aws.URL()),
		"directory.yaml": directoryText,
	} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	cfg, err := config.Load(filepath.Join(d.dir, "firebreak.yaml"))
	if err != nil {
		return nil, err
	}
	secrets := &actions.Secrets{}
	secrets.Scheme("env", func(_ context.Context, name string) (actions.Secret, error) {
		return map[string]actions.Secret{"DEMO_BOT_TOKEN": actions.NewSecret(d.ws.App.BotToken), "DEMO_SIGNING_SECRET": actions.NewSecret(d.ws.App.SigningSecret)}[name], nil
	})
	operator := d.aws.Operator()
	d.app, err = app.Open(ctx, cfg, app.Options{
		Create: true, Secrets: secrets, CardInterval: 200 * time.Millisecond,
		AWS: aws.Options{Credentials: aws.StaticCredentials(operator.AccessKeyID, actions.NewSecret(operator.SecretAccessKey))},
	})
	if err != nil {
		return nil, err
	}
	if d.app.Faults.HasErrors() {
		return nil, errors.Join(fmt.Errorf("the library has errors: %v", d.app.Faults), d.app.Close(ctx))
	}
	serving, stop := context.WithCancel(ctx)
	ready := make(chan app.Ready, 1)
	go func() {
		err := d.app.Serve(serving, func(at app.Ready) { ready <- at })
		close(ready)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		served <- errors.Join(err, d.app.Close(closing))
	}()
	at, ok := <-ready
	if !ok {
		stop()
		return nil, <-served
	}
	d.ws.App.SetEndpoints(at.HTTP+slack.CommandsPath, at.HTTP+slack.InteractionsPath, at.HTTP+slack.EventsPath)
	d.ws.Watch(d.line)
	return stop, nil
}

// line prints what somebody sees.
func (d *show) line(l slackfake.Line) {
	switch l.Kind {
	case "join", "pin", "purpose", "topic", "create", "bookmark":
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintln(d.out, indent(l.String()))
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ")
}

// tell prints a line of the narrator.
func (d *show) tell(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.out, "\n── "+format+"\n\n", args...)
}

// actor is a person of the demo, for what is done outside of Slack.
func (d *show) actor(user string) chatops.Input {
	a, _ := d.app.Config.Directory.BySlack("T0001", user)
	return chatops.Input{Actor: a}
}
