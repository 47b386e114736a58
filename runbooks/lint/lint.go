// Package lint finds danger in runbooks that are otherwise correct.
//
// A mistake of form is found by the compiler; a rule here looks at a compiled
// [runbooks.Program] and asks whether running it would be wise. One rule is one
// file: a name, a sentence that says what it wants, an example that breaks it, one
// that keeps it, and a function. What [Check] finds is sorted and depends on
// nothing but its arguments.
//
// # Waivers
//
// A runbook may waive a rule for a step, or for all of itself, for a reason and
// until a day. A waiver in force takes findings out of what [Check] gives;
// [Inspect] gives them too, each with the waiver that covers it, so that they can
// be counted. When the day has passed the finding is back and names who owns the
// waiver. Without a clock ([Options.Now] is zero) no waiver is in force: nobody
// can say that it has not expired. Rules that are not Waivable are about what no
// reason makes right, and about waivers themselves.
//
// # Called runbooks
//
// Every runbook is linted on its own, with the steps of on_cancel, and what is
// wrong in it stands in its own file once. Only what goes wrong between a runbook
// and one that it calls is found at the step that calls: the order of evidence and
// change, the time to containment, and what is handed down.
//
// # Design
//
// Rules read the Program, not the YAML: what is linted is exactly what would
// run, and a rule cannot be fooled by a spelling. The YAML gives only the place of
// a finding. Rules as visitors with state of their own were rejected: none needs
// more than one look at the program. So were levels that a team sets per rule: a
// rule that is switched off is off for the next runbook, too, while a waiver names
// one step, a reason, an owner and a day.
//
// A rule must be worth its noise. Rejected, because each cries at runbooks that
// are right: a missing review_by (a team's own habit); an undo that asks fewer
// people than the step (lifting a mistake must be quick, and still takes a second
// person); a destructive step after one whose failure is passed over (contain what
// can be contained; people are asked for each); evidence guessed from the name of
// an action (many teams isolate a machine and then take its snapshot; evidence:
// true says where the order matters); a list for for_each without a filter.
package lint

