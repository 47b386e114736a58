package runbooks

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// At is a value of the file and where it stands. The zero At was not written,
// or was not usable; then the parser has said so.
type At[T any] struct {
	Value T
	Pos   Pos
}

// Set says whether there is a value.
func (a At[T]) Set() bool { return a.Pos.Line > 0 }

// key is one key that a map may hold.
type key struct {
	name     string
	required bool
	read     func(n *node)
}

// object reads a map key by key. Unknown, missing and empty keys are faults.
func (s *source) object(n *node, what string, keys ...key) {
	known := make([]string, len(keys))
	for i, k := range keys {
		known[i] = k.name
	}
	if n.kind != mapNode {
		s.fail(n.pos, "wrong-type", "its keys: "+strings.Join(known, ", "), "%s must be a map of keys and values, not %s", what, n.shown())
		return
	}
	seen := map[string]bool{}
	for _, p := range n.pairs {
		if s.full() {
			return
		}
		i := slices.Index(known, p.key.text)
		if i < 0 {
			hint := didYouMean(p.key.text, known)
			if hint == "" {
				hint = "known: " + strings.Join(known, ", ")
			}
			s.fail(p.key.pos, "unknown-key", hint, "the key %q is not known in %s", p.key.text, what)
			continue
		}
		seen[p.key.text] = true
		if p.value.bad {
			continue
		}
		if p.value.empty() {
			s.fail(p.key.pos, "missing", "give it a value, or leave the key out", "the key %q has no value", p.key.text)
			continue
		}
		keys[i].read(p.value)
	}
	for _, k := range keys {
		if k.required && !seen[k.name] {
			s.fail(n.pos, "missing", "", "%s has no %q", what, k.name)
		}
	}
}

// shown is a node in a few words.
func (n *node) shown() string {
	if n.kind == scalarNode {
		if n.empty() {
			return "nothing"
		}
		return word(n.text)
	}
	return n.kind.String()
}

// scalarIn makes sure of a single value.
func (s *source) scalarIn(n *node, what string) bool {
	if n.kind != scalarNode || n.empty() {
		s.fail(n.pos, "wrong-type", "", "%s, not %s", what, n.shown())
		return false
	}
	return true
}

// text reads a text that is taken as it is written.
func (s *source) text(into *At[string]) func(*node) {
	return func(n *node) {
		if !s.scalarIn(n, "this must be a text") {
			return
		}
		if strings.Contains(n.text, "${{") {
			s.fail(s.inside(n, "${{", 0, "", 0), "value", "expressions work in if, with and manual", "${{ }} is not filled in here")
			return
		}
		if strings.TrimSpace(n.text) == "" {
			s.fail(n.pos, "value", "", "this text is empty")
			return
		}
		*into = At[string]{strings.TrimSpace(n.text), n.pos}
	}
}

// form is a kind of word, with the form it must have.
type form struct {
	pattern *regexp.Regexp
	say     string
}

func matching(pattern, say string) form {
	return form{regexp.MustCompile(`\A(?:` + pattern + `)\z`), say}
}

// word reads a text of a form.
func (s *source) word(into *At[string], f form) func(*node) {
	return func(n *node) {
		var t At[string]
		s.text(&t)(n)
		if !t.Set() {
			return
		}
		if !f.pattern.MatchString(t.Value) {
			s.fail(n.pos, "value", f.say, "%s is not allowed here", word(t.Value))
			return
		}
		*into = t
	}
}

// oneOf reads one of some words.
func (s *source) oneOf(into *At[string], words ...string) func(*node) {
	return func(n *node) {
		if !s.scalarIn(n, "this must be one of "+strings.Join(words, ", ")) {
			return
		}
		if !slices.Contains(words, n.text) {
			hint := didYouMean(n.text, words)
			s.fail(n.pos, "value", hint, "%s is not one of %s", word(n.text), strings.Join(words, ", "))
			return
		}
		*into = At[string]{n.text, n.pos}
	}
}

