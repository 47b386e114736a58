package app

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
)

// compromisedEmployeeTale is about grace, who is a lead herself and may decide
// nothing about it. Moto has neither Okta, CloudTrail's events nor requests for
// assignments that are under way: the first is a small server here, the others
// are made by awstest. Her IAM user has no console password, which does not come
// back when it was deleted.
func compromisedEmployeeTale() tale {
	place := &config.Evidence{Bucket: "evidence", Mode: "GOVERNANCE", Days: 7}
	var okta *oktaOfOne
	var user string
	concerned := func(step string) string { return "grace: !approve INC-1 " + step }
	return tale{
		id: "compromised-employee",
		world: func(t *testing.T, w *awstest.World) []string {
			okta = newOkta(t)
			o := w.Organization(t)
			c := w.Center(t, o.Account)
			user = w.CenterUser(t, c, "grace", "grace@example.com")
			w.JoinGroup(t, c, user)
			w.Assign(t, c, o.Account, ssotypes.PrincipalTypeUser, user)
			w.UnderWay(c)
			w.Beside(t)
			w.User(t, "/team/", "grace")
			w.AccessKey(t, "grace")
			w.SSHKey(t, "grace")
			w.ServiceCredential(t, "grace", "codecommit.amazonaws.com")
			w.Role(t, "/", "deploy")
			w.Role(t, "/", "build")
			w.Evidence(t, place.Bucket)
			w.Events(t, awstest.Event{Region: awstest.Region, ID: "e1", User: "grace@example.com", Time: time.Now().Add(-time.Hour),
				Text: `{"eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"us-east-1"}`})
			return []string{"email=grace@example.com", "center_user_id=" + user, "organization_target=" + o.Root, "iam_users=grace", "roles=deploy,build", "github=grace-hopper", "watch=0s"}
		},
		cfg: func(t *testing.T, _ *awstest.World, c *config.Config) {
			t.Setenv("FIREBREAK_TEST_OKTA", oktaToken)
			c.Environments[0].Evidence = place
			c.Okta = &config.Okta{URL: okta.url, Token: "secret://env/FIREBREAK_TEST_OKTA"}
			c.HTTP = &config.HTTP{Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
			c.Directory.People = append(c.Directory.People,
				chatops.PersonEntry{ID: "grace", OSUser: "grace", Roles: []chatops.Role{chatops.Responder}, Identities: []string{
					"okta.user:grace@example.com", "aws.iam.user:grace", "aws.identitycenter.user:grace", "aws.identitycenter.user:" + user, "aws.sts.session_name:grace@example.com",
				}})
			c.Directory.Groups = map[string][]string{"security-leads": {"alice", "bob", "grace"}, "ciso": {"carol", "grace"}}
		},
		lines: []string{
			"alice: done INC-1 contact compromised",
			concerned("okta"), "bob: approve INC-1 okta",
			concerned("deny"), "bob: approve INC-1 deny", concerned("deny"), "carol: approve INC-1 deny",
			concerned("center"), "bob: approve INC-1 center",
			concerned("users"), "bob: approve INC-1 users",
			concerned("roles"), "bob: approve INC-1 roles",
			"alice: done INC-1 portal two sessions", "alice: done INC-1 github one token", "alice: done INC-1 slack signed out", "alice: done INC-1 factors removed",
			"bob: done INC-1 review nothing",
		},
		done: []string{"record", "contact", "okta", "deny", "center", "portal", "users", "roles", "github", "slack", "factors", "trail", "trail_users", "review", "summary"},
		after: func(t *testing.T, _ *awstest.World, state string) {
			if status, sessions := okta.reads(); status != "SUSPENDED" || sessions != 0 {
				t.Errorf("in Okta she is %s with %d sessions, want SUSPENDED and none", status, sessions)
			}
			for _, not := range []string{" Active", "assignment of USER " + user, "member " + user} {
				if strings.Contains(state, not) {
					t.Errorf("the state still tells %q:\n%s", not, state)
				}
			}
			for _, want := range []string{
				`"identitystore:UserId":["` + user + `"]`, "FirebreakQuarantine-INC-1", "FirebreakRevokeSessions-",
				"/record/who.txt ", "/summary/summary.txt ", "/trail/",
			} {
				if !strings.Contains(strings.ReplaceAll(state, ": [", ":["), want) {
					t.Errorf("the state does not tell %s:\n%s", want, state)
				}
			}
		},
		undo: []string{
			`alice: undo INC-1 roles --reason "released"`, concerned("roles~undo"), "bob: approve INC-1 roles~undo",
			`alice: undo INC-1 users --reason "released"`, concerned("users~undo"), "bob: approve INC-1 users~undo",
			`alice: undo INC-1 center --reason "released"`, concerned("center~undo"), "bob: approve INC-1 center~undo",
			`alice: undo INC-1 okta --reason "released"`, concerned("okta~undo"), "bob: approve INC-1 okta~undo",
			`alice: undo INC-1 deny --reason "nothing odd was seen"`, concerned("deny~undo"), "carol: approve INC-1 deny~undo",
		},
		adds: []string{"object INC-1/"},
	}
}

// refuse speaks as a person against whom the incident is, and stops the test when
// that is followed.
func refuse(t *testing.T, a *App, who, text string) {
	t.Helper()
	actor, ok := a.Config.Directory.ByOSUser(who, 1000)
	if !ok {
		t.Fatalf("there is no %s", who)
	}
	m := a.Bot.Command(t.Context(), chatops.Input{Actor: actor, Text: text})
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if !m.Failed || !strings.Contains(string(data), "which is you") {
		t.Fatalf("%s: %s: want a refusal, got %s", who, text, data)
	}
}

const oktaToken = "canary-of-okta"

// oktaOfOne is an Okta with one user, grace, who has to be ACTIVE in the end.
type oktaOfOne struct {
	url string

	mu       sync.Mutex
	status   string
	sessions int
}

func newOkta(t *testing.T) *oktaOfOne {
	t.Helper()
	o := &oktaOfOne{status: "ACTIVE", sessions: 2}
	server := httptest.NewServer(o)
	o.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if status, _ := o.reads(); status != "ACTIVE" {
			t.Errorf("in the end she is %s in Okta, want ACTIVE", status)
		}
	})
	return o
}

func (o *oktaOfOne) reads() (status string, sessions int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.status, o.sessions
}

func (o *oktaOfOne) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.Header.Get("Authorization") != "SSWS "+oktaToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) } // a client that has gone needs no answer
	who, what, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/v1/users/"), "/")
	switch call := r.Method + " " + what; {
	case call == "GET " && who == "me":
		answer(map[string]any{"id": "00u9", "status": "ACTIVE", "profile": map[string]any{"login": "bot@example.com"}})
	case who != "00u1" && who != "grace@example.com":
		w.WriteHeader(http.StatusNotFound)
		answer(map[string]any{"errorCode": "E0000007", "errorSummary": "Not found"})
	case call == "GET ":
		answer(map[string]any{"id": "00u1", "status": o.status, "profile": map[string]any{"login": "grace@example.com"}})
	case call == "GET roles":
		answer([]any{})
	case call == "POST lifecycle/suspend" && o.status == "ACTIVE":
		o.status = "SUSPENDED"
	case call == "POST lifecycle/unsuspend" && o.status == "SUSPENDED":
		o.status = "ACTIVE"
	case call == "DELETE sessions" && r.URL.Query().Get("oauthTokens") == "true":
		o.sessions = 0
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusBadRequest)
		answer(map[string]any{"errorCode": "E0000001", "errorSummary": "Api validation failed"})
	}
}
