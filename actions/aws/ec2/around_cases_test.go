package ec2_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	ec2sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// plain answers with a document and no error.
func plain(document string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		_, _ = w.Write([]byte(document))
	}
}

// nothing is an answer that holds nothing.
func nothing(operation string) http.HandlerFunc {
	_, name, _ := strings.Cut(operation, ":")
	return plain("<" + name + "Response><" + name + "Result></" + name + "Result></" + name + "Response>")
}

func swap(from, to string) func([]byte) []byte {
	return func(body []byte) []byte { return bytes.ReplaceAll(body, []byte(from), []byte(to)) }
}

// sceneOf finds a scene by its name.
func sceneOf(t *testing.T, name string) scene {
	t.Helper()
	all := scenes()
	i := slices.IndexFunc(all, func(s scene) bool { return s.name == name })
	if i < 0 {
		t.Fatalf("no scene %q", name)
	}
	return all[i]
}

// set makes the world of a scene and a step in it that is not planned.
func (s scene) set(t *testing.T, moto *awstest.Emulator) (*awstest.World, *awstest.Step, map[string]any) {
	t.Helper()
	w := moto.World(t)
	with, _ := s.make(t, w)
	return w, awstest.NewStep(t, around(w), s.action, with), with
}

// refuses checks that a step is refused, in the words given, and changes nothing.
func refuses(t *testing.T, w *awstest.World, step *awstest.Step, class actions.Class, words ...string) {
	t.Helper()
	before := w.Snapshot(t)
	_, err := step.Handler.Execute(t.Context(), step.Call, step.Params)
	awstest.Fails(t, err, class, words...)
	if got := w.Snapshot(t); got != before {
		t.Errorf("it was refused, but:\nbefore %s\nafter %s", before, got)
	}
}

func cannotPlan(t *testing.T, w *awstest.World, action string, with map[string]any, class actions.Class, words ...string) {
	t.Helper()
	_, err := awstest.Handler(t, around(w), action).Plan(t.Context(), awstest.NewCall(), awstest.Params(t, with))
	awstest.Fails(t, err, class, words...)
}

// undoRefused checks that an undo is refused, and offered by no plan.
func undoRefused(t *testing.T, w *awstest.World, step *awstest.Step, words string) {
	t.Helper()
	before := w.Snapshot(t)
	awstest.Fails(t, step.Handler.Undo(t.Context(), step.Call, step.Params, step.Result), actions.Precondition, words)
	if got := w.Snapshot(t); got != before {
		t.Errorf("it was refused, but:\nbefore %s\nafter %s", before, got)
	}
}

// asHost makes firebreak run on an instance, with a role of its own.
func asHost(w *awstest.World, instance string) {
	w.Proxy.Answer("sts:GetCallerIdentity", plain(fmt.Sprintf(`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
		<Arn>arn:aws:sts::%s:assumed-role/firebreak-host/%s</Arn><Account>%s</Account><UserId>AROAX:%s</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>`, w.Account, instance, w.Account, instance)))
}

// neverOurselves: what firebreak runs on is refused by the plan, and by the
// execution of a plan that was made elsewhere.
func neverOurselves(t *testing.T, moto *awstest.Emulator) {
	for _, s := range scenes() {
		if s.variant {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			w, step, with := s.set(t, moto)
			step.Plan()
			host, _ := with["instance_id"].(string)
			if subnet, ok := with["subnet_id"].(string); ok {
				host = w.HostIn(t, subnet)
			}
			asHost(w, host)
			step.Handler = awstest.Handler(t, around(w), s.action)
			refuses(t, w, step, actions.Precondition, "the host that firebreak itself runs on")
			cannotPlan(t, w, s.action, with, actions.Precondition, "the host that firebreak itself runs on")
		})
	}
}

