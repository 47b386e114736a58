package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func approvalQuorum() Rule {
	return Rule{
		Name:     "approval-quorum",
		Severity: runbooks.SeverityError,
		Doc:      "A quorum can be reached by the people who are asked, counted once each.",
		Bad: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:ciso], quorum: 3} # two people
`,
		Good: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:leads], quorum: 2} # three people
`,
		Waivable: true,
		check: func(p *pass) {
			if p.opts.Groups == nil {
				return
			}
			for q := range p.questions() {
				if people, known := p.people(q.approval); known && len(people) > 0 && len(people) < q.approval.Quorum {
					p.step(q.step, q.part+".quorum", fmt.Sprintf("%s needs %d people and only %d can be asked", q.name, q.approval.Quorum, len(people)), "name another group, or lower the quorum")
				}
			}
		},
	}
}

// people lists who may answer, sorted; known is false when a group is not in
// the directory, which is reported by its own rule.
func (p *pass) people(a *runbooks.Approval) (people []string, known bool) {
	return p.members(asked(a))
}

// members lists the people behind groups and persons, sorted, each once; known is
// false when a group is not in the directory.
func (p *pass) members(list []string) (people []string, known bool) {
	for _, who := range list {
		if name, isGroup := strings.CutPrefix(who, "group:"); isGroup {
			members, ok := p.opts.Groups[name]
			if !ok {
				return nil, false
			}
			people = append(people, members...)
			continue
		}
		people = append(people, strings.TrimPrefix(who, "person:"))
	}
	slices.Sort(people)
	return slices.Compact(people), true
}
