package iampolicy

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// merge makes statements of rows: one for each set of resources.
func merge(phase Phase, rows []Row) []Statement {
	type right struct{ action, conditions string }
	resources := map[right][]string{}
	conditions := map[string]actions.Conditions{}
	for _, r := range rows {
		text := string(compact(r.Conditions))
		conditions[text] = r.Conditions
		resources[right{r.Action, text}] = append(resources[right{r.Action, text}], r.Resources...)
	}
	type target struct{ resources, conditions string }
	byTarget := map[target]*Statement{}
	for _, key := range slices.SortedFunc(maps.Keys(resources), func(a, b right) int {
		return cmp.Or(cmp.Compare(a.action, b.action), cmp.Compare(a.conditions, b.conditions))
	}) {
		on := widest(resources[key])
		t := target{strings.Join(on, "\n"), key.conditions}
		if byTarget[t] == nil {
			byTarget[t] = &Statement{Effect: "Allow", Resource: on, Condition: conditions[key.conditions]}
		}
		byTarget[t].Action = append(byTarget[t].Action, key.action)
	}
	var list []Statement
	for _, s := range byTarget {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Statement) int {
		return cmp.Or(slices.Compare(a.Action, b.Action), slices.Compare(a.Resource, b.Resource), cmp.Compare(string(compact(a.Condition)), string(compact(b.Condition))))
	})
	for i := range list {
		list[i].Sid = sid(phase, list[i])
	}
	return list
}

var notSid = regexp.MustCompile(`[^A-Za-z0-9]+`)

// sid names a statement by what it is about: ContainIamRole.
func sid(phase Phase, s Statement) string {
	service, _, _ := strings.Cut(s.Action[0], ":")
	words := []string{string(phase), service}
	kinds := map[string]bool{}
	for _, resource := range s.Resource {
		parts := strings.SplitN(resource, ":", 6)
		kind := ""
		if len(parts) == 6 {
			kind, _, _ = strings.Cut(parts[5], "/")
		}
		if len(parts) == 6 && parts[2] == "s3" {
			kind = "bucket"
			if strings.Contains(parts[5], "/") {
				kind = "object"
			}
		}
		kinds[notSid.ReplaceAllString(kind, "")] = true
	}
	if len(kinds) == 1 {
		words = append(words, slices.Collect(maps.Keys(kinds))...)
	}
	var b strings.Builder
	for _, word := range words {
		if word = notSid.ReplaceAllString(word, ""); word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// documents puts statements into as few documents as hold them. Each begins
// with what is allowed and ends with the denies.
func documents(phase Phase, rows []Row, denied []Deny, limit int) ([]Document, error) {
	var denies []Statement
	for _, d := range denied {
		denies = append(denies, d.Statement)
	}
	fits := func(allows []Statement) bool {
		return Document{version, slices.Concat(allows, denies)}.Size()+sidRoom(allows) <= limit
	}
	if !fits(nil) {
		return nil, fmt.Errorf("the denies alone are larger than %d characters", limit)
	}
	var parts [][]Statement
	var current []Statement
	queue := merge(phase, rows)
	for len(queue) > 0 {
		s := queue[0]
		switch {
		case fits(append(slices.Clone(current), s)):
			current, queue = append(current, s), queue[1:]
		case len(current) > 0 && fits([]Statement{s}):
			parts, current = append(parts, current), nil
		default: // larger than a whole document
			halves, ok := halve(s)
			if !ok {
				return nil, fmt.Errorf("%s on %s does not fit into %d characters", s.Action[0], s.Resource[0], limit)
			}
			queue = append(halves, queue[1:]...)
		}
	}
	parts = append(parts, current)
	var list []Document
	for _, allows := range parts {
		list = append(list, Document{version, slices.Concat(numbered(allows), denies)})
	}
	return list, nil
}

// sidRoom is what numbers may add to the names of statements.
func sidRoom(list []Statement) int { return len(list) * len(strconv.Itoa(len(list))) }

// halve splits a statement: its resources, or its actions when there is but one.
func halve(s Statement) ([]Statement, bool) {
	a, b := s, s
	switch {
	case len(s.Resource) > 1:
		a.Resource, b.Resource = s.Resource[:len(s.Resource)/2], s.Resource[len(s.Resource)/2:]
	case len(s.Action) > 1:
		a.Action, b.Action = s.Action[:len(s.Action)/2], s.Action[len(s.Action)/2:]
	default:
		return nil, false
	}
	return []Statement{a, b}, true
}

// numbered makes the names of statements different from each other.
func numbered(list []Statement) []Statement {
	seen := map[string]int{}
	out := slices.Clone(list)
	for i := range out {
		seen[out[i].Sid]++
		if n := seen[out[i].Sid]; n > 1 {
			out[i].Sid += strconv.Itoa(n)
		}
	}
	return out
}