// silence: an answer that holds nothing proves nothing, whatever it is about.
func silence(t *testing.T, moto *awstest.Emulator) {
	for _, test := range []struct{ scene, operation string }{
		{"replace", "ec2:DescribeIamInstanceProfileAssociations"},
		{"remove", "ec2:DescribeInstances"},
		{"stop", "ec2:DescribeInstances"},
		{"subnet but", "ec2:DescribeNetworkAcls"},
		{"standby", "autoscaling:DescribeAutoScalingGroups"},
		{"detach", "autoscaling:DescribeAutoScalingGroups"},
		{"targets", "elasticloadbalancing:DescribeTargetHealth"},
	} {
		t.Run(test.scene, func(t *testing.T) {
			w, step, _ := sceneOf(t, test.scene).set(t, moto)
			step.Plan().Execute().Is(actions.Verified, "")
			w.Proxy.Answer(test.operation, nothing(test.operation))
			step.Is(actions.CannotVerify, "")
			if reading, err := step.Handler.VerifyUndo(t.Context(), step.Call, step.Params, step.Result); err != nil || reading.Verdict != actions.CannotVerify {
				t.Errorf("of the undo: got %+v, %v", reading, err)
			}
			w.Proxy.Heal()
			w.Proxy.Refuse(test.operation, http.StatusForbidden, "UnauthorizedOperation")
			step.Is(actions.CannotVerify, "grant "+test.operation)
		})
	}
}

// onTheWay: what AWS does in its own time is pending, not done.
func onTheWay(t *testing.T, moto *awstest.Emulator) {
	for _, test := range []struct {
		scene, operation, from, to string
		want                       actions.Verdict
		says                       string
	}{
		{"stop", "ec2:DescribeInstances", "<name>stopped</name>", "<name>stopping</name>", actions.Pending, "stopping"},
		{"stop", "ec2:DescribeInstances", "<name>stopped</name>", "<name>terminated</name>", actions.NotVerified, "terminated"},
		{"standby", "autoscaling:DescribeAutoScalingGroups", ">Standby<", ">EnteringStandby<", actions.Pending, "EnteringStandby"},
		{"replace", "ec2:DescribeIamInstanceProfileAssociations", "<state>associated</state>", "<state>associating</state>", actions.Pending, "associating"},
		{"targets", "elasticloadbalancing:DescribeTargetHealth", "Target.NotRegistered", "Target.DeregistrationInProgress", actions.NotVerified, "is registered"},
		{"targets", "elasticloadbalancing:DescribeTargetHealth", "Target.NotRegistered", "Target.NotInUse", actions.NotVerified, "Target.NotInUse"},
	} {
		t.Run(test.scene+" "+test.to, func(t *testing.T) {
			w, step, _ := sceneOf(t, test.scene).set(t, moto)
			step.Plan().Execute().Is(actions.Verified, "")
			w.Proxy.Rewrite(test.operation, 0, swap(test.from, test.to))
			step.Is(test.want, test.says)
		})
	}
	t.Run("draining", func(t *testing.T) {
		w, step, _ := sceneOf(t, "targets").set(t, moto)
		step.Plan().Execute()
		w.Proxy.Rewrite("elasticloadbalancing:DescribeTargetHealth", 0, func(body []byte) []byte {
			for _, state := range []string{"unused", "unavailable"} {
				body = swap("<State>"+state+"<", "<State>draining<")(body)
			}
			return swap("Target.NotRegistered", "Target.DeregistrationInProgress")(body)
		})
		step.Is(actions.Pending, "connections that are open live on")
	})
}

// room: a group that cannot do with one less is asked for a replacement, by the
// plan and by the execution, and is not called.
func room(t *testing.T, moto *awstest.Emulator) {
	w, step, with := sceneOf(t, "standby").set(t, moto)
	step.Plan()
	w.SetFleet(t, "web", 3, 4, 3)
	w.Proxy.Forget()
	refuses(t, w, step, actions.Precondition, `group "web" wants 3 instances and must keep at least 3`, "replace")
	if got := w.Proxy.Count("autoscaling:EnterStandby"); got != 0 {
		t.Errorf("EnterStandby was called %d times", got)
	}
	cannotPlan(t, w, step.Handler.Spec().Name, with, actions.Precondition, "must keep at least 3")
	for i, mode := range []string{"standby", "detach"} {
		wants := 3 + i // the one more of the first undo stays
		replaced := awstest.NewStep(t, around(w), step.Handler.Spec().Name, map[string]any{"instance_id": with["instance_id"], "mode": mode, "replace": true}).Plan().Execute()
		replaced.Is(actions.Verified, "")
		if got := w.Desired(t, "web"); got != wants {
			t.Errorf("%s with a replacement: the group wants %d, want %d", mode, got, wants)
		}
		w.SetFleet(t, "web", 3, wants, wants)
		undoRefused(t, w, replaced, fmt.Sprintf("may have %d at most", wants))
		w.SetFleet(t, "web", 3, wants+1, wants)
		replaced.Undo()
		if got := w.Desired(t, "web"); got != wants+1 { // nothing is terminated that nobody chose
			t.Errorf("%s: after the undo the group wants %d, want %d", mode, got, wants+1)
		}
	}
}

