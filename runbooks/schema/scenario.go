package schema

import (
	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// The forms of texts that only scenarios have.
const (
	stepName      = `^[a-z][a-z0-9_]{0,62}(\.([a-z][a-z0-9_]{0,62}|[1-9][0-9]{0,4}))*(~undo[0-9]*)?$`
	personID      = `^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$`
	factName      = `^[A-Za-z][A-Za-z0-9 _.-]{0,62}$`
	audience      = `^(channel|(person|group):[A-Za-z0-9][A-Za-z0-9._@-]{0,99}|role:[a-z][a-z_]{0,29})$`
	targetPattern = `^[a-z*?][a-z0-9_.*?-]*:[\s\S]+$`
	tag           = `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`
)

// Scenario is the schema of a file of a scenario, whose steps use actions of the
// catalog, as indented JSON with a line break at its end.
func Scenario(cat runbooks.Catalog) ([]byte, error) {
	s := scenario(cat)
	s["$schema"] = Draft
	s["title"] = "firebreak scenario"
	return written(s)
}

// name is a text of a form, which YAML may read as a number.
func name(pattern, say string, examples ...any) object {
	s := word(pattern, say, examples...)
	s["type"] = []string{"string", "number"}
	return s
}

func aStep(examples ...any) object {
	return word(stepName, "name a step by its id; the second item of a list is revoke.2, a step of a called runbook is other.owner, an undo is disable~undo", examples...)
}

func aPerson() object { return name(personID, "use letters, digits and . _ @ -", "alice") }

func anID(example string) object { return word(plainName, nameSays, example) }

// moment is a time since the start, or a delay.
func moment(example string) object {
	return withExamples(length(), []any{example})
}

// yes is a key that is true or not there.
func yes() object { return object{"type": "boolean", "const": true} }

// oneKey says that one of some keys must be there; firebreak lint says when there
// are two.
func oneKey(s object, keys ...string) object {
	var forms []object
	for _, k := range keys {
		forms = append(forms, object{"required": []string{k}})
	}
	s["anyOf"] = forms
	return s
}

func several(of object, most int) object {
	return object{"type": "array", "minItems": 1, "maxItems": most, "items": of}
}

func scenario(cat runbooks.Catalog) object {
	s := table(
		key{"apiVersion", "The version of the language.", object{"type": "string", "const": "firebreak/v1"}, true},
		key{"kind", "What the file is.", object{"type": "string", "const": "Scenario"}, true},
		key{"id", "The name by which it is rehearsed; the same for its whole life.", name(runbookID, "use lower-case letters, digits and single dashes", "leaked-key-friday"), true},
		key{"title", "What happens, in one line, for those who choose it.", prose("A key leaks on a Friday evening"), true},
		key{"shown", "The title that players see, which gives nothing away.", fallback(prose("Unusual API calls in prod"), "Exercise"), false},
		key{"runbook", "The id of the runbook that is rehearsed.", name(runbookID, "a runbook is named like leaked-access-key", "leaked-access-key"), true},
		key{"owner", "Who keeps the scenario.", table(
			key{"team", "The team that keeps it.", prose("cloud-security"), false},
			key{"contact", "Where to ask about it.", prose("#cloud-sec"), false},
			key{"escalate", "Who is asked when nobody else is named.", person("group:security-leads"), false},
		), false},
		key{"severity", "The severity of the incident, 1 is the worst.", fallback(whole(1, 4), 2), false},
		key{"seed", "The number from which everything that is chance follows.", fallback(whole(0, 1<<53-1), 1), false},
		key{"tests", "What the scenario is good for.", list(name(tag, "name what it is good for, such as ambiguous-outcome"), []any{"ambiguous-outcome", "absent-approver"}), false},
		key{"briefing", "What players are told at the start.", prose(), true},
		key{"objectives", "What the rehearsal is to show.", several(table(
			key{"id", "The name of the objective.", anID("o1"), true},
			key{"text", "What is to be shown, in one line.", prose("The key is unusable within 20 minutes"), true},
			key{"capability", "What it is about.", object{"type": "string", "enum": []string{"detection", "analysis", "containment", "eradication", "recovery", "communication", "coordination"}}, false},
			key{"check", "An expression that is true when it was met, without ${{ }}; without it, somebody rates it by hand.", expression("metrics.time_to_full_containment <= 1200"), false},
		), 50), false},
		key{"facts", "What players may know, by name.", object{"type": "object", "propertyNames": word(factName, "use letters, digits, spaces and _ . -, starting with a letter"), "additionalProperties": described(prose(), "The fact."), "maxProperties": 100}, false},
		key{"people", "The people of the script, with their groups.", object{"type": "object", "propertyNames": word(personID, "use letters, digits and . _ @ -"), "additionalProperties": either(
			described(list(aPerson()), "The groups of the person."),
			table(personKeys()...),
		)}, false},
		key{"facilitator", "Who leads the rehearsal when the script plays it: somebody of people, or a person.", either(
			described(aPerson(), "The name of somebody of people."),
			table(append([]key{{"id", "The name of the person.", aPerson(), true}}, personKeys()...)...),
		), false},
		key{"environment", "Where the run takes place.", scenarioEnvironment(), false},
		key{"answers", "What the world does with each step, attempt by attempt; every step that uses an action needs an answer.", answers(), false},
		key{"injects", "What players are told on the way, and what it changes in the world.", several(inject(), 200), false},
		key{"clocks", "Duties to notify somebody in time.", several(table(
			key{"id", "The name of the duty.", anID("gdpr"), true},
			key{"text", "Whom to notify, and by which rule.", prose("data protection authority, GDPR art. 33"), true},
			key{"from", "The inject from which it counts; without it, the start.", anID("i1"), false},
			key{"within", "How much time there is.", span("72h"), true},
			key{"note", "A note that holds this text meets it, in any case.", prose("authority"), true},
		), 50), false},
		key{"forbidden", "What is wrong to do here.", several(oneKey(table(
			key{"action", "An effect of this action is begun.", actionWord(cat), false},
			key{"step", "An effect of this step is begun.", aStep("revoke"), false},
			key{"target", "An effect on a target of this pattern is begun, as in protected.", word(targetPattern, "write a target as in protected", "aws.iam.user:*"), false},
			key{"verb", "Somebody does this.", verb(), false},
			key{"of", "The step of the verb; without it, any.", aStep("disable"), false},
			key{"why", "Why it is wrong, for the report.", prose("destroys evidence"), true},
		), "action", "step", "target", "verb"), 100), false},
		key{"end", "When the rehearsal is over.", table(
			key{"when", "An expression; the rehearsal is over once it is true.", expression(`run.status == "done"`), false},
			key{"max", "How much time it may take at most.", span("60m"), true},
		), true},
		key{"script", "What made up participants type, so that it can be played without people.", several(oneKey(table(append([]key{
			{"by", "Who types it, one of people or the facilitator.", aPerson(), true},
			{"type", "The line, as after /incident.", prose("approve disable"), true},
			{"via", "Typed in the chat; without it, in the terminal.", object{"type": "string", "enum": []string{"chat"}}, false},
			{"each", "Typed for each question, not only for the first.", flag(false), false},
			{"refused", "It must be refused, with this text as a part of what is said.", prose("somebody else has to decide"), false},
		}, triggers()...)...), "at", "after", "asked", "when"), 1000), false},
	)
	s["description"] = "A scenario of firebreak: what players are told, what the world does, and what is expected of them."
	s["defaultSnippets"] = scenarioSnippets()
	return s
}

func personKeys() []key {
	return []key{
		{"groups", "The groups of the person.", list(aPerson(), []any{"security-leads"}), false},
		{"identities", "Targets that are this person: who may not decide about them.", list(prose(), []any{"aws.iam.user:bob"}), false},
	}
}

func scenarioEnvironment() object {
	return table(
		key{"name", "The name of the environment, one of those of the runbook.", word(environment, "use lower-case letters, digits, dashes and underscores, starting with a letter", "prod"), false},
		key{"account", "The account.", prose("111122223333"), false},
		key{"region", "The region.", prose("eu-central-1"), false},
		key{"protected", "Patterns of targets that nobody may touch.", list(prose(), []any{"aws.iam.user:root*"}), false},
		key{"floor", "The least approval that the environment demands.", table(
			key{"effect", "Of steps with this effect, and of worse ones.", choice([][2]string{{string(actions.Read), "every step"}, {string(actions.Reversible), "every change"}, {string(actions.Destructive), "what cannot be taken back"}}), true},
			key{"from", "Who has to say yes.", people([]any{"group:security-leads"}), true},
			key{"quorum", "How many different people.", whole(1, 20), true},
			key{"break_glass", "Whether the break_glass of a runbook stands here; without it nobody goes on alone.", flag(false), false},
		), false},
	)
}

func verb() object {
	return object{"type": "string", "enum": []string{"run", "approve", "deny", "note", "cancel", "retry", "skip", "done", "undo", "extend", "keep", "break_glass", "review", "applied", "not_applied", "export"}}
}

// triggers are the keys that say when, without hand.
func triggers() []key {
	return []key{
		{"at", "The time since the start.", moment("10m"), false},
		{"after", "A step has ended, or an inject was delivered.", aStep("disable", "i1"), false},
		{"asked", "A question about this step is open.", aStep("disable"), false},
		{"when", "An expression has become true, without ${{ }}.", expression(`steps.disable.status == "failed"`), false},
		{"delay", "How much later.", moment("3m"), false},
	}
}

func inject() object {
	s := table(append([]key{
		{"id", "The name of the inject.", anID("i1"), true},
		{"to", "Who is told.", word(audience, "write channel, person:NAME, group:NAME or role:NAME", "channel", "role:commander"), true},
		{"say", "What is said.", prose("The payments team says that builds fail"), true},
		{"hand", "The facilitator delivers it.", yes(), false},
		{"red_flag", "A yes to one of these steps after it is a wrong decision.", list(aStep(), []any{"revoke"}), false},
		{"chat", "From then on the chat is down, or up again.", object{"type": "string", "enum": []string{"down", "up"}}, false},
		{"away", "People who are away from then on.", list(aPerson(), []any{"carol"}), false},
		{"back", "People who are back.", list(aPerson(), []any{"carol"}), false},
		{"answers", "What the world does with steps from the next attempt on.", answers(), false},
		{"expect", "What players should do after it.", several(expectation(), 50), false},
	}, triggers()...)...)
	s["defaultSnippets"] = injectSnippets()
	return oneKey(s, "at", "after", "asked", "when", "hand")
}

func expectation() object {
	s := table(
		key{"verb", "Somebody does this.", verb(), false},
		key{"target", "What the verb is about: a step, or the runbook.", prose("disable"), false},
		key{"step", "This step has ended.", aStep("disable"), false},
		key{"status", "How the step has ended.", fallback(object{"type": "string", "enum": runbooks.Statuses()}, "done"), false},
		key{"note", "Somebody notes something that holds this text, in any case.", prose("told the customer"), false},
		key{"when", "An expression has become true, without ${{ }}.", expression("steps.disable.approvers >= 2"), false},
		key{"hand", "The facilitator judges it.", yes(), false},
		key{"text", "What is expected, in words, for the report.", prose("Somebody tells the payments team"), false},
		key{"by", "Who has to do it; without it, anybody.", people([]any{"group:security-leads"}), false},
		key{"within", "How much time there is since the inject.", span("5m"), true},
		key{"points", "What it is worth.", fallback(whole(0, 1000), 1), false},
	)
	s["dependencies"] = object{"target": []string{"verb"}, "status": []string{"step"}, "hand": []string{"text"}}
	return oneKey(s, "verb", "step", "note", "when", "hand")
}
