package chatops

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// submit hands a fact in for the run and step the call is about.
func (b *Bot) submit(c *call, body engine.Body) (engine.Receipt, error) {
	return b.o.Incidents.Submit(c.ctx, c.request(), c.incident, c.aim.run, c.aim.step, body)
}

// step is the step the call is about.
func (c *call) step(i *engine.Incident) *engine.Step {
	for _, r := range i.Runs {
		if r.ID == c.aim.run {
			return stepOf(r, c.aim.step)
		}
	}
	return nil
}

// place is the run and step in one word.
func (c *call) place() string { return c.aim.run + "/" + c.aim.step }

const defaultSeverity = 3

func (b *Bot) declare(c *call) Message {
	name := strings.Join(strings.Fields(c.Text), " ")
	if name == "" {
		if c.chat {
			return declareForm(c)
		}
		return b.refuse(c, engine.Refuse(engine.Usage, `an incident needs a title; type: declare "what happened" --sev 2`), true)
	}
	severity := defaultSeverity
	if n, err := strconv.Atoi(c.Flags["sev"]); err == nil {
		severity = n
	}
	_, private := c.Flags["private"]
	r, err := b.o.Incidents.Declare(c.ctx, c.request(), name, severity, private)
	if err != nil {
		return b.answer(c, err)
	}
	c.incident = r.Incident
	m := changed(c, r, Good, fmt.Sprintf("%s declared · SEV %d · %s", r.Incident, severity, line(name, 120)))
	m.Public = false // its channel may not be there yet; the card will be
	if private {
		m.text("It is private: responders, commanders, auditors, admins and the people asked can see it.")
	}
	var programs []string
	for _, p := range b.o.Incidents.Programs() {
		programs = append(programs, line(p.ID, 80))
	}
	m.list("Runbooks", "•", programs, 12)
	m.next("run "+r.Incident+" <runbook>", "status "+r.Incident, "note "+r.Incident+` "what you see"`)
	return recorded(c, m)
}

func (b *Bot) run(c *call) Message {
	program, refusal := b.runbook(c)
	if refusal != nil {
		return b.refuse(c, refusal, true)
	}
	if m, ask := inputForm(c, program); ask {
		return m
	}
	r, err := b.o.Incidents.Start(c.ctx, c.request(), c.incident, c.runRequest())
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Good, fmt.Sprintf("%s started: %s", r.Run, c.Target))
	err = b.look(c, func(i *engine.Incident) {
		for _, run := range i.Runs {
			if run.ID == r.Run {
				m.text("%s", runLine(run, c.now))
				rows, left := rowsToShow(run)
				m.lines(runLines(run, rows, left, c.now))
				if short := shortages(run, c.dir); len(short) > 0 {
					m.Tone = Warn
					m.text("Too few people can approve, so it will wait and then end without it. Let somebody start it who is not asked, or have an admin add people to the directory:")
					m.lines(short)
				}
			}
		}
	})
	if err != nil {
		m.text("Look with: status %s", c.incident)
	}
	return recorded(c, m)
}

func (b *Bot) note(c *call) Message {
	kind := engine.Observation
	if k := c.Flags["kind"]; k != "" {
		kind = engine.NoteKind(k)
	}
	body := engine.Noted{Text: c.Text, Class: kind}
	if at := c.Flags["at"]; at != "" {
		seen, refusal := observed(at, c.now)
		if refusal != nil {
			return b.refuse(c, refusal, true)
		}
		body.Observed = engine.At(seen)
	}
	r, err := b.submit(c, body)
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Good, "Noted as "+string(kind))
	m.Public = false
	m.text("%s", cut(VisibleLines(c.Text), 300))
	if !body.Observed.IsZero() {
		m.text("Seen %s", day(body.Observed.Time, c.now))
	}
	return recorded(c, m)
}

func (b *Bot) cancel(c *call) Message {
	r, err := b.submit(c, engine.CancelRequested{Reason: c.Flags["reason"]})
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Warn, fmt.Sprintf("%s is cancelled by %s", c.aim.run, who(c.actor)))
	m.text("Reason: %s", line(c.Flags["reason"], 300))
	err = b.look(c, func(i *engine.Incident) {
		for _, run := range i.Runs {
			if run.ID != c.aim.run {
				continue
			}
			var flying []string
			for s := range every(run) {
				if s.Status == engine.StepRunning || s.Status == engine.StepVerifying || s.Status == engine.StepDoubt {
					flying = append(flying, title(s)+": "+state(s, c.now))
				}
			}
			m.list("Still in flight; it is waited for, not cut off", "…", flying, 10)
			var then []string
			for s := range every(run) {
				if s.OnCancel() {
					then = append(then, line(s.Def.Name(), 80))
				}
			}
			m.list("Done then, because the runbook says so", "·", then, 10)
			undo, stays := afterwards(i, run)
			if len(undo) > 0 {
				m.text("Can be taken back")
				m.next(undo...)
			}
			m.list("Stays as it is", "!", stays, 10)
		}
	})
	if err != nil {
		m.text("Look with: status %s", c.incident)
	}
	return recorded(c, m)
}