// leftAlive: a group that has terminated the instance does not have it either.
func leftAlive(t *testing.T, moto *awstest.Emulator) {
	w, step, with := sceneOf(t, "detach").set(t, moto)
	step.Plan().Execute().Is(actions.Verified, "does not have instance")
	awstest.Must[*ec2sdk.TerminateInstancesOutput](t)(w.EC2().TerminateInstances(t.Context(), &ec2sdk.TerminateInstancesInput{InstanceIds: []string{with["instance_id"].(string)}}))
	step.Is(actions.NotVerified, "because it was terminated")
}

// noGroup: an instance of no group is left as it is, and one that joined since the
// plan is not.
func noGroup(t *testing.T, moto *awstest.Emulator) {
	w := moto.World(t)
	subnet := w.Subnet(t, w.VPC(t), 0)
	id := w.Instance(t, awstest.Machine{Subnet: subnet})
	step := awstest.NewStep(t, around(w), "aws.autoscaling.detach_instance", map[string]any{"instance_id": id}).Plan()
	if !step.Preview.InEffect || step.Preview.NoUndo == "" {
		t.Errorf("got %+v", step.Preview)
	}
	before := w.Snapshot(t)
	step.Execute().Is(actions.Verified, "in no Auto Scaling group")
	step.Undo()
	if got := w.Snapshot(t); got != before {
		t.Errorf("got %s", got)
	}
	w.Proxy.Answer("autoscaling:DescribeAutoScalingInstances", nothing("autoscaling:DescribeAutoScalingInstances"))
	step.Is(actions.CannotVerify, "")
	cannotPlan(t, w, "aws.autoscaling.detach_instance", map[string]any{"instance_id": id}, actions.Transient, "proves nothing")
	w.Proxy.Heal()
	w.Fleet(t, awstest.Fleet{Name: "web", Subnet: subnet, Max: 2})
	w.Join(t, "web", id)
	refuses(t, w, step, actions.Precondition, `joined group "web"`)
	step.Is(actions.NotVerified, "in group web now")
}

