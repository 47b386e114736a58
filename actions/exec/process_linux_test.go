package exec_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// held is a named pipe that programs hold open: it ends when all of them are dead.
type held struct {
	*testing.T
	path  string
	lines chan string // closed at the end of the pipe
	pids  []int       // of those who spoke
}

func (w *world) pipe() *held {
	w.Helper()
	h := &held{T: w.T, path: filepath.Join(w.dir, "pipe"), lines: make(chan string, 100)}
	if err := syscall.Mkfifo(h.path, 0o600); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(h.killLeft)
	go func() {
		defer close(h.lines)
		f, err := os.Open(h.path) // waits for the first who writes
		if err != nil {
			return
		}
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			h.lines <- s.Text()
		}
	}()
	return h
}

// next is the next line; false at the end.
func (h *held) next() (string, bool) {
	h.Helper()
	select {
	case line, ok := <-h.lines:
		if words := strings.Fields(line); len(words) == 2 {
			if pid, err := strconv.Atoi(words[1]); err == nil {
				h.pids = append(h.pids, pid)
			}
		}
		return line, ok
	case <-time.After(20 * time.Second):
		h.Fatal("a process is still alive and says nothing")
		return "", false
	}
}

// until reads lines up to the one that begins with a word, and gives its number.
func (h *held) until(word string) int {
	h.Helper()
	for {
		line, ok := h.next()
		if !ok {
			h.Fatalf("all ended before one said %q", word)
		}
		if rest, found := strings.CutPrefix(line, word); found {
			n, _ := strconv.Atoi(strings.TrimSpace(rest))
			return n
		}
	}
}

