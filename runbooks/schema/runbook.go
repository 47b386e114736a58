package schema

// runbook is the whole file.
func runbook() object {
	s := table(
		key{"apiVersion", "The version of the language.", object{"type": "string", "const": "firebreak/v1"}, true},
		key{"kind", "What the file is.", object{"type": "string", "const": "Runbook"}, true},
		key{"id", "The name by which people start it and other runbooks call it; the same for its whole life.",
			object{"type": []string{"string", "number"}, "pattern": runbookID, "patternErrorMessage": "use lower-case letters, digits and single dashes", "examples": []any{"leaked-access-key"}}, true},
		key{"title", "What it is about, in one line, for people who choose at night.", prose("Leaked IAM access key"), true},
		key{"description", "What it does and when it is the right one.", prose(), false},
		key{"owner", "Who answers for it.", table(
			key{"team", "The team that keeps it.", prose("cloud-security"), false},
			key{"contact", "Where to ask about it.", prose("#cloud-sec"), false},
			key{"escalate", "Who is asked when nobody else is named.", person("group:security-leads"), false},
		), false},
		key{"environments", "Where it may run; without it, in every environment.",
			list(word(environment, "use lower-case letters, digits, dashes and underscores, starting with a letter"), []any{"prod", "staging"}), false},
		key{"budget", "Containment must fit in this; it is reported when it does not.", span("20m"), false},
		key{"review_by", "The day by which somebody must have read it again.", date(), false},
		key{"inputs", "What must be known when it is started.", object{"type": "object", "propertyNames": word(plainName, nameSays), "additionalProperties": ref("input"), "maxProperties": 100}, false},
		key{"steps", "What is done, from top to bottom unless needs says otherwise.", stepList(), true},
		key{"outputs", "What it gives back to the runbook that called it, and to the record: a name and an expression each.",
			object{"type": "object", "propertyNames": word(plainName, nameSays), "additionalProperties": described(expression(), "An expression, without ${{ }}."), "maxProperties": 100, "examples": []any{object{"disabled": `steps.disable.status == "done"`}}}, false},
		key{"on_cancel", "Steps that run, from top to bottom, after the run was cancelled and nothing of it is in flight.", stepList(), false},
		key{"waivers", "Findings of firebreak lint that may pass, each for a reason and until a day.", object{"type": "array", "maxItems": 100, "items": table(
			key{"rule", "The rule, as lint names it.", word(ruleName, "a rule is named like destructive-without-undo", "destructive-without-undo"), true},
			key{"step", "The step it is for; without it, the whole runbook.", word(plainName, nameSays), false},
			key{"reason", "Why it may pass.", prose(), true},
			key{"owner", "Who answers for it.", person("group:cloud-security"), true},
			key{"expires", "The last day on which it counts.", date(), true},
		)}, false},
	)
	s["description"] = "A runbook of firebreak: what is done, by whom it is allowed, and how it is proved."
	s["defaultSnippets"] = runbookSnippets()
	return s
}

const nameSays = "use lower-case letters, digits and underscores, starting with a letter"

func stepList() object {
	return object{"type": "array", "minItems": 1, "maxItems": 500, "items": ref("step")}
}
