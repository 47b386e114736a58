package iampolicy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/slack"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/iampolicy"
	"github.com/firebreak-ir/firebreak/runbooks/library"
)

// registry gives the real actions, against a world.
func registry(w *awstest.World, change ...func(*aws.Environment)) *actions.Registry {
	r, prod := actions.NewRegistry(), aws.Environment{Account: w.Account, Endpoint: w.Proxy.URL}
	for _, one := range change {
		one(&prod)
	}
	aws.New(aws.Options{
		Environments: map[string]aws.Environment{"prod": prod},
		Credentials:  aws.StaticCredentials(w.Credentials.AccessKeyID, actions.NewSecret(w.Credentials.SecretAccessKey)),
		Settle:       3 * time.Millisecond, MaxBackoff: time.Millisecond,
	}).Register(r)
	slack.New(slack.Options{}).Register(r)
	for _, one := range beside() {
		one(r)
	}
	return r
}

func load(t *testing.T, name string, src []byte, r *actions.Registry) *runbooks.Program {
	t.Helper()
	p, found := runbooks.Load(name, src, r)
	if found.HasErrors() {
		var b strings.Builder
		_ = found.WriteText(&b, map[string][]byte{name: src})
		t.Fatal(b.String())
	}
	return p
}

// recorded is what each phase needed: which right on what.
type recorded map[iampolicy.Phase][]awstest.Need

