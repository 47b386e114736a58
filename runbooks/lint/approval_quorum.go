package lint

import (
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func approvalQuorum() Rule {
	return Rule{
		Name:     "approval-quorum",
		Severity: runbooks.SeverityError,
		Doc:      "A quorum can be reached by the people who are asked, counted once each.",
		check: func(p *pass) {
			if p.opts.Groups == nil {
				return
			}
			for i := range p.program.Steps {
				step := &p.program.Steps[i]
				if step.Approval == nil {
					continue
				}
				if n, known := p.people(step.Approval); known && n > 0 && n < step.Approval.Quorum {
					p.report(step.Pos, fmt.Sprintf("the approval of step %q needs %d people and only %d can be asked", step.ID, step.Approval.Quorum, n), "name another group, or lower the quorum")
				}
			}
		},
	}
}

// people counts who may answer; known is false when a group is not in the
// directory, which is reported by its own rule.
func (p *pass) people(a *runbooks.Approval) (n int, known bool) {
	seen := map[string]bool{}
	for _, who := range asked(a) {
		if name, isGroup := strings.CutPrefix(who, "group:"); isGroup {
			people, ok := p.opts.Groups[name]
			if !ok {
				return 0, false
			}
			for _, person := range people {
				seen[person] = true
			}
			continue
		}
		seen[strings.TrimPrefix(who, "person:")] = true
	}
	return len(seen), true
}
