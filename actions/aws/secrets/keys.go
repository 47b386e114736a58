package secrets

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// keyResource is a KMS key by its id.
const keyResource = "arn:{partition}:kms:{region}:{account}:key/{key}"

// key is what KMS tells of a key. It holds no key material.
type key struct {
	ARN         string   `json:"arn"`
	ID          string   `json:"id"`
	Account     string   `json:"account"`
	Region      string   `json:"region"`
	State       string   `json:"state"`
	Manager     string   `json:"manager"`
	Usage       string   `json:"usage,omitempty"`
	MultiRegion bool     `json:"multi_region,omitempty"`
	Aliases     []string `json:"aliases,omitempty"`
}

func (k *key) target() actions.Target {
	return actions.Target{Type: "aws.kms.key", ID: k.ID, Account: k.Account, Region: k.Region}
}

// name is the key for people.
func (k *key) name() string {
	if len(k.Aliases) == 0 {
		return k.ID
	}
	return k.ID + " (" + strings.Join(k.Aliases, ", ") + ")"
}

// key reads a key, without its aliases.
func (c *conn) key(ctx context.Context, id string) (*key, error) {
	const op = "kms:DescribeKey"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.kms.DescribeKey, &kms.DescribeKeyInput{KeyId: &id})
	switch {
	case err != nil:
		return nil, err
	case out.KeyMetadata == nil || aws.ToString(out.KeyMetadata.Arn) == "" || out.KeyMetadata.KeyState == "":
		return nil, cloud.Without(op, "key")
	}
	m := out.KeyMetadata
	return &key{
		ARN: *m.Arn, ID: aws.ToString(m.KeyId), Account: c.Account, Region: c.Region,
		State: string(m.KeyState), Manager: string(m.KeyManager), Usage: string(m.KeyUsage), MultiRegion: aws.ToBool(m.MultiRegion),
	}, nil
}

// keyAndAliases reads a key with its aliases.
func (c *conn) keyAndAliases(ctx context.Context, id string) (*key, error) {
	k, err := c.key(ctx, id)
	if err != nil {
		return nil, err
	}
	for pages := (kms.ListAliasesInput{KeyId: &k.ID}); ; {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "kms:ListAliases", c.kms.ListAliases, &pages)
		if err != nil {
			return nil, err
		}
		for _, alias := range out.Aliases {
			k.Aliases = append(k.Aliases, aws.ToString(alias.AliasName))
		}
		if !out.Truncated || out.NextMarker == nil {
			slices.Sort(k.Aliases)
			return k, nil
		}
		pages.Marker = out.NextMarker
	}
}

// grants lists the grants of a key, sorted by id. An answer without a list is an
// error: it does not say that there are none.
func (c *conn) grants(ctx context.Context, id string) ([]types.GrantListEntry, error) {
	const op = "kms:ListGrants"
	list := []types.GrantListEntry{}
	for pages := (kms.ListGrantsInput{KeyId: &id}); ; {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.kms.ListGrants, &pages)
		switch {
		case err != nil:
			return nil, err
		case out.Grants == nil:
			return nil, cloud.Without(op, "list of grants")
		}
		list = append(list, out.Grants...)
		if !out.Truncated || out.NextMarker == nil {
			slices.SortFunc(list, func(a, b types.GrantListEntry) int {
				return strings.Compare(aws.ToString(a.GrantId), aws.ToString(b.GrantId))
			})
			return list, nil
		}
		pages.Marker = out.NextMarker
	}
}

// refuseKey says why a key must not be touched, or nil: AWS's own keys cannot
// be, and without the key of the evidence nobody can read or add to it.
func (c *conn) refuseKey(op string, k *key) error {
	switch own := c.Evidence.KMSKey; {
	case k.Manager != string(types.KeyManagerTypeCustomer):
		return precondition(op, "stop who uses it instead: quarantine the principal, or the resource", "key %q belongs to AWS (%s), and nobody else can change it", k.ID, k.Manager)
	case own == k.ARN, own == k.ID, slices.Contains(k.Aliases, own), slices.ContainsFunc(k.Aliases, func(alias string) bool { return own != "" && strings.HasSuffix(own, ":"+alias) }):
		return precondition(op, "firebreak would lose its own record; contain what uses the key in another way", "key %q encrypts the evidence of this environment", k.ID)
	}
	return nil
}

// maybeEvidence warns when nobody can say which key the evidence is under.
func (c *conn) maybeEvidence() []string {
	if c.Evidence.Bucket == "" || c.Evidence.KMSKey != "" {
		return nil
	}
	return []string{"The configuration names no key for the evidence bucket " + c.Evidence.Bucket + ": make sure that this is not the one it encrypts with."}
}

// grantee is who a grant is for.
func grantee(g types.GrantListEntry) string {
	if service := aws.ToString(g.GranteeServicePrincipal); service != "" {
		return service
	}
	return aws.ToString(g.GranteePrincipal)
}
