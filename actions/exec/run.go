package exec

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

type run struct{ provider *Provider }

type runParams struct {
	Program string            `json:"program" doc:"name of the program in the configuration; it must be allowed the effect destructive" example:"rotate" pattern:"^[a-z][a-z0-9_.-]{0,63}$"`
	Args    []string          `json:"args,omitempty" doc:"its arguments, one by one; there is no shell, so nothing in them is special"`
	Env     map[string]string `json:"env,omitempty" doc:"variables of its environment; the names must be on the program's list, and a value may be a secret:// reference. Verify and undo get those that are on their own lists" example:"TOKEN: secret://env/VAULT_TOKEN"`
	Stdin   string            `json:"stdin,omitempty" doc:"text for its stdin, which is empty when not given"`
	Params  map[string]string `json:"params,omitempty" doc:"written to its stdin as one JSON object, instead of stdin"`
	Exit    exitCodes         `json:"exit,omitzero" doc:"what its exit codes mean, and those of the undo program; a code that is not listed leaves the outcome open"`
	Output  bool              `json:"output,omitempty" doc:"keep stdout itself as an output, not only its sum and size"`
	Verify  check             `json:"verify,omitzero" doc:"a program that says whether the effect is there: exit code 0 yes, 1 no, another cannot tell"`
	Undo    undo              `json:"undo,omitzero" doc:"a program that takes the effect back"`
}

// undo is the way back.
type undo struct {
	Program string   `json:"program" doc:"name of the program in the configuration; it must be allowed the effect destructive" example:"rotate" pattern:"^[a-z][a-z0-9_.-]{0,63}$"`
	Args    []string `json:"args,omitempty" doc:"its arguments, one by one"`
	Verify  check    `json:"verify,omitzero" doc:"a program that says whether the old state is back: exit code 0 yes, 1 no, another cannot tell"`
}

func (p runParams) command() command {
	return command{program: p.Program, args: p.Args, env: p.Env, stdin: p.Stdin, params: p.Params, exit: p.Exit, effect: actions.Destructive}
}

func (p runParams) undoCommand() command {
	return command{program: p.Undo.Program, args: p.Undo.Args, env: p.Env, exit: p.Exit, effect: actions.Destructive}
}

func (run) Spec() actions.Spec {
	permission := func(phase actions.Phase, right, resource, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: "exec:" + right, Resource: resource, Why: why}
	}
	return actions.Spec{
		Name: "exec.run", Version: 1,
		Title: "Run a program that changes something",
		Doc: "Runs a program that the administrator has pinned by its SHA-256, without a shell. The file that is started is the one whose sum was checked. " +
			"Its effect is proved by a verify program, which also decides after a crash whether the program had done its work, and is taken back by an undo program. Values of secrets are masked in the output.",
		Effect: actions.Destructive, Repeat: actions.Probe,
		BlastRadius: "Whatever the program touches; firebreak cannot know it.",
		StaysAlive: []string{
			"What the program does not stop; its author knows.",
			"A process that leaves the program's process group is not killed with it.",
		},
		Permissions: []actions.Permission{
			permission(actions.PhasePlan, "read", "{verify}", "see whether the effect is there already"),
			permission(actions.PhaseExecute, "run", "{program}", "run the program"),
			permission(actions.PhaseExecute, "read", "{verify}", "after a crash, find out whether it had done its work"),
			permission(actions.PhaseVerify, "read", "{verify}", "run the verify program"),
			permission(actions.PhaseUndo, "run", "{undo}", "run the undo program"),
			permission(actions.PhaseUndo, "read", "{undo}", "run the verify program of the undo"),
		},
		Timeout: time.Minute, Settle: 5 * time.Second,
	}
}

