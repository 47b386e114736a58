package exec_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	osexec "os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/exec"
)

// TestMain makes this binary the program that the tests pin and run.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch what, isProgram := strings.CutPrefix(os.Args[1], "do:"); {
		case isProgram:
			os.Exit(program(what, os.Args[2:]))
		case strings.HasPrefix(os.Args[1], "/proc/self/fd/"):
			os.Exit(interpret(os.Args[1], os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

func program(what string, args []string) int {
	switch what {
	case "apply":
		return apply()
	case "revert":
		put("effect", "off")
	case "is-on", "is-off":
		babble(os.Stdout)
		if fault := get("check-fault"); fault != "" {
			code, _ := strconv.Atoi(fault)
			return code
		}
		if "is-"+get("effect") != what {
			return 1
		}
	case "owner":
		if get("fault") != "" {
			return apply()
		}
		fmt.Println(`{"owner": "grace", "keys": 2, "leaked": true, "nothing": null, "token": ` + strconv.Quote(os.Getenv("TOKEN")) + `}`)
	case "say":
		fmt.Print(args[0])
	case "babble":
		babble(os.Stdout)
	case "letters":
		fmt.Print(`{"token": "`)
		for _, r := range os.Getenv("TOKEN") {
			fmt.Printf(`\u%04x`, r)
		}
		fmt.Print(`"}`)
	case "see":
		dir, _ := os.Getwd()
		env := os.Environ()
		slices.Sort(env)
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"dir": dir, "env": strings.Join(env, "\n"), "args": fmt.Sprintf("%q", args), "fds": files()})
	case "cat":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "flood":
		fmt.Print(strings.Repeat("é", 40_000), os.Getenv("TOKEN"))
		fmt.Print(strings.Repeat("x", 100_000))
	case "hold", "tree", "linger", "daemon":
		return hold(what, args[0])
	case "firebreak":
		return firebreak(args[0], args[1], args[2], args[3])
	}
	return 0
}

func apply() int {
	babble(os.Stderr)
	switch get("fault") {
	case "retry":
		return 75
	case "denied":
		return 77
	case "fails":
		return 3
	case "crashes":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	put("effect", "on")
	if get("fault") == "crashes after" {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return 0
}

// babble gives the secret away in every usual form.
func babble(w io.Writer) {
	token := os.Getenv("TOKEN")
	if token == "" {
		return
	}
	quoted, _ := json.Marshal(token)
	fmt.Fprintln(w, token, hex.EncodeToString([]byte(token)), url.QueryEscape(token), string(quoted), base64.StdEncoding.EncodeToString([]byte(token)))
	for _, before := range []string{"a", "ab", "abc"} {
		fmt.Fprintln(w, base64.StdEncoding.EncodeToString([]byte(before+token+" and more")))
	}
}

// hold keeps a pipe open, and lets a child do so too; it ends when it is killed.
func hold(what, pipe string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	f, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		return 9
	}
	if what != "hold" {
		child := osexec.Command("/proc/self/exe", "do:hold", pipe)
		child.Stdout = os.Stdout
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: what == "daemon"}
		ready, err := child.StderrPipe()
		if err != nil || child.Start() != nil {
			return 9
		}
		if _, err := ready.Read(make([]byte, 1)); err != nil {
			return 9
		}
		fmt.Fprintf(f, "child %d\n", child.Process.Pid)
	}
	fmt.Fprintf(f, "ready %d\n", os.Getpid())
	fmt.Fprintln(os.Stderr, "ready")
	if what == "linger" {
		return 0
	}
	for range signals { // asked to end, and it does not
		fmt.Fprintln(f, "asked")
	}
	return 0
}

// firebreak is a process that runs a program that holds a pipe, and waits.
func firebreak(binary, sum, dir, pipe string) int {
	provider, err := exec.New(exec.Options{Programs: map[string]exec.Program{
		"tool": {File: exec.File{Path: binary, SHA256: sum}, Dir: dir, Effects: []actions.Effect{actions.Destructive}},
	}})
	if err != nil {
		return 9
	}
	r := actions.NewRegistry()
	provider.Register(r)
	h, _ := r.Handler("exec.run")
	c := actions.Call{Key: "crash", Incident: "INC-12", Run: "R1", Step: "rotate", Attempt: 1}
	params := json.RawMessage(`{"program":"tool","args":["do:hold",` + strconv.Quote(pipe) + `]}`)
	preview, err := h.Plan(context.Background(), c, params)
	if err != nil {
		return 9
	}
	c.State = preview.State
	_, err = h.Execute(context.Background(), c, params)
	fmt.Println(err)
	return 9
}

// interpret is this binary as the interpreter of a script.
func interpret(script string, args []string) int {
	data, err := os.ReadFile(script)
	if err != nil {
		return 9
	}
	fmt.Printf("%q with %q", data, args)
	return 0
}

// files lists what is open besides the standard three, and what the runtime has opened since.
func files() string {
	entries, _ := os.ReadDir("/proc/self/fd")
	var open []string
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if n, _ := strconv.Atoi(e.Name()); err == nil && n > 2 && !strings.HasPrefix(to, "/proc/") && !strings.HasPrefix(to, "/sys/") && !strings.HasPrefix(to, "anon_inode:") {
			open = append(open, e.Name()+" "+to)
		}
	}
	return strings.Join(open, "\n")
}

func get(name string) string {
	data, _ := os.ReadFile(name)
	return string(data)
}

func put(name, text string) {
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		os.Exit(9)
	}
}
