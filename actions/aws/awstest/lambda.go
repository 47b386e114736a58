package awstest

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Lambda is a client that goes around the proxy.
func (w *World) Lambda() *lambda.Client { return lambda.NewFromConfig(w.Config) }

// Function makes a function with a role of its own, a variable that holds secret,
// a policy that lets S3 call it, and a URL. It gives the ARN.
func (w *World) Function(t *testing.T, name, secret string) string {
	t.Helper()
	w.functions = true
	role := w.RoleTrusting(t, "/", name+"-role", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)
	var code bytes.Buffer
	archive := zip.NewWriter(&code)
	if _, err := archive.Create("index.py"); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := w.Lambda().CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Role: &role, Runtime: types.RuntimePython312, Handler: aws.String("index.run"), Code: &types.FunctionCode{ZipFile: code.Bytes()},
		Environment: &types.Environment{Variables: map[string]string{"TOKEN": secret}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Lambda().AddPermission(t.Context(), &lambda.AddPermissionInput{FunctionName: &name, StatementId: aws.String("uploads"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("s3.amazonaws.com")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Lambda().CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{FunctionName: &name, AuthType: types.FunctionUrlAuthTypeNone}); err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.FunctionArn)
}

// Mapping makes a queue and a mapping that feeds a function from it, and gives
// the mapping's id.
func (w *World) Mapping(t *testing.T, function, queue string, enabled bool) string {
	t.Helper()
	// A client for the sake of one queue would be one more module.
	form := url.Values{"Action": {"CreateQueue"}, "Version": {"2012-11-05"}, "QueueName": {queue}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, *w.Config.BaseEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+w.Credentials.AccessKeyID+"/20260101/"+Region+"/sqs/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("make queue %s: %s", queue, answer.Status)
	}
	out, err := w.Lambda().CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		FunctionName: &function, EventSourceArn: aws.String("arn:aws:sqs:" + Region + ":" + w.Account + ":" + queue), Enabled: &enabled,
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.UUID)
}

// SetMapping switches a mapping on or off, as somebody else would.
func (w *World) SetMapping(t *testing.T, id string, enabled bool) {
	t.Helper()
	if _, err := w.Lambda().UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: &id, Enabled: &enabled}); err != nil {
		t.Fatal(err)
	}
}

// SetConcurrency sets the reserved concurrency, as somebody else would; negative:
// there is none.
func (w *World) SetConcurrency(t *testing.T, function string, n int32) {
	t.Helper()
	var err error
	if n < 0 {
		_, err = w.Lambda().DeleteFunctionConcurrency(t.Context(), &lambda.DeleteFunctionConcurrencyInput{FunctionName: &function})
	} else {
		_, err = w.Lambda().PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: &function, ReservedConcurrentExecutions: &n})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lambdaState reads functions with their concurrency, policies and URLs, and the
// mappings. The ids of mappings are drawn by lot, so they are not in it.
func (w *World) lambdaState(t *testing.T) string {
	t.Helper()
	if !w.functions {
		return ""
	}
	var lines []string
	functions, err := w.Lambda().ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range functions.Functions {
		limit, err := w.Lambda().GetFunctionConcurrency(t.Context(), &lambda.GetFunctionConcurrencyInput{FunctionName: f.FunctionName})
		if err != nil {
			t.Fatal(err)
		}
		reserved := "none"
		if limit.ReservedConcurrentExecutions != nil {
			reserved = fmt.Sprint(*limit.ReservedConcurrentExecutions)
		}
		policy := ""
		out, err := w.Lambda().GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: f.FunctionName})
		if _, missing := errors.AsType[*types.ResourceNotFoundException](err); err == nil {
			policy = aws.ToString(out.Policy)
		} else if !missing {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("function %s role %s reserved %s policy %s\n", aws.ToString(f.FunctionName), aws.ToString(f.Role), reserved, policy))
	}
	mappings, err := w.Lambda().ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mappings.EventSourceMappings {
		lines = append(lines, fmt.Sprintf("mapping from %s to %s %s\n", aws.ToString(m.EventSourceArn), aws.ToString(m.FunctionArn), aws.ToString(m.State)))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// lambdaNeeds are the rights of calls to Lambda. AWS lists mappings for nothing
// smaller than everything; a mapping is a resource of its own. To invoke a
// function needs a right of another name.
func (w *World) lambdaNeeds(_ *testing.T, call Call) []Need {
	switch _, mapping, _ := strings.Cut(call.Path, "/event-source-mappings/"); {
	case call.Operation == "lambda:Invoke":
		return []Need{{"lambda:InvokeFunction", w.functionARN(call)}}
	case call.Operation == "lambda:ListEventSourceMappings":
		return []Need{{call.Operation, "*"}}
	case mapping != "":
		return []Need{{call.Operation, "arn:aws:lambda:" + call.Region + ":" + w.Account + ":event-source-mapping:" + mapping}}
	}
	return []Need{{call.Operation, w.functionARN(call)}}
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
	const function = "/[0-9-]+/functions/[^/]+"
	return []rest{
		{http.MethodPost, function + "/invocations", "", "Invoke"},
		{http.MethodGet, function + "/configuration", "", "GetFunctionConfiguration"},
		{http.MethodGet, function + "/concurrency", "", "GetFunctionConcurrency"},
		{http.MethodPut, function + "/concurrency", "", "PutFunctionConcurrency"},
		{http.MethodDelete, function + "/concurrency", "", "DeleteFunctionConcurrency"},
		{http.MethodGet, function + "/policy", "", "GetPolicy"},
		{http.MethodGet, function + "/url", "", "GetFunctionUrlConfig"},
		{http.MethodGet, "/[0-9-]+/event-source-mappings/?", "", "ListEventSourceMappings"},
		{http.MethodPut, "/[0-9-]+/event-source-mappings/[^/]+", "", "UpdateEventSourceMapping"},
	}
}
