package chatops

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// How much of a plan an ask shows.
const (
	askTargets   = 20
	askChanges   = 20
	askArguments = 2000 // characters of all arguments
	askValue     = 300  // characters of one argument
)

// AskMessage is a question to people: an approval, a manual step, a step that
// is held, an effect whose time is over, or a glass that was broken. Once it is answered it tells the answer and has no buttons.
// Everything that comes from a target or a person is shown with nothing in it
// hidden.
func AskMessage(i *engine.Incident, a *engine.Ask) Message {
	r := runOf(i, a.Step)
	if r == nil {
		r = &engine.Run{ID: "R?"}
	}
	v := asking{i: i, r: r, s: a.Step, a: a}
	var m Message
	switch a.Type {
	case engine.AskApproval:
		m = v.approval()
	case engine.AskManual:
		m = v.manual()
	case engine.AskContainment:
		m = v.containment()
	case engine.AskReview:
		m = v.glass()
	default:
		m = v.held()
	}
	m.Public, m.Seq, m.Incident = true, -1, i.ID
	return m.visible()
}

// asking is one ask on its way to a message.
type asking struct {
	i *engine.Incident
	r *engine.Run
	s *engine.Step
	a *engine.Ask
}

func (v asking) name() string { return v.r.ID + "/" + v.s.ID }

func (v asking) program() string {
	if v.r.Program == nil {
		return ""
	}
	return line(v.r.Program.ID, 80)
}

// button makes a button that leads back to this ask and nothing else: all
// that counts is looked up when it is clicked.
func (v asking) button(verb Verb, label string, tone Tone, confirm string) Button {
	return Button{Verb: string(verb), Value: v.i.ID + " " + v.a.ID, Label: label, Tone: tone, Confirm: confirm}
}

func (v asking) approval() Message {
	s, appr := v.s, v.a.Appr
	open := appr.State == engine.ApprovalOpen
	m := Message{Title: "Approval wanted: " + v.name() + " " + line(s.Def.Name(), 100), Tone: Warn, Notify: appr.From}
	if s.Def.Effect == actions.Destructive {
		m.Tone = Danger
	}
	if !open {
		m.Title, m.Tone = v.outcome()
		m.Notify = nil
	}
	m.Parts = append(m.Parts, Part{Fields: v.fields()})
	if len(appr.Because) > 0 {
		m.text("Asked again: since it was approved %s changed. That approval is void.", line(strings.Join(appr.Because, ", "), 300))
	}
	if s.Digest == appr.Digest || open {
		v.plan(&m)
	}
	rule := fmt.Sprintf("%d of %d", appr.Approvals(), appr.Quorum)
	if appr.Floor {
		rule += " (demanded by the environment)"
	}
	if appr.Extra > 0 && s.Run().Extra != nil {
		rule += fmt.Sprintf(" (%d more than usual: %s)", appr.Extra, line(s.Run().Extra.Why, 200))
	}
	if open {
		rule += signedOnly(appr)
	}
	fields := []Field{{"From", names(appr.From)}, {"Approved", rule}}
	if open {
		fields = append(fields, Field{"Expires", moment(appr.Expires.Time, v.i.Now) + ", then it counts as refused"})
	}
	m.Parts = append(m.Parts, Part{Fields: append(fields, Field{"Plan digest", short(appr.Digest)})})
	v.votes(&m)
	if len(appr.Changed) > 0 {
		m.text("What changed: %s", line(strings.Join(appr.Changed, ", "), 300))
	}
	if !open {
		return m
	}
	v.ways(&m)
	if rule := appr.BreakGlass; rule != nil {
		m.text("If they cannot be reached, %s may break the glass, with a signature and for everybody to see; %s review it. In a terminal run:", names(rule.By), names(rule.Review))
		m.Parts = append(m.Parts, Part{Code: glassCommand(v.i.ID, v.r.ID, s.ID, appr.Digest, "", "")})
	}
	m.Parts = append(m.Parts, Part{Note: "The person who asked, and a person the step acts against, cannot approve it."})
	return m
}

