package lint

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func evidenceAfterChange() Rule {
	return Rule{
		Name:     "evidence-after-change",
		Severity: runbooks.SeverityError,
		Doc:      "A step with evidence: true has certainly ended before anything is changed, in this runbook and in those it calls; what was changed first is no evidence of how it was. The items of a for_each are judged one by one, and a message to people or a copy for the record changes nothing. What only keeps its target from being lost, such as termination protection, may come first.",
		Bad: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:leads]}
  - id: record
    uses: aws.iam.lookup_access_key
    with: {access_key_id: "${{ inputs.key }}"}
    evidence: true
`,
		Good: `
steps:
  - id: record
    uses: aws.iam.lookup_access_key
    with: {access_key_id: "${{ inputs.key }}"}
    evidence: true
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:leads]}
`,
		Waivable: true,
		check: func(p *pass) {
			before := ancestors(p.program.Steps)
			for i := range p.program.Steps {
				evidence := &p.program.Steps[i]
				path, collects := p.collects(evidence)
				if !collects {
					continue
				}
				if d := p.danger(evidence); evidence.Evidence && d.effect == actions.Destructive && !d.adds {
					p.step(evidence, "evidence", fmt.Sprintf("the step %q is called evidence and destroys something itself", evidence.ID), "take evidence: true away, or use an action that only reads")
					continue
				}
				for j := range p.program.Steps {
					change := &p.program.Steps[j]
					what, changes := p.changesBelow(change)
					if i == j || !changes || before[change.ID][evidence.ID] {
						continue
					}
					p.step(evidence, "evidence", fmt.Sprintf("the step %q collects evidence and may run after the step %q has changed something", path, what),
						fmt.Sprintf("put %q before %q, or add needs: [%s] to %q", evidence.ID, change.ID, evidence.ID, change.ID))
					break
				}
			}
		},
	}
}

// collects finds the first step that collects evidence: the step itself, or
// one of the runbook it calls.
func (p *pass) collects(step *runbooks.Step) (path string, ok bool) {
	return below(step, func(s *runbooks.Step) bool { return s.Evidence })
}

// changesBelow finds the first step that changes something and is no evidence.
// What only keeps its target from being lost may come first.
func (p *pass) changesBelow(step *runbooks.Step) (path string, ok bool) {
	return below(step, func(s *runbooks.Step) bool { return p.changes(s) && !s.Evidence && !p.danger(s).keeps })
}

// below looks at a step and, when it calls a runbook, at the steps of that.
// Those of on_cancel do not count: they run instead of the rest, not before it.
func below(step *runbooks.Step, is func(*runbooks.Step) bool) (path string, ok bool) {
	if is(step) {
		return step.ID, true
	}
	if step.Runbook == nil || step.Runbook.Program == nil {
		return "", false
	}
	for i := range step.Runbook.Program.Steps {
		if path, ok := below(&step.Runbook.Program.Steps[i], is); ok {
			return step.ID + "." + path, true
		}
	}
	return "", false
}

// ancestors gives, for each step, the steps that have certainly ended before it.
func ancestors(steps []runbooks.Step) map[string]map[string]bool {
	byID := map[string]*runbooks.Step{}
	for i := range steps {
		byID[steps[i].ID] = &steps[i]
	}
	all := map[string]map[string]bool{}
	var visit func(id string) map[string]bool
	visit = func(id string) map[string]bool {
		if done, ok := all[id]; ok {
			return done
		}
		before := map[string]bool{}
		all[id] = before
		if step := byID[id]; step != nil {
			for _, need := range step.Needs {
				before[need] = true
				for further := range visit(need) {
					before[further] = true
				}
			}
		}
		return before
	}
	for i := range steps {
		visit(steps[i].ID)
	}
	return all
}
