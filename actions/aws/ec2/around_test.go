package ec2_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/ec2"
)

// motoAroundIsWrong lists where moto differs from AWS in what stands around
// instances, and what the tests do about it.
func motoAroundIsWrong() []string {
	return []string{
		"CreateNetworkAcl ignores its client token and its dry run: the ACL is found by its tags, and the call is sent once",
		"a new network ACL has no entries; AWS shows the last ones, that deny: they are left out of every comparison",
		"ReplaceNetworkAclAssociation answers 500 for an association that is gone; it is read again by its subnet before every change",
		"ReplaceIamInstanceProfileAssociation keeps the id of the association, AWS gives another one; the instance itself goes on to show the old profile",
		"EnterStandby and DetachInstances accept a desired capacity below the minimum, and lower it again for an instance that has left: we check both before",
		"an instance that enters or leaves standby, its group and its targets change at once: EnteringStandby, Pending and draining are answered by the proxy",
		"DeregisterTargets of a target that is out is InvalidTarget; AWS accepts it: we leave it out",
		"a target group knows a target by its id alone, so that two ports of one instance cannot be told apart, and it drops zones: both are answered by the proxy",
		"StopInstances ignores SkipOsShutdown, and states change at once: what was sent is looked at, and stopping is answered by the proxy",
		"an instance in standby counts as no instance in AttachInstances' arithmetic of capacity: groups here have none when one is attached",
	}
}

// around gives the actions against a world.
func around(w *awstest.World) *actions.Registry {
	r := actions.NewRegistry()
	ec2.Register(r, w.Cloud())
	return r
}

// scene is one action in a world of its own, and how somebody else undoes it.
type scene struct {
	name    string
	action  string
	changes []string // the calls that execute makes
	undoes  []string // the calls that undo makes
	variant bool     // of another scene: the suite does not play it
	make    func(t *testing.T, w *awstest.World) (with map[string]any, disturb func(t *testing.T))
}

func scenes() []scene {
	return []scene{
		{"replace", "aws.ec2.revoke_instance_role", []string{"ec2:ReplaceIamInstanceProfileAssociation", "iam:PutRolePolicy"}, []string{"iam:DeleteRolePolicy", "ec2:ReplaceIamInstanceProfileAssociation"}, false, withRole("replace")},
		{"remove", "aws.ec2.revoke_instance_role", []string{"ec2:DisassociateIamInstanceProfile", "iam:PutRolePolicy"}, []string{"iam:DeleteRolePolicy", "ec2:AssociateIamInstanceProfile"}, true, withRole("remove")},
		{"stop", "aws.ec2.stop_instance", []string{"ec2:StopInstances"}, []string{"ec2:StartInstances"}, false, func(t *testing.T, w *awstest.World) (map[string]any, func(*testing.T)) {
			id := w.Instance(t, awstest.Machine{Subnet: w.Subnet(t, w.VPC(t), 0)})
			return map[string]any{"instance_id": id, "memory": "captured", "reason": "s3://evidence/INC-12/R1/memory"}, func(t *testing.T) { w.SetRunning(t, id, true) }
		}},
		{"subnet", "aws.ec2.isolate_subnet", []string{"ec2:CreateNetworkAcl", "ec2:ReplaceNetworkAclAssociation"}, []string{"ec2:ReplaceNetworkAclAssociation", "ec2:DeleteNetworkAcl"}, true, withSubnet()},
		{"subnet but", "aws.ec2.isolate_subnet", []string{"ec2:CreateNetworkAcl", "ec2:CreateNetworkAclEntry", "ec2:ReplaceNetworkAclAssociation"}, []string{"ec2:ReplaceNetworkAclAssociation", "ec2:DeleteNetworkAcl"}, false, withSubnet("10.9.0.0/28", "fd00::/64")},
		{"standby", "aws.autoscaling.detach_instance", []string{"autoscaling:EnterStandby"}, []string{"autoscaling:ExitStandby"}, false, withFleet(map[string]any{"mode": "standby"}, false)},
		{"detach", "aws.autoscaling.detach_instance", []string{"autoscaling:DetachInstances"}, []string{"autoscaling:AttachInstances"}, true, withFleet(map[string]any{"mode": "detach"}, false)},
		{"detach protected", "aws.autoscaling.detach_instance", []string{"autoscaling:DetachInstances"}, []string{"autoscaling:AttachInstances", "autoscaling:SetInstanceProtection"}, false, withFleet(map[string]any{"mode": "detach"}, true)},
		{"targets", "aws.elbv2.deregister_targets", []string{"elasticloadbalancing:DeregisterTargets"}, []string{"elasticloadbalancing:RegisterTargets"}, false, withTargets},
	}
}

