package aws_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Every duty is tried, and who cannot be used is named all the same.
func TestHolders(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{Account: "444455556666"})
	role := func(name string) string { return "arn:aws:iam::444455556666:role/" + name }
	for _, name := range []string{"fb/look", "fb/contain"} {
		fake.AddRole("444455556666", name, external)
	}
	fake.AddRole("444455556666", "fb/release", "another")
	c := awstest.Over(fake, func(e *cloud.Environment, _ *cloud.Options) {
		e.ExternalID = external
		e.Roles = cloud.Roles{Preflight: role("fb/look"), Contain: role("fb/contain"), Evidence: role("fb/none"), Release: role("fb/release")}
	})
	for _, test := range []struct {
		duty  cloud.Duty
		want  string
		class actions.Class
	}{
		{cloud.DutyPreflight, role("fb/look"), ""},
		{cloud.DutyContain, role("fb/contain"), ""},
		{cloud.DutyEvidence, role("fb/none"), actions.Denied},
		{cloud.DutyRelease, role("fb/release"), actions.Denied},
	} {
		got, err := c.Holder(t.Context(), awstest.NewCall(), test.duty)
		if got != test.want {
			t.Errorf("%s: got %s, want %s", test.duty, got, test.want)
		}
		if test.class == "" && err != nil {
			t.Errorf("%s: %v", test.duty, err)
		}
		if test.class != "" {
			awstest.Fails(t, err, test.class, "with the configured external id")
		}
	}

	own := awstest.Over(fake)
	if got, err := own.Holder(t.Context(), awstest.NewCall(), cloud.DutyRelease); err != nil || got != "arn:aws:iam::444455556666:user/firebreak-operator" {
		t.Errorf("without roles: got %s, error %v", got, err)
	}
}

// said is rulings in short, one a line.
func said(list []cloud.Ruling) string {
	var b strings.Builder
	for _, r := range list {
		what := string(r.Decision)
		if r.Err != nil {
			what = "error " + string(actions.ClassOf(r.Err))
		}
		fmt.Fprintln(&b, what, r.By, r.Above, r.Missing)
	}
	return b.String()
}

