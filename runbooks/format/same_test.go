package format

import (
	"strings"
	"testing"
)

// The last look before a text is given back: it sees every kind of harm.
func TestSameSeesHarm(t *testing.T) {
	const src = "# head\napiVersion: firebreak/v1\nkind: Runbook\ntext: |\n  a\n\n  b\nquoted: \"010\" # why\nlist: [a, {b: c}]\n# end\n"
	for _, tt := range []struct{ name, from, to, want string }{
		{"nothing", "", "", ""},
		{"keys in another order", "apiVersion: firebreak/v1\nkind: Runbook\n", "kind: Runbook\napiVersion: firebreak/v1\n", ""},
		{"another layout", "[a, {b: c}]", "\n  - a\n  - b: c", ""},
		{"a comment elsewhere", "# head\n", "# end\n", "comments"},
		{"another text", "a\n\n  b", "a\n  b", "meaning"},
		{"no line break at the end of a text", "|\n", "|-\n", "meaning"},
		{"no quotes", `"010"`, "010", "meaning"},
		{"a key with quotes", "list:", `"list":`, "meaning"},
		{"an item less", "[a, {b: c}]", "[a]", "meaning"},
		{"a key less", "{b: c}", "{}", "meaning"},
		{"another key", "{b: c}", "{d: c}", "meaning"},
		{"items in another order", "[a, {b: c}]", "[{b: c}, a]", "meaning"},
		{"a comment less", " # why", "", "comments"},
		{"another comment", "# why", "# how", "comments"},
		{"a comment twice", "# end\n", "# end\n# end\n", "comments"},
		{"a comment in a text", "a\n\n", "a\n  # more\n", "meaning"},
		{"no YAML", "[a, {b: c}]", "[a, {b: c}", "harm"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, err := read([]byte(src))
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Replace(src, tt.from, tt.to, 1)
			if tt.from != "" && changed == src {
				t.Fatal("nothing was changed")
			}
			err = same(before, []byte(changed))
			switch {
			case (err == nil) != (tt.want == ""):
				t.Errorf("got %v, want %q", err, tt.want)
			case err != nil && !strings.Contains(err.Error(), tt.want):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
