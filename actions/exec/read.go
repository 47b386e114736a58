package exec

import (
	"context"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

type read struct{ provider *Provider }

type readParams struct {
	Program string            `json:"program" doc:"name of the program in the configuration; it must be allowed the effect read" example:"who-owns" pattern:"^[a-z][a-z0-9_.-]{0,63}$"`
	Args    []string          `json:"args,omitempty" doc:"its arguments, one by one; there is no shell, so nothing in them is special"`
	Env     map[string]string `json:"env,omitempty" doc:"variables of its environment; the names must be on the program's list, and a value may be a secret:// reference" example:"TOKEN: secret://env/ASSET_TOKEN"`
	Stdin   string            `json:"stdin,omitempty" doc:"text for its stdin, which is empty when not given"`
	Params  map[string]string `json:"params,omitempty" doc:"written to its stdin as one JSON object, instead of stdin"`
	Exit    exitCodes         `json:"exit,omitzero" doc:"what its exit codes mean"`
	Output  bool              `json:"output,omitempty" doc:"keep stdout itself as an output, not only its sum and size"`
}

func (p readParams) command() command {
	return command{program: p.Program, args: p.Args, env: p.Env, stdin: p.Stdin, params: p.Params, exit: p.Exit, effect: actions.Read}
}

func (read) Spec() actions.Spec {
	return actions.Spec{
		Name: "exec.read", Version: 1,
		Title: "Run a program that reads",
		Doc: "Runs a program that the administrator has pinned by its SHA-256 and declared harmless, without a shell, and gives what it wrote. " +
			"The file that is started is the one whose sum was checked. Values of secrets are masked in the output.",
		Effect: actions.Read, Repeat: actions.Idempotent,
		BlastRadius: "None, if the program keeps to what the configuration says of it: that it only reads.",
		StaysAlive:  []string{"A process that leaves the program's process group is not killed with it."},
		Permissions: []actions.Permission{
			{Phase: actions.PhasePlan, Action: "exec:read", Resource: "{program}", Why: "check the sum of the program"},
			{Phase: actions.PhaseExecute, Action: "exec:read", Resource: "{program}", Why: "run it"},
		},
		Timeout: time.Minute,
	}
}

func (a read) Plan(_ context.Context, _ actions.Call, p readParams) (actions.Preview, error) {
	c := p.command()
	program, err := a.provider.look("", c, true)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{
		Targets:  []actions.Target{{Type: "exec.program", ID: p.Program}},
		Changes:  []string{c.sentence(program) + " The configuration says that it only reads."},
		Calls:    []string{"exec:" + p.Program},
		Warnings: interpreted(p.Program, program),
	}
	return preview, preview.Capture(pins{Program: program.sum()})
}

func (a read) Execute(ctx context.Context, call actions.Call, p readParams) (result, error) {
	if len(call.State) > 0 { // a step that only reads is carried out without a plan; then there is nothing to hold it against
		if err := a.provider.asPlanned(call, uses{program: p.Program}); err != nil {
			return result{}, err
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
