package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/plan"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/iampolicy"
)

// Registry finds actions and their declarations.
type Registry interface {
	Handler(name string) (actions.Handler, bool)
	Spec(name string) (actions.Spec, bool)
}

// Request says what is to be looked at.
type Request struct {
	Plan     plan.Request // its inputs are those that are known; some may be missing
	Options  iampolicy.Options
	Registry Registry
	Rights   Rights
}

// Report is what was found.
type Report struct {
	Runbook     string            `json:"runbook"`
	Title       string            `json:"title"`
	Environment string            `json:"environment"`
	At          engine.Stamp      `json:"at"`
	Planned     bool              `json:"planned"` // all inputs were given
	Readiness   actions.Readiness `json:"readiness"`
	Roles       []Check           `json:"roles"` // who carries the duties
	Steps       []Step            `json:"steps"` // in the order of the runbook, those after a cancel last
	Notes       []string          `json:"notes"` // what this cannot know
}

// Step is one step of the runbook, or of one that is called.
type Step struct {
	ID        string            `json:"id"` // path of ids: "contain.disable"
	Title     string            `json:"title,omitempty"`
	Uses      string            `json:"uses,omitempty"`
	Readiness actions.Readiness `json:"readiness"`
	Checks    []Check           `json:"checks"`
}

// Check is one thing that was looked at, and what to do about it.
type Check struct {
	actions.Check
	Next string `json:"next,omitempty"`
}

func ready(name, detail string) Check {
	return Check{Check: actions.Check{Name: name, Readiness: actions.Ready, Detail: detail}}
}

func unknown(name, detail, next string) Check {
	return Check{actions.Check{Name: name, Readiness: actions.ReadyUnknown, Detail: detail}, next}
}

func notReady(name, detail, next string) Check {
	return Check{actions.Check{Name: name, Readiness: actions.NotReady, Detail: detail}, next}
}

// failed is a check that an error answers: what may be gone tomorrow leaves the
// question open.
func failed(name string, class actions.Class, detail, next string) Check {
	switch class {
	case actions.Transient, actions.Throttled, actions.Unknown:
		return unknown(name, detail, next)
	}
	return notReady(name, detail, next)
}

// Worst is the worst of some answers; of none it is ready.
func Worst(list ...actions.Readiness) actions.Readiness {
	switch {
	case slices.Contains(list, actions.NotReady):
		return actions.NotReady
	case slices.ContainsFunc(list, func(r actions.Readiness) bool { return r != actions.Ready }):
		return actions.ReadyUnknown
	}
	return actions.Ready
}

func worst(checks []Check) actions.Readiness {
	var list []actions.Readiness
	for _, c := range checks {
		list = append(list, c.Readiness)
	}
	return Worst(list...)
}

// Make looks. Its errors are those of the request, and the context's end: what is
// wrong with the world is in the report.
func Make(ctx context.Context, req Request, now time.Time) (*Report, error) {
	program := req.Plan.Program
	if envs := program.Environments; len(envs) > 0 && !slices.Contains(envs, req.Plan.Environment.Name) {
		return nil, engine.Refuse(engine.WrongPlace, "runbook %q is for %s, not for environment %q", program.ID, strings.Join(envs, ", "), req.Plan.Environment.Name)
	}
	r := &Report{Runbook: program.ID, Title: program.Title, Environment: req.Plan.Environment.Name, At: engine.At(now), Roles: []Check{}, Notes: []string{}}
	var made *plan.Plan
	use := iampolicy.Use{Program: program, Inputs: req.Plan.Inputs}
	if _, problems := program.CheckInputs(req.Plan.Inputs); len(problems) > 0 {
		r.Notes = append(r.Notes, "Nothing was planned, only rights were looked at; give the inputs as NAME=VALUE: "+problems.Error()+".")
	} else {
		var err error
		req.Plan.Preflight = true
		if made, err = plan.Make(ctx, req.Plan, req.Registry, now); err != nil {
			return nil, err
		}
		r.Planned, use.Params = true, paramsOf(made)
	}
	set, err := iampolicy.Make([]iampolicy.Use{use}, req.Registry.Spec, req.Options)
	if err != nil {
		return nil, err
	}
	rights := ask(ctx, req.Rights, set)
	r.Roles = rights.roles
	for path, def := range program.Deep() {
		s := Step{ID: path, Title: def.Title, Uses: def.Uses, Checks: append(r.planned(path, def, made), rights.of(path)...)}
		s.Readiness = worst(s.Checks)
		r.Steps = append(r.Steps, s)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("preflight of runbook %q: %w", program.ID, err)
	}
	if len(r.Roles) > 0 {
		r.Notes = append(r.Notes, "Rights are IAM's simulation of the roles' own policies: a policy of a bucket, key or secret can still refuse.")
	}
	all := []actions.Readiness{worst(r.Roles)}
	for _, s := range r.Steps {
		all = append(all, s.Readiness)
	}
	r.Readiness = Worst(all...)
	return r, nil
}

// pathOf is the path of the step that an item of a loop belongs to.
func pathOf(id string) string {
	words := slices.DeleteFunc(strings.Split(id, "."), func(word string) bool { return strings.Trim(word, "0123456789") == "" })
	return strings.Join(words, ".")
}

// planned tells what the plan says of a step.
func (r *Report) planned(path string, def *runbooks.Step, made *plan.Plan) []Check {
	if made == nil {
		return unplanned(def, "inputs are missing")
	}
	var checks []Check
	for s := range made.All() {
		if pathOf(s.ID) != path {
			continue
		}
		name := "plan"
		if s.ID != path {
			name += " of " + s.ID
		}
		checks = append(checks, judge(name, s)...)
	}
	if len(checks) == 0 {
		return unplanned(def, "whether and with what it runs is known only when the run is there")
	}
	return checks
}

// unplanned tells of a step that the plan does not hold. What a person does, and
// a wait, need nothing; the steps of a runbook that is called tell themselves.
func unplanned(def *runbooks.Step, why string) []Check {
	switch {
	case def.Uses != "":
		return []Check{unknown("plan", "not planned: "+why, "")}
	case def.Manual != nil:
		return []Check{ready("plan", "a person does it")}
	case def.Wait != nil:
		return []Check{ready("plan", "it waits")}
	}
	return nil
}
