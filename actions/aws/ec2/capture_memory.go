package ec2

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/s3"
)

type captureMemory struct{ cloud *cloud.Cloud }

type captureMemoryParams struct {
	Instance   string       `json:"instance" doc:"id of the running Linux instance" example:"i-0abc1234def567890" pattern:"^i-[0-9a-f]{8,17}$"`
	ToolURL    string       `json:"tool_url" doc:"where the host fetches the tool: an executable that writes an image of the memory to its standard output; https or s3, and nothing secret in it" example:"s3://forensic-tools/memory-to-stdout" pattern:"^(https|s3)://[A-Za-z0-9._~/%+:-]+$"`
	ToolSHA256 string       `json:"tool_sha256" doc:"SHA-256 of the tool, in hex; the host runs nothing else" example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" pattern:"^[0-9a-f]{64}$"`
	Bucket     string       `json:"bucket,omitempty" doc:"bucket for the image; left out: the environment's evidence bucket" example:"acme-evidence" pattern:"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"`
	TimeLimit  actions.Span `json:"time_limit,omitempty" doc:"how long the host may take, up to 48h" example:"1h" default:"1h"`
	Share      int          `json:"at_least_percent,omitempty" doc:"how much of the type's memory the image must hold to be whole, in percent; the part that the firmware keeps is never in it" example:"90" default:"90"`
}

type captureMemoryResult struct {
	CommandID string `json:"command_id" doc:"of Systems Manager, where the host's words are"`
	Bucket    string `json:"bucket" doc:"bucket that holds the image"`
	Key       string `json:"key" doc:"key of the image"`
	MemoryMiB int    `json:"memory_mib" doc:"memory of the instance's type"`
}

type memoryState struct {
	Instance  string `json:"instance"`
	Bucket    string `json:"bucket"`
	MemoryMiB int    `json:"memory_mib"`
}

// shellDocument is AWS's own document that runs a script on Linux.
const shellDocument = "AWS-RunShellScript"

func (captureMemory) Spec() actions.Spec {
	rows := []actions.Permission{
		{Phase: actions.PhasePlan, Action: "ec2:DescribeInstances", Resource: "*", Why: "see that the instance runs"},
		{Phase: actions.PhasePlan, Action: "ec2:DescribeInstanceTypes", Resource: "*", Why: "know how much memory it has"},
		{Phase: actions.PhasePlan, Action: "ssm:DescribeInstanceInformation", Resource: "*", Why: "see that its agent answers"},
		{Phase: actions.PhaseExecute, Action: "ssm:ListCommands", Resource: "*", Why: "find the command of an earlier attempt"},
		{Phase: actions.PhaseExecute, Action: "ssm:SendCommand", Resource: "arn:{partition}:ssm:{region}:*:document/" + shellDocument, Why: "run the tool"},
		{Phase: actions.PhaseExecute, Action: "ssm:SendCommand", Resource: "arn:{partition}:ec2:{region}:{account}:instance/{instance}", Why: "run it on this instance"},
		{Phase: actions.PhaseVerify, Action: "ssm:GetCommandInvocation", Resource: "*", Why: "see whether the command has ended, and how"},
		{Phase: actions.PhaseVerify, Action: "s3:GetObject", Resource: "arn:{partition}:s3:::{bucket}/*", Why: "see that the image is there, and how large"},
	}
	for _, row := range s3.PutRights() {
		// Without these S3 tells no lock, and refuses the checksum of what is encrypted.
		if row.Phase == actions.PhasePlan || row.Phase == actions.PhaseVerify && row.Action != "s3:GetObjectVersion" {
			rows = append(rows, row)
		}
	}
	return actions.Spec{
		Name: "aws.ec2.capture_memory", Version: 1,
		Title:  "Capture the memory of an instance",
		Doc:    "Lets the agent of Systems Manager run a memory tool, pinned by its SHA-256, as root on a Linux host, and stream the image into the evidence bucket with the host's own role. That role needs s3:PutObject there, and the host the AWS command line tool. The proof is that the command ended well and that the object is as large as the memory: whoever is root on the host can still lie in both, and in what the image holds.",
		Effect: actions.Destructive, Repeat: actions.Probe, Adds: true, // a program runs as root on the host, so somebody approves it
		BlastRadius: "The host: the tool loads it for minutes, writes a few files to its disk, and whoever watches it sees that somebody looks.",
		StaysAlive: []string{
			"Nothing is stopped. What runs on the host runs on, and changes while its memory is read.",
			"Root on the host can hide from the tool, replace what it writes, or end the command.",
			"Needs the way to Systems Manager and S3: capture before isolating, or let the quarantine allow those endpoints.",
			"The command and its parameters can be read on the host and by who may list commands; there is no secret in them.",
		},
		Permissions: rows, Timeout: time.Minute, Settle: 30 * time.Second,
	}
}

