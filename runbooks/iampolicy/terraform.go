package iampolicy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// Terraform gives a data block and a policy for each document, formatted as
// terraform fmt does, with the reasons as comments.
func (s *Set) Terraform() []byte {
	var h hcl
	for _, note := range s.Notes {
		h.line(0, "# "+plain(note))
	}
	for _, d := range s.documents() {
		label := "firebreak_" + strings.ReplaceAll(d.name, "-", "_")
		h.line(0, "")
		h.open(0, `data "aws_iam_policy_document" `+quoted(label))
		for i, st := range d.document.Statement {
			if i > 0 {
				h.line(0, "")
			}
			for _, reason := range s.reasons(d.phase, st) {
				h.line(1, "# "+plain(reason))
			}
			h.statement(st)
		}
		h.line(0, "}")
		h.line(0, "")
		h.open(0, `resource "aws_iam_policy" `+quoted(label))
		h.pairs(1, "name", quoted("firebreak-"+d.name), "policy", "data.aws_iam_policy_document."+label+".json")
		h.line(0, "}")
	}
	return []byte(strings.TrimLeft(h.String(), "\n"))
}

// reasons lists why a statement is there: of a deny its one reason, else the
// reason of each right in it.
func (s *Set) reasons(phase Phase, st Statement) []string {
	if i := slices.IndexFunc(s.Denies, func(d Deny) bool { return d.Statement.Sid == st.Sid }); i >= 0 {
		return []string{s.Denies[i].Why}
	}
	var list []string
	for _, p := range s.Policies {
		if p.Phase != phase {
			continue
		}
		for _, r := range p.Rows {
			here := func(resource string) bool {
				return slices.ContainsFunc(st.Resource, func(on string) bool { return covers(on, resource) })
			}
			if slices.Contains(st.Action, r.Action) && string(compact(r.Conditions)) == string(compact(st.Condition)) && slices.ContainsFunc(r.Resources, here) {
				list = append(list, fmt.Sprintf("%s: %s/%s: %s", r.Action, r.Runbook, r.Step, r.Why))
			}
		}
	}
	return slices.Compact(list)
}

// hcl writes Terraform's language.
type hcl struct{ strings.Builder }

func (h *hcl) line(depth int, text string) {
	h.WriteString(strings.TrimRight(strings.Repeat("  ", depth)+text, " ") + "\n")
}

func (h *hcl) open(depth int, text string) { h.line(depth, text+" {") }

// pairs writes names and values whose signs of equality stand under each other.
func (h *hcl) pairs(depth int, nameValue ...string) {
	width := 0
	for i := 0; i < len(nameValue); i += 2 {
		width = max(width, len(nameValue[i]))
	}
	for i := 0; i < len(nameValue); i += 2 {
		h.line(depth, fmt.Sprintf("%-*s = %s", width, nameValue[i], nameValue[i+1]))
	}
}

// list writes a name with a list, on lines of their own when there are several.
func (h *hcl) list(depth int, name string, values []string) {
	if len(values) == 1 {
		h.line(depth, name+" = ["+quoted(values[0])+"]")
		return
	}
	h.line(depth, name+" = [")
	for _, v := range values {
		h.line(depth+1, quoted(v)+",")
	}
	h.line(depth, "]")
}

func (h *hcl) statement(st Statement) {
	h.open(1, "statement")
	h.pairs(2, "sid", quoted(st.Sid), "effect", quoted(st.Effect))
	h.line(0, "")
	h.list(2, "actions", st.Action)
	if len(st.Resource) > 0 {
		h.line(0, "")
		h.list(2, "resources", st.Resource)
	}
	for _, kind := range slices.Sorted(maps.Keys(st.Principal)) {
		h.line(0, "")
		h.open(2, "principals")
		h.pairs(3, "type", quoted(kind), "identifiers", "["+quotedList(st.Principal[kind])+"]")
		h.line(2, "}")
	}
	for _, operator := range slices.Sorted(maps.Keys(st.Condition)) {
		for _, key := range slices.Sorted(maps.Keys(st.Condition[operator])) {
			h.line(0, "")
			h.open(2, "condition")
			h.pairs(3, "test", quoted(operator), "variable", quoted(key), "values", "["+quotedList(st.Condition[operator][key])+"]")
			h.line(2, "}")
		}
	}
	h.line(1, "}")
}

// conditionWords puts conditions behind a reason.
func conditionWords(c actions.Conditions) string {
	var b strings.Builder
	for _, operator := range slices.Sorted(maps.Keys(c)) {
		for _, key := range slices.Sorted(maps.Keys(c[operator])) {
			fmt.Fprintf(&b, "; only if %s %s is %s", operator, key, strings.Join(c[operator][key], ", "))
		}
	}
	return b.String()
}

func quotedList(values []string) string {
	var list []string
	for _, v := range values {
		list = append(list, quoted(v))
	}
	return strings.Join(list, ", ")
}

// quoted is a text of HCL in which nothing is a template.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		case (r == '$' || r == '%') && strings.HasPrefix(text[i+1:], "{"):
			b.WriteRune(r)
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
