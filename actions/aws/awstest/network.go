package awstest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// last is the name at the end of an ARN.
func last(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// Must fails the test for an error of a call that prepares a world.
func Must[Out any](t *testing.T) func(Out, error) Out {
	return func(out Out, err error) Out {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// ACL makes a network ACL with these tags and, for each number, a rule that lets
// everything in. It gives its id.
func (w *World) ACL(t *testing.T, vpc string, tags map[string]string, rules ...int32) string {
	t.Helper()
	in := &ec2.CreateNetworkAclInput{VpcId: &vpc}
	if len(tags) > 0 {
		in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeNetworkAcl}}
		for key, value := range tags {
			in.TagSpecifications[0].Tags = append(in.TagSpecifications[0].Tags, types.Tag{Key: &key, Value: &value})
		}
	}
	id := aws.ToString(Must[*ec2.CreateNetworkAclOutput](t)(w.EC2().CreateNetworkAcl(t.Context(), in)).NetworkAcl.NetworkAclId)
	for _, number := range rules {
		w.OpenACL(t, id, number)
	}
	return id
}

// OpenACL adds a rule that lets everything in, as somebody else would.
func (w *World) OpenACL(t *testing.T, acl string, number int32) {
	t.Helper()
	Must[*ec2.CreateNetworkAclEntryOutput](t)(w.EC2().CreateNetworkAclEntry(t.Context(), &ec2.CreateNetworkAclEntryInput{
		NetworkAclId: &acl, RuleNumber: &number, Egress: aws.Bool(false), Protocol: aws.String("-1"), RuleAction: types.RuleActionAllow, CidrBlock: aws.String("0.0.0.0/0")}))
}

// ACLOf is the network ACL of a subnet, and the id of their association.
func (w *World) ACLOf(t *testing.T, subnet string) (acl, association string) {
	t.Helper()
	for _, one := range Must[*ec2.DescribeNetworkAclsOutput](t)(w.EC2().DescribeNetworkAcls(t.Context(), &ec2.DescribeNetworkAclsInput{})).NetworkAcls {
		for _, a := range one.Associations {
			if aws.ToString(a.SubnetId) == subnet {
				return aws.ToString(one.NetworkAclId), aws.ToString(a.NetworkAclAssociationId)
			}
		}
	}
	t.Fatalf("subnet %s has no network ACL", subnet)
	return "", ""
}

// SetACL gives a subnet another network ACL, as somebody else would.
func (w *World) SetACL(t *testing.T, subnet, acl string) {
	t.Helper()
	_, association := w.ACLOf(t, subnet)
	Must[*ec2.ReplaceNetworkAclAssociationOutput](t)(w.EC2().ReplaceNetworkAclAssociation(t.Context(), &ec2.ReplaceNetworkAclAssociationInput{AssociationId: &association, NetworkAclId: &acl}))
}

// SetProfile gives an instance another instance profile, by name, as somebody else
// would; empty: none.
func (w *World) SetProfile(t *testing.T, instance, profile string) {
	t.Helper()
	var there *string
	for _, one := range w.profiles(t) {
		if aws.ToString(one.InstanceId) == instance {
			there = one.AssociationId
		}
	}
	if there != nil {
		Must[*ec2.DisassociateIamInstanceProfileOutput](t)(w.EC2().DisassociateIamInstanceProfile(t.Context(), &ec2.DisassociateIamInstanceProfileInput{AssociationId: there}))
	}
	if profile != "" {
		Must[*ec2.AssociateIamInstanceProfileOutput](t)(w.EC2().AssociateIamInstanceProfile(t.Context(), &ec2.AssociateIamInstanceProfileInput{
			InstanceId: &instance, IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: &profile}}))
	}
}

// SetRunning starts or stops an instance, as somebody else would.
func (w *World) SetRunning(t *testing.T, instance string, running bool) {
	t.Helper()
	if running {
		Must[*ec2.StartInstancesOutput](t)(w.EC2().StartInstances(t.Context(), &ec2.StartInstancesInput{InstanceIds: []string{instance}}))
		return
	}
	Must[*ec2.StopInstancesOutput](t)(w.EC2().StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{instance}}))
}

func (w *World) profiles(t *testing.T) []types.IamInstanceProfileAssociation {
	t.Helper()
	return Must[*ec2.DescribeIamInstanceProfileAssociationsOutput](t)(w.EC2().DescribeIamInstanceProfileAssociations(t.Context(), &ec2.DescribeIamInstanceProfileAssociationsInput{})).IamInstanceProfileAssociations
}

// profileState reads which instance has which profile. The id of the association
// is another one after each change, and left out.
func (w *World) profileState(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, one := range w.profiles(t) {
		lines = append(lines, fmt.Sprintf("profile of %s %s %s", aws.ToString(one.InstanceId), aws.ToString(one.IamInstanceProfile.Arn), one.State))
	}
	return lines
}

// aclState reads every network ACL with its rules, its tags and its subnets. The
// ids of associations are left out, as those of profiles are.
func (w *World) aclState(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, one := range Must[*ec2.DescribeNetworkAclsOutput](t)(w.EC2().DescribeNetworkAcls(t.Context(), &ec2.DescribeNetworkAclsInput{})).NetworkAcls {
		var subnets, rules []string
		for _, a := range one.Associations {
			subnets = append(subnets, aws.ToString(a.SubnetId))
		}
		for _, e := range one.Entries {
			direction := "in"
			if aws.ToBool(e.Egress) {
				direction = "out"
			}
			rules = append(rules, fmt.Sprintf("%05d %s %s %s %s%s", aws.ToInt32(e.RuleNumber), direction, e.RuleAction, aws.ToString(e.Protocol), aws.ToString(e.CidrBlock), aws.ToString(e.Ipv6CidrBlock)))
		}
		slices.Sort(subnets)
		slices.Sort(rules)
		lines = append(lines, fmt.Sprintf("acl %s%s of %v rules %v", aws.ToString(one.NetworkAclId), tagText(one.Tags), subnets, rules))
	}
	return lines
}

// VPCOf is the network of a subnet.
func (w *World) VPCOf(t *testing.T, subnet string) string {
	t.Helper()
	return aws.ToString(Must[*ec2.DescribeSubnetsOutput](t)(w.EC2().DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{SubnetIds: []string{subnet}})).Subnets[0].VpcId)
}

// HostIn is the first instance with an interface in a subnet.
func (w *World) HostIn(t *testing.T, subnet string) string {
	t.Helper()
	for _, one := range Must[*ec2.DescribeNetworkInterfacesOutput](t)(w.EC2().DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{Filters: filter("subnet-id", subnet)})).NetworkInterfaces {
		if one.Attachment != nil {
			return aws.ToString(one.Attachment.InstanceId)
		}
	}
	t.Fatalf("no instance is in subnet %s", subnet)
	return ""
}
