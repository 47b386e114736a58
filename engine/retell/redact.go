package retell

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Redactor puts stand-ins in place of what a record says about a house: the
// same for the same text, and of the same form, so that types and patterns
// still fit and what was equal stays equal.
type Redactor struct {
	names  map[string]string // original to stand-in
	taken  map[string]bool
	counts map[string]int
	keep   map[string]bool // words that the runbook itself names
	groups map[string]bool // groups that the runbook itself names
	shift  time.Duration   // of times, so that their distance to the run stays
	people map[string]string
}

// Keeps says whether a word stands in the runbook itself, and so stays.
func (r *Redactor) Keeps(word string) bool { return r.keep[word] }

var (
	quotedWord = regexp.MustCompile(`"([^"\\]*)"|'([^'\\]*)'`)
	principals = regexp.MustCompile(`\b(group|person):([A-Za-z0-9][A-Za-z0-9._@-]*)`)
)

// NewRedactor keeps what stands in the runbook: the words its expressions
// compare with, its groups and its people.
func NewRedactor(p *runbooks.Program, encoded []byte, started time.Time) *Redactor {
	r := &Redactor{names: map[string]string{}, taken: map[string]bool{}, counts: map[string]int{}, keep: map[string]bool{"": true}, groups: map[string]bool{}, people: map[string]string{}, shift: sim.Dawn().Sub(started)}
	for _, s := range p.Deep() {
		for e := range s.Expressions() {
			for _, m := range quotedWord.FindAllStringSubmatch(e.Source, -1) {
				r.keep[m[1]+m[2]] = true
			}
		}
	}
	for _, m := range principals.FindAllStringSubmatch(string(encoded), -1) {
		if m[1] == "group" {
			r.groups[m[2]] = true
		} else {
			r.people[m[2]] = m[2]
		}
	}
	return r
}

// Person gives the name of a person in the record: a, b, c.
func (r *Redactor) Person(id string) string {
	if name, ok := r.people[id]; ok {
		return name
	}
	for {
		n := r.counts["person"]
		r.counts["person"]++
		name := string(rune('a' + n%26))
		if n >= 26 {
			name = fmt.Sprintf("%s%d", name, n/26)
		}
		if !slices.Contains(slices.Collect(maps.Values(r.people)), name) {
			r.people[id] = name
			return name
		}
	}
}

// Group gives the name of a group.
func (r *Redactor) Group(name string) string {
	if r.groups[name] {
		return name
	}
	return r.standIn("group/"+name, func(n int) string { return fmt.Sprintf("group-%d", n) })
}

// From gives a group or a person of an approval.
func (r *Redactor) From(list []string) []string {
	var out []string
	for _, f := range list {
		kind, name, _ := strings.Cut(f, ":")
		if kind == "person" {
			out = append(out, "person:"+r.Person(name))
		} else {
			out = append(out, "group:"+r.Group(name))
		}
	}
	return out
}

// Target gives a target with stand-ins.
func (r *Redactor) Target(t actions.Target) actions.Target {
	return actions.Target{Type: t.Type, ID: r.Text(t.ID), Account: r.Text(t.Account), Region: t.Region}
}

// Value gives a value of a declared type with stand-ins.
func (r *Redactor) Value(v any, f actions.Field) any {
	switch v := v.(type) {
	case string:
		return r.ofField(v, f)
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = r.Value(one, element(f))
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if f.Kind == actions.Object {
				i := slices.IndexFunc(f.Fields, func(of actions.Field) bool { return of.Name == k })
				if i >= 0 {
					out[k] = r.Value(v[k], f.Fields[i])
				}
				continue // a Member that nobody declares is not known to be harmless
			}
			out[strings.ReplaceAll(r.Text(k), " ", "-")] = r.Value(v[k], element(f)) // the journal has no names with spaces
		}
		return out
	}
	return v
}

func element(f actions.Field) actions.Field {
	if f.Elem == nil {
		return actions.Field{}
	}
	return *f.Elem
}

func (r *Redactor) ofField(s string, f actions.Field) string {
	switch {
	case f.Kind == actions.Duration || slices.Contains(f.Enum, s):
		return s
	case f.Kind == actions.Time:
		return r.time(s)
	}
	out := r.Text(s)
	if f.Pattern == "" {
		return out
	}
	pattern, err := regexp.Compile(f.Pattern)
	switch {
	case err != nil || pattern.MatchString(out):
		return out
	case f.Example != "":
		return f.Example
	}
	for _, keep := range []int{0, strings.IndexByte(s, '-') + 1} {
		form := func(n int) string { return s[:keep] + shaped(s[keep:], n) }
		if form(1) == form(2) {
			return s // of signs alone, which tell nothing
		}
		if pattern.MatchString(form(1)) {
			delete(r.names, s) // from here on it stands for the text
			return r.standIn(s, form)
		}
	}
	return out
}

// shaped gives a text of the same shape: a digit for a digit, a letter for a
// letter, and one that is a hex digit for one that may be.
func shaped(s string, n int) string {
	digits := []rune(fmt.Sprintf("%032x", n))
	at := len(digits)
	text := []rune(s)
	for i, c := range slices.Backward(text) {
		digit := '0'
		if at > 0 && (c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			at--
			digit = digits[at]
		}
		number := digit - '0'
		if digit >= 'a' {
			number = digit - 'a' + 1
		}
		switch {
		case c >= '0' && c <= '9':
			text[i] = '0' + number
		case c >= 'a' && c <= 'z':
			text[i] = 'a' + number%6
		case c >= 'A' && c <= 'Z':
			text[i] = 'A' + number%6
		}
	}
	return string(text)
}

// time moves a time by as much as the start of the run is moved.
func (r *Redactor) time(s string) string {
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return r.Text(s)
	}
	if at.Year() < 1990 { // nothing, such as the zero time
		return s
	}
	return at.Add(r.shift).UTC().Truncate(time.Second).Format(time.RFC3339)
}

// maxTries is how long a stand-in is looked for that stands for nothing else;
// of some forms, such as large networks, there are few.
const maxTries = 1000

// standIn remembers what stands for a text.
func (r *Redactor) standIn(s string, make func(n int) string) string {
	if name, ok := r.names[s]; ok {
		return name
	}
	kind := make(0)
	for try := 0; ; try++ {
		r.counts[kind]++
		name := make(r.counts[kind])
		_, original := r.names[name]
		if free := !original && !r.taken[name]; name != s && (free || try > maxTries) {
			r.names[s], r.taken[name] = name, true
			return name
		}
	}
}
