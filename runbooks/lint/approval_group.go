package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func approvalGroup() Rule {
	return Rule{
		Name:     "approval-group",
		Severity: runbooks.SeverityError,
		Doc:      "Every group that is asked exists and has people in it; otherwise the step waits until it expires.",
		check: func(p *pass) {
			if p.opts.Groups == nil {
				return
			}
			p.group(runbooks.Pos{}, "owner.escalate", p.program.Owner.Escalate)
			for i := range p.program.Steps {
				step := &p.program.Steps[i]
				if step.Approval == nil {
					continue
				}
				for _, who := range asked(step.Approval) {
					p.group(step.Pos, fmt.Sprintf("the approval of step %q", step.ID), who)
				}
			}
		},
	}
}

// group reports a group that is not there, or that is empty.
func (p *pass) group(pos runbooks.Pos, where, who string) {
	name, isGroup := strings.CutPrefix(who, "group:")
	if !isGroup {
		return
	}
	switch people, known := p.opts.Groups[name]; {
	case !known:
		p.report(pos, fmt.Sprintf("%s names the group %q, which is not in the directory", where, name), "known groups: "+strings.Join(slices.Sorted(maps.Keys(p.opts.Groups)), ", "))
	case len(people) == 0:
		p.report(pos, fmt.Sprintf("%s names the group %q, which has nobody in it", where, name), "")
	}
}

// asked lists everybody an approval may reach, each once, in order.
func asked(a *runbooks.Approval) []string {
	all := slices.Clone(a.From)
	if a.Escalate != nil {
		all = append(all, a.Escalate.To...)
	}
	var out []string
	for _, who := range all {
		if !slices.Contains(out, who) {
			out = append(out, who)
		}
	}
	return out
}
