package awstest

import (
	"net/url"
	"strings"
	"testing"
)

// lambdaState reads what there is in Lambda.
func (w *World) lambdaState(*testing.T) string { return "" }

// lambdaNeeds are the rights of calls to Lambda.
func (w *World) lambdaNeeds(_ *testing.T, call Call) []Need {
	_, operation, _ := strings.Cut(call.Operation, ":")
	if operation == "Invoke" {
		operation = "InvokeFunction"
	}
	return []Need{{"lambda:" + operation, w.functionARN(call)}}
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
