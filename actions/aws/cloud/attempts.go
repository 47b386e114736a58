package cloud

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/firebreak-ir/firebreak/actions"
)

// attempts follows one call through the SDK's own retries.
type attempts struct {
	operation string // "UpdateAccessKey"; others, such as a renewal of credentials, do not count
	requests  *actions.Requests
	once      bool // the call must not be sent a second time

	mu       sync.Mutex
	maybe    bool   // an attempt may have had an effect although it got no clear answer
	lastID   string // the newest request id
	attempts int
}

type attemptsKey struct{}

// in hands a to the recording middleware, which the SDK gives no other way to
// tell calls apart.
func (a *attempts) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, attemptsKey{}, a)
}

// recording is the middleware that notes every attempt, right around the wire.
func recording() []func(*middleware.Stack) error {
	return []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("FirebreakAttempts",
			func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
				out, metadata, err := next.HandleDeserialize(ctx, in)
				if a, ok := ctx.Value(attemptsKey{}).(*attempts); ok {
					a.note(ctx, metadata, err)
				}
				return out, metadata, err
			}), middleware.Before)
	}}
}

func (a *attempts) note(ctx context.Context, metadata middleware.Metadata, err error) {
	operation := awsmiddleware.GetOperationName(ctx)
	id, _ := awsmiddleware.GetRequestIDMetadata(metadata)
	if id == "" {
		if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok {
			id = answer.ServiceRequestID()
		}
	}
	a.requests.Add(prefix(awsmiddleware.GetServiceID(ctx))+":"+operation, id)
	if operation != a.operation {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.attempts++
	a.lastID = id
	if err != nil && !refused(err) && !neverSent(err) {
		a.maybe = true
	}
}

// prefix is how IAM calls a service, as policies and CloudTrail do.
func prefix(serviceID string) string {
	switch serviceID {
	case "Auto Scaling":
		return "autoscaling"
	case "Elastic Load Balancing v2":
		return "elasticloadbalancing"
	case "S3 Control":
		return "s3"
	case "Secrets Manager":
		return "secretsmanager"
	case "SSO Admin":
		return "sso"
	}
	return strings.ToLower(serviceID)
}

// onceOnly is the SDK's retryer, but for calls that must not be sent twice.
type onceOnly struct{ aws.RetryerV2 }

// GetRetryToken gives leave for another attempt. Without it the SDK ends with
// the error that it gets here.
func (r onceOnly) GetRetryToken(ctx context.Context, failed error) (func(error) error, error) {
	if a, ok := ctx.Value(attemptsKey{}).(*attempts); ok && a.once {
		return nil, failed
	}
	return r.RetryerV2.GetRetryToken(ctx, failed)
}

// noCode is what the SDK writes for an answer without a code, such as the page
// of a proxy.
const noCode = "UnknownError"

// refused says whether the service answered with a clear no.
func refused(err error) bool {
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok {
		return false
	}
	api, said := errors.AsType[smithy.APIError](err)
	if !said || api.ErrorCode() == noCode {
		return false
	}
	status := answer.HTTPStatusCode()
	return status >= 400 && status < 500 || status == http.StatusServiceUnavailable && tooMany(api.ErrorCode())
}

// tooMany are the codes by which EC2 and S3 refuse too many calls: both document
// that they say so with the status 503, where others mean that they are broken.
func tooMany(code string) bool { return code == "RequestLimitExceeded" || code == "SlowDown" }

// neverSent says whether not even one byte of the request can have left.
// A timeout is never that.
func neverSent(err error) bool {
	if dial, ok := errors.AsType[*net.OpError](err); ok && (dial.Op == "dial" || dial.Op == "proxyconnect") {
		return true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	_, unknownCA := errors.AsType[x509.UnknownAuthorityError](err)
	return unknownCA
}
