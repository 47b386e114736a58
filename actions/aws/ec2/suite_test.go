package ec2_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/ec2"
)

// motoIsWrong lists where moto differs from AWS in what these tests are about.
func motoIsWrong() []string {
	return []string{
		"DescribeNetworkInterfaces shows old and new groups of an instance that was launched with SecurityGroupIds: testIsolationOfUsualLaunch uses that, all others launch with NetworkInterfaces",
		"ModifyNetworkInterfaceAttribute forgets the idle timeout: awstest's proxy remembers it",
		"ModifyNetworkInterfaceAttribute ignores AssociatePublicIpAddress: a public address that AWS assigned cannot be taken away, testAssignedAddress says so",
		"DeleteSecurityGroup deletes a group that is in use: the actions look for users first",
		"AuthorizeSecurityGroupEgress drops IPv6 rules in a network without IPv6",
		"DescribeInstances fails after DetachNetworkInterface: the proxy shows the interface at another instance",
		"nothing carries packets: which connections live on is not tested",
	}
}

// registry gives the actions against a world.
func registry(w *awstest.World) *actions.Registry {
	r := actions.NewRegistry()
	ec2.Register(r, w.Cloud())
	return r
}

// faults prepares the errors that every change must classify.
func faults(w *awstest.World, operation string) func(*testing.T, string) {
	return w.Faults(operation, map[string]awstest.Refusal{
		"denied":    {Status: http.StatusForbidden, Code: "UnauthorizedOperation"},
		"throttled": {Status: http.StatusServiceUnavailable, Code: "RequestLimitExceeded"},
	})
}

func changeErrors() map[string]actions.Class {
	return map[string]actions.Class{ // what becomes of the other codes is cloud's affair
		"denied": actions.Denied, "throttled": actions.Throttled,
		"broken after the effect": actions.Unknown, "cut before the effect": actions.Unknown, "cut, then refused": actions.Unknown,
	}
}

// host is an instance with two interfaces in a network with two web groups.
type host struct {
	*awstest.World
	vpc, subnet, id string
	web, admin      string // groups
	cards           []string
	address         string // an Elastic IP, when there is one
}

func newHost(t *testing.T, e *awstest.Emulator) host {
	t.Helper()
	return makeHost(t, e.World(t))
}

func makeHost(t *testing.T, w *awstest.World) host {
	t.Helper()
	h := host{World: w}
	h.vpc = h.VPC(t)
	h.subnet = h.Subnet(t, h.vpc, 0)
	h.web, h.admin = h.Group(t, h.vpc, "web"), h.Group(t, h.vpc, "admin")
	h.id = h.Instance(t, awstest.Machine{Subnet: h.subnet, Groups: []string{h.web, h.admin}, Interfaces: 2, Volumes: 1, User: "password=canary-7f3a"})
	h.cards = h.Interfaces(t, h.id)
	return h
}

// withAddress gives the first interface an Elastic IP.
func (h host) withAddress(t *testing.T) host {
	t.Helper()
	h.address = h.Address(t, h.cards[0])
	return h
}

func (h host) step(t *testing.T, action string, with map[string]any) *awstest.Step {
	t.Helper()
	all := map[string]any{"instance_id": h.id}
	for name, value := range with {
		all[name] = value
	}
	return awstest.NewStep(t, registry(h.World), action, all)
}

func TestActions(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	t.Cleanup(func() { t.Log("where moto is wrong:\n" + strings.Join(motoIsWrong(), "\n")) })
	world := func(h host, with map[string]any, operation string) actionstest.World {
		all := map[string]any{"instance_id": h.id}
		for name, value := range with {
			all[name] = value
		}
		return actionstest.World{
			Registry: registry(h.World), Call: awstest.NewCall(), Params: all, Snapshot: h.Snapshot,
			LoseAnswer: func(*testing.T) { h.Proxy.DropAfterEffect(operation, awstest.EveryAttempt) },
			Fault:      faults(h.World, operation),
			Canaries:   []string{h.Credentials.SecretAccessKey, "canary-7f3a"},
		}
	}
	for _, mode := range []string{"sg", "sg_two_step", "eip"} {
		t.Run("isolate "+mode, func(t *testing.T) {
			c := actionstest.Case{Action: "aws.ec2.isolate_instance", World: func(t *testing.T) actionstest.World {
				h := newHost(t, moto).withAddress(t)
				w := world(h, map[string]any{"mode": mode, "open_for": "1ms"}, "ec2:CreateSecurityGroup")
				w.Disturb = func(t *testing.T) { h.SetGroups(t, h.cards[1], h.admin) }
				return w
			}, Skip: map[string]string{}}
			if mode == "sg" {
				c.Errors = changeErrors()
			} else { // what the modes differ in; the rest costs time
				for _, part := range []string{"spec", "plan", "verify", "lost answer"} {
					c.Skip[part] = "shown with mode sg"
				}
			}
			actionstest.Run(t, c)
		})
	}
	t.Run("restore", func(t *testing.T) {
		actionstest.Run(t, actionstest.Case{Action: "aws.ec2.restore_instance", World: func(t *testing.T) actionstest.World {
			h := newHost(t, moto).withAddress(t)
			isolated := h.step(t, "aws.ec2.isolate_instance", map[string]any{"mode": "eip"}).Plan().Execute()
			w := world(h, map[string]any{"interfaces": h.interfaces(t, isolated)}, "ec2:ModifyNetworkInterfaceAttribute")
			w.Disturb = func(t *testing.T) { h.SetGroups(t, h.cards[1], h.admin) }
			return w
		}, Errors: map[string]actions.Class{"denied": actions.Denied, "cut, then refused": actions.Unknown}})
	})
	t.Run("protect", func(t *testing.T) {
		actionstest.Run(t, actionstest.Case{Action: "aws.ec2.protect_instance", World: func(t *testing.T) actionstest.World {
			h := newHost(t, moto)
			w := world(h, map[string]any{"stop_protection": true}, "ec2:ModifyInstanceAttribute")
			w.Disturb = func(t *testing.T) { h.unprotect(t) }
			return w
		}, Errors: map[string]actions.Class{"denied": actions.Denied, "broken after the effect": actions.Unknown}})
	})
}

