package ec2_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// Whichever change loses its answer, in the step and in its undo: the outcome is
// unknown, or right, and the next attempt ends as one clean run does.
func testLostAnswerOfEveryChange(t *testing.T, moto *awstest.Emulator) {
	allow := map[string]any{"allow_cidrs": []string{"10.9.0.0/24"}, "allow_prefix_lists": []string{"pl-63a5400a"}}
	both := func(more map[string]any) map[string]any {
		for name, value := range allow {
			more[name] = value
		}
		return more
	}
	for _, test := range []struct {
		name, action string
		with         map[string]any
		changes      []string // in the order in which they come
		undo         []string
	}{
		{"two steps", isolate, both(map[string]any{"mode": "sg_two_step", "open_for": "1ms"}),
			[]string{"CreateSecurityGroup", "RevokeSecurityGroupEgress", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "ModifyNetworkInterfaceAttribute", "DeleteSecurityGroup", "CreateTags"},
			[]string{"ModifyNetworkInterfaceAttribute", "DeleteSecurityGroup", "DeleteTags"}},
		{"address", isolate, map[string]any{"mode": "eip"}, []string{"DisassociateAddress"}, []string{"AssociateAddress"}},
		{"protect", "aws.ec2.protect_instance", map[string]any{"stop_protection": true}, []string{"ModifyInstanceAttribute"}, []string{"ModifyInstanceAttribute"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t, moto).withAddress(t)
			before := h.Snapshot(t)
			clean := h.step(t, test.action, test.with).Plan().Execute()
			after := groupsNamed(h.Snapshot(t))
			clean.Is(actions.Verified, "")
			clean.Undo()
			if got := h.Snapshot(t); got != before {
				t.Fatalf("the undo is not exact\nbefore: %s\nafter:  %s", before, got)
			}
			for _, operation := range test.changes {
				s := h.step(t, test.action, test.with).Plan()
				h.Proxy.DropAfterEffect("ec2:"+operation, awstest.EveryAttempt)
				if _, err := s.Handler.Execute(t.Context(), s.Call, s.Params); err != nil {
					if class := actions.ClassOf(err); class != actions.Unknown {
						t.Errorf("%s: got class %s (%v)", operation, class, err)
					}
				}
				h.Proxy.Heal()
				s.Execute().Is(actions.Verified, "")
				if got := groupsNamed(h.Snapshot(t)); got != after {
					t.Errorf("%s\nclean: %s\nhere:  %s", operation, after, got)
				}
				s.Undo()
			}
			for _, operation := range test.undo {
				s := h.step(t, test.action, test.with).Plan().Execute()
				h.Proxy.DropAfterEffect("ec2:"+operation, awstest.EveryAttempt)
				if err := s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result); err == nil || actions.ClassOf(err) != actions.Unknown {
					t.Errorf("undo, %s: got error %v", operation, err)
				}
				h.Proxy.Heal()
				s.Undo()
				if got := h.Snapshot(t); got != before {
					t.Errorf("undo, %s\nbefore: %s\nafter:  %s", operation, before, got)
				}
			}
		})
	}
}

// groupsNamed takes from a snapshot the ids of groups that a step makes, which differ
// from run to run.
func groupsNamed(snapshot string) string {
	for line := range strings.Lines(snapshot) {
		if words := strings.Fields(line); len(words) > 2 && words[0] == "group" && strings.HasPrefix(words[2], "firebreak-") {
			snapshot = strings.ReplaceAll(snapshot, words[1], "["+words[2]+"]")
		}
	}
	lines := strings.Split(snapshot, "\n")
	return strings.Join(sorted(lines), "\n")
}

// A part of the interfaces fails: the others are cut all the same, and the
// outcome is open.
func testOneInterfaceThatFails(t *testing.T, moto *awstest.Emulator) {
	h := newHost(t, moto)
	s := h.step(t, isolate, nil).Plan()
	h.Proxy.BreakAfterEffect("ec2:ModifyNetworkInterfaceAttribute", 1, 403, "UnauthorizedOperation")
	_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
	awstest.Fails(t, err, actions.Unknown, "eni-", "UnauthorizedOperation")
	if got := h.Proxy.Count("ec2:ModifyNetworkInterfaceAttribute"); got != 4 {
		t.Errorf("got %d calls, want one for the groups and one for the idle timeout of each interface", got)
	}
}

// That the instance cannot be tagged is told, and no reason not to isolate it.
func testTagThatIsRefused(t *testing.T, moto *awstest.Emulator) {
	h := newHost(t, moto)
	s := h.step(t, isolate, nil).Plan()
	h.Proxy.Refuse("ec2:CreateTags", 403, "UnauthorizedOperation")
	s.Execute().Is(actions.Verified, "")
	if !strings.Contains(string(s.Result), `"tagged":false`) {
		t.Errorf("got result %s", s.Result)
	}
	s.Undo()
}

