package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func targetSelf() Rule {
	return Rule{
		Name:     "target-self",
		Severity: runbooks.SeverityError,
		Doc:      "A runbook does not act against firebreak's own identities, which are called firebreak or firebreak-*: it would cut off the hand that undoes it.",
		Bad: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "arn:aws:iam::111122223333:role/firebreak-contain"}
    approval: {from: [group:leads]}
`,
		Good: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "arn:aws:iam::111122223333:role/ci-deploy"}
    approval: {from: [group:leads]}
`,
		check: func(p *pass) {
			for step := range p.program.All() {
				for _, s := range p.subjects(p.program, step) {
					if name := ours(s.written); name != "" {
						p.add(step.ID, s.pos, fmt.Sprintf("the step %q acts against %q, which is firebreak's own", step.ID, name), "name another target; what firebreak itself may do is taken away in the cloud account, by hand")
					}
				}
			}
		},
	}
}

// subject is a target that a step names.
type subject struct {
	written string // as far as it is written out; * for what is computed
	input   string // the input that gives it, when it does so alone
	pos     runbooks.Pos
}

// subjects lists what a step changes, by the parameters that say so. Of a step
// that calls a runbook it is what the runbook changes and takes from this step.
func (p *pass) subjects(program *runbooks.Program, step *runbooks.Step) []subject {
	if step.With == nil {
		return nil
	}
	var out []subject
	for _, m := range step.With.Members {
		if step.Runbook != nil && p.changesInput(step.Runbook.Program, m.Name) || p.isSubject(step, m.Name) {
			out = append(out, subjectsOf(program, step, m.Value)...)
		}
	}
	return out
}

// isSubject says whether a parameter names the target of a change.
func (p *pass) isSubject(step *runbooks.Step, param string) bool {
	if !p.changes(step) {
		return false
	}
	spec, ok := p.catalog.Spec(step.Uses)
	if !ok {
		return false
	}
	field, ok := spec.Param(param)
	return ok && (field.Subject || field.Elem != nil && slices.ContainsFunc(field.Elem.Fields, func(f actions.Field) bool { return f.Subject }))
}

// changesInput says whether a runbook changes what an input of it names.
func (p *pass) changesInput(program *runbooks.Program, input string) bool {
	for step := range program.All() {
		for _, s := range p.subjects(program, step) {
			if s.input == input {
				return true
			}
		}
	}
	return false
}

// subjectsOf lists the targets that a value gives: as written, or by the
// default of an input.
func subjectsOf(program *runbooks.Program, step *runbooks.Step, v *runbooks.Value) []subject {
	var out []subject
	switch v.Form {
	case runbooks.Literal:
		if text, ok := v.Literal.(string); ok {
			out = append(out, subject{written: text, pos: v.Pos})
		}
	case runbooks.Text:
		if len(v.Parts) == 1 && v.Parts[0].Expr != nil {
			return inputSubjects(program, step, v.Parts[0].Expr, v.Pos)
		}
		var b strings.Builder
		for _, part := range v.Parts {
			if part.Expr != nil {
				b.WriteByte('*')
			}
			b.WriteString(part.Text)
		}
		out = append(out, subject{written: b.String(), pos: v.Pos})
	}
	for _, item := range v.Items {
		out = append(out, subjectsOf(program, step, item)...)
	}
	for _, m := range v.Members {
		out = append(out, subjectsOf(program, step, m.Value)...)
	}
	return out
}

// inputSubjects looks behind an expression that is an input, or the item of a
// list that is one.
func inputSubjects(program *runbooks.Program, step *runbooks.Step, e *runbooks.Expression, pos runbooks.Pos) []subject {
	source := strings.TrimSpace(e.Source)
	if source == "item" && step.ForEach != nil && step.ForEach.In != nil {
		source = strings.TrimSpace(step.ForEach.In.Source)
	}
	name, ok := strings.CutPrefix(source, "inputs.")
	if !ok {
		return nil
	}
	i := slices.IndexFunc(program.Inputs, func(in runbooks.Input) bool { return in.Name == name })
	if i < 0 {
		return nil
	}
	out := []subject{{input: name, pos: pos}}
	for _, text := range texts(program.Inputs[i].Default) {
		out = append(out, subject{written: text, input: name, pos: pos})
	}
	return out
}

// ours is the name in a target that is one of firebreak's own, or "".
func ours(target string) string {
	name := target[strings.LastIndexAny(target, "/:")+1:]
	if name == "firebreak" || strings.HasPrefix(name, "firebreak-") {
		return name
	}
	return ""
}
