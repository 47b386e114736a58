package iam

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// secretResource is where rights to a destination apply. The six characters
// behind a secret's name are AWS's own.
const secretResource = "arn:{partition}:secretsmanager:{region}:{account}:secret:{%s}-??????"

// destination is a secret of Secrets Manager that something is written into. Its
// value is never read.
type destination struct {
	ARN    string `json:"arn"`
	Labels labels `json:"labels"`
}

// labels are the ids of the versions of a secret by their staging labels.
type labels map[string]string

const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
	pending  = "AWSPENDING"
)

var secretARN = regexp.MustCompile(`^arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):[0-9]{12}:secret:.+$`)

// secrets gives the client for the region of a secret.
func (c *conn) secrets(id string) *secretsmanager.Client {
	session := c.Conn
	if m := secretARN.FindStringSubmatch(id); m != nil && m[1] != session.Region {
		session = session.In(m[1])
	}
	return secretsmanager.NewFromConfig(session.Config)
}

// destination reads what is known of a secret, and refuses one that must not be
// written by hand.
func (c *conn) destination(ctx context.Context, op, id string) (destination, []string, error) {
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "secretsmanager:DescribeSecret", c.secrets(id).DescribeSecret, &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		if e, ok := errors.AsType[*actions.Error](err); ok && e.Class == actions.NotFound {
			e.Hint = "make the secret first; firebreak only adds a version to it"
		}
		return destination{}, nil, err
	}
	d := destination{ARN: aws.ToString(out.ARN), Labels: labels{}}
	no := func(hint, format string, args ...any) (destination, []string, error) {
		return d, nil, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf(format, args...), Hint: hint}
	}
	switch {
	case d.ARN == "":
		return d, nil, &actions.Error{Class: actions.Transient, Op: "secretsmanager:DescribeSecret", Err: fmt.Errorf("the answer about secret %q is empty", id)}
	case out.DeletedDate != nil:
		return no("restore it, or name another", "the secret %q is scheduled to be deleted", id)
	case aws.ToString(out.OwningService) != "":
		return no("name a secret of your own", "the secret %q belongs to the service %s", id, aws.ToString(out.OwningService))
	case aws.ToBool(out.RotationEnabled):
		return no("use aws.secretsmanager.rotate_secret, which knows how it is rotated", "the secret %q has a rotation of its own, which would write over the new value", id)
	}
	for version, stages := range out.VersionIdsToStages {
		for _, stage := range stages {
			d.Labels[stage] = version
		}
	}
	var warnings []string
	if p := d.Labels[pending]; p != "" && p != d.Labels[current] {
		warnings = append(warnings, fmt.Sprintf("Version %s of the secret %s is AWSPENDING: a rotation was begun and not ended.", p, id))
	}
	if len(out.ReplicationStatus) > 0 {
		warnings = append(warnings, fmt.Sprintf("The secret %s has replicas, which get the new value some seconds later.", id))
	}
	return d, warnings, nil
}

// labelsOf reads the labels of a secret. A secret without any proves nothing.
func (c *conn) labelsOf(ctx context.Context, arn string) (labels, error) {
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "secretsmanager:DescribeSecret", c.secrets(arn).DescribeSecret, &secretsmanager.DescribeSecretInput{SecretId: &arn})
	if err != nil {
		return nil, err
	}
	if aws.ToString(out.ARN) != arn {
		return nil, cloud.Empty("secretsmanager:DescribeSecret", arn)
	}
	found := labels{}
	for version, stages := range out.VersionIdsToStages {
		for _, stage := range stages {
			found[stage] = version
		}
	}
	return found, nil
}

// has says whether a version with a label has this id.
func (l labels) has(version string) bool {
	for _, v := range l {
		if v == version {
			return true
		}
	}
	return false
}

// store writes a value as the current version of a secret. AWS makes the token
// the version's id, and takes the same value twice as once.
func (c *conn) store(ctx context.Context, arn, token, value string) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "secretsmanager:PutSecretValue", c.secrets(arn).PutSecretValue,
		&secretsmanager.PutSecretValueInput{SecretId: &arn, ClientRequestToken: &token, SecretString: &value})
	return err
}

// restoreLabels gives the labels back that the version called ours took: first
// the current one, then the previous one, which moves by itself to ours.
func (c *conn) restoreLabels(ctx context.Context, d destination, ours string) error {
	changed := false
	for _, label := range []string{current, previous} {
		now, err := c.labelsOf(ctx, d.ARN)
		if err != nil {
			return after(changed, err)
		}
		before := d.Labels[label]
		if now[label] == before {
			continue
		}
		if now[label] != ours {
			return after(changed, &actions.Error{Class: actions.Precondition, Op: "secretsmanager:UpdateSecretVersionStage",
				Err:  fmt.Errorf("the label %s of secret %q is on version %q, not on %q, which firebreak wrote", label, d.ARN, now[label], ours),
				Hint: "somebody has written the secret since; look at it, and change it by hand if that is right"})
		}
		in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &d.ARN, VersionStage: &label, RemoveFromVersionId: &ours}
		if before != "" {
			in.MoveToVersionId = &before
		}
		if _, err := cloud.Do(ctx, c.Conn, cloud.Writes, "secretsmanager:UpdateSecretVersionStage", c.secrets(d.ARN).UpdateSecretVersionStage, in); err != nil {
			return after(changed, err)
		}
		changed = true
	}
	return nil
}

// String tells labels in a fixed order.
func (l labels) String() string {
	var parts []string
	for label, version := range l {
		parts = append(parts, label+" on "+version)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
