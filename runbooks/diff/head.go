package diff

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func (c *comparison) owner(old, new runbooks.Owner) {
	c.fields("owner", old, new, map[string]func(){
		"team":     func() { c.text("owner.team", old.Team, new.Team, "the team that owns it") },
		"contact":  func() { c.text("owner.contact", old.Contact, new.Contact, "the contact of the owner") },
		"escalate": func() { c.text("owner.escalate", old.Escalate, new.Escalate, "whom the owner escalates to") },
	})
}

func (c *comparison) environments(old, new []string) {
	const field = "environments"
	before, after := strings.Join(old, ", "), strings.Join(new, ", ")
	more, less := missing(old, new), missing(new, old)
	switch {
	case len(new) == 0:
		c.add(Weaker, field, before, after, "it may run in every environment, not only in %s", before)
	case len(old) == 0:
		c.add(Breaking, field, before, after, "it runs only in %s, not in every environment any more", after)
	default:
		if len(more) > 0 {
			c.add(Weaker, field, before, after, "it may run in %s, too", strings.Join(more, ", "))
		}
		if len(less) > 0 {
			c.add(Breaking, field, before, after, "it does not run in %s any more", strings.Join(less, ", "))
		}
	}
}

// missing gives what of list is not in base.
func missing(base, list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(base, s) {
			out = append(out, s)
		}
	}
	return out
}

func (c *comparison) budget(old, new runbooks.Span) {
	before, after := runbooks.SpanText(old), runbooks.SpanText(new)
	switch {
	case old == 0:
		c.add(Stronger, "budget", "", after, "containment has to fit in %s", after)
	case new == 0:
		c.add(Weaker, "budget", before, "", "the budget of %s is gone", before)
	case new > old:
		c.add(Weaker, "budget", before, after, "containment may take %s, not %s", after, before)
	default:
		c.add(Stronger, "budget", before, after, "containment has to fit in %s, not %s", after, before)
	}
}

func (c *comparison) review(old, new string) {
	switch {
	case new == "":
		c.add(Weaker, "review_by", old, new, "nobody has to review it any more; it was %s", old)
	case old == "":
		c.add(Stronger, "review_by", old, new, "it has to be reviewed by %s", new)
	default:
		c.add(Neutral, "review_by", old, new, "it has to be reviewed by %s, not %s", new, old)
	}
}

func (c *comparison) outputs(old, new []runbooks.Output) {
	name := func(o runbooks.Output) string { return o.Name }
	for _, p := range pairs(old, new, name) {
		field := join("outputs", p.key)
		switch {
		case p.new == nil:
			c.add(Breaking, field, source(p.old.Value), "", "the output %q is gone", p.key)
		case p.old == nil:
			c.add(Neutral, field, "", source(p.new.Value), "the output %q is new", p.key)
		default:
			c.fields(field, *p.old, *p.new, map[string]func(){
				"field": func() {
					before, after := string(p.old.Field.Kind), string(p.new.Field.Kind)
					if before == after { // deeper inside
						before, after = meaning(p.old.Field), meaning(p.new.Field)
					}
					c.add(Breaking, join(field, "type"), before, after, "the output %q is %s, not %s any more", p.key, after, before)
				},
				"value": func() {
					before, after := source(p.old.Value), source(p.new.Value)
					c.add(Neutral, join(field, "value"), before, after, "the output %q is %q, not %q", p.key, after, before)
				},
			})
		}
	}
	order(c, "outputs", "the output", old, new, name)
}

func (c *comparison) waivers(old, new []runbooks.Waiver) {
	name := func(w runbooks.Waiver) string { return join(w.Step, w.Rule) }
	for _, p := range pairs(old, new, name) {
		field := join("waivers", p.key)
		switch {
		case p.new == nil:
			c.add(Stronger, field, p.old.Expires, "", "the waiver of %s for %s is gone", p.old.Rule, whole(p.old.Step))
		case p.old == nil:
			c.add(Weaker, field, "", p.new.Expires, "%s is waived for %s until %s: %s", p.new.Rule, whole(p.new.Step), p.new.Expires, brief(p.new.Reason))
		default:
			c.fields(field, *p.old, *p.new, map[string]func(){
				"expires": func() {
					weight, word := Stronger, "earlier"
					if p.new.Expires > p.old.Expires {
						weight, word = Weaker, "later"
					}
					c.add(weight, join(field, "expires"), p.old.Expires, p.new.Expires, "the waiver of %s for %s ends %s: %s, not %s", p.new.Rule, whole(p.new.Step), word, p.new.Expires, p.old.Expires)
				},
				"reason": func() {
					c.text(join(field, "reason"), p.old.Reason, p.new.Reason, "the reason of the waiver of "+p.new.Rule)
				},
				"owner": func() {
					c.text(join(field, "owner"), p.old.Owner, p.new.Owner, "the owner of the waiver of "+p.new.Rule)
				},
			})
		}
	}
	order(c, "waivers", "the waiver", old, new, name)
}

func whole(step string) string {
	if step == "" {
		return "the whole runbook"
	}
	return fmt.Sprintf("step %q", step)
}

// pair is an entry of two lists that has the same key in both; nil where one
// has none.
type pair[T any] struct {
	key      string
	old, new *T
}

// pairs matches two lists, in the order of the new one, with what is gone
// behind. Of two entries with one key the second meets the second.
func pairs[T any](old, new []T, key func(T) string) []pair[T] {
	var out []pair[T]
	taken := make([]bool, len(old))
	for i := range new {
		p := pair[T]{key: key(new[i]), new: &new[i]}
		for j := range old {
			if !taken[j] && key(old[j]) == p.key {
				taken[j], p.old = true, &old[j]
				break
			}
		}
		out = append(out, p)
	}
	for j := range old {
		if !taken[j] {
			out = append(out, pair[T]{key: key(old[j]), old: &old[j]})
		}
	}
	return out
}

// order tells which entries stand at another place.
func order[T any](c *comparison, field, what string, old, new []T, key func(T) string) {
	for _, k := range moved(old, new, key) {
		c.add(Neutral, join(field, k), "", "", "%s %q stands at another place", what, k)
	}
}

// moved gives the entries of both lists that stand in another order.
func moved[T any](old, new []T, key func(T) string) []string {
	var before, after []string
	for _, p := range pairs(old, new, key) {
		if p.old != nil && p.new != nil {
			after = append(after, p.key)
		}
	}
	for i := range old {
		if slices.Contains(after, key(old[i])) && len(before) < len(after) {
			before = append(before, key(old[i]))
		}
	}
	if slices.Equal(before, after) {
		return nil
	}
	stay := longest(before, after)
	var out []string
	for _, k := range after {
		if !slices.Contains(stay, k) {
			out = append(out, k)
		}
	}
	return out
}

// longest is the longest run of entries that keep their order.
func longest(before, after []string) []string {
	place := make(map[string]int, len(before))
	for i, k := range before {
		place[k] = i
	}
	best, from, end := make([]int, len(after)), make([]int, len(after)), -1
	for i, k := range after {
		best[i], from[i] = 1, -1
		for j := range i {
			if place[after[j]] < place[k] && best[j]+1 > best[i] {
				best[i], from[i] = best[j]+1, j
			}
		}
		if end < 0 || best[i] > best[end] {
			end = i
		}
	}
	var out []string
	for i := end; i >= 0; i = from[i] {
		out = append(out, after[i])
	}
	return out
}

func source(e *runbooks.Expression) string {
	if e == nil {
		return ""
	}
	return e.Source
}