func withRole(mode string) func(*testing.T, *awstest.World) (map[string]any, func(*testing.T)) {
	return func(t *testing.T, w *awstest.World) (map[string]any, func(*testing.T)) {
		w.Profile(t, "web-profile", "web")
		w.Profile(t, "quarantine-profile", "quarantine")
		subnet := w.Subnet(t, w.VPC(t), 0)
		id := w.Instance(t, awstest.Machine{Subnet: subnet, Profile: "web-profile"})
		w.Instance(t, awstest.Machine{Subnet: subnet, Profile: "web-profile"}) // shares the role, and must not feel it
		with := map[string]any{"instance_id": id, "mode": mode}
		if mode == "replace" {
			with["quarantine_profile"] = "quarantine-profile"
		}
		return with, func(t *testing.T) { w.SetProfile(t, id, "web-profile") }
	}
}

func withSubnet(allow ...string) func(*testing.T, *awstest.World) (map[string]any, func(*testing.T)) {
	return func(t *testing.T, w *awstest.World) (map[string]any, func(*testing.T)) {
		vpc := w.VPC(t)
		subnet := w.Subnet(t, vpc, 0)
		w.Subnet(t, vpc, 1)
		own := w.ACL(t, vpc, map[string]string{"Name": "own"}, 100)
		w.SetACL(t, subnet, own)
		w.Instance(t, awstest.Machine{Subnet: subnet})
		with := map[string]any{"subnet_id": subnet}
		if len(allow) > 0 {
			with["allow"] = allow
		}
		return with, func(t *testing.T) { w.SetACL(t, subnet, own) }
	}
}

func withFleet(with map[string]any, protected bool) func(*testing.T, *awstest.World) (map[string]any, func(*testing.T)) {
	return func(t *testing.T, w *awstest.World) (map[string]any, func(*testing.T)) {
		ids := w.Fleet(t, awstest.Fleet{Name: "web", Subnet: w.Subnet(t, w.VPC(t), 0), Min: 1, Max: 4, Desired: 3})
		if protected {
			w.Protect(t, "web", ids[0], true)
		}
		all := map[string]any{"instance_id": ids[0]}
		for key, value := range with {
			all[key] = value
		}
		return all, func(t *testing.T) {
			if with["mode"] == "standby" {
				w.Standby(t, "web", ids[0], false)
			} else {
				w.Join(t, "web", ids[0])
			}
		}
	}
}

func withTargets(t *testing.T, w *awstest.World) (map[string]any, func(*testing.T)) {
	vpc := w.VPC(t)
	subnet := w.Subnet(t, vpc, 0)
	id := w.Instance(t, awstest.Machine{Subnet: subnet, Interfaces: 2})
	other := w.Instance(t, awstest.Machine{Subnet: subnet})
	web, api := w.TargetGroup(t, vpc, "web", "instance"), w.TargetGroup(t, vpc, "api", "ip")
	w.TargetGroup(t, vpc, "elsewhere", "instance")
	w.Register(t, web, id, 8080)
	w.Register(t, web, other, 8080)
	for i, address := range w.PrivateAddresses(t, id) {
		w.Register(t, api, address, int32(9000+i))
	}
	w.Register(t, api, w.PrivateAddresses(t, other)[0], 9000)
	return map[string]any{"instance_id": id}, func(t *testing.T) { w.Register(t, web, id, 8080) }
}

