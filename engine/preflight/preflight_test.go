package preflight_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/plan"
	"github.com/firebreak-ir/firebreak/engine/preflight"
	"github.com/firebreak-ir/firebreak/runbooks/iampolicy"
)

var key = map[string]any{"key": "AKIA1"}

const allReady = `ready | roles | role/fb/preflight
ready | roles | role/fb/contain
ready | roles | role/fb/evidence
ready | roles | role/fb/release
ready | owner | plan
ready | owner | rights for preflight
ready | halt | plan
ready | halt | approval
ready | halt | rights for preflight
ready | halt | rights for contain
ready | halt | rights for release
unknown | others | plan | it would be skipped now: its condition is false
ready | others | rights for preflight
ready | others | rights for contain
ready | others | rights for release
ready | call | plan
unknown | after | plan | not planned: whether and with what it runs is known only when the run is there
ready | after | rights for preflight
`

func TestReady(t *testing.T) {
	w := newWorld()
	r := w.look(t, key)
	if diff := cmp.Diff(allReady, short(r)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if r.Readiness != actions.ReadyUnknown || !r.Planned {
		t.Errorf("got %s, planned %v", r.Readiness, r.Planned)
	}
	// The resources are those that the plan has read, and * only for what it did not.
	want := map[string]int{"iam:Stop arn:aws:iam::111122223333:user/svc": 1, "iam:Stop arn:aws:iam::111122223333:user/*/svc": 1, "iam:Stop arn:aws:iam::111122223333:user/*": 1}
	if diff := cmp.Diff(want, w.asked["arn:aws:iam::111122223333:role/fb/contain"]); diff != "" {
		t.Errorf("asked: want -, got +\n%s", diff)
	}
	if got := w.with["iam:Start arn:aws:iam::111122223333:user/svc"]; got["StringEquals"]["aws:ResourceTag/firebreak:managed"] == nil {
		t.Errorf("asked without the conditions: %v", got)
	}
}

func TestOneThingIsWrong(t *testing.T) {
	const svc, other, general = "iam:Stop arn:aws:iam::111122223333:user/svc", "iam:Stop arn:aws:iam::111122223333:user/*/svc", "iam:Stop arn:aws:iam::111122223333:user/*"
	no := preflight.Ruling{}
	for _, test := range []struct {
		name  string
		world func(w *world)
		lines []string // that must be there; more may be
		worst actions.Readiness
	}{
		{"a role that cannot be assumed", func(w *world) { w.locked[iampolicy.Release] = errDenied },
			[]string{"not_ready | roles | role/fb/release | sts:AssumeRole: AccessDenied; needed for release", "ready | halt | rights for release"}, actions.NotReady},
		{"AWS does not answer", func(w *world) { w.locked[iampolicy.Release] = errSlow }, []string{"unknown | roles | role/fb/release | iam:Look: Throttling; needed for release"}, actions.ReadyUnknown},
		{"nobody knows who we are", func(w *world) { w.holders[iampolicy.Contain], w.locked[iampolicy.Contain] = "", errDenied },
			[]string{"not_ready | roles | identity | sts:AssumeRole: AccessDenied; needed for contain", "unknown | halt | rights for contain | nobody knows who does it; see the identity above"}, actions.NotReady},
		{"a right that nobody allows", func(w *world) { w.rulings["iam:Start"] = no },
			[]string{"not_ready | halt | iam:Start for release | release may not do it on user/svc: no policy of it allows that", "unknown | others | iam:Start for release | release may not do it on user/* in general; whether on what the run will name is known only then"}, actions.NotReady},
		{"a right without resources", func(w *world) { w.rulings["iam:Look *"] = no }, []string{"not_ready | owner | iam:Look for preflight | preflight may not do it on *: no policy of it allows that"}, actions.NotReady},
		{"a right that is denied", func(w *world) { w.rulings[general] = preflight.Ruling{Denied: true, By: []string{"never line 3"}} },
			[]string{"ready | halt | rights for contain", "not_ready | others | iam:Stop for contain | contain may not do it on user/*: it is denied by never line 3"}, actions.NotReady},
		{"denied from above", func(w *world) {
			w.rulings[svc] = preflight.Ruling{Denied: true, Above: []string{"a policy of the organization"}}
		},
			[]string{"not_ready | halt | iam:Stop for contain | contain may not do it on user/svc: it is denied by a policy of the organization"}, actions.NotReady},
		{"held by a boundary", func(w *world) {
			w.rulings[svc] = preflight.Ruling{By: []string{"may line 1"}, Above: []string{"the permissions boundary"}}
			w.rulings[other] = w.rulings[svc]
		}, []string{"not_ready | halt | iam:Stop for contain | contain may not do it on user/svc: the permissions boundary must allow it as well"}, actions.NotReady},
		{"allowed on what has a path", func(w *world) { w.rulings[svc] = no }, []string{"unknown | halt | iam:Stop for contain | contain may not do it on user/svc; on one with a path it is allowed"}, actions.ReadyUnknown},
		{"allowed on what has none", func(w *world) { w.rulings[other] = no }, []string{"unknown | halt | iam:Stop for contain | contain may not do it on user/*/svc; on one without a path it is allowed"}, actions.ReadyUnknown},
		{"what conditions look at is not known", func(w *world) { w.rulings[svc] = preflight.Ruling{Missing: []string{"aws:SourceVpc"}} },
			[]string{"unknown | halt | iam:Stop for contain | contain may not do it on user/svc as far as IAM can tell: policies look at aws:SourceVpc, which is known only when the run is there"}, actions.ReadyUnknown},
		{"what our own denies look at", func(w *world) {
			w.rulings["iam:Stop"] = preflight.Ruling{Missing: []string{"aws:ResourceTag/firebreak:managed", "s3:object-lock-legal-hold"}}
		}, []string{"not_ready | halt | iam:Stop for contain | contain may not do it on user/svc: no policy of it allows that"}, actions.NotReady},
		{"IAM may not be asked", func(w *world) { w.rulings["iam:Stop"] = preflight.Ruling{Err: errDenied} },
			[]string{"unknown | roles | rights of role/fb/contain | 3 of 3 could not be found out: sts:AssumeRole: AccessDenied", "unknown | halt | rights for contain | 1 of 1 could not be found out; see the rights of contain above"}, actions.ReadyUnknown},
		{"a read that is refused", func(w *world) { w.broken["aws.lookup"] = errDenied },
			[]string{"not_ready | owner | plan | sts:AssumeRole: AccessDenied", "unknown | halt | plan | known only when the run is there: steps.owner.outputs.user"}, actions.NotReady},
		{"a read without an answer", func(w *world) { w.broken["aws.lookup"] = errSlow }, []string{"unknown | owner | plan | iam:Look: Throttling"}, actions.ReadyUnknown},
		{"a plan that fails", func(w *world) {
			w.broken["aws.stop"] = &actions.Error{Class: actions.Precondition, Op: "stop", Err: errors.New("it is our own")}
		},
			[]string{"not_ready | halt | plan | stop: it is our own"}, actions.NotReady},
		{"a dry run", func(w *world) {
			w.checks = []actions.Check{{Name: "dry run", Readiness: actions.NotReady, Detail: "UnauthorizedOperation"}}
		},
			[]string{"ready | halt | plan", "not_ready | halt | dry run | UnauthorizedOperation"}, actions.NotReady},
		{"checks that cannot be made", func(w *world) { w.refused = errSlow }, []string{"unknown | halt | plan | iam:Look: Throttling"}, actions.ReadyUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			test.world(w)
			r := w.look(t, key)
			for _, line := range test.lines {
				if !slices.Contains(strings.Split(short(r), "\n"), line) {
					t.Errorf("there is no line\n%s\nin\n%s", line, short(r))
				}
			}
			if r.Readiness != test.worst {
				t.Errorf("got %s, want %s", r.Readiness, test.worst)
			}
			for _, s := range r.Steps {
				for _, c := range s.Checks {
					if c.Readiness == actions.NotReady && s.Readiness != actions.NotReady {
						t.Errorf("step %s is %s, although: %+v", s.ID, s.Readiness, c)
					}
				}
			}
		})
	}
}

