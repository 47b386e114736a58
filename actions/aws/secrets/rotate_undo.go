package secrets

import (
	"context"
	"errors"
	"fmt"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

func (a rotateSecret) Verify(ctx context.Context, call actions.Call, p rotateSecretParams, r rotateSecretResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	before := &state.Secret
	now, err := c.describe(ctx, before.ARN)
	if err != nil {
		return cloud.Unreadable(err)
	}
	version := madeBy(p, call, r)
	switch current := now.holder(labelCurrent); {
	case current == version && now.stuck() != "":
		return read(actions.NotVerified, "version %s is current, but another rotation was started since: %s", version, now.labels())
	case current == version:
		return c.consumer(ctx, p, now.ARN, version, before.holder(labelCurrent))
	case now.holder(labelPending) == version && p.Strategy != byHand:
		return read(actions.Pending, "the rotation is not done: version %s is pending, version %s is still current", version, current)
	default:
		return read(actions.NotVerified, "%s is current, not version %s", orNone(current), version)
	}
}

// madeBy is the version that a step made, by its result or its key.
func madeBy(p rotateSecretParams, call actions.Call, r rotateSecretResult) string {
	if r.NewVersion != "" {
		return r.NewVersion
	}
	tokens := p.tokens(call.Key)
	return tokens[len(tokens)-1]
}

// back says what stands in the way of going back to the old version; empty when
// nothing does.
func (a rotateSecret) back(ctx context.Context, c *conn, p rotateSecretParams, before, now *secret, version string) (string, error) {
	current, old := now.holder(labelCurrent), before.holder(labelCurrent)
	switch {
	case p.noUndo() != "":
		return p.noUndo(), nil
	case current != version && current != old:
		return fmt.Sprintf("somebody else has rotated the secret since: %s is current, not version %s", orNone(current), version), nil
	case now.stuck() != "" && now.stuck() != version:
		return "another rotation was started since: " + now.labels(), nil
	case now.stuck() == version && p.Strategy != byHand:
		return "the rotation is still running, or stuck: wait for it, or repair it with aws.secretsmanager.clear_pending", nil
	case p.Strategy == byHand, current == old:
		return "", nil // the old value is set again first, or is there: what is left are labels
	}
	got, err := c.try(ctx, p.ConsumerCheck, now.ARN, version, old)
	switch {
	case errors.Is(err, errFunction):
		return fmt.Sprintf("the consumer's check %s failed, so nobody can say whether the target still accepts the old value", p.ConsumerCheck), nil
	case err != nil:
		return "", err
	case got.Old == refused:
		return "the target refuses the old value, so moving the label would stop every consumer; to get away from the new value, rotate again", nil
	case got.Old != works:
		return fmt.Sprintf("the consumer's check %s does not say whether the target still accepts the old value", p.ConsumerCheck), nil
	}
	return "", nil
}

func (a rotateSecret) PlanUndo(ctx context.Context, call actions.Call, p rotateSecretParams, r rotateSecretResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	before := &state.Secret
	preview := actions.Preview{Targets: []actions.Target{before.target()}}
	now, err := c.describe(ctx, before.ARN)
	if err != nil {
		return preview, err
	}
	if preview.NoUndo, err = a.back(ctx, c, p, before, now, madeBy(p, call, r)); err != nil || preview.NoUndo != "" {
		return preview, err
	}
	old := before.holder(labelCurrent)
	preview.InEffect = now.sameLabels(before) == ""
	if p.Strategy == byHand {
		preview.Changes = append(preview.Changes, fmt.Sprintf("Function %s sets the value of version %s at the target again and tests it.", p.Setter, old))
		preview.Calls = append(preview.Calls, "lambda:InvokeFunction")
	}
	preview.Changes = append(preview.Changes, fmt.Sprintf("Version %s of secret %s becomes current again, and the other labels go where they were.", old, before.Name))
	preview.Calls = append(preview.Calls, "secretsmanager:UpdateSecretVersionStage")
	preview.Warnings = []string{"If the old value has leaked, whoever holds it has a working value again."}
	return preview, nil
}

func (a rotateSecret) Undo(ctx context.Context, call actions.Call, p rotateSecretParams, r rotateSecretResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return err
	}
	before := &state.Secret
	now, err := c.describe(ctx, before.ARN)
	if err != nil {
		return err
	}
	if now.sameLabels(before) == "" {
		return nil
	}
	version := madeBy(p, call, r)
	reason, err := a.back(ctx, c, p, before, now, version)
	if err != nil {
		return err
	}
	if reason != "" {
		return precondition(opRotate, "look at the secret and its target", "the rotation of secret %q cannot be taken back: %s", before.Name, reason)
	}
	done := ""
	if p.Strategy == byHand && (now.holder(labelCurrent) == version || now.holder(labelPending) == version) {
		if err := c.set(ctx, p.Setter, now.ARN, before.holder(labelCurrent)); err != nil {
			return err
		}
		done = "the old value was set again"
	}
	return cloud.Partly(opRotate, done, c.restoreLabels(ctx, before))
}

func (a rotateSecret) VerifyUndo(ctx context.Context, call actions.Call, p rotateSecretParams, r rotateSecretResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	before := &state.Secret
	now, err := c.describe(ctx, before.ARN)
	if err != nil {
		return cloud.Unreadable(err)
	}
	if differs := now.sameLabels(before); differs != "" {
		return read(actions.NotVerified, "%s", differs)
	}
	old := before.holder(labelCurrent)
	if p.ConsumerCheck == "" {
		return read(actions.Verified, "version %s is current again; nothing tried its value at the target", old)
	}
	got, err := c.try(ctx, p.ConsumerCheck, now.ARN, madeBy(p, call, r), old)
	switch {
	case errors.Is(err, errFunction):
		return read(actions.CannotVerify, "version %s is current again, but the consumer's check %s failed", old, p.ConsumerCheck)
	case err != nil:
		return cloud.Unreadable(err)
	case got.Old == refused:
		return read(actions.NotVerified, "version %s is current again, but the target refuses its value", old)
	case got.Old != works:
		return read(actions.CannotVerify, "version %s is current again, but the consumer's check %s does not say whether its value works", old, p.ConsumerCheck)
	}
	return read(actions.Verified, "version %s is current again and its value works", old)
}
