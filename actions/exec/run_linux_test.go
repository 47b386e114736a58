package exec_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/exec"
)

// with is rotate with some words changed; nil takes one away.
func with(changes map[string]any) map[string]any {
	p := rotate()
	maps.Copy(p, changes)
	maps.DeleteFunc(p, func(_ string, v any) bool { return v == nil })
	return p
}

func TestPlanRefuses(t *testing.T) {
	for _, test := range []struct {
		name  string
		with  map[string]any
		class actions.Class
		says  string
	}{
		{"unknown program", map[string]any{"program": "nmap"}, actions.NotFound, `"nmap" is not in the configuration; known: look, tool`},
		{"path", map[string]any{"program": "/bin/sh"}, actions.Invalid, "does not match"},
		{"program of another effect", map[string]any{"program": "look"}, actions.Denied, `may not be used for the effect "destructive"`},
		{"verify of another effect", map[string]any{"verify": map[string]any{"program": "tool"}}, actions.Denied, `may not be used for the effect "read"`},
		{"undo of another effect", map[string]any{"undo": map[string]any{"program": "look"}}, actions.Denied, "destructive"},
		{"secret in arguments", map[string]any{"args": []string{"--token=secret://vault/token"}}, actions.Invalid, "args.0: holds a reference to a secret"},
		{"secret in the arguments of verify", map[string]any{"verify": map[string]any{"program": "look", "args": []string{"a", "secret://vault/token"}}}, actions.Invalid, "verify.args.1: holds a reference"},
		{"secret on stdin", map[string]any{"stdin": "secret://vault/token"}, actions.Invalid, "stdin: holds a reference"},
		{"secret in params", map[string]any{"params": map[string]string{"a": "secret://vault/token"}}, actions.Invalid, "params.a: holds a reference"},
		{"secret with text around it", map[string]any{"env": map[string]string{"TOKEN": "Bearer secret://vault/token"}}, actions.Invalid, "other text around it"},
		{"variable that is not listed", map[string]any{"env": map[string]string{"PATH": "/tmp"}}, actions.Invalid, `env.PATH: is not in the list of the program "tool" (its list: FROM_OUTSIDE, TOKEN)`},
		{"NUL", map[string]any{"args": []string{"a\x00b"}}, actions.Invalid, "NUL"},
		{"stdin and params", map[string]any{"stdin": "a", "params": map[string]string{"a": "b"}}, actions.Invalid, "give one of them"},
		{"too long arguments", map[string]any{"args": []string{strings.Repeat("x", 9000)}}, actions.Invalid, "9000 bytes"},
		{"too many arguments", map[string]any{"args": make([]string, 257)}, actions.Invalid, "257 arguments"},
		{"too long stdin", map[string]any{"stdin": strings.Repeat("x", 65537)}, actions.Invalid, "more than 65536 bytes"},
		{"no exit code", map[string]any{"exit": map[string]any{"retry": []int{256}}}, actions.Invalid, "256 is no exit code"},
		{"exit code twice", map[string]any{"exit": map[string]any{"retry": []int{0}}}, actions.Invalid, "exit.retry: the code 0 is in ok already"},
		{"unknown class", map[string]any{"exit": map[string]any{"maybe": []int{1}}}, actions.Invalid, "not known here"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newWorld(t).step("exec.run", with(test.with))
			_, err := s.handler.Plan(t.Context(), s.call, s.params)
			refused(t, err, test.class, test.says)
		})
	}
}

// A step that sets PATH would choose what a pinned script starts. The program
// may have it all the same, as firebreak has it.
func TestStepCannotSetPath(t *testing.T) {
	w := newWorld(t)
	for name, program := range w.programs {
		program.Env = append(program.Env, "PATH")
		w.programs[name] = program
	}
	s := w.step("exec.run", with(map[string]any{"env": map[string]string{"PATH": w.dir}}))
	_, err := s.handler.Plan(t.Context(), s.call, s.params)
	refused(t, err, actions.Invalid, "env.PATH: decides which other programs")
	s = w.step("exec.run", rotate())
	if _, err := s.handler.Plan(t.Context(), s.call, s.params); err != nil {
		t.Errorf("with PATH from outside: %v", err)
	}
}

func TestSecretsThatCannotBeUsed(t *testing.T) {
	w := newWorld(t)
	for ref, want := range map[string]struct {
		class actions.Class
		says  string
	}{
		"secret://env/NOT_SET_ANYWHERE": {actions.Denied, "is not set"},
		"secret://vault/short":          {actions.Precondition, "fewer than 6 characters"},
	} {
		s := w.planned("exec.run", with(map[string]any{"env": map[string]string{"TOKEN": ref}, "verify": nil}))
		_, err := s.execute(t.Context())
		refused(t, err, want.class, want.says)
	}
	if got := w.read("effect"); got != "off" {
		t.Errorf("it ran without its secret: %s", got)
	}
}

