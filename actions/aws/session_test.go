package aws_test

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

const (
	member   = "444455556666"
	contain  = "arn:aws:iam::" + member + ":role/firebreak-contain"
	victim   = "arn:aws:iam::" + member + ":role/apps/victim"
	external = "installation-7"
)

// memberAccount is a cloud in which the operator reaches another account
// through a role.
func memberAccount(t *testing.T) *awsfake.Server {
	cloud := awstest.NewFake(t, awsfake.Options{})
	cloud.AddRole(member, "firebreak-contain", external)
	cloud.AddRole(member, "apps/victim", "")
	return cloud
}

func throughRole(e *aws.Environment, _ *aws.Options) {
	e.Account, e.Role, e.ExternalID = member, contain, external
}

func TestAssumedRole(t *testing.T) {
	cloud := memberAccount(t)
	r := registry(cloud, throughRole)
	quarantine := awstest.NewStep(t, r, "aws.iam.quarantine_principal", map[string]any{"principal_arn": victim})
	quarantine.Call.Actor = "Grace Hopper <grace@example.com>"
	quarantine.Plan().Execute().Is(actions.Verified, "")

	sessions := cloud.Sessions()
	if len(sessions) != 1 {
		t.Fatalf("the role was assumed %d times for one step, want once", len(sessions))
	}
	got := sessions[0]
	if got.Name != "fb-INC-12-R1" || got.SourceIdentity != "Grace-Hopper-grace@example.com" || got.Role != contain {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff(map[string]string{"incident": "INC-12", "run": "R1", "step": "stop"}, got.Tags); diff != "" {
		t.Errorf("session tags: want -, got +\n%s", diff)
	}
	for _, call := range cloud.Calls() {
		if !strings.Contains(call.UserAgent, "app/firebreak-INC-12") {
			t.Errorf("%s has user agent %q", call.Operation, call.UserAgent)
		}
		if strings.HasPrefix(call.Operation, "iam:") && call.AccessKeyID != got.AccessKeyID {
			t.Errorf("%s was signed with %s, not in the session", call.Operation, call.AccessKeyID)
		}
	}
	var ids []string
	for _, call := range cloud.Calls() {
		ids = append(ids, call.Operation+" "+call.RequestID)
	}
	var noted []string
	for _, request := range quarantine.Call.Requests.List() {
		noted = append(noted, request.Operation+" "+request.ID)
	}
	if diff := cmp.Diff(ids, noted); diff != "" {
		t.Errorf("request ids: sent -, noted +\n%s", diff)
	}

	// Another person's authority is another session.
	quarantine.Call.Actor = "ada@example.com"
	quarantine.Is(actions.Verified, "")
	if sessions := cloud.Sessions(); len(sessions) != 2 || sessions[1].SourceIdentity != "ada@example.com" {
		t.Errorf("got sessions %+v", sessions)
	}
}

func TestRoleThatDoesNotTrustUs(t *testing.T) {
	cloud := memberAccount(t)
	r := registry(cloud, throughRole, func(e *aws.Environment, _ *aws.Options) { e.ExternalID = "guess" })
	_, err := awstest.Handler(t, r, "aws.iam.quarantine_principal").Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"principal_arn": victim}))
	awstest.Fails(t, err, actions.Denied, "sts:AssumeRole", "trust policy of "+contain, "user/firebreak-operator")
}

func TestWrongAccount(t *testing.T) {
	cloud := awstest.NewFake(t, awsfake.Options{})
	cloud.AddUser("ci-deploy")
	r := registry(cloud, func(e *aws.Environment, _ *aws.Options) { e.Account = "999999999999" })
	_, err := awstest.Handler(t, r, "aws.iam.quarantine_principal").Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"principal_arn": "arn:aws:iam::999999999999:user/ci-deploy"}))
	awstest.Fails(t, err, actions.Precondition, `environment "prod" belong to account 111122223333, not to 999999999999`)
	if slices.ContainsFunc(cloud.Calls(), func(c awsfake.Call) bool { return strings.HasPrefix(c.Operation, "iam:") }) {
		t.Errorf("IAM was called in the wrong account: %+v", cloud.Calls())
	}
}

