package ec2_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

const isolate = "aws.ec2.isolate_instance"

// group finds a security group by its name.
func (h host) group(t *testing.T, name string) types.SecurityGroup {
	t.Helper()
	out, err := h.EC2().DescribeSecurityGroups(t.Context(), &sdk.DescribeSecurityGroupsInput{Filters: []types.Filter{{Name: aws.String("group-name"), Values: []string{name}}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.SecurityGroups) != 1 {
		t.Fatalf("got %d groups called %s, want one", len(out.SecurityGroups), name)
	}
	return out.SecurityGroups[0]
}

// open lets everything into a group, as an attacker would.
func (h host) open(t *testing.T, group string) {
	t.Helper()
	if _, err := h.EC2().AuthorizeSecurityGroupIngress(t.Context(), &sdk.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: []types.IpPermission{
		{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String("198.51.100.0/24")}}}}}); err != nil {
		t.Fatal(err)
	}
}

// says checks that one of the sentences holds the words.
func says(t *testing.T, sentences []string, words string) {
	t.Helper()
	if !slices.ContainsFunc(sentences, func(s string) bool { return strings.Contains(s, words) }) {
		t.Errorf("nothing says %q:\n%s", words, strings.Join(sentences, "\n"))
	}
}

func readUndo(t *testing.T, s *awstest.Step) actions.Reading {
	t.Helper()
	reading, err := s.Handler.VerifyUndo(t.Context(), s.Call, s.Params, s.Result)
	if err != nil {
		t.Fatal(err)
	}
	return reading
}

// What is verified is all that is attached now, and exactly the rules.
func testIsolationIsProved(t *testing.T, moto *awstest.Emulator) {
	h := newHost(t, moto)
	s := h.step(t, isolate, map[string]any{"allow_cidrs": []string{"10.9.0.0/24"}, "allow_groups": []string{h.admin}}).Plan().Execute()
	s.Is(actions.Verified, "all 2 interfaces")
	name := ""
	for _, one := range h.names(t) {
		if strings.HasPrefix(one, "firebreak-quarantine-") {
			name = one
		}
	}
	group := h.group(t, name)
	if got, want := len(group.IpPermissions)+len(group.IpPermissionsEgress), 2; got != want {
		t.Errorf("the quarantine group has %d rules, want %d: %+v", got, want, group)
	}

	h.open(t, aws.ToString(group.GroupId))
	s.Is(actions.NotVerified, "rules that were not planned: in from 198.51.100.0/24: everything")
	s.Execute().Is(actions.Verified, "")

	if _, err := h.EC2().RevokeSecurityGroupEgress(t.Context(), &sdk.RevokeSecurityGroupEgressInput{GroupId: group.GroupId, IpPermissions: group.IpPermissionsEgress}); err != nil {
		t.Fatal(err)
	}
	s.Is(actions.NotVerified, "lacks rules: out to "+h.admin+": tcp 443")
	s.Execute().Is(actions.Verified, "")

	h.SetGroups(t, h.cards[0], aws.ToString(group.GroupId), h.web)
	s.Is(actions.NotVerified, "not only the quarantine group")
	s.Execute().Is(actions.Verified, "")

	added := h.Attach(t, h.id, h.subnet, 2, aws.ToString(group.GroupId))
	s.Is(actions.NotVerified, "interface "+added+" was attached since the plan")
	s.Execute().Is(actions.NotVerified, added)
}