// State of another step is refused: an undo must not guess.
func testForeignStateIsRefused(t *testing.T, moto *awstest.Emulator) {
	h := newHost(t, moto)
	isolated := h.step(t, isolate, nil).Plan()
	protected := h.step(t, "aws.ec2.protect_instance", nil).Plan()
	restored := h.step(t, "aws.ec2.restore_instance", map[string]any{"interfaces": []any{map[string]any{"interface_id": h.cards[0], "groups": []string{h.web}}}})
	states := [][]byte{isolated.Call.State, protected.Call.State, isolated.Call.State}
	for i, s := range []*awstest.Step{protected, restored, h.step(t, isolate, map[string]any{"mode": "eip"})} {
		for _, state := range [][]byte{states[i], nil} {
			s.Call.State = state
			_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
			awstest.Fails(t, err, actions.Precondition)
			awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, nil), actions.Precondition)
		}
	}
}

// What this step does not own is not taken back: a volume attached since the
// plan is seen, stop protection that was not asked for is left.
func testProtectionOwnsWhatItChanged(t *testing.T, moto *awstest.Emulator) {
	h := newHost(t, moto)
	s := h.step(t, "aws.ec2.protect_instance", nil).Plan().Execute()
	s.Is(actions.Verified, "its 2 volumes are kept")
	h.protectFromStop(t)
	s.Is(actions.Verified, "")
	s.Undo()
	if !strings.Contains(h.Snapshot(t), "keep=false nostop=true") {
		t.Errorf("stop protection is not left alone:\n%s", h.Snapshot(t))
	}
	first := h.Proxy.Calls()
	for _, call := range first {
		if call.Operation == "ec2:ModifyInstanceAttribute" {
			if got := call.Form.Get("InstanceInitiatedShutdownBehavior.Value"); got != "stop" {
				t.Errorf("the first change is not that of the shutdown behavior: %v", call.Form)
			}
			break
		}
	}
	h.unkeep(t)
	s.Execute()
	h.unkeep(t)
	s.Is(actions.NotVerified, "is deleted with the instance")
}

// The rights that are declared are those that are used.
func testPermissionsAreExact(t *testing.T, moto *awstest.Emulator) {
	at := func(action string, ways []awstest.Way, with map[string]any, prepare func(t *testing.T, h host, with map[string]any)) []awstest.Way {
		return append(ways, func(t *testing.T, w *awstest.World) map[string]any {
			h := makeHost(t, w).withAddress(t)
			all := map[string]any{"instance_id": h.id}
			for name, value := range with {
				all[name] = value
			}
			if prepare != nil {
				prepare(t, h, all)
			}
			return all
		})
	}
	var isolated, restored, protected []awstest.Way
	isolated = at(isolate, isolated, map[string]any{"mode": "sg_two_step", "open_for": "1ms", "allow_cidrs": []string{"10.9.0.0/24"}, "allow_prefix_lists": []string{"pl-63a5400a"}}, func(t *testing.T, h host, _ map[string]any) {
		h.tag(t, "firebreak:incident", "INC-9")
	})
	isolated = at(isolate, isolated, map[string]any{"mode": "eip"}, func(t *testing.T, h host, _ map[string]any) {
		h.step(t, isolate, nil).Plan().Execute()
		h.open(t, *h.group(t, "firebreak-quarantine").GroupId)
	})
	restored = at("aws.ec2.restore_instance", restored, nil, func(t *testing.T, h host, with map[string]any) {
		with["interfaces"] = h.interfaces(t, h.step(t, isolate, map[string]any{"mode": "eip"}).Plan().Execute())
	})
	protected = at("aws.ec2.protect_instance", protected, map[string]any{"stop_protection": true}, nil)
	ways := map[string][]awstest.Way{isolate: isolated, "aws.ec2.restore_instance": restored, "aws.ec2.protect_instance": protected}
	awstest.ExactRights(t, moto, func(w *awstest.World) *actions.Registry { return awstest.Only(registry(w), ways) }, ways)

	// The rights of the others are shown elsewhere; none is left out.
	all := slices.Concat(slices.Collect(maps.Keys(ways)), slices.Collect(maps.Keys(aroundWays())), slices.Collect(maps.Keys(copyWays())))
	slices.Sort(all)
	if diff := cmp.Diff(registry(moto.World(t)).Names(), all); diff != "" {
		t.Errorf("actions -, with ways +\n%s", diff)
	}
}
