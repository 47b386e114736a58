package app

import (
	"context"
	"errors"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/preflight"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/iampolicy"
)

// Preflight looks whether a runbook would work tonight. Inputs may be missing; a
// wrong one is a *engine.Refusal. Nothing is changed, and no journal is needed.
func Preflight(ctx context.Context, cfg *config.Config, o Options, program *runbooks.Program, inputs map[string]any, environment, requester string) (*preflight.Report, error) {
	env, ok := cfg.Environment(environment)
	if !ok {
		return nil, engine.Refuse(engine.WrongPlace, "there is no environment %q; see environments in firebreak.yaml", environment)
	}
	facts := runbooks.IncidentFacts{ID: "INC-0", Title: "preflight"}
	options := iampolicy.Options{Environment: env.Name, Account: env.Account, Region: env.Region}
	if env.Evidence != nil {
		options.Evidence = []string{env.Evidence.Bucket}
	}
	report, err := preflight.Make(ctx, preflight.Request{
		Plan: planRequest(cfg, env, program, inputs, facts, requester), Options: options, Registry: Registry(cfg, o, nil),
		Rights: &rights{aws.New(awsOptions(cfg, o.AWS)).Cloud, actions.Call{Environment: env.Name, Incident: facts.ID, Run: "R0", Step: "preflight", Actor: requester}},
	}, time.Now())
	if err != nil && ctx.Err() == nil {
		if _, refusal := errors.AsType[*engine.Refusal](err); !refusal {
			err = engine.Refuse(engine.InputInvalid, "%v", err)
		}
	}
	return report, err
}

// rights asks AWS.
type rights struct {
	cloud *cloud.Cloud
	call  actions.Call
}

func (r *rights) Holder(ctx context.Context, duty iampolicy.Phase) (string, error) {
	return r.cloud.Holder(ctx, r.call, cloud.Duty(duty)) // they have the same names
}

func (r *rights) Simulate(ctx context.Context, holder string, asks []preflight.Ask) []preflight.Ruling {
	questions := make([]cloud.Ask, len(asks))
	for i, ask := range asks {
		questions[i] = cloud.Ask(ask)
	}
	answers := make([]preflight.Ruling, len(asks))
	for i, one := range r.cloud.Simulate(ctx, r.call, holder, questions) {
		answers[i] = preflight.Ruling{Allowed: one.Decision == cloud.Allowed, Denied: one.Decision == cloud.DeniedByPolicy, By: one.By, Above: one.Above, Missing: one.Missing, Err: one.Err}
	}
	return answers
}
