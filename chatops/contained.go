package chatops

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// extension is how much longer a containment lasts when a form offers a value.
const extension = "24h"

// lasting says until when the effect of a step is meant to last, or nothing.
func lasting(s *engine.Step, now time.Time) string {
	c := s.Containment
	switch {
	case c == nil || s.Undone():
		return ""
	case c.Kept:
		return "kept for good" + decided(c)
	case c.Due:
		return "its time was over " + moment(c.Until, now) + ", and nobody has decided"
	}
	text := "contains until " + moment(c.Until, now)
	return text + extended(c)
}

// extended tells that a containment was let last longer, or nothing.
func extended(c *engine.Containment) string {
	switch c.Times {
	case 0:
		return ""
	case 1:
		return ", extended" + decided(c)
	}
	return fmt.Sprintf(", extended %d times, the last time%s", c.Times, decided(c))
}

func decided(c *engine.Containment) string {
	text := ""
	if c.By.ID != "" {
		text = " by " + who(c.By)
	}
	if c.Why != "" {
		text += ": " + line(c.Why, 160)
	}
	return text
}

// minds says whether the containment of a step asks somebody; of no step in
// particular, whether any of the incident's does.
func minds(a engine.Actor, i *engine.Incident, s *engine.Step) bool {
	if s != nil {
		return s.InForce() && a.Among(s.Containment.Ask)
	}
	return i != nil && slices.ContainsFunc(i.Contained(), func(s *engine.Step) bool { return a.Among(s.Containment.Ask) })
}

// authority is the person on whose word an effect happened: who broke the
// glass, the last who approved it, else who started the run.
func authority(r *engine.Run, s *engine.Step) string {
	if s.Approval != nil {
		if g := s.Approval.Glass; g != nil {
			return orElse(g.By.ID, "nobody")
		}
		for _, v := range slices.Backward(s.Approval.Votes) {
			if v.Approve {
				return orElse(v.Actor.ID, "nobody")
			}
		}
	}
	return orElse(r.Requester.ID, "nobody")
}

// containment asks what becomes of an effect whose time is over.
func (v asking) containment() Message {
	s, c := v.s, v.s.Containment
	m := Message{Title: "Lift, extend or keep: " + v.name() + " " + line(s.Def.Name(), 100), Tone: Warn}
	fields := []Field{{"Incident", heading(v.i)}, {"Runbook", v.program()}, {"Step", title(s)}, {"Action", action(s)}}
	if c != nil {
		fields = append(fields, Field{"In effect since", moment(s.EndedAt, v.i.Now)}, Field{"On authority of", line(authority(v.r, s), 60)})
		if n := len(s.Children()); n > 0 {
			fields = append(fields, Field{"Items", count(s).String()})
		}
		fields = append(fields, Field{"Decided by", names(c.Ask)})
	}
	m.Parts = append(m.Parts, Part{Fields: fields})
	if v.a.Closed || c == nil {
		m.Title, m.Tone = "Answered: "+v.name(), Good
		switch {
		case s.Undone():
			m.text("It was lifted by %s.", s.UndoneBy.ID)
		case c != nil:
			m.text("It %s.", lasting(s, v.i.Now))
		}
		return m
	}
	m.Notify = c.Ask
	m.text("This was meant to last until %s%s. Nobody has decided yet, and %s cannot be resolved before.", moment(c.Until, v.i.Now), extended(c), v.i.ID)
	if s.Preview != nil {
		var targets []string
		for _, t := range s.Preview.Targets {
			targets = append(targets, line(t.String(), askValue))
		}
		m.list(fmt.Sprintf("Targets: %d", len(targets)), "•", targets, askTargets)
	}
	var buttons []Button
	if s.Undoable() {
		buttons = append(buttons, v.button(Undo, "Lift…", Good, ""))
	}
	m.Parts = append(m.Parts, Part{Buttons: append(buttons, v.button(Extend, "Extend…", Neutral, ""), v.button(Keep, "Keep for good…", Danger, ""))})
	m.next(answers(v.i, v.r, v.a)...)
	m.Parts = append(m.Parts, Part{Note: "Lifting and extending is for responders and those who are asked; keeping is for commanders, who declared the incident and those who are asked."})
	return m
}

// endings lists how a containment can be ended by typing.
func endings(on string, s *engine.Step) []string {
	list := []string{"extend " + on + " --for " + extension + ` --reason "..."`}
	if s.Undoable() {
		list = append(list, "undo "+on+` --reason "..."`)
	}
	return append(list, "keep "+on+` --reason "..."`)
}

