package runbooks

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// Env is what expressions read: plain data and nothing else. Text in it is
// only ever a value and never becomes source.
type Env struct {
	Inputs      map[string]any // string, int64, bool; a duration as "1m30s"
	Steps       map[string]StepState
	Incident    IncidentFacts
	Environment EnvironmentFacts
	Run         string
	Now         time.Time // of the last fact, never of the wall clock
}

// StepState is how an earlier step ended.
type StepState struct {
	Status  string // one of [Statuses]
	Outputs map[string]any
}

// IncidentFacts is what expressions may know about the incident.
type IncidentFacts struct {
	ID       string
	Title    string
	Severity int
}

// EnvironmentFacts is what expressions may know about the environment.
type EnvironmentFacts struct {
	Name    string `json:"name"`
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
}

// Reading is one value that decided an expression, rendered short.
type Reading struct {
	Path  string `json:"path"`  // "steps.owner.outputs.status"
	Value string `json:"value"` // "Active" in quotes; [secret] for a secret
}

// Statuses lists the words with which a step ends.
func Statuses() []string { return []string{"done", "skipped", "failed", "refused", "cancelled"} }

// statusDone is the status in which a step has outputs.
const statusDone = "done"

// Limits on the values that an expression may read.
const (
	maxText  = 64 << 10
	maxItems = 256
	maxDepth = 16
)

// scope is every path that the expressions of one program may read, by its
// full name, with its type.
type scope map[string]actions.Field

// newScope holds what does not depend on the runbook.
func newScope() scope {
	sc := scope{}
	for _, path := range []string{"incident.id", "incident.title", "environment.name", "environment.account", "environment.region", "run"} {
		sc[path] = actions.Field{Kind: actions.String, Required: true}
	}
	for _, path := range []string{"incident.severity", "now"} {
		sc[path] = actions.Field{Kind: actions.Int, Required: true}
	}
	return sc
}

func (sc scope) addInput(in Input) {
	sc["inputs."+in.Name] = actions.Field{Name: in.Name, Kind: in.Type, Enum: in.Enum, Required: true}
}

func (sc scope) addStep(id string, outputs []actions.Field) {
	sc["steps."+id+".status"] = actions.Field{Kind: actions.String, Enum: Statuses(), Required: true}
	for _, f := range outputs {
		sc["steps."+id+".outputs."+f.Name] = f
	}
}

