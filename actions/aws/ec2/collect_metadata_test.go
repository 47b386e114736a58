package ec2_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

const userSecret = "export DB_PASSWORD=hunter2-in-user-data"

// collectWorld is a machine with a role, and a bucket for evidence. What moto
// does not have is answered: the screenshot, the agent; and the console's
// time stands still, as it does on EC2 until the host prints something.
func collectWorld(t *testing.T, moto *awstest.Emulator) (*awstest.World, cloud.Evidence, string) {
	w := moto.World(t)
	place := w.Evidence(t, "evidence")
	return w, place, machineToCollect(t, w)
}

// collectIn makes such a machine, and the bucket, in a world.
func collectIn(t *testing.T, w *awstest.World) string {
	w.Evidence(t, "evidence")
	return machineToCollect(t, w)
}

func machineToCollect(t *testing.T, w *awstest.World) string {
	vpc := w.VPC(t)
	subnet, web := w.Subnet(t, vpc, 0), w.Group(t, vpc, "web")
	w.Profile(t, "web-profile", "web")
	w.PutPolicy(t, "role", "web", "own", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
	made, err := w.IAM.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("shared"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.IAM.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: made.Policy.Arn}); err != nil {
		t.Fatal(err)
	}
	id := w.Instance(t, awstest.Machine{Subnet: subnet, Groups: []string{web}, Volumes: 1, Profile: "web-profile", User: userSecret})
	w.Instance(t, awstest.Machine{Subnet: subnet, Groups: []string{web}, Profile: "web-profile"})
	systems := w.Systems(t)
	systems.Agent(id, "Online", "Linux")
	still := regexp.MustCompile(`<timestamp>[^<]*</timestamp>`)
	w.Behind(t, map[string]awstest.Stand{
		"ec2:GetConsoleOutput": awstest.Rewriting(func(body []byte) []byte {
			return still.ReplaceAll(body, []byte("<timestamp>2026-01-02T03:04:05.000Z</timestamp>"))
		}),
		"ec2:GetConsoleScreenshot": func(rw http.ResponseWriter, call awstest.Call, _ func() (int, []byte)) {
			rw.Header().Set("Content-Type", "text/xml")
			_, _ = io.WriteString(rw, "<GetConsoleScreenshotResponse><requestId>screen-1</requestId><instanceId>"+call.Form.Get("InstanceId")+"</instanceId><imageData>/9j/4AAQ</imageData></GetConsoleScreenshotResponse>")
		},
	})
	return id
}

func TestCollectMetadata(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	t.Run("suite", func(t *testing.T) {
		actionstest.Run(t, actionstest.Case{Action: "aws.ec2.collect_metadata", Errors: map[string]actions.Class{"denied": actions.Denied, "broken after the effect": actions.Unknown},
			World: func(t *testing.T) actionstest.World {
				w, place, id := collectWorld(t, moto)
				return actionstest.World{Registry: registryOf(w, awstest.Keeping(place)), Call: awstest.NewCall(), Snapshot: w.Snapshot, Params: map[string]any{"instance": id},
					Canaries:   []string{userSecret, "hunter2-in-user-data", w.Credentials.SecretAccessKey},
					LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect("s3:PutObject", awstest.EveryAttempt) },
					Fault:      copyFaults(w, "s3:PutObject")}
			}})
	})
	t.Run("document", func(t *testing.T) { documentIsWhole(t, moto) })
	t.Run("missing", func(t *testing.T) { missingIsUnknown(t, moto) })
}

// documentIsWhole reads the document back around the proxy.
func documentIsWhole(t *testing.T, moto *awstest.Emulator) {
	w, place, id := collectWorld(t, moto)
	s := awstest.NewStep(t, registryOf(w, awstest.Keeping(place)), "aws.ec2.collect_metadata", map[string]any{"instance": id}).Plan().Execute()
	s.Is(actions.Verified, "has SHA-256")
	var r struct {
		Role, Profile, VPC, ASG string
		RoleShared              string `json:"role_shared"`
		RoleOthers              int    `json:"role_others"`
		InASG                   string `json:"in_asg"`
		InTargetGroups          string `json:"in_target_groups"`
		SSMOnline               string `json:"ssm_online"`
		InstanceStore           string `json:"instance_store"`
		Volumes                 int
		Missing                 []string
		Stored                  struct{ Bucket, Key string }
	}
	if err := json.Unmarshal(s.Result, &r); err != nil {
		t.Fatal(err)
	}
	if r.Role != "web" || r.RoleShared != "yes" || r.RoleOthers != 1 || r.InASG != "no" || r.InTargetGroups != "no" || r.SSMOnline != "yes" || r.InstanceStore != "no" || r.Volumes != 2 || len(r.Missing) != 0 {
		t.Errorf("got %+v", r)
	}
	object, err := w.S3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &r.Stored.Bucket, Key: &r.Stored.Key})
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(object.Body)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Incident string
		Sections map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	for _, section := range []string{"instance", "attributes", "volumes", "instance_type", "network_interfaces", "security_groups", "security_group_rules", "route_tables", "network_acls", "flow_logs",
		"profile_associations", "instance_profile", "profiles_of_role", "role_policies", "attached_role_policies", "role_policy_documents", "auto_scaling_instance", "target_groups", "console_output", "console_screenshot", "systems_manager", "tags"} {
		if document.Sections[section] == nil {
			t.Errorf("the document has no section %s", section)
		}
	}
	fleet(t, w, id)
	s.Call.Attempt = 2
	s.Execute().Is(actions.Verified, "")
	if err := json.Unmarshal(s.Result, &r); err != nil {
		t.Fatal(err)
	}
	if r.InASG != "yes" || r.ASG != "fleet" || r.InTargetGroups != "yes" {
		t.Errorf("in a fleet: got %+v", r)
	}
	for _, says := range []string{base64.StdEncoding.EncodeToString([]byte(userSecret)), "ec2:Describe*", "/9j/4AAQ"} {
		if !strings.Contains(string(text), says) {
			t.Errorf("the document does not hold %s", says)
		}
	}
}

