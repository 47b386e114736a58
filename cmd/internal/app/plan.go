package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/plan"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// planner shows the plan of a run in a chat.
type planner struct{ app *App }

func (p *planner) Plan(ctx context.Context, actor engine.Actor, incident string, run engine.RunRequest) (chatops.Message, error) {
	if engine.IsExercise(incident) { // it reads nothing real
		if p.app.Drills == nil {
			return chatops.Message{}, engine.Refuse(engine.NoIncident, "there is no exercise %q; see: list", incident)
		}
		return p.app.Drills.Plan(ctx, actor, incident, run)
	}
	program, refusal := find(p.app.Host.Programs(), run.Runbook)
	if refusal != nil {
		return chatops.Message{}, refusal
	}
	facts := runbooks.IncidentFacts{ID: incident}
	if incident != "" {
		if err := p.app.Host.View(ctx, incident, func(i *engine.Incident) { facts.Title, facts.Severity = i.Title, i.Severity }); err != nil {
			return chatops.Message{}, err
		}
	}
	a := p.app
	made, err := MakePlan(ctx, a.Config, a.Registry, program, run, facts, actor.ID, a.extraOf(ctx, program))
	if err != nil {
		return chatops.Message{}, err
	}
	return planMessage(made)
}

func planMessage(made *plan.Plan) (chatops.Message, error) {
	var text strings.Builder
	if err := made.Text(&text, false); err != nil {
		return chatops.Message{}, err
	}
	m := chatops.Message{Title: "Plan of " + made.Runbook, Seq: -1, Parts: []chatops.Part{{Code: text.String()}}}
	if !made.Enough() {
		m.Tone = chatops.Warn
	}
	return m, nil
}

func find(programs []*runbooks.Program, id string) (*runbooks.Program, *engine.Refusal) {
	var known []string
	for _, p := range programs {
		if p.ID == id {
			return p, nil
		}
		known = append(known, p.ID)
	}
	return nil, engine.Refuse(engine.NoRunbook, "there is no runbook %q; known: %s", id, strings.Join(known, ", "))
}

// MakePlan reads the targets of a run and says what it would do. Problems of
// the request are a *engine.Refusal. Extra is what [Extra] says of the runbook.
func MakePlan(ctx context.Context, cfg *config.Config, r *actions.Registry, program *runbooks.Program, run engine.RunRequest, facts runbooks.IncidentFacts, requester string, extra *engine.Extra) (*plan.Plan, error) {
	inputs, problems := program.CoerceInputs(run.Inputs)
	if len(problems) > 0 {
		return nil, engine.Refuse(engine.InputInvalid, "the inputs of %q do not fit: %s", program.ID, problems.Error())
	}
	env, ok := cfg.Environment(run.Environment)
	if !ok {
		return nil, engine.Refuse(engine.WrongPlace, "there is no environment %q; see environments in firebreak.yaml", run.Environment)
	}
	request := planRequest(cfg, env, program, inputs, facts, requester)
	request.Extra = extra
	made, err := plan.Make(ctx, request, r, time.Now())
	if err != nil && ctx.Err() == nil {
		if _, refusal := errors.AsType[*engine.Refusal](err); !refusal {
			err = engine.Refuse(engine.InputInvalid, "%v", err)
		}
	}
	return made, err
}

// planRequest asks for a plan by what the configuration says.
func planRequest(cfg *config.Config, env config.Environment, program *runbooks.Program, inputs map[string]any, facts runbooks.IncidentFacts, requester string) plan.Request {
	return plan.Request{
		Program: program, Inputs: inputs, Incident: facts, Floor: env.Floor, Protected: env.Protected, Requester: requester,
		Environment: runbooks.EnvironmentFacts{Name: env.Name, Account: env.Account, Region: env.Region},
		Members:     cfg.Directory.Members,
		Signs: func(id string) bool {
			p, _ := cfg.Directory.Person(id)
			return len(p.SSHKeys) > 0
		},
		Identities: func(id string) []string {
			p, _ := cfg.Directory.Person(id)
			return p.Identities
		},
	}
}