func (h host) names(t *testing.T) []string {
	t.Helper()
	out, err := h.EC2().DescribeSecurityGroups(t.Context(), &sdk.DescribeSecurityGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range out.SecurityGroups {
		names = append(names, aws.ToString(one.GroupName))
	}
	return names
}

// moto shows the union of all groups for an instance that was launched the usual
// way: the one isolation here that does not take, and is not called done.
func testIsolationOfUsualLaunch(t *testing.T, moto *awstest.Emulator) {
	h := newHost(t, moto)
	h.id = h.Instance(t, awstest.Machine{Subnet: h.subnet, Groups: []string{h.web}, Usual: true})
	s := h.step(t, isolate, nil).Plan().Execute()
	s.Is(actions.NotVerified, "has "+strings.Join(slices.Sorted(slices.Values([]string{h.web, aws.ToString(h.group(t, "firebreak-quarantine").GroupId)})), ", "))
}

// A group of our name that does not have our tags is not used, and said.
func testGroupOfOurNameThatIsNotOurs(t *testing.T, moto *awstest.Emulator) {
	h := newHost(t, moto)
	trap := h.Group(t, h.vpc, "firebreak-quarantine")
	s := h.step(t, isolate, nil).Plan()
	says(t, s.Preview.Warnings, "firebreak-quarantine ("+trap+") is not ours")
	s.Execute().Is(actions.Verified, "")
	if got := len(h.group(t, "firebreak-quarantine").IpPermissions); got != 1 {
		t.Errorf("the group that is not ours was changed: it has %d rules", got)
	}
	if got := len(h.group(t, "firebreak-quarantine-INC-12").IpPermissionsEgress); got != 0 {
		t.Errorf("our group has %d rules out, want none", got)
	}

	// It is put there after the plan.
	late := newHost(t, moto)
	s = late.step(t, isolate, nil).Plan()
	late.Group(t, late.vpc, "firebreak-quarantine")
	_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
	awstest.Fails(t, err, actions.Precondition, "does not have our tags", "plan the step again")
}

// Rules that somebody added to our group are said and taken away; a second
// instance shares the group, which goes with the last.
func testGroupOfOursIsSharedAndCleaned(t *testing.T, moto *awstest.Emulator) {
	h := newHost(t, moto)
	first := h.step(t, isolate, nil).Plan().Execute()
	group := aws.ToString(h.group(t, "firebreak-quarantine").GroupId)
	h.open(t, group)
	other := h
	other.id = h.Instance(t, awstest.Machine{Subnet: h.subnet, Groups: []string{h.web}})
	second := other.step(t, isolate, nil).Plan()
	says(t, second.Preview.Warnings, "Somebody added rules to our security group "+group)
	second.Execute().Is(actions.Verified, "")
	first.Is(actions.Verified, "")

	again := h.step(t, isolate, nil).Plan()
	if !again.Preview.InEffect || again.Preview.NoUndo == "" {
		t.Errorf("isolated before: got %+v", again.Preview)
	}
	if err := again.Handler.Undo(t.Context(), again.Call, again.Params, nil); err != nil {
		t.Error(err)
	}
	first.Is(actions.Verified, "")

	first.Undo()
	second.Is(actions.Verified, "")
	if !slices.Contains(h.names(t), "firebreak-quarantine") {
		t.Error("the group was removed while the second instance has it")
	}
	second.Undo()
	if slices.Contains(h.names(t), "firebreak-quarantine") {
		t.Error("the group stays although nothing has it")
	}
}

// The undo acts only while the interfaces are as they were left, and shows what
// is different; what cannot go back is told for each interface.
func testUndoOfIsolationIsExact(t *testing.T, moto *awstest.Emulator) {
	t.Run("changed by somebody", func(t *testing.T) {
		h := newHost(t, moto)
		s := h.step(t, isolate, nil).Plan().Execute()
		h.SetGroups(t, h.cards[1], h.admin)
		before := h.Snapshot(t)
		undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result)
		if err != nil || !strings.Contains(undo.NoUndo, "interface "+h.cards[1]+" has "+h.admin) {
			t.Errorf("got %+v, error %v", undo, err)
		}
		awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, h.admin, h.web, "nothing was changed")
		if after := h.Snapshot(t); after != before {
			t.Errorf("it was refused, and yet:\n%s\n%s", before, after)
		}
	})
	t.Run("a group is gone", func(t *testing.T) {
		h := newHost(t, moto)
		late := h.Group(t, h.vpc, "late")
		h.SetGroups(t, h.cards[1], late)
		s := h.step(t, isolate, nil).Plan().Execute()
		if _, err := h.EC2().DeleteSecurityGroup(t.Context(), &sdk.DeleteSecurityGroupInput{GroupId: &late}); err != nil {
			t.Fatal(err)
		}
		undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result)
		if err != nil {
			t.Fatal(err)
		}
		says(t, undo.Warnings, "interface "+h.cards[1]+" stays as it is: the security groups "+late)
		if err := s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result); err != nil {
			t.Fatal(err)
		}
		if reading := readUndo(t, s); reading.Verdict != actions.NotVerified || !strings.Contains(reading.Detail, h.cards[1]) || strings.Contains(reading.Detail, h.cards[0]) {
			t.Errorf("got %+v", reading)
		}
	})
	t.Run("an interface is gone", func(t *testing.T) {
		h := newHost(t, moto)
		s := h.step(t, isolate, nil).Plan().Execute()
		h.detach(h.cards[1])
		s.Is(actions.Verified, "1 that it had are not attached any more")
		if err := s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result); err != nil {
			t.Fatal(err)
		}
		if reading := readUndo(t, s); reading.Verdict != actions.NotVerified || !strings.Contains(reading.Detail, h.cards[1]+" is not attached any more") {
			t.Errorf("got %+v", reading)
		}
	})
}

