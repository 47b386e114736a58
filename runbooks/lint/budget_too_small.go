package lint

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func budgetTooSmall() Rule {
	return Rule{
		Name:     "budget-too-small",
		Severity: runbooks.SeverityWarning,
		Doc:      "The waits before a change, and the time that its approval may take, fit into the budget together; else a run in which everybody was in time still misses it. Steps with an if are not counted, nor is more than one approval.",
		Bad: `
budget: 10m
steps:
  - id: settle
    wait: 5m
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:leads], expires: 8m}
`,
		Good: `
budget: 15m
steps:
  - id: settle
    wait: 5m
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:leads], expires: 8m}
`,
		Waivable: true,
		check: func(p *pass) {
			if p.program.Budget == 0 {
				return
			}
			changes, _ := p.latest(p.program)
			for _, l := range changes {
				if l.wait+l.approval <= p.program.Budget {
					continue
				}
				part := "id"
				message := fmt.Sprintf("the step %q begins after waits of %s, and the budget is %s", l.path, runbooks.SpanText(l.wait), runbooks.SpanText(p.program.Budget))
				switch {
				case l.wait == 0:
					part = "approval.expires"
					message = fmt.Sprintf("the approval of step %q may take %s, and the budget is %s", l.path, runbooks.SpanText(l.approval), runbooks.SpanText(p.program.Budget))
				case l.wait <= p.program.Budget:
					message = fmt.Sprintf("the step %q begins after waits of %s and its approval may take %s, and the budget is %s", l.path, runbooks.SpanText(l.wait), runbooks.SpanText(l.approval), runbooks.SpanText(p.program.Budget))
				}
				p.step(l.step, part, message, "wait less, let the approval expire earlier, or raise the budget")
				return // those after it are late for the same reason
			}
		},
	}
}

// lateness is how late a change may begin although nobody was slow.
type lateness struct {
	step     *runbooks.Step // of the program that was asked about
	path     string
	wait     runbooks.Span // that certainly passes before
	approval runbooks.Span // that may pass
}

// latest lists the changes of a program, in order, and says how much time
// certainly passes in it.
func (p *pass) latest(program *runbooks.Program) (changes []lateness, total runbooks.Span) {
	ends := map[string]runbooks.Span{}
	for _, step := range inOrder(program.Steps) {
		var start, takes runbooks.Span
		for _, need := range step.Needs {
			start = max(start, ends[need])
		}
		switch {
		case step.If != nil:
		case step.Wait != nil:
			takes = step.Wait.For
		case step.Runbook != nil && step.Runbook.Program != nil:
			inner, passes := p.latest(step.Runbook.Program)
			for _, l := range inner {
				changes = append(changes, lateness{step, step.ID + "." + l.path, start + l.wait, l.approval})
			}
			takes = passes
		case p.changes(step):
			l := lateness{step: step, path: step.ID, wait: start}
			if step.Approval != nil {
				l.approval = step.Approval.Expires
			}
			changes = append(changes, l)
		}
		ends[step.ID] = start + takes
		total = max(total, ends[step.ID])
	}
	return changes, total
}

// inOrder lists the steps, each after those it needs.
func inOrder(steps []runbooks.Step) []*runbooks.Step {
	byID := map[string]*runbooks.Step{}
	for i := range steps {
		byID[steps[i].ID] = &steps[i]
	}
	var out []*runbooks.Step
	seen := map[string]bool{}
	var visit func(step *runbooks.Step)
	visit = func(step *runbooks.Step) {
		if step == nil || seen[step.ID] {
			return
		}
		seen[step.ID] = true
		for _, need := range step.Needs {
			visit(byID[need])
		}
		out = append(out, step)
	}
	for i := range steps {
		visit(&steps[i])
	}
	return out
}
