package secrets

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Register adds the actions named aws.secretsmanager.* and aws.kms.* to r.
func Register(r *actions.Registry, c *cloud.Cloud) {
	actions.Register(r, describeSecret{c})
	actions.Register(r, rotateSecret{c})
	actions.Register(r, clearPending{c})
	actions.Register(r, blockReads{c})
	actions.Register(r, describeKey{c})
	actions.Register(r, disableKey{c})
	actions.Register(r, revokeGrant{c})
}

// conn is a session in use for one call of an action, in the region of what it
// is about.
type conn struct {
	*cloud.Conn
	secrets *secretsmanager.Client
	kms     *kms.Client
}

// open opens the session for something named by its name, id or ARN. What an
// ARN says of service, account and region is obeyed: it must be of this account,
// and its region is the one that is asked.
func open(ctx context.Context, all *cloud.Cloud, call actions.Call, service, id string) (*conn, error) {
	session, err := all.Open(ctx, call)
	if err != nil {
		return nil, err
	}
	if session, err = within(session, service, id); err != nil {
		return nil, err
	}
	return &conn{session, secretsmanager.NewFromConfig(session.Config), kms.NewFromConfig(session.Config)}, nil
}

// within is the session for the region of id, when id is an ARN.
func within(session *cloud.Conn, service, id string) (*cloud.Conn, error) {
	if !arn.IsARN(id) {
		return session, nil
	}
	parsed, err := arn.Parse(id)
	switch {
	case err != nil || parsed.Service != service:
		return nil, &actions.Error{Class: actions.Invalid, Op: "aws." + service, Err: fmt.Errorf("%q is no ARN of %s", id, service), Hint: "give the name, or the whole ARN"}
	case parsed.AccountID != session.Account:
		return nil, &actions.Error{Class: actions.Precondition, Op: "aws." + service,
			Err: fmt.Errorf("%q is in account %s, but this environment is account %s", id, parsed.AccountID, session.Account), Hint: "use the environment of that account"}
	case parsed.Region != session.Region:
		return session.In(parsed.Region), nil
	}
	return session, nil
}

// functionRole is the role that a Lambda function runs as. A function that is
// not there is an error of class not-found.
func (c *conn) functionRole(ctx context.Context, function string) (string, error) {
	session, err := within(c.Conn, "lambda", function)
	if err != nil {
		return "", err
	}
	client := lambda.NewFromConfig(session.Config)
	out, err := cloud.Do(ctx, session, cloud.Reads, "lambda:GetFunctionConfiguration", client.GetFunctionConfiguration, &lambda.GetFunctionConfigurationInput{FunctionName: &function})
	switch {
	case err != nil:
		return "", err
	case aws.ToString(out.FunctionArn) == "":
		return "", cloud.Without("lambda:GetFunctionConfiguration", "function")
	}
	return aws.ToString(out.Role), nil
}

// about says what a call was for; its class stays.
func about(what string, err error) error {
	return &actions.Error{Class: actions.ClassOf(err), Op: what, Err: err}
}

func read(verdict actions.Verdict, format string, args ...any) (actions.Reading, error) {
	return actions.Reading{Verdict: verdict, Detail: fmt.Sprintf(format, args...)}, nil
}

func precondition(op, hint, format string, args ...any) error {
	return &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf(format, args...), Hint: hint}
}