func TestPreview(t *testing.T) {
	w := newWorld(t)
	plan := func(p map[string]any) actions.Preview {
		s := w.step("exec.run", p)
		preview, err := s.handler.Plan(t.Context(), s.call, s.params)
		if err != nil {
			t.Fatal(err)
		}
		return preview
	}
	preview := plan(with(map[string]any{"args": []string{"do:apply", "a b"}, "stdin": "12345"}))
	want := `Program "tool" is run: tool "do:apply" "a b" (` + w.binary + `, SHA-256 ` + w.sum[:12] + `…). It reads 5 bytes on stdin. Set in its environment: TOKEN.`
	if len(preview.Changes) != 1 || preview.Changes[0] != want {
		t.Errorf("got %q, want %q", preview.Changes, want)
	}
	if preview.InEffect || preview.NoUndo != "" || len(preview.Warnings) > 0 {
		t.Errorf("got %+v", preview)
	}
	preview = plan(with(map[string]any{"verify": nil, "undo": nil}))
	if preview.NoUndo == "" || len(preview.Warnings) != 1 || !strings.Contains(preview.Warnings[0], "only a person can say") {
		t.Errorf("without verify and undo: got %+v", preview)
	}
	w.write("effect", "on")
	if preview = plan(rotate()); !preview.InEffect || preview.NoUndo == "" {
		t.Error("the plan does not say that the effect is there already, and that it stays")
	}
	w.write("check-fault", "4")
	if preview = plan(rotate()); preview.InEffect || len(preview.Warnings) != 1 || !strings.Contains(preview.Warnings[0], "exit code 4") {
		t.Errorf("with a verify program that cannot tell: got %+v", preview)
	}
}

// The exit code of the verify program is the verdict, and the answer of the probe.
func TestVerifyAndProbe(t *testing.T) {
	for _, test := range []struct {
		name, effect, fault string
		verdict             actions.Verdict
		found               actions.Found
	}{
		{"there", "on", "", actions.Verified, actions.Applied},
		{"not there", "off", "", actions.NotVerified, actions.NotApplied},
		{"another code", "on", "2", actions.CannotVerify, actions.FoundUnknown},
		{"nobody", "on", "nobody", actions.CannotVerify, actions.FoundUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			p := rotate()
			if test.fault == "nobody" {
				delete(p, "verify")
				test.fault = ""
			}
			s := w.planned("exec.run", p)
			w.write("effect", test.effect)
			w.write("check-fault", test.fault)
			reading, err := s.handler.Verify(t.Context(), s.call, s.params, nil)
			if err != nil || reading.Verdict != test.verdict || strings.Contains(reading.Detail, canary) {
				t.Errorf("got %+v, %v; want %s", reading, err, test.verdict)
			}
			found, _, err := s.handler.Probe(t.Context(), s.call, s.params)
			if err != nil || found != test.found {
				t.Errorf("got probe %s, %v; want %s", found, err, test.found)
			}
		})
	}
}

