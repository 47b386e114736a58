package awstest

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
)

// Emulator is a running stand-in for AWS.
type Emulator struct {
	Name    string // "awsfake" or "moto"
	Account string
	start   func(t *testing.T) (url string, keys, auditor awsfake.Credentials)
	why     string // why it does not run; empty: it does
}

// Start gives all emulators. Those that need a process run until t ends.
func Start(t *testing.T) []*Emulator {
	t.Helper()
	return []*Emulator{fake(awsfake.Options{}), moto(t)}
}

// Moto gives moto alone, for services that awsfake does not have. It runs until
// t ends.
func Moto(t *testing.T) *Emulator {
	t.Helper()
	return moto(t)
}

// Fake gives the emulator of this repository, with options of its own.
func Fake(options awsfake.Options) *Emulator { return fake(options) }

func fake(options awsfake.Options) *Emulator {
	return &Emulator{Name: "awsfake", Account: "111122223333", start: func(t *testing.T) (string, awsfake.Credentials, awsfake.Credentials) {
		cloud, err := awsfake.New(options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cloud.Close() })
		return cloud.URL(), cloud.Operator(), cloud.Auditor()
	}}
}

// moto starts moto_server. It makes up its account, and accepts any key.
func moto(t *testing.T) *Emulator {
	t.Helper()
	e := &Emulator{Name: "moto", Account: "123456789012"}
	path, err := exec.LookPath("moto_server")
	if err != nil {
		e.why = "moto_server is not installed, so this was not tested against moto; get it with: pip install 'moto[server]'"
		return e
	}
	url, ended := launch(t, path)
	answered := false
	e.start = func(t *testing.T) (string, awsfake.Credentials, awsfake.Credentials) {
		// Asking again is no use: moto cannot answer this once it has a database.
		if !answered {
			ready(t, url, ended)
			answered = true
		}
		post(t, url+"/moto-api/reset")
		return url, awsfake.Credentials{AccessKeyID: "AKIAMOTOOPERATOR0000", SecretAccessKey: "moto-operator-secret"},
			awsfake.Credentials{AccessKeyID: "AKIAMOTOAUDITOR00000", SecretAccessKey: "moto-auditor-secret"}
	}
	return e
}

// limit is how long moto may take to start on a busy machine.
const limit = 3 * time.Minute

// launch starts a server that ends with t. Others can run while it gets ready.
func launch(t *testing.T, path string) (url string, ended <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, path, "-H", host, "-p", port)
	// What points the SDK under test at its emulator would confuse moto's own SDK.
	command.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	// Reading a thousand images after each reset takes longer than most tests.
	command.Env = append(command.Env, "MOTO_EC2_LOAD_DEFAULT_AMIS=false")
	var output strings.Builder
	command.Stdout, command.Stderr = &output, &output
	command.WaitDelay = 5 * time.Second
	if err := command.Start(); err != nil {
		stop()
		t.Fatalf("start moto_server: %v", err)
	}
	done := make(chan struct{})
	go func() { _ = command.Wait(); close(done) }()
	t.Cleanup(func() {
		stop()
		<-done
		if t.Failed() {
			t.Logf("moto_server said:\n%s", tail(output.String(), 4000))
		}
	})
	return "http://" + net.JoinHostPort(host, port), done
}

// ready waits until the server answers.
func ready(t *testing.T, url string, ended <-chan struct{}) {
	t.Helper()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		answer, err := http.Get(url + "/moto-api/") // data.json takes seconds once there are machines
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ended:
			t.Fatal("moto_server ended before it was ready")
		case <-late.C:
			t.Fatalf("moto_server was not ready after %s", limit)
		case <-tick.C:
		}
	}
}

// tail is the end of a long text.
func tail(s string, n int) string { return s[max(0, len(s)-n):] }

func post(t *testing.T, url string) {
	t.Helper()
	answer, err := http.Post(url, "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %s", url, answer.Status)
	}
}

// World gives an empty world in the emulator. It skips the test when the
// emulator is not there, or fails it when it must be.
func (e *Emulator) World(t *testing.T) *World {
	t.Helper()
	if e.why != "" {
		if os.Getenv("FIREBREAK_REQUIRE_EMULATOR") == "1" {
			t.Fatal(e.why)
		}
		t.Skip(e.why)
	}
	url, keys, auditor := e.start(t)
	return newWorld(e, NewProxy(t, url), url, keys, auditor)
}
