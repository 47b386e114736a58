package chatops

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
)

// Reminded reads the reference of a reminder, "remind:ID.N", and finds the
// question it is about.
func Reminded(i *engine.Incident, ref string) (a *engine.Ask, n int, ok bool) {
	rest, ok := strings.CutPrefix(ref, "remind:")
	if !ok {
		return nil, 0, false
	}
	id, number, ok := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 {
		return nil, 0, false
	}
	if a, ok := i.Ask(id); ok {
		return a, n, true
	}
	for _, a := range i.Asks {
		if a.ID == id {
			return a, n, true
		}
	}
	return nil, 0, false
}

// ReminderMessage says once more that people are asked. It has no buttons:
// those of the question itself are taken away once it is answered, and a
// reminder stays as it was posted.
func ReminderMessage(i *engine.Incident, a *engine.Ask, n int) Message {
	r := runOf(i, a.Step)
	if r == nil {
		r = &engine.Run{ID: "R?"}
	}
	v := asking{i: i, r: r, s: a.Step, a: a}
	if g := a.Glass; g != nil && g.Review == nil {
		m := Message{Title: "Overdue: the glass broken at " + v.name() + " was not reviewed", Tone: Danger, Public: true, Seq: -1, Incident: i.ID, Notify: g.Rule.Review}
		m.text("%s broke it %s, and %s should have said by %s whether that was right. %s cannot be resolved before.", who(g.By), moment(g.At, i.Now), names(g.Rule.Review), day(g.Due, i.Now), i.ID)
		m.next(append(answers(i, r, a), "step "+i.ID+" "+v.name())...)
		return m.visible()
	}
	m := Message{Title: fmt.Sprintf("Reminder %d: %s %s waits", n, v.name(), line(a.Step.Def.Name(), 100)), Tone: Warn, Public: true, Seq: -1, Incident: i.ID}
	if a.Closed || a.Appr == nil || a.Appr.State != engine.ApprovalOpen {
		m.Title, m.Tone = "Answered meanwhile: "+v.name(), Neutral
		m.lines([]Line{{Mark: mark(a.Step.Status), Text: title(a.Step) + ": " + state(a.Step, i.Now)}})
		return m.visible()
	}
	m.Notify = a.Appr.From
	m.text("It asks %s since %s; %d of %d approved. It expires %s, then it counts as refused.", names(a.Appr.From), moment(a.At, i.Now), a.Appr.Approvals(), a.Appr.Quorum, moment(a.Appr.Expires.Time, i.Now))
	m.next(append(answers(i, r, a), "step "+i.ID+" "+v.name())...)
	return m.visible()
}
