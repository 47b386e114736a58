package lint

import (
	"fmt"
	"slices"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func approvalRequester() Rule {
	return Rule{
		Name:     "approval-requester",
		Severity: runbooks.SeverityError,
		Doc:      "Nobody approves what they started: enough people must remain when the one who starts the run, or asks for the undo, is among those who are asked. It is an error when whoever may start it is among them, else a warning.",
		Bad: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:ciso], quorum: 2} # two people, and one of them may be the one who starts it
`,
		Good: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:leads], quorum: 2} # three people
`,
		Waivable: true,
		Paper:    true, // it cannot be approved, which is no danger
		check: func(p *pass) {
			if p.opts.Groups == nil {
				return
			}
			for q := range p.questions() {
				people, known := p.people(q.approval)
				if !known || len(people) != q.approval.Quorum { // with fewer nobody can ever approve, which is a rule of its own
					continue
				}
				i := slices.IndexFunc(people, p.starts)
				if i < 0 {
					continue
				}
				does, did := "starts the run", "a run that they started"
				if q.part != "approval" {
					does, did = "asks for the undo", "an undo that they asked for"
				}
				message := fmt.Sprintf("%s needs all %d people who are asked; when one of them, such as %s, %s, it cannot be given", q.name, len(people), people[i], does)
				if len(people) == 1 {
					message = fmt.Sprintf("%s asks nobody but %s, who cannot approve %s", q.name, people[i], did)
				}
				p.mild = !p.startedByOneOf(people)
				p.step(q.step, q.part+".quorum", message, "ask one more person, or add escalate: {after: ..., to: [group:...]} with others")
			}
		},
	}
}

// startedByOneOf says whether everybody who may start a run is one of these, so
// that enough people never remain. A directory of one person is a trial, in
// which nothing can be approved anyhow.
func (p *pass) startedByOneOf(people []string) bool {
	return len(p.opts.People) != 1 && p.opts.Starters != nil && !slices.ContainsFunc(p.opts.Starters, func(s string) bool { return !slices.Contains(people, s) })
}

// starts says whether a person may start a run.
func (p *pass) starts(person string) bool {
	return p.opts.Starters == nil || slices.Contains(p.opts.Starters, person)
}
