package chatops

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// Input is a line somebody typed.
type Input struct {
	Actor   engine.Actor
	Nonce   string // of the delivery, "" when the way in has none
	Text    string // the words after /incident
	Channel string // the chat channel it was typed in; empty in a terminal

	Signature string // an armored SSH signature that answers [Message.Sign]; empty: none

	Sink io.Writer // takes what is handed out, piece by piece; nil: it comes whole, in [Message.Files]
}

// Click is a button somebody clicked.
type Click struct {
	Actor  engine.Actor
	Nonce  string
	Verb   string // of the Button
	Value  string // of the Button
	Reason string
}

// Answer is a form somebody filled in.
type Answer struct {
	Actor  engine.Actor
	Nonce  string
	Form   string // Form.ID
	State  string // Form.State
	Values map[string]string
}

// Planner says what a runbook would do; see engine/plan.
type Planner interface {
	// Plan gives the plan as a message and its digest. Problems of the request are a *engine.Refusal.
	Plan(ctx context.Context, actor engine.Actor, incident string, run engine.RunRequest) (Message, error)
}

// ExportOptions say how a record is handed out. Empty fields are the
// exporter's own choice.
type ExportOptions struct {
	Format string // one of the exporter's formats
	Redact string // full, internal, external
	Zone   string // a time zone beside UTC: "Europe/Zurich"
	OCSF   string // version of the OCSF schema
}

// Exporter writes the timeline of an incident; see engine/timeline.
type Exporter interface {
	// Formats lists what it can write: "md", "json".
	Formats() []string
	// Export journals that the record is handed out, then writes it to w, and gives the name that a
	// file of it has. Options that do not fit are a *engine.Refusal, and nothing was written.
	Export(ctx context.Context, req engine.Request, incident string, o ExportOptions, w io.Writer) (name string, err error)
	// Timeline gives the last n lines for people.
	Timeline(ctx context.Context, incident string, last int) ([]Line, error)
}

// Options are what a Bot works with.
type Options struct {
	Incidents    engine.Incidents
	Directory    func() *Directory // asked for each request, so that a change of the file counts at once; nil or a nil answer: everybody is a stranger
	Planner      Planner           // nil: nothing can be planned here
	Drills       Drills            // nil: nothing can be rehearsed here
	Exporter     Exporter          // nil: nothing can be exported here
	Readiness    Ledger            // nil: nobody knows what was rehearsed here
	Policy       Policy            // the zero Policy is strict; see DefaultPolicy
	Now          func() time.Time  // nil: the real clock
	StopWord     string            // alone on a line it ends an exercise; empty: "stopdrill"
	Word         string            // what is typed before a line, for help: "/incident"; empty: "/incident"
	Environments []string          // names to offer; the first is shown first
}

// Bot answers what people type, click and fill in. It keeps no state of its
// own and can be used by many at once.
type Bot struct{ o Options }

