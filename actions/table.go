package actions

import (
	"fmt"
	"slices"
	"strings"
)

// Table is a Markdown table of actions: what each does to its target, whether it
// is proved and taken back, what it does not stop, and which rights it needs. The
// same specs give the same bytes.
func Table(specs []Spec) string {
	var b strings.Builder
	b.WriteString("| action | effect | verify | undo | what stays alive | rights |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, s := range specs {
		alive := strings.Join(s.StaysAlive, "<br>")
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", cell(s.Name), s.kind(), yesNo(s.CanVerify), yesNo(s.CanUndo), cell(alive), rightsOf(s.Permissions))
	}
	return b.String()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// rightsOf lists the rights of all phases, each once, by service.
func rightsOf(rows []Permission) string {
	var all []string
	for _, p := range rows {
		all = append(all, p.Action)
	}
	slices.Sort(all)
	var b strings.Builder
	last := ""
	for _, right := range slices.Compact(all) {
		service, verb, found := strings.Cut(right, ":")
		switch {
		case !found:
			service, verb = right, ""
			b.WriteString(separator(&b, " · ") + "`" + cell(right) + "`")
		case service != last:
			b.WriteString(separator(&b, " · ") + "`" + cell(service) + "`: " + cell(verb))
		default:
			b.WriteString(", " + cell(verb))
		}
		last = service
	}
	return b.String()
}

// separator is put in front of everything but the first.
func separator(b *strings.Builder, s string) string {
	if b.Len() == 0 {
		return ""
	}
	return s
}
