package awstest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// Balancing is a client of load balancers that goes around the proxy.
func (w *World) Balancing() *elb.Client { return elb.NewFromConfig(w.Config) }

// TargetGroup makes a target group on port 80 whose targets are of a kind,
// instance or ip, and gives its ARN.
func (w *World) TargetGroup(t *testing.T, vpc, name, kind string) string {
	t.Helper()
	return aws.ToString(Must[*elb.CreateTargetGroupOutput](t)(w.Balancing().CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
		Name: &name, Port: aws.Int32(80), Protocol: types.ProtocolEnumHttp, VpcId: &vpc, TargetType: types.TargetTypeEnum(kind)})).TargetGroups[0].TargetGroupArn)
}

// Register makes something a target of a group on a port.
func (w *World) Register(t *testing.T, group, id string, port int32) {
	t.Helper()
	Must[*elb.RegisterTargetsOutput](t)(w.Balancing().RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: &id, Port: &port}}}))
}

// Deregister takes a target out of a group, as somebody else would.
func (w *World) Deregister(t *testing.T, group, id string, port int32) {
	t.Helper()
	Must[*elb.DeregisterTargetsOutput](t)(w.Balancing().DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: &id, Port: &port}}}))
}

// PrivateAddresses are those of the interfaces of an instance, sorted.
func (w *World) PrivateAddresses(t *testing.T, instance string) []string {
	t.Helper()
	var found []string
	for _, one := range Must[*ec2.DescribeNetworkInterfacesOutput](t)(w.EC2().DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{Filters: filter("attachment.instance-id", instance)})).NetworkInterfaces {
		found = append(found, aws.ToString(one.PrivateIpAddress))
	}
	slices.Sort(found)
	return found
}

// targetState reads every target that is registered in a target group.
func (w *World) targetState(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, group := range Must[*elb.DescribeTargetGroupsOutput](t)(w.Balancing().DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{})).TargetGroups {
		var targets []string
		for _, one := range Must[*elb.DescribeTargetHealthOutput](t)(w.Balancing().DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: group.TargetGroupArn})).TargetHealthDescriptions {
			if one.TargetHealth.Reason != types.TargetHealthReasonEnumNotRegistered {
				targets = append(targets, fmt.Sprintf("%s:%d %s", aws.ToString(one.Target.Id), aws.ToInt32(one.Target.Port), one.TargetHealth.State))
			}
		}
		slices.Sort(targets)
		lines = append(lines, fmt.Sprintf("targets %s %v", aws.ToString(group.TargetGroupArn), targets))
	}
	return lines
}

// TargetGroupsNamed are the ARNs of the target groups of a name.
func (w *World) TargetGroupsNamed(t *testing.T, name string) []string {
	t.Helper()
	var found []string
	for _, one := range Must[*elb.DescribeTargetGroupsOutput](t)(w.Balancing().DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{Names: []string{name}})).TargetGroups {
		found = append(found, aws.ToString(one.TargetGroupArn))
	}
	return found
}
