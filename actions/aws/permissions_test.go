package aws_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// way is one way through an action: the world it finds decides which calls it
// makes. The way gives its parameters.
type way func(t *testing.T, w *awstest.World) map[string]any

// waysOf lists, for every action, ways that together use every right it
// declares. There is no list of exceptions: a right that no way uses is not
// needed.
func waysOf() map[string][]way {
	key := func(name string) way {
		return func(t *testing.T, w *awstest.World) map[string]any {
			w.User(t, "/team/", "ci-deploy")
			id, _ := w.AccessKey(t, "ci-deploy")
			with := map[string]any{"access_key_id": id}
			if name != "" {
				with["user"] = name
			}
			return with
		}
	}
	principal := func(kind, before string) way {
		return func(t *testing.T, w *awstest.World) map[string]any {
			arn := ""
			if kind == "user" {
				arn = w.User(t, "/team/", "victim")
			} else {
				arn = w.Role(t, "/apps/", "victim")
			}
			w.PutPolicy(t, kind, "victim", "own", allowS3)
			if before != "" {
				w.PutPolicy(t, kind, "victim", quarant, before)
			}
			return map[string]any{"principal_arn": arn}
		}
	}
	sessions := func(with map[string]any, before string) way {
		return func(t *testing.T, w *awstest.World) map[string]any {
			arn := w.Role(t, "/apps/", "web")
			if before != "" {
				w.PutPolicy(t, "role", "web", revoke, before)
			}
			if with == nil {
				return map[string]any{"role": arn}
			}
			return with
		}
	}
	return map[string][]way{
		"aws.iam.lookup_access_key":     {key("")},
		"aws.iam.deactivate_access_key": {key(""), key("ci-deploy")},
		"aws.iam.quarantine_principal":  {principal("user", ""), principal("role", ""), principal("user", allowS3), principal("role", allowS3)},
		"aws.iam.revoke_sessions": {
			sessions(nil, ""), sessions(nil, allowS3), sessions(map[string]any{"role": "web"}, ""),
			sessions(map[string]any{"role": "web", "scope": "instance", "value": "i-0abc1234def567890"}, ""),
		},
	}
}

// right is one right in one phase.
type right struct {
	Phase  actions.Phase
	Action string
}

// TestPermissionsAreExact plays every action through all its ways, behind a
// proxy that records, and compares what it called in each phase with what it
// declares, in both directions. What a call was about has to fit the resource
// of a row. sts:GetCallerIdentity needs no right.
func TestPermissionsAreExact(t *testing.T) {
	hermetic(t)
	for _, emulator := range awstest.Start(t) {
		t.Run(emulator.Name, func(t *testing.T) {
			ways := waysOf()
			for _, name := range provider(emulator.World(t)).Names() {
				if len(ways[name]) == 0 {
					t.Errorf("there is no way for %s; add ways that use every right it declares", name)
				}
				t.Run(name, func(t *testing.T) {
					var used []right
					var spec actions.Spec
					for _, way := range ways[name] {
						w := emulator.World(t)
						s := newStep(t, provider(w), name, way(t, w))
						spec = s.handler.Spec()
						s.live(w, func(phase actions.Phase, call awstest.Call) {
							used = append(used, right{phase, call.Operation})
							fitsRow(t, spec, phase, call.Operation, w.Resource(t, call))
						})
					}
					var declared []right
					for _, p := range spec.Permissions {
						declared = append(declared, right{p.Phase, p.Action})
					}
					if diff := cmp.Diff(set(declared), set(used)); diff != "" {
						t.Errorf("declared -, used +\n%s", diff)
					}
				})
			}
		})
	}
}

// TestRightToPutTheDenyAgain provokes the one branch that no ordinary life takes.
func TestRightToPutTheDenyAgain(t *testing.T) {
	hermetic(t)
	w := awstest.Fake(awsfake.Options{}).World(t)
	arn := w.Role(t, "/", "victim")
	s := newStep(t, provider(w), "aws.iam.quarantine_principal", map[string]any{"principal_arn": arn}).plan()
	w.Proxy.Forget()
	hold := w.Proxy.HoldCall("iam:GetRolePolicy")
	ended := make(chan error, 1)
	go func() {
		_, err := s.handler.Execute(s.Context(), s.call, s.params)
		ended <- err
	}()
	<-hold.Reached()
	w.DeletePolicy(t, "role", "victim", quarant)
	hold.Release()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := w.Proxy.Count("iam:PutRolePolicy"); n < 2 {
		t.Errorf("the deny was put %d times, so this shows nothing", n)
	}
	for _, call := range w.Proxy.Calls() {
		if call.Operation == "sts:GetCallerIdentity" {
			continue
		}
		fitsRow(t, s.handler.Spec(), actions.PhaseExecute, call.Operation, w.Resource(t, call))
	}
}

// live plays the whole life of a step and tells each call.
func (s *step) live(w *awstest.World, tell func(actions.Phase, awstest.Call)) {
	s.Helper()
	note := func(phase actions.Phase) {
		for _, call := range w.Proxy.Calls() {
			if call.Operation != "sts:GetCallerIdentity" {
				tell(phase, call)
			}
		}
		w.Proxy.Forget()
	}
	w.Proxy.Forget()
	s.plan()
	note(actions.PhasePlan)
	s.execute()
	spec := s.handler.Spec()
	if spec.CanProbe {
		if _, _, err := s.handler.Probe(s.Context(), s.call, s.params); err != nil {
			s.Fatal(err)
		}
	}
	note(actions.PhaseExecute)
	if spec.CanVerify {
		s.is(actions.Verified, "")
		note(actions.PhaseVerify)
	}
	if !spec.CanUndo {
		return
	}
	if _, err := s.handler.PlanUndo(s.Context(), s.call, s.params, s.result); err != nil {
		s.Fatal(err)
	}
	if err := s.handler.Undo(s.Context(), s.call, s.params, s.result); err != nil {
		s.Fatal(err)
	}
	if reading, err := s.handler.VerifyUndo(s.Context(), s.call, s.params, s.result); err != nil || reading.Verdict != actions.Verified {
		s.Fatalf("after the undo: got %+v, error %v", reading, err)
	}
	note(actions.PhaseUndo)
}

var anything = regexp.MustCompile(`\{[a-z_]+\}`)

// fitsRow checks that a row of this phase is about what was called.
func fitsRow(t *testing.T, spec actions.Spec, phase actions.Phase, action, resource string) {
	t.Helper()
	for _, p := range spec.Permissions {
		if p.Phase == phase && p.Action == action && awstest.Like(anything.ReplaceAllString(p.Resource, "*"), resource) {
			return
		}
	}
	t.Errorf("%s called %s on %s to %s, which it does not declare", spec.Name, action, resource, phase)
}

func set(rights []right) []right {
	slices.SortFunc(rights, func(a, b right) int {
		if n := slices.Index(actions.Phases(), a.Phase) - slices.Index(actions.Phases(), b.Phase); n != 0 {
			return n
		}
		return slices.Compare([]string{a.Action}, []string{b.Action})
	})
	return slices.Compact(rights)
}
