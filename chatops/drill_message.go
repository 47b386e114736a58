package chatops

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Banner begins the title of every message about an exercise.
const Banner = "EXERCISE"

// Marked gives a message that nobody asked for the marks of an exercise, when it
// is about one, with nothing hidden in it.
func Marked(m Message) Message { return m.visible() }

// exercised marks a message about an exercise, and asks for the attention of
// no group: those are real people who may be asleep.
func (m Message) exercised() Message {
	if !engine.IsExercise(m.Incident) {
		return m
	}
	if !strings.HasPrefix(m.Title, Banner) {
		m.Title = strings.TrimSuffix(Banner+" · "+m.Title, " · ")
	}
	m.Notify = slices.DeleteFunc(slices.Clone(m.Notify), func(to string) bool { return !strings.HasPrefix(to, "person:") })
	if m.Form != nil {
		form := *m.Form
		form.Title = cut(form.Title, 24)
		if t := Banner + ": " + form.Title; len([]rune(t)) <= 24 {
			form.Title = t
		} else {
			form.Title = Banner
		}
		m.Form = &form
	}
	return m
}

// SaidMessage is what players of an exercise are told under a reference:
// an inject, a hint, or its end. to is whom it is for: "channel" or "person:bob".
func SaidMessage(i *engine.Incident, ref string) (m Message, to string, ok bool) {
	d := i.Drill
	if d == nil {
		return m, "", false
	}
	m = Message{Public: true, Seq: -1, Incident: i.ID}
	if ref == engine.DrillEndRef && d.Ended {
		m.Title, m.Tone = i.ID+" is over", Good
		if d.Why == engine.EndStopWord || d.Why == engine.EndLive {
			m.Tone = Warn
		}
		m.text("%s", endWords(d))
		if i.Summary != "" {
			m.text("%s", cut(VisibleLines(i.Summary), 500))
		}
		m.text("Please look back now, while you remember: three questions, two minutes.")
		m.Parts = append(m.Parts, Part{Buttons: []Button{{Verb: string(DrillFeedback), Value: "=" + string(DrillFeedback) + " " + i.ID, Label: "Look back", Tone: Good}}})
		return m.visible(), "channel", true
	}
	for _, s := range d.Said {
		if s.Ref != ref {
			continue
		}
		m.Title, m.Tone = "News", Warn
		if strings.HasPrefix(ref, "hint:") {
			m.Title, m.Tone = "A hint", Neutral
		}
		to = "channel"
		switch kind, name, _ := strings.Cut(s.To, ":"); kind {
		case "person":
			to = s.To
			m.Public, m.Notify = false, []string{s.To}
			m.Title += " for " + line(name, 60)
		case "group", "role":
			m.Title += " for " + line(name, 60)
		}
		m.text("%s", cut(VisibleLines(s.Text), 2500))
		return m.visible(), to, true
	}
	return m, "", false
}

func endWords(d *engine.Drill) string {
	return map[engine.EndReason]string{
		engine.EndCondition:   "The scenario came to its end.",
		engine.EndTime:        "Its time is over.",
		engine.EndResolved:    "The incident was resolved.",
		engine.EndFacilitator: "The facilitator ended it.",
		engine.EndStopWord:    "It was stopped.",
		engine.EndLive:        "It was stopped, because a LIVE incident was declared.",
	}[d.Why]
}

// ControlMessage is the facilitators' console of an exercise. Players must not
// see it.
func ControlMessage(i *engine.Incident) Message { return controlMessage(i, i.Now).visible() }

