package chatops

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Drills begins exercises and reports on them; see engine/rehearsal. What
// happens in one goes through engine.Incidents, as in a live incident.
type Drills interface {
	// Scenarios lists those that can be played, sorted by id.
	Scenarios() []*runbooks.Scenario
	// Begin starts an exercise. Problems of the request are a *engine.Refusal.
	Begin(ctx context.Context, req engine.Request, scenario string, pace int, blind bool) (engine.Receipt, error)
	// Report writes the after-action report in one of [ReportFormats].
	Report(ctx context.Context, req engine.Request, incident, format string) (File, error)
}

// ReportFormats are the forms of an after-action report, sorted; csv is the
// improvement plan alone.
func ReportFormats() []string {
	return []string{"csv", "evidence-html", "evidence-md", "html", "json", "md"}
}

// drills refuses where nothing can be rehearsed.
func (b *Bot) drills() (Drills, *engine.Refusal) {
	if b.o.Drills == nil {
		return nil, engine.Refuse(engine.NotAllowed, "nothing can be rehearsed here; ask an admin, or use a terminal: firebreak rehearse")
	}
	return b.o.Drills, nil
}

func (b *Bot) drillScenarios(c *call) Message {
	d, refusal := b.drills()
	if refusal != nil {
		return b.refuse(c, refusal, false)
	}
	m := reply(c, "Scenarios that can be rehearsed")
	var lines []Line
	for _, s := range d.Scenarios() {
		lines = append(lines, Line{Mark: "•", Text: fmt.Sprintf("%s: %s (runbook %s, up to %s)", s.ID, line(s.Title, 120), s.Runbook, span(time.Duration(s.End.Max)))})
	}
	if len(lines) == 0 {
		m.text("There are none. Write one (kind: Scenario) and name its folder in firebreak.yaml.")
		return m
	}
	m.lines(lines[:min(len(lines), 40)])
	m.next("drill start " + d.Scenarios()[0].ID)
	return m
}

func (b *Bot) drillStart(c *call) Message {
	d, refusal := b.drills()
	if refusal != nil {
		return b.refuse(c, refusal, true)
	}
	pace := 1
	if n, err := strconv.Atoi(c.Flags["speed"]); err == nil {
		pace = n
	}
	_, blind := c.Flags["blind"]
	r, err := d.Begin(c.ctx, c.request(), c.Target, pace, blind)
	if err != nil {
		return b.answer(c, err)
	}
	c.incident = r.Incident
	m := changed(c, r, Good, r.Incident+" has begun; you are its facilitator")
	m.Public = false
	m.text("Nothing that is done in it can reach anything real. Players act as in a live incident, and name %s or use its channel.", r.Incident)
	m.next("drill status "+r.Incident, "drill hold "+r.Incident, "drill end "+r.Incident)
	return recorded(c, m)
}

func (b *Bot) drillStatus(c *call) Message {
	var m Message
	err := b.look(c, func(i *engine.Incident) { m = controlMessage(i, i.Now) })
	if err != nil {
		return b.answer(c, err)
	}
	m.Public = false
	return told(c, m)
}

// drillFact hands a fact of an exercise in, and answers with one line. What the
// scenario does not have is refused by whoever plays it.
func (b *Bot) drillFact(c *call, body engine.Body, public bool, format string, args ...any) Message {
	r, err := b.submit(c, body)
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Good, fmt.Sprintf(format, args...))
	m.Public = public
	return recorded(c, m)
}

func (b *Bot) drillInject(c *call) Message {
	return b.drillFact(c, engine.InjectDelivered{ID: c.Target}, false, "%s is delivered", c.Target)
}

func (b *Bot) drillSkip(c *call) Message {
	return b.drillFact(c, engine.InjectSkipped{ID: c.Target, Reason: c.Flags["reason"]}, false, "%s is left out", c.Target)
}

func (b *Bot) drillHold(c *call) Message {
	return b.drillFact(c, engine.DrillHeld{Reason: c.Text}, true, "The exercise is held by %s; its clock stands still", who(c.actor))
}

func (b *Bot) drillGo(c *call) Message {
	return b.drillFact(c, engine.DrillResumed{}, true, "The exercise goes on")
}

func (b *Bot) drillSpeed(c *call) Message {
	pace, err := strconv.Atoi(strings.TrimSuffix(strings.ToLower(c.Target), "x"))
	if err != nil {
		return b.refuse(c, engine.Refuse(engine.Usage, "%q is no factor; write drill speed 10", line(c.Target, 40)), true)
	}
	return b.drillFact(c, engine.DrillPaced{Pace: pace}, false, "The clock runs %d times as fast while nobody is asked anything", pace)
}

func (b *Bot) drillAdvance(c *call) Message {
	d, refusal := duration(c.Target)
	if refusal != nil {
		return b.refuse(c, engine.Refuse(engine.Usage, "%q is no time span; write drill advance 30m", line(c.Target, 40)), true)
	}
	return b.drillFact(c, engine.DrillAdvanced{By: runbooks.Span(d)}, true, "%s passed at once", span(d))
}

