package chatops

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Click answers a button. The button carries a reference and nothing else:
// the question it belongs to is looked up, and the right to answer it is
// judged as if the words had been typed. Some answers need more, and come
// back as a [Form].
func (b *Bot) Click(ctx context.Context, k Click) Message {
	return b.click(ctx, k).visible()
}

func (b *Bot) click(ctx context.Context, k Click) Message {
	c := b.call(ctx, k.Actor, k.Nonce)
	c.chat = true
	c.Verb, c.entry = Verb(k.Verb), entryOf(Verb(k.Verb))
	if refusal := c.refer(k.Value); refusal != nil {
		if stranger := known(c.dir, c.actor); stranger != nil {
			refusal = stranger
		}
		return b.refuse(c, refusal, true)
	}
	if k.Reason != "" {
		c.Flags = map[string]string{"reason": strings.TrimSpace(k.Reason)}
	}
	return b.do(c)
}

// Answer takes a form that was filled in. When something in it is wrong the
// second result says what, by field, and nothing was done.
func (b *Bot) Answer(ctx context.Context, a Answer) (Message, map[string]string) {
	m, wrong := b.filled(ctx, a)
	return m.visible(), wrong
}

func (b *Bot) filled(ctx context.Context, a Answer) (Message, map[string]string) {
	c := b.call(ctx, a.Actor, a.Nonce)
	c.chat = true
	c.Verb, c.entry = Verb(a.Form), entryOf(Verb(a.Form))
	if stranger := known(c.dir, c.actor); stranger != nil {
		return b.refuse(c, stranger, true), nil
	}
	switch c.Verb {
	case Declare:
		return b.declared(c, a.Values)
	case Deny, Justified, Unjustified, Skip, Cancel, Undo, Extend, Keep, DrillSkip, DrillRate, Correct, Hide:
		reason := strings.TrimSpace(a.Values["reason"])
		if wrong := wrongText("reason", reason, 1, engine.MaxText); wrong != nil {
			return reply(c, ""), wrong
		}
		c.Flags = map[string]string{"reason": reason}
		if c.Verb == Extend {
			longer := strings.TrimSpace(a.Values["for"])
			if _, refusal := duration(longer); refusal != nil {
				return reply(c, ""), map[string]string{"for": "write how much longer: 90m, 24h or 3d"}
			}
			c.Flags["for"] = longer
		}
	case Done:
		c.filled = true
		c.Text = strings.TrimSpace(a.Values["answer"])
		if wrong := wrongText("answer", c.Text, 0, engine.MaxText); wrong != nil {
			return reply(c, ""), wrong
		}
	case Run, Plan:
		c.filled = true
	case DrillFeedback:
		c.filled = true
		c.Flags = map[string]string{}
		for _, q := range []string{"well", "badly", "change"} {
			if text := strings.TrimSpace(a.Values[q]); text != "" {
				c.Flags[q] = text
			}
		}
		if strings.HasPrefix(a.Values["anonymous"], "no") {
			c.Flags["anonymous"] = ""
		}
	default:
		return b.refuse(c, engine.Refuse(engine.Usage, "%q is no form; type: help", line(a.Form, 40)), true), nil
	}
	if refusal := c.refer(a.State); refusal != nil {
		return b.refuse(c, refusal, true), nil
	}
	if c.entry.inputs {
		if wrong := c.takeInputs(b, a.Values); wrong != nil {
			return reply(c, ""), wrong
		}
	}
	m := b.do(c)
	if c.Verb == Done && m.Code == engine.Usage && len(m.Parts) > 0 {
		return reply(c, ""), map[string]string{"answer": m.Parts[0].Text} // it does not fit, and the form can still be corrected
	}
	return m, nil
}

// declared takes the form for a new incident.
func (b *Bot) declared(c *call, values map[string]string) (Message, map[string]string) {
	c.Text = strings.Join(strings.Fields(values["title"]), " ")
	if wrong := wrongText("title", c.Text, 1, MaxTitle); wrong != nil {
		return reply(c, ""), wrong
	}
	c.Flags = map[string]string{}
	switch sev, _, _ := strings.Cut(values["severity"], " "); sev {
	case "":
	case "1", "2", "3", "4":
		c.Flags["sev"] = sev
	default:
		return reply(c, ""), map[string]string{"severity": "choose 1, 2, 3 or 4"}
	}
	if strings.HasPrefix(values["private"], "yes") {
		c.Flags["private"] = ""
	}
	return b.do(c), nil
}