func (a run) Plan(ctx context.Context, call actions.Call, p runParams) (actions.Preview, error) {
	var state pins
	c := p.command()
	program, err := a.provider.look("", c, true)
	if err != nil {
		return actions.Preview{}, err
	}
	state.Program = program.sum()
	preview := actions.Preview{
		Targets:  []actions.Target{{Type: "exec.program", ID: p.Program}},
		Changes:  []string{c.sentence(program)},
		Calls:    []string{"exec:" + p.Program},
		Warnings: interpreted(p.Program, program),
	}
	if state.Undo, state.UndoVerify, err = a.lookAtUndo(p); err != nil {
		return actions.Preview{}, err
	}
	switch {
	case p.Undo.Program == "":
		preview.NoUndo = errNoUndo.Error()
	case p.Undo.Verify.Program == "":
		preview.Warnings = append(preview.Warnings, "The step names no program that proves the undo.")
	}
	if p.Verify.Program == "" {
		preview.Warnings = append(preview.Warnings, "The step names no verify program: its effect cannot be proved, and after a crash only a person can say what happened.")
		return preview, preview.Capture(state)
	}
	verifier, err := a.provider.look("verify.", p.Verify.command(p.Env), false)
	if err != nil {
		return actions.Preview{}, err
	}
	state.Verify = verifier.sum()
	preview.Calls = append(preview.Calls, "exec:"+p.Verify.Program)
	switch answer, detail := a.provider.ask(ctx, call, p.Verify, p.Env); answer {
	case yes:
		state.Before, preview.InEffect, preview.NoUndo = true, true, errBefore.Error()
	case cannotTell:
		preview.Warnings = append(preview.Warnings, "The verify program cannot tell whether the effect is there: "+detail+".")
	}
	return preview, preview.Capture(state)
}

// lookAtUndo checks the programs of the undo now, while there is time to mend them.
func (a run) lookAtUndo(p runParams) (undo, verify string, err error) {
	if p.Undo.Program == "" {
		return "", "", nil
	}
	program, err := a.provider.look("undo.", p.undoCommand(), false)
	if err != nil || p.Undo.Verify.Program == "" {
		return program.sum(), "", err
	}
	verifier, err := a.provider.look("undo.verify.", p.Undo.Verify.command(p.Env), false)
	return program.sum(), verifier.sum(), err
}

func (a run) Execute(ctx context.Context, call actions.Call, p runParams) (result, error) {
	if err := a.provider.asPlanned(call, uses{program: p.Program}); err != nil {
		return result{}, err
	}
	if call.Attempt > 1 {
		if running := left(ctx, string(call.Key)); len(running) > 0 {
			return result{}, stillRuns(p.Program, running)
		}
	}
	c := p.command()
	out, err := a.provider.start(ctx, call, c, true)
	if err == nil {
		err = out.failure(c)
	}
	if err != nil {
		return result{}, err
	}
	return out.result(p.Output), nil
}

func stillRuns(program string, running []int) error {
	return &actions.Error{
		Class: actions.Unknown, Op: "exec:" + program, Err: fmt.Errorf("a process of an earlier attempt still runs: %s", pids(running)),
		Hint: "wait for its end, or end it by hand, and look at the target",
	}
}

// Probe asks the verify program about an attempt whose answer was lost. What
// that attempt wrote is not known any more.
func (a run) Probe(ctx context.Context, call actions.Call, p runParams) (actions.Found, result, error) {
	if running := left(ctx, string(call.Key)); len(running) > 0 {
		return actions.FoundUnknown, result{}, stillRuns(p.Program, running)
	}
	if p.Verify.Program == "" {
		return actions.FoundUnknown, result{}, nil
	}
	if err := a.provider.asPlanned(call, uses{verify: p.Verify.Program}); err != nil {
		return actions.FoundUnknown, result{}, err
	}
	switch answer, _ := a.provider.ask(ctx, call, p.Verify, p.Env); answer {
	case yes:
		return actions.Applied, result{ExitCode: p.Exit.ok()[0], Values: map[string]string{}}, nil
	case no:
		return actions.NotApplied, result{}, nil
	}
	return actions.FoundUnknown, result{}, nil
}

func (a run) Verify(ctx context.Context, call actions.Call, p runParams, _ result) (actions.Reading, error) {
	if p.Verify.Program == "" {
		return actions.Reading{Verdict: actions.CannotVerify, Detail: "the step names no verify program"}, nil
	}
	if err := a.provider.asPlanned(call, uses{verify: p.Verify.Program}); err != nil {
		return actions.Reading{Verdict: actions.CannotVerify, Detail: err.Error()}, nil
	}
	return a.provider.reading(ctx, call, p.Verify, p.Env), nil
}

func (a run) PlanUndo(ctx context.Context, call actions.Call, p runParams, _ result) (actions.Preview, error) {
	if err := undoable(call, p); err != nil {
		return actions.Preview{NoUndo: err.Error()}, nil
	}
	if _, _, err := a.lookAtUndo(p); err != nil {
		return actions.Preview{}, err
	}
	program, err := a.provider.program(p.Undo.Program, actions.Destructive)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{
		Targets: []actions.Target{{Type: "exec.program", ID: p.Undo.Program}},
		Changes: []string{p.undoCommand().sentence(program)},
		Calls:   []string{"exec:" + p.Undo.Program},
	}
	if p.Undo.Verify.Program == "" {
		preview.Warnings = []string{"The step names no program that proves the undo."}
		return preview, nil
	}
	preview.Calls = append(preview.Calls, "exec:"+p.Undo.Verify.Program)
	answer, detail := a.provider.ask(ctx, call, p.Undo.Verify, p.Env)
	preview.InEffect = answer == yes
	if answer == cannotTell {
		preview.Warnings = []string{"The verify program of the undo cannot tell whether the old state is back: " + detail + "."}
	}
	return preview, nil
}

