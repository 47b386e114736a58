package docs

import "testing"

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
