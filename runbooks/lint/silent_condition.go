package lint

import (
	"fmt"
	"slices"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func silentCondition() Rule {
	return Rule{
		Name:     "silent-condition",
		Severity: runbooks.SeverityError,
		Doc:      "A condition is not decided by an output that the action may leave out, unless it also asks whether it is there (x == \"\", x != \"\", x == 0, len(x) > 0); a step must not be passed over because nobody knew.",
		Bad: `
steps:
  - {id: look, uses: test.types}
  - id: tell
    if: steps.look.outputs.note == "stolen" # false when there is no note
    uses: slack.post
    with: {text: "The key was stolen"}
`,
		Good: `
steps:
  - {id: look, uses: test.types}
  - id: tell
    if: steps.look.outputs.note == "" || steps.look.outputs.note == "stolen"
    uses: slack.post
    with: {text: "The key was stolen, or nobody knows"}
`,
		Waivable: true,
		check: func(p *pass) {
			for step := range p.program.All() {
				if step.If == nil {
					continue
				}
				logic := step.If.Logic()
				if logic == nil {
					continue
				}
				for _, path := range unguarded(p.program, logic) {
					p.add(step.ID, place(step), fmt.Sprintf("the condition of step %q is decided by %q, which the action may leave out", step.ID, path), "say what follows when it is not there: "+guards(p.program, path))
				}
			}
		},
	}
}

// unguarded lists the optional outputs that a condition reads without asking
// whether they are there, in order.
func unguarded(p *runbooks.Program, logic *runbooks.Logic) []string {
	var read []string
	asked := map[string]bool{}
	logic.Tests(func(test *runbooks.Logic) {
		for _, path := range test.Reads {
			if optional(p, path) && !slices.Contains(read, path) {
				read = append(read, path)
			}
			switch {
			case test.Term == "len("+path+")":
				asked[path] = true
			case test.Term == path && slices.ContainsFunc(test.Words, func(w any) bool { return w == "" || w == int64(0) }):
				asked[path] = true
			}
		}
	})
	return slices.DeleteFunc(read, func(path string) bool { return asked[path] })
}

// optional says whether a path may be empty because the action left it out. A
// list or a map that is left out is empty, true or false is false, and both are
// answers; a time or an object that is not there is an error when it is read.
func optional(p *runbooks.Program, path string) bool {
	field, ok := outputOf(p, path)
	return ok && !field.Required && slices.Contains([]actions.Kind{actions.String, actions.Int, actions.Duration}, field.Kind)
}

func guards(p *runbooks.Program, path string) string {
	if field, _ := outputOf(p, path); field.Kind == actions.String {
		return fmt.Sprintf(`%s == "" || ..., or %s != "" && ...`, path, path)
	}
	return fmt.Sprintf(`%s == 0 || ..., or %s != 0 && ...`, path, path)
}
