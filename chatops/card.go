package chatops

import (
	"fmt"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// How much of an incident a card shows; the rest is counted.
const (
	cardRuns  = 5
	cardSteps = 30
)

// Card is the live status card of an incident. head is the journal's head as
// [Head] writes it; empty leaves it out. Times are told from the time of the
// last fact, so the same incident always gives the same card.
func Card(i *engine.Incident, head string) Message { return card(i, head, i.Now).visible() }

// Head is the journal's head for people to compare.
func Head(size int64, root string) string {
	return fmt.Sprintf("journal %d entries, root %s", size, short(root))
}

func card(i *engine.Incident, head string, now time.Time) Message {
	m := Message{Title: heading(i), Tone: cardTone(i), Public: true, Seq: -1, Incident: i.ID}
	standing := "open since " + day(i.DeclaredAt, now)
	if i.Resolved {
		standing = "resolved " + day(i.ResolvedAt, now)
	}
	fields := []Field{
		{"State", standing},
		{"Severity", fmt.Sprintf("SEV %d", i.Severity)},
		{"Declared by", who(i.DeclaredBy)},
	}
	if i.Private {
		fields = append(fields, Field{"Private", "yes"})
	}
	if i.Channel != nil && i.Channel.Name != "" {
		fields = append(fields, Field{"Channel", "#" + line(i.Channel.Name, 80)})
	}
	if c := i.Contained(); len(c) > 0 {
		first := slices.MinFunc(c, func(a, b *engine.Step) int { return a.Containment.Until.Compare(b.Containment.Until) })
		fields = append(fields, Field{"Contained", fmt.Sprintf("%d, the first ends %s", len(c), moment(first.Containment.Until, now))})
	}
	if n := len(i.Unreviewed()); n > 0 {
		fields = append(fields, Field{"Glass broken", fmt.Sprintf("%d not reviewed", n)})
	}
	if i.Notes > 0 {
		fields = append(fields, Field{"Notes", fmt.Sprint(i.Notes)})
	}
	m.Parts = append(m.Parts, Part{Fields: fields})
	if i.Summary != "" {
		m.text("%s", cut(VisibleLines(i.Summary), 1000))
	}
	runs := i.Runs
	if n := len(runs) - cardRuns; n > 0 {
		runs = slices.Clone(runs)
		slices.SortStableFunc(runs, func(a, b *engine.Run) int { return order(a) - order(b) }) // those going on come first
		runs = runs[:cardRuns]
		slices.SortFunc(runs, func(a, b *engine.Run) int { return slices.Index(i.Runs, a) - slices.Index(i.Runs, b) })
		m.Parts = append(m.Parts, Part{Note: fmt.Sprintf("%d more runs have ended and are not shown", n)})
	}
	shown := map[*engine.Step]bool{}
	for _, r := range runs {
		rows, left := rowsToShow(r)
		for _, row := range rows {
			shown[row.step] = true
		}
		m.text("%s", runLine(r, now))
		m.lines(runLines(r, rows, left, now))
	}
	m.lines(waiting(i, shown, now))
	m.next(nextFor(i)...)
	note := "as of " + now.UTC().Format("2006-01-02 15:04:05 UTC")
	if head != "" {
		note = head + " · " + note
	}
	m.Parts = append(m.Parts, Part{Note: note})
	return m
}

// order puts runs that are going on first, then those that did not end well.
func order(r *engine.Run) int {
	switch {
	case !r.Status.Ended():
		return 0
	case r.Status != engine.RunDone:
		return 1
	}
	return 2
}

func heading(i *engine.Incident) string {
	return fmt.Sprintf("%s · SEV %d · %s", i.ID, i.Severity, line(i.Title, 120))
}

func cardTone(i *engine.Incident) Tone {
	if i.Resolved {
		return Good
	}
	tone := Neutral
	if len(i.Unreviewed()) > 0 {
		tone = Warn
	}
	for _, r := range i.Runs {
		for s := range every(r) {
			switch s.Status {
			case engine.StepDoubt, engine.StepOnHold:
				return Danger
			case engine.StepFailed:
				if s.Index == 0 || s.Parent == nil { // what an item of a loop means, the loop says
					return Danger
				}
			case engine.StepAwaiting, engine.StepManual:
				tone = Warn
			case engine.StepDone:
				if s.InForce() && s.Containment.Due {
					tone = Warn
				}
			}
		}
	}
	return tone
}

func runLine(r *engine.Run, now time.Time) string {
	text := fmt.Sprintf("%s %s: %s", r.ID, line(r.Program.ID, 80), r.Status)
	if r.Environment.Name != "" {
		text += ", in " + line(r.Environment.Name, 60)
	}
	text += ", started by " + who(r.Requester) + " " + moment(r.StartedAt, now)
	if r.Status.Ended() {
		text += ", ended " + moment(r.EndedAt, now)
	}
	if r.Reason != "" {
		text += "; " + line(r.Reason, 200)
	}
	return text
}

// rowsToShow picks the steps of a run; of a long one those that are going on
// or went wrong, and counts the others.
func rowsToShow(r *engine.Run) (rows []row, left int) {
	all := rowsOf(r.Steps, 0)
	if len(all) <= cardSteps {
		return all, 0
	}
	for _, one := range all {
		calm := one.step != nil && (one.step.Status == engine.StepWaiting || one.step.Status.Ended() && !pressing(one.step))
		if calm || len(rows) == cardSteps {
			left++
		} else {
			rows = append(rows, one)
		}
	}
	return rows, left
}

func runLines(r *engine.Run, rows []row, left int, now time.Time) []Line {
	lines := linesOf(rows, now)
	if left > 0 {
		counts := map[engine.StepStatus]int{}
		for _, s := range r.Steps {
			counts[s.Status]++
		}
		text := fmt.Sprintf("%d more steps; of all %d", left, len(r.Steps))
		for _, status := range []engine.StepStatus{engine.StepDone, engine.StepSkipped, engine.StepCancelled, engine.StepWaiting} {
			if n := counts[status]; n > 0 {
				text += fmt.Sprintf(", %d %s", n, status)
			}
		}
		lines = append(lines, Line{Mark: "…", Text: text})
	}
	return lines
}

// waiting says who is asked and until when, and what is in doubt, of the steps
// that are not shown.
func waiting(i *engine.Incident, shown map[*engine.Step]bool, now time.Time) []Line {
	var lines []Line
	for _, a := range i.Asks {
		if a.Closed || shown[a.Step] && a.Type != engine.AskReview || len(lines) == cardSteps {
			continue
		}
		name := a.Step.ID
		if r := runOf(i, a.Step); r != nil {
			name = r.ID + "/" + name
		}
		switch a.Type {
		case engine.AskApproval:
			lines = append(lines, Line{Mark: "?", Text: fmt.Sprintf("%s asks %s, %d of %d approved%s, until %s, then it counts as refused", name, names(a.Appr.From), a.Appr.Approvals(), a.Appr.Quorum, signedOnly(a.Appr), moment(a.Appr.Expires.Time, now))})
		case engine.AskManual:
			lines = append(lines, Line{Mark: "?", Text: name + " waits for a person to do it" + until(a.Step, now)})
		case engine.AskReview:
			lines = append(lines, Line{Mark: "!", Text: name + ": " + broken(a.Glass, now) + "; asks " + names(a.Glass.Rule.Review)})
		case engine.AskContainment:
			lines = append(lines, Line{Mark: "!", Text: name + ": " + lasting(a.Step, now)})
		case engine.AskHeld:
			text := name + " is held until somebody decides"
			if a.Step.Held == engine.HeldDoubt {
				text = name + " is in doubt: it may or may not have taken effect"
			}
			lines = append(lines, Line{Mark: "!", Text: text})
		}
	}
	return lines
}

// nextFor lists what people will probably type next.
func nextFor(i *engine.Incident) []string {
	if i.Resolved {
		return []string{"timeline " + i.ID, "export md " + i.ID}
	}
	var list []string
	for _, a := range i.Asks {
		if r := runOf(i, a.Step); !a.Closed && r != nil {
			list = append(list, answers(i, r, a)...)
		}
	}
	if len(list) > 0 {
		return list[:min(len(list), 6)]
	}
	going := false
	for _, r := range i.Runs {
		going = going || !r.Status.Ended()
		list = append(list, retries(i, r)...)
	}
	list = list[:min(len(list), 3)]
	switch {
	case len(i.Runs) == 0:
		list = append(list, "run "+i.ID+" <runbook>")
	case !going:
		list = append(list, fmt.Sprintf(`resolve %s "what it was"`, i.ID))
	default:
		list = append(list, "status "+i.ID)
	}
	return list
}

// retries lists the steps of a run that a person could have tried again.
func retries(i *engine.Incident, r *engine.Run) []string {
	var list []string
	for s := range every(r) {
		if len(list) == 3 {
			break
		}
		if s.Parent != nil && (s.Parent.Status == engine.StepFailed || s.Parent.Status == engine.StepRefused) {
			continue // a retry of the whole tries it too
		}
		if (s.Status == engine.StepFailed || s.Status == engine.StepRefused) && r.Status != engine.RunCancelled {
			list = append(list, fmt.Sprintf("retry %s %s/%s", i.ID, r.ID, s.ID))
		}
	}
	return list
}

// answers lists how an open ask can be answered by typing.
func answers(i *engine.Incident, r *engine.Run, a *engine.Ask) []string {
	on := i.ID + " " + r.ID + "/" + a.Step.ID
	switch {
	case a.Type == engine.AskApproval && a.Appr.StepUp:
		return []string{terminal(i.ID, r.ID, a.Step.ID, a.Appr.Digest), "deny " + on + ` --reason "..."`}
	case a.Type == engine.AskApproval:
		return []string{"approve " + on + " --digest " + short(a.Appr.Digest), "deny " + on + ` --reason "..."`}
	case a.Type == engine.AskReview:
		return reviews(on)
	case a.Type == engine.AskContainment:
		return endings(on, a.Step)
	case a.Type == engine.AskManual:
		return []string{"done " + on + " " + example(a.Step), "skip " + on + ` --reason "..."`}
	case a.Step.Held == engine.HeldDoubt:
		return []string{"done " + on + " --confirm-applied", "retry " + on + " --confirm-not-applied", "skip " + on + ` --reason "..."`}
	}
	return []string{"retry " + on, "skip " + on + ` --reason "..."`}
}
