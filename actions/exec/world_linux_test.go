package exec_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/exec"
)

const canary = `xk-canary/7f3a+9c21"d4e85b60`

// world is a pinned copy of this test binary, and a directory in which it works.
type world struct {
	*testing.T
	dir, binary, sum string
	programs         map[string]exec.Program
	grace            time.Duration
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), grace: 50 * time.Millisecond}
	w.binary = filepath.Join(t.TempDir(), "tool")
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.binary, data, 0o755); err != nil {
		t.Fatal(err)
	}
	w.sum = sumOf(data)
	w.write("effect", "off")
	file := exec.File{Path: w.binary, SHA256: w.sum}
	w.programs = map[string]exec.Program{
		"tool": {File: file, Dir: w.dir, Env: []string{"TOKEN", "FROM_OUTSIDE"}, Effects: []actions.Effect{actions.Destructive}},
		"look": {File: file, Dir: w.dir, Env: []string{"TOKEN"}, Effects: []actions.Effect{actions.Read}},
	}
	return w
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (w *world) write(name, text string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
}

func (w *world) read(name string) string {
	w.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.Fatal(err)
	}
	return string(data)
}

// change makes the pinned file another one, by one byte at its end.
func (w *world) change() {
	w.Helper()
	f, err := os.OpenFile(w.binary, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString("x")
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) registry() *actions.Registry {
	w.Helper()
	var secrets actions.Secrets
	secrets.Scheme("vault", func(_ context.Context, rest string) (actions.Secret, error) {
		if rest == "short" {
			return actions.NewSecret("abc"), nil
		}
		return actions.NewSecret(canary), nil
	})
	provider, err := exec.New(exec.Options{
		Programs: w.programs, Secrets: &secrets, Grace: w.grace,
		Environ: func(name string) (string, bool) { return "the " + name + " of firebreak", name == "FROM_OUTSIDE" },
	})
	if err != nil {
		w.Fatal(err)
	}
	r := actions.NewRegistry()
	provider.Register(r)
	return r
}

// call has a key of its own: processes are found by it, those of other tests too.
func call(t *testing.T) actions.Call {
	t.Helper()
	key := actions.Key(sumOf([]byte(t.Name() + " " + strconv.Itoa(os.Getpid()))))
	return actions.Call{Key: key, Incident: "INC-12", Run: "R1", Step: "rotate", Attempt: 1, Environment: "prod", Actor: "grace@example.com", Requests: &actions.Requests{}}
}

// step is an action ready to be called.
type step struct {
	*testing.T
	handler actions.Handler
	call    actions.Call
	params  json.RawMessage
}

func (w *world) step(action string, with map[string]any) *step {
	w.Helper()
	h, _ := w.registry().Handler(action)
	params, err := json.Marshal(with)
	if err != nil {
		w.Fatal(err)
	}
	return &step{w.T, h, call(w.T), params}
}

// planned is a step after its plan.
func (w *world) planned(action string, with map[string]any) *step {
	w.Helper()
	s := w.step(action, with)
	preview, err := s.handler.Plan(w.Context(), s.call, s.params)
	if err != nil {
		w.Fatal(err)
	}
	s.call.State, s.call.Started = preview.State, time.Now()
	return s
}

// outputs are those of both actions.
type outputs struct {
	ExitCode int               `json:"exit_code"`
	Stdout   string            `json:"stdout"`
	SHA256   string            `json:"stdout_sha256"`
	Bytes    int64             `json:"stdout_bytes"`
	Values   map[string]string `json:"values"`
	Note     string            `json:"note"`
}

func (s *step) execute(ctx context.Context) (outputs, error) {
	s.Helper()
	raw, err := s.handler.Execute(ctx, s.call, s.params)
	var o outputs
	if err == nil {
		if err := json.Unmarshal(raw, &o); err != nil {
			s.Fatal(err)
		}
	}
	return o, err
}

// run executes a planned step that must work.
func (w *world) run(action string, with map[string]any) outputs {
	w.Helper()
	o, err := w.planned(action, with).execute(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return o
}

// refused is the error of a step that must fail with a class and words.
func refused(t *testing.T, err error, class actions.Class, says string) {
	t.Helper()
	if err == nil || actions.ClassOf(err) != class || !strings.Contains(err.Error(), says) {
		t.Errorf("got class %s, error %v; want %s, %q", actions.ClassOf(err), err, class, says)
	}
}

func (w *world) readBinary() string {
	w.Helper()
	data, err := os.ReadFile(w.binary)
	if err != nil {
		w.Fatal(err)
	}
	return string(data)
}
