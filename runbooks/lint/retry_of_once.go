package lint

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func retryOfOnce() Rule {
	return Rule{
		Name:     "retry-of-once",
		Severity: runbooks.SeverityError,
		Doc:      "An action that may run only once is never tried again without a person; the compiler refuses it, and lint does when an action has become so since.",
		Bad: `
steps:
  - id: rotate
    uses: test.once
    with: {target: db-1}
    approval: {from: [group:leads]}
    retry: {attempts: 3, backoff: 2s}
`,
		Good: `
steps:
  - id: rotate
    uses: test.once
    with: {target: db-1}
    approval: {from: [group:leads]}
    on_failure: ask
`,
		check: func(p *pass) {
			for step, d := range p.actionSteps() {
				if d.repeat == actions.Once && step.Retry.Attempts > 1 {
					p.step(step, "retry.attempts", fmt.Sprintf("the step %q tries %s again, which may run only once", step.ID, step.Uses), "leave retry out; a person decides")
				}
			}
		},
	}
}
