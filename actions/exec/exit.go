package exec

import (
	"fmt"
	"slices"

	"github.com/firebreak-ir/firebreak/actions"
)

// exitCodes says what the exit codes of a program mean.
type exitCodes struct {
	OK           []int `json:"ok,omitempty" doc:"codes that mean success; 0 alone when not given"`
	Retry        []int `json:"retry,omitempty" doc:"codes that promise no effect, and that it may be tried again"`
	Denied       []int `json:"denied,omitempty" doc:"codes that promise no effect, because a right is missing"`
	NotFound     []int `json:"not_found,omitempty" doc:"codes that promise no effect, because the target does not exist"`
	Precondition []int `json:"precondition,omitempty" doc:"codes that promise no effect, because the target is not in a state that allows it"`
	Invalid      []int `json:"invalid,omitempty" doc:"codes that promise no effect, because the arguments are wrong"`
}

// ok lists the codes of success.
func (e exitCodes) ok() []int {
	if len(e.OK) == 0 {
		return []int{0}
	}
	return e.OK
}

// classes lists what codes other than success mean, in a fixed order.
func (e exitCodes) classes() []struct {
	name  string
	class actions.Class
	codes []int
} {
	return []struct {
		name  string
		class actions.Class
		codes []int
	}{
		{"retry", actions.Transient, e.Retry}, {"denied", actions.Denied, e.Denied}, {"not_found", actions.NotFound, e.NotFound},
		{"precondition", actions.Precondition, e.Precondition}, {"invalid", actions.Invalid, e.Invalid},
	}
}

// check says what is wrong with the table.
func (e exitCodes) check() actions.Problems {
	var problems actions.Problems
	seen := map[int]string{}
	note := func(name string, codes []int) {
		for _, code := range codes {
			switch before, twice := seen[code]; {
			case code < 0 || code > 255:
				problems = append(problems, actions.Problem{Path: "exit." + name, Message: fmt.Sprintf("%d is no exit code", code), Hint: "they are 0 to 255"})
			case twice:
				problems = append(problems, actions.Problem{Path: "exit." + name, Message: fmt.Sprintf("the code %d is in %s already", code, before)})
			}
			seen[code] = name
		}
	}
	note("ok", e.ok())
	for _, row := range e.classes() {
		note(row.name, row.codes)
	}
	return problems
}

// class is what a code means; open is for a code that is not listed.
func (e exitCodes) class(code int, open actions.Class) (class actions.Class, ok bool) {
	if slices.Contains(e.ok(), code) {
		return "", true
	}
	for _, row := range e.classes() {
		if slices.Contains(row.codes, code) {
			return row.class, false
		}
	}
	return open, false
}
