package runbooks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// rulesOf loads a text and lists the rules it breaks, each once.
func rulesOf(src string) (*runbooks.Program, string) {
	p, found := runbooks.Load("test.yaml", []byte(src), runbookstest.Catalog())
	var rules []string
	for _, d := range found {
		if len(rules) == 0 || rules[len(rules)-1] != d.Rule {
			rules = append(rules, d.Rule)
		}
	}
	return p, strings.Join(rules, " ")
}

// Work is bounded by sizes: each limit is kept at its value and refused above.
func TestSizes(t *testing.T) {
	comment := func(n int) string {
		src := head + "  - {id: a, uses: test.nothing}\n#"
		return src + strings.Repeat("x", n-len(src))
	}
	steps := func(n int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			fmt.Fprintf(&b, "  - {id: s%d, uses: test.nothing}\n", i)
		}
		return b.String()
	}
	inputs := func(n int) string {
		var b strings.Builder
		b.WriteString(strings.TrimSuffix(head, "steps:\n") + "inputs:\n")
		for i := range n {
			fmt.Fprintf(&b, "  i%d: {type: string}\n", i)
		}
		return b.String() + "steps:\n  - {id: a, uses: test.nothing}\n"
	}
	expressions := func(n int) string {
		return head + "  - id: a\n    uses: test.types\n    with: {names: [" + strings.Repeat(`"${{ run }}", `, n) + "]}\n"
	}
	nested := func(n int) string { // three levels are above it
		return head + "  - {id: a, uses: test.types, with: {labels: {a: " + strings.Repeat("[", n) + strings.Repeat("]", n) + "}}}\n"
	}
	numbered := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	const waiver = "  - {rule: r%d, reason: because it is so, owner: group:a, expires: 2027-01-31}\n"
	input := func(of string) string {
		return strings.TrimSuffix(head, "steps:\n") + "inputs:\n  i: {type: string, " + of + "}\nsteps:\n  - {id: a, uses: test.nothing}\n"
	}
	for _, tt := range []struct{ name, fits, exceeds, rule string }{
		{"bytes", comment(1 << 20), comment(1<<20 + 1), "size"},
		{"steps", steps(500), steps(501), "size"},
		{"inputs", inputs(100), inputs(101), "size"},
		{"expressions", expressions(1000), expressions(1001), "size"},
		{"steps with those of on_cancel", steps(400) + "on_cancel:\n" + numbered("  - {id: c%d, wait: 5m}\n", 100), steps(400) + "on_cancel:\n" + numbered("  - {id: c%d, wait: 5m}\n", 101), "size"},
		{"outputs", steps(1) + "outputs:\n" + numbered("  o%d: run\n", 100), steps(1) + "outputs:\n" + numbered("  o%d: run\n", 101), "size"},
		{"waivers", steps(1) + "waivers:\n" + numbered(waiver, 100), steps(1) + "waivers:\n" + numbered(waiver, 101), "size"},
		{"enum", input("enum: [" + numbered("w%d, ", 100) + "]"), input("enum: [" + numbered("w%d, ", 101) + "]"), "size"},
		{"words", head + "  - {id: a, uses: test.types, approval: {from: [" + numbered("'group:g%d', ", 500) + "]}}\n", head + "  - {id: a, uses: test.types, approval: {from: [" + numbered("'group:g%d', ", 501) + "]}}\n", "size"},
		{"values", head + "  - {id: a, uses: test.types, with: {names: [" + strings.Repeat("a, ", 19_980) + "]}}\n", head + "  - {id: a, uses: test.types, with: {names: [" + strings.Repeat("a, ", 20_000) + "]}}\n", "size"},
		{"a pattern", input("pattern: 'x{990}y{990}z{990}w{990}'"), input("pattern: 'x{999}y{999}z{999}w{999}abcde'"), "size"},
		{"a pattern inside itself", input("pattern: '(x{30}){30}'"), input("pattern: '((x{10}){10}){10}x{1000}x{1000}x{1000}'"), "size"},
		{"a pattern of a large class", input("pattern: '\\pL{10}'"), input("pattern: '\\pL{900}'"), "size"},
	} {
		if p, rules := rulesOf(tt.fits); p == nil {
			t.Errorf("%s at the limit: %s", tt.name, rules)
		}
		if p, rules := rulesOf(tt.exceeds); p != nil || rules != tt.rule {
			t.Errorf("%s above the limit: %s", tt.name, rules)
		}
	}
	if _, rules := rulesOf(nested(27)); strings.Contains(rules, "depth") {
		t.Errorf("depth 32: %s", rules)
	}
	if _, rules := rulesOf(nested(28)); !strings.Contains(rules, "depth") {
		t.Errorf("depth 33: %s", rules)
	}
}

