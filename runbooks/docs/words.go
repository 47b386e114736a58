package docs

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// condition says in words what an expression asks, or "" when it is not one of
// the simple forms; then only the code is shown.
func condition(source string) string {
	if words, ok := joined(source, "&&", " and "); ok {
		return words
	}
	if words, ok := joined(source, "||", " or "); ok {
		return words
	}
	words, _ := clause(source)
	return words
}

// joined says clauses that are all joined by one operator. Brackets and quoted
// operators are left to the code.
func joined(source, op, word string) (string, bool) {
	parts := strings.Split(source, op)
	if len(parts) < 2 || strings.ContainsAny(source, "()?") {
		return "", false
	}
	var out []string
	for _, p := range parts {
		words, ok := clause(p)
		if !ok {
			return "", false
		}
		out = append(out, words)
	}
	return strings.Join(out, word), true
}

// clause says one comparison of a path with a value, or a path by itself.
func clause(source string) (string, bool) {
	m := clauseForm().FindStringSubmatch(source)
	if m == nil {
		return "", false
	}
	not, subject, op, value := m[1] == "!", path(m[2]), m[3], m[4]
	if s := m[5]; s != "" {
		value = s
	}
	if op == "" {
		if not {
			return subject + " is false", true
		}
		return subject + " is true", true
	}
	if not {
		return "", false
	}
	words := map[string]string{"==": "is", "!=": "is not", ">": "is more than", ">=": "is at least", "<": "is less than", "<=": "is at most"}[op]
	if m[5] == "" && m[4] == `""` {
		value = "empty"
	}
	return subject + " " + words + " " + text(value), true
}

func clauseForm() *regexp.Regexp {
	return regexp.MustCompile(`^\s*(!?)((?:inputs|steps|incident|environment)\.[a-z0-9_.]+|run|now)\s*(?:(==|!=|>=|<=|>|<)\s*(true|false|-?\d+|""|"([^"\\&|]+)"))?\s*$`)
}

// path says what a path names.
func path(p string) string {
	parts := strings.Split(p, ".")
	switch {
	case parts[0] == "inputs" && len(parts) == 2:
		return "the input " + text(parts[1])
	case parts[0] == "steps" && len(parts) == 3 && parts[2] == "status":
		return "the step " + text(parts[1])
	case parts[0] == "steps" && len(parts) >= 4:
		return "the " + text(strings.ReplaceAll(strings.Join(parts[3:], " "), "_", " ")) + " of the step " + text(parts[1])
	case len(parts) == 2:
		return "the " + text(parts[1]) + " of the " + text(parts[0])
	}
	return text(p)
}

// asks says who has to say yes.
func asks(a *runbooks.Approval) string {
	people := "1 person"
	if a.Quorum != 1 {
		people = fmt.Sprintf("%d people", a.Quorum)
	}
	out := fmt.Sprintf("%s of %s must say yes within %s", people, codes(a.From), runbooks.SpanText(a.Expires))
	if a.StepUp {
		out += ", each with a signature by their SSH key"
	}
	if a.Remind > 0 {
		out += fmt.Sprintf("; asked again every %s", runbooks.SpanText(a.Remind))
	}
	if e := a.Escalate; e != nil {
		out += fmt.Sprintf("; after %s %s may answer, too", runbooks.SpanText(e.After), codes(e.To))
	}
	out += "."
	if g := a.BreakGlass; g != nil {
		out += fmt.Sprintf(" When they cannot be reached, one of %s may break the glass and go on alone, with a signature by their SSH key, a reason and the target typed out; %s review it within %s.", codes(g.By), codes(g.Review), runbooks.SpanText(g.Within))
	}
	return out
}

// reaction says what follows a failure or a refusal.
func reaction(r runbooks.Reaction) string {
	switch r {
	case runbooks.Continue:
		return "the run goes on"
	case runbooks.Undo:
		return "the run ends and takes back what it has done, last first"
	case runbooks.Ask:
		return "the run waits until a person retries, skips or cancels"
	}
	return "the run stops"
}

// written is a value as its author wrote it, on one line.
func written(v *runbooks.Value) string {
	switch {
	case v == nil:
		return ""
	case v.Form == runbooks.Text:
		var b strings.Builder
		for _, p := range v.Parts {
			if p.Expr != nil {
				b.WriteString("${{ " + p.Expr.Source + " }}")
			} else {
				b.WriteString(p.Text)
			}
		}
		return b.String()
	case v.Form == runbooks.List:
		items := make([]string, len(v.Items))
		for i, item := range v.Items {
			items[i] = written(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case v.Form == runbooks.Object:
		items := make([]string, len(v.Members))
		for i, m := range v.Members {
			items[i] = m.Name + ": " + written(m.Value)
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return fmt.Sprint(v.Literal)
}