// detach takes an interface from its instance. moto could not describe the
// instance afterwards, so the proxy shows it at another one.
func (h host) detach(id string) {
	h.Proxy.Correct("ec2:DescribeNetworkInterfaces", nil, func(body []byte) []byte {
		const mark = "<networkInterfaceId>"
		items := strings.Split(string(body), mark) // what an interface is attached to stands before its id
		for i, item := range items {
			if strings.HasPrefix(item, id) {
				at := strings.LastIndex(items[i-1], "<instanceId>"+h.id)
				items[i-1] = items[i-1][:at] + strings.Replace(items[i-1][at:], h.id, "i-0fedcba9876543210", 1)
			}
		}
		return []byte(strings.Join(items, mark))
	})
}

// An instance that was opened is closed whatever happens in between.
func testTwoStepAlwaysCloses(t *testing.T, moto *awstest.Emulator) {
	h := newHost(t, moto)
	s := h.step(t, isolate, map[string]any{"mode": "sg_two_step", "open_for": "30s"}).Plan()
	says(t, s.Preview.Warnings, "For 30s everybody who can reach the instance")
	hold := h.Proxy.HoldAnswer("ec2:ModifyNetworkInterfaceAttribute")
	ctx, stop := withStop(t)
	ended := make(chan error, 1)
	go func() {
		_, err := s.Handler.Execute(ctx, s.Call, s.Params)
		ended <- err
	}()
	<-hold.Reached() // the first interface is open
	stop()
	if err := <-ended; err == nil || actions.ClassOf(err) != actions.Unknown {
		t.Errorf("got error %v", err)
	}
	hold.Release()
	s.Is(actions.Verified, "")
	if names := h.names(t); slices.Contains(names, "firebreak-untrack") {
		t.Errorf("the open group is left: %v", names)
	}
}

// testAssignedAddress plays an address that AWS assigned by itself.
func testAssignedAddress(t *testing.T, moto *awstest.Emulator) {
	h := newHost(t, moto).withAddress(t)
	h.Proxy.Correct("ec2:DescribeNetworkInterfaces", nil, func(body []byte) []byte {
		return []byte(strings.ReplaceAll(string(body), "<allocationId>"+h.address+"</allocationId>", ""))
	})
	s := h.step(t, isolate, map[string]any{"mode": "eip"}).Plan()
	says(t, s.Preview.Warnings, "gives another one when this is undone")
	s.Execute().Is(actions.NotVerified, "has the public address")
	if !slices.ContainsFunc(h.Proxy.Calls(), func(c awstest.Call) bool {
		return c.Form.Get("AssociatePublicIpAddress") == "false" && c.Form.Get("NetworkInterfaceId") == h.cards[0]
	}) {
		t.Error("the address was not given up")
	}
}

// Answers with nothing in them prove nothing.
func testEmptyAnswersProveNothing(t *testing.T, moto *awstest.Emulator) {
	h := newHost(t, moto)
	isolated := h.step(t, isolate, nil).Plan().Execute()
	restored := h.step(t, "aws.ec2.restore_instance", map[string]any{"interfaces": h.interfaces(t, isolated)}).Plan()
	protected := h.step(t, "aws.ec2.protect_instance", nil).Plan().Execute()
	for _, test := range []struct {
		step      *awstest.Step
		operation string
	}{
		{isolated, "DescribeNetworkInterfaces"}, {isolated, "DescribeSecurityGroups"},
		{restored, "DescribeNetworkInterfaces"}, {restored, "DescribeSecurityGroups"},
		{protected, "DescribeInstances"}, {protected, "DescribeInstanceAttribute"},
	} {
		for _, answer := range []string{"", "denied"} {
			h.Proxy.Heal()
			if answer == "denied" {
				h.Proxy.Refuse("ec2:"+test.operation, http.StatusForbidden, "UnauthorizedOperation")
			} else {
				h.Proxy.Answer("ec2:"+test.operation, func(w http.ResponseWriter, _ *http.Request) {
					fmt.Fprintf(w, `<%sResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r-1</requestId></%sResponse>`, test.operation, test.operation)
				})
			}
			test.step.Is(actions.CannotVerify, "")
			if reading := readUndo(t, test.step); reading.Verdict != actions.CannotVerify {
				t.Errorf("%s %s: the undo reads %+v", test.operation, answer, reading)
			}
		}
	}
}
