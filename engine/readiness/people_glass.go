package readiness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// unseen says which glasses could be broken and reviewed by nobody, so that the
// incident could never be resolved; and which depend on who breaks them, or can
// be broken by nobody. Votes that somebody may have given before are not counted.
func (in *Input) unseen(p *runbooks.Program) (reasons []Reason, notes []string) {
	if in.People == nil {
		return nil, nil // that nobody looked is said of the approvals
	}
	stuck, notable := grouping{}, grouping{}
	for q := range questions(p, in.Environments, nil) {
		rule := q.rule.BreakGlass
		if rule == nil {
			continue
		}
		by, review := strings.Join(rule.By, ", "), strings.Join(rule.Review, ", ")
		breakers, signs := in.active(rule.By), ""
		if n := len(breakers); n > 0 && in.Signs != nil {
			if breakers = slices.DeleteFunc(breakers, func(id string) bool { return !in.Signs(id) }); len(breakers) == 0 {
				signs = " with a key to sign with"
			}
		}
		reviewers := in.active(rule.Review)
		when, always := partakers(breakers, in.Starters, reviewers)
		switch {
		case len(breakers) == 0:
			text := fmt.Sprintf("nobody active%s can break the glass: %s", signs, by)
			if len(reviewers) == 0 {
				text += fmt.Sprintf("; and nobody active could review it: %s", review)
			}
			notable.put(text, q)
		case len(reviewers) == 0:
			stuck.put(fmt.Sprintf("%s break the glass, and nobody active can review that: %s", by, review), q)
		case always:
			stuck.put(fmt.Sprintf("%s break the glass, and whoever can review that (%s) breaks it or starts the run: %s", by, strings.Join(reviewers, ", "), review), q)
		case when != "":
			notable.put(fmt.Sprintf("nobody is left to review a broken glass when %s: %s", when, review), q)
		}
	}
	for _, g := range stuck {
		verb := "lets"
		if len(g.names) > 1 {
			verb = "let"
		}
		text := fmt.Sprintf("%s %s %s; the incident could never be resolved", g.subject(), verb, g.text)
		reasons = append(reasons, Reason{State: Blocked, Step: g.step, Text: text, Evidence: []Evidence{}})
	}
	for _, g := range notable {
		notes = append(notes, g.subject()+": "+g.text)
	}
	return reasons, notes
}

// partakers says when nobody is left to review, because all who could broke the
// glass or started the run; "": never. Always says that it is so whoever does.
func partakers(breakers, starters, reviewers []string) (when string, always bool) {
	if len(breakers) == 0 || len(reviewers) == 0 || len(reviewers) > 2 {
		return "", false
	}
	if len(starters) == 0 {
		starters = []string{""} // nobody knows who
	}
	left, short := 0, 0
	var broke, started []string // reviewers who did it where none is left
	for _, b := range breakers {
		for _, s := range starters {
			if slices.ContainsFunc(reviewers, func(r string) bool { return r != b && r != s }) {
				left++
				continue
			}
			short++
			if slices.Contains(reviewers, b) {
				broke = add(broke, b)
			}
			if slices.Contains(reviewers, s) {
				started = add(started, s)
			}
		}
	}
	switch {
	case short == 0:
		return "", false
	case len(reviewers) == 2: // one each
		when = fmt.Sprintf("one of %s breaks it and the other starts the run", strings.Join(reviewers, " and "))
	case len(broke) == 0:
		when = started[0] + " starts the run"
	case len(started) == 0:
		when = broke[0] + " breaks it"
	default:
		when = broke[0] + " breaks it or starts the run"
	}
	return when, left == 0
}