func controlMessage(i *engine.Incident, now time.Time) Message {
	m := Message{Title: "Control of " + i.ID, Seq: -1, Incident: i.ID}
	d := i.Drill
	if d == nil {
		m.text("%s is no exercise.", i.ID)
		return m
	}
	state := "going on"
	switch {
	case d.Ended:
		state = "over: " + endWords(d)
	case d.Held:
		state, m.Tone = "HELD, its clock stands still", Warn
	}
	fields := []Field{
		{"Scenario", line(d.Title, 120) + " (" + line(d.Scenario, 60) + ")"},
		{"State", state},
		{"Time", "T+" + span(i.Now.Sub(d.StartedAt)) + fmt.Sprintf(", up to %d times as fast while nobody is asked", d.Pace)},
		{"Facilitators", enough(d.Facilitators, 8)},
	}
	if d.ChatDown {
		fields = append(fields, Field{"Chat", "down, for players"})
	}
	if len(d.Away) > 0 {
		var away []string
		for p := range d.Away {
			away = append(away, line(p, 40))
		}
		slices.Sort(away)
		fields = append(fields, Field{"Away", enough(away, 8)})
	}
	if d.Hints > 0 {
		fields = append(fields, Field{"Hints", fmt.Sprint(d.Hints)})
	}
	m.Parts = append(m.Parts, Part{Fields: fields})
	s, err := runbooks.DecodeScenario(d.File.Value)
	if err != nil {
		m.text("The scenario cannot be read: %s", line(err.Error(), 200))
		return m
	}
	m.text("Injects")
	m.lines(injectLines(s, d, now))
	m.text("Objectives")
	var lines []Line
	for _, o := range s.Objectives {
		l := Line{Mark: "·", Text: o.ID + ": " + line(o.Text, 160)}
		if r := d.Objectives[o.ID]; r != "" {
			l.Mark, l.Text = "✓", l.Text+" · rated "+string(r)
		}
		lines = append(lines, l)
	}
	m.lines(lines)
	if d.Ended {
		m.next("drill rate "+i.ID+` <objective> S --reason "..."`, `corrective add "..." `+i.ID+" --owner <person> --due <day>", "drill report html "+i.ID)
		return m
	}
	m.Parts = append(m.Parts, Part{Buttons: controlButtons(i, s)})
	m.next("drill inject "+i.ID+" <inject>", "drill outcome "+i.ID+" <step> unknown", `drill observe "..." `+i.ID, "drill advance "+i.ID+" 30m", "drill end "+i.ID)
	return m
}

// injectLines tells of each inject whether it was delivered, or when it comes.
func injectLines(s *runbooks.Scenario, d *engine.Drill, now time.Time) []Line {
	var lines []Line
	for _, in := range s.Injects {
		l := Line{Mark: "…", Text: in.ID + " (to " + line(in.To, 40) + ", " + triggerWords(in.Trigger, d, now) + "): " + line(in.Say, 140)}
		if at, ok := d.Delivered[in.ID]; ok {
			l = Line{Mark: "✓", Text: in.ID + " was delivered at T+" + span(at.Sub(d.StartedAt))}
			for n, e := range in.Expect {
				l.Text += fmt.Sprintf(" · expects %d: %s within %s", n+1, line(e.Text, 80), span(time.Duration(e.Within)))
			}
		} else if d.Skipped[in.ID] {
			l = Line{Mark: "–", Text: in.ID + " was left out"}
		}
		if lines = append(lines, l); len(lines) == 40 {
			break
		}
	}
	return lines
}

func triggerWords(t runbooks.Trigger, d *engine.Drill, now time.Time) string {
	words := "by hand"
	switch {
	case t.At != nil:
		return moment(d.StartedAt.Add(time.Duration(*t.At)+time.Duration(t.Delay)), now)
	case t.After != "":
		words = "after " + t.After
	case t.Asked != "":
		words = "when " + t.Asked + " asks"
	case t.When != "":
		words = "when " + line(t.When, 80)
	}
	if t.Delay > 0 {
		words = span(time.Duration(t.Delay)) + " " + words
	}
	return words
}

// controlButtons are for what a facilitator does most: hold or go, and deliver
// what waits for a hand.
func controlButtons(i *engine.Incident, s *runbooks.Scenario) []Button {
	button := func(v Verb, arg, label, confirm string) Button {
		return Button{Verb: string(v), Value: strings.TrimSpace("=" + string(v) + " " + i.ID + " " + arg), Label: label, Confirm: confirm}
	}
	list := []Button{button(DrillHold, "", "Hold", "")}
	if i.Drill.Held {
		list = []Button{button(DrillGo, "", "Go on", "")}
	}
	for _, in := range s.Injects {
		if in.Trigger.Hand && !i.Drill.Gone(in.ID) && len(list) < 20 {
			list = append(list, button(DrillInject, in.ID, "Deliver "+in.ID, ""))
		}
	}
	return append(list, button(DrillEnd, "", "End", "The exercise ends for everybody."))
}