// fleet puts an instance into an Auto Scaling group and a target group.
func fleet(t *testing.T, w *awstest.World, id string) {
	described, err := w.EC2().DescribeInstances(t.Context(), &awsec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	instance := described.Reservations[0].Instances[0]
	scaling, balancing := autoscaling.NewFromConfig(w.Config), elb.NewFromConfig(w.Config)
	if _, err := scaling.CreateLaunchConfiguration(t.Context(), &autoscaling.CreateLaunchConfigurationInput{LaunchConfigurationName: aws.String("fleet"), ImageId: instance.ImageId, InstanceType: aws.String("m5.large")}); err != nil {
		t.Fatal(err)
	}
	if _, err := scaling.CreateAutoScalingGroup(t.Context(), &autoscaling.CreateAutoScalingGroupInput{AutoScalingGroupName: aws.String("fleet"), LaunchConfigurationName: aws.String("fleet"),
		MinSize: aws.Int32(0), MaxSize: aws.Int32(3), DesiredCapacity: aws.Int32(0), VPCZoneIdentifier: instance.SubnetId}); err != nil {
		t.Fatal(err)
	}
	if _, err := scaling.AttachInstances(t.Context(), &autoscaling.AttachInstancesInput{AutoScalingGroupName: aws.String("fleet"), InstanceIds: []string{id}}); err != nil {
		t.Fatal(err)
	}
	group, err := balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{Name: aws.String("fleet"), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: instance.VpcId})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := balancing.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: group.TargetGroups[0].TargetGroupArn, Targets: []elbtypes.TargetDescription{{Id: &id}}}); err != nil {
		t.Fatal(err)
	}
}

// missingIsUnknown takes rights away: each call fails by itself, and what it
// would have told is unknown, never no.
func missingIsUnknown(t *testing.T, moto *awstest.Emulator) {
	w, place, id := collectWorld(t, moto)
	s := awstest.NewStep(t, registryOf(w, awstest.Keeping(place)), "aws.ec2.collect_metadata", map[string]any{"instance": id}).Plan()
	for _, operation := range []string{"autoscaling:DescribeAutoScalingInstances", "elasticloadbalancing:DescribeTargetGroups", "ssm:DescribeInstanceInformation", "ec2:DescribeInstanceTypes", "iam:GetInstanceProfile",
		"ec2:GetConsoleScreenshot", "ec2:DescribeInstanceAttribute"} {
		w.Proxy.Refuse(operation, http.StatusForbidden, "AccessDenied")
	}
	s.Execute().Is(actions.Verified, "not read: ")
	var r map[string]any
	if err := json.Unmarshal(s.Result, &r); err != nil {
		t.Fatal(err)
	}
	for _, fact := range []string{"in_asg", "in_target_groups", "ssm_online", "instance_store", "role_shared"} {
		if r[fact] != "unknown" {
			t.Errorf("%s is %v, want unknown", fact, r[fact])
		}
	}
	missing, _ := r["missing"].([]any)
	if len(missing) != 11 || !slices.Contains(missing, any("ec2:GetConsoleScreenshot: denied")) {
		t.Errorf("got missing %v", missing)
	}
	w.Proxy.Heal()
	for _, operation := range []string{"autoscaling:DescribeAutoScalingInstances", "elasticloadbalancing:DescribeTargetGroups"} {
		w.Proxy.Answer(operation, nothing(operation)) // a runbook would not detach an instance that is in no group
	}
	s.Execute()
	clear(r)
	if err := json.Unmarshal(s.Result, &r); err != nil {
		t.Fatal(err)
	}
	if r["in_asg"] != "unknown" || r["in_target_groups"] != "unknown" {
		t.Errorf("of answers that hold nothing: in_asg %v, in_target_groups %v", r["in_asg"], r["in_target_groups"])
	}
	w.Proxy.Refuse("ec2:DescribeInstances", http.StatusForbidden, "UnauthorizedOperation")
	_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
	awstest.Fails(t, err, actions.Denied)
}
