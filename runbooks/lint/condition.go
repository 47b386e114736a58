package lint

import (
	"maps"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// maxWorlds is how many combinations of values are tried for one condition;
// with more of them nothing is claimed.
const maxWorlds = 1024

// conditions reasons about the conditions of one program: whether each can be
// true, and can be false, by what is known before a run.
//
// It tries every combination of the values that make a difference to the tests
// in a condition: the words of a closed set, both sides of a number, a text that
// is none of those asked for. The status of a step takes the words with which it
// can end while the run goes on. What a test asks of is otherwise taken as free,
// so that "never" and "always" are certain and "it depends" may be wrong.
type conditions struct {
	program *runbooks.Program
	logic   map[string]*runbooks.Logic // of the condition of a step; nil: it has none
	known   map[string]outcome
	cancels map[string]bool // steps of on_cancel
	now     map[string]bool // steps whose outcome is being worked out
}

// outcome says how a condition can turn out.
type outcome struct{ yes, no bool }

func conditionsOf(p *runbooks.Program) *conditions {
	c := &conditions{program: p, logic: map[string]*runbooks.Logic{}, known: map[string]outcome{}, cancels: map[string]bool{}, now: map[string]bool{}}
	for step := range p.All() {
		if step.If != nil {
			c.logic[step.ID] = step.If.Logic()
		}
	}
	for i := range p.OnCancel {
		c.cancels[p.OnCancel[i].ID] = true
	}
	return c
}

// outcome says how the condition of a step can turn out.
func (c *conditions) outcome(id string) outcome {
	logic := c.logic[id]
	if logic == nil || c.now[id] {
		return outcome{yes: true, no: true}
	}
	if o, ok := c.known[id]; ok {
		return o
	}
	if step, _ := c.program.Step(id); len(step.If.Paths()) == 0 {
		if yes, _, err := step.If.Bool(runbooks.Env{}); err == nil { // it reads nothing, so this is the answer
			c.known[id] = outcome{yes: yes, no: !yes}
			return c.known[id]
		}
	}
	c.now[id] = true
	o, tried := c.try(id, c.closure(id))
	if !tried {
		if o, tried = c.try(id, []string{id}); !tried {
			o = outcome{yes: true, no: true}
		}
	}
	delete(c.now, id)
	c.known[id] = o
	return o
}

// closure lists the steps whose conditions bear on that of a step: it reads
// how they ended, or what they gave.
func (c *conditions) closure(id string) []string {
	list := []string{id}
	for i := 0; i < len(list); i++ {
		logic := c.logic[list[i]]
		if logic == nil {
			continue
		}
		logic.Tests(func(test *runbooks.Logic) {
			for _, path := range test.Reads {
				if other := stepOf(path); other != "" && c.logic[other] != nil && !slices.Contains(list, other) {
					list = append(list, other)
				}
			}
		})
	}
	return list
}

// stepOf is the step that a path reads, or "".
func stepOf(path string) string {
	words := strings.Split(path, ".")
	if len(words) < 3 || words[0] != "steps" {
		return ""
	}
	return words[1]
}

// try evaluates the condition of the first step in every world in which those
// of the others do not contradict how these steps ended. It says false when
// there are too many worlds.
func (c *conditions) try(id string, ids []string) (outcome, bool) {
	tests := map[string][]*runbooks.Logic{} // by variable
	for _, other := range ids {
		c.logic[other].Tests(func(test *runbooks.Logic) {
			name := variable(other, test)
			tests[name] = append(tests[name], test)
		})
		if other != id {
			if name := "steps." + other + ".status"; tests[name] == nil {
				tests[name] = nil
			}
		}
	}
	names := slices.Sorted(maps.Keys(tests))
	domains := make([][]any, len(names))
	worlds := 1
	for i, name := range names {
		domains[i] = c.domain(id, name, tests[name])
		if worlds *= len(domains[i]); worlds > maxWorlds {
			return outcome{}, false
		}
	}
	var o outcome
	world := map[string]any{}
	for n := 0; n < worlds && !(o.yes && o.no); n++ {
		rest := n
		for i, name := range names {
			world[name] = domains[i][rest%len(domains[i])]
			rest /= len(domains[i])
		}
		possible := true
		for _, other := range ids[1:] {
			// A step is only done, or refused by those it asked, when its condition held.
			if ended := world["steps."+other+".status"]; (ended == "done" || ended == "refused") && !holds(c.logic[other], other, world) {
				possible = false
				break
			}
		}
		if !possible {
			continue
		}
		if holds(c.logic[id], id, world) {
			o.yes = true
		} else {
			o.no = true
		}
	}
	return o, true
}

// variable names the value that a test looks at. What moves during a run has
// another value for every step that looks.
func variable(step string, test *runbooks.Logic) string {
	for _, path := range test.Reads {
		if path == "now" || path == "item" || path == "index" || strings.HasPrefix(path, "incident.") {
			return step + "/" + test.Term
		}
	}
	return test.Term
}

// domain lists the values of a variable that make a difference to its tests,
// for the condition of a step.
func (c *conditions) domain(reader, name string, tests []*runbooks.Logic) []any {
	if id := stepOf(name); id != "" && name == "steps."+id+".status" {
		return c.statuses(reader, id)
	}
	words := map[any]bool{}
	number, text := false, false
	for _, test := range tests {
		for _, word := range test.Words {
			switch w := word.(type) {
			case bool:
				words[true], words[false] = true, true
			case int64:
				number = true
				words[w-1], words[w], words[w+1] = true, true, true
			case string:
				text = true
				words[w] = true
			}
		}
	}
	field := c.field(name)
	if text && len(field.Enum) > 0 {
		clear(words)
		for _, word := range field.Enum {
			words[word] = true
		}
		if !field.Required {
			words[""] = true
		}
	} else if text {
		words["\x00"] = true // any other
	}
	if number {
		for word := range words {
			if n, ok := word.(int64); ok && (strings.HasPrefix(name, "len(") && n < 0 || !c.within(name, n)) {
				delete(words, word)
			}
		}
		for _, n := range c.bounds(name) {
			words[n] = true
		}
		if len(words) == 0 {
			words[int64(0)] = true
		}
	}
	if len(words) == 0 {
		words[true] = true // nothing is asked of it
	}
	return slices.SortedFunc(maps.Keys(words), func(a, b any) int { return strings.Compare(rendered(a), rendered(b)) })
}

// statuses lists how a step can have ended when the condition of a reader is
// looked at. A person can skip any step. One that fails or is refused ends the
// run, unless it says otherwise; then a later condition is not looked at.
func (c *conditions) statuses(reader, id string) []any {
	step, ok := c.program.Step(id)
	if !ok || c.cancels[reader] {
		var all []any
		for _, word := range runbooks.Statuses() {
			all = append(all, word)
		}
		return all
	}
	words := []any{"skipped"}
	if !c.outcome(id).yes {
		return words
	}
	words = append(words, "done")
	goesOn := func(r runbooks.Reaction) bool { return r == runbooks.Continue || r == runbooks.Ask }
	failed, refused := goesOn(step.OnFailure), goesOn(step.OnRefused)
	if step.Runbook != nil || step.ForEach != nil { // of many steps below, some may have failed and others been refused
		failed = failed || refused
		refused = failed
	}
	if failed {
		words = append(words, "failed")
	}
	if refused {
		words = append(words, "refused")
	}
	return words
}

// input finds an input by the path of it.
func (c *conditions) input(path string) (runbooks.Input, bool) {
	name, ok := strings.CutPrefix(path, "inputs.")
	i := slices.IndexFunc(c.program.Inputs, func(in runbooks.Input) bool { return ok && in.Name == name })
	if i < 0 {
		return runbooks.Input{}, false
	}
	return c.program.Inputs[i], true
}

// field is what is known of the type behind a path; the zero Field when it is
// no path.
func (c *conditions) field(path string) actions.Field {
	if in, ok := c.input(path); ok {
		return actions.Field{Name: in.Name, Kind: in.Type, Enum: in.Enum, Required: true}
	}
	field, _ := outputOf(c.program, path)
	return field
}

// outputOf finds the output behind a path such as
// "steps.look.outputs.where.key".
func outputOf(p *runbooks.Program, path string) (actions.Field, bool) {
	words := strings.Split(path, ".")
	if len(words) < 4 || words[0] != "steps" || words[2] != "outputs" {
		return actions.Field{}, false
	}
	step, ok := p.Step(words[1])
	if !ok {
		return actions.Field{}, false
	}
	fields := step.Outputs
	var field actions.Field
	for _, word := range words[3:] {
		i := slices.IndexFunc(fields, func(f actions.Field) bool { return f.Name == word })
		if i < 0 {
			return actions.Field{}, false
		}
		field = fields[i]
		fields = field.Fields
	}
	return field, true
}

// within says whether a number fits into the bounds of an input.
func (c *conditions) within(name string, n int64) bool {
	in, ok := c.input(name)
	return !ok || in.Type != actions.Int || (in.Min == nil || n >= *in.Min) && (in.Max == nil || n <= *in.Max)
}

// bounds lists the least and the greatest number that an input takes.
func (c *conditions) bounds(name string) []int64 {
	var out []int64
	if in, ok := c.input(name); ok && in.Type == actions.Int {
		for _, bound := range []*int64{in.Min, in.Max} {
			if bound != nil {
				out = append(out, *bound)
			}
		}
	}
	return out
}
