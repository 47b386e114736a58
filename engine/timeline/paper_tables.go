package timeline

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

func (p *teller) runs() {
	p.section("Runs")
	if len(p.Runs) == 0 {
		p.says("No runbook was run.")
		return
	}
	p.columns("Run", "Runbook", "Environment", "By", "Started", "Ended", "Status", "Budget")
	for _, r := range p.Runs {
		p.cells(r.Run, r.Runbook+" "+short(r.Digest), dash(r.Environment), r.By.Who(), stamp(r.StartedAt), stamp(r.EndedAt), r.Status+because(r.Reason), r.budgetWords())
	}
	p.end()
}

func (r *Run) budgetWords() string {
	if r.Budget == BudgetNone {
		return "none set"
	}
	text := fmt.Sprintf("%s (%s", r.Budget, span(time.Duration(r.BudgetMS)*time.Millisecond))
	if r.ContainedMS > 0 {
		text += ", last change proven after " + span(time.Duration(r.ContainedMS)*time.Millisecond)
	}
	return text + ")"
}

func (p *teller) actions() {
	p.section("Actions")
	if len(p.Actions) == 0 {
		p.says("No action was started.")
		return
	}
	p.columns("Started", "Run/step", "Action", "Effect", "Target", "On authority of", "Attempts", "Outcome", "Read back", "Taken back", "Entry")
	long := p.long()
	left := 0
	for _, a := range p.Actions {
		if g := long[a.Run+"/"+partOf(a.Step, a.UndoOf)]; g != nil && a.calm() {
			left++
			continue
		}
		action := a.Action
		if a.UndoOf != "" {
			action = "undo of " + action
		}
		p.entry([]string{
			stamp(a.At), a.Run + "/" + a.Step, action, string(a.Effect), dash(targetWords(a.Targets)), dash(a.authority()), strconv.Itoa(a.Attempts),
			a.Outcome, a.proof(), dash(a.UndoneBy),
		}, a.Seq)
	}
	p.end()
	if left > 0 {
		p.says(count(left, "action") + " of long loops went well and are counted above; the timeline below has each.")
	}
}

// authority says on whose word it was done.
func (a *Action) authority() string {
	if a.Glass {
		return strings.TrimSpace(a.Authority + " (broken glass)")
	}
	return a.Authority
}

// proof says what was read back, or that nothing was.
func (a *Action) proof() string {
	switch {
	case a.Verified != "":
		return verdictOf(actions.Verdict(a.Verified)) + because(a.Reading)
	case a.Effect == actions.Read:
		return "–"
	}
	return "not read back"
}

func (p *teller) approvals() {
	p.section("Approvals")
	if len(p.Approvals) == 0 {
		p.says("Nobody was asked.")
		return
	}
	p.columns("Asked", "Run/step", "Plan", "From", "Needed", "Votes", "Verdict", "After")
	for _, a := range p.Approvals {
		from := strings.Join(append(append([]string{}, a.From...), a.EscalatedTo...), ", ")
		needed := strconv.Itoa(a.Quorum)
		if a.Floor {
			needed += " (environment)"
		}
		if a.Items > 0 {
			needed += ", for " + count(a.Items, "item")
		}
		after := "–"
		if a.LatencyMS > 0 || !a.ClosedAt.IsZero() && !a.Glass {
			after = span(time.Duration(a.LatencyMS) * time.Millisecond)
		}
		verdict := a.Verdict
		if a.Verdict == string(engine.ApprovalConsumed) {
			verdict = "granted and used"
		}
		if a.Glass {
			verdict = strings.Replace(verdict, "granted", "granted by broken glass", 1)
		}
		p.cells(stamp(a.AskedAt), a.Run+"/"+a.Step, short(a.Digest), from, needed, dash(a.votes()), verdict+because(a.Reason), after)
	}
	p.end()
}

func (a *Approval) votes() string {
	words := make([]string, len(a.Votes))
	for i, v := range a.Votes {
		words[i] = v.Actor.Who() + " no"
		if v.Approve {
			words[i] = v.Actor.Who() + " yes"
		}
		if v.Signed {
			words[i] += ", signed"
		}
		words[i] += because(v.Reason)
	}
	return strings.Join(words, "; ")
}

// glasses shows who let a step go on alone, and who looked at it afterwards.
func (p *teller) glasses() {
	if len(p.Glasses) == 0 {
		return
	}
	p.section("Broken glass")
	p.columns("When", "Run/step", "Who", "Why", "Typed out", "Who reviews", "Until", "Review", "Entry")
	for _, g := range p.Glasses {
		who := g.By.Who()
		if g.Signed {
			who += ", signed"
		}
		p.entry([]string{stamp(g.At), g.Run + "/" + g.Step, who, dash(g.Reason), dash(g.Target), dash(strings.Join(g.Ask, ", ")), stamp(g.Due), g.review()}, g.Seq)
	}
	p.end()
}

func (p *teller) refused() {
	p.section("Refused requests")
	if len(p.Refused) == 0 {
		p.says("No request was refused.")
		return
	}
	p.columns("When", "Who", "Asked for", "Code", "Why", "Entry")
	for _, r := range p.Refused {
		p.entry([]string{stamp(r.At), r.Actor.Who(), r.Verb, r.Code, r.Text}, r.Seq)
	}
	p.end()
}

func (p *teller) notDone() {
	p.section("Not done")
	if len(p.NotDone) == 0 {
		p.says("No step ended without being done.")
		return
	}
	p.columns("Run/step", "Status", "Why", "Entry")
	long := p.long()
	left := 0
	for _, n := range p.NotDone {
		if long[n.Run+"/"+partOf(n.Step, "")] != nil && (n.Status == string(engine.StepSkipped) || n.Status == string(engine.StepCancelled)) {
			left++
			continue
		}
		p.entry([]string{n.Run + "/" + n.Step, n.Status, dash(n.Reason)}, n.Seq)
	}
	p.end()
	if left > 0 {
		p.says(count(left, "item") + " of long loops had no turn; they are counted above.")
	}
}
