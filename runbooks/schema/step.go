package schema

import "github.com/firebreak-ir/firebreak/runbooks"

// steps gives the definitions of a step: the question which of four things it
// does, and one for each answer.
func steps(cat runbooks.Catalog) object {
	nothing := table(append(slicesOf(stepHead(), doing(cat)), stepTail()...)...)
	nothing["anyOf"] = []object{{"required": []string{"uses"}}, {"required": []string{"manual"}}, {"required": []string{"wait"}}, {"required": []string{"runbook"}}}
	nothing["description"] = "One step: it uses an action, is manual, waits, or calls a runbook."
	nothing["defaultSnippets"] = stepSnippets()
	all := object{"step nothing": nothing}
	chain := ref("step nothing")
	for _, kind := range []string{"runbook", "wait", "manual", "uses"} {
		name := "step " + kind
		all[name] = stepOf(kind, cat)
		chain = object{"if": object{"required": []string{kind}}, "then": ref(name), "else": chain}
	}
	chain["type"] = "object"
	all["step"] = chain
	return all
}

func slicesOf(lists ...[]key) []key {
	var all []key
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// keysOf says which keys a kind of step has besides the one that names it.
func keysOf(kind string) []string {
	switch kind {
	case "uses":
		return []string{"id", "title", "for_each", "with", "if", "needs", "evidence", "approval", "verify", "retry", "timeout", "undo", "contains", "critical", "on_failure", "on_refused"}
	case "manual":
		return []string{"id", "title", "for_each", "if", "needs", "evidence", "approval", "timeout", "critical", "on_failure", "on_refused"}
	case "wait":
		return []string{"id", "title", "if", "needs"}
	}
	return []string{"id", "title", "for_each", "with", "if", "needs", "critical", "on_failure"}
}

func stepOf(kind string, cat runbooks.Catalog) object {
	named := map[string]key{}
	for _, k := range slicesOf(stepHead(), doing(cat), stepTail()) {
		named[k.name] = k
	}
	does := named[kind]
	does.must = true
	keys := []key{does}
	for _, name := range keysOf(kind) {
		k := named[name]
		if kind == "manual" && name == "timeout" {
			k = key{"timeout", "How long people may take.", either(span("2h"), table(key{"total", "How long people may take.", span("2h"), true})), false}
		}
		keys = append(keys, k)
	}
	s := table(keys...)
	switch kind {
	case "uses":
		s["description"] = "A step that uses an action."
		s["allOf"] = perAction(cat)
	case "manual":
		s["description"] = "A step that a person does and reports."
		s["dependencies"] = object{"on_refused": []string{"approval"}}
	case "wait":
		s["description"] = "A step that lets time pass."
	case "runbook":
		s["description"] = "A step that runs another runbook, as a part of this one."
		s["properties"].(object)["with"] = described(object{"type": "object"}, "The inputs of that runbook.")
	}
	return s
}

func stepHead() []key {
	return []key{
		{"id", "The name of the step in expressions and in the record.", word(plainName, nameSays, "disable_key"), true},
		{"title", "What it does, in one line, for people.", prose("Disable the key"), false},
	}
}

// doing are the four things a step can be.
func doing(cat runbooks.Catalog) []key {
	return []key{
		{"uses", "The action that is carried out; firebreak actions list shows what there is.", actionWord(cat), false},
		{"manual", "What a person has to do. The text may hold ${{ }}.", either(
			described(text(), "The instructions; they may hold ${{ }}."),
			table(
				key{"instructions", "What to do; may hold ${{ }}.", text(), true},
				key{"answer", "What the person answers; steps.ID.outputs.answer has this type. Without it, any text or none.", typed("The type of the answer."), false},
			)), false},
		{"wait", "Lets time pass, such as for a change to settle.", either(
			described(span("10m"), "How long."),
			object{"oneOf": []object{
				table(key{"for", "How long.", span("10m"), true}),
				table(key{"until", "An expression that gives a moment in Unix seconds, as now does; one in the past is no wait.", expression("steps.owner.outputs.created + 3600"), true}),
			}}), false},
		{"runbook", "The id of another runbook that is run here, as a part of this one.", either(
			described(word(runbookID, "a runbook is named like leaked-access-key", "leaked-access-key"), "The id of the runbook."),
			table(
				key{"id", "The id of the runbook.", word(runbookID, "a runbook is named like leaked-access-key", "leaked-access-key"), true},
				key{"digest", "The first 12 or more hex digits of its digest: another version of it is then an error.",
					object{"type": []string{"string", "number"}, "pattern": hexDigits, "patternErrorMessage": "write the first 12 or more hex digits of its digest"}, false},
			)), false},
	}
}

// stepTail are the keys that say how and when, in the order of the language.
func stepTail() []key {
	each := expression("inputs.roles", "steps.find.outputs.hosts")
	return []key{
		{"for_each", "Does the step for every item of a list; item and index can be read in with and manual. One approval counts for all items.", either(
			described(each, "An expression that gives a list, without ${{ }}."),
			table(
				key{"in", "An expression that gives a list, without ${{ }}.", expression("inputs.roles"), true},
				key{"max_parallel", "How many items are in flight at once.", fallback(whole(1, 100), 10), false},
				key{"max_errors", "How many items may fail, or which share of them, before no more are begun.",
					fallback(either(whole(0, 10000), word(share, "write a number of items, or a share of them such as 10%", "10%")), 0), false},
			)), false},
		{"with", "The parameters of the action. Texts may hold ${{ expression }}; one that is exactly one ${{ }} keeps its type.", object{"type": "object"}, false},
		{"if", "The step is done only when this expression is true; else it is skipped. Without ${{ }}.", expression(`steps.owner.outputs.status == "Active"`), false},
		{"needs", "The steps that must have ended before this one begins; [] begins at once. Without it, the step above.", list(word(plainName, nameSays), []any{"owner"}), false},
		{"evidence", "It collects evidence: nothing may be changed before it.", flag(false), false},
		{"approval", "Who is asked before the step.", approval(), false},
		{"verify", "How the effect is proved.", verify(), false},
		{"retry", "How often it is tried.", table(
			key{"attempts", "How many attempts in all.", whole(1, 10), true},
			key{"backoff", "The pause before the second attempt; doubled before each further one.", fallback(span("2s"), "2s"), false},
		), false},
		{"timeout", "How long one attempt may take, or that and all of them together.", either(
			described(span("30s"), "How long one attempt may take."),
			some(table(
				key{"attempt", "How long one attempt may take.", span("30s"), false},
				key{"total", "How long all attempts and proofs may take together.", span("10m"), false},
			))), false},
		{"undo", "How it is taken back, where that differs from what the action and the step say.", either(
			some(table(
				key{"approval", "Who is asked before it is taken back; without it, as before the step.", approval(), false},
				key{"verify", "How it is proved that it was taken back.", verify(), false},
			)),
			table(key{"manual", "How a person takes it back; may hold ${{ }}.", text(), true}),
		), false},
		{"contains", "The effect is meant to end; somebody is asked when it is time.", table(
			key{"expires", "When to ask, counted from the proof of the effect.", span("72h"), true},
			key{"ask", "Who decides then whether it is lifted or stays; without it, those of the approval, else owner.escalate.", people([]any{"group:security-leads"}), false},
		), false},
		{"critical", "When it fails or is refused the run has failed, even if it went on. True unless on_failure or on_refused is continue.", object{"type": "boolean"}, false},
		{"on_failure", "What follows when the step fails.", fallback(reaction(), "stop"), false},
		{"on_refused", "What follows when people say no, or do not answer.", fallback(reaction(), "stop"), false},
	}
}

func approval() object {
	return table(
		key{"from", "Who may say yes.", people([]any{"group:security-leads"}), true},
		key{"quorum", "How many different people must say yes.", fallback(whole(1, 20), 1), false},
		key{"expires", "How long the question stands; then it counts as refused.", fallback(span("15m"), "15m"), false},
		key{"remind", "Asks again each time this has passed.", span("5m"), false},
		key{"step_up", "A yes counts only with a signature by an SSH key of the directory.", flag(false), false},
		key{"escalate", "Who is asked besides, when nobody has answered.", table(
			key{"after", "How long to wait for the first ones.", span("5m"), true},
			key{"to", "Who is asked then.", people([]any{"group:ciso"}), true},
		), false},
		key{"break_glass", "Lets one person go on without the quorum, with a signature by SSH key, a reason and the target typed out.", table(
			key{"by", "Who may go on alone.", people([]any{"group:commanders"}), true},
			key{"review", "Who looks at it afterwards: somebody who had no part in it.", people([]any{"group:security-leads"}), true},
			key{"within", "By when they should have, from 1h to 720h.", fallback(span("48h"), "72h"), false},
		), false},
	)
}

func verify() object {
	return table(key{"within", "How long the effect may take to show.", fallback(span("60s"), "60s"), true})
}

func reaction() object {
	return choice([][2]string{
		{string(runbooks.Stop), "end the run"},
		{string(runbooks.Continue), "go on with the next step"},
		{string(runbooks.Undo), "end the run and take back its finished steps, last first; destructive ones are only offered"},
		{string(runbooks.Ask), "hold the run until a person retries, skips or cancels"},
	})
}
