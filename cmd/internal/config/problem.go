package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// Problem is one fault of a config or directory file.
type Problem struct {
	File string `json:"file"`
	Line int    `json:"line"` // from 1
	Col  int    `json:"col"`  // from 1, in characters
	What string `json:"what"` // what is wrong
	Next string `json:"next"` // what to do next
}

// String is file:line:col: what; what to do next.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s; %s", p.File, p.Line, p.Col, p.What, p.Next)
}

// Problems is every fault that was found, sorted by file, line and column.
type Problems struct{ List []Problem }

// Error has one problem a line.
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, problem := range p.List {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

func sortProblems(list []Problem) []Problem {
	slices.SortFunc(list, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Col-b.Col,
			strings.Compare(a.What, b.What), strings.Compare(a.Next, b.Next))
	})
	return slices.Compact(list)
}

// suggest is the hint for an unknown name: the nearest known one, or all.
func suggest(name string, known []string) string {
	if near := runbooks.Nearest(name, slices.Sorted(slices.Values(known))); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(known) == 0 {
		return "none is defined"
	}
	return "known: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}
