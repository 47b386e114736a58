package secrets

import (
	"context"
	"fmt"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type clearPending struct{ cloud *cloud.Cloud }

type clearPendingParams struct {
	Secret    string `json:"secret" doc:"name or ARN of the secret" example:"prod/payments/db" pattern:"^[A-Za-z0-9/_+=.@:!-]{1,900}$" subject:"true"`
	VersionID string `json:"version_id,omitempty" doc:"id of the version that is stuck; checked when given, found when not" example:"6f3b9c1e-5d0a-8b7c-9a1e-2f4d6c8e0a1b" pattern:"^[A-Za-z0-9-]{1,64}$"`
}

type clearPendingResult struct {
	VersionID      string `json:"version_id" doc:"id of the version that lost AWSPENDING; empty if none had it"`
	CurrentVersion string `json:"current_version" doc:"id of the version that consumers get, which stays"`
}

// clearState is what Plan captures.
type clearState struct {
	Secret  secret `json:"secret"`
	Version string `json:"version,omitempty"` // the one that is stuck
}

const opClear = "aws.secretsmanager.clear_pending"

func (clearPending) Spec() actions.Spec {
	row := func(phase actions.Phase, action, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: "secretsmanager:" + action, Resource: secretResource, Why: why}
	}
	return actions.Spec{
		Name: opClear, Version: 1,
		Title:  "Clear a stuck rotation",
		Doc:    "Takes the label AWSPENDING from a version that is not current, which a failed rotation has left behind, so that the secret can be rotated again. Find out first which value the target has: when the rotation failed after it had set the new one, the version that is cleared here is the only one that works.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Consumers notice nothing: they get the current version, which stays. A rotation that is still running will fail.",
		StaysAlive: []string{
			"What made the rotation fail: the next one fails too until that is repaired.",
			"The target may hold the value of the cleared version. It can be read by its id until AWS deletes it.",
		},
		Permissions: []actions.Permission{
			row(actions.PhasePlan, "DescribeSecret", "find the version that is stuck"),
			row(actions.PhaseExecute, "DescribeSecret", "see whether it is still stuck"),
			row(actions.PhaseExecute, "UpdateSecretVersionStage", "take AWSPENDING away"),
			row(actions.PhaseVerify, "DescribeSecret", "read the labels back"),
			row(actions.PhaseUndo, "DescribeSecret", "see whether the labels are still as we left them"),
			row(actions.PhaseUndo, "UpdateSecretVersionStage", "put AWSPENDING back"),
		},
	}
}

func (a clearPending) Plan(ctx context.Context, call actions.Call, p clearPendingParams) (actions.Preview, error) {
	var preview actions.Preview
	c, err := open(ctx, a.cloud, call, "secretsmanager", p.Secret)
	if err != nil {
		return preview, err
	}
	s, err := c.describe(ctx, p.Secret)
	if err != nil {
		return preview, err
	}
	if err := s.changeable(opClear); err != nil {
		return preview, err
	}
	stuck := s.stuck()
	switch {
	case p.VersionID != "" && p.VersionID == s.holder(labelCurrent):
		return preview, precondition(opClear, "nothing is stuck: rotate it", "version %s of secret %q is current", p.VersionID, s.Name)
	case p.VersionID != "" && stuck != "" && stuck != p.VersionID:
		return preview, precondition(opClear, "look again which one is stuck", "AWSPENDING of secret %q is on version %s, not on %s", s.Name, stuck, p.VersionID)
	}
	preview = actions.Preview{Targets: []actions.Target{s.target()}, Calls: []string{"secretsmanager:UpdateSecretVersionStage"}}
	if stuck == "" {
		preview.InEffect, preview.NoUndo = true, "no rotation was stuck"
		preview.Changes = []string{fmt.Sprintf("Nothing changes: no rotation of secret %s is stuck.", s.Name)}
		return preview, preview.Capture(clearState{Secret: *s})
	}
	preview.Changes = []string{fmt.Sprintf("Version %s of secret %s loses AWSPENDING; version %s stays current.", stuck, s.Name, s.holder(labelCurrent))}
	preview.Warnings = []string{
		fmt.Sprintf("Find out first which value the target has: if the rotation failed after it set the new one, only version %s works.", stuck),
		"A rotation that is still running looks the same. The secret was last changed " + orUnknown(s.LastChanged) + "; give a rotation a quarter of an hour.",
	}
	return preview, preview.Capture(clearState{*s, stuck})
}

func orUnknown(when string) string {
	if when == "" {
		return "at a time that AWS does not tell"
	}
	return "at " + when
}

