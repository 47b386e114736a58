package awstest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// NewFake starts an awsfake that ends with the test, without a proxy.
func NewFake(t *testing.T, options awsfake.Options) *awsfake.Server {
	t.Helper()
	Hermetic(t)
	server, err := awsfake.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// Over is what actions reach a fake through, as its operator: its environment
// is "prod".
func Over(fake *awsfake.Server, changes ...func(*cloud.Environment, *cloud.Options)) *cloud.Cloud {
	environment := cloud.Environment{Account: fake.Account(), Endpoint: fake.URL()}
	operator := fake.Operator()
	options := cloud.Options{
		Credentials: cloud.StaticCredentials(operator.AccessKeyID, actions.NewSecret(operator.SecretAccessKey)),
		Settle:      5 * time.Millisecond, MaxBackoff: time.Millisecond,
	}
	for _, change := range changes {
		change(&environment, &options)
	}
	options.Environments = map[string]cloud.Environment{"prod": environment}
	return cloud.New(options)
}

// Via sends calls through another URL.
func Via(url string) func(*cloud.Environment, *cloud.Options) {
	return func(e *cloud.Environment, _ *cloud.Options) { e.Endpoint = url }
}

// Front stands before the cloud: step in may answer a call itself, and says so.
func Front(t *testing.T, cloud http.Handler, stepIn func(w http.ResponseWriter, action string) bool, after func(action string)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		form, _ := url.ParseQuery(string(body)) // what is no form has no action
		if stepIn != nil && stepIn(w, form.Get("Action")) {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		cloud.ServeHTTP(w, r)
		if after != nil {
			after(form.Get("Action"))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}
