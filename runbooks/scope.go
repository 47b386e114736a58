package runbooks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// Env is what expressions read: plain data and nothing else. Text in it is
// only ever a value and never becomes source.
type Env struct {
	Inputs      map[string]any // string, int64, bool, []any, map[string]any; a duration as "1m30s"
	Steps       map[string]StepState
	Incident    IncidentFacts
	Environment EnvironmentFacts
	Run         string
	Now         time.Time // of the last fact, never of the wall clock
	Item        any       // of a step with for_each: the item it is done for, as [Expression.Items] gave it; else nil
	Index       int       // its place in the list, from 1; else 0
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
	maxText      = 64 << 10
	maxItems     = 256
	maxPathItems = 10_000 // of a list that is named and not computed
	maxDepth     = 16
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
	sc["inputs."+in.Name] = in.field()
}

// withItem adds what a step with for_each knows besides, and gives what takes
// it away again. A step without for_each adds nothing.
func (sc scope) withItem(f *ForEach) (without func()) {
	if f == nil {
		return func() {}
	}
	sc[itemPath] = f.Item
	sc[indexPath] = actions.Field{Kind: actions.Int, Required: true}
	return func() {
		delete(sc, itemPath)
		delete(sc, indexPath)
	}
}

// What only a step with for_each can read.
const (
	itemPath  = "item"
	indexPath = "index"
)

func (sc scope) addStep(id string, outputs []actions.Field) {
	sc["steps."+id+".status"] = actions.Field{Kind: actions.String, Enum: Statuses(), Required: true}
	for _, f := range outputs {
		sc["steps."+id+".outputs."+f.Name] = f
	}
}

// ofScenario says whether it is the scope of the conditions of a scenario.
func (sc scope) ofScenario() bool { _, scenario := sc[elapsedPath]; return scenario }

// under lists the next words after a prefix such as "steps.owner", sorted.
func (sc scope) under(prefix string) []string {
	var words []string
	if prefix == "" && !sc.ofScenario() {
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
	for s := range p.All() {
		sc.addStep(s.ID, s.Outputs)
	}
	return sc
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
	case itemPath:
		if e.Item != nil {
			return e.Item, nil
		}
		return nil, fmt.Errorf("%q is not known: the step is not done for an item", path)
	case indexPath:
		if e.Index > 0 {
			return int64(e.Index), nil
		}
		return nil, fmt.Errorf("%q is not known: the step is not done for an item", path)
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