// under lists the next words after a prefix such as "steps.owner", sorted.
func (sc scope) under(prefix string) []string {
	var words []string
	if prefix == "" {
		words = []string{"inputs", "steps"} // known words, even when there are none of them
	}
	for path := range sc {
		if prefix != "" {
			rest, ok := strings.CutPrefix(path, prefix+".")
			if !ok {
				continue
			}
			path = rest
		}
		word, _, _ := strings.Cut(path, ".")
		words = append(words, word)
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// programScope is the scope of a compiled program.
func programScope(p *Program) scope {
	sc := newScope()
	for _, in := range p.Inputs {
		sc.addInput(in)
	}
	for i := range p.Steps {
		sc.addStep(p.Steps[i].ID, p.Steps[i].Outputs)
	}
	return sc
}

// manualOutputs is what a manual step gives.
func manualOutputs() []actions.Field {
	return []actions.Field{{Name: "answer", Kind: actions.String, Required: true}}
}

// lookup finds the raw value of a path. A value that is not there is an error,
// never an empty value; only a field that its action declares as optional is
// empty when the action left it out.
func (e *Env) lookup(path string, f actions.Field) (any, error) {
	group, rest, _ := strings.Cut(path, ".")
	switch group {
	case "run":
		return e.Run, nil
	case "now":
		if e.Now.IsZero() {
			return nil, fmt.Errorf("%q is not known", path)
		}
		return e.Now.Unix(), nil
	case "inputs":
		if v, ok := e.Inputs[rest]; ok && v != nil {
			return v, nil
		}
		return nil, fmt.Errorf("%q is not given", path)
	case "incident":
		return map[string]any{"id": e.Incident.ID, "title": e.Incident.Title, "severity": e.Incident.Severity}[rest], nil
	case "environment":
		return map[string]any{"name": e.Environment.Name, "account": e.Environment.Account, "region": e.Environment.Region}[rest], nil
	}
	id, rest, _ := strings.Cut(rest, ".")
	state, ok := e.Steps[id]
	if !ok || state.Status == "" {
		return nil, fmt.Errorf("%q is not known: step %q has not ended", path, id)
	}
	if rest == "status" {
		return state.Status, nil
	}
	if state.Status != statusDone {
		return nil, fmt.Errorf("%q is not known: step %q is %s", path, id, state.Status)
	}
	name := strings.TrimPrefix(rest, "outputs.")
	v, ok := state.Outputs[name]
	if ok && v != nil {
		return v, nil
	}
	return missing(path, f)
}

// missing is the value of a field that an action left out.
func missing(path string, f actions.Field) (any, error) {
	switch {
	case f.Kind == actions.List:
		return []any{}, nil
	case f.Kind == actions.Map:
		return map[string]any{}, nil
	case f.Required || f.Kind == actions.Time || f.Kind == actions.Object:
		return nil, fmt.Errorf("%q is missing in what the action gave", path)
	case f.Kind == actions.Int:
		return int64(0), nil
	case f.Kind == actions.Bool:
		return false, nil
	case f.Kind == actions.Duration:
		return "0s", nil
	}
	return "", nil
}

// plain checks a raw value against its declared type and gives it as string,
// int64, bool, []any or map[string]any. Durations and times stay text.
func plain(path string, f actions.Field, raw any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%q is nested deeper than %d", path, maxDepth)
	}
	wrong := func() (any, error) { return nil, fmt.Errorf("%q is %T, not a %s as declared", path, raw, f.Kind) }
	switch f.Kind {
	case actions.Int:
		n, ok := integer(raw)
		if !ok {
			return wrong()
		}
		return n, nil
	case actions.Bool:
		b, ok := raw.(bool)
		if !ok {
			return wrong()
		}
		return b, nil
	case actions.List:
		list, ok := raw.([]any)
		if !ok {
			return wrong()
		}
		if len(list) > maxItems {
			return nil, fmt.Errorf("%q has %d items; an expression reads at most %d", path, len(list), maxItems)
		}
		out := make([]any, len(list))
		for i, one := range list {
			v, err := plain(fmt.Sprintf("%s[%d]", path, i), *f.Elem, one, depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	case actions.Map, actions.Object:
		m, ok := raw.(map[string]any)
		if !ok {
			return wrong()
		}
		return plainMap(path, f, m, depth)
	case actions.Duration, actions.Time, actions.String:
		s, ok := raw.(string)
		if !ok {
			return wrong()
		}
		if len(s) > maxText {
			return nil, fmt.Errorf("%q has %d bytes; an expression reads at most %d", path, len(s), maxText)
		}
		return s, nil
	}
	return wrong()
}

func plainMap(path string, f actions.Field, m map[string]any, depth int) (any, error) {
	out := make(map[string]any, len(m))
	put := func(name string, of actions.Field, raw any) error {
		v, err := plain(path+"."+name, of, raw, depth+1)
		out[name] = v
		return err
	}
	if f.Kind == actions.Map {
		if len(m) > maxItems {
			return nil, fmt.Errorf("%q has %d items; an expression reads at most %d", path, len(m), maxItems)
		}
		for name, raw := range m {
			if err := put(name, *f.Elem, raw); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	for _, of := range f.Fields {
		raw, ok := m[of.Name]
		if !ok || raw == nil {
			filled, err := missing(path+"."+of.Name, of)
			if err != nil {
				continue // reading just this field is then an error
			}
			raw = filled
		}
		if err := put(of.Name, of, raw); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func integer(raw any) (int64, bool) {
	switch n := raw.(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	case float64: // decoded JSON
		if n == math.Trunc(n) && math.Abs(n) <= 1<<53 {
			return int64(n), true
		}
	}
	return 0, false
}

// operand turns a plain value into what expressions compute with: a
// duration becomes whole seconds and a time Unix seconds, as now is.
func operand(path string, f actions.Field, v any) (any, error) {
	switch f.Kind {
	case actions.Int:
		return int(v.(int64)), nil
	case actions.Duration:
		d, err := time.ParseDuration(v.(string))
		if err != nil {
			return nil, fmt.Errorf("%q is not a duration: %w", path, err)
		}
		return int(d / time.Second), nil
	case actions.Time:
		t, err := time.Parse(time.RFC3339Nano, v.(string))
		if err != nil {
			return nil, fmt.Errorf("%q is not a time: %w", path, err)
		}
		return int(t.Unix()), nil
	case actions.List:
		out := make([]any, len(v.([]any)))
		for i, one := range v.([]any) {
			c, err := operand(path, *f.Elem, one)
			if err != nil {
				return nil, err
			}
			out[i] = c
		}
		return out, nil
	case actions.Map, actions.Object:
		out := map[string]any{}
		for name, one := range v.(map[string]any) {
			of := f.Elem
			if f.Kind == actions.Object {
				i := slices.IndexFunc(f.Fields, func(g actions.Field) bool { return g.Name == name })
				of = &f.Fields[i]
			}
			c, err := operand(path+"."+name, *of, one)
			if err != nil {
				return nil, err
			}
			out[name] = c
		}
		return out, nil
	}
	return v, nil
}
