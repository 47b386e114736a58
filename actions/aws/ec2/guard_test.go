package ec2_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

func withStop(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

// runsOn makes firebreak's credentials those of the role of an instance.
func (h host) runsOn(role, instance string) {
	h.Proxy.Answer("sts:GetCallerIdentity", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:sts::%s:assumed-role/%s/%s</Arn><UserId>AROA:x</UserId><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
			h.Account, role, instance, h.Account)
	})
}

// firebreak isolates neither its own host nor one with its own role, also when
// it finds out only after the plan.
func TestOwnHostIsRefused(t *testing.T) {
	awstest.Hermetic(t)
	h := newHost(t, awstest.Moto(t))
	h.Profile(t, "Responder", "responder")
	sibling := h
	sibling.id = h.Instance(t, awstest.Machine{Subnet: h.subnet, Groups: []string{h.web}, Profile: "Responder"})
	restore := map[string]any{"interfaces": []any{map[string]any{"interface_id": h.cards[0], "groups": []string{h.web}}}}
	planned := []*awstest.Step{h.step(t, isolate, nil).Plan(), sibling.step(t, isolate, nil).Plan()}
	before := h.Snapshot(t)
	h.runsOn("responder", h.id)
	for _, test := range []struct {
		step *awstest.Step
		says string
	}{
		{h.step(t, isolate, nil), "is the host that firebreak itself runs on"},
		{h.step(t, "aws.ec2.restore_instance", restore), "is the host that firebreak itself runs on"},
		{sibling.step(t, isolate, nil), `runs with the role "Responder", which firebreak itself uses`},
	} {
		_, err := test.step.Handler.Plan(t.Context(), test.step.Call, test.step.Params)
		awstest.Fails(t, err, actions.Precondition, test.says, "cut itself off")
	}
	for _, s := range planned {
		s.Handler = awstest.Handler(t, registry(h.World), isolate) // with sessions of its own
		_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Precondition, "cut itself off")
	}
	if after := h.Snapshot(t); after != before {
		t.Errorf("it was refused, and yet:\n%s\n%s", before, after)
	}
}

func TestInstancesThatAreRefused(t *testing.T) {
	awstest.Hermetic(t)
	h := newHost(t, awstest.Moto(t))
	ended := h
	ended.id = h.Instance(t, awstest.Machine{Subnet: h.subnet, Groups: []string{h.web}})
	if _, err := h.EC2().TerminateInstances(t.Context(), &sdk.TerminateInstancesInput{InstanceIds: []string{ended.id}}); err != nil {
		t.Fatal(err)
	}
	unknown := h
	unknown.id = "i-0abc1234def567890"
	one := func(id string, groups ...string) map[string]any {
		return map[string]any{"interface_id": id, "groups": groups}
	}
	for _, test := range []struct {
		name, action string
		host         host
		with         map[string]any
		class        actions.Class
		says         string
	}{
		{"unknown", isolate, unknown, nil, actions.NotFound, "which is us-east-1"},
		{"terminated", isolate, ended, nil, actions.Precondition, "is terminated: it has ended"},
		{"terminated", "aws.ec2.protect_instance", ended, nil, actions.Precondition, "is terminated: it has ended"},
		{"everybody", isolate, h, map[string]any{"allow_cidrs": []string{"0.0.0.0/0"}}, actions.Invalid, "isolates from nobody"},
		{"half of everybody", isolate, h, map[string]any{"allow_cidrs": []string{"10.9.0.0/24", "128.0.0.0/1"}}, actions.Invalid, "allow_cidrs.1"},
		{"everybody on IPv6", isolate, h, map[string]any{"allow_cidrs": []string{"2000::/3"}}, actions.Invalid, "isolates from nobody"},
		{"no network", isolate, h, map[string]any{"allow_cidrs": []string{"10.9.0.7/24"}}, actions.Invalid, "10.9.0.0/24"},
		{"no group", isolate, h, map[string]any{"allow_groups": []string{"pl-1"}}, actions.Invalid, `does not begin with "sg-"`},
		{"too short", isolate, h, map[string]any{"idle_timeout": "30s"}, actions.Invalid, "60s to 120h"},
		{"too long open", isolate, h, map[string]any{"open_for": "2m"}, actions.Invalid, "open_for"},
		{"nothing to restore", "aws.ec2.restore_instance", h, map[string]any{"interfaces": []any{}}, actions.Invalid, "names no interface"},
		{"restore to nothing", "aws.ec2.restore_instance", h, map[string]any{"interfaces": []any{one(h.cards[0])}}, actions.Invalid, "names no security group"},
		{"restore twice", "aws.ec2.restore_instance", h, map[string]any{"interfaces": []any{one(h.cards[0], h.web), one(h.cards[0], h.web)}}, actions.Invalid, "is named twice"},
		{"restore one of another", "aws.ec2.restore_instance", h, map[string]any{"interfaces": []any{one("eni-0abc1234def567890", h.web)}}, actions.Precondition, "none of the named interfaces is attached"},
		{"restore what is not isolated", "aws.ec2.restore_instance", h, map[string]any{"interfaces": []any{one(h.cards[0], h.web)}}, actions.Precondition, "interface " + h.cards[0] + " has "},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := test.host.step(t, test.action, test.with)
			_, err := s.Handler.Plan(t.Context(), s.Call, s.Params)
			awstest.Fails(t, err, test.class, test.says)
		})
	}
	// A type that is not Nitro has no idle timeout to set, which is said.
	old := h
	old.id = h.Instance(t, awstest.Machine{Subnet: h.subnet, Groups: []string{h.web}, Type: "t2.micro"})
	s := old.step(t, isolate, nil).Plan()
	says(t, s.Preview.Warnings, "t2.micro is not a Nitro type")
	says(t, s.Preview.Warnings, "idle for up to 5 days")
	s.Execute().Is(actions.Verified, "")
	if strings.Contains(h.Snapshot(t), "idle=") {
		t.Error("an idle timeout was set")
	}
}
