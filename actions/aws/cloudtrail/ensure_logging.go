package cloudtrail

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// ensureLogging starts trails that somebody stopped.
type ensureLogging struct{ cloud *cloud.Cloud }

type ensureLoggingParams struct {
	Trail string `json:"trail,omitempty" doc:"name or ARN of one trail; empty: all trails of the account that the environment's region sees" example:"management-events"`
}

type ensureLoggingResult struct {
	Trails  []string `json:"trails" doc:"ARNs of the trails that were made sure of"`
	Started []string `json:"started" doc:"ARNs of those that did not log when the step was planned"`
}

// loggingState is what Plan captures, so that every attempt is about the same trails.
type loggingState struct {
	Trails []trail `json:"trails"`
}

type trail struct {
	ARN     string `json:"arn"`
	Name    string `json:"name"`
	Home    string `json:"home"` // the region that it is controlled from
	Logging bool   `json:"logging"`
}

const trailResource = "arn:{partition}:cloudtrail:{home_region}:{account}:trail/{trail}"

func (ensureLogging) Spec() actions.Spec {
	return actions.Spec{
		Name: "aws.cloudtrail.ensure_logging", Version: 1,
		Title:  "Make sure that CloudTrail logs",
		Doc:    "Starts the trails of the account that do not log. There is no undo: firebreak never stops a log. Trails that an organization's management account owns are only named. Trails of a single other region are not seen.",
		Effect: actions.Reversible, Repeat: actions.Idempotent, Adds: true,
		BlastRadius: "None but the cost of the log: trails write to their buckets again.",
		StaysAlive: []string{"what was done while a trail was stopped is not in its bucket; aws.cloudtrail.lookup_events still finds management events", "a trail whose event selectors were narrowed logs on, and misses what they leave out",
			"whoever may stop the trail can stop it again"},
		Permissions: []actions.Permission{ // AWS knows no resource for DescribeTrails
			{Phase: actions.PhasePlan, Action: "cloudtrail:DescribeTrails", Resource: "*", Why: "find the trails and the regions that they are controlled from"},
			{Phase: actions.PhasePlan, Action: "cloudtrail:GetTrailStatus", Resource: trailResource, Why: "see which of them log"},
			{Phase: actions.PhaseExecute, Action: "cloudtrail:StartLogging", Resource: trailResource, Why: "start them"},
			{Phase: actions.PhaseVerify, Action: "cloudtrail:GetTrailStatus", Resource: trailResource, Why: "see that they log, and that what they log arrives"},
		},
	}
}

func (a ensureLogging) Plan(ctx context.Context, call actions.Call, p ensureLoggingParams) (actions.Preview, error) {
	const op = "cloudtrail:DescribeTrails"
	c, err := a.cloud.Open(ctx, call)
	if err != nil {
		return actions.Preview{}, err
	}
	out, err := cloud.Do(ctx, c, cloud.Reads, op, client(c).DescribeTrails, &cloudtrail.DescribeTrailsInput{IncludeShadowTrails: aws.Bool(true)})
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Calls: []string{"cloudtrail:StartLogging"}, NoUndo: "firebreak never stops a log", InEffect: true}
	var state loggingState
	for _, one := range out.TrailList {
		arn, name := aws.ToString(one.TrailARN), aws.ToString(one.Name)
		switch {
		case p.Trail != "" && p.Trail != arn && p.Trail != name:
			continue
		case !strings.Contains(arn, ":"+c.Account+":trail/"):
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("Trail %s belongs to another account, which has to start it.", arn))
			continue
		}
		t := trail{ARN: arn, Name: name, Home: aws.ToString(one.HomeRegion)}
		status, err := t.status(ctx, c)
		switch {
		case err != nil:
			return preview, err
		case status.IsLogging == nil:
			return preview, &actions.Error{Class: actions.Transient, Op: "cloudtrail:GetTrailStatus", Err: fmt.Errorf("AWS does not say whether trail %q logs", arn)}
		}
		t.Logging = *status.IsLogging
		state.Trails = append(state.Trails, t)
	}
	slices.SortFunc(state.Trails, func(a, b trail) int { return strings.Compare(a.ARN, b.ARN) })
	switch {
	case len(state.Trails) == 0 && p.Trail != "":
		return preview, &actions.Error{Class: actions.NotFound, Op: op, Err: fmt.Errorf("account %s has no trail %q that it can start from %s", c.Account, p.Trail, c.Region),
			Hint: strings.Join(append([]string{"look for it in the region that it was made in"}, preview.Warnings...), ". ")}
	case len(state.Trails) == 0:
		return preview, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("account %s has no trail of its own that %s sees, so there is nothing to start", c.Account, c.Region),
			Hint: strings.Join(append([]string{"make a trail for all regions; aws.cloudtrail.lookup_events finds management events of 90 days without one"}, preview.Warnings...), ". ")}
	}
	for _, t := range state.Trails {
		preview.Targets = append(preview.Targets, actions.Target{Type: "aws.cloudtrail.trail", ID: t.ARN, Account: c.Account, Region: t.Home})
		if t.Logging {
			preview.Changes = append(preview.Changes, fmt.Sprintf("Trail %s logs already, and goes on.", t.ARN))
			continue
		}
		preview.InEffect = false
		preview.Changes = append(preview.Changes, fmt.Sprintf("Trail %s is stopped, and starts to log.", t.ARN))
	}
	return preview, preview.Capture(state)
}

