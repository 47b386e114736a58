package runbooks_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// language is the runbook with every construct, compiled, and the same after it
// was written down and read again.
func language(t *testing.T) []*runbooks.Program {
	t.Helper()
	p, out := load(t, "testdata/ok/language.yaml")
	if p == nil {
		t.Fatal(out)
	}
	data, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := runbooks.DecodeProgram(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.Encode()
	if err != nil || !bytes.Equal(data, again) {
		t.Fatalf("the second encoding differs: %v\n%s", err, cmp.Diff(string(data), string(again)))
	}
	return []*runbooks.Program{p, back}
}

func languageEnv(t *testing.T, p *runbooks.Program) runbooks.Env {
	t.Helper()
	inputs, problems := p.CoerceInputs(map[string]string{"key": "AKIAIOSFODNN7EXAMPLE", "roles": "deploy, arn:aws:iam::111122223333:role/ci/build"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	host := func(id, state string, launched time.Time) map[string]any {
		return map[string]any{"id": id, "state": state, "public": id == "i-1", "cpus": 2, "launched": launched.Format(time.RFC3339)}
	}
	now := time.Date(2026, 11, 22, 4, 50, 24, 0, time.UTC)
	return runbooks.Env{
		Inputs: inputs, Run: "R1", Incident: runbooks.IncidentFacts{ID: "INC-1", Title: "Leak", Severity: 1}, Now: now,
		Steps: map[string]runbooks.StepState{
			"look": {Status: "done", Outputs: map[string]any{"total": 3, "hosts": []any{
				host("i-1", "running", now.Add(-time.Minute)), host("i-2", "stopped", now.Add(-time.Minute)), host("i-3", "running", now.Add(-2*time.Hour)),
			}}},
			"quarantine": {Status: "done", Outputs: map[string]any{"policy_name": "deny"}},
			"each_role": {Status: "done", Outputs: map[string]any{"done": 2, "failed": 0, "results": []any{
				map[string]any{"policy_name": "p", "cutoff": "2026-11-22T04:50:24Z", "max_session_seconds": 7200},
			}}},
			"memory":         {Status: "done", Outputs: map[string]any{"answer": "dumps"}},
			"once":           {Status: "done", Outputs: map[string]any{"target": "INC-1"}},
			"rotate":         {Status: "done", Outputs: map[string]any{"target": "web-1"}},
			"ask_each":       {Status: "done", Outputs: map[string]any{"results": []any{map[string]any{"answer": "safe"}, map[string]any{"answer": "unsafe"}}}},
			"tell_cancelled": {Status: "done"},
		},
	}
}

func step(t *testing.T, p *runbooks.Program, id string) *runbooks.Step {
	t.Helper()
	s, ok := p.Step(id)
	if !ok {
		t.Fatalf("there is no step %q", id)
	}
	return s
}

// equal compares with what a test wants.
func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: want -, got +\n%s", what, diff)
	}
}

func TestForEach(t *testing.T) {
	for _, p := range language(t) {
		env := languageEnv(t, p)
		snapshot := step(t, p, "snapshot")
		items, readings, err := snapshot.ForEach.In.Items(env)
		if err != nil || len(items) != 1 || len(readings) == 0 {
			t.Fatalf("%v, %v, %v", items, readings, err)
		}
		item := items[0].(map[string]any)
		equal(t, "id", any("i-1"), item["id"])
		equal(t, "launched", any(env.Now.Add(-time.Minute).Unix()), item["launched"])
		env.Item, env.Index = items[0], 1
		with, err := snapshot.With.Resolve(env)
		equal(t, "with", any(map[string]any{"target": fmt.Sprintf("i-1 since %d no 1", env.Now.Add(-time.Minute).Unix())}), with)
		if err != nil || snapshot.ForEach.MaxParallel != 10 || snapshot.ForEach.MaxErrors != 0 || !snapshot.Evidence || snapshot.Critical {
			t.Errorf("%v %+v", err, snapshot)
		}

		roles := step(t, p, "each_role")
		items, readings, err = roles.ForEach.In.Items(env)
		equal(t, "roles", []any{"deploy", "arn:aws:iam::111122223333:role/ci/build"}, items)
		equal(t, "readings", []runbooks.Reading{{Path: "inputs.roles", Value: `["deploy","arn:aws:iam::111122223333:role/ci/build"]`}}, readings)
		if err != nil || roles.ForEach.MaxParallel != 5 || roles.ForEach.MaxPercent != 10 || roles.ForEach.Budget(25) != 2 {
			t.Errorf("%v %+v", err, roles.ForEach)
		}
		if f := roles.ForEach.Item; f.Kind != actions.String || f.Name != "item" || !f.Required {
			t.Errorf("item: %+v", f)
		}

		items, _, err = step(t, p, "rotate_all").ForEach.In.Items(env)
		if err != nil || len(items) != 3 || items[1].(map[string]any)["launched"] != "2026-11-22T04:49:24Z" {
			t.Errorf("hosts: %v, %v", items, err)
		}
		env.Item = items[1]
		with, err = step(t, p, "rotate_all").With.Resolve(env)
		equal(t, "rotate_all", any(map[string]any{"target": "i-2", "token": "secret://file/etc/token"}), with)
		if err != nil {
			t.Error(err)
		}

		durations := step(t, p, "durations")
		items, _, err = durations.ForEach.In.Items(env)
		equal(t, "pauses", []any{"1m30s", "1h0m0s"}, items)
		env.Item, env.Index = items[0], 2
		with, err2 := durations.With.Resolve(env)
		equal(t, "durations", any(map[string]any{"wait": "1m30s", "count": int64(2), "labels": map[string]any{"team": "sec", "pos": "1"}, "token": "secret://env/TOKEN"}), with)
		if err != nil || err2 != nil {
			t.Error(err, err2)
		}

		wipe := step(t, p, "wipe")
		items, _, err = wipe.ForEach.In.Items(env)
		equal(t, "wipe", []any{"a", "b"}, items)
		env.Item = "b"
		undo, err2 := wipe.Undo.Manual.Resolve(env)
		equal(t, "undo", any("Restore b from the snapshot"), undo)
		if err != nil || err2 != nil {
			t.Error(err, err2)
		}
		env.Item, env.Index = nil, 0
		if _, err := wipe.With.Resolve(env); err == nil || !strings.Contains(err.Error(), `"item" is not known`) {
			t.Errorf("without an item: %v", err)
		}
		text, err := step(t, p, "report").With.Resolve(env)
		equal(t, "report", any(map[string]any{"text": "2 done, 0 failed, longest over an hour"}), text)
		if err != nil {
			t.Error(err)
		}
	}
}

func TestWaits(t *testing.T) {
	for _, p := range language(t) {
		env := languageEnv(t, p)
		equal(t, "settle", &runbooks.Wait{For: runbooks.Span(10 * time.Minute)}, step(t, p, "settle").Wait)
		equal(t, "settle_long", runbooks.Span(48*time.Hour), step(t, p, "settle_long").Wait.For)
		n, readings, err := step(t, p, "until_number").Wait.Until.Number(env)
		if err != nil || n != env.Now.Unix()+120 || len(readings) != 2 {
			t.Errorf("%d, %v, %v", n, readings, err)
		}
		n, _, err = step(t, p, "until_time").Wait.Until.Number(env)
		if err != nil || n != env.Now.Unix()-60 {
			t.Errorf("%d, %v", n, err)
		}
	}
}

func TestOutputs(t *testing.T) {
	for _, p := range language(t) {
		env := languageEnv(t, p)
		got := map[string]any{}
		kinds := map[string]actions.Kind{}
		for _, out := range p.Outputs {
			v, err := out.Value.Value(env)
			if err != nil {
				t.Fatal(err)
			}
			got[out.Name], kinds[out.Name] = v, out.Field.Kind
			if out.Field.Name != out.Name || !out.Field.Required {
				t.Errorf("%+v", out.Field)
			}
		}
		if hosts := got["hosts"].([]any); len(hosts) != 1 || hosts[0].(map[string]any)["id"] != "i-1" {
			t.Errorf("hosts: %v", hosts)
		}
		delete(got, "hosts")
		equal(t, "outputs", map[string]any{"quarantined": true, "running": int64(3), "names": []any{"web-1", "web-2"}, "pauses": []any{"1m30s", "1h0m0s"}, "bucket": "dumps"}, got)
		equal(t, "kinds", map[string]actions.Kind{"quarantined": "bool", "running": "int", "hosts": "list", "names": "list", "pauses": "list", "bucket": "string"}, kinds)
	}
}

func TestStepRules(t *testing.T) {
	for _, p := range language(t) {
		memory := step(t, p, "memory")
		want := &runbooks.Approval{From: []string{"group:leads"}, Quorum: 2, Expires: runbooks.DefaultExpires, Remind: runbooks.Span(5 * time.Minute), StepUp: true,
			Escalate:   &runbooks.Escalate{After: runbooks.Span(10 * time.Minute), To: []string{"group:ciso"}},
			BreakGlass: &runbooks.BreakGlass{By: []string{"group:commanders", "person:dave"}, Review: []string{"group:leads"}, Within: runbooks.DefaultReview}}
		equal(t, "approval", want, memory.Approval)
		if memory.Total != runbooks.Span(30*time.Minute) || memory.Timeout != 0 || !memory.Evidence || memory.Critical || memory.Manual.Answer.Format != "aws.s3.bucket" {
			t.Errorf("memory: %+v", memory)
		}
		quarantine := step(t, p, "quarantine")
		if quarantine.Timeout != runbooks.Span(30*time.Second) || quarantine.Total != runbooks.Span(10*time.Minute) || !quarantine.Critical || quarantine.OnFailure != runbooks.Continue {
			t.Errorf("quarantine: %+v", quarantine)
		}
		equal(t, "contains", &runbooks.Contains{Expires: runbooks.Span(72 * time.Hour), Ask: []string{"group:leads"}}, quarantine.Contains)
		equal(t, "undo", &runbooks.UndoRule{Approval: &runbooks.Approval{From: []string{"group:leads"}, Quorum: 2, Expires: runbooks.DefaultExpires,
			BreakGlass: &runbooks.BreakGlass{By: []string{"person:dave"}, Review: []string{"person:dave", "person:erin"}, Within: runbooks.Span(time.Hour)}}, Within: runbooks.Span(90 * time.Second)}, quarantine.Undo)
		equal(t, "ask", []string{"group:ciso"}, step(t, p, "each_role").Contains.Ask)
		equal(t, "ask of the owner", []string{"group:security-leads"}, step(t, p, "wipe").Contains.Ask)
		if got := step(t, p, "ask_each"); got.Total != runbooks.Span(2*time.Hour) || !slices.Equal(got.Manual.Answer.Enum, []string{"safe", "unsafe"}) {
			t.Errorf("ask_each: %+v", got)
		}
		own, err := step(t, p, "once").Undo.Manual.Resolve(languageEnv(t, p))
		if own != any("Put INC-1 back by hand") || err != nil {
			t.Errorf("%v, %v", own, err)
		}
		equal(t, "waivers", []string{"destructive-without-approval wipe", "no-budget "}, []string{p.Waivers[0].Rule + " " + p.Waivers[0].Step, p.Waivers[1].Rule + " " + p.Waivers[1].Step})
		if len(p.OnCancel) != 3 || len(p.OnCancel[0].Needs) != 0 || !slices.Equal(p.OnCancel[1].Needs, []string{"tell_cancelled"}) || len(p.OnCancel[2].Needs) != 0 {
			t.Errorf("on_cancel: %+v", p.OnCancel)
		}
		if kind := step(t, p, "rotate").Kind(); kind != "runbook" || step(t, p, "settle").Kind() != "wait" {
			t.Errorf("kind %q", kind)
		}
	}
}

// A rule of lint says where a part of a step stands; a program that was decoded
// has lost it, and points at the step.
func TestAt(t *testing.T) {
	programs := language(t)
	src := strings.Split(programs[0].Source.Text, "\n")
	for part, want := range map[string]string{
		"approval": "approval: {from: [group:leads]}", "undo": "undo: {approval", "undo.approval.quorum": "quorum: 2, break_glass", "undo.approval.break_glass.review": "review: [person:dave", "undo.verify.within": "within: 90s",
		"contains.expires": "expires: 72h}", "timeout.total": "total: 10m", "with.principal_arn": "principal_arn:", "contains.ask": "contains: {", "nothing": "id: quarantine", "": "id: quarantine",
	} {
		pos := step(t, programs[0], "quarantine").At(part)
		if pos.Line < 1 || !strings.HasPrefix(src[pos.Line-1][pos.Col-1:], want) {
			t.Errorf("%q is at %+v, not at %q", part, pos, want)
		}
		if got := step(t, programs[1], "quarantine").At(part); got != step(t, programs[1], "quarantine").Pos {
			t.Errorf("%q of a decoded program is at %+v", part, got)
		}
	}
}

// Every expression is found by a walk, so that each is compiled again.
func TestExpressionsAreAllWalked(t *testing.T) {
	for _, p := range language(t) {
		want := map[string][]string{
			"snapshot":     {`filter(steps.look.outputs.hosts, .state == "running" && .launched > now - 3600)`, "item.id", "item.launched", "index"},
			"each_role":    {"len(inputs.roles) > 0", "inputs.roles", "item"},
			"wipe":         {`["a", "b"]`, "item", "index", "item"},
			"once":         {"incident.id", "steps.once.outputs.target"},
			"settle_long":  {"incident.severity == 1"},
			"until_number": {"now + inputs.count * 60"},
			"rotate":       {"inputs.hosts[0]", "inputs.token"},
			"ask_each":     {"inputs.matrix[0]", "item", "index"},
			"put_back":     {`steps.quarantine.status == "done" && steps.tell_cancelled.status != "failed"`, "steps.quarantine.outputs.policy_name"},
		}
		for id, sources := range want {
			var got []string
			for e := range step(t, p, id).Expressions() {
				got = append(got, e.Source)
			}
			equal(t, id, sources, got)
			for range step(t, p, id).Expressions() {
				break // and a walk may stop at any place
			}
		}
	}
}