// stops: what may not be stopped is not, and the memory has to be spoken of.
func stops(t *testing.T, moto *awstest.Emulator) {
	w, step, with := sceneOf(t, "stop").set(t, moto)
	id, _ := with["instance_id"].(string)
	for name, wrong := range map[string]map[string]any{
		"no word about the memory": {"instance_id": id, "reason": "s3://evidence/INC-12/R1/memory"},
		"no reason":                {"instance_id": id, "memory": "waived"},
		"a reason that says none":  {"instance_id": id, "memory": "waived", "reason": "no"},
		"another word":             {"instance_id": id, "memory": "later", "reason": "s3://evidence/INC-12/R1/memory"},
	} {
		if len(step.Handler.Check(awstest.Params(t, wrong))) == 0 {
			t.Errorf("%s is accepted", name)
		}
	}
	step.Plan()
	stop := func(on bool) {
		awstest.Must[*ec2sdk.ModifyInstanceAttributeOutput](t)(w.EC2().ModifyInstanceAttribute(t.Context(), &ec2sdk.ModifyInstanceAttributeInput{InstanceId: &id, DisableApiStop: &types.AttributeBooleanValue{Value: &on}}))
	}
	stop(true)
	w.Proxy.Forget()
	refuses(t, w, step, actions.Precondition, "DisableApiStop", "aws.ec2.protect_instance")
	cannotPlan(t, w, "aws.ec2.stop_instance", with, actions.Precondition, "DisableApiStop")
	if got := w.Proxy.Count("ec2:StopInstances"); got != 0 {
		t.Errorf("StopInstances was called %d times", got)
	}
	stop(false)

	w.Proxy.Rewrite("ec2:DescribeInstances", 1, swap("<rootDeviceType>ebs<", "<rootDeviceType>instance-store<"))
	cannotPlan(t, w, "aws.ec2.stop_instance", with, actions.Precondition, "only terminated")

	abrupt := awstest.NewStep(t, around(w), "aws.ec2.stop_instance", map[string]any{"instance_id": id, "memory": "waived", "reason": "the host wipes itself; waived by the lead", "abrupt": true}).Plan()
	if text := fmt.Sprint(abrupt.Preview.Warnings); !strings.Contains(text, "No image of the memory") || !strings.Contains(text, "not shut down") {
		t.Errorf("the warnings do not say what is lost: %s", text)
	}
	w.Proxy.Forget()
	abrupt.Execute().Is(actions.Verified, "is stopped")
	for _, call := range w.Proxy.Calls() {
		if call.Operation == "ec2:StopInstances" && call.Form.Get("SkipOsShutdown") != "true" {
			t.Errorf("it was sent %v", call.Form)
		}
	}
	again := awstest.NewStep(t, around(w), "aws.ec2.stop_instance", with).Plan()
	if !again.Preview.InEffect || again.Preview.NoUndo == "" {
		t.Errorf("got %+v", again.Preview)
	}
	again.Execute().Undo() // it was stopped before, and stays so
	again.Is(actions.Verified, "is stopped")
}

// stopInGroup: a group in which the instance is in service would terminate it.
func stopInGroup(t *testing.T, moto *awstest.Emulator) {
	w := moto.World(t)
	id := w.Fleet(t, awstest.Fleet{Name: "web", Subnet: w.Subnet(t, w.VPC(t), 0), Max: 3, Desired: 2})[0]
	step := awstest.NewStep(t, around(w), "aws.ec2.stop_instance", map[string]any{"instance_id": id, "memory": "waived", "reason": "nobody needs the memory"}).Plan()
	if text := fmt.Sprint(step.Preview.Warnings); !strings.Contains(text, "refuses to run until aws.autoscaling.detach_instance") {
		t.Errorf("got %s", text)
	}
	refuses(t, w, step, actions.Precondition, `would terminate it`)
	w.Standby(t, "web", id, true)
	step.Execute().Is(actions.Verified, "")
}

