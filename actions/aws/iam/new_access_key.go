package iam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// makeKey makes a key, waits until it works, and stores it. The key is stored
// only when it works, so a stored one needs no second proof; a key that never
// works is deleted again while its secret half is known to be nowhere else.
func (c *conn) makeKey(ctx context.Context, from *cloud.Cloud, call actions.Call, state rotationState, p rotateAccessKeyParams, changed bool) (string, error) {
	out, err := cloud.Do(ctx, c.Conn, cloud.Once, "iam:CreateAccessKey", c.iam.CreateAccessKey, &iam.CreateAccessKeyInput{UserName: &state.User})
	if err != nil {
		return "", after(changed, err)
	}
	if out.AccessKey == nil || aws.ToString(out.AccessKey.AccessKeyId) == "" || aws.ToString(out.AccessKey.SecretAccessKey) == "" {
		return "", &actions.Error{Class: actions.Unknown, Op: "iam:CreateAccessKey", Err: errors.New("the answer holds no key"), Hint: "the next attempt deletes what was made, and makes another"}
	}
	id := aws.ToString(out.AccessKey.AccessKeyId)
	if err := c.works(ctx, from, state.User, *out.AccessKey); err != nil {
		if gone := c.deleteKey(ctx, state.User, id); gone != nil {
			return "", cloud.AfterEffect(true, gone)
		}
		return "", cloud.AfterEffect(true, err)
	}
	value, err := json.Marshal(map[string]string{p.IDField: id, p.SecretField: aws.ToString(out.AccessKey.SecretAccessKey)})
	if err != nil {
		panic("aws: " + err.Error()) // a map of strings always marshals
	}
	if err := c.store(ctx, state.Destination.ARN, state.token(call, id), string(value)); err != nil {
		return "", cloud.AfterEffect(true, err)
	}
	return id, nil
}

const (
	tryKeyTimes = 30 // new keys fail for some seconds
	tryKeyEvery = time.Second
)

// works waits until IAM takes a new key. The call needs a right that the user
// may well not have, which shows all the same: IAM looks at the rights of those
// only whom it knows.
func (c *conn) works(ctx context.Context, from *cloud.Cloud, user string, key types.AccessKey) error {
	cfg := c.Config.Copy()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(aws.ToString(key.AccessKeyId), aws.ToString(key.SecretAccessKey), "")
	client := iam.NewFromConfig(cfg)
	every := tryKeyEvery
	if settle := from.Settle(); settle > 0 {
		every = min(every, settle)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	answer := "no answer"
	for range tryKeyTimes {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:GetUser", client.GetUser, &iam.GetUserInput{})
		code := cloud.Code(err)
		switch {
		case err == nil && out.User != nil && aws.ToString(out.User.UserName) == user:
			return nil
		case err == nil:
			return &actions.Error{Class: actions.Unknown, Op: "iam:GetUser", Err: fmt.Errorf("the new key %s does not act as user %q", aws.ToString(key.AccessKeyId), user)}
		case code == "AccessDenied", code == "AccessDeniedException":
			return nil
		}
		if code != "" {
			answer = code
		}
		select {
		case <-ctx.Done():
			answer = "the step's time is over"
		case <-tick.C:
			continue
		}
		break
	}
	return &actions.Error{Class: actions.Unknown, Op: opRotate, Err: fmt.Errorf("the new key %s does not work yet (%s)", aws.ToString(key.AccessKeyId), answer), Hint: "try again: the next attempt makes another"}
}

// deleteKey deletes a key; one that is gone already is fine.
func (c *conn) deleteKey(ctx context.Context, owner, id string) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "iam:DeleteAccessKey", c.iam.DeleteAccessKey, &iam.DeleteAccessKeyInput{UserName: &owner, AccessKeyId: &id})
	if err != nil && actions.ClassOf(err) == actions.NotFound {
		return nil
	}
	return err
}

// userTime is AWS's time, in an answer that shows that the user exists.
func (c *conn) userTime(ctx context.Context, name string) (time.Time, error) {
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:GetUser", c.iam.GetUser, &iam.GetUserInput{UserName: &name})
	if err != nil {
		return time.Time{}, err
	}
	server, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
	if out.User == nil || aws.ToString(out.User.UserName) != name || !ok {
		return time.Time{}, &actions.Error{Class: actions.Transient, Op: "iam:GetUser", Err: fmt.Errorf("the answer about user %q is empty, or carries no time", name)}
	}
	return server, nil
}