// The account is checked by each session, so also when a state planned
// elsewhere is executed.
func TestWrongAccountAfterPlan(t *testing.T) {
	cloud := awstest.NewFake(t, awsfake.Options{})
	cloud.AddUser("ci-deploy")
	quarantine := awstest.NewStep(t, registry(cloud), "aws.iam.quarantine_principal", map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/ci-deploy"}).Plan()
	quarantine.Handler = awstest.Handler(t, registry(cloud, func(e *aws.Environment, _ *aws.Options) { e.Account = "999999999999" }), "aws.iam.quarantine_principal")
	_, err := quarantine.Handler.Execute(t.Context(), quarantine.Call, quarantine.Params)
	awstest.Fails(t, err, actions.Precondition, "not to 999999999999")
	if n := cloud.Count("iam:PutUserPolicy"); n != 0 {
		t.Errorf("%d policies were put in the wrong account", n)
	}
}

func TestNeverContainsItself(t *testing.T) {
	cloud := memberAccount(t)
	own := cloud.Operator().AccessKeyID
	for _, test := range []struct {
		name, action string
		with         map[string]any
		through      bool
	}{
		{"own user", "aws.iam.quarantine_principal", map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/firebreak-operator"}, false},
		{"own key", "aws.iam.deactivate_access_key", map[string]any{"access_key_id": own}, false},
		{"own role", "aws.iam.quarantine_principal", map[string]any{"principal_arn": contain}, true},
		{"own role, by path", "aws.iam.quarantine_principal", map[string]any{"principal_arn": "arn:aws:iam::" + member + ":role/x/firebreak-contain"}, true},
		{"own role's sessions", "aws.iam.revoke_sessions", map[string]any{"role": contain}, true},
		{"own role's sessions, by name", "aws.iam.revoke_sessions", map[string]any{"role": "firebreak-contain"}, true},
		{"own key behind a role", "aws.iam.deactivate_access_key", map[string]any{"access_key_id": own}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := registry(cloud)
			if test.through {
				r = registry(cloud, throughRole)
			}
			_, err := awstest.Handler(t, r, test.action).Plan(t.Context(), awstest.NewCall(), awstest.Params(t, test.with))
			awstest.Fails(t, err, actions.Precondition, "firebreak itself", "lock itself out")
		})
	}
}

func TestEnvironmentThatIsNotConfigured(t *testing.T) {
	cloud := awstest.NewFake(t, awsfake.Options{})
	c := awstest.NewCall()
	c.Environment = "moon"
	_, err := awstest.Handler(t, registry(cloud), "aws.iam.lookup_access_key").Plan(t.Context(), c, awstest.Params(t, map[string]any{"access_key_id": "AKIAIOSFODNN7EXAMPLE"}))
	awstest.Fails(t, err, actions.Invalid, `"moon"`, "known: prod")
}

func TestNoCredentials(t *testing.T) {
	cloud := awstest.NewFake(t, awsfake.Options{})
	r := registry(cloud, func(_ *aws.Environment, o *aws.Options) { o.Credentials = nil })
	_, err := awstest.Handler(t, r, "aws.iam.lookup_access_key").Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"access_key_id": "AKIAIOSFODNN7EXAMPLE"}))
	awstest.Fails(t, err, actions.Denied, "give firebreak AWS credentials")
}

