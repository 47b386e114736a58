package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/firebreak-ir/firebreak/actions"
)

// Access says whether a call changes something, and whether it may be sent
// again within one attempt: it decides what a missing
// answer means.
type Access int

const (
	Reads  Access = iota
	Writes        // may be sent again by the SDK: it sets a state, or carries a token or a condition
	Once          // must not be sent again: AWS cannot tell a second one from the first
)

// Do makes one call, notes its requests and gives its error a class. The name
// is "iam:UpdateAccessKey".
func Do[In, Out, Option any](ctx context.Context, c *Conn, how Access, name string,
	call func(context.Context, In, ...func(Option)) (Out, error), in In) (Out, error) {
	_, operation, _ := strings.Cut(name, ":")
	if err := ctx.Err(); err != nil {
		var none Out
		return none, &actions.Error{Class: actions.Transient, Op: name, Err: fmt.Errorf("nothing was sent: %w", err)}
	}
	a := &attempts{operation: operation, requests: c.Requests, once: how == Once}
	out, err := call(a.in(ctx), in)
	if err != nil {
		return out, classify(name, how, a, err)
	}
	return out, nil
}

// classify is the one place where an error of AWS gets its class.
func classify(name string, how Access, a *attempts, err error) *actions.Error {
	e := &actions.Error{Class: actions.Unknown, Op: name, RequestID: a.lastID, Err: plain(err)}
	api, _ := errors.AsType[smithy.APIError](err)
	answer, _ := errors.AsType[*awshttp.ResponseError](err)
	switch {
	case a.attempts == 0 && refused(err):
		e.Class, e.Hint = classOfCode(api.ErrorCode(), answer.HTTPStatusCode()), "the credentials could not be renewed; nothing was sent"
	case refused(err):
		e.Class = classOfCode(api.ErrorCode(), answer.HTTPStatusCode())
		e.Hint = hintFor(name, e.Class, api.ErrorCode())
	case neverSent(err):
		e.Class, e.Hint = actions.Transient, "AWS could not be reached; check the network, the endpoint and AWS_CA_BUNDLE"
	case a.attempts == 0 && invalidInput(err):
		e.Class = actions.Invalid
	case how == Reads, !a.maybe:
		e.Class = actions.Transient
	}
	if how != Reads && a.maybe && e.Class != actions.Unknown {
		e.Hint = fmt.Sprintf("an earlier attempt got no answer, so it may have taken effect although the last one ended %s", e.Class)
		e.Class = actions.Unknown
	}
	return e
}

// classOfCode knows the codes of the services that are called here, by name and
// by the forms that AWS gives its names; the status decides for the rest.
func classOfCode(code string, status int) actions.Class {
	switch code {
	case "Throttling", "ThrottlingException", "Throttled", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "SlowDown",
		"EC2ThrottledException", "SnapshotCreationPerVolumeRateExceeded", "CreateSnapshotRateExceeded":
		return actions.Throttled
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthFailure", "NotAuthorized", "InvalidClientTokenId", "UnrecognizedClientException",
		"SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken", "ExpiredToken", "ExpiredTokenException", "RequestExpired", "OptInRequired", "AccessDeniedForDependencyException":
		return actions.Denied
	case "DeleteConflict", "EntityAlreadyExists", "UnmodifiableEntity", "PasswordPolicyViolation", "ConcurrentModification", "PackedPolicyTooLarge",
		"IncorrectState", "IncorrectInstanceState", "OperationNotPermitted", "DependencyViolation", "KMSInvalidStateException", "DisabledException", "ResourceConflictException", "ConflictException",
		"InvalidRequestException", "ResourceExistsException", "DecryptionFailure", "EncryptionFailure",
		"ConstraintViolationException", "DuplicatePolicyException", "DuplicatePolicyAttachmentException", "DuplicateAccountException", "PolicyNotAttachedException",
		"PolicyTypeNotEnabledException", "AWSOrganizationsNotInUseException", "ServiceQuotaExceededException":
		return actions.Precondition
	case "EntityTemporarilyUnmodifiable", "ConditionalRequestConflict", "ConcurrentModificationException", "ScalingActivityInProgress", "PolicyChangesInProgressException":
		return actions.Transient
	}
	name := strings.TrimSuffix(strings.TrimSuffix(code, "Exception"), "Fault")
	switch name {
	case "InvocationDoesNotExist", "InvalidCommandId": // of Systems Manager, which also says so while a command is on its way
		return actions.NotFound
	case "InvalidInstanceId": // of Systems Manager: no agent there
		return actions.Precondition
	}
	switch {
	case strings.HasSuffix(name, "NotFound"), strings.HasPrefix(name, "NoSuch"):
		return actions.NotFound
	case strings.HasSuffix(name, "AlreadyExists"), strings.HasSuffix(name, "Duplicate"), strings.HasSuffix(name, "InUse"), strings.HasSuffix(name, "LimitExceeded"),
		strings.HasPrefix(name, "Invalid") && strings.HasSuffix(name, "State"):
		return actions.Precondition
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return actions.Denied
	case http.StatusNotFound:
		return actions.NotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return actions.Precondition
	case http.StatusTooManyRequests:
		return actions.Throttled
	}
	return actions.Invalid
}

