package readiness

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Environment is a place in which a runbook may run.
type Environment struct {
	Name  string
	Floor *engine.Floor // nil: none
}

// question is one approval that a run, or an undo, may need.
type question struct {
	step string // path
	undo bool   // it is about taking the step back
	name string // `step "disable"`, `the undo of step "disable"`
	env  string
	rule *runbooks.Approval
}

// path names what is asked about, as [Step] does.
func (q question) path() string {
	if q.undo {
		return q.step + "~undo"
	}
	return q.step
}

// questions walks every approval that a run of the program may need, with the
// floors of the environments in which it may run.
func questions(p *runbooks.Program, environments []Environment, extra *engine.Extra) iter.Seq[question] {
	if len(environments) == 0 {
		environments = []Environment{{}}
	}
	return func(yield func(question) bool) {
		for path, step := range p.Deep() {
			for _, env := range environments {
				if env.Name != "" && len(p.Environments) > 0 && !slices.Contains(p.Environments, env.Name) {
					continue
				}
				q := question{path, false, fmt.Sprintf("step %q", path), env.Name, extra.Raise(engine.EffectiveApproval(step, env.Floor))}
				if q.rule != nil && !yield(q) {
					return
				}
				back, can := undoOf(step)
				if !can {
					continue
				}
				q = question{path, true, fmt.Sprintf("the undo of step %q", path), env.Name, extra.Raise(engine.EffectiveApproval(back, env.Floor))}
				if q.rule != nil && !yield(q) {
					return
				}
			}
		}
	}
}

// undoOf is what the engine asks people about before it takes a step back.
func undoOf(step *runbooks.Step) (back *runbooks.Step, can bool) {
	if !step.CanUndo && (step.Undo == nil || step.Undo.Manual == nil) {
		return nil, false
	}
	undo := *step
	undo.Effect = actions.Reversible
	if rule := step.Undo; rule != nil {
		if rule.Approval != nil {
			undo.Approval = rule.Approval
		}
		if rule.Manual != nil {
			undo.Uses = ""
		}
	}
	return &undo, true
}

// active lists the active people behind "group:x" and "person:y", sorted.
func (in *Input) active(from []string) []string {
	var people []string
	for _, f := range from {
		kind, name, _ := strings.Cut(f, ":")
		list := []string{name}
		if kind == "group" {
			list = nil
			if in.Groups != nil {
				list = in.Groups(name)
			}
		}
		for _, id := range list {
			if _, active := in.People(id); active {
				people = append(people, id)
			}
		}
	}
	return once(people)
}

// asked is everybody who may answer in the end.
func asked(rule *runbooks.Approval) []string {
	if rule.Escalate == nil {
		return rule.From
	}
	return slices.Concat(rule.From, rule.Escalate.To)
}

// blocked says which approvals cannot be given, whoever starts the run, and which
// depend on who does.
func (in *Input) blocked(p *runbooks.Program, extra *engine.Extra) (reasons []Reason, notes []string) {
	if in.People == nil {
		return nil, []string{"nobody knows who is in the directory, so whether its approvals can be given was not looked at"}
	}
	short := grouping{}  // of questions that nobody can answer, equal ones together
	depend := grouping{} // of those that depend on who starts the run
	for q := range questions(p, in.Environments, extra) {
		people := in.active(asked(q.rule))
		signs := ""
		if q.rule.StepUp && in.Signs != nil {
			people = slices.DeleteFunc(people, func(id string) bool { return !in.Signs(id) })
			signs = " with a key to sign with"
		}
		need := q.rule.Quorum
		var with, without []string // starters who leave too few, and the others
		for _, s := range in.Starters {
			if left := len(people) - has(people, s); left < need {
				with = append(with, s)
			} else {
				without = append(without, s)
			}
		}
		where := ""
		if q.env != "" && len(in.Environments) > 1 {
			where = " in " + q.env
		}
		text := ""
		switch {
		case len(people) < need:
			text = fmt.Sprintf("%s to approve%s, and %s%s can: %s", persons(need), where, persons(len(people)), signs, strings.Join(asked(q.rule), ", "))
		case len(in.Starters) > 0 && len(without) == 0:
			text = fmt.Sprintf("%s to approve%s, and no more%s can (%s): everybody who may start the run is one of them", persons(need), where, signs, strings.Join(people, ", "))
		case len(with) > 0:
			depend.put(fmt.Sprintf("cannot be approved%s when the run is started by %s", where, strings.Join(with, " or ")), q)
			continue
		default:
			continue
		}
		if extra != nil {
			text += fmt.Sprintf(" (%d more than usual: %s)", extra.Approvers, extra.Why)
		}
		short.put(text, q)
	}
	for _, g := range short {
		verb := "needs"
		if len(g.names) > 1 {
			verb = "need"
		}
		reasons = append(reasons, Reason{State: Blocked, Step: g.step, Text: g.subject() + " " + verb + " " + g.text, Evidence: []Evidence{}})
	}
	for _, g := range depend {
		notes = append(notes, g.subject()+" "+g.text)
	}
	return reasons, notes
}

// grouping gathers the questions of which the same is to be said.
type grouping []*group

type group struct {
	text, step string
	names      []string
}

func (g *grouping) put(text string, q question) {
	for _, one := range *g {
		if one.text == text {
			one.names = add(one.names, q.name)
			return
		}
	}
	*g = append(*g, &group{text, q.step, []string{q.name}})
}

// subject names the questions, a few of them.
func (g *group) subject() string {
	const few = 3
	if n := len(g.names); n > few {
		return fmt.Sprintf("%s and %d more", strings.Join(g.names[:few-1], ", "), n-few+1)
	}
	return strings.Join(g.names, ", ")
}

// persons counts people.
func persons(n int) string {
	switch n {
	case 0:
		return "nobody active"
	case 1:
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

// orphaned says whether somebody of the directory still answers for a runbook.
func (in *Input) orphaned(o runbooks.Owner) (reasons []Reason, notes []string) {
	if in.People == nil {
		return nil, nil
	}
	named := 0
	for _, who := range []struct{ key, name string }{{"escalate", o.Escalate}, {"contact", o.Contact}} {
		kind, name, _ := strings.Cut(who.name, ":")
		if kind != "group" && kind != "person" {
			continue
		}
		named++
		if len(in.active([]string{who.name})) > 0 {
			continue
		}
		text := fmt.Sprintf("its owner %s (%s) is not in the directory", who.name, who.key)
		if kind == "group" && in.Groups != nil && len(in.Groups(name)) > 0 {
			text = fmt.Sprintf("its owner %s (%s) has nobody active", who.name, who.key)
		}
		reasons = append(reasons, Reason{State: Orphaned, Text: text, Evidence: []Evidence{}})
	}
	if named == 0 {
		notes = []string{fmt.Sprintf("its owner (%s) names nobody of the directory, so nobody can tell whether anybody answers for it; add escalate: group:...", orDash(o.Team))}
	}
	return reasons, notes
}

func has(list []string, s string) int {
	if slices.Contains(list, s) {
		return 1
	}
	return 0
}

// add appends what does not stand there yet.
func add(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
