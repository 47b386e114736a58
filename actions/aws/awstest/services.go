package awstest

import (
	"net/url"
	"strings"
	"testing"
)

// servicesState reads what there is in RDS, Lambda and CloudTrail.
func (w *World) servicesState(*testing.T) string { return "" }

// servicesNeeds are the rights of calls to RDS, Lambda and CloudTrail.
func (w *World) servicesNeeds(_ *testing.T, call Call) []Need {
	if service, operation, _ := strings.Cut(call.Operation, ":"); service == "lambda" {
		return []Need{{"lambda:" + strings.Replace(operation, "Invoke", "InvokeFunction", 1), w.functionARN(call)}}
	}
	return []Need{{call.Operation, "*"}}
}

// functionARN is the function that a call to Lambda is about, by the name or ARN
// in its path.
func (w *World) functionARN(call Call) string {
	_, rest, _ := strings.Cut(call.Path, "/functions/")
	name, _, _ := strings.Cut(rest, "/")
	if decoded, err := url.PathUnescape(name); err == nil {
		name = decoded
	}
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return "arn:aws:lambda:" + call.Region + ":" + w.Account + ":function:" + name
}

// lambdaOperations are the REST operations of Lambda.
func lambdaOperations() []rest {
	return []rest{
		{"POST", "/2015-03-31/functions/[^/]+/invocations", "", "Invoke"},
		{"GET", "/2015-03-31/functions/[^/]+/configuration", "", "GetFunctionConfiguration"},
	}
}