// NewBot makes a Bot. Without Incidents it panics: that is a mistake of wiring.
func NewBot(o Options) *Bot {
	if o.Incidents == nil {
		panic("chatops: NewBot needs Incidents")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.StopWord == "" {
		o.StopWord = "stopdrill"
	}
	if o.Word == "" {
		o.Word = "/incident"
	}
	return &Bot{o: o}
}

// Command answers a typed line.
func (b *Bot) Command(ctx context.Context, in Input) Message {
	return b.command(ctx, in).visible()
}

func (b *Bot) command(ctx context.Context, in Input) Message {
	c := b.call(ctx, in.Actor, in.Nonce)
	c.chat, c.channel, c.signature, c.sink = in.Channel != "", in.Channel, in.Signature, in.Sink
	if strings.EqualFold(strings.TrimSpace(in.Text), b.o.StopWord) {
		in.Text = string(DrillStop)
	}
	cmd, refusal := parse(in.Text)
	c.Command, c.entry = cmd, entryOf(cmd.Verb)
	if refusal != nil {
		// Somebody unknown learns that, and nothing about the grammar.
		if stranger := known(c.dir, c.actor); stranger != nil {
			return b.refuse(c, stranger, true)
		}
		c.incident = cmd.Incident
		return b.refuse(c, refusal, c.entry.changes)
	}
	return b.do(c)
}

// call is one request on its way through the Bot.
type call struct {
	Command
	ctx       context.Context
	entry     entry
	actor     engine.Actor
	nonce     string
	dir       *Directory
	now       time.Time
	chat      bool   // it came from a chat, which can show a form
	channel   string // where it was typed
	ask       string // the ask whose button was clicked, or form was filled in
	filled    bool   // a form was filled in
	signature string // of a vote
	sink      io.Writer
	incident  string // which incident it is about, once that is known
	taken     bool   // the incident was not named: it is the only open one
	aim       aim
}

func (b *Bot) call(ctx context.Context, actor engine.Actor, nonce string) *call {
	c := &call{ctx: ctx, actor: actor, nonce: nonce, now: b.o.Now().UTC()}
	if b.o.Directory != nil {
		c.dir = b.o.Directory()
	}
	return c
}

func entryOf(v Verb) entry {
	e, _ := find(string(v))
	return e
}

func (c *call) request() engine.Request {
	return engine.Request{Actor: c.actor, Nonce: c.nonce, Verb: string(c.Verb)}
}

// do is the only way to a handler: it finds the incident, run and step that
// are meant, judges the right to it on just these, and hands them on.
func (b *Bot) do(c *call) Message {
	if refusal := known(c.dir, c.actor); refusal != nil {
		if c.entry.who != everybody {
			return b.refuse(c, refusal, true)
		}
		c.Incident, c.channel = "", "" // what is open to everybody tells nobody about incidents
	}
	if refusal, err := b.locate(c); err != nil {
		return b.trouble(c, err)
	} else if refusal != nil {
		return b.refuse(c, refusal, c.entry.changes)
	}
	var refusal, problem *engine.Refusal
	if c.incident == "" {
		refusal = b.o.Policy.Allow(c.dir, Case{Verb: c.entry.verb, Actor: c.actor})
	} else {
		err := b.o.Incidents.View(c.ctx, c.incident, func(i *engine.Incident) {
			var run *engine.Run
			if engine.IsExercise(i.ID) {
				c.now = i.Now // its clock may be held, and jump
			}
			c.aim, run, problem = take(i, c)
			var step *engine.Step
			if run != nil && c.aim.step != "" {
				step = stepOf(run, c.aim.step)
			}
			refusal = b.o.Policy.Allow(c.dir, Case{Verb: c.entry.verb, Actor: c.actor, Incident: i, Run: run, Step: step})
			if c.entry.who == everybody && !b.o.Policy.Sees(c.dir, c.actor, i) {
				if c.Incident != "" {
					refusal = invisible(i.ID)
				}
				c.incident = ""
			}
		})
		if _, missing := asRefusal(err); missing {
			id := c.incident
			c.incident = ""
			return b.refuse(c, invisible(id), c.entry.changes)
		}
		if err != nil {
			return b.trouble(c, err)
		}
	}
	if refusal != nil {
		return b.refuse(c, refusal, true)
	}
	if problem != nil {
		return b.refuse(c, problem, c.entry.changes)
	}
	if c.Verb == Extend && c.Flags["for"] == "" {
		return b.needsTime(c)
	}
	waits := c.aim.open
	if c.Verb == Justified || c.Verb == Unjustified {
		waits = c.aim.review != ""
	}
	if c.entry.reason && c.Flags["reason"] == "" && !(c.ask != "" && c.entry.who == asked && !waits) {
		return b.needsReason(c)
	}
	return c.entry.handle(b, c)
}

// needsReason asks for the reason that is missing: by a form where there is one.
func (b *Bot) needsReason(c *call) Message {
	if c.chat {
		return b.reasonForm(c)
	}
	m := b.refuse(c, engine.Refuse(engine.ReasonRequired, `%q needs a reason, which is written down; type: %s --reason "..."`, c.Verb, c.named()), true)
	m.Usage = true
	return m
}

// needsTime asks how much longer something lasts.
func (b *Bot) needsTime(c *call) Message {
	if c.chat {
		return b.reasonForm(c)
	}
	bare := c.named()
	bare.Flags = nil
	m := b.refuse(c, engine.Refuse(engine.Usage, `"extend" needs to know how much longer; type: %s --for 24h --reason "..."`, bare), true)
	m.Usage = true
	return m
}

// named is the command with everything that was implied.
func (c *call) named() Command {
	cmd := c.Command
	cmd.Incident = c.incident
	if c.aim.run != "" {
		cmd.Run = c.aim.run
	}
	if c.entry.target == stepSlot && c.aim.step != "" {
		cmd.Target = c.aim.step
	}
	return cmd
}