func wrongText(field, s string, least, most int) map[string]string {
	switch {
	case len(s) < least:
		return map[string]string{field: "this cannot be left empty; it is written down"}
	case len(s) > most:
		return map[string]string{field: "this is too long; shorten it, and put the rest into a note"}
	}
	return nil
}

// maxState is the longest reference, in bytes, that a form carries.
const maxState = 2500

// refer reads what a button or form points at: "INC-12 " and the id of an ask,
// or, of a form that a typed line led to, a command.
func (c *call) refer(value string) *engine.Refusal {
	bad := engine.Refuse(engine.Usage, "this button or form is not one of this server; type: status INC-12")
	if len(value) > maxState || !clean(value) {
		return bad
	}
	if line, ok := strings.CutPrefix(value, "="); ok {
		cmd, refusal := parse(line)
		if refusal != nil || cmd.Verb != c.Verb {
			return bad
		}
		flags, text := c.Flags, c.Text
		c.Command = cmd
		if !c.entry.inputs {
			c.Flags = flags
		}
		if !c.entry.inputs && !c.entry.worded() {
			c.Text = text
		}
		return nil
	}
	id, ask, _ := strings.Cut(value, " ")
	incident, ok := incidentID(id)
	if !ok || ask == "" || c.entry.target != stepSlot {
		return bad
	}
	c.Incident, c.ask = incident, ask
	return nil
}

// state is what a form carries so that its answer finds the way back.
func (c *call) state() string {
	if c.ask != "" {
		return c.incident + " " + c.ask
	}
	cmd := c.named()
	if !c.entry.inputs {
		cmd.Flags = nil
	}
	if !c.entry.inputs && !c.entry.worded() {
		cmd.Text = ""
	}
	return "=" + cmd.String()
}

// worded says that a reason is asked for besides the text of a line.
func (e entry) worded() bool { return e.reason && e.text != "" }

// inputForm asks in a chat for the inputs of a run, or of a plan, that are
// still missing.
func inputForm(c *call, p *runbooks.Program) (m Message, ask bool) {
	state := c.state()
	if !c.chat || c.filled || len(state) > maxState {
		return m, false
	}
	word := "Run"
	if c.Verb == Plan {
		word = "Plan"
	}
	f := &Form{ID: string(c.Verb), State: state, Title: word + " a runbook", Submit: word}
	var missing []string
	for _, in := range p.Inputs {
		if _, given := c.Inputs[in.Name]; given || len(f.Fields) == maxInputFields {
			continue
		}
		field := FormField{ID: in.Name, Label: in.Name, Hint: hint(&in), Options: choices(&in), Optional: !in.Required, Long: in.Type == actions.List || in.Type == actions.Map}
		if in.Default != nil {
			field.Value = Visible(typed(in.Default))
		}
		if in.Required {
			missing = append(missing, in.Name)
		}
		f.Fields = append(f.Fields, field)
	}
	if len(missing) == 0 {
		return m, false
	}
	m = reply(c, word+" "+c.Target)
	m.text("These inputs are missing: %s", enough(missing, 12))
	example := c.named()
	example.Inputs = maps.Clone(c.Inputs)
	if example.Inputs == nil {
		example.Inputs = map[string]string{}
	}
	example.Inputs[missing[0]] = "..."
	m.next(line(example.String(), 300))
	m.Form = f
	return m, true
}

const maxInputFields = 20

// hint says what an input is for and how it is written.
func hint(in *runbooks.Input) string {
	text := line(in.Description, 140)
	if in.Type == actions.String && in.Format == "" && in.Pattern == "" && !in.Sensitive || len(choices(in)) > 0 {
		return text
	}
	return strings.TrimPrefix(strings.TrimRight(text, ".")+". It is "+kindOf(in), ". ")
}

