package awstest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// Scaling is a client of Auto Scaling that goes around the proxy.
func (w *World) Scaling() *autoscaling.Client { return autoscaling.NewFromConfig(w.Config) }

// Fleet says what kind of Auto Scaling group to make.
type Fleet struct {
	Name              string
	Subnet            string
	Min, Max, Desired int
	TargetGroups      []string // ARNs
	Protected         bool     // new instances are protected from scale-in
}

// Fleet makes an Auto Scaling group, and gives the ids of the instances that it
// launched, sorted.
func (w *World) Fleet(t *testing.T, f Fleet) []string {
	t.Helper()
	w.useEC2()
	template := f.Name + "-launch"
	Must[*autoscaling.CreateLaunchConfigurationOutput](t)(w.Scaling().CreateLaunchConfiguration(t.Context(), &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: &template, ImageId: aws.String("ami-12c6146b"), InstanceType: aws.String("m5.large")}))
	Must[*autoscaling.CreateAutoScalingGroupOutput](t)(w.Scaling().CreateAutoScalingGroup(t.Context(), &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &f.Name, LaunchConfigurationName: &template, VPCZoneIdentifier: &f.Subnet, TargetGroupARNs: f.TargetGroups, NewInstancesProtectedFromScaleIn: &f.Protected,
		MinSize: aws.Int32(int32(f.Min)), MaxSize: aws.Int32(int32(f.Max)), DesiredCapacity: aws.Int32(int32(f.Desired))}))
	var ids []string
	group := w.fleet(t, f.Name)
	for _, one := range group.Instances {
		ids = append(ids, aws.ToString(one.InstanceId))
	}
	w.arns["scaling/"+f.Name] = aws.ToString(group.AutoScalingGroupARN)
	slices.Sort(ids)
	return ids
}

func (w *World) fleet(t *testing.T, name string) types.AutoScalingGroup {
	t.Helper()
	groups := Must[*autoscaling.DescribeAutoScalingGroupsOutput](t)(w.Scaling().DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})).AutoScalingGroups
	if len(groups) != 1 {
		t.Fatalf("there are %d groups %s", len(groups), name)
	}
	return groups[0]
}

// Desired is how many instances a group wants.
func (w *World) Desired(t *testing.T, name string) int {
	t.Helper()
	return int(aws.ToInt32(w.fleet(t, name).DesiredCapacity))
}

// SetFleet sets the sizes of a group, as somebody else would.
func (w *World) SetFleet(t *testing.T, name string, least, most, desired int) {
	t.Helper()
	Must[*autoscaling.UpdateAutoScalingGroupOutput](t)(w.Scaling().UpdateAutoScalingGroup(t.Context(), &autoscaling.UpdateAutoScalingGroupInput{
		AutoScalingGroupName: &name, MinSize: aws.Int32(int32(least)), MaxSize: aws.Int32(int32(most)), DesiredCapacity: aws.Int32(int32(desired))}))
}

// Standby puts an instance in standby or back in service, as somebody else would.
func (w *World) Standby(t *testing.T, name, instance string, in bool) {
	t.Helper()
	if in {
		Must[*autoscaling.EnterStandbyOutput](t)(w.Scaling().EnterStandby(t.Context(), &autoscaling.EnterStandbyInput{AutoScalingGroupName: &name, InstanceIds: []string{instance}, ShouldDecrementDesiredCapacity: aws.Bool(true)}))
		return
	}
	Must[*autoscaling.ExitStandbyOutput](t)(w.Scaling().ExitStandby(t.Context(), &autoscaling.ExitStandbyInput{AutoScalingGroupName: &name, InstanceIds: []string{instance}}))
}

// Join attaches an instance to a group, as somebody else would.
func (w *World) Join(t *testing.T, name, instance string) {
	t.Helper()
	Must[*autoscaling.AttachInstancesOutput](t)(w.Scaling().AttachInstances(t.Context(), &autoscaling.AttachInstancesInput{AutoScalingGroupName: &name, InstanceIds: []string{instance}}))
}

// Leave detaches an instance from a group, as somebody else would.
func (w *World) Leave(t *testing.T, name, instance string) {
	t.Helper()
	Must[*autoscaling.DetachInstancesOutput](t)(w.Scaling().DetachInstances(t.Context(), &autoscaling.DetachInstancesInput{AutoScalingGroupName: &name, InstanceIds: []string{instance}, ShouldDecrementDesiredCapacity: aws.Bool(true)}))
}

// Protect sets the protection of an instance from scale-in.
func (w *World) Protect(t *testing.T, name, instance string, on bool) {
	t.Helper()
	Must[*autoscaling.SetInstanceProtectionOutput](t)(w.Scaling().SetInstanceProtection(t.Context(), &autoscaling.SetInstanceProtectionInput{AutoScalingGroupName: &name, InstanceIds: []string{instance}, ProtectedFromScaleIn: &on}))
}

// scalingState reads every Auto Scaling group: sizes, and each instance with its
// state.
func (w *World) scalingState(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, group := range Must[*autoscaling.DescribeAutoScalingGroupsOutput](t)(w.Scaling().DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{})).AutoScalingGroups {
		var instances []string
		for _, one := range group.Instances {
			instances = append(instances, fmt.Sprintf("%s %s protected=%v", aws.ToString(one.InstanceId), one.LifecycleState, aws.ToBool(one.ProtectedFromScaleIn)))
		}
		slices.Sort(instances)
		lines = append(lines, fmt.Sprintf("scaling %s %d<=%d<=%d %v", aws.ToString(group.AutoScalingGroupName), aws.ToInt32(group.MinSize), aws.ToInt32(group.DesiredCapacity), aws.ToInt32(group.MaxSize), instances))
	}
	return lines
}
