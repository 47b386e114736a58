package actionstest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
)

const canary = "canary-0d9f7c2b51e84a36"

// lamp is a target, and an action on it that can be wrong in one way.
type lamp struct {
	on     bool
	writes int
	lost   bool
	fault  string
	wrong  string
}

type lampParams struct {
	Name string `json:"name" doc:"which lamp" example:"hall"`
}

type lampResult struct {
	Name string   `json:"name" doc:"which lamp"`
	Also []string `json:"also" doc:"others on its switch"`
}

type lampState struct {
	On bool `json:"on"`
}

func (l *lamp) Spec() actions.Spec {
	s := actions.Spec{
		Name: "test.switch_on", Version: 1, Title: "Switch on", Doc: "Switches a lamp on.", Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Who sleeps there.", StaysAlive: []string{"Daylight."},
		Permissions: []actions.Permission{
			{Phase: actions.PhaseExecute, Action: "lamp:Set", Resource: "*", Why: "x"}, {Phase: actions.PhaseVerify, Action: "lamp:Get", Resource: "*", Why: "x"}, {Phase: actions.PhaseUndo, Action: "lamp:Set", Resource: "*", Why: "x"},
		},
	}
	if l.wrong == "no permissions" {
		s.Permissions = nil
	}
	return s
}

func (l *lamp) Plan(_ context.Context, _ actions.Call, p lampParams) (actions.Preview, error) {
	preview := actions.Preview{Targets: []actions.Target{{Type: "lamp", ID: p.Name}}, Changes: []string{"on"}, Calls: []string{"lamp:Set"}}
	if l.wrong == "plan acts" {
		l.on = true
	}
	if l.wrong == "plan tells a secret" {
		preview.Warnings = []string{fmt.Sprintf("%x", canary)}
	}
	return preview, preview.Capture(lampState{l.on})
}

func (l *lamp) Execute(_ context.Context, call actions.Call, p lampParams) (lampResult, error) {
	call.Requests.Add("lamp:Set", "1")
	switch l.fault {
	case "refused":
		if l.wrong == "acts and says refused" {
			l.on = true
		}
		if l.wrong == "wrong class" {
			return lampResult{}, errors.New("refused")
		}
		return lampResult{}, &actions.Error{Class: actions.Denied, Op: "lamp:Set", Err: errors.New("refused")}
	}
	if l.wrong != "does nothing" {
		l.on = true
	}
	if l.wrong == "not idempotent" {
		l.writes++
	}
	if l.lost {
		l.lost = false
		if l.wrong == "lost answer called refused" {
			return lampResult{}, &actions.Error{Class: actions.Transient, Op: "lamp:Set", Err: errors.New("EOF")}
		}
		return lampResult{}, errors.New("EOF")
	}
	r := lampResult{Name: p.Name, Also: []string{}}
	if l.wrong == "result does not fit" {
		r.Also = nil
	}
	return r, nil
}

func (l *lamp) Verify(context.Context, actions.Call, lampParams, lampResult) (actions.Reading, error) {
	if l.on || l.wrong == "verify believes" {
		return actions.Reading{Verdict: actions.Verified}, nil
	}
	return actions.Reading{Verdict: actions.NotVerified}, nil
}

func (l *lamp) PlanUndo(context.Context, actions.Call, lampParams, lampResult) (actions.Preview, error) {
	return actions.Preview{Changes: []string{"off"}}, nil
}

func (l *lamp) Undo(_ context.Context, call actions.Call, _ lampParams, _ lampResult) error {
	var state lampState
	if err := call.LoadState(&state); err != nil || l.wrong == "undo does nothing" {
		return err
	}
	l.on = state.On
	return nil
}

func (l *lamp) VerifyUndo(context.Context, actions.Call, lampParams, lampResult) (actions.Reading, error) {
	if l.on && l.wrong != "undo is believed" {
		return actions.Reading{Verdict: actions.NotVerified}, nil
	}
	return actions.Reading{Verdict: actions.Verified}, nil
}