// play runs the AWS steps of a program one after another as the engine does,
// undoes them last first, and records what was called for what. People answer
// what answers say. A step whose condition is false is passed over; each action
// of the program has to run at least once all the same.
func play(t *testing.T, w *awstest.World, r *actions.Registry, p *runbooks.Program, inputs map[string]any, answers map[string]string) recorded {
	t.Helper()
	calls := recorded{}
	note := func(phase iampolicy.Phase) {
		for _, call := range w.Proxy.Calls() {
			calls[phase] = append(calls[phase], w.Needs(t, call)...)
		}
		w.Proxy.Forget()
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	type done struct {
		handler        actions.Handler
		call           actions.Call
		params, result json.RawMessage
	}
	var undo []done
	inputs, problems := p.CheckInputs(inputs)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	env := runbooks.Env{Inputs: inputs, Steps: map[string]runbooks.StepState{}, Incident: runbooks.IncidentFacts{ID: "INC-12"}, Now: time.Now()}
	ran := map[string]bool{}
	w.Proxy.Forget()
	for s := range p.All() {
		if answer, ok := answers[s.ID]; ok && s.Manual != nil {
			env.Steps[s.ID] = runbooks.StepState{Status: "done", Outputs: map[string]any{"answer": answer}}
			continue
		}
		if !strings.HasPrefix(s.Uses, "aws.") {
			env.Steps[s.ID] = runbooks.StepState{Status: "skipped"}
			continue
		}
		h, ok := r.Handler(s.Uses)
		if !ok {
			t.Fatalf("no action %q", s.Uses)
		}
		if s.If != nil {
			yes, _, err := s.If.Bool(env)
			must(err)
			if !yes {
				env.Steps[s.ID] = runbooks.StepState{Status: "skipped"}
				continue
			}
		}
		ran[s.Uses] = true
		items := []any{nil}
		if s.ForEach != nil {
			var err error
			items, _, err = s.ForEach.In.Items(env)
			must(err)
			if len(items) == 0 {
				t.Fatalf("step %s has no items", s.ID)
			}
		}
		var outputs map[string]any
		for n, item := range items {
			env.Item, env.Index = item, n+1
			values, err := s.With.Resolve(env)
			must(err)
			params, err := json.Marshal(values)
			must(err)
			call := actions.Call{Key: "0f0e", Incident: "INC-12", Run: "R1", Step: s.ID, Attempt: 1, Environment: "prod", Actor: "grace@example.com", Requests: &actions.Requests{}}
			own := iampolicy.Contain
			if h.Spec().Effect == actions.Read {
				own = iampolicy.Preflight
			}
			if s.Evidence || h.Spec().Adds {
				own = iampolicy.Evidence
			}
			preview, err := h.Plan(t.Context(), call, params)
			must(err)
			note(iampolicy.Preflight)
			call.State, call.Started = preview.State, time.Now()
			result, err := h.Execute(t.Context(), call, params)
			must(err)
			note(own)
			if h.Spec().CanVerify {
				reading, err := h.Verify(t.Context(), call, params, result)
				must(err)
				if reading.Verdict != actions.Verified {
					t.Fatalf("step %s: %+v", s.ID, reading)
				}
				note(own)
			}
			decoder := json.NewDecoder(bytes.NewReader(result))
			decoder.UseNumber()
			must(decoder.Decode(&outputs))
			if h.Spec().CanUndo {
				undo = append(undo, done{h, call, params, result})
			}
		}
		env.Steps[s.ID] = runbooks.StepState{Status: "done", Outputs: outputs} // nobody reads those of a loop
	}
	for s := range p.All() {
		if strings.HasPrefix(s.Uses, "aws.") && !ran[s.Uses] {
			t.Fatalf("the action of step %s is never run, so nothing is known about its rights", s.ID)
		}
	}
	for _, d := range slices.Backward(undo) {
		_, err := d.handler.PlanUndo(t.Context(), d.call, d.params, d.result)
		must(err)
		must(d.handler.Undo(t.Context(), d.call, d.params, d.result))
		reading, err := d.handler.VerifyUndo(t.Context(), d.call, d.params, d.result)
		must(err)
		if reading.Verdict != actions.Verified {
			t.Fatalf("undo of %s: %+v", d.call.Step, reading)
		}
	}
	note(iampolicy.Release)
	return calls
}

// policies reads the documents of each phase as IAM would.
func policies(t *testing.T, set *iampolicy.Set) map[iampolicy.Phase]awstest.Policies {
	t.Helper()
	all := map[iampolicy.Phase]awstest.Policies{}
	for _, p := range set.Policies {
		var documents [][]byte
		for _, d := range p.Documents {
			data, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			documents = append(documents, data)
		}
		read, err := awstest.ParsePolicies(documents...)
		if err != nil {
			t.Fatal(err)
		}
		all[p.Phase] = read
	}
	return all
}

func decide(t *testing.T, p awstest.Policies, action, resource string, context map[string]string) string {
	t.Helper()
	answer, err := p.Decide(action, resource, context)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// allowed lists the actions that the documents of a phase allow.
func allowed(set *iampolicy.Set, phase iampolicy.Phase) []string {
	var list []string
	for _, p := range set.Policies {
		for _, d := range p.Documents {
			for _, s := range d.Statement {
				if p.Phase == phase && s.Effect == "Allow" {
					list = append(list, s.Action...)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// obeys checks every recorded call against the policy of its phase.
func obeys(t *testing.T, w *awstest.World, calls recorded, by map[iampolicy.Phase]awstest.Policies) {
	t.Helper()
	n := 0
	for phase, list := range calls {
		for _, need := range list {
			n++
			if got := decide(t, by[phase], need.Action, need.Resource, circumstances(need)); got != awstest.Allowed {
				t.Errorf("%s needs %s on %s, which its policy says is %s", phase, need.Action, need.Resource, got)
			}
		}
	}
	if n == 0 {
		t.Fatal("nothing was called, so this shows nothing")
	}
}

// exactly compares the actions that were called with those that are allowed.
// spare are those that cannot be called in this world, "phase action", each
// with the reason.
func exactly(t *testing.T, set *iampolicy.Set, calls recorded, spare map[string]string) {
	t.Helper()
	var may, used []string
	for _, phase := range iampolicy.Phases() {
		for _, action := range allowed(set, phase) {
			may = append(may, string(phase)+" "+action)
		}
		for _, call := range calls[phase] {
			used = append(used, string(phase)+" "+call.Action)
		}
	}
	for name := range spare {
		if !slices.Contains(may, name) || slices.Contains(used, name) {
			t.Errorf("%q is called, or not allowed any more; take it from the list", name)
		}
	}
	may = slices.DeleteFunc(may, func(name string) bool { return spare[name] != "" })
	slices.Sort(may)
	slices.Sort(used)
	if diff := cmp.Diff(may, slices.Compact(used)); diff != "" {
		t.Errorf("allowed -, called +\n%s", diff)
	}
}

// TestLibraryIsExact runs the ready runbooks and holds the policies against
// what was called.
func TestLibraryIsExact(t *testing.T) {
	awstest.Hermetic(t)
	// The world of each runbook, and the rights that this world cannot use.
	worlds := map[string]struct {
		prepare func(t *testing.T, w *awstest.World) map[string]any
		spare   map[string]string
		answers map[string]string // of people, by step
	}{
		"leaked-access-key": {func(t *testing.T, w *awstest.World) map[string]any {
			w.User(t, "/team/", "ci-deploy")
			id, _ := w.AccessKey(t, "ci-deploy")
			w.AccessKey(t, "ci-deploy") // another one
			w.PutPolicy(t, "user", "ci-deploy", "own", allowS3)
			w.Role(t, "/", "deploy")
			return map[string]any{"access_key_id": id, "all_keys": true, "roles": []any{"deploy"}}
		}, map[string]string{
			"preflight iam:ListAttachedRolePolicies": "the owner of a key is a user, which only the run knows",
			"preflight iam:ListRolePolicies":         "as above",
			"contain iam:ListAttachedRolePolicies":   "as above",
			"contain iam:GetRole":                    "as above",
			"contain iam:ListRolePolicies":           "as above",
			"release iam:PutRolePolicy":              "as above",
			"release iam:PutUserPolicy":              "a policy is put back only where one stood before: TestActionsAreExact",
		}, nil},
		"compromised-instance": {compromisedInstance, compromisedInstanceSpare(), compromisedInstanceAnswers()},
		"exposed-bucket":       {exposedBucket, exposedBucketSpare(), exposedBucketAnswers()},
		"compromised-employee": {compromisedEmployee, compromisedEmployeeSpare(), compromisedEmployeeAnswers()},
		"leaked-secret":        {leakedSecret, leakedSecretSpare(), leakedSecretAnswers()},
		"credential-rotation":  {credentialRotation, credentialRotationSpare(), credentialRotationAnswers()},
	}
	for _, emulator := range awstest.Start(t) {
		t.Run(emulator.Name, func(t *testing.T) {
			for _, entry := range library.List() {
				t.Run(entry.ID, func(t *testing.T) {
					world, ok := worlds[entry.ID]
					if !ok {
						t.Fatal("no world is described for this runbook, so its policies cannot be held against what it calls; add one to worlds")
					}
					if emulator.Name != "moto" && entry.ID != "leaked-access-key" {
						t.Skip("this emulator has nothing but IAM")
					}
					w := emulator.World(t)
					r := registry(w, func(e *aws.Environment) { e.Evidence = evidence() })
					p := load(t, entry.Name, entry.Source, r)
					inputs := world.prepare(t, w)
					set, err := iampolicy.Make([]iampolicy.Use{{Program: p}}, r.Spec, iampolicy.Options{Account: w.Account})
					if err != nil {
						t.Fatal(err)
					}
					calls := play(t, w, r, p, inputs, world.answers)
					by := policies(t, set)
					obeys(t, w, calls, by)
					exactly(t, set, calls, world.spare)
					forbids(t, by, w.Account)
				})
			}
		})
	}
}

const allowS3 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`

// TestActionsAreExact gives each action everything beforehand: then nothing is
// allowed that is not used, and nothing on anybody else.
func TestActionsAreExact(t *testing.T) {
	awstest.Hermetic(t)
	put := func(kind, policy string) func(*testing.T, *awstest.World) {
		return func(t *testing.T, w *awstest.World) { w.PutPolicy(t, kind, "it", policy, allowS3) }
	}
	tests := []struct {
		name, kind, uses, with string
		worlds                 []func(*testing.T, *awstest.World) // what stood there before
	}{
		{"quarantine a user", "user", "aws.iam.quarantine_principal", "principal_arn: %[1]q", []func(*testing.T, *awstest.World){nil, put("user", "own"), put("user", "FirebreakQuarantine-INC-12")}},
		{"quarantine a role", "role", "aws.iam.quarantine_principal", "principal_arn: %[1]q", []func(*testing.T, *awstest.World){nil, put("role", "own"), put("role", "FirebreakQuarantine-INC-12")}},
		{"revoke by name", "role", "aws.iam.revoke_sessions", "role: it", []func(*testing.T, *awstest.World){nil, put("role", "FirebreakRevokeSessions")}},
		{"revoke by ARN", "role", "aws.iam.revoke_sessions", "role: %[1]q", []func(*testing.T, *awstest.World){nil, put("role", "FirebreakRevokeSessions")}},
		{"switch a key off", "user", "aws.iam.deactivate_access_key", "user: it, access_key_id: %[2]q", []func(*testing.T, *awstest.World){nil}},
	}
	for _, emulator := range awstest.Start(t) {
		t.Run(emulator.Name, func(t *testing.T) {
			for _, test := range tests {
				t.Run(test.name, func(t *testing.T) {
					calls, w, set := recorded{}, (*awstest.World)(nil), (*iampolicy.Set)(nil)
					for _, before := range test.worlds {
						w = emulator.World(t)
						arn, id := "", ""
						if test.kind == "user" {
							arn = w.User(t, "/team/", "it")
							id, _ = w.AccessKey(t, "it")
						} else {
							arn = w.Role(t, "/team/", "it")
						}
						if before != nil {
							before(t, w)
						}
						with := test.with
						if strings.Contains(with, "%") {
							with = strings.ReplaceAll(strings.ReplaceAll(with, "%[1]q", fmt.Sprintf("%q", arn)), "%[2]q", fmt.Sprintf("%q", id))
						}
						r := registry(w)
						p := load(t, "it.yaml", []byte(head+"steps:\n  - id: it\n    uses: "+test.uses+"\n    with: {"+with+"}\n"), r)
						var err error
						if set, err = iampolicy.Make([]iampolicy.Use{{Program: p}}, r.Spec, iampolicy.Options{Account: w.Account}); err != nil {
							t.Fatal(err)
						}
						made := play(t, w, r, p, nil, nil)
						obeys(t, w, made, policies(t, set))
						for phase, list := range made {
							calls[phase] = append(calls[phase], list...)
						}
					}
					exactly(t, set, calls, nil)
					for phase, by := range policies(t, set) {
						for _, action := range allowed(set, phase) {
							for _, other := range []string{"user/it2", "user/team/other", "role/it2", "role/team/other"} {
								if got := decide(t, by, action, "arn:aws:iam::"+w.Account+":"+other, nil); got != awstest.NotAllowed {
									t.Errorf("%s on %s is %s in %s", action, other, got, phase)
								}
							}
						}
					}
				})
			}
		})
	}
}

const head = `apiVersion: firebreak/v1
kind: Runbook
id: it
title: It
owner: {team: t}
`
