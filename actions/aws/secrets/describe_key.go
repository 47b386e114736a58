package secrets

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type describeKey struct{ cloud *cloud.Cloud }

type describeKeyParams struct {
	Key string `json:"key" doc:"id, alias or ARN of the key" example:"alias/payments" pattern:"^[A-Za-z0-9/_:-]{1,256}$"`
}

type describeKeyResult struct {
	ARN         string           `json:"arn" doc:"ARN of the key"`
	KeyID       string           `json:"key_id" doc:"its id"`
	State       string           `json:"state" doc:"Enabled, Disabled, PendingDeletion or another state of KMS"`
	Manager     string           `json:"manager" doc:"CUSTOMER, or AWS for keys that only AWS can change"`
	Usage       string           `json:"usage" doc:"such as ENCRYPT_DECRYPT"`
	MultiRegion bool             `json:"multi_region" doc:"whether it has copies in other regions"`
	Aliases     []string         `json:"aliases" doc:"its aliases"`
	Grants      []describedGrant `json:"grants" doc:"its grants, sorted by id"`
}

type describedGrant struct {
	ID         string   `json:"id" doc:"id of the grant"`
	Name       string   `json:"name" doc:"its name; empty if it has none"`
	Grantee    string   `json:"grantee" doc:"who may use the key by it: an ARN or a service"`
	Operations []string `json:"operations" doc:"what it allows"`
	Created    string   `json:"created" doc:"when it was made (RFC 3339)"`
}

func (describeKey) Spec() actions.Spec {
	const any = "arn:{partition}:kms:{region}:{account}:key/{key_id}"
	return actions.Spec{
		Name: "aws.kms.describe_key", Version: 1,
		Title:  "Look at a key",
		Doc:    "Reads the state of a KMS key, its aliases and its grants.",
		Effect: actions.Read, Repeat: actions.Idempotent,
		BlastRadius: "None: it only reads.",
		Permissions: []actions.Permission{
			{Phase: actions.PhasePlan, Action: "kms:DescribeKey", Resource: any, Why: "see that the key is there"},
			{Phase: actions.PhaseExecute, Action: "kms:DescribeKey", Resource: any, Why: "read the state of the key"},
			{Phase: actions.PhaseExecute, Action: "kms:ListAliases", Resource: "*", Why: "read its aliases"},
			{Phase: actions.PhaseExecute, Action: "kms:ListGrants", Resource: any, Why: "read its grants"},
		},
	}
}

func (a describeKey) Plan(ctx context.Context, call actions.Call, p describeKeyParams) (actions.Preview, error) {
	c, err := open(ctx, a.cloud, call, "kms", p.Key)
	if err != nil {
		return actions.Preview{}, err
	}
	k, err := c.key(ctx, p.Key)
	if err != nil {
		return actions.Preview{}, err
	}
	return actions.Preview{
		Targets: []actions.Target{k.target()},
		Changes: []string{fmt.Sprintf("Nothing changes: read key %s, its aliases and grants.", k.ID)},
		Calls:   []string{"kms:DescribeKey", "kms:ListAliases", "kms:ListGrants"},
	}, nil
}

func (a describeKey) Execute(ctx context.Context, call actions.Call, p describeKeyParams) (describeKeyResult, error) {
	c, err := open(ctx, a.cloud, call, "kms", p.Key)
	if err != nil {
		return describeKeyResult{}, err
	}
	k, err := c.keyAndAliases(ctx, p.Key)
	if err != nil {
		return describeKeyResult{}, err
	}
	r := describeKeyResult{ARN: k.ARN, KeyID: k.ID, State: k.State, Manager: k.Manager, Usage: k.Usage, MultiRegion: k.MultiRegion, Aliases: append([]string{}, k.Aliases...), Grants: []describedGrant{}}
	grants, err := c.grants(ctx, k.ARN)
	for _, g := range grants {
		r.Grants = append(r.Grants, described(g))
	}
	return r, err
}

func described(g types.GrantListEntry) describedGrant {
	d := describedGrant{ID: aws.ToString(g.GrantId), Name: aws.ToString(g.Name), Grantee: grantee(g), Operations: []string{}, Created: stamp(g.CreationDate)}
	for _, operation := range g.Operations {
		d.Operations = append(d.Operations, string(operation))
	}
	return d
}