// killLeft kills what a failed test would leave behind.
func (h *held) killLeft() {
	for _, pid := range h.pids {
		words, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		if pid > 0 && strings.Contains(string(words), h.path) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func (h *held) ends() {
	h.Helper()
	for ok := true; ok; {
		_, ok = h.next()
	}
}

// stopped runs a program that never ends, cancels it when it is ready, and
// gives the error, and what left its group.
func (w *world) stopped(what string, h *held) (escaped int, err error) {
	w.Helper()
	s := w.planned("exec.run", map[string]any{"program": "tool", "args": []string{"do:" + what, h.path}})
	ctx, cancel := context.WithCancelCause(w.Context())
	defer cancel(nil)
	child := make(chan int, 1)
	go func() {
		if what != "hold" {
			child <- h.until("child ")
		}
		h.until("ready ")
		cancel(context.DeadlineExceeded)
	}()
	_, err = s.execute(ctx)
	if what == "hold" {
		return 0, err
	}
	return <-child, err
}

// A program, and what it started, is dead after the time limit, although it
// does not listen when it is asked.
func TestTimeLimitKillsTheWholeTree(t *testing.T) {
	w := newWorld(t)
	pipe := w.pipe()
	_, err := w.stopped("tree", pipe)
	refused(t, err, actions.Unknown, "before the time limit; its processes were killed")
	pipe.until("asked")
	pipe.ends()
}

// What leaves the group is not killed, but it is named.
func TestTimeLimitNamesWhatEscapes(t *testing.T) {
	w := newWorld(t)
	pipe := w.pipe()
	escaped, err := w.stopped("daemon", pipe)
	refused(t, err, actions.Unknown, "still run: pid "+strconv.Itoa(escaped))

	s := w.planned("exec.run", rotate())
	found, _, err := s.handler.Probe(t.Context(), s.call, s.params)
	if found != actions.FoundUnknown {
		t.Errorf("got probe %q while a process of the attempt runs", found)
	}
	refused(t, err, actions.Unknown, "pid "+strconv.Itoa(escaped))
	s.call.Attempt = 2
	_, err = s.execute(t.Context())
	refused(t, err, actions.Unknown, "still runs")
	if got := w.read("effect"); got != "off" {
		t.Errorf("it ran beside the process of the earlier attempt: %s", got)
	}
	refused(t, s.handler.Undo(t.Context(), s.call, s.params, nil), actions.Unknown, "still runs")

	if err := syscall.Kill(escaped, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	pipe.ends()
	if _, err := s.execute(t.Context()); err != nil {
		t.Errorf("after it ended: %v", err)
	}
}

// A program that ends by itself leaves nothing in its group.
func TestNothingLingers(t *testing.T) {
	w := newWorld(t)
	pipe := w.pipe()
	w.run("exec.run", map[string]any{"program": "tool", "args": []string{"do:linger", pipe.path}})
	pipe.ends()
}

// When firebreak is killed, the program dies with it.
func TestCrashOfFirebreakKillsTheProgram(t *testing.T) {
	w := newWorld(t)
	pipe := w.pipe()
	firebreak := osexec.Command("/proc/self/exe", "do:firebreak", w.binary, w.sum, w.dir, pipe.path)
	if err := firebreak.Start(); err != nil {
		t.Fatal(err)
	}
	pipe.until("ready ")
	if err := firebreak.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = firebreak.Wait()
	pipe.ends()
}

// The death signal belongs to the thread that started a program. Threads end
// while programs run, and that must not kill one.
func TestEndOfThreadsKillsNoProgram(t *testing.T) {
	w := newWorld(t)
	pipe := w.pipe()
	s := w.planned("exec.run", map[string]any{"program": "tool", "args": []string{"do:hold", pipe.path}})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := s.execute(ctx)
		failed <- err
	}()
	pipe.until("ready ")
	endThreads(50)
	select {
	case err := <-failed:
		t.Fatalf("the program ended with the thread: %v", err)
	default:
	}
	cancel()
	refused(t, <-failed, actions.Unknown, "cancelled")
	pipe.ends()
}

func TestNothingStartsAfterTheTimeLimit(t *testing.T) {
	w := newWorld(t)
	s := w.planned("exec.run", rotate())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.execute(ctx)
	refused(t, err, actions.Transient, "nothing was run")
	if got := w.read("effect"); got != "off" {
		t.Errorf("it ran: %s", got)
	}
}

// What a program sees: its own words, the listed names, its directory, and no
// file of ours but itself.
func TestWhatAProgramSees(t *testing.T) {
	w := newWorld(t)
	t.Setenv("UNLISTED", "of the test")
	inherited, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0) // as one that firebreak was started with
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(inherited)
	o := w.run("exec.run", map[string]any{
		"program": "tool", "args": []string{"do:see", "$HOME", "; reboot", "*", ""}, "env": map[string]string{"TOKEN": "secret://vault/token"},
	})
	want := map[string]string{
		"dir": w.dir, "args": `["$HOME" "; reboot" "*" ""]`, "fds": "3 /memfd:tool (deleted)",
		"env": "FIREBREAK_ATTEMPT=1\nFIREBREAK_INCIDENT=INC-12\nFIREBREAK_KEY=" + string(call(t).Key) + "\nFIREBREAK_RUN=R1\nFIREBREAK_STEP=rotate\nFROM_OUTSIDE=the FROM_OUTSIDE of firebreak\nTOKEN=[secret]",
	}
	for name, value := range want {
		if o.Values[name] != value {
			t.Errorf("%s: got %q, want %q", name, o.Values[name], value)
		}
	}
}

func TestStdin(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name string
		with map[string]any
		want string
	}{
		{"none", map[string]any{}, ""},
		{"text", map[string]any{"stdin": "a\nb"}, "a\nb"},
		{"params", map[string]any{"params": map[string]string{"user": "bob", "reason": `"leak"`}}, `{"reason":"\"leak\"","user":"bob"}` + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.with["program"], test.with["args"], test.with["output"] = "look", []string{"do:cat"}, true
			if got := w.run("exec.read", test.with).Stdout; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A reading that was cut short had no effect, and may be made again.
func TestTimeLimitOfARead(t *testing.T) {
	w := newWorld(t)
	pipe := w.pipe()
	s := w.planned("exec.read", map[string]any{"program": "look", "args": []string{"do:hold", pipe.path}})
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		pipe.until("ready ")
		cancel(context.DeadlineExceeded)
	}()
	_, err := s.execute(ctx)
	refused(t, err, actions.Transient, "time limit")
	pipe.ends()
}

func TestStateIsNeeded(t *testing.T) {
	w := newWorld(t)
	s := w.step("exec.run", rotate())
	_, err := s.execute(t.Context())
	refused(t, err, actions.Precondition, "captured no state")
	s.call.State = json.RawMessage(`{"program":"another"}`)
	_, err = s.execute(t.Context())
	refused(t, err, actions.Precondition, "another content")
	if errors.Is(err, context.Canceled) || w.read("effect") != "off" {
		t.Error("it ran with another program than the one that was planned")
	}
}

// endThreads lets n threads of this process end: a goroutine that is locked to
// its thread takes it along.
func endThreads(n int) {
	for range n {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { runtime.LockOSThread() })
		}
		wg.Wait()
	}
}
