package ec2

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// shared gives, for each snapshot that this step shared, what it shared.
func (s shareState) shared(r shareSnapshotsResult) []string {
	var ids []string
	for i, one := range s.Snapshots {
		switch {
		case one.Before:
		case i < len(r.Snapshots):
			ids = append(ids, r.Snapshots[i].Shared)
		case !one.Again:
			ids = append(ids, one.ID)
		}
	}
	return ids
}

func (a shareSnapshots) PlanUndo(ctx context.Context, call actions.Call, p shareSnapshotsParams, r shareSnapshotsResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	ids := state.shared(r)
	if len(ids) == 0 {
		return actions.Preview{NoUndo: fmt.Sprintf("account %s could use the snapshots before; it stays so", state.Account)}, nil
	}
	preview := actions.Preview{Targets: []actions.Target{{Type: "aws.account", ID: state.Account, Account: state.Account}}, Calls: []string{"ec2:ModifySnapshotAttribute"}, InEffect: true}
	for _, id := range ids {
		may, err := c.mayUse(ctx, id, state.Account)
		if err != nil && actions.ClassOf(err) != actions.NotFound {
			return preview, err
		}
		preview.InEffect = preview.InEffect && !may
		preview.Targets = append(preview.Targets, c.target("snapshot", id))
		preview.Changes = append(preview.Changes, fmt.Sprintf("Account %s may no longer use snapshot %s.", state.Account, id))
	}
	if p.CopyTo == "" {
		preview.Warnings = append(preview.Warnings, "The other account loses the evidence, unless it has made copies.")
	} else {
		preview.Warnings = append(preview.Warnings, "The copies in the other account stay.")
	}
	return preview, nil
}

func (a shareSnapshots) Undo(ctx context.Context, call actions.Call, p shareSnapshotsParams, r shareSnapshotsResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return err
	}
	for i, id := range state.shared(r) {
		err := c.allow(ctx, id, state.Account, types.OperationTypeRemove)
		if err != nil && actions.ClassOf(err) != actions.NotFound { // a snapshot that is gone can be used by nobody
			return cloud.AfterEffect(i > 0, err)
		}
	}
	return nil
}

func (a shareSnapshots) VerifyUndo(ctx context.Context, call actions.Call, p shareSnapshotsParams, r shareSnapshotsResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	gone := ""
	for _, id := range state.shared(r) {
		may, err := c.mayUse(ctx, id, state.Account)
		switch {
		case err != nil && actions.ClassOf(err) == actions.NotFound:
			gone += fmt.Sprintf("; snapshot %s does not exist any more", id)
		case err != nil:
			return unreadable(err)
		case may:
			return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("account %s may still use snapshot %s", state.Account, id)}, nil
		}
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("account %s may not use them%s", state.Account, gone)}, nil
}
