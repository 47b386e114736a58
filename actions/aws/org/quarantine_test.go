package org_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/org"
)

// TestQuarantineIsRefused gives what must not be done, and the sentence for each.
func TestQuarantineIsRefused(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	o := w.Organization(t)
	own := "arn:aws:iam::" + o.Account + ":role/ir/Firebreak-release"
	role := "arn:aws:iam::" + o.Account + ":role/web"
	principal := func(target, arn string) map[string]any {
		return map[string]any{"target": target, "mode": "principal_scp", "principal": arn}
	}
	for _, test := range []struct {
		name  string
		with  map[string]any
		class actions.Class
		says  []string
	}{
		{"no principal", map[string]any{"target": o.Account, "mode": "principal_scp"}, actions.Invalid, []string{"needs one principal"}},
		{"principal for an account", map[string]any{"target": o.Account, "mode": "account_scp", "principal": role}, actions.Invalid, []string{"not for account_scp"}},
		{"exempt for a principal", map[string]any{"target": o.Account, "mode": "principal_scp", "principal": role, "exempt": []string{role}}, actions.Invalid, []string{"exempt is for account_scp"}},
		{"exempt by pattern", map[string]any{"target": o.Account, "mode": "account_scp", "exempt": []string{"arn:aws:iam::" + o.Account + ":role/*"}}, actions.Invalid, []string{"not the ARN of one role"}},
		{"move to nowhere", map[string]any{"target": o.Account, "mode": "move_to_ou"}, actions.Invalid, []string{"give the unit to move to"}},
		{"move a unit", map[string]any{"target": o.Unit, "mode": "move_to_ou", "to": o.Unit}, actions.Invalid, []string{"is no account"}},
		{"everybody everywhere", map[string]any{"target": o.Root, "mode": "account_scp"}, actions.Invalid, []string{"the whole organization"}},
		{"management account", map[string]any{"target": w.Account, "mode": "account_scp"}, actions.Precondition, []string{"management account"}},
		{"in the management account", principal(o.Root, "arn:aws:iam::"+w.Account+":role/web"), actions.Precondition, []string{"in the management account"}},
		{"of another account", principal(o.Account, "arn:aws:iam::999900001111:role/web"), actions.Precondition, []string{"is not in account " + o.Account}},
		{"service-linked role", principal(o.Account, "arn:aws:iam::"+o.Account+":role/aws-service-role/x.amazonaws.com/X"), actions.Precondition, []string{"service-linked"}},
		{"our role", principal(o.Account, own), actions.Precondition, []string{"firebreak itself uses"}},
		{"our role, written otherwise", principal(o.Account, strings.Replace(own, "Firebreak", "firebreak", 1)), actions.Precondition, []string{"firebreak itself uses"}},
		{"unit that is not there", map[string]any{"target": "ou-ab12-abcdefgh", "mode": "account_scp"}, actions.NotFound, []string{"OrganizationalUnitNotFound"}},
		{"account that is not there", map[string]any{"target": "999900001111", "mode": "account_scp"}, actions.NotFound, []string{"AccountNotFound"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := awstest.Handler(t, as(w, own), quarantine).Plan(t.Context(), awstest.NewCall(), awstest.Params(t, test.with))
			awstest.Fails(t, err, test.class, test.says...)
		})
	}
	t.Run("policies are switched off", func(t *testing.T) {
		w.Proxy.Rewrite("organizations:ListRoots", 1, func(body []byte) []byte {
			return []byte(strings.ReplaceAll(string(body), `"ENABLED"`, `"PENDING_DISABLE"`))
		})
		_, err := awstest.Handler(t, registry(w), quarantine).Plan(t.Context(), awstest.NewCall(), awstest.Params(t, principal(o.Account, role)))
		awstest.Fails(t, err, actions.Precondition, "not enabled")
	})
	t.Run("our own account", func(t *testing.T) {
		w.Proxy.Rewrite("organizations:DescribeOrganization", 1, func(body []byte) []byte { return []byte(strings.ReplaceAll(string(body), w.Account, "999900001111")) })
		_, err := awstest.Handler(t, registry(w), quarantine).Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"target": w.Account, "mode": "account_scp"}))
		awstest.Fails(t, err, actions.Precondition, "that firebreak works from")
	})
	t.Run("guard of execute", func(t *testing.T) {
		s := awstest.NewStep(t, registry(w), quarantine, principal(o.Account, own)).Plan()
		_, err := awstest.Handler(t, as(w, own), quarantine).Execute(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Precondition, "firebreak itself uses")
		s = awstest.NewStep(t, registry(w), quarantine, map[string]any{"target": o.Account, "mode": "account_scp"}).Plan()
		_, err = awstest.Handler(t, as(w, own), quarantine).Execute(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Precondition, "plan the step again")
	})
}

