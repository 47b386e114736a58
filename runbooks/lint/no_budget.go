package lint

import "github.com/firebreak-ir/firebreak/runbooks"

func noBudget() Rule {
	return Rule{
		Name:     "no-budget",
		Severity: runbooks.SeverityError,
		Doc:      "A runbook says how long containment may take, so that a rehearsal can tell whether it does.",
		Bad: `
budget: # none
steps:
  - {id: look, uses: aws.iam.lookup_access_key, with: {access_key_id: "${{ inputs.key }}"}}
`,
		Good: `
budget: 20m
steps:
  - {id: look, uses: aws.iam.lookup_access_key, with: {access_key_id: "${{ inputs.key }}"}}
`,
		Waivable: true,
		Paper:    true,
		check: func(p *pass) {
			if p.program.Budget == 0 {
				p.runbook("the runbook has no budget", "add budget: with the time in which containment must be reached, such as 20m")
			}
		},
	}
}
