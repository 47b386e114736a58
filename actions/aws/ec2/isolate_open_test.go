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

// An interface that was opened and cannot be isolated is not left open: it is
// tried again, with a new group when somebody deleted the first, and else gets
// its former groups back. When that fails too, the error says that it is open.
func testTwoStepIsNeverLeftOpen(t *testing.T, moto *awstest.Emulator) {
	for _, test := range []struct {
		name    string
		refuse  func(h host, group string, times int) bool // of calls about the first interface; times counts them from one
		says    []string                                   // of the error; none: there is none
		deletes bool
	}{
		{"refused for a while", func(_ host, _ string, times int) bool { return times > 1 && times < 4 }, nil, false},
		{"the group is deleted meanwhile", func(host, string, int) bool { return false }, nil, true},
		{"refused for good", func(h host, group string, times int) bool { return times > 1 && group != h.web && group != h.admin }, []string{"is not isolated, and has its former groups"}, false},
		{"stuck", func(_ host, _ string, times int) bool { return times > 1 }, []string{"is OPEN TO EVERYBODY"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t, moto)
			s := h.step(t, isolate, map[string]any{"mode": "sg_two_step", "open_for": "1ms", "idle_timeout": "0s"}).Plan()
			times := 0
			h.Proxy.Answer("ec2:ModifyNetworkInterfaceAttribute", func(w http.ResponseWriter, r *http.Request) {
				card, group := r.FormValue("NetworkInterfaceId"), r.FormValue("SecurityGroupId.1")
				if card == h.cards[0] {
					times++
				}
				quarantine := aws.ToString(h.find(t, "firebreak-quarantine").GroupId)
				if test.deletes && group == quarantine {
					test.deletes = false
					if _, err := h.EC2().DeleteSecurityGroup(t.Context(), &sdk.DeleteSecurityGroupInput{GroupId: &quarantine}); err != nil {
						t.Error(err)
					}
				}
				if card == h.cards[0] && test.refuse(h, group, times) || !h.exists(t, group) {
					w.WriteHeader(http.StatusForbidden)
					fmt.Fprint(w, `<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors><RequestID>r</RequestID></Response>`)
					return
				}
				h.SetGroups(t, card, formList(r, "SecurityGroupId.")...)
				fmt.Fprint(w, `<ModifyNetworkInterfaceAttributeResponse><requestId>r</requestId><return>true</return></ModifyNetworkInterfaceAttributeResponse>`)
			})
			result, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
			if len(test.says) > 0 {
				awstest.Fails(t, err, actions.Unknown, append(test.says, h.cards[0], "UnauthorizedOperation")...)
				if got, want := slices.Contains(h.names(t), "firebreak-untrack"), test.name == "stuck"; got != want {
					t.Errorf("the open group is there: %t, want %t", got, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			h.Proxy.Heal()
			s.Result = result
			s.Is(actions.Verified, "all 2 interfaces")
			if id := aws.ToString(h.find(t, "firebreak-quarantine").GroupId); !strings.Contains(string(result), id) {
				t.Errorf("the result does not name the group %s: %s", id, result)
			}
		})
	}
}

// An interface that an isolation left open, because it was killed, is isolated
// like any other; but neither undo opens it again.
func testUndoNeverOpens(t *testing.T, moto *awstest.Emulator) {
	h := newHost(t, moto)
	before := h.step(t, isolate, nil).Plan() // knows the groups that it had
	open := h.Group(t, h.vpc, "firebreak-untrack")
	h.tagGroup(t, open)
	h.SetGroups(t, h.cards[0], open)
	s := h.step(t, isolate, nil).Plan()
	says(t, s.Preview.Warnings, "Interface "+h.cards[0]+" was open to everybody")
	if s.Preview.NoUndo == "" {
		t.Error("the plan offers an undo that would open the instance")
	}
	restore := h.step(t, "aws.ec2.restore_instance", map[string]any{"interfaces": []any{map[string]any{"interface_id": h.cards[0], "groups": []string{h.web}}}}).Plan()
	if restore.Preview.NoUndo == "" {
		t.Error("the plan to restore offers an undo that would open the instance")
	}
	restore.Execute()
	awstest.Fails(t, restore.Handler.Undo(t.Context(), restore.Call, restore.Params, restore.Result), actions.Precondition, "open to everybody")
	h.SetGroups(t, h.cards[0], open)
	s.Execute().Is(actions.Verified, "all 2 interfaces")
	if undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result); err != nil || undo.NoUndo == "" {
		t.Errorf("got %+v, error %v", undo, err)
	}
	awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, "open to everybody", "undo that step")
	s.Is(actions.Verified, "")
	before.Undo()
}

// tagGroup makes a group look like one of ours.
func (h host) tagGroup(t *testing.T, id string) {
	t.Helper()
	if _, err := h.EC2().CreateTags(t.Context(), &sdk.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: aws.String("firebreak:managed"), Value: aws.String("true")}}}); err != nil {
		t.Fatal(err)
	}
}

// find finds a group by its name; nothing when there is none.
func (h host) find(t *testing.T, name string) types.SecurityGroup {
	out, err := h.EC2().DescribeSecurityGroups(t.Context(), &sdk.DescribeSecurityGroupsInput{Filters: []types.Filter{{Name: aws.String("group-name"), Values: []string{name}}}})
	if err != nil || len(out.SecurityGroups) == 0 {
		return types.SecurityGroup{}
	}
	return out.SecurityGroups[0]
}

func (h host) exists(t *testing.T, id string) bool {
	out, err := h.EC2().DescribeSecurityGroups(t.Context(), &sdk.DescribeSecurityGroupsInput{Filters: []types.Filter{{Name: aws.String("group-id"), Values: []string{id}}}})
	return err == nil && len(out.SecurityGroups) == 1
}

// formList reads the values prefix1, prefix2 and so on.
func formList(r *http.Request, prefix string) []string {
	var values []string
	for i := 1; r.FormValue(fmt.Sprint(prefix, i)) != ""; i++ {
		values = append(values, r.FormValue(fmt.Sprint(prefix, i)))
	}
	return values
}
