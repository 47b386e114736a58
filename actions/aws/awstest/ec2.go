package awstest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// EC2 is a client that goes around the proxy.
func (w *World) EC2() *ec2.Client { return ec2.NewFromConfig(w.Config) }

// VPC makes a network 10.0.0.0/16 and gives its id.
func (w *World) VPC(t *testing.T) string {
	t.Helper()
	w.useEC2()
	out, err := w.EC2().CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.Vpc.VpcId)
}

// Subnet makes the subnet 10.0.n.0/24 in a network of [World.VPC], in zone a
// for an even n and b for an odd one, and gives its id.
func (w *World) Subnet(t *testing.T, vpc string, n int) string {
	t.Helper()
	out, err := w.EC2().CreateSubnet(t.Context(), &ec2.CreateSubnetInput{
		VpcId: &vpc, CidrBlock: aws.String(fmt.Sprintf("10.0.%d.0/24", n)), AvailabilityZone: aws.String(Region + string("ab"[n%2])),
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.Subnet.SubnetId)
}

// Group makes a security group that lets web traffic in, and gives its id.
func (w *World) Group(t *testing.T, vpc, name string) string {
	t.Helper()
	out, err := w.EC2().CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{VpcId: &vpc, GroupName: &name, Description: aws.String("made by a test")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.EC2().AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: out.GroupId, IpPermissions: []types.IpPermission{
		{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}},
	}}); err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.GroupId)
}

// Machine says what kind of instance to launch.
type Machine struct {
	Subnet     string
	Groups     []string // of its first interface; the others have the first of them; none: the default one of the network
	Interfaces int      // how many; zero: one
	Volumes    int      // besides the root volume
	Profile    string   // name of an instance profile, see World.Profile
	Type       string   // empty: m5.large, which is Nitro
	User       string   // user data, as plain text

	// Usual launches it with SecurityGroupIds and without a specification of
	// its interfaces. moto then shows the union of all groups that the interface
	// ever had, so that no change of its groups can be verified.
	Usual bool
}

// Instance launches one and gives its id. Its interfaces are eth0 and so on in
// the same subnet.
func (w *World) Instance(t *testing.T, m Machine) string {
	t.Helper()
	w.useEC2()
	in := &ec2.RunInstancesInput{
		ImageId: aws.String("ami-12c6146b"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1), InstanceType: types.InstanceTypeM5Large,
		BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: aws.String("/dev/sda1"), Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(8), DeleteOnTermination: aws.Bool(true)}}},
	}
	if m.Type != "" {
		in.InstanceType = types.InstanceType(m.Type)
	}
	for i := range m.Volumes {
		in.BlockDeviceMappings = append(in.BlockDeviceMappings, types.BlockDeviceMapping{
			DeviceName: aws.String("/dev/sd" + string("fghij"[i])), Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(10), DeleteOnTermination: aws.Bool(i%2 == 0)}})
	}
	if m.Profile != "" {
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: &m.Profile}
	}
	if m.User != "" {
		in.UserData = aws.String(base64Of(m.User))
	}
	if m.Usual {
		in.SubnetId, in.SecurityGroupIds = &m.Subnet, m.Groups
	} else {
		in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{DeviceIndex: aws.Int32(0), SubnetId: &m.Subnet, Groups: m.Groups, DeleteOnTermination: aws.Bool(true)}}
	}
	out, err := w.EC2().RunInstances(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	id := aws.ToString(out.Instances[0].InstanceId)
	for i := 1; i < m.Interfaces; i++ {
		w.Attach(t, id, m.Subnet, i, m.Groups[:min(1, len(m.Groups))]...)
	}
	return id
}

// Attach makes an interface with these groups, attaches it as device n, and gives
// its id.
func (w *World) Attach(t *testing.T, instance, subnet string, n int, groups ...string) string {
	t.Helper()
	made, err := w.EC2().CreateNetworkInterface(t.Context(), &ec2.CreateNetworkInterfaceInput{SubnetId: &subnet, Groups: groups})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.EC2().AttachNetworkInterface(t.Context(), &ec2.AttachNetworkInterfaceInput{
		InstanceId: &instance, NetworkInterfaceId: made.NetworkInterface.NetworkInterfaceId, DeviceIndex: aws.Int32(int32(n))}); err != nil {
		t.Fatal(err)
	}
	return aws.ToString(made.NetworkInterface.NetworkInterfaceId)
}

