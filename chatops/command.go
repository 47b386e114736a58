package chatops

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Command is a line that was understood. Its parts are what was typed, freed
// of quotes and of what Slack puts around mentions and links; whether a step
// or runbook of that name exists is not yet known.
type Command struct {
	Verb     Verb
	Incident string            // "INC-12"; empty: implied by the place
	Run      string            // "R2", of R2/disable or of cancel R2
	Target   string            // a runbook, step, format or verb
	Inputs   map[string]string // of k=v; nil when there are none
	Flags    map[string]string // by name without --; "" for a switch; nil when there are none
	Text     string            // the free text
}

// Bounds of a typed line.
const (
	MaxLine   = 8 << 10 // bytes
	MaxInputs = 64
	MaxValue  = 1 << 10 // bytes of a target or of the value of an input
	MaxTitle  = 200     // bytes of an incident's title
)

var (
	incidentForm = regexp.MustCompile(`^(?i:(INC|DRL)-([1-9][0-9]{0,8}))$`)
	runForm      = regexp.MustCompile(`^[Rr]([1-9][0-9]{0,6})$`)
	stepForm     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.\-]*(~undo[0-9]*)?$`)
	nameForm     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.\-]*$`)
)

// Parse reads a typed line: verb [INC-n] [target] [k=v ...] [--flag value]
// ["free text"]. It looks at nothing but the line. The error is a
// [*engine.Refusal] that says what, why, and what to type next; the Command
// then holds the verb and incident as far as they were understood.
func Parse(text string) (Command, error) {
	c, refusal := parse(text)
	if refusal != nil {
		return c, refusal
	}
	return c, nil
}

func parse(text string) (Command, *engine.Refusal) {
	if len(text) > MaxLine {
		return Command{}, engine.Refuse(engine.Usage, "the line has %d bytes and %d are read; put long texts into a file and note where it is", len(text), MaxLine)
	}
	if !utf8.ValidString(text) {
		return Command{}, engine.Refuse(engine.Usage, "the line is not valid text (UTF-8); type it again: help")
	}
	words, refusal := split(text)
	if refusal != nil {
		return guess(text), refusal
	}
	var c Command
	if len(words) > 0 && !words[0].quoted {
		if id, ok := incidentID(words[0].text); ok { // INC-12 status
			c.Incident, words = id, words[1:]
		}
	}
	if len(words) == 0 {
		c.Verb = Help
		if c.Incident != "" {
			c.Verb = Status
		}
		return c, nil
	}
	var plain []string
	for _, w := range words[:min(len(words), 2)] {
		plain = append(plain, w.text)
	}
	name, taken := verbWords(plain)
	e, ok := find(name)
	if !ok {
		return c, unknownVerb(strings.Join(plain[:taken], " "))
	}
	c.Verb = e.verb
	p := parser{entry: e, Command: c}
	if refusal := p.words(words[taken:]); refusal != nil {
		return p.Command, refusal
	}
	return p.Command, p.finish()
}

// guess finds the verb of a line that could not be cut into words, so that its
// refusal can be written down under that name.
func guess(text string) Command {
	e, _ := find(VerbOf(text))
	return Command{Verb: e.verb}
}

func unknownVerb(typed string) *engine.Refusal {
	var names []string
	if slices.Contains(families, strings.ToLower(typed)) {
		for _, e := range entries() {
			if strings.HasPrefix(string(e.verb), strings.ToLower(typed)+" ") {
				names = append(names, string(e.verb))
			}
		}
		return engine.Refuse(engine.Usage, "%q needs a second word: %s; for more: help %s", typed, strings.Join(names, ", "), names[0])
	}
	for _, e := range entries() {
		names = append(append(names, string(e.verb)), e.aliases...)
	}
	if n := runbooks.Nearest(strings.ToLower(typed), names); n != "" {
		e, _ := find(n)
		return engine.Refuse(engine.Usage, "%q is no verb; did you mean %q? For more: help %s", line(typed, 40), n, e.verb)
	}
	return engine.Refuse(engine.Usage, "%q is no verb; for a list of what you can type: help", line(typed, 40))
}

