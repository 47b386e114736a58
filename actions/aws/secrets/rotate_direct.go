package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// setDirectly makes version the current one: stored as pending, set at the
// target, tested there, and only then current. An attempt that comes after
// another goes on where that one stopped, with the value that is stored.
func (c *conn) setDirectly(ctx context.Context, p rotateSecretParams, now *secret, old, version string) error {
	done := ""
	if now.has(version) {
		done = "the new value was stored"
	}
	if now.holder(labelCurrent) != version {
		if done == "" {
			if err := c.storeNew(ctx, p, now.ARN, version); err != nil {
				return err
			}
			done = "the new value was stored as pending"
		}
		if err := c.set(ctx, p.Setter, now.ARN, version); err != nil {
			return cloud.Partly(opRotate, done, err)
		}
		done = "the new value was stored and set at the target"
		if err := c.moveLabel(ctx, now.ARN, labelCurrent, old, version); err != nil {
			return cloud.Partly(opRotate, done, err)
		}
	}
	if now.has(version) {
		var err error
		if now, err = c.describe(ctx, now.ARN); err != nil {
			return cloud.Partly(opRotate, done, err)
		}
		if now.holder(labelPending) != version {
			return nil
		}
	}
	return cloud.Partly(opRotate, "the new version is current", c.moveLabel(ctx, now.ARN, labelPending, version, ""))
}

// storeNew stores a new value as the pending version. The value is held by
// nobody when this returns.
func (c *conn) storeNew(ctx context.Context, p rotateSecretParams, id, version string) error {
	value, err := c.newValue(ctx, p)
	if err != nil {
		return err
	}
	text := value.Reveal()
	_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "secretsmanager:PutSecretValue", c.secrets.PutSecretValue, &secretsmanager.PutSecretValueInput{
		SecretId: &id, ClientRequestToken: &version, SecretString: &text, VersionStages: []string{labelPending},
	})
	if _, there := errors.AsType[*types.ResourceExistsException](err); err == nil || !there && actions.ClassOf(err) != actions.Unknown {
		return err
	}
	// Another value is stored under this id, or nobody knows: the labels tell.
	if now, unread := c.describe(ctx, id); unread == nil && now.has(version) {
		return nil
	}
	return err
}

// newValue has a value made by AWS, in the form that the secret has.
func (c *conn) newValue(ctx context.Context, p rotateSecretParams) (actions.Secret, error) {
	const op = "secretsmanager:GetRandomPassword"
	in := &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(int64(p.Length)), RequireEachIncludedType: aws.Bool(true)}
	if p.Exclude != "" {
		in.ExcludeCharacters = &p.Exclude
	}
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.secrets.GetRandomPassword, in)
	if err != nil {
		return actions.Secret{}, err
	}
	password := actions.NewSecret(aws.ToString(out.RandomPassword))
	switch {
	case len(password.Reveal()) < p.Length:
		return actions.Secret{}, &actions.Error{Class: actions.Transient, Op: op, Err: fmt.Errorf("the answer holds no password of %d characters", p.Length)}
	case p.JSONKey == "":
		return password, nil
	}
	members := map[string]string{}
	maps.Copy(members, p.JSONFields)
	members[p.JSONKey] = password.Reveal()
	data, err := json.Marshal(members)
	if err != nil {
		return actions.Secret{}, &actions.Error{Class: actions.Invalid, Op: op, Err: errors.New("the members of the value do not make a JSON object")}
	}
	return actions.NewSecret(string(data)), nil
}

// setterEvent is what the setter gets: the event of a rotation function.
type setterEvent struct {
	Step, SecretID, ClientRequestToken string
}

// MarshalJSON writes the names that rotation functions know.
func (e setterEvent) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"Step": e.Step, "SecretId": e.SecretID, "ClientRequestToken": e.ClientRequestToken})
}

// set has a version's value set at the target and tested there.
func (c *conn) set(ctx context.Context, setter, id, version string) error {
	done := ""
	for _, step := range []string{"setSecret", "testSecret"} {
		if _, err := c.invoke(ctx, cloud.Writes, setter, setterEvent{step, id, version}); err != nil {
			return cloud.Partly(opRotate, done, about(fmt.Sprintf("step %s of version %s", step, version), err))
		}
		done = fmt.Sprintf("the value of version %s was set at the target", version)
	}
	return nil
}