// extend lets an effect last longer: from its present end on, or from now when
// that is over.
func (b *Bot) extend(c *call) Message {
	longer, refusal := duration(c.Flags["for"])
	if refusal != nil {
		return b.refuse(c, refusal, true)
	}
	from := c.now
	if c.aim.until.After(from) {
		from = c.aim.until
	}
	until := from.Add(longer)
	r, err := b.submit(c, engine.ContainmentExtended{Until: engine.At(until), Reason: c.Flags["reason"]})
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Good, fmt.Sprintf("%s lasts longer, says %s", c.place(), who(c.actor)))
	m.text("It lasts until %s now, %s longer.", day(until, c.now), span(longer))
	m.text("Reason: %s", line(c.Flags["reason"], 300))
	return b.standing(c, m)
}

// keep lets an effect last for good.
func (b *Bot) keep(c *call) Message {
	r, err := b.submit(c, engine.ContainmentKept{Reason: c.Flags["reason"]})
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Warn, fmt.Sprintf("%s is kept for good, says %s", c.place(), who(c.actor)))
	m.text("Reason: %s", line(c.Flags["reason"], 300))
	m.text("Nobody will be asked about it again. As long as %s is open it can still be taken back: undo %s", c.incident, c.place())
	return b.standing(c, m)
}

// duration reads how long: 90m, 24h, 3d, 1d12h.
func duration(text string) (time.Duration, *engine.Refusal) {
	bad := engine.Refuse(engine.Usage, "%q is no time span; say how much longer: --for 24h, --for 90m or --for 3d", line(text, 40))
	rest := strings.ToLower(strings.TrimSpace(text))
	var total time.Duration
	if days, after, ok := strings.Cut(rest, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 3650 {
			return 0, bad
		}
		total, rest = time.Duration(n)*24*time.Hour, after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return 0, bad
		}
		total += d
	}
	if total < time.Second {
		return 0, bad
	}
	return total.Round(time.Second), nil
}

// contained lists what is contained in all open incidents that this person may see.
func (b *Bot) contained(c *call) Message {
	all, err := b.o.Incidents.List(c.ctx)
	if err != nil {
		return b.answer(c, err)
	}
	seen, err := b.visible(c, all)
	if err != nil {
		return b.answer(c, err)
	}
	type entry struct {
		until time.Time
		line  Line
		next  string
	}
	var found []entry
	due := 0
	open := slices.DeleteFunc(seen, func(s engine.Summary) bool { return s.Resolved })
	if real := slices.DeleteFunc(slices.Clone(open), func(s engine.Summary) bool { return engine.IsExercise(s.ID) }); len(real) > 0 {
		open = real // what is really contained does not wait for an exercise, and is not mixed with one
	}
	for _, sum := range open {
		err := b.o.Incidents.View(c.ctx, sum.ID, func(i *engine.Incident) {
			for _, s := range i.Contained() {
				r := runOf(i, s)
				if r == nil {
					continue
				}
				on := i.ID + " " + r.ID + "/" + s.ID
				l := Line{Mark: "•", Text: fmt.Sprintf("%s · %s: since %s, on authority of %s, %s; asks %s", on, line(s.Def.Name(), 60), moment(s.EndedAt, c.now), line(authority(r, s), 60), lasting(s, c.now), names(s.Containment.Ask))}
				if s.Containment.Due {
					l.Mark = "!"
					due++
				}
				found = append(found, entry{s.Containment.Until, l, "extend " + on + " --for " + extension + ` --reason "..."`})
			}
		})
		if err != nil {
			return b.answer(c, err)
		}
	}
	slices.SortStableFunc(found, func(a, b entry) int { return a.until.Compare(b.until) })
	m := reply(c, fmt.Sprintf("%d containments in force", len(found)))
	m.Incident = ""
	switch {
	case len(found) == 0:
		m.Title = "Nothing is contained"
		m.text("No effect in an open incident that you can see waits for its end.")
		return m
	case len(found) == 1:
		m.Title = "1 containment in force"
	}
	if due > 0 {
		m.Title += fmt.Sprintf(", %d over its time", due)
		m.Tone = Warn
	}
	var lines []Line
	var next []string
	for n, e := range found {
		if n == cardSteps {
			lines = append(lines, Line{Mark: "…", Text: fmt.Sprintf("and %d more, which end later", len(found)-n)})
			break
		}
		lines = append(lines, e.line)
		if len(next) < 3 {
			next = append(next, e.next)
		}
	}
	m.lines(lines)
	m.next(next...)
	return m
}
