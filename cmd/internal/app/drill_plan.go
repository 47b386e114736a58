package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/plan"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Plan says what a run would do in an exercise: it reads the world of the
// scenario, and no other.
func (d *Drills) Plan(ctx context.Context, actor engine.Actor, incident string, run engine.RunRequest) (chatops.Message, error) {
	scenario, err := d.Stage.Scenario(ctx, incident)
	if err != nil {
		return chatops.Message{}, err
	}
	if run.Runbook != scenario.Runbook {
		return chatops.Message{}, engine.Refuse(engine.NoRunbook, "runbook %q is not what this exercise is about; look which one fits what you were told", run.Runbook)
	}
	program, refusal := find(d.shelf().Programs, run.Runbook)
	if refusal != nil {
		return chatops.Message{}, refusal
	}
	inputs, problems := program.CoerceInputs(run.Inputs)
	if len(problems) > 0 {
		return chatops.Message{}, engine.Refuse(engine.InputInvalid, "the inputs of %q do not fit: %s", program.ID, problems.Error())
	}
	directory := d.directory()
	req := plan.Request{
		Program: program, Inputs: inputs, Requester: actor.ID, Members: directory.Members,
		Environment: scenario.Environment.EnvironmentFacts, Protected: scenario.Environment.Protected,
		Incident:   runbooks.IncidentFacts{ID: incident, Title: scenario.Shown, Severity: scenario.Severity},
		Signs:      func(id string) bool { p, _ := directory.Person(id); return len(p.SSHKeys) > 0 },
		Identities: func(id string) []string { p, _ := directory.Person(id); return p.Identities },
	}
	if f := scenario.Environment.Floor; f != nil {
		floor := engine.Floor(*f)
		req.Floor = &floor
	}
	now, err := d.Stage.Now(ctx, incident)
	if err != nil {
		return chatops.Message{}, err
	}
	made, err := plan.Make(ctx, req, &madeUp{catalog: Registry(nil, Options{}, nil), script: &sim.Script{Steps: sim.Answers(scenario.Answers)}}, now)
	if err != nil {
		if _, refusal := errors.AsType[*engine.Refusal](err); !refusal && ctx.Err() == nil {
			err = engine.Refuse(engine.InputInvalid, "%v", err)
		}
		return chatops.Message{}, err
	}
	return planMessage(made)
}

// madeUp answers for every action as the script of a scenario does. Of the
// actions themselves it knows what they declare, and has none to call.
type madeUp struct {
	catalog runbooks.Catalog
	script  *sim.Script
}

func (m *madeUp) Handler(name string) (actions.Handler, bool) {
	spec, ok := m.catalog.Spec(name)
	return &madeUpAction{spec: spec, script: m.script}, ok
}

type madeUpAction struct {
	spec   actions.Spec
	script *sim.Script
}

var errNotPlanned = errors.New("a plan only reads")

func (a *madeUpAction) Spec() actions.Spec                     { return a.spec }
func (a *madeUpAction) Check(json.RawMessage) actions.Problems { return nil }

func (a *madeUpAction) task(call actions.Call) engine.Task {
	return engine.Task{Run: call.Run, Step: call.Step, Action: a.spec.Name, Call: call}
}

func (a *madeUpAction) Plan(_ context.Context, call actions.Call, _ json.RawMessage) (actions.Preview, error) {
	seen, err := a.script.Plan(time.Time{}, engine.PlanStep{Task: a.task(call), N: 1})
	if err == nil && seen.Never {
		err = fmt.Errorf("no answer in time")
	}
	return seen.Value, errors.Join(err, seen.Err)
}

// Execute answers reads, which a plan carries out.
func (a *madeUpAction) Execute(_ context.Context, call actions.Call, _ json.RawMessage) (json.RawMessage, error) {
	if a.spec.Effect != actions.Read {
		return nil, errNotPlanned
	}
	call.Attempt = max(call.Attempt, 1)
	got, err := a.script.Run(time.Time{}, engine.RunEffect{Task: a.task(call)})
	if err == nil && got.Never {
		err = fmt.Errorf("no answer in time")
	}
	return got.Value, errors.Join(err, got.Err)
}

func (*madeUpAction) Verify(context.Context, actions.Call, json.RawMessage, json.RawMessage) (actions.Reading, error) {
	return actions.Reading{}, errNotPlanned
}

func (*madeUpAction) Probe(context.Context, actions.Call, json.RawMessage) (actions.Found, json.RawMessage, error) {
	return actions.FoundUnknown, nil, errNotPlanned
}

func (*madeUpAction) Preflight(context.Context, actions.Call, json.RawMessage) ([]actions.Check, error) {
	return nil, errNotPlanned
}

func (*madeUpAction) PlanUndo(context.Context, actions.Call, json.RawMessage, json.RawMessage) (actions.Preview, error) {
	return actions.Preview{}, errNotPlanned
}

func (*madeUpAction) Undo(context.Context, actions.Call, json.RawMessage, json.RawMessage) error {
	return errNotPlanned
}

func (*madeUpAction) VerifyUndo(context.Context, actions.Call, json.RawMessage, json.RawMessage) (actions.Reading, error) {
	return actions.Reading{}, errNotPlanned
}