// fields say what is asked about, and who wants it.
func (v asking) fields() []Field {
	s := v.s
	asker := v.r.Requester
	if s.Undoes != nil {
		asker = s.By
	}
	fields := []Field{
		{"Incident", heading(v.i)},
		{"Asked for by", who(asker)},
		{"Runbook", v.program()},
		{"Step", title(s)},
		{"Action", action(s)},
		{"Effect", effect(s)},
	}
	if v.r.Environment.Name != "" {
		fields = append(fields, Field{"Environment", line(v.r.Environment.Name, 60)})
	}
	return fields
}

// outcome is the headline of a closed approval.
func (v asking) outcome() (string, Tone) {
	appr := v.a.Appr
	at := ""
	if !appr.ClosedAt.IsZero() {
		at = " at " + appr.ClosedAt.UTC().Format("15:04:05 UTC")
	}
	switch appr.State {
	case engine.ApprovalGranted, engine.ApprovalConsumed:
		if appr.Glass != nil {
			return fmt.Sprintf("Glass broken%s by %s: %s", at, who(appr.Glass.By), v.name()), Danger
		}
		return fmt.Sprintf("Approved%s: %s", at, v.name()), Good
	case engine.ApprovalDenied:
		return fmt.Sprintf("Denied%s: %s", at, v.name()), Danger
	case engine.ApprovalExpired:
		return fmt.Sprintf("Expired%s, so it counts as refused: %s", at, v.name()), Danger
	case engine.ApprovalVoided:
		return fmt.Sprintf("Void%s, the plan is different now: %s", at, v.name()), Warn
	}
	if appr.Why != "" {
		return fmt.Sprintf("No longer asked%s, %s: %s", at, line(appr.Why, 120), v.name()), Neutral
	}
	return fmt.Sprintf("No longer asked%s: %s", at, v.name()), Neutral
}

func (v asking) votes(m *Message) {
	var lines []Line
	for _, vote := range v.a.Appr.Votes {
		l := Line{Mark: "✓", Text: who(vote.Actor) + " approved"}
		if !vote.Approve {
			l = Line{Mark: "✗", Text: who(vote.Actor) + " denied"}
		}
		l.Text += " at " + vote.At.UTC().Format("15:04:05 UTC")
		if vote.Key != "" {
			l.Text += ", signed with " + vote.Key
		}
		if vote.Reason != "" {
			l.Text += ": " + line(vote.Reason, 300)
		}
		lines = append(lines, l)
	}
	if g := v.a.Appr.Glass; g != nil {
		lines = append(lines, Line{Mark: "!", Text: fmt.Sprintf("%s broke the glass at %s, signed with %s: %s", who(g.By), g.At.UTC().Format("15:04:05 UTC"), g.Key, line(g.Broken.Reason, 300))})
	}
	m.lines(lines)
}

// plan shows exactly what would be done.
func (v asking) plan(m *Message) {
	s := v.s
	var odd []string
	if len(s.Children()) > 0 {
		odd = v.items(m)
	} else {
		m.Parts = append(m.Parts, Part{Text: "Arguments"}, Part{Code: arguments(s)})
		if f := foreign(texts(s.Params)); f != "" {
			odd = append(odd, "the arguments hold characters outside ASCII: "+f)
		}
	}
	p := s.Preview
	if p == nil {
		p = &actions.Preview{}
	}
	var targets []string
	all := sha256.New()
	for _, t := range p.Targets {
		fmt.Fprintf(all, "%s %s\n", t, t.Region)
		where := ""
		if t.Region != "" {
			where = " in " + line(t.Region, 40)
		}
		targets = append(targets, line(t.String(), askValue)+where)
		if f := foreign(t.String()); f != "" && len(odd) < 5 {
			odd = append(odd, fmt.Sprintf("target %s holds characters outside ASCII: %s", line(t.String(), 80), f))
		}
	}
	switch n := len(targets); {
	case n > askTargets:
		m.list(fmt.Sprintf("Targets: %d (the first %d; SHA-256 of the list %s)", n, askTargets, short(hex.EncodeToString(all.Sum(nil)))), "•", targets, askTargets)
	case n > 0:
		m.list(fmt.Sprintf("Targets: %d", n), "•", targets, askTargets)
	case s.Def.Uses != "" && s.Def.Effect != actions.Read:
		odd = append(odd, "the plan names no target")
	}
	if p.InEffect {
		m.text("It is in effect already: nothing would change.")
	}
	m.list("What changes", "•", shown(p.Changes), askChanges)
	m.list("Calls", "•", shown(p.Calls), askChanges)
	warn := append(shown(p.Warnings), odd...)
	if p.NoUndo != "" {
		warn = append(warn, "it cannot be taken back: "+line(p.NoUndo, askValue))
	}
	m.list("Mind", "!", warn, askChanges)
}