// Too few people are found out before, too.
func TestApproval(t *testing.T) {
	w := newWorld()
	req := w.request(load(t, w, story), key)
	req.Plan.Members = func([]string) []string { return []string{"alice"} }
	r, err := preflight.Make(t.Context(), req, noon)
	if err != nil {
		t.Fatal(err)
	}
	if want := "not_ready | halt | approval | it needs 1 and 0 can\n"; !strings.Contains(short(r), want) || r.Readiness != actions.NotReady {
		t.Errorf("got %s", short(r))
	}
}

// Nobody asks for dry runs by asking for a plan.
func TestPlanAlone(t *testing.T) {
	w := newWorld()
	w.checks = []actions.Check{{Name: "dry run", Readiness: actions.Ready}}
	made, err := plan.Make(t.Context(), w.request(load(t, w, story), key).Plan, w.registry(), noon)
	if err != nil {
		t.Fatal(err)
	}
	for s := range made.All() {
		if len(s.Checks) > 0 {
			t.Errorf("step %s has %+v", s.ID, s.Checks)
		}
	}
}

// A loop is looked at item by item, and its rights with all of them.
func TestLoop(t *testing.T) {
	w := newWorld()
	w.owner = "root"
	r := w.look(t, map[string]any{"key": "AKIA1", "more": []any{"ann", "ben"}})
	for _, want := range []string{"ready | others | plan of others.1\n", "ready | others | plan of others.2\n"} {
		if !strings.Contains(short(r), want) {
			t.Errorf("there is no %q in\n%s", want, short(r))
		}
	}
	for _, user := range []string{"root", "ann", "ben"} {
		if n := w.asked["arn:aws:iam::111122223333:role/fb/contain"]["iam:Stop arn:aws:iam::111122223333:user/"+user]; n != 1 {
			t.Errorf("iam:Stop on %s was asked %d times", user, n)
		}
	}
}

