package lint

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func approvalGroup() Rule {
	return Rule{
		Name:     "approval-group",
		Severity: runbooks.SeverityError,
		Doc:      "Every group and person that is asked, or that may break the glass or reviews it, exists, and a group has people in it; otherwise the step waits until it expires.",
		Bad: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:laeds]}
`,
		Good: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:leads]}
`,
		Waivable: true,
		check: func(p *pass) {
			if p.opts.Groups == nil {
				return
			}
			p.known("", runbooks.Pos{}, "owner.escalate", p.program.Owner.Escalate)
			for q := range p.questions() {
				for _, who := range asked(q.approval) {
					p.known(q.step.ID, q.step.At(q.place(who)), q.name, who)
				}
				if g := q.approval.BreakGlass; g != nil {
					for _, who := range g.By {
						p.known(q.step.ID, q.step.At(q.part+".break_glass.by"), "break_glass.by of "+q.name, who)
					}
					for _, who := range g.Review {
						p.known(q.step.ID, q.step.At(q.part+".break_glass.review"), "break_glass.review of "+q.name, who)
					}
				}
			}
			for step := range p.program.All() {
				if step.Contains == nil {
					continue
				}
				for _, who := range step.Contains.Ask {
					p.known(step.ID, step.At("contains.ask"), fmt.Sprintf("contains.ask of step %q", step.ID), who)
				}
			}
			for _, w := range p.program.Waivers {
				p.known(w.Step, w.Pos, naming(w), w.Owner)
			}
		},
	}
}

// known reports a group or a person that is not there, and a group that is empty.
func (p *pass) known(step string, pos runbooks.Pos, where, who string) {
	name, isGroup := strings.CutPrefix(who, "group:")
	if !isGroup {
		name, isPerson := strings.CutPrefix(who, "person:")
		if isPerson && p.opts.People != nil && !slices.Contains(p.opts.People, name) {
			p.add(step, pos, fmt.Sprintf("%s names the person %q, who is not in the directory", where, name), meant(name, p.opts.People, ""))
		}
		return
	}
	groups := slices.Sorted(maps.Keys(p.opts.Groups))
	switch people, known := p.opts.Groups[name]; {
	case !known:
		p.add(step, pos, fmt.Sprintf("%s names the group %q, which is not in the directory", where, name), meant(name, groups, "known groups: "+strings.Join(groups, ", ")))
	case len(people) == 0:
		p.add(step, pos, fmt.Sprintf("%s names the group %q, which has nobody in it", where, name), "put people into the group, or name another")
	}
}

// meant is a hint at the known word that was meant, or another hint.
func meant(word string, known []string, otherwise string) string {
	if near := runbooks.Nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return otherwise
}

// question is one approval that a step can ask for.
type question struct {
	step     *runbooks.Step
	part     string // where it stands in the step
	name     string // for a message
	approval *runbooks.Approval
}

// questions walks the approvals of the steps and those of their undos.
func (p *pass) questions() iter.Seq[question] {
	return func(yield func(question) bool) {
		for step := range p.program.All() {
			if step.Approval != nil && !yield(question{step, "approval", fmt.Sprintf("the approval of step %q", step.ID), step.Approval}) {
				return
			}
			if step.Undo != nil && step.Undo.Approval != nil && !yield(question{step, "undo.approval", fmt.Sprintf("the approval of the undo of step %q", step.ID), step.Undo.Approval}) {
				return
			}
		}
	}
}

// place is the part of the step in which somebody is asked.
func (q question) place(who string) string {
	if slices.Contains(q.approval.From, who) {
		return q.part + ".from"
	}
	return q.part + ".escalate.to"
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
