package format

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// shape says how the keys of a map are ordered, and what its values are.
type shape struct {
	order string            // known keys; of those with | between them a map has one
	keys  map[string]*shape // of the value under a key
	each  *shape            // of every value, or of every item of a list
}

// language is the shape of a runbook: the order in which it is explained.
func language() *shape {
	input := &shape{order: "type of pattern enum min max default sensitive description"}
	input.keys = map[string]*shape{"of": input}
	approval := &shape{
		order: "from quorum expires remind step_up escalate",
		keys:  map[string]*shape{"escalate": {order: "after to"}},
	}
	step := &shape{
		order: "id title uses|manual|wait|runbook if needs for_each with evidence approval verify retry timeout undo contains critical on_failure on_refused",
		keys: map[string]*shape{
			"manual":   {order: "instructions answer", keys: map[string]*shape{"answer": input}},
			"wait":     {order: "for until"},
			"runbook":  {order: "id digest"},
			"for_each": {order: "in max_parallel max_errors"},
			"approval": approval,
			"verify":   {order: "within"},
			"retry":    {order: "attempts backoff"},
			"timeout":  {order: "attempt total"},
			"undo":     {order: "manual approval verify", keys: map[string]*shape{"approval": approval, "verify": {order: "within"}}},
			"contains": {order: "expires ask"},
		},
	}
	return &shape{
		order: "apiVersion kind id title description owner environments budget review_by inputs steps outputs on_cancel waivers",
		keys: map[string]*shape{
			"owner":     {order: "team contact escalate"},
			"inputs":    {each: input},
			"steps":     {each: step},
			"on_cancel": {each: step},
			"waivers":   {each: &shape{order: "rule step reason owner expires"}},
		},
	}
}

// sort orders the keys of a value and of what is in it. Unknown keys come last.
func (s *shape) sort(v *value) {
	if s == nil {
		return
	}
	if v.kind == yaml.MappingNode && s.order != "" {
		rank := s.ranks()
		place := func(e *entry) int {
			if n, known := rank[e.key.text]; known {
				return n
			}
			return len(rank)
		}
		slices.SortStableFunc(v.entries, func(a, b *entry) int { return place(a) - place(b) })
	}
	for _, e := range v.entries {
		below := s.each
		if e.key != nil && s.keys[e.key.text] != nil {
			below = s.keys[e.key.text]
		}
		below.sort(e.value)
	}
}

func (s *shape) ranks() map[string]int {
	rank := map[string]int{}
	for i, words := range strings.Fields(s.order) {
		for word := range strings.SplitSeq(words, "|") {
			rank[word] = i
		}
	}
	return rank
}