// IncidentID reads the id of an incident, INC-12 or of a rehearsal DRL-12, in
// any case of letters.
func incidentID(s string) (string, bool) {
	m := incidentForm.FindStringSubmatch(s)
	if m == nil {
		return "", false
	}
	return strings.ToUpper(m[1]) + "-" + m[2], true
}

// parser takes the words after the verb.
type parser struct {
	Command
	entry entry
	plain []word // words that are no flag and no input
}

func (p *parser) refuse(format string, args ...any) *engine.Refusal {
	return engine.Refuse(engine.Usage, "%s; type: %s (for more: help %s)", fmt.Sprintf(format, args...), p.entry.usage(), p.Verb)
}

func (p *parser) words(words []word) *engine.Refusal {
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w.quoted:
			p.plain = append(p.plain, w)
		case w.text == "--": // all that follows is text
			for _, w := range words[i+1:] {
				w.quoted = true
				p.plain = append(p.plain, w)
			}
			return nil
		case strings.HasPrefix(w.text, "--"):
			n, refusal := p.flag(words[i:])
			if refusal != nil {
				return refusal
			}
			i += n - 1
		case p.entry.inputs && w.eq >= 0:
			if refusal := p.input(w); refusal != nil {
				return refusal
			}
		default:
			p.plain = append(p.plain, w)
		}
	}
	return nil
}

// flag reads the flag at the start of words and says how many words it took.
func (p *parser) flag(words []word) (int, *engine.Refusal) {
	w := words[0]
	name, given, inline := w.text[2:], "", false
	if w.eq >= 0 {
		name, given, inline = w.text[2:w.eq], w.text[w.eq+1:], true
	}
	name = strings.ToLower(name)
	f, ok := p.entry.flag(name)
	if !ok {
		var names []string
		for _, f := range p.entry.flags {
			names = append(names, f.name)
		}
		if n := runbooks.Nearest(name, names); n != "" {
			return 0, p.refuse("%q has no flag --%s; did you mean --%s", p.Verb, line(name, 40), n)
		}
		return 0, p.refuse(`%q has no flag --%s; a text that begins with -- goes in quotes`, p.Verb, line(name, 40))
	}
	if _, twice := p.Flags[name]; twice {
		return 0, p.refuse("--%s stands twice", name)
	}
	n := 1
	switch {
	case f.value == "":
		if inline {
			return 0, p.refuse("--%s takes no value", name)
		}
	case !inline:
		if len(words) < 2 || !words[1].quoted && strings.HasPrefix(words[1].text, "--") {
			return 0, p.refuse("--%s needs a value (%s)", name, f.value)
		}
		given, n = words[1].text, 2
		if f.text && !words[1].quoted {
			var refusal *engine.Refusal
			if given, n, refusal = p.rest(f, words); refusal != nil {
				return 0, refusal
			}
		}
	}
	given, refusal := p.check(f, strings.TrimSpace(given))
	if refusal != nil {
		return 0, refusal
	}
	if p.Flags == nil {
		p.Flags = map[string]string{}
	}
	p.Flags[name] = given
	return n, nil
}

// rest takes an unquoted text up to the next flag. A word in it that looks
// like an incident or a run could be meant as one, so that is refused.
func (p *parser) rest(f flag, words []word) (string, int, *engine.Refusal) {
	var text []string
	n := 1
	for ; n < len(words) && (words[n].quoted || !strings.HasPrefix(words[n].text, "--")); n++ {
		w := words[n]
		run, _, _ := strings.Cut(w.text, "/")
		if _, isIncident := incidentID(w.text); !w.quoted && (isIncident || runForm.MatchString(run)) {
			return "", 0, p.refuse(`%s after --%s could be part of the text or not; put the text in quotes, --%s "..."`, line(w.text, 40), f.name, f.name)
		}
		text = append(text, w.text)
	}
	return strings.Join(text, " "), n, nil
}