// TestAround plays the suite for every action, and all else that shares one moto.
func TestAround(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	t.Log("moto is wrong here:\n" + strings.Join(motoAroundIsWrong(), "\n"))
	for _, s := range scenes() {
		if s.variant {
			continue // lostAnswers plays its whole life
		}
		t.Run(s.name, func(t *testing.T) {
			skip := map[string]string{"probe": "each attempt finds by itself what an earlier one did", "lost answer": "scene.faults plays it for every change"}
			actionstest.Run(t, actionstest.Case{Action: s.action, Skip: skip, World: func(t *testing.T) actionstest.World {
				w := moto.World(t)
				with, disturb := s.make(t, w)
				return actionstest.World{Registry: around(w), Params: with, Call: awstest.NewCall(), Snapshot: w.Snapshot, Disturb: disturb,
					Canaries: []string{w.Credentials.SecretAccessKey}}
			}})
		})
	}
	for _, s := range scenes() {
		t.Run("faults "+s.name, func(t *testing.T) { s.faults(t, moto) })
	}
	for _, c := range []struct {
		name string
		test func(*testing.T, *awstest.Emulator)
	}{
		{"never ourselves", neverOurselves}, {"silence", silence}, {"on the way", onTheWay}, {"room", room}, {"left alive", leftAlive}, {"no group", noGroup}, {"stops", stops},
		{"stop in a group", stopInGroup}, {"others' changes", othersChanges}, {"subnets", subnets}, {"roles", roles}, {"targets exactly", targetsExactly},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, moto) })
	}
	t.Run("rights", func(t *testing.T) { awstest.ExactRights(t, moto, mine, aroundWays()) })
}

// attemptsOf is how often the SDK may send a call: twice would be one too many for
// those that AWS cannot tell apart.
func attemptsOf(operation string) int {
	switch operation {
	case "ec2:StopInstances", "ec2:StartInstances", "ec2:DeleteNetworkAcl", "iam:PutRolePolicy", "iam:DeleteRolePolicy",
		"autoscaling:SetInstanceProtection", "elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets":
		return awstest.EveryAttempt
	}
	return 1
}

// mine are the actions of the scenes alone.
func mine(w *awstest.World) *actions.Registry {
	return awstest.Only(around(w), aroundWays())
}

// faults plays the life of a scene again and again in one world: every life ends
// in an undo that has to bring everything back. In each life one change is
// refused, or loses its answer for all attempts of the SDK.
func (s scene) faults(t *testing.T, moto *awstest.Emulator) {
	w := moto.World(t)
	with, _ := s.make(t, w)
	before := w.Snapshot(t)
	same := func(t *testing.T, what, want string) {
		t.Helper()
		if got := w.Snapshot(t); got != want {
			t.Errorf("%s:\nwant %s\ngot  %s", what, want, got)
		}
	}
	t.Run("refused "+s.changes[0], func(t *testing.T) {
		for _, fault := range []struct {
			name  string
			class actions.Class
			set   func(operation string)
		}{
			{"denied", actions.Denied, func(op string) { w.Proxy.Refuse(op, http.StatusForbidden, "UnauthorizedOperation") }},
			{"throttled", actions.Throttled, func(op string) { w.Proxy.Refuse(op, http.StatusBadRequest, "RequestLimitExceeded") }},
			{"gone", actions.NotFound, func(op string) { w.Proxy.Refuse(op, http.StatusBadRequest, "InvalidInstanceID.NotFound") }},
			{"wrong state", actions.Precondition, func(op string) { w.Proxy.Refuse(op, http.StatusBadRequest, "IncorrectState") }},
			{"cut before the effect", actions.Unknown, func(op string) { w.Proxy.DropBeforeEffect(op, awstest.EveryAttempt) }},
		} {
			step := awstest.NewStep(t, around(w), s.action, with).Plan()
			fault.set(s.changes[0])
			_, err := step.Handler.Execute(t.Context(), step.Call, step.Params)
			awstest.Fails(t, err, fault.class)
			w.Proxy.Heal()
			same(t, fault.name+" promises no effect", before)
		}
	})
	for _, operation := range s.changes {
		t.Run("lost answer of "+operation, func(t *testing.T) {
			step := awstest.NewStep(t, around(w), s.action, with).Plan()
			w.Proxy.Forget()
			w.Proxy.DropAfterEffect(operation, awstest.EveryAttempt)
			_, err := step.Handler.Execute(t.Context(), step.Call, step.Params)
			awstest.Fails(t, err, actions.Unknown)
			if got := w.Proxy.Count(operation); got != attemptsOf(operation) {
				t.Errorf("it was sent %d times, want %d", got, attemptsOf(operation))
			}
			w.Proxy.Heal()
			if len(s.changes) == 1 && s.name != "targets" { // which makes one call a group
				inDoubt := w.Snapshot(t)
				step.Execute()
				same(t, "the second attempt changes something more", inDoubt)
			}
			step.Call.Attempt = 2
			step.Execute().Is(actions.Verified, "")
			after := w.Snapshot(t)
			step.Execute()
			same(t, "one more attempt changes something", after)
			step.Undo()
			same(t, "the undo leaves something", before)
		})
	}
	for i, operation := range s.changes {
		if i == 0 {
			continue
		}
		t.Run("refused "+operation, func(t *testing.T) { // after a first change: no promise of no effect
			step := awstest.NewStep(t, around(w), s.action, with).Plan()
			w.Proxy.Refuse(operation, http.StatusForbidden, "UnauthorizedOperation")
			_, err := step.Handler.Execute(t.Context(), step.Call, step.Params)
			awstest.Fails(t, err, actions.Unknown)
			w.Proxy.Heal()
			step.Execute().Is(actions.Verified, "")
			step.Undo()
			same(t, "the undo leaves something", before)
		})
	}
	for _, operation := range s.undoes {
		t.Run("lost answer of undo "+operation, func(t *testing.T) {
			step := awstest.NewStep(t, around(w), s.action, with).Plan().Execute()
			w.Proxy.Forget()
			w.Proxy.DropAfterEffect(operation, awstest.EveryAttempt)
			awstest.Fails(t, step.Handler.Undo(t.Context(), step.Call, step.Params, step.Result), actions.Unknown)
			if got := w.Proxy.Count(operation); got != attemptsOf(operation) {
				t.Errorf("it was sent %d times, want %d", got, attemptsOf(operation))
			}
			w.Proxy.Heal()
			step.Undo()
			same(t, "the undo leaves something", before)
		})
	}
}

