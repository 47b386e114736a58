package lint

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func expressionInLiteral() Rule {
	return Rule{
		Name:     "expression-in-literal",
		Severity: runbooks.SeverityError,
		Doc: "The name of an input, of an output or of the item stands in ${{ }}; without it the action is " +
			"given the name itself, and acts against something that is called so.",
		Bad: `
steps:
  - id: revoke
    uses: aws.iam.revoke_sessions
    with: {role: inputs.principal}
    approval: {from: [group:leads]}
`,
		Good: `
steps:
  - id: revoke
    uses: aws.iam.revoke_sessions
    with: {role: "${{ inputs.principal }}"}
    approval: {from: [group:leads]}
`,
		Waivable: true,
		check: func(p *pass) {
			braces := regexp.MustCompile(`\$?\{{1,2}\s*((?:inputs|steps|item)\b[^{}]*?)\s*\}{1,2}`)
			for step := range p.program.All() {
				values := []*runbooks.Value{step.With}
				if step.Manual != nil {
					values = append(values, step.Manual.Instructions)
				}
				if step.Undo != nil {
					values = append(values, step.Undo.Manual)
				}
				for _, v := range values {
					for _, written := range v.Literals() {
						text, name := written.Text, written.Text
						m := braces.FindStringSubmatch(text)
						switch {
						case m != nil && p.names(step, m[1]):
							text, name = m[0], m[1]
						case !written.Whole || !p.names(step, text):
							continue
						}
						p.add(step.ID, written.Pos, fmt.Sprintf("the step %q is given the text %q, not what it names", step.ID, text),
							fmt.Sprintf("write \"${{ %s }}\"; if the text itself is meant, write '${{ %q }}'", name, text))
					}
				}
			}
		},
	}
}

// names says whether a text is a name that an expression in the step could
// read, and nothing more.
func (p *pass) names(step *runbooks.Step, text string) bool {
	first, rest, dotted := strings.Cut(text, ".")
	name, _, _ := strings.Cut(rest, ".")
	switch {
	case first == "item" && (!dotted || name != ""):
		return step.ForEach != nil
	case first == "inputs" && !strings.ContainsAny(rest, " \n"):
		for _, in := range p.program.Inputs {
			if in.Name == name {
				return true
			}
		}
	case first == "steps" && !strings.ContainsAny(rest, " \n"):
		for other := range p.program.All() {
			if other.ID == name {
				return true
			}
		}
	}
	return false
}
