package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// BreakGlass is who could go on without the quorum, and who would look at it
// afterwards. Both are known as far as the approval's Known says.
type BreakGlass struct {
	By        []string      `json:"by"`
	Review    []string      `json:"review"`
	Within    runbooks.Span `json:"within"`    // by when it should be reviewed
	StepUp    bool          `json:"step_up"`   // always: a glass is broken with a signature
	Can       []string      `json:"can"`       // person ids, sorted: with a key to sign with, and without the targets
	Reviewers []string      `json:"reviewers"` // person ids, sorted: without the requester and the targets
}

// breakGlass is the part of an approval that says who may go on alone; nil: nobody.
func breakGlass(rule *runbooks.Approval) *BreakGlass {
	g := rule.BreakGlass
	if g == nil {
		return nil
	}
	return &BreakGlass{By: slices.Clone(g.By), Review: slices.Clone(g.Review), Within: g.Within, StepUp: true, Can: []string{}, Reviewers: []string{}}
}

// countGlass finds the people, once the targets are known. Who starts the run may
// break the glass, because at night they may be the only one; but nobody reviews
// what they had a part in.
func (w *walk) countGlass(s *Step) {
	g := s.Approval.BreakGlass
	if g == nil {
		return
	}
	g.Can = w.untouched(g.By, s.Targets, true)
	g.Reviewers = w.eligible(g.Review, s.Targets, false)
}

// Blind lists those who could break the glass, and after whom nobody is left to
// review it: such an incident is never resolved.
func (g *BreakGlass) Blind() []string {
	var list []string
	for _, who := range g.Can {
		if !slices.ContainsFunc(g.Reviewers, func(r string) bool { return r != who }) {
			list = append(list, who)
		}
	}
	return list
}

func (t *text) breakGlass(g *BreakGlass, known bool) {
	t.line(plain, "    break-glass: one of %s alone, always with a signature; %s review it within %s", strings.Join(g.By, ", "), strings.Join(g.Review, ", "), runbooks.SpanText(g.Within))
	switch blind := g.Blind(); {
	case !known:
		t.line(yellow, "    can break the glass now: not known")
	case len(g.Can) == 0:
		t.line(red, "    can break the glass now: nobody with a key to sign with")
	case len(blind) > 0:
		t.line(red, "    can break the glass now: %s; nobody is left to review it if %s", strings.Join(g.Can, ", "), anyOf(g, blind))
	default:
		t.line(plain, "    can break the glass now: %s; can review it: %s", strings.Join(g.Can, ", "), strings.Join(g.Reviewers, ", "))
	}
}

// anyOf says which of those who could break the glass are meant.
func anyOf(g *BreakGlass, some []string) string {
	if len(some) == len(g.Can) {
		return "any of them does"
	}
	return fmt.Sprintf("%s does", strings.Join(some, " or "))
}