// aroundWays use every right that the actions declare.
func aroundWays() map[string][]awstest.Way {
	ways := map[string][]awstest.Way{}
	add := func(action string, make func(*testing.T, *awstest.World) (map[string]any, func(*testing.T))) {
		ways[action] = append(ways[action], func(t *testing.T, w *awstest.World) map[string]any {
			with, _ := make(t, w)
			return with
		})
	}
	for _, s := range scenes() {
		add(s.action, s.make)
	}
	// A policy that stood under the name of the deny comes back by PutRolePolicy.
	add("aws.ec2.revoke_instance_role", func(t *testing.T, w *awstest.World) (map[string]any, func(*testing.T)) {
		with, _ := withRole("remove")(t, w)
		earlier := awstest.NewStep(t, around(w), "aws.ec2.revoke_instance_role", with).Plan().Execute()
		var made struct {
			PolicyName string `json:"policy_name"`
		}
		if err := json.Unmarshal(earlier.Result, &made); err != nil {
			t.Fatal(err)
		}
		earlier.Undo()
		w.PutPolicy(t, "role", "web", made.PolicyName, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
		return with, nil
	})
	// Rules that do not belong in the quarantine of an earlier attempt go.
	add("aws.ec2.isolate_subnet", func(t *testing.T, w *awstest.World) (map[string]any, func(*testing.T)) {
		with, _ := withSubnet("10.9.0.0/28")(t, w)
		subnet, _ := with["subnet_id"].(string)
		marks := map[string]string{"Name": "firebreak quarantine of " + subnet, "firebreak:subnet": subnet}
		for _, one := range cloud.Tags(awstest.NewCall()) {
			marks[one.Key] = one.Value
		}
		w.ACL(t, w.VPCOf(t, subnet), marks, 50)
		return with, nil
	})
	// An instance of no group is looked for again before it is left alone.
	add("aws.autoscaling.detach_instance", func(t *testing.T, w *awstest.World) (map[string]any, func(*testing.T)) {
		return map[string]any{"instance_id": w.Instance(t, awstest.Machine{Subnet: w.Subnet(t, w.VPC(t), 0)})}, nil
	})
	return ways
}