// Files that were made to hurt are refused with a place, and briefly.
func TestBombs(t *testing.T) {
	mega := 1<<20 - 400
	for name, src := range map[string]string{
		"a gigabyte of dots":   strings.Repeat(".", 2<<20),
		"open brackets":        head + strings.Repeat("[", mega),
		"open braces":          head + strings.Repeat("{", mega),
		"nested dashes":        head + strings.Repeat("- ", mega/2),
		"question marks":       head + strings.Repeat("? ", mega/2),
		"unknown keys":         head + strings.Repeat("a: b\n", mega/5),
		"different keys":       head + manyKeys(mega),
		"not closed":           head + strings.Repeat("  - '${{\n", mega/9),
		"braces in text":       head + "  - id: a\n    uses: slack.post\n    with: {text: '" + strings.Repeat("${{x}}", mega/6-20) + "'}\n",
		"bad values":           head + "  - id: a\n    uses: test.types\n    with: {names: [" + strings.Repeat("[],", mega/3-40) + "]}\n",
		"anchors":              head + strings.Repeat("  - &a x\n", mega/9),
		"aliases":              "a: &a [1]\n" + head + strings.Repeat("  - *a\n", mega/7),
		"tags":                 head + strings.Repeat("  - !x y\n", mega/9),
		"documents":            strings.Repeat("---\na\n", mega/6),
		"control characters":   strings.Repeat("\x01", mega),
		"escaped expressions":  head + "  - id: a\n    uses: test.types\n    with: {names: [" + strings.Repeat(`"\x24{{ run.x }}",`, 2500) + "]}\n",
		"comments":             strings.Repeat("#\n", mega/2),
		"one very long line":   `{"apiVersion": "firebreak/v1", "kind": "Runbook", "id": "x", "title": "é", "steps": [{"id": "a", "uses": "test.types", "with": {"names": [` + strings.Repeat(`"é `+strings.Repeat("x", 400)+`${{ run.x }}",`, 2400) + `]}}]}`,
		"one very long step":   head + "  - id: " + strings.Repeat("a", mega-100) + "\n    uses: test.nothing\n",
		"needs of everything":  head + everythingNeedsEverything(),
		"words like an action": head + strings.Repeat("  - {id: a, uses: aws.iam.lookup_access_keyy}\n", 500),
	} {
		p, found := runbooks.Load("test.yaml", []byte(src), runbookstest.Catalog())
		if p != nil || len(found) == 0 {
			t.Errorf("%s is accepted", name)
			continue
		}
		if len(found) > 402 {
			t.Errorf("%s: %d diagnostics", name, len(found))
		}
		var out strings.Builder
		if err := found.WriteText(&out, map[string][]byte{"test.yaml": []byte(src)}); err != nil || out.Len() > 1<<20 {
			t.Errorf("%s: %d bytes are shown, %v", name, out.Len(), err)
		}
		if found[0].Pos.Line < 1 || found[0].Pos.Col < 1 {
			t.Errorf("%s: %+v has no place", name, found[0])
		}
	}
}

func manyKeys(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "key%d: b\n", i)
	}
	return b.String()
}

// everythingNeedsEverything is 200 steps of which each waits for all others.
func everythingNeedsEverything() string {
	var ids []string
	for i := range 200 {
		ids = append(ids, fmt.Sprintf("s%d", i))
	}
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, "  - {id: %s, uses: test.nothing, needs: [%s]}\n", id, strings.Join(ids, ", "))
	}
	return b.String()
}

// YAML's own ideas of types never change a value.
func TestScalarsAreText(t *testing.T) {
	for _, text := range []string{"yes", "no", "on", "off", "y", "010", "0o10", "0x1F", "1.10", "1e3", ".inf", ".nan", "2026-11-22", "2026-11-22T04:50:24Z", "12:30:45", "1_000", "+5", "true", "True", "=", "0b1"} {
		p := compile(t, head+"  - id: a\n    uses: slack.post\n    with: {text: "+text+"}\n")
		step, _ := p.Step("a")
		got, err := step.With.Resolve(runbooks.Env{})
		if err != nil || got.(map[string]any)["text"] != text {
			t.Errorf("%s became %v, %v", text, got, err)
		}
	}
}

// Names that mean something to the expression language are ordinary ids.
func TestWordsAsNames(t *testing.T) {
	for _, id := range []string{"in", "not", "and", "or", "let", "if", "else", "true", "false", "nil", "matches", "contains", "all", "len", "steps", "status", "outputs", "now"} {
		src := strings.TrimSuffix(head, "steps:\n") + "inputs:\n  " + id + ": {type: string}\nsteps:\n  - {id: " + id + ", uses: test.types}\n" +
			"  - {id: z, uses: slack.post, with: {text: '${{ steps." + id + ".outputs.text }} ${{ inputs." + id + " + steps." + id + ".status }}'}}\n"
		p, found := runbooks.Load("test.yaml", []byte(src), runbookstest.Catalog())
		if p == nil {
			t.Errorf("%s: %v", id, found)
		}
	}
}
