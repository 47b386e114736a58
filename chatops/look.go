package chatops

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// look runs f on the incident of a call. What f needs later it must copy.
func (b *Bot) look(c *call, f func(*engine.Incident)) error {
	return b.o.Incidents.View(c.ctx, c.incident, f)
}

func (b *Bot) list(c *call) Message {
	everything, err := b.o.Incidents.List(c.ctx)
	if err != nil {
		return b.answer(c, err)
	}
	seen, err := b.visible(c, everything)
	if err != nil {
		return b.answer(c, err)
	}
	_, all := c.Flags["all"]
	_, mine := c.Flags["mine"]
	var lines []Line
	left := 0
	for _, s := range seen {
		if s.Resolved && !all || mine && s.By != c.actor.ID {
			continue
		}
		if len(lines) == 30 {
			left++
			continue
		}
		l := Line{Mark: "•", Text: fmt.Sprintf("%s · SEV %d · %s · declared %s by %s", s.ID, s.Severity, line(s.Title, 100), moment(s.Declared.Time, c.now), line(orElse(s.By, "somebody unknown"), 60))}
		switch {
		case s.Resolved:
			l.Mark, l.Text = "✓", l.Text+" · resolved"
		case s.Asks > 0:
			l.Mark, l.Text = "?", l.Text+fmt.Sprintf(" · %d waiting for people", s.Asks)
		}
		if s.Active > 0 {
			l.Text += fmt.Sprintf(" · %d running", s.Active)
		}
		if s.Private {
			l.Text += " · private"
		}
		lines = append(lines, l)
	}
	m := reply(c, fmt.Sprintf("%d incidents", len(lines)+left))
	switch {
	case len(lines) == 0 && mine:
		m.Title = "None of yours"
	case len(lines) == 0 && all:
		m.Title = "No incidents"
	case len(lines) == 0:
		m.Title = "No open incidents"
	case len(lines) == 1:
		m.Title = "1 incident"
	}
	if left > 0 {
		lines = append(lines, Line{Mark: "…", Text: fmt.Sprintf("and %d more", left)})
	}
	m.lines(lines)
	if len(lines) == 0 {
		m.next(`declare "what happened" --sev 2`)
	}
	return m
}

func (b *Bot) status(c *call) Message {
	var m Message
	head := b.head(c)
	err := b.look(c, func(i *engine.Incident) { m = card(i, head, c.now) })
	if err != nil {
		return b.answer(c, err)
	}
	_, m.Public = c.Flags["post"]
	return told(c, m)
}

// head is the journal's head in words, or nothing when it cannot be told.
func (b *Bot) head(c *call) string {
	size, root, err := b.o.Incidents.Head(c.ctx, c.incident)
	if err != nil {
		return ""
	}
	return Head(size, root)
}

func (b *Bot) plan(c *call) Message {
	if b.o.Planner == nil {
		return b.refuse(c, engine.Refuse(engine.NotAllowed, "nothing can be planned here: this server has no planner; ask an admin"), false)
	}
	program, refusal := b.runbook(c)
	if refusal != nil {
		return b.refuse(c, refusal, false)
	}
	if m, ask := inputForm(c, program); ask {
		return m
	}
	m, err := b.o.Planner.Plan(c.ctx, c.actor, c.incident, c.runRequest())
	if err != nil {
		return b.answer(c, err)
	}
	m.Public, m.Seq, m.Incident = false, -1, c.incident
	return told(c, m)
}

// runRequest is the run that is asked for.
func (c *call) runRequest() engine.RunRequest {
	return engine.RunRequest{Runbook: c.Target, Inputs: c.Inputs, Environment: c.Flags["env"], Digest: strings.ToLower(c.Flags["plan"])}
}

// runbook finds the runbook that is named, or refuses with the one that is
// probably meant.
func (b *Bot) runbook(c *call) (*runbooks.Program, *engine.Refusal) {
	var ids []string
	for _, p := range b.o.Incidents.Programs() {
		if p.ID == c.Target {
			return p, nil
		}
		ids = append(ids, p.ID)
	}
	slices.Sort(ids)
	switch n := runbooks.Nearest(c.Target, ids); {
	case len(ids) == 0:
		return nil, engine.Refuse(engine.NoRunbook, "there is no runbook %q, nor any other; ask an admin to load some", c.Target)
	case n != "":
		return nil, engine.Refuse(engine.NoRunbook, "there is no runbook %q; did you mean %q? Type: %s %s", c.Target, n, c.Verb, n)
	}
	return nil, engine.Refuse(engine.NoRunbook, "there is no runbook %q; there are %s", c.Target, enough(ids, 12))
}

