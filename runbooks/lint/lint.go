// Package lint finds danger in runbooks that are otherwise correct.
//
// A mistake of form is found by the compiler; a rule here looks at a compiled
// [runbooks.Program] and asks whether running it would be wise. One rule is one
// file: a name, a sentence that says what it wants, and a function. What [Check]
// finds is sorted and depends on nothing but its arguments.
//
// # Design
//
// Rules read the Program, not the YAML: what is linted is exactly what would
// run, and a rule cannot be fooled by a spelling. The price is that a finding
// about an approval stands at its step. Rules as visitors with state of their own
// were rejected: none needs more than one look at the program.
package lint

import (
	"iter"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Rule is one danger that lint knows.
type Rule struct {
	Name     string
	Severity runbooks.Severity
	Doc      string // one sentence: what the rule wants, and why

	check func(*pass)
}

// Options is what lint may know besides the runbook.
type Options struct {
	Groups map[string][]string // people by group, without "group:"; nil: not known, and rules about people are silent
	Now    time.Time           // for review_by; zero: the rule is silent
}

// Rules lists every rule in the order in which they are explained.
func Rules() []Rule {
	return []Rule{
		destructiveWithoutApproval(),
		destructiveWithoutVerify(),
		destructiveWithoutUndo(),
		reversibleWithoutApproval(),
		retryOfOnce(),
		approvalGroup(),
		approvalQuorum(),
		secretInLiteral(),
		noOwner(),
		noBudget(),
		reviewPassed(),
	}
}

// Check runs every rule over a program. The catalog is the one of today: an
// action may have become more dangerous since the program was compiled.
func Check(p *runbooks.Program, cat runbooks.Catalog, opts Options) runbooks.Diagnostics {
	var found runbooks.Diagnostics
	for _, rule := range Rules() {
		rule.check(&pass{program: p, catalog: cat, opts: opts, rule: rule, found: &found})
	}
	found.Sort()
	return found
}

// pass is one rule at work on one program.
type pass struct {
	program *runbooks.Program
	catalog runbooks.Catalog
	opts    Options
	rule    Rule
	found   *runbooks.Diagnostics
}

func (p *pass) report(pos runbooks.Pos, message, hint string) {
	if pos.Line == 0 {
		pos = runbooks.Pos{Line: 1, Col: 1}
	}
	*p.found = append(*p.found, runbooks.Diagnostic{File: p.program.Source.Name, Pos: pos, Rule: p.rule.Name, Severity: p.rule.Severity, Message: message, Hint: hint})
}

// actionSteps walks the steps that use an action, with the worse of what was
// pinned and what the catalog says now.
func (p *pass) actionSteps() iter.Seq2[*runbooks.Step, danger] {
	return func(yield func(*runbooks.Step, danger) bool) {
		for i := range p.program.Steps {
			step := &p.program.Steps[i]
			if step.Uses == "" {
				continue
			}
			d := danger{effect: step.Effect, repeat: step.Repeat, undo: step.CanUndo}
			if spec, ok := p.catalog.Spec(step.Uses); ok {
				if spec.Effect.AtLeast(d.effect) {
					d.effect = spec.Effect
				}
				if spec.Repeat == actions.Once {
					d.repeat = actions.Once
				}
				d.undo = d.undo && spec.CanUndo
			}
			if !yield(step, d) {
				return
			}
		}
	}
}

// danger is what an action declares about itself.
type danger struct {
	effect actions.Effect
	repeat actions.Repeat
	undo   bool
}
