package slack_test

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/chatops/slack"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// golden compares with a file of testdata, or writes it with -rewrite.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is another one now; look at it, then run go test -rewrite\n%s", path, got)
	}
}

func TestManifest(t *testing.T) {
	golden(t, "manifest-socket.json", slack.Manifest(slack.ManifestOptions{}))
	golden(t, "manifest-http.json", slack.Manifest(slack.ManifestOptions{Name: "Break glass", Word: "fire", URL: "https://fire.example.com/"}))
}

func TestCheckScopes(t *testing.T) {
	if got := slack.CheckScopes(scopes()); len(got) != 0 {
		t.Errorf("missing %v", got)
	}
	got := slack.CheckScopes(scopes()[1:])
	if len(got) != 1 || got[0].Name != "channels:history" || got[0].Why == "" {
		t.Errorf("missing %v", got)
	}
}

func findings(found []slack.Finding) string {
	var lines []string
	for _, f := range found {
		mark := "ok"
		if !f.OK {
			mark = "BAD"
		}
		lines = append(lines, mark+" "+f.Check+": "+f.Detail)
	}
	return strings.Join(lines, "\n")
}

func TestDoctor(t *testing.T) {
	w := newWorld(t, socketMode)
	if got := findings(w.a.Doctor(t.Context())); strings.Contains(got, "BAD") || !strings.Contains(got, "app token") {
		t.Errorf("all is well, but:\n%s", got)
	}
	w.ws.App.SetScopes("commands", "chat:write")
	has(t, findings(w.a.Doctor(t.Context())), "BAD scopes: not granted: channels:history (find")
	w.ws.FailNext("auth.test", 1, slackfake.APIError("token_revoked"))
	has(t, findings(w.a.Doctor(t.Context())), "BAD bot token: slack auth.test: token_revoked; install the app again")
}

func TestDoctorSeesAWrongWorkspaceAndAWrongClock(t *testing.T) {
	w := newWorld(t, func(_ *slackfake.Options, o *slackOptions) {
		o.TeamID = "T0002"
		o.Now = func() time.Time { return time.Now().Add(time.Hour) }
	})
	got := findings(w.a.Doctor(t.Context()))
	has(t, got, "BAD workspace: the token is of the workspace T0001, but T0002 is configured")
	has(t, got, "BAD clock: 1h0m")
	if err := w.a.Run(t.Context()); err == nil {
		t.Error("it runs in another workspace than the configured one")
	}
}

func TestRunEndsWhenTheAppTokenIsRefused(t *testing.T) {
	w := newWorld(t)
	opt := w.opt
	opt.AppToken = actions.NewSecret("xapp-wrong")
	a, err := slack.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err = a.Run(ctx)
	if f, ok := errors.AsType[*slack.Fault](err); !ok || f.Class != slack.FaultAuth {
		t.Errorf("Run: %v", err)
	}
	if _, err := a.Post(t.Context(), w.look("INC-7"), "card"); err != nil {
		t.Errorf("what is owed to Slack is not sent any more: %v", err)
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	for want, spoil := range map[string]func(*slack.Options){
		"bot token":      func(o *slack.Options) { o.BotToken = actions.Secret{} },
		"team id":        func(o *slack.Options) { o.TeamID = "" },
		"signing secret": func(o *slack.Options) { o.SigningSecret = actions.Secret{} },
		"directory":      func(o *slack.Options) { o.Directory = nil },
		"renderer":       func(o *slack.Options) { o.Renderer.Ask = nil },
		"address":        func(o *slack.Options) { o.APIURL = "slack.com" },
	} {
		opt := w.opt
		spoil(&opt)
		if _, err := slack.New(opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error about the %s, got %v", want, err)
		}
	}
}

// TestNothingSecretIsSaid makes everything fail that can, and searches the
// logs and errors for what nobody may read.
func TestNothingSecretIsSaid(t *testing.T) {
	bot, app, sign := "xoxb-"+rand.Text(), "xapp-"+rand.Text(), rand.Text()
	w := newWorld(t, socketMode, func(f *slackfake.Options, _ *slackOptions) {
		f.BotToken, f.AppToken, f.SigningSecret = bot, app, sign
	})
	secrets := []string{bot, app, sign}
	var said strings.Builder
	note := func(err error) {
		if err != nil {
			said.WriteString(err.Error() + "\n")
		}
	}
	for _, fault := range []slackfake.Fault{slackfake.Drop(), slackfake.HTTPError(500), slackfake.APIError("invalid_auth"), slackfake.APIError("missing_scope")} {
		for _, method := range []string{"users.info", "response_url", "chat.postEphemeral", "chat.postMessage", "conversations.info", "conversations.create", "auth.test"} {
			w.ws.FailNext(method, 1, fault)
			d := w.ws.User("alice").In("ops").Type("/incident note x")
			secrets = append(secrets, d.ResponseURL)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			_, err := w.a.Post(ctx, w.look("INC-7"), "card")
			note(err)
			_, err = w.a.OpenChannel(ctx, w.look("INC-7"))
			note(err)
			cancel()
			said.WriteString(findings(w.a.Doctor(t.Context())))
			w.ws.ClearFaults()
		}
	}
	w.ws.Disconnect("warning")
	all := said.String() + w.log.String()
	if !strings.Contains(all, "level=DEBUG") || !strings.Contains(all, "invalid_auth") {
		t.Fatalf("nothing was said, so nothing was searched:\n%s", all)
	}
	for _, s := range append(secrets, "/hooks/", "ticket=") {
		if s != "" && strings.Contains(all, s) {
			t.Errorf("%q is in:\n%s", s, all)
		}
	}
}
