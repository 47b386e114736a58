package runbooks_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Every list of a scenario has an end; as many as are allowed are allowed.
func TestScenarioLimits(t *testing.T) {
	src, err := os.ReadFile("testdata/scenario/ok/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text, p := string(src), scenarioBook(t)
	for name, one := range map[string]struct {
		most         int
		before, item string // item holds %d
		place        string // of the small scenario, in which the list stands instead
	}{
		"injects":      {200, "injects:\n", "  - {id: i%d, hand: true, to: channel, say: S}\n", text[strings.Index(text, "injects:"):strings.Index(text, "end:")]},
		"objectives":   {50, "objectives:\n", "  - {id: o%d, text: T}\n", text[strings.Index(text, "objectives:"):strings.Index(text, "people:")]},
		"expectations": {50, "injects:\n  - id: i\n    hand: true\n    to: channel\n    say: S\n    expect:\n", "      - {verb: note, text: T%d, within: 1m}\n", text[strings.Index(text, "injects:"):strings.Index(text, "end:")]},
		"clocks":       {50, "clocks:\n", "  - {id: c%d, text: T, within: 1h, note: n}\n", ""},
		"forbidden":    {100, "forbidden:\n", "  - {verb: skip, why: W%d}\n", ""},
		"script":       {1000, "script:\n", "  - {by: ann, at: 1m, type: L%d}\n", ""},
		"facts":        {100, "facts:\n", "  f%d: a\n", ""},
	} {
		write := func(n int) []byte {
			var b strings.Builder
			b.WriteString(one.before)
			for i := range n {
				b.WriteString(strings.ReplaceAll(one.item, "%d", fmt.Sprint(i)))
			}
			list := b.String()
			if one.place == "" {
				return []byte(text + list)
			}
			return []byte(strings.Replace(text, one.place, list, 1))
		}
		if s, found := checkScenario("a.yaml", write(one.most), p); s == nil {
			t.Errorf("%d %s: %v", one.most, name, found)
		}
		_, found := checkScenario("a.yaml", write(one.most+1), p)
		if len(found) != 1 || found[0].Rule != "size" {
			t.Errorf("%d %s: %v", one.most+1, name, found)
		}
	}
}

// A scenario holds up to 1,000 expressions, as a runbook does.
func TestScenarioExpressionsAreCounted(t *testing.T) {
	src, err := os.ReadFile("testdata/scenario/ok/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write := func(n int) []byte { // the small one has one of its own
		var b strings.Builder
		b.Write(src)
		b.WriteString("script:\n")
		for i := range n - 1 {
			fmt.Fprintf(&b, "  - {by: ann, when: elapsed > %d, type: a}\n", i)
		}
		return []byte(b.String())
	}
	p := scenarioBook(t)
	if s, found := checkScenario("a.yaml", write(1000), p); s == nil {
		t.Error(found)
	}
	if _, found := checkScenario("a.yaml", write(1001), p); len(found) != 1 || found[0].Rule != "size" {
		t.Error(found)
	}
}