func (b *Bot) retry(c *call) Message {
	_, confirmed := c.Flags["confirm-not-applied"]
	if c.ask != "" { // the button said so, and had to be confirmed
		confirmed = c.aim.status == engine.StepOnHold && c.aim.held == engine.HeldDoubt
	}
	r, err := b.submit(c, engine.RetryRequested{NotApplied: confirmed, Reason: c.Flags["reason"]})
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Good, fmt.Sprintf("%s is tried again, by %s", c.place(), who(c.actor)))
	if confirmed {
		m.text("%s says that the attempt in doubt had no effect.", who(c.actor))
	}
	return b.standing(c, m)
}

func (b *Bot) skip(c *call) Message {
	r, err := b.submit(c, engine.SkipRequested{Reason: c.Flags["reason"]})
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Warn, fmt.Sprintf("%s is skipped by %s", c.place(), who(c.actor)))
	m.text("Reason: %s", line(c.Flags["reason"], 300))
	return b.standing(c, m)
}

// done reports a manual step, or settles that an attempt in doubt took effect.
func (b *Bot) done(c *call) Message {
	_, applied := c.Flags["confirm-applied"]
	doubt := c.aim.status == engine.StepOnHold && c.aim.held == engine.HeldDoubt
	if c.ask != "" { // the button said so, and had to be confirmed
		if applied = doubt; !doubt && !c.filled {
			return doneForm(c)
		}
	}
	switch {
	case doubt && !applied:
		return b.refuse(c, engine.Refuse(engine.OutcomeUnknown, "nobody knows whether attempt %d of %s took effect; look at the target, then either: done %s --confirm-applied, or: retry %s --confirm-not-applied", c.aim.attempt, c.place(), c.place(), c.place()), true)
	case doubt:
		r, err := b.submit(c, engine.EffectResolved{Attempt: c.aim.attempt, Applied: true, Reason: c.Text})
		if err != nil {
			return b.answer(c, err)
		}
		m := changed(c, r, Good, fmt.Sprintf("%s took effect, says %s", c.place(), who(c.actor)))
		return b.standing(c, m)
	case applied:
		return b.refuse(c, engine.Refuse(engine.NotManual, "step %s is %s; there is no doubt about it to settle, so leave out --confirm-applied", c.place(), c.aim.status), true)
	}
	r, err := b.submit(c, engine.ManualDone{Answer: c.Text})
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Good, fmt.Sprintf("%s is done, says %s", c.place(), who(c.actor)))
	if c.Text != "" {
		m.text("%s", cut(VisibleLines(c.Text), 500))
	}
	return b.standing(c, m)
}

func (b *Bot) undo(c *call) Message {
	r, err := b.submit(c, engine.UndoRequested{Reason: c.Flags["reason"]})
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Good, fmt.Sprintf("%s is being taken back, for %s", c.place(), who(c.actor)))
	m.text("Reason: %s", line(c.Flags["reason"], 300))
	err = b.look(c, func(i *engine.Incident) {
		if s := c.step(i); s != nil && s.UndoneBy != nil {
			m.lines(linesOf(rowsOf([]*engine.Step{s.UndoneBy}, 0), c.now))
		}
	})
	if err != nil {
		m.text("Look with: status %s", c.incident)
	}
	return recorded(c, m)
}

func (b *Bot) resolve(c *call) Message {
	r, err := b.submit(c, engine.Resolved{Summary: c.Text})
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Good, fmt.Sprintf("%s is resolved by %s", c.incident, who(c.actor)))
	if c.Text != "" {
		m.text("%s", cut(VisibleLines(c.Text), 1000))
	}
	err = b.look(c, func(i *engine.Incident) {
		m.text("It was open for %s.", span(max(i.ResolvedAt.Sub(i.DeclaredAt), time.Second)))
	})
	if err == nil {
		m.next("export md " + c.incident)
	}
	return recorded(c, m)
}

// standing adds how the step stands after the change.
func (b *Bot) standing(c *call, m Message) Message {
	err := b.look(c, func(i *engine.Incident) {
		if s := c.step(i); s != nil {
			m.lines(linesOf(rowsOf([]*engine.Step{s}, 0), c.now))
		}
	})
	if err != nil {
		m.text("Look with: status %s", c.incident)
	}
	return recorded(c, m)
}