// takeInputs adds the inputs of a form to those that were typed.
func (c *call) takeInputs(b *Bot, values map[string]string) map[string]string {
	program, _ := b.runbook(c)
	inputs := maps.Clone(c.Inputs)
	if inputs == nil {
		inputs = map[string]string{}
	}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		v, most := strings.TrimSpace(values[k]), MaxValue
		if program != nil {
			if in, ok := program.Input(k); ok && (in.Type == actions.List || in.Type == actions.Map) {
				v, most = oneLine(&in, v), MaxLine
			}
		}
		switch {
		case !keyForm(k) || len(inputs) == MaxInputs:
			return map[string]string{k: "this is no input"}
		case len(v) > most:
			return map[string]string{k: fmt.Sprintf("up to %d bytes are taken", most)}
		case !clean(v):
			return map[string]string{k: "it holds characters that cannot be seen: " + line(v, 60)}
		case v != "":
			inputs[k] = v
		}
	}
	c.Inputs = inputs
	return nil
}

func (b *Bot) reasonForm(c *call) Message {
	where := c.aim.run
	if c.aim.step != "" {
		where = c.place()
	}
	words := map[Verb][2]string{
		Deny:        {"Deny", "Why not? Everybody sees it."},
		Justified:   {"It was right", "What did you find? Everybody sees it."},
		Unjustified: {"It was not right", "What did you find? Everybody sees it."},
		Skip:        {"Skip", "Why can it be left out?"},
		Cancel:      {"Cancel run", "Why is it stopped?"},
		Undo:        {"Undo", "Why is it taken back?"},
		Extend:      {"Extend", "Why does it have to last longer?"},
		Keep:        {"Keep", "Why does it stay for good?"},

		DrillSkip: {"Leave out", "Why is this inject left out?"},
		DrillRate: {"Rate", "What shows it?"},
		Correct:   {"Correct", "Why are other words better?"},
		Hide:      {"Hide", "Why should people not read it first?"},
	}[c.Verb]
	m := reply(c, words[0]+" "+where)
	bare := c.named()
	bare.Flags = nil
	extra := ""
	if c.Verb == Extend {
		extra = " --for " + extension
	}
	m.text(`Say why: %s%s --reason "..."`, bare, extra)
	m.Form = &Form{
		ID: string(c.Verb), State: c.state(), Title: cut(words[0]+" "+where, 24), Submit: words[0],
		Fields: []FormField{{ID: "reason", Label: "Reason", Hint: words[1], Long: true}},
	}
	if c.Verb == Extend {
		value := orElse(c.Flags["for"], extension)
		m.Form.Fields = append([]FormField{{ID: "for", Label: "How much longer?", Hint: "90m, 24h or 3d; from its present end, or from now when that is over", Value: value}}, m.Form.Fields...)
		m.Form.Fields[1].Value = c.Flags["reason"]
	}
	if len([]rune(words[0]+" "+where)) > 24 {
		m.Form.Title = words[0]
	}
	return m
}

func declareForm(c *call) Message {
	m := reply(c, "Declare an incident")
	m.text(`Say what happened: declare "what happened" --sev 2`)
	m.Form = &Form{
		ID: string(Declare), Title: "Declare an incident", Submit: "Declare",
		Fields: []FormField{
			{ID: "title", Label: "What happened?", Hint: "One line; it can be seen by everybody unless the incident is private"},
			{ID: "severity", Label: "Severity", Value: "3", Options: []string{"1", "2", "3", "4"}, Hint: "1 is the worst"},
			{ID: "private", Label: "Private", Value: "no", Options: []string{"no", "yes"}, Optional: true, Hint: "Only responders, commanders, auditors, admins and the people asked can see it"},
		},
	}
	return m
}

// doneForm asks what came out of a manual step.
func doneForm(c *call) Message {
	m := reply(c, "Done: "+c.place())
	field := FormField{ID: "answer", Label: "What came out?", Hint: c.place() + "; later steps may read it", Long: true, Optional: true}
	m.text(`Say what came out: done %s "..."`, c.place())
	if in := c.aim.answer; in != nil {
		field.Hint = line(orElse(in.Description, c.place()), 140) + "; it has to be " + kindOf(in)
		field.Options, field.Optional, field.Long = choices(in), !in.Required && in.Default != nil, in.Type == actions.List || in.Type == actions.Map
		if in.Default != nil {
			field.Value = Visible(typed(in.Default))
		}
	}
	m.Form = &Form{ID: string(Done), State: c.state(), Title: "Report a step", Submit: "Done", Fields: []FormField{field}}
	return m
}