// TestInstances runs what the suite does not ask, with one emulator for all.
func TestInstances(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *awstest.Emulator)
	}{
		{"isolation is proved", testIsolationIsProved},
		{"isolation of usual launch", testIsolationOfUsualLaunch},
		{"group of our name that is not ours", testGroupOfOurNameThatIsNotOurs},
		{"group of ours is shared and cleaned", testGroupOfOursIsSharedAndCleaned},
		{"undo of isolation is exact", testUndoOfIsolationIsExact},
		{"two step always closes", testTwoStepAlwaysCloses},
		{"two step is never left open", testTwoStepIsNeverLeftOpen},
		{"undo never opens", testUndoNeverOpens},
		{"assigned address", testAssignedAddress},
		{"empty answers prove nothing", testEmptyAnswersProveNothing},
		{"own host is refused", testOwnHostIsRefused},
		{"instances that are refused", testInstancesThatAreRefused},
		{"lost answer of every change", testLostAnswerOfEveryChange},
		{"one interface that fails", testOneInterfaceThatFails},
		{"tag that is refused", testTagThatIsRefused},
		{"foreign state is refused", testForeignStateIsRefused},
		{"protection owns what it changed", testProtectionOwnsWhatItChanged},
		{"permissions are exact", testPermissionsAreExact},
		{"dry runs", testDryRuns},
		{"role of dry runs", testDryRunRole},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, moto) })
	}
}

// interfaces are those of the result of an isolation.
func (h host) interfaces(t *testing.T, isolated *awstest.Step) any {
	t.Helper()
	var result struct {
		Interfaces []any `json:"interfaces"`
	}
	if err := json.Unmarshal(isolated.Result, &result); err != nil {
		t.Fatal(err)
	}
	return result.Interfaces
}

// unprotect turns termination protection off, as an attacker would.
func (h host) unprotect(t *testing.T) {
	t.Helper()
	if _, err := h.EC2().ModifyInstanceAttribute(t.Context(), &sdk.ModifyInstanceAttributeInput{InstanceId: &h.id, DisableApiTermination: &types.AttributeBooleanValue{Value: aws.Bool(false)}}); err != nil {
		t.Fatal(err)
	}
}

// protectFromStop turns stop protection on, as somebody else would.
func (h host) protectFromStop(t *testing.T) {
	t.Helper()
	if _, err := h.EC2().ModifyInstanceAttribute(t.Context(), &sdk.ModifyInstanceAttributeInput{InstanceId: &h.id, DisableApiStop: &types.AttributeBooleanValue{Value: aws.Bool(true)}}); err != nil {
		t.Fatal(err)
	}
}

// unkeep lets the root volume be deleted with the instance.
func (h host) unkeep(t *testing.T) {
	t.Helper()
	if _, err := h.EC2().ModifyInstanceAttribute(t.Context(), &sdk.ModifyInstanceAttributeInput{InstanceId: &h.id, BlockDeviceMappings: []types.InstanceBlockDeviceMappingSpecification{
		{DeviceName: aws.String("/dev/sda1"), Ebs: &types.EbsInstanceBlockDeviceSpecification{DeleteOnTermination: aws.Bool(true)}}}}); err != nil {
		t.Fatal(err)
	}
}

// tag tags the instance, as an earlier step did.
func (h host) tag(t *testing.T, key, value string) {
	t.Helper()
	if _, err := h.EC2().CreateTags(t.Context(), &sdk.CreateTagsInput{Resources: []string{h.id}, Tags: []types.Tag{{Key: &key, Value: &value}}}); err != nil {
		t.Fatal(err)
	}
}

func sorted(lines []string) []string { return slices.Sorted(slices.Values(lines)) }