func (b *Bot) timeline(c *call) Message {
	if b.o.Exporter == nil {
		return b.refuse(c, engine.Refuse(engine.NotAllowed, "there is no timeline here: this server has no exporter; ask an admin"), false)
	}
	last := 20
	if n, err := strconv.Atoi(c.Flags["last"]); err == nil {
		last = n
	}
	lines, err := b.o.Exporter.Timeline(c.ctx, c.incident, last)
	if err != nil {
		return b.answer(c, err)
	}
	m := reply(c, fmt.Sprintf("%s: the last %d lines", c.incident, len(lines)))
	m.lines(lines)
	if head := b.head(c); head != "" {
		m.Parts = append(m.Parts, Part{Note: head})
	}
	return told(c, m)
}

func (b *Bot) export(c *call) Message {
	if b.o.Exporter == nil {
		return b.refuse(c, engine.Refuse(engine.NotAllowed, "nothing can be exported here: this server has no exporter; ask an admin"), true)
	}
	format := strings.ToLower(c.Target)
	if formats := b.o.Exporter.Formats(); !slices.Contains(formats, format) {
		return b.refuse(c, engine.Refuse(engine.Usage, "%q is no format; there are: export %s", line(c.Target, 40), strings.Join(formats, ", export ")), true)
	}
	file := counted{w: c.sink}
	if file.w == nil {
		file.w = &file.kept
	}
	name, err := b.o.Exporter.Export(c.ctx, c.request(), c.incident, ExportOptions{Format: format, Redact: c.Flags["redact"], Zone: c.Flags["tz"], OCSF: c.Flags["ocsf"]}, &file)
	if err != nil {
		return b.answer(c, err)
	}
	m := reply(c, "Record of "+c.incident+" as "+format)
	m.Tone = Good
	if c.sink == nil {
		m.Files = []File{{Name: name, Data: file.kept.Bytes()}}
	}
	m.text("%s, %d bytes. That it was handed out to you is written down.", line(name, 120), file.n)
	if head := b.head(c); head != "" {
		m.Parts = append(m.Parts, Part{Note: head})
	}
	return told(c, m)
}

// MaxHandout is the largest record that is handed out whole, in bytes.
const MaxHandout = 64 << 20

// counted counts what is written, and refuses to keep too much of it.
type counted struct {
	w    io.Writer
	n    int
	kept bytes.Buffer // when w is this
}

func (f *counted) Write(p []byte) (int, error) {
	if f.w == &f.kept && f.n+len(p) > MaxHandout {
		return 0, engine.Refuse(engine.Usage, "the record is larger than %d MB, which is too much for an answer; in a terminal: firebreak export INCIDENT --out FILE", MaxHandout>>20)
	}
	n, err := f.w.Write(p)
	f.n += n
	return n, err
}

func (b *Bot) step(c *call) Message {
	m := reply(c, "")
	err := b.look(c, func(i *engine.Incident) {
		for _, r := range i.Runs {
			if r.ID == c.aim.run {
				if s := stepOf(r, c.aim.step); s != nil {
					detail(&m, i, r, s, c)
				}
			}
		}
	})
	if err != nil {
		return b.answer(c, err)
	}
	return told(c, m)
}

