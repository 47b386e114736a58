package secrets

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// The labels that Secrets Manager itself gives.
const (
	labelCurrent  = "AWSCURRENT"
	labelPrevious = "AWSPREVIOUS"
	labelPending  = "AWSPENDING"
)

// secretResource is a secret, whose ARN ends in six characters of AWS's own.
const secretResource = "arn:{partition}:secretsmanager:{region}:{account}:secret:{secret}-??????"

// secret is what DescribeSecret tells. It holds no value.
type secret struct {
	ARN         string              `json:"arn"`
	Name        string              `json:"name"`
	Region      string              `json:"region"`
	Account     string              `json:"account"`
	Versions    map[string][]string `json:"versions"` // labels by version; versions without one are left out, as AWS does
	Rotates     bool                `json:"rotates,omitempty"`
	Function    string              `json:"function,omitempty"` // ARN of the rotation function
	Owner       string              `json:"owner,omitempty"`    // service that manages the secret
	KMSKey      string              `json:"kms_key,omitempty"`  // empty: aws/secretsmanager
	PrimaryIn   string              `json:"primary_in,omitempty"`
	ReplicasIn  []string            `json:"replicas_in,omitempty"`
	DeletedAt   string              `json:"deleted_at,omitempty"`
	LastRotated string              `json:"-"`
	LastChanged string              `json:"-"`
	LastRead    string              `json:"-"`
	Tags        map[string]string   `json:"-"`
}

// describe reads a secret.
func (c *conn) describe(ctx context.Context, id string) (*secret, error) {
	const op = "secretsmanager:DescribeSecret"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.secrets.DescribeSecret, &secretsmanager.DescribeSecretInput{SecretId: &id})
	switch {
	case err != nil:
		return nil, err
	case aws.ToString(out.ARN) == "":
		return nil, cloud.Without(op, "secret")
	case len(out.VersionIdsToStages) == 0:
		return nil, cloud.Without(op, "version")
	}
	s := &secret{
		ARN: *out.ARN, Name: aws.ToString(out.Name), Region: c.Region, Account: c.Account, Versions: map[string][]string{},
		Rotates: aws.ToBool(out.RotationEnabled), Function: aws.ToString(out.RotationLambdaARN), Owner: aws.ToString(out.OwningService),
		KMSKey: aws.ToString(out.KmsKeyId), DeletedAt: stamp(out.DeletedDate), LastRotated: stamp(out.LastRotatedDate),
		LastChanged: stamp(out.LastChangedDate), LastRead: stamp(out.LastAccessedDate), Tags: map[string]string{},
	}
	if primary := aws.ToString(out.PrimaryRegion); primary != c.Region {
		s.PrimaryIn = primary
	}
	for id, labels := range out.VersionIdsToStages {
		if len(labels) > 0 {
			s.Versions[id] = slices.Sorted(slices.Values(labels))
		}
	}
	for _, replica := range out.ReplicationStatus {
		s.ReplicasIn = append(s.ReplicasIn, aws.ToString(replica.Region))
	}
	slices.Sort(s.ReplicasIn)
	for _, tag := range out.Tags {
		s.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return s, nil
}

// stamp writes a time for people and outputs; empty when there is none.
func stamp(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// holder is the version with a label; empty when there is none.
func (s *secret) holder(label string) string {
	for _, id := range slices.Sorted(maps.Keys(s.Versions)) {
		if slices.Contains(s.Versions[id], label) {
			return id
		}
	}
	return ""
}

// has says whether a version is there and has a label.
func (s *secret) has(id string) bool { return len(s.Versions[id]) > 0 }

// stuck is the version that carries AWSPENDING without being current: a
// rotation is running, or one has failed. Empty when there is none.
func (s *secret) stuck() string {
	if pending := s.holder(labelPending); pending != s.holder(labelCurrent) {
		return pending
	}
	return ""
}

// labels writes down all versions with their labels.
func (s *secret) labels() string {
	var parts []string
	for _, id := range slices.Sorted(maps.Keys(s.Versions)) {
		parts = append(parts, id+" is "+strings.Join(s.Versions[id], " and "))
	}
	return strings.Join(parts, ", ")
}

func (s *secret) target() actions.Target {
	return actions.Target{Type: "aws.secretsmanager.secret", ID: s.Name, Account: s.Account, Region: s.Region}
}

// changeable says why the labels and policies of the secret cannot be changed
// here, or nil.
func (s *secret) changeable(op string) error {
	switch {
	case s.DeletedAt != "":
		return precondition(op, "restore it first, or let it go", "secret %q is marked as deleted since %s", s.Name, s.DeletedAt)
	case s.PrimaryIn != "":
		return precondition(op, "use its ARN in that region", "secret %q is a copy here; it can be changed only in %s", s.Name, s.PrimaryIn)
	}
	return nil
}

// moveLabel moves a label; to empty only takes it away. When the answer is lost
// the labels say what happened.
func (c *conn) moveLabel(ctx context.Context, id, label, from, to string) error {
	in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &id, VersionStage: &label}
	if from != "" {
		in.RemoveFromVersionId = &from
	}
	if to != "" {
		in.MoveToVersionId = &to
	}
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "secretsmanager:UpdateSecretVersionStage", c.secrets.UpdateSecretVersionStage, in)
	if err == nil || actions.ClassOf(err) != actions.Unknown {
		return err
	}
	if now, unread := c.describe(ctx, id); unread == nil && now.holder(label) == to {
		return nil
	}
	return err
}

// restoreLabels gives the labels of Secrets Manager back to the versions that
// had them. Labels of others are nobody's business here.
func (c *conn) restoreLabels(ctx context.Context, before *secret) error {
	done := ""
	for _, label := range []string{labelCurrent, labelPrevious, labelPending} {
		now, err := c.describe(ctx, before.ARN) // moving one label moves others
		if err != nil {
			return cloud.Partly("aws.secretsmanager", done, err)
		}
		has, wants := now.holder(label), before.holder(label)
		if has == wants {
			continue
		}
		if err := c.moveLabel(ctx, before.ARN, label, has, wants); err != nil {
			return cloud.Partly("aws.secretsmanager", done, err)
		}
		done = fmt.Sprintf("label %s was put back", label)
	}
	return nil
}

// sameLabels says which of the labels of Secrets Manager is not where it was;
// empty when all are.
func (s *secret) sameLabels(before *secret) string {
	for _, label := range []string{labelCurrent, labelPrevious, labelPending} {
		if has, had := s.holder(label), before.holder(label); has != had {
			return fmt.Sprintf("%s is on %s, it was on %s", label, orNone(has), orNone(had))
		}
	}
	return ""
}

func orNone(version string) string {
	if version == "" {
		return "no version"
	}
	return "version " + version
}
