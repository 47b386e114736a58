package iam_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// assume is a policy that lets these principals in.
func assume(principal string) string {
	return `{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":` + principal + `}],"Version":"2012-10-17"}`
}

func TestLockRoleTrust(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	const deny = `{"Action":["sts:AssumeRole","sts:AssumeRoleWithSAML","sts:AssumeRoleWithWebIdentity"],"Effect":"Deny","Principal":`
	for _, test := range []struct {
		name, trust, principal, mode string
		want                         []string // parts of the new policy
		not                          string
	}{
		{"one of two", assume(`{"AWS":["` + victim + `","arn:aws:iam::999999999999:root"]}`), victim, "remove", []string{"arn:aws:iam::999999999999:root"}, victim},
		{"the only one", assume(`{"AWS":"` + victim + `"}`), victim, "remove", []string{deny + `{"AWS":"*"}`}, victim},
		{"one kind of two", assume(`{"AWS":"` + victim + `","Service":"ec2.amazonaws.com"}`), victim, "remove", []string{`"Principal":{"Service":"ec2.amazonaws.com"}`}, "AWS"},
		{"a service", assume(`{"AWS":"` + victim + `","Service":["ec2.amazonaws.com","lambda.amazonaws.com"]}`), "ec2.amazonaws.com", "remove", []string{victim, `["lambda.amazonaws.com"]`}, "ec2."},
		{"an account by its number", assume(`{"AWS":["arn:aws:iam::999999999999:root","` + victim + `"]}`), "999999999999", "remove", []string{victim}, "999999999999"},
		{"everybody", assume(`"*"`), "*", "deny", []string{`"Condition":{"ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::123456789012:user/moto"]}},"Effect":"Deny","Principal":{"AWS":"*"}`}, ""},
		{"behind an account", assume(`{"AWS":"arn:aws:iam::123456789012:root"}`), victim, "deny", []string{`"arn:aws:iam::123456789012:root"`, deny + `{"AWS":"` + victim + `"}`}, "Condition"},
		{"an account", assume(`{"AWS":"arn:aws:iam::999999999999:root"}`), "999999999999", "deny", []string{deny + `{"AWS":"arn:aws:iam::999999999999:root"}`}, ""},
		{"an identity provider", assume(`{"Federated":"arn:aws:iam::123456789012:oidc-provider/token.example"}`), "arn:aws:iam::123456789012:oidc-provider/token.example", "deny", []string{deny + `{"Federated":"arn:aws:iam::123456789012:oidc-provider/token.example"}`}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := moto.World(t)
			w.RoleTrusting(t, "/", "web", test.trust)
			before := w.Trust(t, "web")
			s := awstest.NewStep(t, provider(w), "aws.iam.lock_role_trust", map[string]any{"role": "web", "principal": test.principal, "mode": test.mode})
			s.Plan().Execute().Is(actions.Verified, "keeps "+test.principal+" out")
			got := w.Trust(t, "web")
			for _, part := range test.want {
				if !strings.Contains(got, part) {
					t.Errorf("got %s, which does not have %s", got, part)
				}
			}
			if test.not != "" && strings.Contains(got, test.not) {
				t.Errorf("got %s, which has %s", got, test.not)
			}
			again := awstest.NewStep(t, provider(w), "aws.iam.lock_role_trust", map[string]any{"role": "web", "principal": test.principal, "mode": test.mode}).Plan()
			if !again.Preview.InEffect || again.Preview.NoUndo == "" {
				t.Errorf("a second step: got %+v", again.Preview)
			}
			s.Undo()
			if diff := cmp.Diff(before, w.Trust(t, "web")); diff != "" {
				t.Errorf("after the undo: want -, got +\n%s", diff)
			}
		})
	}
}