import (
	"iter"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Rule is one danger that lint knows.
type Rule struct {
	Name     string
	Severity runbooks.Severity
	Doc      string // one sentence or two: what the rule wants, and why
	Bad      string // YAML that breaks this rule and no other; see [Rule.Markdown]
	Good     string // YAML that is silent of it
	Waivable bool   // a waiver may cover its findings
	Paper    bool   // it is about how the runbook is kept and who is there, not about danger: a server runs it all the same

	check func(*pass)
}

// Forbids says whether findings hold danger for which a server must not offer
// the runbook. An author mends every error; a runbook whose review is overdue
// is still there in the night in which it is needed.
func Forbids(found runbooks.Diagnostics) bool {
	return slices.ContainsFunc(found, func(d runbooks.Diagnostic) bool {
		rule, _ := RuleNamed(d.Rule)
		return d.Severity == runbooks.SeverityError && !rule.Paper
	})
}

// Options is what lint may know besides the runbook.
type Options struct {
	Groups   map[string][]string // people by group, without "group:"; nil: not known, and rules about people are silent
	People   []string            // ids of everybody in the directory; nil: not known
	Starters []string            // ids of those who may start a run; nil: everybody may
	Now      time.Time           // for review_by and waivers; zero: review_by is not judged and no waiver is in force
}

// Rules lists every rule in the order in which they are explained.
func Rules() []Rule {
	return []Rule{
		destructiveWithoutApproval(),
		destructiveWithoutVerify(),
		destructiveWithoutUndo(),
		reversibleWithoutApproval(),
		retryOfOnce(),
		targetSelf(),
		evidenceAfterChange(),
		approvalGroup(),
		approvalQuorum(),
		approvalRequester(),
		breakGlassReview(),
		silentCondition(),
		unreachableStep(),
		constantCondition(),
		secretInLiteral(),
		expressionInLiteral(),
		noOwner(),
		noBudget(),
		budgetTooSmall(),
		containsForever(),
		reviewPassed(),
		waiverUnknown(),
		waiverForbidden(),
		waiverTooLong(),
		waiverUnused(),
	}
}

// RuleNamed finds a rule.
func RuleNamed(name string) (Rule, bool) {
	for _, rule := range Rules() {
		if rule.Name == name {
			return rule, true
		}
	}
	return Rule{}, false
}

// Result is what lint found in one program.
type Result struct {
	Found  runbooks.Diagnostics // what counts, sorted
	Waived []Waived             // waivers in force that cover something, as they stand in the file
}

// Waived is a waiver in force and what it covers.
type Waived struct {
	Waiver   runbooks.Waiver
	Findings runbooks.Diagnostics // sorted
}

// Check runs every rule over a program and gives what no waiver covers. The
// catalog is the one of today: an action may have become more dangerous since
// the program was compiled.
func Check(p *runbooks.Program, cat runbooks.Catalog, opts Options) runbooks.Diagnostics {
	return Inspect(p, cat, opts).Found
}

// Inspect does as [Check] does and tells what was waived, too.
func Inspect(p *runbooks.Program, cat runbooks.Catalog, opts Options) Result {
	var all []finding
	for _, rule := range Rules() { // those about waivers are last: they look at what the others found
		rule.check(&pass{program: p, catalog: cat, opts: opts, rule: rule, found: &all})
	}
	return judge(p.Waivers, all, opts.Now)
}

// finding is a diagnostic, and the step that a waiver of it names.
type finding struct {
	runbooks.Diagnostic
	step string // empty: about the whole runbook
}

// pass is one rule at work on one program.
type pass struct {
	program *runbooks.Program
	catalog runbooks.Catalog
	opts    Options
	rule    Rule
	mild    bool // what is reported now is a warning, whatever the rule is
	found   *[]finding
}

// step reports something about a part of a step, such as "approval.quorum",
// where it is written; what is not written stands where the step begins.
func (p *pass) step(s *runbooks.Step, part, message, hint string) {
	p.add(s.ID, s.At(part), message, hint)
}

// runbook reports something about the whole runbook.
func (p *pass) runbook(message, hint string) { p.add("", runbooks.Pos{}, message, hint) }

func (p *pass) add(step string, pos runbooks.Pos, message, hint string) {
	if pos.Line == 0 {
		pos = runbooks.Pos{Line: 1, Col: 1}
	}
	d := runbooks.Diagnostic{File: p.program.Source.Name, Pos: pos, Rule: p.rule.Name, Severity: p.rule.Severity, Message: message, Hint: hint}
	if p.mild {
		d.Severity = runbooks.SeverityWarning
	}
	*p.found = append(*p.found, finding{d, step})
}

// actionSteps walks the steps that use an action, with the worse of what was
// pinned and what the catalog says now.
func (p *pass) actionSteps() iter.Seq2[*runbooks.Step, danger] {
	return func(yield func(*runbooks.Step, danger) bool) {
		for step := range p.program.All() {
			if step.Uses != "" && !yield(step, p.danger(step)) {
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
	tells  bool
	adds   bool
	keeps  bool
}

func (p *pass) danger(step *runbooks.Step) danger {
	d := danger{effect: step.Effect, repeat: step.Repeat, undo: step.CanUndo, tells: step.Tells, adds: step.Adds, keeps: step.Preserves}
	if spec, ok := p.catalog.Spec(step.Uses); ok {
		if spec.Effect.AtLeast(d.effect) {
			d.effect = spec.Effect
		}
		if spec.Repeat == actions.Once {
			d.repeat = actions.Once
		}
		d.undo = d.undo && spec.CanUndo
		d.tells, d.adds, d.keeps = d.tells && spec.Tells, d.adds && spec.Adds, d.keeps && spec.Preserves
	}
	return d
}

// changes says whether a step changes its target, as far as containment goes:
// a message to people does not, and neither does a copy for the record.
func (p *pass) changes(step *runbooks.Step) bool {
	if step.Uses == "" {
		return false
	}
	d := p.danger(step)
	return d.effect.AtLeast(actions.Reversible) && !d.tells && !d.adds
}