// detail tells everything about one step.
func detail(m *Message, i *engine.Incident, r *engine.Run, s *engine.Step, c *call) {
	v := asking{i: i, r: r, s: s}
	m.Title = v.name() + " " + line(s.Def.Name(), 100)
	fields := []Field{
		{"State", mark(s.Status) + " " + state(s, c.now)},
		{"Run", runLine(r, c.now)},
		{"Action", action(s)},
		{"Effect", effect(s)},
	}
	if len(s.Def.Needs) > 0 {
		fields = append(fields, Field{"After", enough(shown(s.Def.Needs), 12)})
	}
	if s.Parent != nil {
		fields = append(fields, Field{"Part of", title(s.Parent)})
	}
	if it := item(s); it != "" {
		fields = append(fields, Field{"For", it})
	}
	if s.If != "" {
		name := "Condition"
		if strings.HasPrefix(s.Why, "its list is empty") {
			name = "List"
		}
		fields = append(fields, Field{name, line(s.If, 200)})
	}
	if text := lasting(s, c.now); text != "" {
		fields = append(fields, Field{"Containment", text}, Field{"Decided by", names(s.Containment.Ask)})
	}
	if s.Digest != "" {
		fields = append(fields, Field{"Plan digest", short(s.Digest)})
	}
	if s.By.ID != "" {
		fields = append(fields, Field{"Answered by", who(s.By)})
	}
	m.Parts = append(m.Parts, Part{Fields: fields})
	var read []string
	for _, x := range s.Readings {
		read = append(read, line(x.Path+" = "+x.Value, 200))
	}
	m.list("What was read to decide", "•", read, 20)
	if s.Asks != "" {
		m.text("%s", cut(VisibleLines(s.Asks), 2000))
	}
	switch {
	case len(s.Children()) > 0:
		parts(m, s, c)
	case s.Def.Uses != "" && (len(s.Params) > 0 || s.Undoes != nil):
		v.plan(m)
	}
	var lines []Line
	if a := s.Approval; a != nil {
		lines = append(lines, Line{Mark: "?", Text: fmt.Sprintf("asked %s for %d of them at %s, plan %s: %s", names(a.From), a.Quorum, moment(a.AskedAt, c.now), short(a.Digest), a.State)})
		if a.BreakGlass != nil && a.State == engine.ApprovalOpen {
			lines = append(lines, Line{Mark: "?", Text: names(a.BreakGlass.By) + " may break the glass: " + glassCommand(i.ID, r.ID, s.ID, a.Digest, "", "")})
		}
		for _, vote := range a.Votes {
			word, sign := "approved", "✓"
			if !vote.Approve {
				word, sign = "denied", "✗"
			}
			text := who(vote.Actor) + " " + word + " " + moment(vote.At, c.now)
			if vote.Reason != "" {
				text += ": " + line(vote.Reason, 200)
			}
			lines = append(lines, Line{Mark: sign, Text: text})
		}
	}
	for _, g := range s.Glasses() {
		lines = append(lines, Line{Mark: "!", Text: broken(g, c.now) + ": " + line(g.Broken.Reason, 200)})
		if g.Review != nil {
			lines = append(lines, Line{Mark: "›", Text: who(g.Reviewer) + " found: " + line(g.Review.Text, 200)})
		}
	}
	for _, a := range s.Attempts {
		lines = append(lines, attemptLine(a, c))
	}
	if s.Reading != nil {
		lines = append(lines, Line{Mark: "=", Text: "read back: " + line(string(s.Reading.Verdict)+", "+s.Reading.Detail, 300)})
	}
	m.lines(lines)
	if len(s.Result) > 0 {
		var pretty bytes.Buffer
		if json.Indent(&pretty, s.Result, "", "  ") == nil {
			m.Parts = append(m.Parts, Part{Text: "Result"}, Part{Code: cut(VisibleLines(pretty.String()), 2000)})
		}
	}
	for _, a := range i.Asks {
		if a.Step == s && !a.Closed {
			m.next(answers(i, r, a)...)
		}
	}
	on := i.ID + " " + r.ID + "/" + s.ID
	switch {
	case s.InForce() && !s.Containment.Due: // else the question says it
		m.next(endings(on, s)...)
	case s.Undoable() && !s.InForce():
		m.next("undo " + on + ` --reason "..."`)
	}
}

// parts lists the steps of a step, those that need somebody first.
func parts(m *Message, s *engine.Step, c *call) {
	kids := s.Children()
	sorted := slices.Clone(kids)
	slices.SortStableFunc(sorted, func(a, b *engine.Step) int { return urgency(a) - urgency(b) })
	var lines []Line
	for n, k := range sorted {
		if n == cardSteps {
			lines = append(lines, Line{Mark: "…", Text: fmt.Sprintf("and %d more, %d in all; see one with: step %s", len(kids)-n, len(kids), kids[len(kids)-1].ID)})
			break
		}
		text := title(k)
		if k.Item != nil {
			text = k.ID + " (" + line(plain(k.Item), 80) + ")"
		}
		lines = append(lines, Line{Mark: mark(k.Status), Text: text + ": " + state(k, c.now)})
	}
	m.text("Its steps: %s", count(s))
	m.lines(lines)
}