func TestSimulate(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	w := moto.World(t)
	holder := w.Role(t, "/fb/", "contain")
	w.PutPolicy(t, "role", "contain", "may", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["iam:GetUser","iam:UpdateAccessKey"],"Resource":"arn:aws:iam::123456789012:user/alice"},
		{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}},
		{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"StringLike":{"kms:ViaService":"secretsmanager.*.amazonaws.com"}}},
		{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/odd${*}name"}]}`)
	w.PutPolicy(t, "role", "contain", "never", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:Update*","Resource":"*"}]}`)
	passed := actions.Conditions{"StringEquals": {"iam:PassedToService": {"ec2.amazonaws.com"}}}
	asks := []cloud.Ask{
		{Action: "iam:GetUser", Resource: "arn:aws:iam::123456789012:user/alice"},
		{Action: "iam:UpdateAccessKey", Resource: "arn:aws:iam::123456789012:user/alice"},
		{Action: "iam:GetUser", Resource: "arn:aws:iam::123456789012:user/bob"},
		{Action: "iam:PassRole", Resource: "arn:aws:iam::123456789012:role/q", Conditions: passed},
		{Action: "iam:PassRole", Resource: "arn:aws:iam::123456789012:role/q"},
		{Action: "kms:Decrypt", Resource: "*", Conditions: actions.Conditions{"StringLike": {"kms:ViaService": {"secretsmanager.*.amazonaws.com"}}}},
		{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/odd${*}name"},
		{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/oddXname"},
	}

	// moto has no such call: nothing may come out of that but "not known".
	before, call := w.Snapshot(t), awstest.NewCall()
	for _, r := range w.Cloud().Simulate(t.Context(), call, holder, asks) {
		if r.Decision != "" || r.Err == nil {
			t.Errorf("without the call: got %+v", r)
		}
	}

	w.Simulates()
	w.Proxy.Forget()
	want := strings.Join([]string{
		"allowed [may line 1] [] [iam:PassedToService kms:ViaService]",
		"explicitDeny [never line 1] [] [iam:PassedToService kms:ViaService]",
		"implicitDeny [] [] [iam:PassedToService kms:ViaService]",
		"allowed [may line 1] [] [kms:ViaService]",
		"implicitDeny [] [] [iam:PassedToService kms:ViaService]",
		"allowed [may line 1] [] [iam:PassedToService]",
		"allowed [may line 1] [] [iam:PassedToService kms:ViaService]",
		"implicitDeny [] [] [iam:PassedToService kms:ViaService]", "",
	}, "\n")
	if diff := cmp.Diff(want, said(w.Cloud().Simulate(t.Context(), call, holder, asks))); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if got, want := w.Proxy.Operations(), []string{"iam:SimulatePrincipalPolicy", "sts:GetCallerIdentity"}; !cmp.Equal(got, want) {
		t.Errorf("got the calls %v, want %v", got, want)
	}
	if got := w.Proxy.Count("iam:SimulatePrincipalPolicy"); got != 7 {
		t.Errorf("got %d calls, want 7: what differs in the action alone goes together", got)
	}

	// A session does not tell the path of its role.
	if diff := cmp.Diff(want, said(w.Cloud().Simulate(t.Context(), call, "arn:aws:iam::123456789012:role/contain", asks))); diff != "" {
		t.Errorf("without the path: want -, got +\n%s", diff)
	}
	if got := said(w.Cloud().Simulate(t.Context(), call, "arn:aws:iam::123456789012:role/nobody", asks[:1])); got != "error not-found [] [] []\n" {
		t.Errorf("nobody: got %s", got)
	}

	// Without the right to ask there is one question, and a hint.
	w.Proxy.Heal()
	w.Proxy.Forget()
	w.Proxy.Refuse("iam:SimulatePrincipalPolicy", http.StatusForbidden, "AccessDenied")
	for _, r := range w.Cloud().Simulate(t.Context(), call, holder, asks) {
		awstest.Fails(t, r.Err, actions.Denied, "the right is needed on "+holder)
		if r.Decision != "" {
			t.Errorf("denied: got %+v", r)
		}
	}
	if got := w.Proxy.Count("iam:SimulatePrincipalPolicy"); got != 1 {
		t.Errorf("got %d calls after a refusal, want 1", got)
	}
	w.Proxy.Heal()
	if diff := cmp.Diff(before, w.Snapshot(t)); diff != "" {
		t.Errorf("it changed something:\n%s", diff)
	}

	// What stands above the policies, and an answer in two parts.
	page := 0
	w.Proxy.Answer("iam:SimulatePrincipalPolicy", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/xml")
		part := `<IsTruncated>true</IsTruncated><Marker>m</Marker><EvaluationResults><member><EvalActionName>iam:getuser</EvalActionName><EvalDecision>implicitDeny</EvalDecision>` +
			`<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>false</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail></member></EvaluationResults>`
		if page++; page == 2 {
			part = `<IsTruncated>false</IsTruncated><EvaluationResults><member><EvalActionName>iam:UpdateAccessKey</EvalActionName><EvalDecision>explicitDeny</EvalDecision>` +
				`<OrganizationsDecisionDetail><AllowedByOrganizations>false</AllowedByOrganizations></OrganizationsDecisionDetail></member></EvaluationResults>`
		}
		_, _ = io.WriteString(rw, `<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult>`+part+`</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>`)
	})
	more := append(asks[:2:2], cloud.Ask{Action: "iam:ListUsers", Resource: asks[0].Resource})
	if diff := cmp.Diff("implicitDeny [] [the permissions boundary] []\nexplicitDeny [] [a policy of the organization] []\nerror unknown [] [] []\n", said(w.Cloud().Simulate(t.Context(), call, holder, more))); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}
