package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine/preflight"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/iampolicy"
)

const brokenHost = `apiVersion: firebreak/v1
kind: Runbook
id: broken-host
title: An instance that somebody broke into
owner: {team: sec, contact: "#sec"}
environments: [prod]
inputs:
  instance: {type: string, description: The instance}
steps:
  - id: protect
    uses: aws.ec2.protect_instance
    with: {instance_id: "${{ inputs.instance }}"}
    approval: {from: [group:security-leads], quorum: 1}
    verify: {within: 60s}
  - id: copies
    uses: aws.ec2.snapshot_volumes
    with: {instance: "${{ inputs.instance }}"}
    evidence: true
    verify: {within: 60s}
  - id: isolate
    uses: aws.ec2.isolate_instance
    with: {instance_id: "${{ inputs.instance }}"}
    approval: {from: [group:security-leads], quorum: 1}
    verify: {within: 60s}
`

// tonight is a preflight of that runbook against moto, with a role for each duty
// that holds exactly the policies which firebreak writes for it.
type tonight struct {
	*awstest.World
	cfg      *config.Config
	program  *runbooks.Program
	instance string
}

func newTonight(t *testing.T, w *awstest.World) *tonight {
	t.Helper()
	n := &tonight{World: w, cfg: house(t, w.Proxy.URL)}
	vpc := w.VPC(t)
	n.instance = w.Instance(t, awstest.Machine{Subnet: w.Subnet(t, vpc, 0), Groups: []string{w.Group(t, vpc, "web")}, Interfaces: 2, Volumes: 1})
	env := &n.cfg.Environments[0]
	env.Account, env.Region = w.Account, awstest.Region
	program, faults := runbooks.Load("broken-host.yaml", []byte(brokenHost), Registry(n.cfg, Options{}, nil))
	if faults.HasErrors() {
		t.Fatal(faults)
	}
	n.program = program
	set, err := iampolicy.Make([]iampolicy.Use{{Program: program}}, Registry(n.cfg, Options{}, nil).Spec, iampolicy.Options{Environment: "prod", Account: w.Account, Region: awstest.Region})
	if err != nil {
		t.Fatal(err)
	}
	roles := map[iampolicy.Phase]string{}
	for _, p := range set.Policies {
		name := "firebreak-" + string(p.Phase)
		roles[p.Phase] = w.Role(t, "/", name)
		for i, document := range p.Documents {
			text, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			w.PutPolicy(t, "role", name, fmt.Sprintf("%s-%d", p.Phase, i+1), string(text))
		}
	}
	env.Roles = config.Roles{Preflight: roles[iampolicy.Preflight], Contain: roles[iampolicy.Contain], Evidence: roles[iampolicy.Evidence], Release: roles[iampolicy.Release]}
	w.Simulates()
	w.Proxy.Forget()
	return n
}

func (n *tonight) look(t *testing.T) *preflight.Report {
	t.Helper()
	o := Options{AWS: aws.Options{Credentials: aws.StaticCredentials(n.Credentials.AccessKeyID, actions.NewSecret(n.Credentials.SecretAccessKey)), MaxBackoff: time.Millisecond}}
	r, err := Preflight(t.Context(), n.cfg, o, n.program, map[string]any{"instance": n.instance}, "prod", "alice")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// open is what is not ready, one check a line.
func open(r *preflight.Report) string {
	var b strings.Builder
	note := func(of string, list []preflight.Check) {
		for _, c := range list {
			if c.Readiness != actions.Ready {
				fmt.Fprintf(&b, "%s | %s | %s | %s\n", c.Readiness, of, c.Name, c.Detail)
			}
		}
	}
	note("roles", r.Roles)
	for _, s := range r.Steps {
		note(s.ID, s.Checks)
	}
	return b.String()
}

func TestPreflight(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	w := moto.World(t)
	n := newTonight(t, w)
	before := w.Snapshot(t)

	// The policies that firebreak writes are enough, and nothing is changed.
	r := n.look(t)
	if got := open(r); got != "" || r.Readiness != actions.Ready {
		t.Errorf("got %s, and open:\n%s", r.Readiness, got)
	}
	dry := map[string]bool{}
	for _, call := range w.Proxy.Calls() {
		_, verb, _ := strings.Cut(call.Operation, ":")
		switch {
		case strings.HasPrefix(verb, "Describe"), strings.HasPrefix(verb, "Get"), verb == "AssumeRole", verb == "SimulatePrincipalPolicy":
		case call.Form.Get("DryRun") == "true":
			dry[verb] = true
		default:
			t.Errorf("%s is neither a read nor a dry run", call.Operation)
		}
	}
	want := map[string]bool{"ModifyInstanceAttribute": true, "CreateSnapshots": true, "CreateSecurityGroup": true, "ModifyNetworkInterfaceAttribute": true}
	if diff := cmp.Diff(want, dry); diff != "" {
		t.Errorf("dry runs: want -, got +\n%s", diff)
	}
	if diff := cmp.Diff(before, w.Snapshot(t)); diff != "" {
		t.Errorf("it changed something:\n%s", diff)
	}

	on := "arn:aws:ec2:us-east-1:" + w.Account + ":instance/" + n.instance
	for _, test := range []struct {
		name string
		do   func()
		want string
	}{
		{"a role without its policies", func() { w.DeletePolicy(t, "role", "firebreak-evidence", "evidence-1") },
			"not_ready | copies | ec2:CreateSnapshots for evidence | firebreak-evidence may not do it on " + on + ": no policy of it allows that\n"},
		{"a deny", func() {
			w.PutPolicy(t, "role", "firebreak-release", "freeze", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ec2:ModifyInstanceAttribute","Resource":"*"}]}`)
		}, "not_ready | protect | ec2:ModifyInstanceAttribute for release | firebreak-release may not do it on " + on + ": it is denied by freeze line 1\n"},
		{"no more simulation", func() {
			w.Proxy.Heal()
			w.Proxy.Refuse("iam:SimulatePrincipalPolicy", http.StatusForbidden, "AccessDenied")
		}, "unknown | isolate | rights for contain | 13 of 13 could not be found out; see the rights of firebreak-contain above\n"},
		{"moto has no such call", func() { w.Proxy.Heal() }, "unknown | protect | rights for release | "},
		{"a dry run that is refused", func() { w.Proxy.Refuse("ec2:CreateSnapshots", http.StatusForbidden, "UnauthorizedOperation") },
			"not_ready | copies | dry run of ec2:CreateSnapshots | ec2:CreateSnapshots: UnauthorizedOperation: made by the test; grant ec2:CreateSnapshots to the identity that firebreak uses\n"},
		{"an instance that is gone", func() { n.instance = "i-0abc1234def567890" }, "not_ready | isolate | plan | ec2:DescribeInstances: InvalidInstanceID.NotFound"},
	} {
		test.do()
		if got := open(n.look(t)); !strings.Contains(got, test.want) {
			t.Errorf("%s: there is no\n%s\nin\n%s", test.name, test.want, got)
		}
	}
}
