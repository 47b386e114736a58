package lambda

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type quarantineFunction struct{ cloud *cloud.Cloud }

type quarantineFunctionParams struct {
	Function string `json:"function" doc:"name of the function, without version or alias: all of them stop" example:"resize-images" pattern:"^[A-Za-z0-9_-]{1,64}$" subject:"true"`
}

type quarantineFunctionResult struct {
	Function string   `json:"function" doc:"ARN of the function"`
	Role     string   `json:"role" doc:"ARN of the role it runs as; give it to aws.iam.revoke_sessions"`
	Before   string   `json:"before" doc:"reserved concurrency before: a number, or none"`
	Disabled []string `json:"disabled" doc:"ids of the event source mappings that were enabled, and are not any more"`
}

const quarantineOp = "aws.lambda.quarantine_function"

func (quarantineFunction) Spec() actions.Spec {
	spec := actions.Spec{
		Name: quarantineOp, Version: 1,
		Title:  "Stop a Lambda function",
		Doc:    "Sets the reserved concurrency of a function to zero, so that no version of it starts any more, and disables the event source mappings that feed it. Code, permissions, URL and role stay.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Every caller of the function gets an error, and queues and streams that feed it fill up. Asynchronous events are tried again for up to six hours: they run after the undo, or are lost.",
		StaysAlive: []string{
			"Invocations that run already: up to 15 minutes.",
			"Credentials of its role that the code has sent elsewhere: revoke the role's sessions with aws.iam.revoke_sessions.",
			"Provisioned concurrency stays allocated; AWS may refuse zero below it. Then remove it first.",
			"Replicas at the edge (Lambda@Edge): remove the association from the CloudFront distribution.",
			"Whoever may change the function can raise the concurrency again, or make another function with the same role.",
		},
		Timeout: time.Minute, Settle: 5 * time.Second,
	}
	add := func(phase actions.Phase, action, resource, why string) {
		spec.Permissions = append(spec.Permissions, actions.Permission{Phase: phase, Action: action, Resource: resource, Why: why})
	}
	add(actions.PhasePlan, "lambda:GetFunctionConfiguration", functionResource, "see that the function is there, and its role")
	add(actions.PhasePlan, "lambda:GetPolicy", functionResource, "show who may call it")
	add(actions.PhasePlan, "lambda:GetFunctionUrlConfig", functionResource, "show its URL")
	for _, phase := range []actions.Phase{actions.PhasePlan, actions.PhaseVerify, actions.PhaseUndo} {
		add(phase, "lambda:GetFunctionConcurrency", functionResource, "read the reserved concurrency")
		add(phase, "lambda:ListEventSourceMappings", "*", "read what feeds it")
	}
	for _, phase := range []actions.Phase{actions.PhaseExecute, actions.PhaseUndo} {
		add(phase, "lambda:PutFunctionConcurrency", functionResource, "set the reserved concurrency")
		add(phase, "lambda:UpdateEventSourceMapping", mappingResource, "disable and enable what feeds it")
	}
	add(actions.PhaseUndo, "lambda:DeleteFunctionConcurrency", functionResource, "have no reserved concurrency again")
	return spec
}

func (c *conn) target(f function) actions.Target {
	return actions.Target{Type: "aws.lambda.function", ID: f.Name, Account: c.Account, Region: c.Region}
}

func (a quarantineFunction) Plan(ctx context.Context, call actions.Call, p quarantineFunctionParams) (actions.Preview, error) {
	var preview actions.Preview
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	f, err := c.read(ctx, p.Function)
	if err != nil {
		return preview, err
	}
	doors, err := c.doors(ctx, f.Name)
	if err != nil {
		return preview, err
	}
	preview = actions.Preview{
		Targets:  []actions.Target{c.target(f)},
		Changes:  []string{fmt.Sprintf("Function %s has a reserved concurrency of 0, so it does not start any more; it has %s now.", f.Name, reserved(f.Reserved))},
		Calls:    []string{"lambda:PutFunctionConcurrency"},
		InEffect: sameReserved(f.Reserved, aws.Int32(0)),
		Warnings: append([]string{fmt.Sprintf("Invocations that run go on for up to 15 minutes, and credentials of role %s live on: revoke its sessions.", f.Role)}, doors...),
	}
	for _, m := range f.Mappings {
		if m.feeds() {
			preview.InEffect = false
			preview.Changes = append(preview.Changes, fmt.Sprintf("Event source mapping %s is disabled; it is %s now.", m, m.State))
			preview.Calls = []string{"lambda:PutFunctionConcurrency", "lambda:UpdateEventSourceMapping"}
		}
	}
	if preview.InEffect {
		preview.NoUndo = "it was stopped before"
	}
	return preview, preview.Capture(f)
}