func (b *Bot) drillOutcome(c *call) Message {
	outcome := strings.ToLower(strings.TrimSpace(c.Text))
	return b.drillFact(c, engine.OutcomeSet{Step: c.Target, Outcome: outcome}, false, "The next attempt of %s comes to: %s", c.Target, line(outcome, 20))
}

func (b *Bot) drillHint(c *call) Message {
	to := orElse(c.Flags["to"], "channel")
	if to != "channel" {
		kind, name, _ := strings.Cut(to, ":")
		if kind != "person" || name == "" {
			return b.refuse(c, engine.Refuse(engine.Usage, "a hint goes to everybody, or to one: --to person:bob"), true)
		}
	}
	return b.drillFact(c, engine.HintGiven{To: to, Text: c.Text}, false, "The hint is given, and counts")
}

func (b *Bot) drillJudge(c *call) Message {
	n := 1
	if v, err := strconv.Atoi(c.Flags["n"]); err == nil {
		n = v
	}
	word := strings.ToLower(strings.TrimSpace(c.Text))
	if word != "met" && word != "missed" {
		return b.refuse(c, engine.Refuse(engine.Usage, "say whether it was met or missed: drill judge %s met", line(c.Target, 40)), true)
	}
	body := engine.ExpectationJudged{Inject: c.Target, N: n, Met: word == "met", Why: c.Flags["reason"]}
	return b.drillFact(c, body, false, "What %s expects, number %d, is %s", c.Target, n, word)
}

func (b *Bot) drillObserve(c *call) Message {
	return b.drillFact(c, engine.DrillObserved{Text: c.Text, Objective: c.Flags["objective"]}, false, "Observed")
}

func (b *Bot) drillRate(c *call) Message {
	rating := engine.Rating(strings.ToUpper(strings.TrimSpace(c.Text)))
	return b.drillFact(c, engine.ObjectiveRated{Objective: c.Target, Rating: rating, Why: c.Flags["reason"]}, false, "Objective %s is rated %s", c.Target, line(string(rating), 4))
}

func (b *Bot) drillEnd(c *call) Message {
	return b.drillOver(c, engine.DrillEnded{Why: engine.EndFacilitator, Text: c.Text})
}

func (b *Bot) drillStop(c *call) Message {
	return b.drillOver(c, engine.DrillEnded{Why: engine.EndStopWord, Text: "stopped by " + who(c.actor)})
}

func (b *Bot) drillOver(c *call, body engine.DrillEnded) Message {
	m := b.drillFact(c, body, true, "The exercise %s is over", c.incident)
	if !m.Failed {
		m.next("drill feedback "+c.incident, "drill report html "+c.incident)
	}
	return m
}

// drillFeedback takes the three answers of the hot wash, or asks for them.
func (b *Bot) drillFeedback(c *call) Message {
	body := engine.FeedbackGiven{Well: c.Flags["well"], Badly: c.Flags["badly"], Change: c.Flags["change"]}
	_, anonymous := c.Flags["anonymous"]
	if body == (engine.FeedbackGiven{}) {
		if c.chat && !c.filled {
			return feedbackForm(c)
		}
		return b.refuse(c, engine.Refuse(engine.Usage, `nothing is answered; type: drill feedback --well "..." --badly "..." --change "..."`), false)
	}
	if anonymous {
		c.actor = engine.Actor{Type: engine.Person, Name: "a participant"}
		c.nonce = "" // it names the request, and so the person, to whoever has the chat's records
	}
	return b.drillFact(c, body, false, "Thank you")
}

func feedbackForm(c *call) Message {
	m := reply(c, "Looking back at "+c.incident)
	m.text(`Answer with: drill feedback %s --well "..." --badly "..." --change "..."`, c.incident)
	m.Form = &Form{
		ID: string(DrillFeedback), State: c.state(), Title: "Hot wash", Submit: "Send",
		Fields: []FormField{
			{ID: "well", Label: "What went well?", Long: true, Optional: true},
			{ID: "badly", Label: "What did not?", Long: true, Optional: true},
			{ID: "change", Label: "What should be changed first?", Long: true, Optional: true},
			{ID: "anonymous", Label: "Under your name?", Value: "yes", Options: []string{"yes", "no, anonymous"}, Optional: true},
		},
	}
	return m
}

func (b *Bot) drillReport(c *call) Message {
	d, refusal := b.drills()
	if refusal != nil {
		return b.refuse(c, refusal, true)
	}
	format := orElse(strings.ToLower(c.Target), "html")
	if !slices.Contains(ReportFormats(), format) {
		return b.refuse(c, engine.Refuse(engine.Usage, "%q is no form of the report; there are: drill report %s", line(c.Target, 40), strings.Join(ReportFormats(), ", drill report ")), true)
	}
	f, err := d.Report(c.ctx, c.request(), c.incident, format)
	if err != nil {
		return b.answer(c, err)
	}
	m := reply(c, "After-action report of "+c.incident+" as "+format)
	m.Tone, m.Files = Good, []File{f}
	m.text("%s, %d bytes. That it was handed out to you is written down.", line(f.Name, 120), len(f.Data))
	return told(c, m)
}
