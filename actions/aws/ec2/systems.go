package ec2

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// agent reads what Systems Manager knows of the agent on an instance; nil when
// it knows none.
func (c *conn) agent(ctx context.Context, instance string) (*types.InstanceInformation, error) {
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "ssm:DescribeInstanceInformation", c.systems().DescribeInstanceInformation, &ssm.DescribeInstanceInformationInput{
		Filters: []types.InstanceInformationStringFilter{{Key: aws.String("InstanceIds"), Values: []string{instance}}}})
	if err != nil {
		return nil, err
	}
	for i := range out.InstanceInformationList {
		if aws.ToString(out.InstanceInformationList[i].InstanceId) == instance {
			return &out.InstanceInformationList[i], nil
		}
	}
	return nil, nil
}

func online(agent *types.InstanceInformation) bool {
	return agent != nil && agent.PingStatus == types.PingStatusOnline
}

// commentOf marks a command, since SendCommand has no client token. A comment
// holds 100 characters; the key comes first, because it is what counts.
func commentOf(call actions.Call) string {
	s := "firebreak " + call.Key.Token(40) + " " + cloud.Word(call.Incident, 16) + " " + cloud.Word(call.Run, 8) + " " + cloud.Word(call.Step, 20)
	return s[:min(len(s), 100)]
}

// ourCommand finds the command that an earlier attempt of this step sent; empty:
// there is none. It asks for all commands of the account and not for those of the
// instance, since a command is counted to an instance only when it has arrived.
func (c *conn) ourCommand(ctx context.Context, call actions.Call, document string) (string, error) {
	if call.Key == "" {
		return "", &actions.Error{Class: actions.Invalid, Op: "find an earlier command", Err: fmt.Errorf("the step %q has no key", call.Step), Hint: "this is a bug: nothing was sent, since it could not be found again"}
	}
	in := &ssm.ListCommandsInput{Filters: []types.CommandFilter{{Key: types.CommandFilterKeyDocumentName, Value: &document}}}
	if !call.Started.IsZero() { // an hour is for clocks that differ
		in.Filters = append(in.Filters, types.CommandFilter{Key: types.CommandFilterKeyInvokedAfter, Value: aws.String(call.Started.UTC().Add(-time.Hour).Format("2006-01-02T15:04:05Z"))})
	}
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "ssm:ListCommands", c.systems().ListCommands, in)
		if err != nil {
			return "", err
		}
		for _, one := range out.Commands {
			if aws.ToString(one.Comment) == commentOf(call) {
				return aws.ToString(one.CommandId), nil
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return "", nil
		}
	}
}

// memoryScript is what runs on the host: it fetches the tool, compares it with
// its pinned SHA-256, and streams what it writes into the bucket without putting it on
// a disk. Nothing in it is secret: the host uploads with its own role. All that is
// put into it has passed a pattern that no quote or space passes.
func memoryScript(p captureMemoryParams, bucket, key string, bytes int64) []string {
	fetch := "curl -fsSL --max-time 300 -o \"$work/tool\" '" + p.ToolURL + "'"
	if strings.HasPrefix(p.ToolURL, "s3://") {
		fetch = "aws s3 cp --only-show-errors '" + p.ToolURL + "' \"$work/tool\""
	}
	return []string{
		"set -eu",
		"umask 077",
		"work=$(mktemp -d)",
		"trap 'rm -rf \"$work\"' EXIT",
		fetch,
		"echo '" + p.ToolSHA256 + "  '\"$work/tool\" | sha256sum -c - >/dev/null",
		"chmod 700 \"$work/tool\"",
		"mkfifo \"$work/copy\"",
		"sha256sum <\"$work/copy\" >\"$work/sum\" &",
		"summing=$!",
		"{ \"$work/tool\" || : >\"$work/failed\"; } | tee \"$work/copy\" | aws s3 cp --only-show-errors --expected-size " + fmt.Sprint(bytes) + " - 's3://" + bucket + "/" + key + "' || : >\"$work/failed\"",
		"wait \"$summing\"",
		"[ ! -e \"$work/failed\" ]",
		"echo \"firebreak sha256 $(cut -d' ' -f1 \"$work/sum\")\"",
	}
}