func (p *parser) check(f flag, given string) (string, *engine.Refusal) {
	switch {
	case f.value == "":
		return "", nil
	case given == "":
		return "", p.refuse("--%s needs a value (%s)", f.name, f.value)
	case f.text:
		return given, nil
	case f.name == "sev":
		given = strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(given), "sev"), "-")
	}
	if refusal := p.exact("the value of --"+f.name, given); refusal != nil {
		return "", refusal
	}
	if f.most > 0 {
		n, err := strconv.Atoi(given)
		if err != nil || n < 1 || n > f.most {
			return "", p.refuse("--%s is a whole number from 1 to %d, not %q", f.name, f.most, line(given, 40))
		}
		return strconv.Itoa(n), nil
	}
	if len(f.choice) > 0 {
		given = strings.ToLower(given)
		if !slices.Contains(f.choice, given) {
			return "", p.refuse("--%s is one of %s, not %q", f.name, strings.Join(f.choice, ", "), line(given, 40))
		}
	}
	return given, nil
}

func (p *parser) input(w word) *engine.Refusal {
	key, v := w.text[:w.eq], w.text[w.eq+1:]
	if !keyForm(key) {
		return p.refuse("%q is no name of an input", line(key, 40))
	}
	if refusal := p.exact("the value of "+key, v); refusal != nil {
		return refusal
	}
	if _, twice := p.Inputs[key]; twice {
		return p.refuse("input %s is given twice", key)
	}
	if len(p.Inputs) == MaxInputs {
		return p.refuse("more than %d inputs are given", MaxInputs)
	}
	if p.Inputs == nil {
		p.Inputs = map[string]string{}
	}
	p.Inputs[key] = v
	return nil
}

// exact refuses characters that nobody can see in words that decide what is
// acted on.
func (p *parser) exact(what, s string) *engine.Refusal {
	if len(s) > MaxValue {
		return p.refuse("%s has %d bytes and %d are taken", what, len(s), MaxValue)
	}
	if !clean(s) {
		return p.refuse("%s holds characters that cannot be seen: %s; type it by hand instead of pasting it", what, line(s, 80))
	}
	return nil
}

// finish sorts the plain words into incident, target and text.
func (p *parser) finish() *engine.Refusal {
	words := p.plain
	for n := 0; n < len(words); n++ { // an incident stands before the text, or after a quoted one
		id, ok := incidentID(words[n].text)
		free := p.entry.text != "" && n > p.targets()
		if !ok || words[n].quoted || free && !(n == len(words)-1 && words[n-1].quoted) {
			continue
		}
		if p.entry.scope == noIncident {
			if p.entry.text != "" {
				continue
			}
			return p.refuse("%q takes no incident", p.Verb)
		}
		if p.Incident != "" && p.Incident != id {
			return p.refuse("both %s and %s are named", p.Incident, id)
		}
		p.Incident = id
		words = slices.Delete(slices.Clone(words), n, n+1)
		n--
	}
	if p.Incident != "" && p.entry.scope == noIncident {
		return p.refuse("%q takes no incident", p.Verb)
	}
	if n := len(words); n > 0 && p.Incident == "" && p.entry.scope != noIncident && p.entry.text != "" && p.Verb != Note {
		if id, ok := incidentID(words[n-1].text); ok && !words[n-1].quoted {
			return p.refuse(`%s at the end could be the incident or part of the text; say %s %s "the text"`, id, p.Verb, id)
		}
	}
	if p.entry.target != noTarget {
		if len(words) == 0 {
			if p.entry.optional {
				return nil
			}
			return p.refuse("%q needs a %s", p.Verb, p.entry.target)
		}
		target := words[0].text
		if p.entry.target == verbSlot && len(words) > 1 && slices.Contains(families, strings.ToLower(target)) {
			target, words = target+" "+words[1].text, words[1:]
		}
		if refusal := p.takeTarget(target); refusal != nil {
			return refusal
		}
		words = words[1:]
	}
	if len(words) == 0 {
		return nil
	}
	if p.entry.text == "" {
		if p.entry.inputs {
			return p.refuse("%q is no input; inputs are written name=value", line(words[0].text, 40))
		}
		return p.refuse("%q is one word too many", line(words[0].text, 40))
	}
	var text []string
	for _, w := range words {
		text = append(text, w.text)
	}
	p.Text = strings.TrimSpace(strings.Join(text, " "))
	if len(p.Text) > engine.MaxText {
		return p.refuse("the %s has %d bytes and %d are taken", p.entry.text, len(p.Text), engine.MaxText)
	}
	if p.Verb == Declare && len(p.Text) > MaxTitle {
		return p.refuse("the title has %d bytes and %d are taken; put the rest into a note", len(p.Text), MaxTitle)
	}
	return nil
}