// A verify program that was exchanged proves nothing.
func TestVerifyByAnotherProgramProvesNothing(t *testing.T) {
	w := newWorld(t)
	s := w.planned("exec.run", rotate())
	if _, err := s.execute(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.change()
	reading, err := s.handler.Verify(t.Context(), s.call, s.params, nil)
	if err != nil || reading.Verdict != actions.CannotVerify || !strings.Contains(reading.Detail, "SHA-256") {
		t.Errorf("got %+v, %v", reading, err)
	}
	if found, _, err := s.handler.Probe(t.Context(), s.call, s.params); err != nil || found != actions.FoundUnknown {
		t.Errorf("got probe %s, %v", found, err)
	}
}

func TestUndoOnlyWhatIsThere(t *testing.T) {
	w := newWorld(t)
	s := w.planned("exec.run", rotate())
	if _, err := s.execute(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.write("effect", "half")
	refused(t, s.handler.Undo(t.Context(), s.call, s.params, nil), actions.Precondition, "not there any more")
	if got := w.read("effect"); got != "half" {
		t.Errorf("the undo ran although somebody else had changed the target: %s", got)
	}
}

// What somebody else had put in place before the step stays, and nothing is
// undone while the verify program cannot tell.
func TestUndoNeverTakesBackWhatIsNotOurs(t *testing.T) {
	w := newWorld(t)
	w.write("effect", "on")
	s := w.planned("exec.run", rotate())
	if preview, err := s.handler.PlanUndo(t.Context(), s.call, s.params, nil); err != nil || !strings.Contains(preview.NoUndo, "before this step") {
		t.Errorf("got %+v, %v", preview, err)
	}
	refused(t, s.handler.Undo(t.Context(), s.call, s.params, nil), actions.Precondition, "was there before this step")
	if got := w.read("effect"); got != "on" {
		t.Errorf("the undo took back what was there before: %s", got)
	}

	w = newWorld(t)
	p := rotate()
	delete(p["undo"].(map[string]any), "verify")
	s = w.planned("exec.run", p)
	w.write("effect", "on")
	w.write("check-fault", "4")
	refused(t, s.handler.Undo(t.Context(), s.call, s.params, nil), actions.Precondition, "cannot tell")
	if got := w.read("effect"); got != "on" {
		t.Errorf("the undo ran although nobody could tell whose the target is: %s", got)
	}
}

func TestNoUndo(t *testing.T) {
	w := newWorld(t)
	s := w.planned("exec.run", with(map[string]any{"undo": nil}))
	if preview, err := s.handler.PlanUndo(t.Context(), s.call, s.params, nil); err != nil || preview.NoUndo == "" {
		t.Errorf("got %+v, %v", preview, err)
	}
	refused(t, s.handler.Undo(t.Context(), s.call, s.params, nil), actions.Precondition, "names no undo program")
	if reading, err := s.handler.VerifyUndo(t.Context(), s.call, s.params, nil); err != nil || reading.Verdict != actions.CannotVerify {
		t.Errorf("got %+v, %v", reading, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := exec.File{Path: "/opt/tool", SHA256: strings.Repeat("a", 64)}
	_, err := exec.New(exec.Options{Programs: map[string]exec.Program{
		"Bad Name": {File: good, Effects: []actions.Effect{actions.Read}},
		"bare":     {},
		"env":      {File: good, Env: []string{"OK", "PATH", "LD_PRELOAD", "FIREBREAK_KEY", "A=B", "PYTHONPATH", "_JAVA_OPTIONS", "OPENSSL_CONF"}, Effects: []actions.Effect{actions.Read}},
		"fine":     {File: good, Env: []string{"TOKEN"}, Dir: "/srv", Effects: []actions.Effect{actions.Read, actions.Destructive}},
		"relative": {File: exec.File{Path: "tool", SHA256: good.SHA256}, Interpreter: exec.File{Path: "sh"}, Dir: "srv", Effects: []actions.Effect{actions.Reversible}},
	}})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, says := range []string{
		`program "Bad Name": the name`, `program "bare": the path of the file, "", is not absolute`, `program "bare": no effects`, `"LD_PRELOAD": it makes`,
		`"FIREBREAK_KEY": names that begin`, `"A=B": it is no name`, `"PYTHONPATH"`, `"_JAVA_OPTIONS"`, `"OPENSSL_CONF"`, `program "relative": the sum of the interpreter is not 64`, `directory "srv"`, `the effect "reversible"`,
	} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
	if strings.Contains(err.Error(), "fine") || strings.Contains(err.Error(), `"OK"`) {
		t.Errorf("it complains about what is right: %v", err)
	}
}

// A script is run by the interpreter that is pinned beside it, not by the one
// in its first line.
func TestScript(t *testing.T) {
	w := newWorld(t)
	w.write("script", "#!/bin/false\nthe words")
	script := exec.File{Path: w.dir + "/script", SHA256: sumOf([]byte("#!/bin/false\nthe words"))}
	w.programs["script"] = exec.Program{File: script, Interpreter: exec.File{Path: w.binary, SHA256: w.sum}, Effects: []actions.Effect{actions.Read}}
	p := map[string]any{"program": "script", "args": []string{"one"}, "output": true}
	if got, want := w.run("exec.read", p).Stdout, `"#!/bin/false\nthe words" with ["one"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s := w.planned("exec.read", p)
	w.write("script", "other words")
	_, err := s.execute(t.Context())
	refused(t, err, actions.Precondition, "SHA-256")
}

// An approval is for one content: another pin in the configuration voids it.
func TestAnotherPinNeedsAnotherPlan(t *testing.T) {
	w := newWorld(t)
	s := w.planned("exec.run", rotate())
	w.change()
	tool := w.programs["tool"]
	data := []byte(w.readBinary())
	tool.SHA256 = sumOf(data)
	w.programs["tool"] = tool
	s.handler, _ = w.registry().Handler("exec.run")
	_, err := s.execute(t.Context())
	refused(t, err, actions.Precondition, "plan the step again")
	refused(t, s.handler.Undo(t.Context(), s.call, s.params, nil), actions.Precondition, "plan the step again")
	var state map[string]string
	if err := json.Unmarshal(s.call.State, &state); err != nil || state["program"] != w.sum {
		t.Errorf("got state %v, %v", state, err)
	}
}
