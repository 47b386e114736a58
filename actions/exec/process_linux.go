package exec

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	osexec "os/exec"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	outputDelay = time.Second            // how long output is read on after the program has ended
	dyingDelay  = 500 * time.Millisecond // how long a killed process may take to be gone
)

// process is one program on its way.
type process struct {
	files       []*os.File // the sealed program, or interpreter and script: 3 and 4 of the child
	args        []string   // the first is the name it is called by
	env         []string
	dir         string
	stdin       []byte // nil: there is none
	out, errors io.Writer
	grace       time.Duration
}

// ending says how a program ended.
type ending struct {
	pid    int
	code   int    // -1 when a signal ended it
	signal string // "killed"
	cause  error  // why it was killed by us: the error of the context
	open   bool   // something else still held its output open
}

// sealedPath names a file of the child. The kernel opens it after the child
// has got its files, so that no number can be taken by another meanwhile.
func sealedPath(n int) string { return "/proc/self/fd/" + strconv.Itoa(3+n) }

// run starts the program and waits for its end. An error means that nothing
// was started.
//
// The thread that starts it is locked until the end, because the kernel sends
// the parent-death signal when the thread dies, not the process. The end is
// first seen without taking the child's entry away, so that its number, which
// is that of the group too, cannot belong to anybody else when the group is killed.
func (p process) run(ctx context.Context) (ending, error) {
	if err := ctx.Err(); err != nil {
		return ending{}, err
	}
	cmd := &osexec.Cmd{
		Path: sealedPath(0), Args: p.args, Env: p.env, Dir: p.dir, Stdout: p.out, Stderr: p.errors, ExtraFiles: p.files, WaitDelay: outputDelay,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	if p.stdin != nil {
		cmd.Stdin = bytes.NewReader(p.stdin)
	}
	started, exited, waited := make(chan error, 1), make(chan struct{}), make(chan error, 1)
	var group group
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		// Files that firebreak itself was started with are not for its programs. A
		// kernel before 5.11 cannot do this; our own files stay closed there too.
		_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
		err := cmd.Start()
		if err == nil {
			group.lead(cmd.Process.Pid)
		}
		started <- err
		if err != nil {
			return
		}
		awaitExit(cmd.Process.Pid)
		group.end()
		close(exited)
		waited <- cmd.Wait()
	}()
	if err := <-started; err != nil {
		return ending{}, err
	}
	end := ending{pid: cmd.Process.Pid}
	select {
	case <-exited:
	case <-ctx.Done():
		end.cause = context.Cause(ctx)
		group.signal(syscall.SIGTERM)
		timer := time.NewTimer(p.grace)
		select {
		case <-exited:
		case <-timer.C:
			group.signal(syscall.SIGKILL)
			<-exited
		}
		timer.Stop()
	}
	end.open = errors.Is(<-waited, osexec.ErrWaitDelay)
	end.code = cmd.ProcessState.ExitCode()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		end.signal = status.Signal().String()
	}
	return end, nil
}

// group is the process group of a program, as long as its number is ours.
type group struct {
	mu sync.Mutex
	id int
}

func (g *group) lead(pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.id = pid
}

// signal reaches every process of the group.
func (g *group) signal(s syscall.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.id > 0 {
		_ = syscall.Kill(-g.id, s) // the only error is that nobody is left
	}
}

// end kills what is left, and gives the number back.
func (g *group) end() {
	g.signal(syscall.SIGKILL)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.id = 0
}

// awaitExit returns when the process has ended, and leaves its entry.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// left finds processes of earlier attempts by the key in their environment,
// sorted. Those that were just killed get a moment to be gone.
func left(ctx context.Context, key string) []int {
	if key == "" {
		return nil
	}
	deadline := time.NewTimer(dyingDelay)
	defer deadline.Stop()
	tick := time.NewTicker(dyingDelay / 25)
	defer tick.Stop()
	for {
		found := withKey(key)
		if len(found) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return found
		case <-ctx.Done():
			return found
		}
	}
}

func withKey(key string) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	want := []byte("FIREBREAK_KEY=" + key)
	var found []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environ, err := os.ReadFile("/proc/" + e.Name() + "/environ") // not ours to read, or gone: not one of ours
		if err != nil {
			continue
		}
		if slices.ContainsFunc(bytes.Split(environ, []byte{0}), func(one []byte) bool { return bytes.Equal(one, want) }) {
			found = append(found, pid)
		}
	}
	slices.Sort(found)
	return found
}