func shown(items []string) []string {
	var list []string
	for _, s := range items {
		list = append(list, line(s, askValue))
	}
	return list
}

// confirm is the sentence to agree to before an approval counts.
func (v asking) confirm() string {
	s := v.s
	on := "its target"
	if s.Preview != nil {
		switch n := len(s.Preview.Targets); n {
		case 0:
		case 1:
			on = line(s.Preview.Targets[0].String(), 80)
		default:
			on = fmt.Sprintf("%d targets", n)
		}
	}
	what := fmt.Sprintf("%s (%s) acts on %s.", v.name(), line(s.Def.Name(), 60), on)
	if n := len(v.planned()); n > 0 {
		what = fmt.Sprintf("One yes is for all %d items of %s (%s), %s.", n, v.name(), line(s.Def.Name(), 60), on)
	}
	switch {
	case s.Def.Manual != nil:
		return fmt.Sprintf("%s (%s) will be done by a person.", v.name(), line(s.Def.Name(), 60))
	case s.Def.Effect == actions.Read:
		return fmt.Sprintf("%s (%s) only reads %s.", v.name(), line(s.Def.Name(), 60), on)
	case s.Def.Adds && s.Undoes == nil:
		return what + " It " + adds(s.Def) + "."
	case s.Undoes != nil:
		return what + " It takes back what " + s.Undoes.ID + " did."
	case s.Def.CanUndo && (s.Preview == nil || s.Preview.NoUndo == ""):
		if s.Def.Effect == actions.Destructive {
			return what + " It is destructive: undo may not bring everything back."
		}
		return what + " It can be taken back with: undo " + s.ID
	case s.Def.Effect == actions.Reversible:
		return what + " firebreak cannot take it back by itself."
	}
	return what + " It is destructive and CANNOT be taken back."
}

func action(s *engine.Step) string {
	switch {
	case s.Def.Wait != nil:
		return "none (it lets time pass)"
	case s.Def.Runbook != nil:
		return "runbook " + line(s.Def.Runbook.ID, 80) + " " + short(s.Def.Runbook.Digest)
	case s.Def.Uses == "":
		return "none (a person does it)"
	}
	name := line(s.Def.Uses, 100)
	if s.Def.ActionVersion > 0 {
		name += fmt.Sprintf(" v%d", s.Def.ActionVersion)
	}
	return name
}

// arguments writes the exact arguments, one a line, sorted by name. Values are
// JSON, so that where one ends cannot be mistaken.
func arguments(s *engine.Step) string {
	params := s.Params
	if s.Undoes != nil {
		params = s.Undoes.Params
	}
	if len(params) == 0 {
		return "(none)"
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(params, &object) != nil || len(object) == 0 {
		return cut(Visible(string(params)), askArguments)
	}
	var lines []string
	whole := true
	for _, k := range slices.Sorted(maps.Keys(object)) {
		name, text := Visible(k), argument(object[k])
		out := cut(name, askValue) + " = " + cut(text, askValue)
		whole = whole && out == name+" = "+text
		lines = append(lines, out)
	}
	all := strings.Join(lines, "\n")
	out := cut(all, askArguments)
	if !whole || out != all {
		sum := sha256.Sum256(params)
		out += "\nSHA-256 of all arguments: " + short(hex.EncodeToString(sum[:]))
	}
	return out
}

func argument(data json.RawMessage) string {
	var text string
	if json.Unmarshal(data, &text) == nil {
		return `"` + Visible(strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), `"`, `\"`)) + `"`
	}
	var compact bytes.Buffer
	if json.Compact(&compact, data) == nil {
		data = compact.Bytes()
	}
	return Visible(string(data))
}

// texts is all the texts in a JSON value, one after the other.
func texts(data json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(data))
	var b strings.Builder
	for {
		t, err := d.Token()
		if err != nil {
			return b.String()
		}
		if s, ok := t.(string); ok {
			b.WriteString(s)
		}
	}
}

