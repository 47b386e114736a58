package secrets

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type describeSecret struct{ cloud *cloud.Cloud }

type describeSecretParams struct {
	Secret string `json:"secret" doc:"name or ARN of the secret" example:"prod/payments/db" pattern:"^[A-Za-z0-9/_+=.@:!-]{1,900}$"`
}

type describeSecretResult struct {
	ARN             string            `json:"arn" doc:"ARN of the secret"`
	Name            string            `json:"name" doc:"its name"`
	Strategy        string            `json:"strategy" doc:"how it can be rotated: lambda by its own function, managed by the service that owns it, direct when nothing rotates it" enum:"lambda,managed,direct"`
	RotationEnabled bool              `json:"rotation_enabled" doc:"whether it is rotated on a schedule"`
	RotationLambda  string            `json:"rotation_lambda" doc:"ARN of the rotation function; empty if there is none"`
	OwningService   string            `json:"owning_service" doc:"service that manages the secret, such as rds; empty if none does"`
	CurrentVersion  string            `json:"current_version" doc:"id of the version that consumers get"`
	PreviousVersion string            `json:"previous_version" doc:"id of the version before; empty if there is none"`
	PendingVersion  string            `json:"pending_version" doc:"id of the version that carries AWSPENDING; empty if none does"`
	Stuck           bool              `json:"stuck" doc:"AWSPENDING is on a version that is not current: a rotation runs or has failed, and no other can start"`
	Versions        []describedLabels `json:"versions" doc:"all versions that have labels, sorted by id"`
	LastRotated     string            `json:"last_rotated" doc:"when it was last rotated (RFC 3339); empty if never"`
	LastChanged     string            `json:"last_changed" doc:"when it was last changed (RFC 3339); empty if AWS does not say"`
	LastAccessed    string            `json:"last_accessed" doc:"day on which the value was last read (RFC 3339), by anybody; empty if AWS does not say"`
	KMSKey          string            `json:"kms_key" doc:"key that encrypts it; empty for aws/secretsmanager"`
	Replicas        []string          `json:"replicas" doc:"regions that hold a copy"`
	Deleted         bool              `json:"deleted" doc:"whether it is marked for deletion"`
	Tags            map[string]string `json:"tags" doc:"its tags"`
}

type describedLabels struct {
	ID     string   `json:"id" doc:"id of the version"`
	Labels []string `json:"labels" doc:"its labels, sorted"`
}

func (describeSecret) Spec() actions.Spec {
	return actions.Spec{
		Name: "aws.secretsmanager.describe_secret", Version: 1,
		Title:  "Look at a secret, not at its value",
		Doc:    "Reads how a secret is rotated, which versions it has, who owns it, when it was last rotated and read, and whether a rotation is stuck. The value is not read, and the right to read it is not needed.",
		Effect: actions.Read, Repeat: actions.Idempotent,
		BlastRadius: "None: it only reads, and not the value.",
		Permissions: []actions.Permission{
			{Phase: actions.PhasePlan, Action: "secretsmanager:DescribeSecret", Resource: secretResource, Why: "see that the secret is there"},
			{Phase: actions.PhaseExecute, Action: "secretsmanager:DescribeSecret", Resource: secretResource, Why: "read rotation, versions and owner"},
		},
	}
}

func (a describeSecret) Plan(ctx context.Context, call actions.Call, p describeSecretParams) (actions.Preview, error) {
	s, err := a.read(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{
		Targets: []actions.Target{s.target()},
		Changes: []string{fmt.Sprintf("Nothing changes: read what is known about secret %s, without its value.", s.Name)},
		Calls:   []string{"secretsmanager:DescribeSecret"},
	}
	if stuck := s.stuck(); stuck != "" {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("Version %s carries AWSPENDING and is not current: a rotation runs or is stuck.", stuck))
	}
	return preview, nil
}

func (a describeSecret) Execute(ctx context.Context, call actions.Call, p describeSecretParams) (describeSecretResult, error) {
	s, err := a.read(ctx, call, p)
	if err != nil {
		return describeSecretResult{}, err
	}
	r := describeSecretResult{
		ARN: s.ARN, Name: s.Name, Strategy: s.strategy(), RotationEnabled: s.Rotates, RotationLambda: s.Function, OwningService: s.Owner,
		CurrentVersion: s.holder(labelCurrent), PreviousVersion: s.holder(labelPrevious), PendingVersion: s.holder(labelPending), Stuck: s.stuck() != "",
		Versions: []describedLabels{}, LastRotated: s.LastRotated, LastChanged: s.LastChanged, LastAccessed: s.LastRead,
		KMSKey: s.KMSKey, Replicas: append([]string{}, s.ReplicasIn...), Deleted: s.DeletedAt != "", Tags: s.Tags,
	}
	for _, id := range slices.Sorted(maps.Keys(s.Versions)) {
		r.Versions = append(r.Versions, describedLabels{id, s.Versions[id]})
	}
	return r, nil
}

func (a describeSecret) read(ctx context.Context, call actions.Call, p describeSecretParams) (*secret, error) {
	c, err := open(ctx, a.cloud, call, "secretsmanager", p.Secret)
	if err != nil {
		return nil, err
	}
	return c.describe(ctx, p.Secret)
}

// strategy is how the secret can be rotated.
func (s *secret) strategy() string {
	switch {
	case s.Function != "":
		return byLambda
	case s.Owner != "":
		return byOwner
	}
	return byHand
}
