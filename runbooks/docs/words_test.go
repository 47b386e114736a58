package docs

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever an author writes: as text it opens no tag, no cell, no code, no link
// and calls nobody, and as code it stays in its span.
func TestAnyText(t *testing.T) {
	escaped := regexp.MustCompile(`\\[[:punct:]]|&#?[a-z0-9]+;|<!-- -->`)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching("[`|<>&@#*_~$\\[\\]\\\\(){} a1.:/-]{0,40}")).Draw(t, "text")
		if bare := escaped.ReplaceAllString(text(s), " "); strings.ContainsAny(bare, "|<>&`*_[]~$\\\n{") {
			t.Fatalf("%q: %q is left", s, bare)
		}
		if regexp.MustCompile(`[@#][A-Za-z0-9]`).MatchString(regexp.MustCompile("&#?[a-z0-9]+;").ReplaceAllString(text(s), " ")) {
			t.Fatalf("%q calls somebody: %q", s, text(s))
		}
		span := code(s)
		fence := span[:len(span)-len(strings.TrimLeft(span, "`"))]
		if inside := strings.TrimSuffix(strings.TrimPrefix(span, fence), fence); fence != "" && (strings.Contains(inside, fence) || strings.Contains(inside, "\n")) {
			t.Fatalf("%q: the code %q ends early", s, span)
		}
	})
}

func TestCondition(t *testing.T) {
	for _, tt := range []struct{ source, want string }{
		{`steps.owner.outputs.status == "Active"`, `the status of the step owner is Active`},
		{`steps.post.status != "done"`, `the step post is not done`},
		{`inputs.force`, `the input force is true`},
		{`!inputs.force`, `the input force is false`},
		{`inputs.count >= 3 && incident.severity < 2`, `the input count is at least 3 and the severity of the incident is less than 2`},
		{`steps.a.status == "done" || steps.b.outputs.last_used == ""`, `the step a is done or the last used of the step b is empty`},
		{`inputs.a == "x && y"`, ``}, // what is quoted is not taken apart
		{`!inputs.a == "x"`, ``},
		{`any(inputs.list, # == "a")`, ``},
		{`inputs.a == "b" && (inputs.c || inputs.d)`, ``},
		{`inputs.a && inputs.b || inputs.c`, ``},
		{`inputs.a == "<b>"`, `the input a is &lt;b&gt;`},
	} {
		if got := condition(tt.source); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.source, got, tt.want)
		}
	}
}

func TestCode(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"plain", "`plain`"}, {"a`b", "``a`b``"}, {"`a", "`` `a ``"}, {"a``b`", "``` a``b` ```"}, {"", "(nothing)"}, {"two\nlines", "`two lines`"},
	} {
		if got := code(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}
