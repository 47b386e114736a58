package schema

import "github.com/firebreak-ir/firebreak/actions"

// answers is what the world does with steps: by step, one answer or one for each
// attempt.
func answers() object {
	return object{
		"type": "object", "propertyNames": word(stepName, "name a step by its id"),
		"additionalProperties": either(answer(), described(object{"type": "array", "minItems": 1, "items": answer()}, "An answer for each attempt; the last repeats.")),
	}
}

func answer() object {
	s := table(
		key{"outputs", "What the action answers, typed as it says.", object{"type": "object", "examples": []any{object{"user": "ci-deployer"}}}, false},
		key{"targets", "What the plan names.", targets(), false},
		key{"then_targets", "What a second reading of the target names.", targets(), false},
		key{"changes", "What the plan says will change.", list(prose(), []any{"The key is off"}), false},
		key{"in_effect", "The effect is there already.", flag(false), false},
		key{"no_undo", "Why it cannot be taken back.", prose("it was there before"), false},
		key{"takes", "How long the attempt takes.", fallback(span("3s"), "1s"), false},
		key{"fails", "The attempt fails, with this class.", class(false), false},
		key{"plan_fails", "The target cannot be read.", class(true), false},
		key{"readings", "Each reading of the target by itself; the last repeats.", object{"type": "array", "minItems": 1, "items": table(
			key{"targets", "What the reading names.", targets(), false},
			key{"fails", "The target cannot be read.", class(true), false},
		)}, false},
		key{"times", "How many readings fail, with plan_fails.", whole(1, 10), false},
		key{"message", "What a failure says.", prose("slow down"), false},
		key{"unknown", "The answer is lost.", flag(false), false},
		key{"times_out", "No answer comes.", flag(false), false},
		key{"found", "What a probe says about an attempt whose answer was lost.", object{"type": "string", "enum": []string{string(actions.Applied), string(actions.NotApplied), string(actions.FoundUnknown)}}, false},
		key{"lies", "It says that it worked, and its proof fails for ever.", flag(false), false},
		key{"unreadable", "The proof cannot be read.", flag(false), false},
		key{"verified_after", "The effect shows only after this time.", span("20s"), false},
	)
	s["description"] = "What the world does with one attempt."
	return s
}

func targets() object {
	return object{"type": "array", "items": either(
		described(word(`^[a-z][a-z0-9_.-]*:[\s\S]+$`, "write type:id or type:account/id", "aws.iam.user:ci-deployer"), "A target as type:id or type:account/id."),
		table(
			key{"type", "The type of the target.", prose("aws.iam.user"), true},
			key{"id", "Its id.", prose("ci-deployer"), true},
			key{"account", "Its account.", prose("111122223333"), false},
			key{"region", "Its region.", prose("eu-central-1"), false},
		),
	)}
}

// class is a class of failures.
func class(unknown bool) object {
	var words []string
	for _, c := range actions.Classes() {
		if unknown || c != actions.Unknown {
			words = append(words, string(c))
		}
	}
	return object{"type": "string", "enum": words}
}

func scenarioSnippets() []object {
	return []object{snippet("new scenario", "A scenario with an objective, an inject and a script", body{
		{"apiVersion", "firebreak/v1"},
		{"kind", "Scenario"},
		{"id", "${1:what-happened-when}"},
		{"title", "${2:What happens}"},
		{"runbook", "${3:what-happened}"},
		{"owner", body{{"team", "${4:team}"}, {"contact", "${5:channel}"}}},
		{"briefing", "${6:It is Friday, 18:40.}"},
		{"objectives", []any{body{{"id", "o1"}, {"text", "${7:It is contained within 20 minutes}"}, {"capability", "containment"}, {"check", "metrics.time_to_full_containment <= 1200"}}}},
		{"people", body{{"alice", []any{"${8:security-leads}"}}, {"bob", []any{"${8:security-leads}"}}}},
		{"answers", body{{"${9:step}", body{{"takes", "1s"}}}}},
		{"injects", []any{injectBody()}},
		{"end", body{{"when", "resolved"}, {"max", "60m"}}},
		{"script", []any{body{{"by", "alice"}, {"after", "i1"}, {"delay", "1m"}, {"type", "run ${3:what-happened}"}}}},
	})}
}

func injectSnippets() []object {
	return []object{snippet("inject", "Something that players are told, and what is expected", injectBody())}
}

func injectBody() body {
	return body{{"id", "${10:i1}"}, {"at", "0m"}, {"to", "channel"}, {"say", "${11:An alert comes in}"}, {"expect", []any{body{{"verb", "run"}, {"within", "5m"}}}}}
}
