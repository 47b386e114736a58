package ec2

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/s3"
)

type collectMetadata struct{ cloud *cloud.Cloud }

type collectMetadataParams struct {
	Instance string `json:"instance" doc:"id of the instance" example:"i-0abc1234def567890" pattern:"^i-[0-9a-f]{8,17}$"`
	Bucket   string `json:"bucket,omitempty" doc:"bucket for the document; left out: the environment's evidence bucket" example:"acme-evidence" pattern:"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"`
}

// collectMetadataResult holds what conditions and approval cards need, and no
// secret. What could not be read is unknown, never no.
type collectMetadataResult struct {
	State          string            `json:"state" doc:"running, stopped and so on"`
	Type           string            `json:"type" doc:"type of the instance"`
	Image          string            `json:"image" doc:"id of the image that it was launched from"`
	VPC            string            `json:"vpc" doc:"id of its network"`
	Subnet         string            `json:"subnet" doc:"id of its subnet"`
	PrivateIP      string            `json:"private_ip" doc:"its first private address"`
	PublicIP       string            `json:"public_ip" doc:"its public address; empty: none"`
	Public         bool              `json:"public" doc:"whether any of its interfaces has a public address"`
	SecurityGroups []string          `json:"security_groups" doc:"ids of the groups of all its interfaces"`
	Profile        string            `json:"profile" doc:"ARN of its instance profile; empty: none"`
	Role           string            `json:"role" doc:"name of the role in that profile; empty: none, or not readable"`
	RoleShared     string            `json:"role_shared" doc:"whether other instances of the region have the role too" enum:"yes,no,unknown"`
	RoleOthers     int               `json:"role_others" doc:"how many other instances of the region have the role"`
	InASG          string            `json:"in_asg" doc:"whether an Auto Scaling group owns it" enum:"yes,no,unknown"`
	ASG            string            `json:"asg" doc:"name of that group; empty: none"`
	InTargetGroups string            `json:"in_target_groups" doc:"whether a load balancer sends it traffic" enum:"yes,no,unknown"`
	TargetGroups   []string          `json:"target_groups" doc:"ARNs of the target groups that it is in"`
	SSMOnline      string            `json:"ssm_online" doc:"whether its agent of Systems Manager answers" enum:"yes,no,unknown"`
	InstanceStore  string            `json:"instance_store" doc:"whether it has disks that end with it and get no snapshot" enum:"yes,no,unknown"`
	Volumes        int               `json:"volumes" doc:"how many EBS volumes it has; zero also when they could not be read"`
	MemoryMiB      int               `json:"memory_mib" doc:"memory of its type; zero: not readable"`
	Tags           map[string]string `json:"tags" doc:"its tags"`
	Missing        []string          `json:"missing" doc:"calls that gave nothing, with the class of the error"`
	Stored         s3.Stored         `json:"stored" doc:"the document in the evidence bucket"`
}