// A failure to open a session is not kept: the next call tries again.
func TestSessionIsOpenedAgainAfterAFailure(t *testing.T) {
	cloud := awstest.NewFake(t, awsfake.Options{})
	cloud.AddUser("ci-deploy")
	r := registry(cloud)
	cloud.Inject(awsfake.Denied("sts:GetCallerIdentity"))
	h, p := awstest.Handler(t, r, "aws.iam.quarantine_principal"), awstest.Params(t, map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/ci-deploy"})
	_, err := h.Plan(t.Context(), awstest.NewCall(), p)
	awstest.Fails(t, err, actions.Denied)
	cloud.Heal()
	if _, err := h.Plan(t.Context(), awstest.NewCall(), p); err != nil {
		t.Error(err)
	}
}

// The SDK cannot add a CA bundle to a plain HTTP client. A TLS endpoint that
// only the bundle vouches for proves that ours takes it.
func TestCABundle(t *testing.T) {
	cloud := awstest.NewFake(t, awsfake.Options{})
	cloud.AddUser("ci-deploy")
	server := httptest.NewUnstartedServer(cloud)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of each handshake that fails
	server.StartTLS()
	t.Cleanup(server.Close)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	p := awstest.Params(t, map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/ci-deploy"})

	t.Setenv("AWS_CA_BUNDLE", bundle)
	if _, err := awstest.Handler(t, registry(cloud, awstest.Via(server.URL)), "aws.iam.quarantine_principal").Plan(t.Context(), awstest.NewCall(), p); err != nil {
		t.Errorf("with the bundle: %v", err)
	}
	t.Setenv("AWS_CA_BUNDLE", "")
	_, err := awstest.Handler(t, registry(cloud, awstest.Via(server.URL)), "aws.iam.quarantine_principal").Plan(t.Context(), awstest.NewCall(), p)
	awstest.Fails(t, err, actions.Transient, "AWS_CA_BUNDLE")
	t.Setenv("AWS_CA_BUNDLE", filepath.Join(t.TempDir(), "nothing.pem"))
	_, err = awstest.Handler(t, registry(cloud, awstest.Via(server.URL)), "aws.iam.quarantine_principal").Plan(t.Context(), awstest.NewCall(), p)
	awstest.Fails(t, err, actions.Invalid, "AWS_CA_BUNDLE")
}

func TestEndpointOfTheSDK(t *testing.T) {
	cloud := awstest.NewFake(t, awsfake.Options{})
	cloud.AddUser("ci-deploy")
	t.Setenv("AWS_ENDPOINT_URL", cloud.URL())
	r := registry(cloud, awstest.Via(""))
	if _, err := awstest.Handler(t, r, "aws.iam.quarantine_principal").Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/ci-deploy"})); err != nil {
		t.Error(err)
	}
}

// Lint and docs use the actions without credentials, network or even a valid
// configuration.
func TestRegisteringTouchesNothing(t *testing.T) {
	awstest.Hermetic(t)
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent/config")
	r := actions.NewRegistry()
	aws.New(aws.Options{Environments: map[string]aws.Environment{"prod": {Endpoint: "http://127.0.0.1:1", Role: "nonsense"}}}).Register(r)
	var services []string
	for _, name := range r.Names() {
		services = append(services, strings.Split(name, ".")[1])
	}
	want := []string{"autoscaling", "cloudtrail", "ec2", "elbv2", "iam", "identitycenter", "kms", "lambda", "organizations", "rds", "s3", "secretsmanager"}
	if diff := cmp.Diff(want, slices.Compact(services)); diff != "" {
		t.Errorf("services of actions: want -, got +\n%s", diff)
	}
	for _, name := range r.Names() {
		spec, _ := r.Spec(name)
		if _, err := json.Marshal(actions.JSONSchema(spec)); err != nil || actions.Markdown(spec) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if problems := awstest.Handler(t, r, "aws.iam.lookup_access_key").Check(json.RawMessage(`{"access_key_id":"ASIAIOSFODNN7EXAMPLE"}`)); len(problems) != 1 {
		t.Errorf("got %v", problems)
	}
}

// Old sessions are dropped, so that a long-lived server does not collect them.
func TestSessionsAge(t *testing.T) {
	cloud := memberAccount(t)
	now := time.Now()
	r := registry(cloud, throughRole, func(_ *aws.Environment, o *aws.Options) { o.Now = func() time.Time { return now } })
	h, p := awstest.Handler(t, r, "aws.iam.quarantine_principal"), awstest.Params(t, map[string]any{"principal_arn": victim})
	for i, want := range []int{1, 1, 2} {
		if _, err := h.Plan(t.Context(), awstest.NewCall(), p); err != nil {
			t.Fatal(err)
		}
		if got := len(cloud.Sessions()); got != want {
			t.Errorf("call %d: got %d sessions, want %d", i, got, want)
		}
		now = now.Add(40 * time.Minute)
	}
}

// Each part of an action's life is lived in the role of its duty, and nobody
// but the handler says which it is.
func TestRoleOfEachDuty(t *testing.T) {
	cloud := memberAccount(t)
	for _, duty := range []string{"preflight", "evidence", "release"} {
		cloud.AddRole(member, "firebreak-"+duty, external)
	}
	r := registry(cloud, throughRole, func(e *aws.Environment, _ *aws.Options) {
		e.Roles = aws.Roles{Preflight: strings.Replace(contain, "contain", "preflight", 1), Evidence: strings.Replace(contain, "contain", "evidence", 1), Release: strings.Replace(contain, "contain", "release", 1)}
	})
	s := awstest.NewStep(t, r, "aws.iam.quarantine_principal", map[string]any{"principal_arn": victim})
	s.Call.Phase = actions.PhaseUndo // what a caller says does not count
	duties := func() (list []string) {
		for _, session := range cloud.Sessions() {
			list = append(list, session.Role[strings.LastIndex(session.Role, "-")+1:])
		}
		return list
	}
	for _, test := range []struct {
		part string
		do   func()
		want []string
	}{
		{"plan", func() { s.Plan() }, []string{"preflight"}},
		{"execute", func() { s.Execute() }, []string{"preflight", "contain"}},
		{"verify", func() { s.Is(actions.Verified, "") }, []string{"preflight", "contain"}},
		{"undo", func() { s.Undo() }, []string{"preflight", "contain", "release"}},
		{"evidence", func() { s.Call.Evidence = true; s.Execute() }, []string{"preflight", "contain", "release", "evidence"}},
	} {
		test.do()
		if diff := cmp.Diff(test.want, duties()); diff != "" {
			t.Errorf("%s: want -, got +\n%s", test.part, diff)
		}
	}
}