func (a quarantineFunction) Execute(ctx context.Context, call actions.Call, p quarantineFunctionParams) (quarantineFunctionResult, error) {
	c, before, err := a.resume(ctx, call, p)
	if err != nil {
		return quarantineFunctionResult{}, err
	}
	r := quarantineFunctionResult{Function: before.ARN, Role: before.Role, Before: reserved(before.Reserved), Disabled: []string{}}
	if err := c.reserve(ctx, before.Name, aws.Int32(0)); err != nil {
		return r, err
	}
	for _, m := range before.Mappings {
		if !m.feeds() {
			continue
		}
		// One that was deleted since the plan feeds no more.
		if err := c.enable(ctx, m.ID, false); err != nil && actions.ClassOf(err) != actions.NotFound {
			return r, cloud.Partly(quarantineOp, "the reserved concurrency is 0", fmt.Errorf("event source mapping %s: %w", m, err))
		}
		r.Disabled = append(r.Disabled, m.ID)
	}
	return r, nil
}

// reserve sets the reserved concurrency; nil: there is none.
func (c *conn) reserve(ctx context.Context, name string, n *int32) error {
	if n == nil {
		_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "lambda:DeleteFunctionConcurrency", c.lambda.DeleteFunctionConcurrency, &lambda.DeleteFunctionConcurrencyInput{FunctionName: &name})
		return err
	}
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "lambda:PutFunctionConcurrency", c.lambda.PutFunctionConcurrency, &lambda.PutFunctionConcurrencyInput{FunctionName: &name, ReservedConcurrentExecutions: n})
	return err
}

// enable switches a mapping on or off.
func (c *conn) enable(ctx context.Context, id string, on bool) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "lambda:UpdateEventSourceMapping", c.lambda.UpdateEventSourceMapping, &lambda.UpdateEventSourceMappingInput{UUID: &id, Enabled: &on})
	return err
}

func (a quarantineFunction) Verify(ctx context.Context, call actions.Call, p quarantineFunctionParams, _ quarantineFunctionResult) (actions.Reading, error) {
	c, before, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	now, err := c.now(ctx, before)
	if err != nil {
		return cloud.Unreadable(err)
	}
	if !sameReserved(now.Reserved, aws.Int32(0)) {
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("function %s has a reserved concurrency of %s", before.Name, reserved(now.Reserved))}, nil
	}
	var ending, gone []string
	for _, m := range now.Mappings {
		_, known := find(before.Mappings, m.ID)
		switch {
		case m.feeds() && !known:
			return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("event source mapping %s is new since the plan, and %s", m, m.State)}, nil
		case m.feeds() && m.State != "Updating":
			return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("event source mapping %s is %q", m, m.State)}, nil
		case m.feeds(), m.ends():
			ending = append(ending, m.String()+" is "+m.State)
		}
	}
	for _, m := range before.Mappings {
		if _, listed := find(now.Mappings, m.ID); !listed {
			gone = append(gone, m.String())
		}
	}
	switch {
	case len(ending) > 0:
		return actions.Reading{Verdict: actions.Pending, Detail: "event source mapping " + strings.Join(ending, ", ")}, nil
	case len(gone) > 0:
		return actions.Reading{Verdict: actions.CannotVerify, Detail: "AWS does not list event source mapping " + strings.Join(gone, ", ") + "; was it deleted?"}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("function %s has a reserved concurrency of 0, and no event source mapping of it is enabled (%d looked at)", before.Name, len(now.Mappings))}, nil
}

// now reads what can have changed since the plan.
func (c *conn) now(ctx context.Context, before function) (function, error) {
	n, err := c.reserved(ctx, before.Name)
	if err != nil {
		return function{}, err
	}
	mappings, err := c.mappings(ctx, before.ARN)
	return function{Name: before.Name, ARN: before.ARN, Reserved: n, Mappings: mappings}, err
}

// resume loads what Plan captured and opens the session.
func (a quarantineFunction) resume(ctx context.Context, call actions.Call, p quarantineFunctionParams) (*conn, function, error) {
	var before function
	if err := call.LoadState(&before); err != nil {
		return nil, before, err
	}
	if before.Name != p.Function || before.ARN == "" {
		return nil, before, actions.WrongState("it is of function %q", before.Name)
	}
	c, err := open(ctx, a.cloud, call)
	return c, before, err
}