func TestWithoutInputs(t *testing.T) {
	w := newWorld()
	r := w.look(t, nil)
	if r.Planned || !strings.Contains(strings.Join(r.Notes, " "), "give the inputs as NAME=VALUE: key: is missing") {
		t.Errorf("planned %v, notes %q", r.Planned, r.Notes)
	}
	if want := "unknown | halt | plan | not planned: inputs are missing\nready | halt | rights for preflight\n"; !strings.Contains(short(r), want) {
		t.Errorf("got %s", short(r))
	}
	if n := w.asked["arn:aws:iam::111122223333:role/fb/contain"]["iam:Stop arn:aws:iam::111122223333:user/*"]; n != 1 {
		t.Errorf("got %v", w.asked)
	}
}

// What needs nothing of AWS asks nobody.
func TestWithoutAWS(t *testing.T) {
	w := newWorld()
	src := story[:strings.Index(story, "steps:")] + "steps:\n  - {id: call, manual: {instructions: \"Call them\"}}\n"
	r, err := preflight.Make(t.Context(), w.request(load(t, w, src), key), noon)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.asked) > 0 || len(r.Roles) > 0 || r.Readiness != actions.Ready {
		t.Errorf("asked %v, got %s %s", w.asked, r.Readiness, short(r))
	}
}

