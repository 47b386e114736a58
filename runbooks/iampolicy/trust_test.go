package iampolicy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/runbooks/iampolicy"
)

// The printed trust lets firebreak in as it comes, and nobody without the
// external id. moto checks neither.
func TestTrustLetsFirebreakIn(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Fake(awsfake.Options{}).World(t)
	w.User(t, "/", "ci-deploy")
	id, _ := w.AccessKey(t, "ci-deploy")
	trust := iampolicy.Trust{Engine: "arn:aws:iam::" + w.Account + ":user/firebreak-operator", ExternalID: "acme-1", Phases: []iampolicy.Phase{iampolicy.Preflight}}
	role := w.RoleTrusting(t, "/", "firebreak-preflight", string(trust.JSON()))
	for _, external := range []string{"acme-1", "acme-2", ""} {
		h, ok := registry(w, func(e *aws.Environment) { e.Role, e.ExternalID = role, external }).Handler("aws.iam.lookup_access_key")
		if !ok {
			t.Fatal("no action")
		}
		params, err := json.Marshal(map[string]string{"access_key_id": id})
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Plan(t.Context(), actions.Call{Incident: "INC-12", Run: "R1", Step: "s", Environment: "prod", Actor: "grace", Requests: &actions.Requests{}}, params)
		if external == trust.ExternalID && err != nil || external != trust.ExternalID && actions.ClassOf(err) != actions.Denied {
			t.Errorf("with the external id %q: got %v", external, err)
		}
	}
	// What is asked of the session is what firebreak says.
	found := false
	for _, call := range w.Proxy.Calls() {
		if call.Operation != "sts:AssumeRole" {
			continue
		}
		found = true
		for _, s := range trust.Document().Statement {
			for _, keys := range s.Condition {
				for key := range keys {
					switch key {
					case "sts:SourceIdentity":
						if call.Form.Get("SourceIdentity") == "" {
							t.Error("firebreak does not say for whom")
						}
					case "sts:ExternalId":
					case "aws:TagKeys":
						for name, value := range call.Form {
							if strings.HasPrefix(name, "Tags.") && strings.HasSuffix(name, ".Key") && !strings.Contains("incident run step", value[0]) {
								t.Errorf("firebreak tags its sessions with %q, which the trust does not let through", value[0])
							}
						}
					default:
						t.Errorf("nobody looks at the condition on %s", key)
					}
				}
			}
		}
	}
	if !found {
		t.Error("no role was assumed, so this shows nothing")
	}
}

func TestTrustCheck(t *testing.T) {
	for _, test := range []struct{ engine, external, want string }{
		{"arn:aws:iam::111122223333:role/security/firebreak-engine", "acme:1/x", ""},
		{"arn:aws-cn:iam::111122223333:user/engine", "", ""},
		{"firebreak-engine", "", "is not the ARN of a role or user"},
		{"*", "", "is not the ARN"},
		{"arn:aws:iam::111122223333:root", "", "is not the ARN"},
		{"arn:aws:iam::111122223333:role/*", "", "is not the ARN"},
		{"arn:aws:sts::111122223333:assumed-role/x/y", "", "is not the ARN"},
		{"arn:aws:iam::111122223333:role/x", "a", "cannot be an external id"},
		{"arn:aws:iam::111122223333:role/x", "a b", "cannot be an external id"},
		{"arn:aws:iam::111122223333:role/x", strings.Repeat("a", 1225), "cannot be an external id"},
	} {
		err := iampolicy.Trust{Engine: test.engine, ExternalID: test.external}.Check()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q, %q: got %v, want %q", test.engine, test.external, err, test.want)
		}
	}
}