// urgency sorts the steps of a step for a reader.
func urgency(s *engine.Step) int {
	switch {
	case pressing(s):
		return 0
	case !s.Status.Ended() && s.Status != engine.StepWaiting:
		return 1
	}
	return 2
}

func attemptLine(a *engine.Attempt, c *call) Line {
	text := fmt.Sprintf("attempt %d at %s on the authority of %s", a.N, moment(a.At, c.now), line(orElse(a.Actor, "nobody"), 60))
	sign := "…"
	switch o := a.Outcome; {
	case o != nil && o.Failure == nil:
		sign, text = "✓", text+fmt.Sprintf(": it worked, %d ms", o.Millis)
	case o != nil:
		sign, text = "✗", text+fmt.Sprintf(": %s, %s", line(string(o.Failure.Class), 40), line(o.Failure.Message, 300))
	case a.Doubt == "":
		text += ": in flight"
	}
	if a.Doubt != "" {
		sign, text = "!", text+": in doubt, "+line(a.Doubt, 200)
	}
	if a.Found != "" {
		text += "; found to be " + strings.ReplaceAll(line(string(a.Found), 40), "_", " ")
	}
	if o := a.Outcome; o != nil {
		for n, q := range o.Requests {
			if n == 5 {
				text += fmt.Sprintf("; and %d more calls", len(o.Requests)-n)
				break
			}
			text += "; " + line(q.Operation, 60)
			if q.ID != "" {
				text += " " + line(q.ID, 60)
			}
		}
	}
	return Line{Mark: sign, Text: text}
}

func (b *Bot) whoami(c *call) Message {
	m := reply(c, "You are "+who(c.actor))
	fields := []Field{{"Came in by", line(orElse(c.actor.Via, "no way that is known"), 120)}}
	if known(c.dir, c.actor) != nil {
		m.Title, m.Tone = "You are not known here", Warn
		if c.actor.Type == engine.Stranger && c.actor.Name != "" {
			fields = append(fields, Field{"Why", line(c.actor.Name, 200)})
		} else {
			fields = append(fields, Field{"Why", "no person of the directory has this identity"})
		}
		m.Parts = append(m.Parts, Part{Fields: fields})
		m.text("Nothing you ask for is done, and that you asked is written down. An admin can add you to the directory.")
		return m
	}
	person, _ := c.dir.Person(c.actor.ID)
	fields = append(fields, Field{"Rule", rule(person, c.actor)})
	var roles []string
	for _, r := range b.o.Policy.Roles(c.dir, c.actor.ID) {
		roles = append(roles, string(r))
	}
	slices.Sort(roles)
	why := " (from the directory)"
	if len(person.Roles) == 0 {
		why = " (the directory gives you none; this is what the policy gives everybody)"
	}
	fields = append(fields, Field{"Roles", strings.Join(roles, ", ") + why})
	fields = append(fields, Field{"Groups", orElse(enough(shown(c.actor.Groups), 20), "none")})
	if len(c.actor.Identities) > 0 {
		fields = append(fields, Field{"You are also", enough(shown(c.actor.Identities), 10)})
	}
	if keys := fingerprints(person.SSHKeys); len(keys) > 0 {
		fields = append(fields, Field{"You sign with", strings.Join(keys, ", ")})
	}
	m.Parts = append(m.Parts, Part{Fields: fields})
	return m
}

// rule says which line of the directory made somebody this person.
func rule(p PersonEntry, a engine.Actor) string {
	way, _, _ := strings.Cut(a.Via, ":")
	switch way {
	case "slack":
		return fmt.Sprintf("person %q of the directory has slack %s", p.ID, line(orElse(p.Slack, "none"), 80))
	case "cli":
		return fmt.Sprintf("person %q of the directory has the user %s of this machine", p.ID, line(orElse(p.OSUser, "(none)"), 80))
	}
	return fmt.Sprintf("person %q of the directory", p.ID)
}
