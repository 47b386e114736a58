package engine

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// MaxRunInputs is how many bytes the inputs of a run take at the most, as JSON.
const MaxRunInputs = 32 << 10

// PinRun checks a request for a run of a program in a place, and pins what the
// run depends on but for what the place demands. It refuses a place that the
// runbook is not for, inputs that do not fit, and a plan that is another one now.
func PinRun(program *runbooks.Program, env runbooks.EnvironmentFacts, run RunRequest) (RunStarted, *Refusal) {
	var none RunStarted
	if len(program.Environments) > 0 && !slices.Contains(program.Environments, env.Name) {
		return none, Refuse(WrongPlace, "runbook %q is for %s, not for %q", program.ID, strings.Join(program.Environments, ", "), env.Name)
	}
	inputs, problems := program.CoerceInputs(run.Inputs)
	if len(problems) > 0 {
		return none, Refuse(InputInvalid, "the inputs of %q do not fit: %s", program.ID, problems.Error())
	}
	if run.Digest != "" {
		if now := RunDigest(program.Digest, inputs, env.Name); len(run.Digest) < 12 || !strings.HasPrefix(now, run.Digest) {
			return none, Refuse(PlanChanged, "you planned %s and this would be %s: the runbook, an input or the environment is another one; plan again", run.Digest, now[:12])
		}
	}
	encoded, err := program.Encode()
	if err != nil {
		return none, Refuse(NoRunbook, "runbook %q cannot be pinned: %v", program.ID, err)
	}
	data, err := json.Marshal(inputs)
	if err != nil {
		return none, Refuse(InputInvalid, "the inputs of %q cannot be encoded: %v", program.ID, err)
	}
	if len(data) > MaxRunInputs {
		return none, Refuse(InputInvalid, "the inputs of %q take %d bytes in all and a run keeps %d; start it for a part of them, or let a step look the list up", program.ID, len(data), MaxRunInputs)
	}
	return RunStarted{Runbook: program.ID, Digest: program.Digest, Program: Large{Value: encoded}, Inputs: data, Environment: env}, nil
}
