package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func breakGlassReview() Rule {
	return Rule{
		Name:     "break-glass-review",
		Severity: runbooks.SeverityError,
		Doc:      "Whoever may break the glass leaves somebody who reviews it: nobody reviews what they did, and without a review the incident is never resolved.",
		Bad: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval:
      from: [group:leads]
      quorum: 2
      break_glass: {by: [group:ciso], review: [person:dave]} # who is one of the group
`,
		Good: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval:
      from: [group:leads]
      quorum: 2
      break_glass: {by: [group:ciso], review: [group:leads]}
`,
		Waivable: true,
		Paper:    true, // the step can be approved, and who is in a group changes without the runbook
		check: func(p *pass) {
			if p.opts.Groups == nil {
				return
			}
			for q := range p.questions() {
				g := q.approval.BreakGlass
				if g == nil {
					continue
				}
				by, known := p.members(g.By)
				review, all := p.members(g.Review)
				if !known || !all || len(review) != 1 || !slices.Contains(by, review[0]) { // an empty group is a rule of its own
					continue
				}
				p.mild = len(p.opts.People) == 1 // a directory of one person is a trial
				p.step(q.step, q.part+".break_glass.review",
					fmt.Sprintf("%s lets %s break the glass, and nobody but %s would review that: %s", q.name, review[0], review[0], strings.Join(g.Review, ", ")), "name a group with others in it")
			}
		},
	}
}