// othersChanges: an undo takes back what this step did, and nothing that somebody
// else made of it since.
func othersChanges(t *testing.T, moto *awstest.Emulator) {
	t.Run("profile", func(t *testing.T) {
		w, step, with := sceneOf(t, "replace").set(t, moto)
		step.Plan().Execute()
		w.Profile(t, "third-profile", "third")
		id, _ := with["instance_id"].(string)
		w.SetProfile(t, id, "third-profile")
		undoRefused(t, w, step, "third-profile")
		if undo, err := step.Handler.PlanUndo(t.Context(), step.Call, step.Params, step.Result); err != nil || undo.NoUndo == "" {
			t.Errorf("got %+v, %v", undo, err)
		}
		refuses(t, w, step, actions.Precondition, "third-profile")
	})
	t.Run("policy", func(t *testing.T) {
		w, step, _ := sceneOf(t, "replace").set(t, moto)
		step.Plan().Execute()
		for name := range w.Policies(t, "role", "web") {
			w.PutPolicy(t, "role", "web", name, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`)
		}
		step.Is(actions.NotVerified, "is not the deny that was put")
		undoRefused(t, w, step, "was changed after")
	})
	t.Run("subnet", func(t *testing.T) {
		w, step, with := sceneOf(t, "subnet").set(t, moto)
		step.Plan().Execute()
		subnet, _ := with["subnet_id"].(string)
		third := w.ACL(t, w.VPCOf(t, subnet), nil)
		w.SetACL(t, subnet, third)
		undoRefused(t, w, step, third)
		refuses(t, w, step, actions.Unknown, third) // the quarantine that an earlier attempt made is there
	})
	t.Run("group", func(t *testing.T) {
		w, step, with := sceneOf(t, "standby").set(t, moto)
		step.Plan().Execute()
		id, _ := with["instance_id"].(string)
		w.Leave(t, "web", id)
		undoRefused(t, w, step, "does not have it any more")
		step.Is(actions.NotVerified, "has left group")
	})
	t.Run("targets", func(t *testing.T) { // what is back already is left as it is
		w, step, with := sceneOf(t, "targets").set(t, moto)
		before := w.Snapshot(t)
		step.Plan().Execute()
		id, _ := with["instance_id"].(string)
		for _, group := range w.TargetGroupsNamed(t, "web") {
			w.Register(t, group, id, 8080)
		}
		step.Is(actions.NotVerified, "is registered")
		w.Proxy.Forget()
		step.Undo()
		if got := w.Proxy.Count("elasticloadbalancing:RegisterTargets"); got != 1 || w.Snapshot(t) != before {
			t.Errorf("%d calls, %s", got, w.Snapshot(t))
		}
	})
}

// subnets: the quarantine is exactly what was planned.
func subnets(t *testing.T, moto *awstest.Emulator) {
	w, step, with := sceneOf(t, "subnet but").set(t, moto)
	subnet, _ := with["subnet_id"].(string)
	step.Plan().Execute().Is(actions.Verified, "")
	acl, _ := w.ACLOf(t, subnet)
	w.OpenACL(t, acl, 50)
	step.Is(actions.NotVerified, "a rule that does not belong there: 50 in allow")
	step.Execute().Is(actions.Verified, "") // makes it exact again
	if got, _ := w.ACLOf(t, subnet); got != acl {
		t.Errorf("another ACL was made: %s, %s", acl, got)
	}
	if len(with["allow"].([]string)) != 2 || !strings.Contains(w.Snapshot(t), "00101 out allow -1 fd00::/64") {
		t.Errorf("what is allowed is not: %s", w.Snapshot(t))
	}
	step.Undo()
	deny := w.ACL(t, w.VPCOf(t, subnet), nil)
	w.SetACL(t, subnet, deny)
	there := awstest.NewStep(t, around(w), "aws.ec2.isolate_subnet", map[string]any{"subnet_id": subnet}).Plan()
	if !there.Preview.InEffect || there.Preview.NoUndo == "" {
		t.Errorf("got %+v", there.Preview)
	}
	before := w.Snapshot(t)
	there.Execute().Is(actions.Verified, "")
	there.Undo()
	if got := w.Snapshot(t); got != before {
		t.Errorf("got %s", got)
	}
	for text, says := range map[string]string{"0.0.0.0/0": "is everything", "::/0": "is everything", "10.9.0.1/28": "bits behind its mask; write 10.9.0.0/28", "10.9.0.1": "is not a network"} {
		cannotPlan(t, w, "aws.ec2.isolate_subnet", map[string]any{"subnet_id": subnet, "allow": []string{text}}, actions.Invalid, "allow.0", says)
	}
}

// roles: which profiles are taken, and whose sessions are denied.
func roles(t *testing.T, moto *awstest.Emulator) {
	const action = "aws.ec2.revoke_instance_role"
	w, step, with := sceneOf(t, "replace").set(t, moto)
	id, _ := with["instance_id"].(string)
	step.Plan().Execute()
	documents := fmt.Sprint(w.Policies(t, "role", "web"))
	if !strings.Contains(documents, ":"+id+`"`) || strings.Contains(documents, "web-profile") || len(w.Policies(t, "role", "quarantine")) != 0 {
		t.Errorf("the deny is not that of this instance: %s", documents)
	}
	again := awstest.NewStep(t, around(w), action, with).Plan()
	if !again.Preview.InEffect || again.Preview.NoUndo == "" {
		t.Errorf("got %+v", again.Preview)
	}
	again.Execute().Is(actions.Verified, "quarantine-profile")
	again.Undo()
	step.Undo()

	w.Profile(t, "same-profile", "web")
	awstest.Must[*iam.CreateInstanceProfileOutput](t)(w.IAM.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: sdk.String("empty-profile")}))
	for _, test := range []struct {
		mode, quarantine string
		class            actions.Class
		says             string
	}{
		{"replace", "", actions.Invalid, "needs a quarantine_profile"},
		{"remove", "quarantine-profile", actions.Invalid, "no meaning with mode remove"},
		{"replace", "no-such-profile", actions.NotFound, "no-such-profile"},
		{"replace", "empty-profile", actions.Precondition, "has no role"},
		{"replace", "same-profile", actions.Precondition, `holds the role "web", which the instance has already`},
		{"replace", "arn:aws:iam::" + w.Account + ":instance-profile/team/quarantine-profile", actions.Precondition, "exactly as AWS shows it"},
	} {
		params := map[string]any{"instance_id": id, "mode": test.mode}
		if test.quarantine != "" {
			params["quarantine_profile"] = test.quarantine
		}
		cannotPlan(t, w, action, params, test.class, test.says)
	}
	w.SetProfile(t, id, "")
	awstest.NewStep(t, around(w), action, map[string]any{"instance_id": id, "mode": "replace", "quarantine_profile": "quarantine-profile"}).Plan().Execute().Is(actions.Verified, "has no instance profile")
	none := awstest.NewStep(t, around(w), action, map[string]any{"instance_id": id, "mode": "remove"}).Plan()
	if !none.Preview.InEffect || none.Preview.NoUndo == "" {
		t.Errorf("got %+v", none.Preview)
	}
	none.Execute().Is(actions.Verified, "has no instance profile")
	w.SetProfile(t, id, "web-profile")
	refuses(t, w, none, actions.Precondition, "web-profile")
	none.Is(actions.NotVerified, "web-profile")
}

// targetsExactly: a target is what it was registered as, port and zone included,
// and only in the VPC of the instance.
func targetsExactly(t *testing.T, moto *awstest.Emulator) {
	w := moto.World(t)
	vpc, far := w.VPC(t), w.VPC(t)
	id := w.Instance(t, awstest.Machine{Subnet: w.Subnet(t, vpc, 0)})
	group := w.TargetGroup(t, vpc, "web", "instance")
	elsewhere := w.TargetGroup(t, far, "far", "ip")
	w.Register(t, elsewhere, w.PrivateAddresses(t, id)[0], 80) // the same address, another host
	row := func(port int) string {
		return fmt.Sprintf(`<member><Target><Id>%s</Id><Port>%d</Port><AvailabilityZone>all</AvailabilityZone></Target><TargetHealth><State>healthy</State></TargetHealth></member>`, id, port)
	}
	w.Proxy.Answer("elasticloadbalancing:DescribeTargetHealth", plain(`<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions>`+row(8080)+row(8081)+`</TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>`))
	w.Proxy.Answer("elasticloadbalancing:DeregisterTargets", nothing("elasticloadbalancing:DeregisterTargets"))
	step := awstest.NewStep(t, around(w), "aws.elbv2.deregister_targets", map[string]any{"instance_id": id}).Plan()
	w.Proxy.Forget()
	step.Execute()
	var sent []string
	for _, call := range w.Proxy.Calls() {
		if call.Operation == "elasticloadbalancing:DeregisterTargets" {
			for i := 1; call.Form.Has(fmt.Sprintf("Targets.member.%d.Id", i)); i++ {
				at := fmt.Sprintf("Targets.member.%d.", i)
				sent = append(sent, fmt.Sprintf("%v %v %s %s", call.Form.Get("TargetGroupArn") == group, call.Form.Get(at+"Id") == id, call.Form.Get(at+"Port"), call.Form.Get(at+"AvailabilityZone")))
			}
		}
	}
	if got, want := strings.Join(sent, "; "), "true true 8080 all; true true 8081 all"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	w.Proxy.Heal()
	cannotPlan(t, w, "aws.elbv2.deregister_targets", map[string]any{"instance_id": id, "target_groups": []string{elsewhere}}, actions.Invalid, "is none of them")
	one := awstest.NewStep(t, around(w), "aws.elbv2.deregister_targets", map[string]any{"instance_id": id, "target_groups": []string{group}}).Plan()
	if !one.Preview.InEffect || one.Preview.NoUndo == "" { // moto has it registered nowhere
		t.Errorf("got %+v", one.Preview)
	}
}