func (v asking) manual() Message {
	s := v.s
	m := Message{Title: "To be done by a person: " + v.name() + " " + line(s.Def.Name(), 100), Tone: Warn}
	m.Parts = append(m.Parts, Part{Fields: []Field{{"Incident", heading(v.i)}, {"Runbook", v.program()}, {"Step", title(s)}}})
	if it := item(s); it != "" {
		m.Parts[0].Fields = append(m.Parts[0].Fields, Field{"For", it})
	}
	if !v.a.Closed && !s.Due.IsZero() {
		m.Parts[0].Fields = append(m.Parts[0].Fields, Field{"Until", moment(s.Due, v.i.Now) + ", then it counts as failed"})
	}
	m.text("%s", orElse(cut(VisibleLines(strings.TrimSpace(s.Asks)), 2500), "(no instructions)"))
	if v.a.Closed {
		v.closed(&m)
		return m
	}
	if in := s.Def.Manual; in != nil && in.Answer != nil {
		text := "The answer has to be " + kindOf(in.Answer) + "."
		if in.Answer.Description != "" {
			text = line(in.Answer.Description, 300) + ". " + text
		}
		m.text("%s", text)
	}
	m.Parts = append(m.Parts, Part{Buttons: []Button{v.button(Done, "Done…", Good, ""), v.button(Skip, "Skip…", Neutral, "")}})
	m.next(answers(v.i, v.r, v.a)...)
	return m
}

func (v asking) held() Message {
	s := v.s
	doubt := s.Held == engine.HeldDoubt
	m := Message{Title: "A decision is needed: " + v.name() + " " + line(s.Def.Name(), 100), Tone: Danger}
	if doubt && !v.a.Closed {
		m.Title = "In doubt: " + v.name() + " " + line(s.Def.Name(), 100)
	}
	m.Parts = append(m.Parts, Part{Fields: []Field{{"Incident", heading(v.i)}, {"Runbook", v.program()}, {"Step", title(s)}, {"Action", action(s)}, {"Effect", effect(s)}}})
	if v.a.Closed {
		v.closed(&m)
		return m
	}
	m.text("%s", line(orElse(s.Why, "it waits for a decision"), 600))
	if !doubt {
		m.Parts = append(m.Parts, Part{Buttons: []Button{v.button(Retry, "Retry", Neutral, ""), v.button(Skip, "Skip…", Neutral, "")}})
		m.next(answers(v.i, v.r, v.a)...)
		return m
	}
	m.Parts = append(m.Parts, Part{Text: "Arguments"}, Part{Code: arguments(s)})
	if at := latest(s); at != nil {
		list := []Line{{Mark: "!", Text: fmt.Sprintf("attempt %d began %s; what is known of its end: %s", at.N, moment(at.At, v.i.Now), line(at.Doubt, 200))}}
		if at.Found != "" {
			list = append(list, Line{Mark: "!", Text: "the target was asked about it and answered: " + line(string(at.Found), 40)})
		}
		m.lines(append(list, Line{Mark: "›", Text: "look at the target yourself, then say what you saw"}))
	}
	m.Parts = append(m.Parts, Part{Buttons: []Button{
		v.button(Done, "It took effect", Neutral, "You looked at the target, and "+v.name()+" did take effect. This is written down as your word; the effect is then read back."),
		v.button(Retry, "It did not: retry", Danger, "You looked at the target, and "+v.name()+" had NO effect. This is written down as your word, and the step is tried again."),
		v.button(Skip, "Skip…", Neutral, ""),
	}})
	m.next(answers(v.i, v.r, v.a)...)
	return m
}

// closed tells how a manual or held step went on.
func (v asking) closed(m *Message) {
	s := v.s
	m.Title, m.Tone = "Answered: "+v.name(), Neutral
	if s.Status == engine.StepDone {
		m.Tone = Good
	}
	if s.By.ID != "" {
		m.text("Answered by %s", who(s.By))
	}
	if answer, ok := s.Outputs["answer"]; ok && s.Def.Manual != nil && answer != nil && answer != "" {
		m.text("Answer: %s", cut(VisibleLines(plain(answer)), 1000))
	}
	m.lines([]Line{{Mark: mark(s.Status), Text: "now " + title(s) + ": " + state(s, v.i.Now)}})
}