func hintFor(name string, class actions.Class, code string) string {
	switch code {
	case "InvalidClientTokenId", "UnrecognizedClientException":
		return "the access key that firebreak signs with is unknown or inactive; give it working credentials"
	case "ExpiredToken", "ExpiredTokenException":
		return "the credentials that firebreak signs with have expired; renew them"
	case "SignatureDoesNotMatch", "RequestExpired":
		return "check the secret key, and this machine's clock"
	case "LimitExceeded", "LimitExceededException":
		if strings.HasPrefix(name, "iam:Put") {
			return "its inline policies are full: remove one that is not needed, or use a service control policy"
		}
	}
	switch class {
	case actions.Denied:
		return "grant " + rightOf(name) + " to the identity that firebreak uses"
	case actions.Throttled:
		return "AWS asks for fewer calls; try again later"
	}
	return ""
}

// rightOf is the right that a call needs, where it is not called like the call.
func rightOf(name string) string {
	switch name {
	case "s3:HeadObject":
		return "s3:GetObject"
	case "s3:ListObjectsV2", "s3:HeadBucket":
		return "s3:ListBucket"
	case "s3:GetObjectLockConfiguration":
		return "s3:GetBucketObjectLockConfiguration"
	case "s3:GetPublicAccessBlock":
		return "s3:GetBucketPublicAccessBlock"
	case "s3:PutPublicAccessBlock", "s3:DeletePublicAccessBlock":
		return "s3:PutBucketPublicAccessBlock"
	case "s3control:GetPublicAccessBlock":
		return "s3:GetAccountPublicAccessBlock"
	case "s3control:PutPublicAccessBlock", "s3control:DeletePublicAccessBlock":
		return "s3:PutAccountPublicAccessBlock"
	}
	return name
}

func invalidInput(err error) bool {
	_, invalid := errors.AsType[smithy.InvalidParamsError](err)
	_, serialization := errors.AsType[*smithy.SerializationError](err)
	return invalid || serialization
}

// plain takes the SDK's wrapping off: what AWS said, or what the wire said.
func plain(err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() != noCode {
		return &said{api.ErrorCode(), api.ErrorMessage(), err}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &said{"no answer before the time limit", "", err}
	}
	if wire, ok := errors.AsType[*url.Error](err); ok {
		return wire.Err
	}
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok && answer.HTTPStatusCode() != 0 {
		return &said{fmt.Sprintf("answer %d without a code", answer.HTTPStatusCode()), "", err}
	}
	if operation, ok := errors.AsType[*smithy.OperationError](err); ok {
		return operation.Err
	}
	return err
}

// said is a short sentence in front of the SDK's error.
type said struct {
	code, message string
	err           error
}

func (s *said) Error() string {
	if s.message == "" {
		return s.code
	}
	return s.code + ": " + s.message
}

func (s *said) Unwrap() error { return s.err }

// ErrEmpty is the cause of an error about an answer that does not hold what was
// asked for. [Unreadable] makes cannot_verify of it, never a proof.
var ErrEmpty = errors.New("which proves nothing")

// Empty is the error for an answer that is not about what was asked for. It is
// of class transient, as the next answer may be a better one.
func Empty(op, about string) error {
	return &actions.Error{Class: actions.Transient, Op: op, Err: fmt.Errorf("the answer is not about %q, %w", about, ErrEmpty)}
}

// Without is [Empty] for an answer in which a part is missing.
func Without(op, part string) error {
	return &actions.Error{Class: actions.Transient, Op: op, Err: fmt.Errorf("the answer holds no %s, %w", part, ErrEmpty)}
}

// Unreadable turns a refusal to let us read, and an empty answer, into a reading;
// other errors stay errors, and the caller looks again.
func Unreadable(err error) (actions.Reading, error) {
	if errors.Is(err, ErrEmpty) || actions.ClassOf(err) == actions.Denied {
		return actions.Reading{Verdict: actions.CannotVerify, Detail: err.Error()}, nil
	}
	return actions.Reading{}, err
}

// Code is what AWS calls an error, such as "DBSnapshotAlreadyExists"; empty when
// it did not answer.
func Code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// Partly says of an error that part of the action had been done by then, so the
// class of the later call would promise too much: it is unknown. Without anything
// done, err stays what it is.
func Partly(op, done string, err error) error {
	if err == nil || done == "" {
		return err
	}
	return &actions.Error{Class: actions.Unknown, Op: op, Err: fmt.Errorf("%s, then: %w", done, err), Hint: "a repeated attempt goes on from there"}
}

// AfterEffect takes the promise of no effect from an error that came after a first
// change had worked. [Partly] says what had worked, too.
func AfterEffect(changed bool, err error) error {
	if err == nil || !changed {
		return err
	}
	e := *actions.AsError("aws", err)
	if e.Class != actions.Unknown {
		e.Hint = strings.TrimSuffix("a part was changed before; "+e.Hint, "; ")
	}
	e.Class = actions.Unknown
	return &e
}