// undoable says why a step is not to be taken back, or nil. A state that cannot
// be read is found wrong by what comes next.
func undoable(call actions.Call, p runParams) error {
	var planned pins
	switch {
	case p.Undo.Program == "":
		return errNoUndo
	case call.LoadState(&planned) == nil && planned.Before:
		return errBefore
	}
	return nil
}

// Undo does nothing when the old state is back already, and refuses when the
// effect is not there any more, or nobody can tell: then somebody else may have
// changed the target. An effect that was there before the step is none of ours.
func (a run) Undo(ctx context.Context, call actions.Call, p runParams, _ result) error {
	if err := undoable(call, p); err != nil {
		return &actions.Error{Class: actions.Precondition, Op: "exec.run", Err: err, Hint: "take the effect back by hand"}
	}
	if err := a.provider.asPlanned(call, uses{verify: p.Verify.Program, undo: p.Undo.Program, undoVerify: p.Undo.Verify.Program}); err != nil {
		return err
	}
	if running := left(ctx, string(call.Key)); len(running) > 0 {
		return stillRuns(p.Program, running)
	}
	if p.Undo.Verify.Program != "" {
		if answer, _ := a.provider.ask(ctx, call, p.Undo.Verify, p.Env); answer == yes {
			return nil
		}
	}
	if p.Verify.Program != "" {
		switch answer, detail := a.provider.ask(ctx, call, p.Verify, p.Env); answer {
		case no:
			return &actions.Error{
				Class: actions.Precondition, Op: "exec:" + p.Undo.Program, Err: errors.New("the effect is not there any more: " + detail),
				Hint: "nothing was undone; look at the target, somebody else has changed it",
			}
		case cannotTell:
			return &actions.Error{
				Class: actions.Precondition, Op: "exec:" + p.Undo.Program, Err: errors.New("the verify program cannot tell whether the target is as the step left it: " + detail),
				Hint: "nothing was undone; make the verify program work, or take the effect back by hand",
			}
		}
	}
	c := p.undoCommand()
	out, err := a.provider.start(ctx, call, c, false)
	if err == nil {
		err = out.failure(c)
	}
	return err
}

func (a run) VerifyUndo(ctx context.Context, call actions.Call, p runParams, _ result) (actions.Reading, error) {
	if p.Undo.Verify.Program == "" {
		return actions.Reading{Verdict: actions.CannotVerify, Detail: "the step names no program that proves the undo"}, nil
	}
	if err := a.provider.asPlanned(call, uses{undoVerify: p.Undo.Verify.Program}); err != nil {
		return actions.Reading{Verdict: actions.CannotVerify, Detail: err.Error()}, nil
	}
	return a.provider.reading(ctx, call, p.Undo.Verify, p.Env), nil
}

// answer is what a verify program says.
type answer int

const (
	cannotTell answer = iota
	yes
	no
)

// ask runs a verify program. detail is for people.
func (p *Provider) ask(ctx context.Context, call actions.Call, c check, env map[string]string) (a answer, detail string) {
	cmd := c.command(env)
	cmd.exit = exitCodes{OK: []int{0, 1}}
	out, err := p.start(ctx, call, cmd, false)
	if err == nil {
		err = out.failure(cmd)
	}
	if err != nil {
		return cannotTell, err.Error()
	}
	detail = fmt.Sprintf("%s ended with exit code %d", c.Program, out.code)
	if said := out.mask.text(tail(out.stdout)); said != "" {
		detail += " and said: " + said
	}
	return []answer{yes, no}[slices.Index(cmd.exit.OK, out.code)], detail
}

// reading is the answer as a verdict.
func (p *Provider) reading(ctx context.Context, call actions.Call, c check, env map[string]string) actions.Reading {
	a, detail := p.ask(ctx, call, c, env)
	return actions.Reading{Verdict: map[answer]actions.Verdict{yes: actions.Verified, no: actions.NotVerified, cannotTell: actions.CannotVerify}[a], Detail: detail}
}