// targets is how many plain words come before the free text.
func (p *parser) targets() int {
	if p.entry.target != noTarget {
		return 1
	}
	return 0
}

func (p *parser) takeTarget(s string) *engine.Refusal {
	if refusal := p.exact("the "+string(p.entry.target), s); refusal != nil {
		return refusal
	}
	switch p.entry.target {
	case stepSlot:
		run, step, both := strings.Cut(s, "/")
		if !both {
			run, step = "", s
		}
		if both {
			m := runForm.FindStringSubmatch(run)
			if m == nil {
				return p.refuse("%q is no step; a step is written disable or R2/disable", line(s, 60))
			}
			p.Run = "R" + m[1]
		}
		if !stepForm.MatchString(step) {
			return p.refuse("%q is no step; a step is written disable or R2/disable", line(s, 60))
		}
		p.Target = step
	case runSlot:
		m := runForm.FindStringSubmatch(s)
		if m == nil {
			return p.refuse("%q is no run; runs are called R1, R2 and so on", line(s, 60))
		}
		p.Run = "R" + m[1]
	case verbSlot:
		e, ok := find(strings.ToLower(s))
		if !ok {
			return unknownVerb(s)
		}
		p.Target = string(e.verb)
	default:
		if !nameForm.MatchString(s) {
			return p.refuse("%q is no name of a %s", line(s, 60), p.entry.target)
		}
		p.Target = s
	}
	return nil
}

// String writes the command so that [Parse] reads back the same.
func (c Command) String() string {
	out := []string{string(c.Verb)}
	if c.Incident != "" {
		out = append(out, c.Incident)
	}
	switch {
	case c.Run != "" && c.Target != "":
		out = append(out, c.Run+"/"+c.Target)
	case c.Run != "":
		out = append(out, c.Run)
	case c.Target != "":
		out = append(out, c.Target)
	}
	for _, k := range slices.Sorted(maps.Keys(c.Inputs)) {
		out = append(out, k+"="+value(c.Inputs[k]))
	}
	e, _ := find(string(c.Verb))
	for _, k := range slices.Sorted(maps.Keys(c.Flags)) {
		if f, _ := e.flag(k); f.value == "" {
			out = append(out, "--"+k)
		} else {
			out = append(out, "--"+k+"="+value(c.Flags[k]))
		}
	}
	if c.Text != "" {
		out = append(out, quote(c.Text))
	}
	return strings.Join(out, " ")
}

// Imply names the incident in a line that is about one and names none; any other
// line, and one that is not understood, stays as it is. It is for a place where
// only one incident can be meant, such as a table at which an exercise is played.
func Imply(text, incident string) string {
	c, refusal := parse(text)
	if refusal != nil || c.Incident != "" || entryOf(c.Verb).scope == noIncident {
		return text
	}
	c.Incident = incident
	return c.String()
}
