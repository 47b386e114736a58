package runbooks

import (
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// testScope is one of each type.
func testScope() scope {
	sc := newScope()
	for _, in := range []Input{
		{Name: "key", Type: actions.String}, {Name: "n", Type: actions.Int}, {Name: "force", Type: actions.Bool},
		{Name: "wait", Type: actions.Duration}, {Name: "mode", Type: actions.String, Enum: []string{"soft", "hard"}},
	} {
		sc.addInput(in)
	}
	text := actions.Field{Kind: actions.String, Required: true}
	sc.addStep("owner", []actions.Field{
		{Name: "user", Kind: actions.String, Required: true}, {Name: "note", Kind: actions.String}, {Name: "created", Kind: actions.Time, Required: true},
		{Name: "keys", Kind: actions.List, Required: true, Elem: &text}, {Name: "tags", Kind: actions.Map, Required: true, Elem: &text},
		{Name: "token", Kind: actions.String, Required: true, Secret: true},
		{Name: "where", Kind: actions.Object, Required: true, Fields: []actions.Field{{Name: "region", Kind: actions.String, Required: true}, {Name: "port", Kind: actions.Int}}},
	})
	sc.addStep("ask", []actions.Field{{Name: "answer", Kind: actions.String, Required: true}})
	return sc
}

func testEnv() Env {
	return Env{
		Inputs: map[string]any{"key": "AKIA", "n": int64(3), "force": true, "wait": "1m30s", "mode": "soft"},
		Steps: map[string]StepState{
			"owner": {Status: "done", Outputs: map[string]any{
				"user": "alice", "created": "2026-11-22T04:50:24Z", "keys": []any{"a", "b"}, "tags": map[string]any{"team": "sec"}, "token": "hunter2",
				"where": map[string]any{"region": "eu-central-1"},
			}},
			"ask": {Status: "skipped"},
		},
		Incident:    IncidentFacts{ID: "INC-12", Title: "Leak", Severity: 2},
		Environment: EnvironmentFacts{Name: "prod", Account: "111122223333", Region: "eu-central-1"},
		Run:         "R1",
		Now:         time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC),
	}
}

func TestBool(t *testing.T) {
	for _, tt := range []struct {
		source   string
		want     bool
		readings string
		err      string
	}{
		{source: `inputs.key == "AKIA"`, want: true, readings: `inputs.key="AKIA"`},
		{source: `inputs["key"] == "AKIA"`, want: true, readings: `inputs.key="AKIA"`},
		{source: `inputs.n > 2 && !inputs.force`, want: false, readings: `inputs.n=3 inputs.force=true`},
		{source: `inputs.n > 5 && inputs.force`, want: false, readings: `inputs.n=3`},
		{source: `inputs.wait == 90`, want: true, readings: `inputs.wait="1m30s"`},
		{source: `now - steps.owner.outputs.created < 600`, want: true, readings: `now=1795323600 steps.owner.outputs.created="2026-11-22T04:50:24Z"`},
		{source: `steps.owner.outputs.note == ""`, want: true, readings: `steps.owner.outputs.note=""`},
		{source: `steps.owner.outputs.token == "hunter2"`, want: true, readings: `steps.owner.outputs.token=[secret]`},
		{source: `"a" in steps.owner.outputs.keys`, want: true, readings: `steps.owner.outputs.keys=["a","b"]`},
		{source: `first(steps.owner.outputs.keys) == "a" and last(steps.owner.outputs.keys) == "b"`, want: true, readings: `steps.owner.outputs.keys=["a","b"]`},
		{source: `find(steps.owner.outputs.keys, # > "a") == "b"`, want: true, readings: `steps.owner.outputs.keys=["a","b"]`},
		{source: `find(steps.owner.outputs.keys, # > "z") == "b"`, err: `there is no item 0 in a list of 0`},
		{source: `steps.owner.outputs.keys[7] == "b"`, err: `there is no item 7 in a list of 2`},
		{source: `any(steps.owner.outputs.keys, hasPrefix(#, "b"))`, want: true},
		{source: `count(steps.owner.outputs.keys, # != "b") == 1`, want: true},
		{source: `steps.owner.outputs.tags.team == "sec"`, want: true},
		{source: `steps.owner.outputs.tags.nope == "sec"`, err: `there is no "nope"`},
		{source: `"nope" in steps.owner.outputs.tags`, want: false},
		{source: `steps.owner.outputs.where.region == environment.region`, want: true},
		{source: `steps.owner.outputs.where.port == 0`, want: true},
		{source: `steps.ask.outputs.answer == "yes"`, err: `"steps.ask.outputs.answer" is not known: step "ask" is skipped`},
		{source: `steps.ask.status == "done" && steps.ask.outputs.answer == "yes"`, want: false, readings: `steps.ask.status="skipped"`},
		{source: `incident.severity <= 2 && incident.id startsWith "INC-" && run == "R1"`, want: true},
		{source: `min(inputs.n, 2, 5) == 2 && max(1, inputs.n) == 3 && abs(-4) == 4 && len("äö") == 2`, want: true},
		{source: `int("12") == 12 && string(inputs.n) == "3" && upper("a") + lower("B") == "Ab" && trim(" x ") == "x"`, want: true},
		{source: `int(inputs.key) == 12`, err: `"AKIA" is not a whole number`},
		{source: `inputs.n % 0 == 1`, err: `divide by zero`},
		{source: `inputs.key matches "^AK"`, want: true},
		{source: `(inputs.force ? "a" : "b") == "a"`, want: true},
		{source: `inputs.mode in ["soft", "hard"]`, want: true},
		{source: `inputs.key | lower() == "akia"`, want: true},
	} {
		t.Run(tt.source, func(t *testing.T) {
			e, faults := compileExpression(tt.source, testScope(), nil)
			if len(faults) > 0 {
				t.Fatalf("faults: %+v", faults)
			}
			got, readings, err := e.Bool(testEnv())
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || got {
					t.Fatalf("got %v, %v, want an error with %q", got, err, tt.err)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Fatalf("got %v, %v, want %v", got, err, tt.want)
			}
			var shown []string
			for _, r := range readings {
				shown = append(shown, r.Path+"="+r.Value)
			}
			if s := strings.Join(shown, " "); tt.readings != "" && s != tt.readings {
				t.Errorf("readings: got %s, want %s", s, tt.readings)
			}
		})
	}
}
