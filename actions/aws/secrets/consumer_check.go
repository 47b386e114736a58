package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// checkEvent is what a consumer's check gets: which versions to try.
type checkEvent struct {
	SecretID string `json:"secret_id"`
	New      string `json:"new"`
	Old      string `json:"old"`
}

// tried is what a consumer's check found out.
type tried struct{ New, Old outcome }

// outcome is how the target took a value.
type outcome string

// The outcomes. Whatever else the check says is unclear.
const (
	works   outcome = "works"
	refused outcome = "refused"
	unclear outcome = "unclear"
)

// try has both values tried at the target, by the consumer's check. Nothing of
// its answer is kept but the two words.
func (c *conn) try(ctx context.Context, function, id, newer, older string) (tried, error) {
	payload, err := c.invoke(ctx, cloud.Reads, function, checkEvent{id, newer, older})
	if err != nil {
		return tried{}, err
	}
	var answer struct {
		New string `json:"new"`
		Old string `json:"old"`
	}
	if json.Unmarshal(payload, &answer) != nil {
		return tried{unclear, unclear}, nil // what it wrote may hold anything, so it is not told
	}
	return tried{outcomeOf(answer.New), outcomeOf(answer.Old)}, nil
}

func outcomeOf(word string) outcome {
	switch o := outcome(word); o {
	case works, refused:
		return o
	}
	return unclear
}

// errFunction marks a function that ran and failed.
var errFunction = errors.New("the function failed; look at its log")

// invoke runs a Lambda function and waits for its answer. What a function says
// about its failure is not told: it may hold a value.
func (c *conn) invoke(ctx context.Context, how cloud.Access, function string, event any) ([]byte, error) {
	const op = "lambda:Invoke"
	payload, err := json.Marshal(event)
	if err != nil {
		return nil, &actions.Error{Class: actions.Invalid, Op: op, Err: err}
	}
	session, err := within(c.Conn, "lambda", function)
	if err != nil {
		return nil, err
	}
	out, err := cloud.Do(ctx, session, how, op, lambda.NewFromConfig(session.Config).Invoke, &lambda.InvokeInput{FunctionName: &function, Payload: payload})
	switch {
	case err != nil:
		return nil, err
	case aws.ToString(out.FunctionError) != "" && how == cloud.Reads:
		return nil, &actions.Error{Class: actions.Transient, Op: op, Err: fmt.Errorf("%q: %w", function, errFunction)}
	case aws.ToString(out.FunctionError) != "":
		return nil, &actions.Error{Class: actions.Unknown, Op: op, Err: fmt.Errorf("%q: %w", function, errFunction), Hint: "see what it had done by then"}
	}
	return out.Payload, nil
}

// consumer turns what the consumer's check says into a reading.
func (c *conn) consumer(ctx context.Context, p rotateSecretParams, id, newer, older string) (actions.Reading, error) {
	if p.ConsumerCheck == "" {
		return read(actions.Verified, "version %s is current; the OLD VALUE WAS NOT TRIED, so nothing here shows that it is refused", newer)
	}
	got, err := c.try(ctx, p.ConsumerCheck, id, newer, older)
	switch {
	case errors.Is(err, errFunction):
		return read(actions.CannotVerify, "version %s is current, but the consumer's check %s failed; look at its log", newer, p.ConsumerCheck)
	case err != nil:
		return cloud.Unreadable(err)
	case got.New == refused:
		return read(actions.NotVerified, "version %s is current, but the target refuses its value", newer)
	case got.New != works:
		return read(actions.CannotVerify, "version %s is current, but the consumer's check %s does not say whether its value works", newer, p.ConsumerCheck)
	case got.Old == refused:
		return read(actions.Verified, "version %s is current and its value works; the old value is refused", newer)
	case p.OldMayWork:
		return read(actions.Verified, "version %s is current and its value works; the old value is %s, which this step allows", newer, map[outcome]string{works: "still accepted", unclear: "of unclear state"}[got.Old])
	case got.Old == works:
		return read(actions.NotVerified, "version %s is current and its value works, but the OLD VALUE STILL WORKS; with alternating users rotate twice (double)", newer)
	}
	return read(actions.CannotVerify, "version %s is current and its value works, but the consumer's check %s does not say whether the old value is refused", newer, p.ConsumerCheck)
}