func (a ensureLogging) Execute(ctx context.Context, call actions.Call, _ ensureLoggingParams) (ensureLoggingResult, error) {
	r := ensureLoggingResult{Trails: []string{}, Started: []string{}}
	c, state, err := a.resume(ctx, call)
	if err != nil {
		return r, err
	}
	// Those that logged are started as well: somebody may have stopped them since.
	for i, t := range state.Trails {
		there := c.In(t.Home)
		if _, err := cloud.Do(ctx, there, cloud.Writes, "cloudtrail:StartLogging", client(there).StartLogging, &cloudtrail.StartLoggingInput{Name: &t.Name}); err != nil {
			if e := actions.AsError("cloudtrail:StartLogging", err); i > 0 && e.Class != actions.Unknown {
				return r, &actions.Error{Class: actions.Unknown, Op: e.Op, RequestID: e.RequestID, Hint: e.Hint, Err: fmt.Errorf("%d of %d trails were started, and then trail %q was not: %w", i, len(state.Trails), t.ARN, e.Err)}
			}
			return r, err
		}
		r.Trails = append(r.Trails, t.ARN)
		if !t.Logging {
			r.Started = append(r.Started, t.ARN)
		}
	}
	return r, nil
}

func (a ensureLogging) Verify(ctx context.Context, call actions.Call, _ ensureLoggingParams, _ ensureLoggingResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call)
	if err != nil {
		return actions.Reading{}, err
	}
	var late []string
	for _, t := range state.Trails {
		status, err := t.status(ctx, c)
		switch {
		case err != nil:
			return cloud.Unreadable(err)
		case status.IsLogging == nil:
			return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("AWS does not say whether trail %s logs", t.ARN)}, nil
		case !*status.IsLogging:
			return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("trail %s does not log", t.ARN)}, nil
		case aws.ToString(status.LatestDeliveryError) != "":
			late = append(late, fmt.Sprintf("trail %s logs, but its last delivery failed: %s", t.ARN, *status.LatestDeliveryError))
		}
	}
	if len(late) > 0 {
		return actions.Reading{Verdict: actions.Pending, Detail: strings.Join(late, "; ") + "; look at its bucket, whose next delivery tells"}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("all %d trails log", len(state.Trails))}, nil
}

func (a ensureLogging) resume(ctx context.Context, call actions.Call) (*cloud.Conn, loggingState, error) {
	var state loggingState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	c, err := a.cloud.Open(ctx, call)
	return c, state, err
}

// status asks the region that the trail is controlled from.
func (t trail) status(ctx context.Context, c *cloud.Conn) (*cloudtrail.GetTrailStatusOutput, error) {
	there := c.In(t.Home)
	return cloud.Do(ctx, there, cloud.Reads, "cloudtrail:GetTrailStatus", client(there).GetTrailStatus, &cloudtrail.GetTrailStatusInput{Name: &t.ARN})
}