func (a captureMemory) Plan(ctx context.Context, call actions.Call, p captureMemoryParams) (actions.Preview, error) {
	const op = "aws.ec2.capture_memory"
	var preview actions.Preview
	no := func(class actions.Class, hint, format string, args ...any) (actions.Preview, error) {
		return preview, &actions.Error{Class: class, Op: op, Err: fmt.Errorf(format, args...), Hint: hint}
	}
	switch limit := time.Duration(p.TimeLimit); {
	case limit < time.Minute || limit > 48*time.Hour:
		return no(actions.Invalid, "write it like 1h", "the time limit %s is not between 1m and 48h", limit)
	case p.Share < 1 || p.Share > 100:
		return no(actions.Invalid, "", "at_least_percent is %d, and not between 1 and 100", p.Share)
	}
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	instance, err := c.instanceToChange(ctx, op, p.Instance) // our own keys are in our own memory
	if err != nil {
		return preview, err
	}
	if state := stateOf(instance); state != ec2types.InstanceStateNameRunning {
		return no(actions.Precondition, "its memory is gone; take snapshots of its volumes", "instance %q is %s", p.Instance, state)
	}
	info, err := c.instanceType(ctx, instance.InstanceType)
	if err != nil {
		return preview, err
	}
	state := memoryState{Instance: p.Instance, Bucket: place(c, p.Bucket).Bucket}
	if info.MemoryInfo != nil {
		state.MemoryMiB = int(aws.ToInt64(info.MemoryInfo.SizeInMiB))
	}
	if state.MemoryMiB == 0 {
		return preview, cloud.Without("ec2:DescribeInstanceTypes", "size of the memory of "+string(instance.InstanceType))
	}
	agent, err := c.agent(ctx, p.Instance)
	switch {
	case err != nil:
		return preview, err
	case agent == nil:
		return no(actions.Precondition, "record that there is no image of the memory, and go on", "Systems Manager knows no agent on instance %q", p.Instance)
	case !online(agent):
		return no(actions.Precondition, "check whether it was isolated before; else record that there is no image of the memory", "the agent on instance %q is %s", p.Instance, agent.PingStatus)
	case agent.PlatformType != types.PlatformTypeLinux:
		return no(actions.Precondition, "run a tool for it by hand", "instance %q runs %s, and this works on Linux", p.Instance, agent.PlatformType)
	}
	if err := s3.Ready(ctx, c.Conn, place(c, p.Bucket)); err != nil {
		return preview, err
	}
	preview = actions.Preview{
		Targets:  []actions.Target{c.target("instance", p.Instance)},
		Changes:  []string{fmt.Sprintf("Instance %s runs %s as root, and sends an image of its %d MiB of memory to bucket %s.", p.Instance, p.ToolURL, state.MemoryMiB, state.Bucket)},
		Calls:    []string{"ssm:SendCommand"},
		Warnings: []string{"Whoever is root on the host can see this, and can lie about the result."},
	}
	return preview, preview.Capture(state)
}

// place is where evidence goes: the bucket that the step names, else that of the
// environment.
func place(c *conn, bucket string) cloud.Evidence {
	where := c.Evidence
	if bucket != "" {
		where.Bucket = bucket
	}
	return where
}

func (a captureMemory) Execute(ctx context.Context, call actions.Call, p captureMemoryParams) (captureMemoryResult, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return captureMemoryResult{}, err
	}
	id, err := c.ourCommand(ctx, call, shellDocument)
	if err != nil {
		return captureMemoryResult{}, err
	}
	if id == "" {
		if id, err = a.send(ctx, c, call, p, state); err != nil {
			return captureMemoryResult{}, err
		}
	}
	return state.result(call, id), nil
}

func (a captureMemory) send(ctx context.Context, c *conn, call actions.Call, p captureMemoryParams, state memoryState) (string, error) {
	const op = "ssm:SendCommand"
	out, err := cloud.Do(ctx, c.Conn, cloud.Once, op, c.systems().SendCommand, &ssm.SendCommandInput{
		DocumentName: aws.String(shellDocument), InstanceIds: []string{p.Instance}, Comment: aws.String(commentOf(call)),
		TimeoutSeconds: aws.Int32(600), // until it has started
		Parameters: map[string][]string{
			"commands":         memoryScript(p, state.Bucket, state.key(call), int64(state.MemoryMiB)<<20),
			"executionTimeout": {strconv.Itoa(int(time.Duration(p.TimeLimit).Seconds()))},
		},
	})
	if err != nil {
		return "", err
	}
	if out.Command == nil || aws.ToString(out.Command.CommandId) == "" {
		return "", &actions.Error{Class: actions.Unknown, Op: op, Err: fmt.Errorf("the answer names no command"), Hint: "the next attempt looks for it"}
	}
	return aws.ToString(out.Command.CommandId), nil
}