func TestLockRoleTrustRefuses(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	w.RoleTrusting(t, "/", "web", assume(`{"AWS":"arn:aws:iam::123456789012:root"}`))
	w.RoleTrusting(t, "/", "worker", assume(`{"AWS":"arn:aws:iam::123456789012:role/apps/worker"}`))
	w.RoleTrusting(t, "/", "sessions", assume(`{"AWS":"arn:aws:sts::123456789012:assumed-role/worker/i-0abc1234def567890"}`))
	w.RoleTrusting(t, "/", "partner", assume(`{"AWS":"arn:aws:iam::999999999999:role/them"}`))
	w.RoleTrusting(t, "/", "open", assume(`"*"`))
	w.RoleTrusting(t, "/", "but", strings.Replace(assume(`{"AWS":"arn:aws:iam::123456789012:user/bob"}`), "Principal", "NotPrincipal", 1))
	w.RoleTrusting(t, "/", "firebreak-release", assume(`{"AWS":"arn:aws:iam::123456789012:root"}`))
	r := actions.NewRegistry()
	registerWith(r, w, func(e *cloud.Environment, o *cloud.Options) {
		o.Environments = map[string]cloud.Environment{"staging": {Account: w.Account, Roles: cloud.Roles{Release: "arn:aws:iam::123456789012:role/firebreak-staging"}}}
		e.Roles.Release = "arn:aws:iam::123456789012:role/firebreak-release"
	})
	for _, test := range []struct {
		name, role, principal, mode string
		class                       actions.Class
		says                        string
	}{
		{"a role of firebreak", "firebreak-release", victim, "deny", actions.Precondition, "firebreak itself uses"},
		{"an identity of firebreak", "web", "arn:aws:iam::123456789012:role/firebreak-release", "deny", actions.Precondition, "the identity that firebreak itself uses"},
		{"everybody behind the account, firebreak too", "web", "123456789012", "remove", actions.Precondition, "use the mode deny"},
		{"behind the account", "web", victim, "remove", actions.Precondition, "also trusts arn:aws:iam::123456789012:root"},
		{"a session of a role that is trusted", "worker", "arn:aws:sts::123456789012:assumed-role/worker/i-0abc1234def567890", "remove", actions.Precondition, "use the mode deny"},
		{"a role with a session that is trusted", "sessions", "arn:aws:iam::123456789012:role/apps/worker", "remove", actions.Precondition, "use the mode deny"},
		{"a role with another path", "worker", "arn:aws:iam::123456789012:role/worker", "remove", actions.Precondition, "name it as the trust policy does"},
		{"an account with a principal that is trusted", "partner", "999999999999", "remove", actions.Precondition, "use the mode deny"},
		{"an identity provider where everybody is trusted", "open", "arn:aws:iam::123456789012:oidc-provider/token.example", "remove", actions.Precondition, "use the mode deny"},
		{"a service where everybody is trusted", "open", "ec2.amazonaws.com", "remove", actions.Precondition, "use the mode deny"},
		{"where all but some are trusted", "but", victim, "remove", actions.Precondition, "NotPrincipal"},
		{"a deleted principal", "web", "AIDAIOSFODNN7EXAMPLE", "deny", actions.Invalid, "use the mode remove"},
		{"nonsense", "web", "alice", "deny", actions.Invalid, "is no principal of a trust policy"},
		{"a user", "arn:aws:iam::123456789012:user/alice", victim, "deny", actions.Invalid, "is no role"},
		{"a service-linked role", "arn:aws:iam::123456789012:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX", victim, "deny", actions.Precondition, "service-linked"},
		{"nobody", "nobody", victim, "deny", actions.NotFound, "NoSuchEntity"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := awstest.Handler(t, r, "aws.iam.lock_role_trust").Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"role": test.role, "principal": test.principal, "mode": test.mode}))
			awstest.Fails(t, err, test.class, test.says)
		})
	}
	for _, own := range []string{"firebreak-release", "firebreak-staging"} { // the second is of another environment
		t.Run("the quarantine of "+own, func(t *testing.T) {
			_, err := awstest.Handler(t, r, "aws.iam.quarantine_principal").Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"principal_arn": "arn:aws:iam::123456789012:role/" + own}))
			awstest.Fails(t, err, actions.Precondition, "firebreak itself uses")
		})
	}
}

// What somebody changed meanwhile is neither overwritten nor believed.
func TestLockRoleTrustThatWasChanged(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	w.User(t, "/", "victim")
	w.RoleTrusting(t, "/", "web", trustVictim)
	other := assume(`{"Service":"lambda.amazonaws.com"}`)
	s := awstest.NewStep(t, provider(w), "aws.iam.lock_role_trust", map[string]any{"role": "web", "principal": victim}).Plan()
	w.SetTrust(t, "web", other)
	_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
	awstest.Fails(t, err, actions.Precondition, "was changed since the plan", "lambda.amazonaws.com")
	w.SetTrust(t, "web", trustVictim)
	s.Execute()
	w.SetTrust(t, "web", other)
	s.Is(actions.NotVerified, "lambda.amazonaws.com")
	awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, "was changed after firebreak put it", "lambda.amazonaws.com")
	if undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result); err != nil || undo.NoUndo == "" {
		t.Errorf("got %+v, %v", undo, err)
	}
	w.Proxy.Rewrite("iam:GetRole", 1, func(body []byte) []byte {
		from, to := strings.Index(string(body), "<AssumeRolePolicyDocument>"), strings.Index(string(body), "</AssumeRolePolicyDocument>")
		return append(body[:from:from], body[to+len("</AssumeRolePolicyDocument>"):]...)
	})
	s.Is(actions.CannotVerify, "proves nothing")
}
