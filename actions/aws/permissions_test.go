package aws_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
)

// TestPermissionsAreExact plays every action through all its ways and compares
// what it called in each phase with what it declares, in both directions.
// sts:GetCallerIdentity needs no permission.
func TestPermissionsAreExact(t *testing.T) {
	const key = "AKIAIOSFODNN7EXAMPLE"
	users := map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/ci-deploy"}
	roles := map[string]any{"principal_arn": "arn:aws:iam::111122223333:role/web"}
	for name, variants := range map[string][]struct {
		with   map[string]any
		before string // an inline policy under our name, before the step
	}{
		"aws.iam.lookup_access_key":     {{with: map[string]any{"access_key_id": key}}},
		"aws.iam.deactivate_access_key": {{with: map[string]any{"access_key_id": key}}},
		"aws.iam.quarantine_principal":  {{with: users}, {with: roles}, {users, allowS3}, {roles, allowS3}},
		"aws.iam.revoke_sessions":       {{with: map[string]any{"role": "web"}}, {map[string]any{"role": "web"}, allowS3}},
	} {
		t.Run(name, func(t *testing.T) {
			used := map[actions.Phase][]string{}
			var spec actions.Spec
			for _, variant := range variants {
				cloud := newCloud(t, awsfake.Options{})
				cloud.AddUser("ci-deploy")
				cloud.AddAccessKey("ci-deploy", key, "x")
				cloud.AddRole(cloud.Account(), "web", "")
				cloud.SetInlinePolicy("user", "ci-deploy", "own", allowS3)
				cloud.SetInlinePolicy("role", "web", "own", allowS3)
				if variant.before != "" {
					cloud.SetInlinePolicy("user", "ci-deploy", quarant, variant.before)
					cloud.SetInlinePolicy("role", "web", quarant, variant.before)
					cloud.SetInlinePolicy("role", "web", revoke, variant.before)
				}
				note := func(phase actions.Phase) {
					for _, call := range cloud.Calls() {
						if call.Operation != "sts:GetCallerIdentity" {
							used[phase] = append(used[phase], call.Operation)
						}
					}
					cloud.ForgetCalls()
				}
				s := newStep(t, registry(cloud), name, variant.with).plan()
				note(actions.PhasePlan)
				s.execute()
				note(actions.PhaseExecute)
				if spec = s.handler.Spec(); spec.CanVerify {
					s.is(actions.Verified, "")
					note(actions.PhaseVerify)
				}
				if spec.CanUndo {
					if _, err := s.handler.PlanUndo(t.Context(), s.call, s.params, s.result); err != nil {
						t.Fatal(err)
					}
					if err := s.handler.Undo(t.Context(), s.call, s.params, s.result); err != nil {
						t.Fatal(err)
					}
					if _, err := s.handler.VerifyUndo(t.Context(), s.call, s.params, s.result); err != nil {
						t.Fatal(err)
					}
					note(actions.PhaseUndo)
				}
			}
			declared := map[actions.Phase][]string{}
			for _, p := range spec.Permissions {
				declared[p.Phase] = append(declared[p.Phase], p.Action)
			}
			for _, lists := range []map[actions.Phase][]string{declared, used} {
				for phase, list := range lists {
					slices.Sort(list)
					lists[phase] = slices.Compact(list)
				}
			}
			if diff := cmp.Diff(declared, used); diff != "" {
				t.Errorf("declared -, used +\n%s", diff)
			}
		})
	}
}