// Interfaces are the ids of the interfaces of an instance, sorted.
func (w *World) Interfaces(t *testing.T, instance string) []string {
	t.Helper()
	out, err := w.EC2().DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{Filters: filter("attachment.instance-id", instance)})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, one := range out.NetworkInterfaces {
		ids = append(ids, aws.ToString(one.NetworkInterfaceId))
	}
	slices.Sort(ids)
	return ids
}

// SetGroups sets the groups of an interface, as somebody else would.
func (w *World) SetGroups(t *testing.T, networkInterface string, groups ...string) {
	t.Helper()
	if _, err := w.EC2().ModifyNetworkInterfaceAttribute(t.Context(), &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &networkInterface, Groups: groups}); err != nil {
		t.Fatal(err)
	}
}

// Address gives an interface a public address of its own, and the address's
// allocation id.
func (w *World) Address(t *testing.T, networkInterface string) string {
	t.Helper()
	made, err := w.EC2().AllocateAddress(t.Context(), &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.EC2().AssociateAddress(t.Context(), &ec2.AssociateAddressInput{AllocationId: made.AllocationId, NetworkInterfaceId: &networkInterface}); err != nil {
		t.Fatal(err)
	}
	return aws.ToString(made.AllocationId)
}

// Profile makes an instance profile and its role, which is made when the world
// does not have it, and gives the profile's ARN.
func (w *World) Profile(t *testing.T, name, role string) string {
	t.Helper()
	if _, made := w.arns["role/"+role]; !made {
		w.Role(t, "/", role)
	}
	out, err := w.IAM.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: &name})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.IAM.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &name, RoleName: &role}); err != nil {
		t.Fatal(err)
	}
	w.arns["instance-profile/"+name] = aws.ToString(out.InstanceProfile.Arn)
	return aws.ToString(out.InstanceProfile.Arn)
}

// ec2State reads what there is in EC2, Auto Scaling, load balancers and Systems
// Manager, when anything was made there. Each part gives its lines.
func (w *World) ec2State(t *testing.T) string {
	t.Helper()
	if !w.launched {
		return ""
	}
	var lines []string
	for _, part := range []func(*testing.T) []string{
		w.instanceState, w.interfaceState, w.groupState,
		w.aroundState,
		w.copyState,
	} {
		lines = append(lines, part(t)...)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// rights says which rights a call needs.
type rights func(call Call) []Need

// ec2Needs are the rights of calls to EC2, Auto Scaling, load balancers and
// Systems Manager. A call that no table knows fails the test.
func (w *World) ec2Needs(t *testing.T, call Call) []Need {
	t.Helper()
	for _, table := range []map[string]rights{
		w.instanceRights(),
		w.aroundRights(),
		w.copyRights(),
	} {
		if find, ok := table[call.Operation]; ok {
			return find(call)
		}
	}
	t.Fatalf("no table knows which rights %s needs; add it to one of those in World.ec2Needs", call.Operation)
	return nil
}

// arn is that of a resource of EC2: kind is "instance", "network-interface" and so on.
func (w *World) arn(kind, id string) string {
	return "arn:aws:ec2:" + Region + ":" + w.Account + ":" + kind + "/" + id
}

// anywhere is for calls that AWS knows no smaller resource for.
func anywhere(call Call) []Need { return []Need{{call.Operation, "*"}} }

// values lists a numbered field of a form: SecurityGroupId.1 and so on.
func values(call Call, field string) []string {
	var found []string
	for i := 1; call.Form.Has(fmt.Sprintf("%s.%d", field, i)); i++ {
		found = append(found, call.Form.Get(fmt.Sprintf("%s.%d", field, i)))
	}
	return found
}

func filter(name string, values ...string) []types.Filter {
	return []types.Filter{{Name: &name, Values: values}}
}