func TestOneIdentity(t *testing.T) {
	w := newWorld()
	for _, duty := range iampolicy.Phases() {
		w.holders[duty] = "arn:aws:iam::111122223333:user/fb"
	}
	r := w.look(t, key)
	if len(r.Roles) != 1 || r.Roles[0].Detail != "can be used for preflight, contain, evidence, release" {
		t.Errorf("got %+v", r.Roles)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld()
	req := w.request(load(t, w, story), nil)
	req.Plan.Environment.Name = "staging"
	_, err := preflight.Make(t.Context(), req, noon)
	if refusal, ok := errors.AsType[*engine.Refusal](err); !ok || refusal.Code != engine.WrongPlace {
		t.Errorf("another environment: got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := preflight.Make(ctx, w.request(load(t, w, story), nil), noon); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: got %v", err)
	}
}

func TestText(t *testing.T) {
	w := newWorld()
	w.rulings["iam:Start"] = preflight.Ruling{}
	w.checks = []actions.Check{{Name: "dry run", Readiness: actions.Ready, Detail: "steers\x1b[2J\na terminal"}}
	r := w.look(t, key)
	var plain, colored bytes.Buffer
	if err := errors.Join(r.Text(&plain, false), r.Text(&colored, true)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Preflight of leak in prod, 2026-11-22T12:00:00Z\n",
		"NOT READY  halt    iam:Start for release: release may not do it on arn:aws:iam::111122223333:user/svc: no policy of it allows that\n",
		"                   next: allow it to release; firebreak iam-policy leak --phase release writes the policy\n",
		"ready      halt    dry run: steers<U+001B>[2J a terminal\n",
		"\n2 of 5 steps are ready, 1 NOT READY, 2 unknown. Nothing was changed.\n",
	} {
		if !strings.Contains(plain.String(), want) {
			t.Errorf("there is no %q in\n%s", want, plain.String())
		}
	}
	if strings.Contains(plain.String(), "\x1b") || !strings.Contains(colored.String(), "\x1b[31mNOT READY\x1b[0m") || strings.Contains(colored.String(), "\x1b[2J") {
		t.Errorf("got colors %q", colored.String())
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Steps []struct {
			Checks []struct{ Name, Readiness, Next string }
		}
	}
	if err := json.Unmarshal(data, &back); err != nil || back.Steps[0].Checks[0].Readiness != "ready" {
		t.Errorf("got %s, error %v", data, err)
	}
}

// A way for the worst night that is none is found out before it.
func TestBreakGlass(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		change     func(r *preflight.Request)
		worst      actions.Readiness
	}{
		{"somebody can", "ready | halt | break-glass\n", nil, actions.Ready},
		{"nobody has a key", "not_ready | halt | break-glass | nobody can break the glass: it needs one of group:leads with a key to sign with\n",
			func(r *preflight.Request) { r.Plan.Signs = func(string) bool { return false } }, actions.NotReady},
		{"nobody is left to review", "not_ready | halt | break-glass | nobody is left to review it after bob\n", func(r *preflight.Request) {
			r.Plan.Members = func([]string) []string { return []string{"alice", "bob"} }
		}, actions.NotReady},
		{"nobody knows", "unknown | halt | break-glass | nobody knows who can break the glass\n", func(r *preflight.Request) { r.Plan.Members = nil }, actions.ReadyUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			src := strings.Replace(story, "approval: {from: [group:leads], quorum: 1}", "approval: {from: [group:leads], quorum: 1, break_glass: {by: [group:leads], review: [group:ciso]}}", 1)
			req := w.request(load(t, w, src), key)
			req.Plan.Members = func(from []string) []string {
				if slices.Contains(from, "group:ciso") {
					return []string{"alice", "bob", "carol"}
				}
				return []string{"alice", "bob"}
			}
			if tt.change != nil {
				tt.change(&req)
			}
			r, err := preflight.Make(t.Context(), req, noon)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(short(r), tt.want) {
				t.Errorf("got %s", short(r))
			}
			if i := slices.IndexFunc(r.Steps, func(s preflight.Step) bool { return s.ID == "halt" }); i < 0 || r.Steps[i].Readiness != tt.worst {
				t.Errorf("got %+v", r.Steps)
			}
		})
	}
}
