package readiness

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// unmeasured lists the steps that change something and whose effect no reading
// ever proved, and the runbooks that nothing is known of.
func (v *review) unmeasured() []Line {
	proven := map[string]map[string]bool{}
	for _, c := range slices.Concat(v.Drills, v.Incidents) {
		for _, run := range c.Runs {
			for _, s := range run.Steps {
				if s.Proven > 0 {
					where := map[bool]string{true: "drill", false: "live"}[c.Exercise]
					key := effectOf(run.Runbook, s.Path, s.Action, s.Version)
					if proven[key] == nil {
						proven[key] = map[string]bool{}
					}
					proven[key][where] = true
				}
			}
		}
	}
	var list []Line
	for _, p := range v.Programs {
		for path, s := range p.Deep() {
			if !s.Changes() {
				continue
			}
			switch at := proven[effectOf(p.ID, path, s.Uses, s.ActionVersion)]; {
			case s.Verify == nil:
				list = append(list, Line{Runbook: p.ID, Step: path, Count: 3, Text: fmt.Sprintf("step %q (%s) cannot be verified: its action reads nothing back", path, s.Uses)})
			case at == nil:
				list = append(list, Line{Runbook: p.ID, Step: path, Count: 2, Text: fmt.Sprintf("the effect of step %q (%s) was never verified, neither live nor in a rehearsal", path, s.Uses)})
			case !at["live"]:
				list = append(list, Line{Runbook: p.ID, Step: path, Count: 1, Text: fmt.Sprintf("the effect of step %q (%s) was verified in rehearsals only", path, s.Uses)})
			}
		}
	}
	list = byCount(list)
	for i := range list {
		list[i].Count = 0
	}
	return list
}

func effectOf(runbook, path, action string, version int) string {
	return fmt.Sprintf("%s/%s/%s@%d", runbook, path, action, version)
}

// approvals lists the slowest questions, and those that nobody answered.
func (v *review) approvals() []Line {
	type slow struct {
		Line
		wait time.Duration
	}
	var list []slow
	for _, c := range v.cases() {
		if c.Drill != nil && c.Drill.Scripted {
			continue
		}
		for _, a := range c.Approvals {
			s := slow{Line{Runbook: a.Runbook, Step: a.Step, Evidence: []Evidence{c.at(a.Seq)}}, a.Wait}
			from := strings.Join(once(slices.Clone(a.From)), ", ")
			switch {
			case !v.recent(a.Asked):
				continue
			case a.Verdict == "expired":
				s.wait = a.Closed.Sub(a.Asked)
				s.Text = fmt.Sprintf("step %q: nobody of %s gave enough answers within %s, so it was refused", a.Step, from, span(s.wait))
			case a.Decided:
				s.Text = fmt.Sprintf("step %q: %s after %s, asked from %s", a.Step, a.Verdict, span(a.Wait), from)
			default:
				continue
			}
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b slow) int { return int(b.wait/time.Second) - int(a.wait/time.Second) })
	lines := []Line{}
	for _, s := range list[:min(len(list), slowest)] {
		lines = append(lines, s.Line)
	}
	return lines
}

// slowest is how many approvals a review names.
const slowest = 10

func (v *review) refused() []Line {
	return v.grouped(func(c *Case, say func(runbook, text string, seq int64)) {
		for _, r := range c.Refused {
			if v.recent(r.At) {
				say("", fmt.Sprintf("%s (%s)", r.Code, orDash(r.Verb)), r.Seq)
			}
		}
	})
}

func (v *review) doubts() []Line {
	return v.grouped(func(c *Case, say func(runbook, text string, seq int64)) {
		for _, run := range c.Runs {
			for _, s := range run.Steps {
				for _, seq := range s.Doubts {
					say("", fmt.Sprintf("%s: nobody knew at first whether it took effect (%s)", orDash(s.Action), kindOfCase(c)), seq)
				}
			}
		}
	})
}

func (v *review) retries() []Line {
	return v.grouped(func(c *Case, say func(runbook, text string, seq int64)) {
		for _, run := range c.Runs {
			for _, s := range run.Steps {
				for _, seq := range s.Retries {
					say("", fmt.Sprintf("%s was tried again (%s)", orDash(s.Action), kindOfCase(c)), seq)
				}
				for _, seq := range s.Failures {
					say("", fmt.Sprintf("%s failed (%s)", orDash(s.Action), kindOfCase(c)), seq)
				}
			}
		}
	})
}

func (v *review) budgets() []Line {
	return v.grouped(func(c *Case, say func(runbook, text string, seq int64)) {
		if c.Drill != nil && !c.Drill.Result.Counts() {
			return
		}
		for _, run := range c.Runs {
			switch run.Budget {
			case string(timeline.BudgetMissed):
				say(run.Runbook, fmt.Sprintf("contained later than its budget (%s)", kindOfCase(c)), run.Seq)
			case string(timeline.BudgetFailed):
				say(run.Runbook, fmt.Sprintf("ended %s, without containing (%s)", run.Status, kindOfCase(c)), run.Seq)
			}
		}
	})
}

// kindOfCase tells rehearsals from what was real.
func kindOfCase(c *Case) string {
	if c.Exercise {
		return "rehearsal"
	}
	return "live"
}

// grouped counts what happened in the time under review, equal texts together.
func (v *review) grouped(each func(c *Case, say func(runbook, text string, seq int64))) []Line {
	var list []Line
	at := map[string]int{}
	for _, c := range v.cases() {
		each(c, func(runbook, text string, seq int64) {
			key := runbook + "\x00" + text
			i, ok := at[key]
			if !ok {
				i = len(list)
				at[key] = i
				list = append(list, Line{Runbook: runbook, Text: text})
			}
			list[i].Count++
			list[i].Evidence = append(list[i].Evidence, c.at(seq))
		})
	}
	return byCount(list)
}

func (v *review) correctives() []Line {
	var undone []Undone
	from := map[string]string{}
	for _, c := range slices.Concat(v.Drills, v.Incidents) {
		for _, t := range v.undone(c) {
			if t.Overdue > 0 {
				undone = append(undone, t)
				from[t.Evidence.String()] = strings.Join(c.runbooks(), ", ")
			}
		}
	}
	sortUndone(undone)
	var list []Line
	for _, t := range undone {
		list = append(list, Line{
			Runbook: from[t.Evidence.String()], Days: t.Overdue, Evidence: []Evidence{t.Evidence},
			Text: fmt.Sprintf("%s of %s, for %s by %s, is %s overdue: %s", t.ID, t.Evidence.Incident, t.Owner, t.Due, inDays(t.Overdue), t.Text),
		})
	}
	return list
}

func (v *review) unused() []Line {
	var list []Line
	for _, r := range v.rows {
		switch {
		case r.LiveRuns == 0 && r.Last == nil:
			list = append(list, Line{Runbook: r.Runbook, Count: 1, Text: "was never run and never rehearsed"})
		case r.LiveRuns == 0:
			list = append(list, Line{Runbook: r.Runbook, Text: fmt.Sprintf("was never run live; last rehearsed in %s", r.Last.Incident), Evidence: []Evidence{r.Last.Evidence}})
		}
	}
	list = byCount(list)
	for i := range list {
		list[i].Count = 0
	}
	return list
}

// span is a duration for people.
func span(d time.Duration) string { return d.Round(time.Second).String() }