// key names the image in the bucket; no part of it can hold a quote or a space.
func (s memoryState) key(call actions.Call) string {
	return cloud.Word(call.Incident, 64) + "/" + cloud.Word(call.Run, 64) + "/" + cloud.Word(call.Step, 128) + "/" + s.Instance + ".memory"
}

func (s memoryState) result(call actions.Call, id string) captureMemoryResult {
	return captureMemoryResult{CommandID: id, Bucket: s.Bucket, Key: s.key(call), MemoryMiB: s.MemoryMiB}
}

// Probe finds the command of an attempt whose answer was lost.
func (a captureMemory) Probe(ctx context.Context, call actions.Call, p captureMemoryParams) (actions.Found, captureMemoryResult, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.FoundUnknown, captureMemoryResult{}, err
	}
	id, err := c.ourCommand(ctx, call, shellDocument)
	switch {
	case err != nil:
		return actions.FoundUnknown, captureMemoryResult{}, err
	case id == "":
		return actions.NotApplied, captureMemoryResult{}, nil
	}
	return actions.Applied, state.result(call, id), nil
}

// hostSum is the line in which the host tells what it sent.
var hostSum = regexp.MustCompile(`(?m)^firebreak sha256 ([0-9a-f]{64})\r?$`)

func (a captureMemory) Verify(ctx context.Context, call actions.Call, p captureMemoryParams, r captureMemoryResult) (actions.Reading, error) {
	say := func(verdict actions.Verdict, format string, args ...any) (actions.Reading, error) {
		return actions.Reading{Verdict: verdict, Detail: fmt.Sprintf(format, args...)}, nil
	}
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	if r.CommandID == "" {
		return say(actions.NotVerified, "no command was sent")
	}
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "ssm:GetCommandInvocation", c.systems().GetCommandInvocation, &ssm.GetCommandInvocationInput{CommandId: &r.CommandID, InstanceId: &p.Instance})
	switch {
	case err != nil && actions.ClassOf(err) == actions.NotFound:
		return say(actions.Pending, "command %s has not reached instance %s", r.CommandID, p.Instance)
	case err != nil:
		return cloud.Unreadable(err)
	case aws.ToString(out.CommandId) != r.CommandID || out.Status == "":
		return say(actions.CannotVerify, "Systems Manager does not tell how command %s stands", r.CommandID)
	case slices.Contains([]types.CommandInvocationStatus{types.CommandInvocationStatusPending, types.CommandInvocationStatusInProgress, types.CommandInvocationStatusDelayed, types.CommandInvocationStatusCancelling}, out.Status):
		return say(actions.Pending, "command %s is %s", r.CommandID, out.Status)
	case out.Status != types.CommandInvocationStatusSuccess:
		// What the host printed is the attacker's to choose, and stays out of here.
		return say(actions.NotVerified, "command %s ended as %s (%s) with code %d; its output is in Systems Manager", r.CommandID, out.Status, aws.ToString(out.StatusDetails), out.ResponseCode)
	}
	sum := hostSum.FindStringSubmatch(aws.ToString(out.StandardOutputContent))
	if sum == nil {
		return say(actions.NotVerified, "command %s ended well, but the host told no checksum of the image", r.CommandID)
	}
	image, err := s3.Look(ctx, c.Conn, place(c, r.Bucket), r.Key)
	switch {
	case err != nil && actions.ClassOf(err) == actions.NotFound:
		return say(actions.NotVerified, "command %s ended well, but there is no object %s in bucket %s", r.CommandID, r.Key, r.Bucket)
	case err != nil:
		return cloud.Unreadable(err)
	case image.VersionID == "" || image.Size == 0:
		return say(actions.CannotVerify, "S3 tells no version or no size of %s", r.Key)
	}
	memory := int64(state.MemoryMiB) << 20
	if image.Size*100 < memory*int64(p.Share) {
		return say(actions.NotVerified, "the image %s has %d bytes, less than %d%% of the %d of the memory", r.Key, image.Size, p.Share, memory)
	}
	detail := fmt.Sprintf("version %s of %s has %d bytes of %d; SHA-256 by the host's word %s", image.VersionID, r.Key, image.Size, memory, sum[1])
	if image.Checksum != "" {
		detail += ", by S3 " + image.Checksum
	}
	if image.Mode == "" {
		return say(actions.Verified, "%s; no lock shows, so it can be deleted: give the bucket a default retention, or lock it now", detail)
	}
	return say(actions.Verified, "%s; locked until %s", detail, image.RetainUntil.Format(time.RFC3339))
}

// resume opens the session and loads what Plan captured.
func (a captureMemory) resume(ctx context.Context, call actions.Call, p captureMemoryParams) (*conn, memoryState, error) {
	var state memoryState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if state.Instance != p.Instance || state.Bucket == "" {
		return nil, state, actions.WrongState("it does not know instance %q", p.Instance)
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
