package runbooks_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCoerceInputs(t *testing.T) {
	p := everything(t)
	defaults := map[string]any{"key": "none", "mode": "soft", "n": int64(-3), "force": false, "wait": "1m30s", "plain": "010"}
	with := func(more map[string]any) map[string]any {
		out := map[string]any{}
		for k, v := range defaults {
			out[k] = v
		}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	for _, tt := range []struct {
		name     string
		given    map[string]string
		want     map[string]any
		problems string
	}{
		{"defaults", map[string]string{"must": "x"}, with(map[string]any{"must": "x"}), ""},
		{"all", map[string]string{"must": "x=y z", "key": "AKIAIOSFODNN7EXAMPLE", "mode": "hard", "n": "7", "force": "true", "wait": "2h"}, with(map[string]any{"must": "x=y z", "key": "AKIAIOSFODNN7EXAMPLE", "mode": "hard", "n": int64(7), "force": true, "wait": "2h0m0s"}), ""},
		{"empty is a value", map[string]string{"must": ""}, with(map[string]any{"must": ""}), ""},
		{"missing", nil, nil, "must: is missing (give must=...)"},
		{"unknown", map[string]string{"must": "x", "mist": "y"}, nil, `mist: is not an input of this runbook (did you mean "must"?)`},
		{"unknown far", map[string]string{"must": "x", "zzzz": "y"}, nil, "zzzz: is not an input of this runbook (known: key, mode, n, force, wait, plain, must)"},
		{"pattern", map[string]string{"must": "x", "key": "AKIA"}, nil, `key: "AKIA" does not match AKIA[A-Z0-9]{16}|none (The key)`},
		{"pattern inside", map[string]string{"must": "x", "key": "a none b"}, nil, `key: "a none b" does not match AKIA[A-Z0-9]{16}|none (The key)`},
		{"pattern and newline", map[string]string{"must": "x", "key": "none\n"}, nil, `key: "none\n" does not match AKIA[A-Z0-9]{16}|none (The key)`},
		{"enum", map[string]string{"must": "x", "mode": "sofft"}, nil, `mode: "sofft" is not one of soft, hard (did you mean "soft"?)`},
		{"int", map[string]string{"must": "x", "n": "1.5"}, nil, `n: must be a whole number, not "1.5"`},
		{"bool", map[string]string{"must": "x", "force": "True"}, nil, `force: must be true or false, not "True"`},
		{"duration", map[string]string{"must": "x", "wait": "90"}, nil, `wait: must be a duration, not "90" (write it like "90s")`},
		{"duration below zero", map[string]string{"must": "x", "wait": "-90s"}, nil, `wait: must be a duration, not "-90s" (write it like "90s")`},
		{"control", map[string]string{"must": "a\x1b[2J"}, nil, "must: contains a control character (remove it; it may not be visible)"},
		{"bidi", map[string]string{"must": "a\u202eb"}, nil, "must: contains a control character (remove it; it may not be visible)"},
		{"long", map[string]string{"must": strings.Repeat("x", 65537)}, nil, "must: has 65537 bytes; at most 65536 are allowed"},
		{"all at once, sorted", map[string]string{"zz": "1", "n": "x", "force": "x"}, nil, `force: must be true or false, not "x"; must: is missing (give must=...); n: must be a whole number, not "x"; zz: is not an input of this runbook (known: key, mode, n, force, wait, plain, must)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, problems := p.CoerceInputs(tt.given)
			if problems.Error() != tt.problems {
				t.Errorf("got  %s\nwant %s", problems.Error(), tt.problems)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What was checked once survives the journal and is accepted again, unchanged.
func TestCheckInputs(t *testing.T) {
	p := everything(t)
	first, problems := p.CheckInputs(map[string]any{"must": "x", "n": 7, "force": true, "wait": "90s"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	data, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	second, problems := p.CheckInputs(back)
	if diff := cmp.Diff(first, second); diff != "" || len(problems) > 0 {
		t.Errorf("%v %s", problems, diff)
	}
	for _, bad := range []map[string]any{
		{"must": 1}, {"must": nil}, {"must": []any{}}, {"must": "x", "n": "7"}, {"must": "x", "n": 1.5}, {"must": "x", "force": "true"}, {"must": "x", "wait": 90}, {"must": "x", "key": map[string]any{}},
	} {
		if got, problems := p.CheckInputs(bad); len(problems) != 1 || got != nil {
			t.Errorf("%v: got %v, %v", bad, got, problems)
		}
	}
}