func (a clearPending) Execute(ctx context.Context, call actions.Call, p clearPendingParams) (clearPendingResult, error) {
	c, state, now, err := a.resume(ctx, call, p)
	r := clearPendingResult{VersionID: state.Version, CurrentVersion: state.Secret.holder(labelCurrent)}
	if err != nil {
		return r, err
	}
	if state.Version == "" {
		return r, now.notStuck(opClear)
	}
	switch pending := now.holder(labelPending); {
	case now.holder(labelCurrent) != r.CurrentVersion:
		return r, precondition(opClear, "plan the step again", "secret %q was rotated since this was planned: %s", now.Name, now.labels())
	case pending == "":
		return r, nil
	case pending != state.Version:
		return r, precondition(opClear, "plan the step again", "AWSPENDING of secret %q has moved since this was planned: %s", now.Name, now.labels())
	}
	return r, c.moveLabel(ctx, now.ARN, labelPending, state.Version, "")
}

func (a clearPending) Verify(ctx context.Context, call actions.Call, p clearPendingParams, _ clearPendingResult) (actions.Reading, error) {
	_, state, now, err := a.resume(ctx, call, p)
	if err != nil {
		return cloud.Unreadable(err)
	}
	before := state.Secret.holder(labelCurrent)
	switch {
	case now.stuck() != "":
		return read(actions.NotVerified, "version %s carries AWSPENDING and is not current", now.stuck())
	case now.holder(labelCurrent) != before:
		return read(actions.NotVerified, "version %s is no longer current: %s", before, now.labels())
	}
	return read(actions.Verified, "no rotation is stuck; version %s is still current", before)
}

// back says why the label cannot be put back; empty when it can.
func (s clearState) back(now *secret) string {
	switch {
	case s.Version == "":
		return "no rotation was stuck before this step"
	case now.holder(labelCurrent) != s.Secret.holder(labelCurrent):
		return "the secret was rotated since: " + now.labels()
	case now.holder(labelPending) != "" && now.holder(labelPending) != s.Version:
		return "another rotation was started since: " + now.labels()
	}
	return ""
}

func (a clearPending) PlanUndo(ctx context.Context, call actions.Call, p clearPendingParams, _ clearPendingResult) (actions.Preview, error) {
	_, state, now, err := a.resume(ctx, call, p)
	preview := actions.Preview{Targets: []actions.Target{state.Secret.target()}}
	if err != nil {
		return preview, err
	}
	if preview.NoUndo = state.back(now); preview.NoUndo != "" {
		return preview, nil
	}
	preview.InEffect = now.holder(labelPending) == state.Version
	preview.Changes = []string{fmt.Sprintf("Version %s of secret %s gets AWSPENDING again.", state.Version, now.Name)}
	preview.Calls = []string{"secretsmanager:UpdateSecretVersionStage"}
	preview.Warnings = []string{"The secret cannot be rotated then, as before."}
	return preview, nil
}

func (a clearPending) Undo(ctx context.Context, call actions.Call, p clearPendingParams, _ clearPendingResult) error {
	c, state, now, err := a.resume(ctx, call, p)
	if err != nil || state.Version == "" || now.holder(labelPending) == state.Version {
		return err
	}
	if reason := state.back(now); reason != "" {
		return precondition(opClear, "look at the secret", "the label of secret %q cannot be put back: %s", now.Name, reason)
	}
	return c.moveLabel(ctx, now.ARN, labelPending, "", state.Version)
}

func (a clearPending) VerifyUndo(ctx context.Context, call actions.Call, p clearPendingParams, _ clearPendingResult) (actions.Reading, error) {
	_, state, now, err := a.resume(ctx, call, p)
	if err != nil {
		return cloud.Unreadable(err)
	}
	if differs := now.sameLabels(&state.Secret); differs != "" {
		return read(actions.NotVerified, "%s", differs)
	}
	return read(actions.Verified, "the labels are what they were")
}

// resume loads what Plan captured, opens the session and reads the secret.
func (a clearPending) resume(ctx context.Context, call actions.Call, p clearPendingParams) (*conn, clearState, *secret, error) {
	var state clearState
	if err := call.LoadState(&state); err != nil {
		return nil, state, nil, err
	}
	if p.Secret != state.Secret.Name && p.Secret != state.Secret.ARN {
		return nil, state, nil, actions.WrongState("it is of another secret")
	}
	c, err := open(ctx, a.cloud, call, "secretsmanager", state.Secret.ARN)
	if err != nil {
		return nil, state, nil, err
	}
	now, err := c.describe(ctx, state.Secret.ARN)
	return c, state, now, err
}