func lampCase(wrong string) actionstest.Case {
	return actionstest.Case{
		Action: "test.switch_on",
		Errors: map[string]actions.Class{"refused": actions.Denied},
		World: func(*testing.T) actionstest.World {
			l := &lamp{wrong: wrong}
			r := actions.NewRegistry()
			actions.Register(r, l)
			return actionstest.World{
				Registry: r, Params: map[string]any{"name": "hall"}, Canaries: []string{canary},
				Snapshot:   func(*testing.T) string { return fmt.Sprint(l.on, l.writes) },
				Disturb:    func(*testing.T) { l.on = false },
				LoseAnswer: func(*testing.T) { l.lost = true },
				Fault:      func(_ *testing.T, name string) { l.fault = name },
			}
		},
	}
}

const wrongVariable = "FIREBREAK_TEST_WRONG_LAMP"

// TestLamp passes for the right lamp. TestSuiteFinds runs it again, in a process
// of its own, for each wrong one.
func TestLamp(t *testing.T) { actionstest.Run(t, lampCase(os.Getenv(wrongVariable))) }

func TestSuiteFinds(t *testing.T) {
	if os.Getenv(wrongVariable) != "" {
		t.Skip("this is the process of a wrong lamp")
	}
	for wrong, part := range map[string]string{
		"no permissions":             "spec",
		"plan acts":                  "plan",
		"plan tells a secret":        "plan",
		"does nothing":               "execute",
		"result does not fit":        "execute",
		"not idempotent":             "twice",
		"verify believes":            "disturbed",
		"undo does nothing":          "undo",
		"undo is believed":           "undo",
		"lost answer called refused": "lost_answer",
		"acts and says refused":      "error_refused",
		"wrong class":                "error_refused",
	} {
		t.Run(wrong, func(t *testing.T) {
			t.Parallel()
			command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLamp$", "-test.v")
			command.Env = append(slices.Clone(os.Environ()), wrongVariable+"="+wrong)
			output, err := command.CombinedOutput()
			if _, failed := errors.AsType[*exec.ExitError](err); !failed {
				t.Fatalf("the suite passes a lamp of which %q is true (%v)", wrong, err)
			}
			if !strings.Contains(string(output), "--- FAIL: TestLamp/"+part+" ") {
				t.Errorf("it was not found by part %q:\n%s", part, output)
			}
			if strings.Contains(string(output), canary) {
				t.Error("the report of the suite tells the secret")
			}
		})
	}
}

// An action that is read-only and cannot be undone passes with what applies.
type thermometer struct{}

func (thermometer) Spec() actions.Spec {
	return actions.Spec{Name: "test.read", Version: 1, Title: "Read", Doc: "Reads.", Effect: actions.Read, Repeat: actions.Idempotent, BlastRadius: "None.",
		Permissions: []actions.Permission{{Phase: actions.PhaseExecute, Action: "lamp:Get", Resource: "*", Why: "x"}}}
}

func (thermometer) Plan(_ context.Context, _ actions.Call, p lampParams) (actions.Preview, error) {
	return actions.Preview{Targets: []actions.Target{{Type: "room", ID: p.Name}}, Changes: []string{"nothing"}, Calls: []string{"lamp:Get"}}, nil
}

func (thermometer) Execute(_ context.Context, call actions.Call, p lampParams) (lampResult, error) {
	call.Requests.Add("lamp:Get", "1")
	return lampResult{p.Name, []string{}}, nil
}

func TestReadOnlyAction(t *testing.T) {
	r := actions.NewRegistry()
	actions.Register(r, thermometer{})
	actionstest.Run(t, actionstest.Case{Action: "test.read", World: func(*testing.T) actionstest.World {
		return actionstest.World{Registry: r, Params: map[string]any{"name": "hall"}, Snapshot: func(*testing.T) string { return "19" }}
	}})
}
