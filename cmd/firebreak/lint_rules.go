package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/lint"
	"github.com/firebreak-ir/firebreak/runbooks/report"
)

// ruleView is a rule for machines.
type ruleView struct {
	Name     string            `json:"name"`
	Severity runbooks.Severity `json:"severity"`
	Waivable bool              `json:"waivable"`
	Doc      string            `json:"doc"`
	Bad      string            `json:"bad"`
	Good     string            `json:"good"`
}

func viewOf(r lint.Rule) ruleView {
	return ruleView{r.Name, r.Severity, r.Waivable, r.Doc, strings.TrimPrefix(r.Bad, "\n"), strings.TrimPrefix(r.Good, "\n")}
}

// ruleNames lists the names of the rules.
func ruleNames() []string {
	var names []string
	for _, r := range lint.Rules() {
		names = append(names, r.Name)
	}
	return names
}

// listRules prints what lint looks for.
func (p *program) listRules() error {
	var views []ruleView
	for _, r := range lint.Rules() {
		views = append(views, viewOf(r))
	}
	return p.write(views, func(w io.Writer) error {
		for _, r := range lint.Rules() {
			fmt.Fprintf(w, "%s  %s\n", r.Name, about(r))
			for _, line := range wrapped(r.Doc, min(p.style().Width, 100)-4) {
				fmt.Fprintf(w, "    %s\n", line)
			}
		}
		_, err := fmt.Fprintln(w, "\nOne of them with examples: firebreak lint --explain RULE")
		return err
	})
}

// explain prints one rule with its examples.
func (p *program) explain(name string) error {
	i := slices.Index(ruleNames(), name)
	if i < 0 {
		hint := "firebreak lint --rules lists them"
		if near := runbooks.Nearest(name, ruleNames()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return usage("there is no rule %q in lint; %s", name, hint)
	}
	r := lint.Rules()[i]
	return p.write(viewOf(r), func(w io.Writer) error {
		fmt.Fprintf(w, "%s  %s\n\n", r.Name, about(r))
		for _, line := range wrapped(r.Doc, min(p.style().Width, 100)) {
			fmt.Fprintln(w, line)
		}
		fmt.Fprintf(w, "\nThis breaks it:\n%s\nThis does not:\n%s", indented(r.Bad), indented(r.Good))
		if r.Waivable {
			fmt.Fprintf(w, "\nIt may be waived for a reason and until a day:\n\n    waivers:\n      - {rule: %s, step: ..., reason: \"...\", owner: group:..., expires: ...}\n", r.Name)
		}
		return nil
	})
}

// about is the severity of a rule, and whether it holds whatever is waived.
func about(r lint.Rule) string {
	if r.Waivable {
		return string(r.Severity)
	}
	return string(r.Severity) + ", cannot be waived"
}

func indented(example string) string {
	var b strings.Builder
	for line := range strings.Lines(example) {
		if strings.TrimSpace(line) != "" {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	return b.String()
}

// wrapped cuts a text into lines of at most width characters, at spaces.
func wrapped(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// explained are the rules as reports tell of them.
func explained() []report.Rule {
	var out []report.Rule
	for _, r := range lint.Rules() {
		out = append(out, report.Rule{Name: r.Name, Severity: r.Severity, Doc: r.Doc, Help: r.Markdown()})
	}
	return out
}
