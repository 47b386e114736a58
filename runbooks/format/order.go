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

// shapeOf is the shape of a file of a kind, or nil when its keys are not ordered.
func shapeOf(kind string) *shape {
	switch kind {
	case "Runbook":
		return runbook()
	case "Scenario":
		return scenario()
	}
	return nil
}

// runbook is the shape of a runbook: the order in which it is explained.
func runbook() *shape {
	input := &shape{order: "type of pattern enum min max default sensitive description"}
	input.keys = map[string]*shape{"of": input}
	approval := &shape{
		order: "from quorum expires remind step_up escalate break_glass",
		keys:  map[string]*shape{"escalate": {order: "after to"}, "break_glass": {order: "by review within"}},
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

// scenario is the shape of a scenario.
func scenario() *shape {
	targets := &shape{each: &shape{order: "type id account region"}}
	answer := &shape{
		order: "plan_fails times readings targets then_targets changes in_effect no_undo takes fails unknown times_out found message outputs lies unreadable verified_after",
		keys: map[string]*shape{
			"outputs": {}, // its names are not ours
			"targets": targets, "then_targets": targets,
			"readings": {each: &shape{order: "targets fails", keys: map[string]*shape{"targets": targets}}},
		},
	}
	answer.each = answer // of a list with one for each attempt
	answers := &shape{each: answer}
	return &shape{
		order: "apiVersion kind id title shown runbook owner severity seed tests briefing objectives facts people facilitator environment answers injects clocks forbidden end script",
		keys: map[string]*shape{
			"owner":       {order: "team contact escalate"},
			"objectives":  {each: &shape{order: "id text capability check"}},
			"people":      {each: &shape{order: "groups identities"}},
			"facilitator": {order: "id groups identities"},
			"environment": {order: "name account region protected floor", keys: map[string]*shape{"floor": {order: "effect from quorum break_glass"}}},
			"answers":     answers,
			"injects": {each: &shape{
				order: "id at|after|asked|when|hand delay to say red_flag chat away back answers expect",
				keys: map[string]*shape{
					"answers": answers,
					"expect":  {each: &shape{order: "verb|step|note|when|hand target status by within points text"}},
				},
			}},
			"clocks":    {each: &shape{order: "id text from within note"}},
			"forbidden": {each: &shape{order: "action|step|target|verb of why"}},
			"end":       {order: "when max"},
			"script":    {each: &shape{order: "by at|after|asked|when delay each type via refused"}},
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