// TestDocuments compares the policies with what they have to be: moto obeys none.
func TestDocuments(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	o := w.Organization(t)
	own := "arn:aws:iam::" + o.Account + ":role/ir/firebreak-release"
	const user = "9067642ac7-1b2c3d4e-5f60-7182-93a4-b5c6d7e8f901"
	for _, test := range []struct {
		name string
		with map[string]any
		want string
	}{
		{"principal", map[string]any{"target": o.Account, "mode": "principal_scp", "principal": "arn:aws:iam::" + o.Account + ":root"},
			`,"Condition":{"ArnEquals":{"aws:PrincipalArn":["arn:aws:iam::` + o.Account + `:root"]}}`},
		{"user", map[string]any{"target": o.Root, "mode": "principal_scp", "user_id": user}, `,"Condition":{"StringEquals":{"identitystore:UserId":["` + user + `"]}}`},
		{"account", map[string]any{"target": o.Account, "mode": "account_scp", "exempt": []string{"arn:aws:iam::" + o.Account + ":role/log-delivery", own}},
			`,"Condition":{"ArnNotLike":{"aws:PrincipalArn":["` + own + `","arn:aws:iam::` + o.Account + `:role/log-delivery"]}}`},
		{"unit", map[string]any{"target": o.Unit, "mode": "account_scp"},
			`,"Condition":{"ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::` + w.Account + `:user/moto","` + own + `"]}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := awstest.NewStep(t, as(w, own), quarantine, test.with).Plan().Execute()
			out, err := w.Organizations().DescribePolicy(t.Context(), &organizations.DescribePolicyInput{PolicyId: aws.String(w.PolicyNamed(t, ourName+test.with["target"].(string)))})
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(aws.ToString(out.Policy.Content), " ", "")
			// The two ARNs of a unit are sorted, and the number of the account is drawn by lot.
			want := []string{`{"Statement":[{"Action":"*"` + test.want + `,"Effect":"Deny","Resource":"*","Sid":"FirebreakQuarantine"}],"Version":"2012-10-17"}`}
			if test.name == "unit" {
				a, b := `"arn:aws:iam::`+w.Account+`:user/moto"`, `"`+own+`"`
				want = append(want, strings.Replace(want[0], a+","+b, b+","+a, 1))
			}
			if !slices.Contains(want, got) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			s.Undo()
		})
	}
}

// TestDuties: the plan is made in another role than it is carried out in, and both
// are exempt, whoever asks.
func TestDuties(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	o := w.Organization(t)
	duty := func(name string) string { return "arn:aws:iam::" + w.Account + ":role/ir/" + name }
	r := actions.NewRegistry()
	org.Register(r, w.Cloud(func(e *cloud.Environment, _ *cloud.Options) {
		e.Roles = cloud.Roles{Preflight: duty("look"), Contain: duty("contain"), Release: duty("release")}
	}))
	s := awstest.NewStep(t, r, quarantine, map[string]any{"target": o.Unit, "mode": "account_scp"}).Plan().Execute()
	s.Is(actions.Verified, "")
	said := strings.Join(s.Preview.Changes, "\n")
	for _, name := range []string{"look", "contain", "release"} {
		if !strings.Contains(said, duty(name)) || strings.Contains(said, "role/"+name) {
			t.Errorf("%s is not exempt, or not as it is configured: %s", name, said)
		}
	}
	s.Undo()
}

// TestOneLostAnswer: the SDK sends the call again, AWS says that the policy is
// there, and it is ours.
func TestOneLostAnswer(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	o := w.Organization(t)
	s := awstest.NewStep(t, registry(w), quarantine, map[string]any{"target": o.Account, "mode": "account_scp"}).Plan()
	w.Proxy.DropAfterEffect("organizations:CreatePolicy", 1)
	s.Execute()
	s.Is(actions.Verified, "")
	s.Undo()
	// One that somebody else made is not ours, even when it comes in between.
	hold := w.Proxy.HoldCall("organizations:CreatePolicy")
	ended := make(chan error, 1)
	go func() {
		_, err := s.Handler.Execute(s.Context(), s.Call, s.Params)
		ended <- err
	}()
	<-hold.Reached()
	w.ControlPolicy(t, ourName+o.Account, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`)
	hold.Release()
	awstest.Fails(t, <-ended, actions.Precondition, "has another text")
}

// TestWhatOthersDoToThePolicy changes it between plan, verify and undo.
func TestWhatOthersDoToThePolicy(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	o := w.Organization(t)
	s := awstest.NewStep(t, registry(w), quarantine, map[string]any{"target": o.Account, "mode": "principal_scp", "principal": "arn:aws:iam::" + o.Account + ":role/web"}).Plan().Execute()
	s.Is(actions.Verified, "as it was made")
	if again := awstest.NewStep(t, registry(w), quarantine, map[string]any{"target": o.Account, "mode": "principal_scp", "principal": "arn:aws:iam::" + o.Account + ":role/web"}).Plan(); !again.Preview.InEffect {
		t.Errorf("planned again: got %+v", again.Preview)
	}
	id := w.PolicyNamed(t, ourName+o.Account)
	undo := func() error { return s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result) }

	// AWS says so when it is attached already.
	w.Proxy.Refuse("organizations:AttachPolicy", http.StatusBadRequest, "DuplicatePolicyAttachmentException")
	s.Execute()
	w.Proxy.Heal()

	empty(w, "organizations:ListPoliciesForTarget")
	s.Is(actions.CannotVerify, "proves nothing")
	empty(w, "organizations:DescribePolicy")
	s.Is(actions.CannotVerify, "proves nothing")
	w.Proxy.Refuse("organizations:ListPoliciesForTarget", http.StatusBadRequest, "AccessDeniedException")
	s.Is(actions.CannotVerify, "AccessDenied")
	w.Proxy.Heal()
	empty(w, "organizations:ListPolicies")
	if err := undo(); err == nil {
		t.Error("an empty list made the undo believe that the policy is gone")
	}

	if _, err := w.Organizations().AttachPolicy(t.Context(), &organizations.AttachPolicyInput{PolicyId: &id, TargetId: &o.Unit}); err != nil {
		t.Fatal(err)
	}
	awstest.Fails(t, undo(), actions.Precondition, "is attached to "+o.Unit+" too")
	w.DropPolicy(t, ourName+o.Account, o.Unit)

	other := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`
	if _, err := w.Organizations().UpdatePolicy(t.Context(), &organizations.UpdatePolicyInput{PolicyId: &id, Content: &other}); err != nil {
		t.Fatal(err)
	}
	s.Is(actions.NotVerified, "was changed")
	awstest.Fails(t, undo(), actions.Precondition, "has another text", "leaves it alone")
	_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
	awstest.Fails(t, err, actions.Precondition, "has another text")
}

// TestMoves: an account that somebody else moved is left where it is.
func TestMoves(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	o := w.Organization(t)
	s := awstest.NewStep(t, registry(w), quarantine, map[string]any{"target": o.Account, "mode": "move_to_ou", "to": o.Unit}).Plan()
	if said := strings.Join(s.Preview.Warnings, "\n"); !strings.Contains(said, "KeepStill") || strings.Contains(said, "may stop nothing") {
		t.Errorf("got warnings %s", said)
	}
	w.Proxy.Refuse("organizations:MoveAccount", http.StatusBadRequest, "DuplicateAccountException")
	s.Execute()
	s.Is(actions.NotVerified, "is in "+o.Root)
	w.Proxy.Heal()
	s.Execute()
	empty(w, "organizations:ListParents")
	s.Is(actions.CannotVerify, "proves nothing")
	s.Is(actions.Verified, o.Unit)

	unit, err := w.Organizations().CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &o.Root, Name: aws.String("elsewhere")})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := aws.ToString(unit.OrganizationalUnit.Id)
	w.MoveAccount(t, o.Account, o.Unit, elsewhere)
	awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, elsewhere, "neither", "by hand")

	stays := awstest.NewStep(t, registry(w), quarantine, map[string]any{"target": o.Account, "mode": "move_to_ou", "to": elsewhere}).Plan()
	if !stays.Preview.InEffect || stays.Preview.NoUndo == "" || !strings.Contains(strings.Join(stays.Preview.Warnings, "\n"), "may stop nothing") {
		t.Errorf("it is there already: got %+v", stays.Preview)
	}
	if err := stays.Handler.Undo(t.Context(), stays.Call, stays.Params, stays.Execute().Result); err != nil {
		t.Error(err)
	}
	stays.Is(actions.Verified, elsewhere)
}
