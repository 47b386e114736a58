package chatops

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// aim is the run and step a request is about, looked up once, so that what was
// judged is what is done.
type aim struct {
	run, step string
	status    engine.StepStatus
	held      engine.HoldReason
	attempt   int             // the latest one
	approval  string          // id of the open or latest approval
	digest    string          // of that approval
	open      bool            // that approval waits for votes
	shared    string          // of the item of a loop: the step whose approval is for all of them
	review    string          // id of the review of a broken glass that is waited for; empty: none is
	until     time.Time       // of its containment; zero: it contains nothing that ends
	answer    *runbooks.Input // of a manual step; nil: any text
}

// locate finds the incident a request is about.
func (b *Bot) locate(c *call) (*engine.Refusal, error) {
	c.incident = c.Incident
	if c.entry.scope == noIncident || c.incident != "" {
		return nil, nil
	}
	all, err := b.o.Incidents.List(c.ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range all { // also one that may not be seen: nothing else can be meant here
		if c.channel != "" && (s.Channel == c.channel || s.Control == c.channel) {
			c.incident = s.ID
			return nil, nil
		}
	}
	seen, err := b.visible(c, all)
	if err != nil {
		return nil, err
	}
	open := slices.DeleteFunc(slices.Clone(seen), func(s engine.Summary) bool {
		return s.Resolved || c.entry.exercise() && !engine.IsExercise(s.ID)
	})
	switch {
	case len(open) == 1 && c.Verb == DrillStop: // wherever it is said
		c.incident, c.taken = open[0].ID, true
		return nil, nil
	case len(open) == 1 && c.channel == "" && c.entry.changes && !engine.IsExercise(open[0].ID) && rehearsed(seen, c.now):
		named := c.Command
		named.Incident = open[0].ID
		return engine.Refuse(engine.NoIncident, "which incident? An exercise was played here in the last hours, and %s is live; if you mean it, name it: %s", open[0].ID, line(named.String(), 300)), nil
	case len(open) == 1 && c.channel == "": // in a chat the channel says it, or the words do
		c.incident, c.taken = open[0].ID, true
		return nil, nil
	case c.entry.scope == mayIncident:
		return nil, nil
	case len(open) == 0:
		return engine.Refuse(engine.NoIncident, `%q is about an incident, and none is open that you can see; type: declare "what happened", or name one: %s INC-12`, c.Verb, c.Verb), nil
	}
	var ids []string
	for _, s := range open {
		ids = append(ids, s.ID)
	}
	example := c.Command
	example.Incident = ids[0]
	is := "are"
	if len(open) == 1 {
		is = "is"
	}
	return engine.Refuse(engine.NoIncident, "which incident? %s %s open; name one (%s), or type it in the incident's own channel", enough(ids, 8), is, line(example.String(), 200)), nil
}

// afterExercise is how long after the beginning of an exercise a live incident
// has to be named by who changes something in it: words that were meant for the
// exercise must not reach a live one, because it ended in between.
const afterExercise = 12 * time.Hour

func rehearsed(list []engine.Summary, now time.Time) bool {
	return slices.ContainsFunc(list, func(s engine.Summary) bool {
		return engine.IsExercise(s.ID) && s.Declared.After(now.Add(-afterExercise))
	})
}

// visible keeps the incidents that this person may know of.
func (b *Bot) visible(c *call, all []engine.Summary) ([]engine.Summary, error) {
	if known(c.dir, c.actor) != nil {
		return nil, nil
	}
	var seen []engine.Summary
	for _, s := range all {
		ok := !s.Private || b.o.Policy.seesPrivate(c.dir, c.actor.ID)
		if !ok {
			err := b.o.Incidents.View(c.ctx, s.ID, func(i *engine.Incident) { ok = b.o.Policy.Sees(c.dir, c.actor, i) })
			if err != nil {
				return nil, err
			}
		}
		if ok {
			seen = append(seen, s)
		}
	}
	return seen, nil
}

// take finds the run and step that are meant. A step that stands in several
// runs is taken from the one in which the verb makes sense; when that leaves
// more than one, nothing is guessed.
func take(i *engine.Incident, c *call) (aim, *engine.Run, *engine.Refusal) {
	switch {
	case c.ask != "":
		for _, a := range i.Asks {
			if a.ID == c.ask {
				r := runOf(i, a.Step)
				if r == nil {
					break
				}
				t := aimAt(r, a.Step)
				if a.Appr != nil {
					t.approval, t.digest, t.open = a.Appr.ID, a.Appr.Digest, a.Appr.State == engine.ApprovalOpen
				}
				if a.Glass != nil {
					t.review = a.ID
				}
				if a.Closed && a.Appr == nil {
					return t, r, engine.Refuse(engine.AlreadyDecided, "this was answered already: %s/%s is %s; look with: step %s/%s", r.ID, a.Step.ID, a.Step.Status, r.ID, a.Step.ID)
				}
				return t, r, nil
			}
		}
		return aim{}, nil, engine.Refuse(engine.NoStep, "this button belongs to no question of %s; look with: status %s", i.ID, i.ID)
	case c.entry.target == runSlot:
		return takeRun(i, c)
	case c.entry.target == stepSlot:
		return takeStep(i, c)
	}
	return aim{}, nil, nil
}

func takeRun(i *engine.Incident, c *call) (aim, *engine.Run, *engine.Refusal) {
	var active []*engine.Run
	for _, r := range i.Runs {
		if r.ID == c.Run {
			return aim{run: r.ID}, r, nil
		}
		if !r.Status.Ended() {
			active = append(active, r)
		}
	}
	switch {
	case c.Run != "":
		return aim{}, nil, engine.Refuse(engine.NoRun, "%s has no run %s; %s", i.ID, c.Run, runList(i))
	case len(active) == 1:
		return aim{run: active[0].ID}, active[0], nil
	case len(active) == 0:
		return aim{}, nil, engine.Refuse(engine.NotRunning, "no run of %s is going on, so there is nothing to %s; look with: status %s", i.ID, c.Verb, i.ID)
	}
	return aim{}, nil, engine.Refuse(engine.NoRun, `which run? %s; type: %s %s --reason "..."`, runList(i), c.Verb, active[0].ID)
}

func runList(i *engine.Incident) string {
	if len(i.Runs) == 0 {
		return "it has none; start one with: run <runbook>"
	}
	var list []string
	for _, r := range slices.Backward(i.Runs) {
		list = append(list, fmt.Sprintf("%s (%s) is %s", r.ID, r.Program.ID, r.Status))
	}
	return enough(list, 5)
}

func takeStep(i *engine.Incident, c *call) (aim, *engine.Run, *engine.Refusal) {
	type place struct {
		r *engine.Run
		s *engine.Step
	}
	var all, fit []place
	for _, r := range i.Runs {
		if c.Run != "" && r.ID != c.Run {
			continue
		}
		if s := stepOf(r, c.Target); s != nil {
			all = append(all, place{r, s})
			if fits(c.Verb, s) {
				fit = append(fit, place{r, s})
			}
		}
	}
	switch {
	case len(all) == 0:
		return aim{}, nil, noStep(i, c)
	case len(fit) > 1 && c.Verb != Step:
		var names []string
		for _, p := range fit {
			names = append(names, p.r.ID+"/"+p.s.ID)
		}
		return aim{}, nil, engine.Refuse(engine.NoStep, "step %q stands in several runs; say which: %s %s", c.Target, c.Verb, enough(names, 6))
	case len(fit) > 0:
		all = fit
	}
	p := all[len(all)-1]
	return aimAt(p.r, p.s), p.r, nil
}

func aimAt(r *engine.Run, s *engine.Step) aim {
	t := aim{run: r.ID, step: s.ID, status: s.Status, held: s.Held, attempt: len(s.Attempts)}
	if s.Approval != nil {
		t.approval, t.digest, t.open = s.Approval.ID, s.Approval.Digest, s.Approval.State == engine.ApprovalOpen
	}
	if p := s.Parent; p != nil && p.Approval != nil && s.Index > 0 && (s.Approval == nil || s.Approval.ID == p.Approval.ID) {
		t.shared = p.ID
	}
	if g := unreviewed(s); g != nil {
		t.review = g.ID
	}
	if s.InForce() {
		t.until = s.Containment.Until
	}
	if s.Def != nil && s.Def.Manual != nil {
		t.answer = s.Def.Manual.Answer
	}
	return t
}

// fits says whether the verb makes sense for the step at this moment.
func fits(v Verb, s *engine.Step) bool {
	switch v {
	case Justified, Unjustified:
		return unreviewed(s) != nil
	case Approve, Deny, BreakGlass:
		return s.Approval != nil && s.Approval.State == engine.ApprovalOpen
	case Done:
		return s.Status == engine.StepManual || s.Status == engine.StepOnHold && s.Held == engine.HeldDoubt
	case Retry:
		return s.Status == engine.StepFailed || s.Status == engine.StepRefused || s.Status == engine.StepOnHold
	case Skip:
		return !s.Status.Ended()
	case Undo:
		return s.Undoable()
	case Extend, Keep:
		return s.InForce()
	}
	return true
}

func noStep(i *engine.Incident, c *call) *engine.Refusal {
	var ids []string
	found := c.Run == ""
	for _, r := range i.Runs {
		if c.Run != "" && r.ID != c.Run {
			continue
		}
		found = true
		for s := range every(r) {
			if s.Parent != nil && s.Index > 0 && !strings.Contains(c.Target, ".") {
				continue // the items of a loop are meant by nobody who does not write a dot
			}
			if len(ids) < 200 {
				ids = append(ids, s.ID)
			}
		}
	}
	where := i.ID
	if c.Run != "" {
		where = "run " + c.Run + " of " + i.ID
	}
	switch {
	case !found:
		return engine.Refuse(engine.NoRun, "%s has no run %s; %s", i.ID, c.Run, runList(i))
	case len(ids) == 0:
		return engine.Refuse(engine.NoStep, "%s has no steps yet; start a runbook with: run <runbook>", where)
	}
	if n := runbooks.Nearest(c.Target, ids); n != "" {
		return engine.Refuse(engine.NoStep, "%s has no step %q; did you mean %q? For all: status %s", where, c.Target, n, i.ID)
	}
	return engine.Refuse(engine.NoStep, "%s has no step %q; it has %s", where, c.Target, enough(ids, 12))
}

func runOf(i *engine.Incident, s *engine.Step) *engine.Run {
	if r := s.Run(); r != nil {
		return r
	}
	for _, r := range i.Runs {
		if slices.Contains(r.Steps, s) {
			return r
		}
	}
	return nil
}

// enough joins at most n items and says how many are left out.
func enough(items []string, n int) string {
	if len(items) > n {
		return strings.Join(items[:n], ", ") + fmt.Sprintf(" and %d more", len(items)-n)
	}
	return strings.Join(items, ", ")
}

func asRefusal(err error) (*engine.Refusal, bool) {
	return errors.AsType[*engine.Refusal](err)
}