// words reads a list of texts of a form, each once.
func (s *source) words(into *[]At[string], set *bool, f form) func(*node) {
	return func(n *node) {
		if n.kind != listNode {
			s.fail(n.pos, "wrong-type", "write it in brackets: [one, two]", "this must be a list, not %s", n.shown())
			return
		}
		*set = true
		if len(n.items) > maxWords {
			s.fail(n.items[maxWords].pos, "size", "", "there are %d words; at most %d are allowed", len(n.items), maxWords)
			return
		}
		for _, item := range n.items {
			var one At[string]
			s.word(&one, f)(item)
			if !one.Set() {
				continue
			}
			if slices.ContainsFunc(*into, func(a At[string]) bool { return a.Value == one.Value }) {
				s.fail(item.pos, "value", "", "%s is there twice", word(one.Value))
				continue
			}
			*into = append(*into, one)
		}
	}
}

// people reads a list of groups and persons with somebody in it.
func (s *source) people(into *[]At[string]) func(*node) {
	return func(n *node) {
		if n.kind == listNode && len(n.items) == 0 {
			s.fail(n.pos, "missing", principal.say, "this names nobody")
			return
		}
		var set bool
		s.words(into, &set, principal)(n)
	}
}

var wholeNumber = regexp.MustCompile(`\A-?(0|[1-9][0-9]{0,17})\z`)

// number reads a whole number without quotes.
func (n *node) number() (int64, bool) {
	if n.kind != scalarNode || !n.plain || !wholeNumber.MatchString(n.text) {
		return 0, false
	}
	v, err := strconv.ParseInt(n.text, 10, 64)
	return v, err == nil
}

// boolean reads true or false without quotes.
func (n *node) boolean() (value, ok bool) {
	return n.text == "true", n.kind == scalarNode && n.plain && (n.text == "true" || n.text == "false")
}

// count reads a whole number within bounds.
func (s *source) count(into *At[int], least, most int) func(*node) {
	return func(n *node) {
		v, ok := n.number()
		if !ok {
			s.fail(n.pos, "wrong-type", "write it without quotes and without leading zeros", "this must be a whole number, not %s", n.shown())
			return
		}
		if v < int64(least) || v > int64(most) {
			s.fail(n.pos, "value", "", "%d is not between %d and %d", v, least, most)
			return
		}
		*into = At[int]{int(v), n.pos}
	}
}

// span reads a duration above zero.
func (s *source) span(into *At[Span], most time.Duration) func(*node) {
	return func(n *node) {
		if !s.scalarIn(n, `this must be a duration such as "90s" or "15m"`) {
			return
		}
		d, err := time.ParseDuration(n.text)
		switch {
		case err != nil:
			hint := `write a number and a unit: "90s", "15m", "2h"`
			if days, cut := strings.CutSuffix(n.text, "d"); cut {
				if count, err := strconv.Atoi(days); err == nil && count > 0 && count < 1000 {
					hint = fmt.Sprintf("write days as hours: %dh", 24*count)
				}
			}
			s.fail(n.pos, "wrong-type", hint, "%s is not a duration", word(n.text))
		case d <= 0:
			s.fail(n.pos, "value", "", "a duration must be more than zero")
		case d > most:
			s.fail(n.pos, "value", "", "%s is more than %s, the most that is allowed here", n.text, SpanText(Span(most)))
		default:
			*into = At[Span]{Span(d), n.pos}
		}
	}
}

// date reads a day such as 2027-01-31.
func (s *source) date(into *At[string]) func(*node) {
	return func(n *node) {
		if !s.scalarIn(n, "this must be a day such as 2027-01-31") {
			return
		}
		if _, err := time.Parse(time.DateOnly, n.text); err != nil {
			s.fail(n.pos, "wrong-type", "write it like 2027-01-31", "%s is not a day", word(n.text))
			return
		}
		*into = At[string]{n.text, n.pos}
	}
}

// SpanText is a duration as an author would write it: 15m, not 15m0s.
func SpanText(s Span) string {
	text := time.Duration(s).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
