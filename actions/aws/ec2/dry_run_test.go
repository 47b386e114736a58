package ec2_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// checked makes the checks of a step, and says in short what they are.
func checked(t *testing.T, s *awstest.Step) string {
	t.Helper()
	checks, err := s.Handler.Preflight(t.Context(), s.Call, s.Params)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, c := range checks {
		fmt.Fprintf(&b, "%s: %s\n", c.Name, c.Readiness)
		if c.Readiness != actions.Ready && c.Detail == "" {
			t.Errorf("%s does not say why", c.Name)
		}
	}
	return b.String()
}

// onlyDry checks that whatever came through and is no read was a dry run.
func onlyDry(t *testing.T, w *awstest.World) {
	t.Helper()
	dry := 0
	for _, call := range w.Proxy.Calls() {
		service, verb, _ := strings.Cut(call.Operation, ":")
		switch {
		case service == "sts", strings.HasPrefix(verb, "Describe"):
		case call.Form.Get("DryRun") == "true":
			dry++
		default:
			t.Errorf("%s is neither a read nor a dry run", call.Operation)
		}
	}
	if dry == 0 {
		t.Error("there was no dry run at all, so this shows nothing")
	}
}

func testDryRuns(t *testing.T, moto *awstest.Emulator) {
	h := newHost(t, moto)
	back := map[string]any{"interfaces": []any{map[string]any{"interface_id": h.cards[0], "groups": []string{h.web}}}}
	touch := "dry run of ec2:ModifyNetworkInterfaceAttribute: "
	for _, test := range []struct {
		action, operation string
		with              map[string]any
		want              string // with %s for what each says
	}{
		{isolate, "ec2:ModifyNetworkInterfaceAttribute", nil, "dry run of ec2:CreateSecurityGroup: ready\n" + touch + "%[1]s\n" + touch + "%[1]s\n"},
		{isolate, "ec2:CreateSecurityGroup", nil, "dry run of ec2:CreateSecurityGroup: %s\n" + touch + "ready\n" + touch + "ready\n"},
		{"aws.ec2.restore_instance", "ec2:ModifyNetworkInterfaceAttribute", back, touch + "%s\n"},
		{"aws.ec2.protect_instance", "ec2:ModifyInstanceAttribute", nil, "dry run of ec2:ModifyInstanceAttribute: %s\n"},
		{"aws.ec2.stop_instance", "ec2:StopInstances", map[string]any{"memory": "waived", "reason": "nobody needs it here"}, "dry run of ec2:StopInstances: %s\n"},
		{"aws.ec2.snapshot_volumes", "ec2:CreateSnapshots", nil, "dry run of ec2:CreateSnapshots: %s\n"},
	} {
		t.Run(test.action+" "+test.operation, func(t *testing.T) {
			s := h.step(t, test.action, test.with)
			if test.action == "aws.ec2.snapshot_volumes" {
				s = awstest.NewStep(t, registry(h.World), test.action, map[string]any{"instance": h.id})
			}
			before := h.Snapshot(t)
			h.Proxy.Forget()
			is := func(readiness actions.Readiness) {
				t.Helper()
				want := test.want
				if strings.Contains(want, "%") {
					want = fmt.Sprintf(want, readiness)
				}
				if diff := cmp.Diff(want, checked(t, s)); diff != "" {
					t.Error(diff)
				}
			}
			is(actions.Ready)
			onlyDry(t, h.World)

			h.Proxy.Refuse(test.operation, http.StatusForbidden, "UnauthorizedOperation")
			is(actions.NotReady)
			h.Proxy.Heal()

			h.Proxy.Refuse(test.operation, http.StatusBadRequest, "InvalidParameterValue")
			is(actions.NotReady)
			h.Proxy.Heal()

			n := h.Proxy.Count(test.operation)
			h.Proxy.DropBeforeEffect(test.operation, 0)
			is(actions.ReadyUnknown)
			h.Proxy.Heal()
			if got, most := h.Proxy.Count(test.operation)-n, 2; got > most {
				t.Errorf("a dry run without an answer was sent %d times", got)
			}

			// Whoever ignores DryRun says that all went well: that is an alarm.
			h.Proxy.Answer(test.operation, func(w http.ResponseWriter, _ *http.Request) {
				_, verb, _ := strings.Cut(test.operation, ":")
				_, _ = io.WriteString(w, `<`+verb+`Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><return>true</return></`+verb+`Response>`)
			})
			checks, err := s.Handler.Preflight(t.Context(), s.Call, s.Params)
			if err != nil {
				t.Fatal(err)
			}
			alarm := false
			for _, c := range checks {
				alarm = alarm || c.Readiness == actions.NotReady && strings.Contains(c.Detail, "ALARM: EC2 answered without DryRunOperation")
			}
			if !alarm {
				t.Errorf("no alarm in %+v", checks)
			}
			h.Proxy.Heal()
			if diff := cmp.Diff(before, h.Snapshot(t)); diff != "" {
				t.Errorf("it changed something:\n%s", diff)
			}
		})
	}
}

// A dry run is made in the role that will act: the role for preflight must not
// have such rights at all.
func testDryRunRole(t *testing.T, moto *awstest.Emulator) {
	h := newHost(t, moto)
	roles := cloud.Roles{Preflight: h.Role(t, "/", "look"), Contain: h.Role(t, "/fb/", "contain")}
	protect := func() *awstest.Step {
		r := registryOf(h.World, func(e *cloud.Environment, _ *cloud.Options) { e.Roles = roles })
		return awstest.NewStep(t, r, "aws.ec2.protect_instance", map[string]any{"instance_id": h.id})
	}
	s := protect()
	h.Proxy.Forget()
	if got, want := checked(t, s), "dry run of ec2:ModifyInstanceAttribute: ready\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	role, at := "", map[string]string{}
	for _, call := range h.Proxy.Calls() {
		if call.Operation == "sts:AssumeRole" {
			arn := call.Form.Get("RoleArn")
			role = arn[strings.LastIndex(arn, "/")+1:]
		}
		at[call.Operation] = role
	}
	if at["ec2:DescribeInstances"] != "look" || at["ec2:ModifyInstanceAttribute"] != "contain" {
		t.Errorf("reads and dry runs were made in the roles %v", at)
	}

	// A role that cannot be used is a no, and nothing is tried in another.
	roles.Contain = h.Role(t, "/fb/", "gone")
	h.Proxy.Forget()
	h.Proxy.Rewrite("sts:AssumeRole", 0, func(body []byte) []byte {
		if bytes.Contains(body, []byte("/gone/")) {
			return []byte("<nothing/>")
		}
		return body
	})
	if got, want := checked(t, protect()), "dry run: "; !strings.HasPrefix(got, want) || strings.Contains(got, ": ready") {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := h.Proxy.Count("ec2:ModifyInstanceAttribute"); n != 0 {
		t.Errorf("it was tried %d times in another role", n)
	}
}