func (collectMetadata) Spec() actions.Spec {
	var rows []actions.Permission
	rows = append(rows, actions.Permission{Phase: actions.PhasePlan, Action: "ec2:DescribeInstances", Resource: "*", Why: "find the instance"})
	row := func(resource, why string, names ...string) {
		for _, name := range names {
			rows = append(rows, actions.Permission{Phase: actions.PhaseExecute, Action: name, Resource: resource, Why: why})
		}
	}
	row("*", "record the instance and its disks", "ec2:DescribeInstances", "ec2:DescribeInstanceTypes", "ec2:DescribeVolumes", "ec2:DescribeTags")
	row("*", "record what it can reach", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules", "ec2:DescribeRouteTables", "ec2:DescribeNetworkAcls", "ec2:DescribeFlowLogs")
	row("arn:{partition}:ec2:{region}:{account}:instance/{instance}", "record its attributes, and what its console shows", "ec2:DescribeInstanceAttribute", "ec2:GetConsoleOutput", "ec2:GetConsoleScreenshot")
	row("*", "see which instances have its role", "ec2:DescribeIamInstanceProfileAssociations")
	row("arn:{partition}:iam::{account}:instance-profile/*", "find its role", "iam:GetInstanceProfile")
	row("arn:{partition}:iam::{account}:role/*", "record what its role may do", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies")
	row("arn:{partition}:iam::*:policy/*", "record what its role may do", "iam:GetPolicy", "iam:GetPolicyVersion")
	row("*", "see whether Auto Scaling would replace it", "autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeAutoScalingGroups")
	row("*", "see which load balancers send it traffic", "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth")
	row("*", "see whether its agent answers", "ssm:DescribeInstanceInformation")
	return actions.Spec{
		Name: "aws.ec2.collect_metadata", Version: 1,
		Title:  "Collect everything that AWS knows about an instance",
		Doc:    "Reads the instance, its interfaces, groups, disks, attributes, user data, role and policies, Auto Scaling, load balancers, routes, network ACLs, flow logs and console without touching the host, and keeps all as one document in the evidence bucket. The document may hold secrets, such as those in user data, and goes nowhere else. A call that fails is listed as missing, and what it would have told is unknown.",
		Effect: actions.Reversible, Repeat: actions.Idempotent, Adds: true,
		BlastRadius: "None: it reads, and adds one object to the evidence bucket.",
		StaysAlive: []string{
			"Nothing is stopped.",
			"What is in memory and on the disks is not in it.",
			"Other regions are not asked which instances have the role.",
		},
		Permissions: append(rows, s3.PutRights()...), Timeout: 5 * time.Minute,
	}
}

func (a collectMetadata) Plan(ctx context.Context, call actions.Call, p collectMetadataParams) (actions.Preview, error) {
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return actions.Preview{}, err
	}
	if _, err := c.anyInstance(ctx, p.Instance); err != nil {
		return actions.Preview{}, err
	}
	where := place(c, p.Bucket)
	if err := s3.Ready(ctx, c.Conn, where); err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{
		Targets: []actions.Target{c.target("instance", p.Instance)},
		Changes: []string{fmt.Sprintf("One document about instance %s is kept in bucket %s.", p.Instance, where.Bucket)},
		Calls:   []string{"s3:PutObject"},
	}
	return preview, nil
}

// document is what is kept.
type document struct {
	Kind     string         `json:"kind"`
	Account  string         `json:"account"`
	Region   string         `json:"region"`
	Incident string         `json:"incident"`
	Run      string         `json:"run"`
	Step     string         `json:"step"`
	Started  time.Time      `json:"started"`
	Missing  []missingRead  `json:"missing"`
	Sections map[string]any `json:"sections"`
}

func (a collectMetadata) Execute(ctx context.Context, call actions.Call, p collectMetadataParams) (collectMetadataResult, error) {
	var r collectMetadataResult
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return r, err
	}
	m := &collector{conn: c, sections: map[string]any{}, missing: []missingRead{}}
	if m.instance, err = c.anyInstance(ctx, p.Instance); err != nil {
		return r, err
	}
	m.collect(ctx)
	if err := ctx.Err(); err != nil { // what is missing then says nothing about rights
		return r, &actions.Error{Class: actions.Transient, Op: "aws.ec2.collect_metadata", Err: fmt.Errorf("the time was up before everything was read: %w", err)}
	}
	body, err := canonical(document{Kind: "firebreak/ec2-instance/v1", Account: c.Account, Region: c.Region, Incident: call.Incident, Run: call.Run, Step: call.Step,
		Started: call.Started.UTC().Truncate(time.Second), Missing: m.missing, Sections: m.sections})
	if err != nil {
		return r, &actions.Error{Class: actions.Invalid, Op: "aws.ec2.collect_metadata", Err: err}
	}
	// An attempt after a crash may find the instance changed. Its document gets a
	// name of its own then; both are true.
	sum := sha256.Sum256(body)
	stored, err := s3.Put(ctx, c.Conn, call, place(c, p.Bucket), s3.Item{Name: p.Instance + "/metadata-" + hex.EncodeToString(sum[:6]) + ".json", Body: body, ContentType: "application/json"})
	if err != nil {
		return r, err
	}
	m.basics()
	r = m.facts
	r.Stored, r.Missing = stored, []string{}
	for _, one := range m.missing {
		r.Missing = append(r.Missing, one.Call+": "+string(one.Class))
	}
	return r, nil
}

// basics are the facts that the instance tells by itself.
func (m *collector) basics() {
	f, i := &m.facts, m.instance
	f.State, f.Type, f.Image = string(stateOf(i)), string(i.InstanceType), aws.ToString(i.ImageId)
	f.VPC, f.Subnet, f.PrivateIP, f.PublicIP = aws.ToString(i.VpcId), aws.ToString(i.SubnetId), aws.ToString(i.PrivateIpAddress), aws.ToString(i.PublicIpAddress)
	f.Public = f.Public || f.PublicIP != ""
	f.Tags = map[string]string{}
	for _, one := range i.Tags {
		f.Tags[aws.ToString(one.Key)] = aws.ToString(one.Value)
	}
	if f.TargetGroups == nil {
		f.TargetGroups = []string{}
	}
	if f.SecurityGroups == nil {
		f.SecurityGroups = []string{}
	}
}

func (a collectMetadata) Verify(ctx context.Context, call actions.Call, p collectMetadataParams, r collectMetadataResult) (actions.Reading, error) {
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return actions.Reading{}, err
	}
	reading, err := s3.Check(ctx, c.Conn, r.Stored, place(c, p.Bucket))
	if err == nil && len(r.Missing) > 0 {
		reading.Detail += "; not read: " + strings.Join(r.Missing, ", ")
	}
	return reading, err
}
