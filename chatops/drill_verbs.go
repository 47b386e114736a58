package chatops

import "strings"

// Verbs of exercises and of what is added to a record afterwards. Those of two
// words are one verb each, with rights and a help of its own.
const (
	DrillStart     Verb = "drill start"
	DrillScenarios Verb = "drill scenarios"
	DrillStatus    Verb = "drill status"
	DrillInject    Verb = "drill inject"
	DrillSkip      Verb = "drill skip"
	DrillHold      Verb = "drill hold"
	DrillGo        Verb = "drill go"
	DrillSpeed     Verb = "drill speed"
	DrillAdvance   Verb = "drill advance"
	DrillOutcome   Verb = "drill outcome"
	DrillHint      Verb = "drill hint"
	DrillJudge     Verb = "drill judge"
	DrillObserve   Verb = "drill observe"
	DrillRate      Verb = "drill rate"
	DrillEnd       Verb = "drill end"
	DrillStop      Verb = "drill stop"
	DrillFeedback  Verb = "drill feedback"
	DrillReport    Verb = "drill report"

	CorrectiveAdd   Verb = "corrective add"
	CorrectiveClose Verb = "corrective close"

	Correct Verb = "correct"
	KeyTime Verb = "keytime"
	Hide    Verb = "hide"
	Unhide  Verb = "unhide"
)

// Slots of these verbs.
const (
	scenarioSlot   slot = "scenario"
	injectSlot     slot = "inject"
	factorSlot     slot = "factor"
	timeSlot       slot = "time"
	playedSlot     slot = "step to play"
	objectiveSlot  slot = "objective"
	correctiveSlot slot = "corrective action"
	placeSlot      slot = "journal place"
)

// families are the first words of verbs of two words.
var families = []string{"drill", "corrective"}

// exercise says whether a verb is a word for an exercise, so that no live
// incident can be meant.
func (e entry) exercise() bool { return strings.HasPrefix(string(e.verb), "drill ") }

// rehearseEntries lists the verbs of exercises, and those for the record.
func rehearseEntries() []entry {
	reason := flag{name: "reason", value: "text", text: true, doc: "why; it is written down"}
	must := func(f flag) flag { f.must = true; return f }
	return []entry{
		{verb: DrillScenarios, aliases: []string{"drill list"}, who: anybody, handle: (*Bot).drillScenarios,
			help: "list the scenarios that can be rehearsed", example: "drill scenarios"},
		{verb: DrillStart, target: scenarioSlot, changes: true, who: facilitators, handle: (*Bot).drillStart,
			flags: []flag{
				{name: "speed", value: "n", most: 1000, doc: "how many times as fast the clock runs while nobody is asked anything"},
				{name: "blind", doc: "players do not learn which scenario it is"}},
			help: "begin an exercise; you are its facilitator", example: "drill start leaked-access-key-friday --blind"},
		{verb: DrillStatus, aliases: []string{"drill console"}, scope: needIncident, who: control, handle: (*Bot).drillStatus,
			help: "show the facilitators' console: what was delivered, what comes, what can be done", example: "drill status DRL-3"},
		{verb: DrillInject, aliases: []string{"drill deliver"}, scope: needIncident, target: injectSlot, changes: true, who: control, handle: (*Bot).drillInject,
			help: "deliver an inject now", example: "drill inject i3"},
		{verb: DrillSkip, scope: needIncident, target: injectSlot, changes: true, reason: true, who: control, handle: (*Bot).drillSkip,
			flags: []flag{reason}, help: "leave an inject out", example: `drill skip i3 --reason "they know already"`},
		{verb: DrillHold, aliases: []string{"drill pause"}, scope: needIncident, text: "reason", changes: true, who: control, handle: (*Bot).drillHold,
			help: "stop the clock of the exercise", example: `drill hold "a question about the rules"`},
		{verb: DrillGo, aliases: []string{"drill resume"}, scope: needIncident, changes: true, who: control, handle: (*Bot).drillGo,
			help: "let the clock go on", example: "drill go"},
		{verb: DrillSpeed, aliases: []string{"drill pace"}, scope: needIncident, target: factorSlot, changes: true, who: control, handle: (*Bot).drillSpeed,
			help: "change how fast the clock runs while nobody is asked", example: "drill speed 10"},
		{verb: DrillAdvance, scope: needIncident, target: timeSlot, changes: true, who: control, handle: (*Bot).drillAdvance,
			help: "let time pass at once", example: "drill advance 30m"},
		{verb: DrillOutcome, scope: needIncident, target: playedSlot, text: "outcome", changes: true, who: control, handle: (*Bot).drillOutcome,
			help: "decide what the next attempt of a step comes to: ok, fail, timeout, unknown or lies", example: "drill outcome disable unknown"},
		{verb: DrillHint, scope: needIncident, text: "hint", changes: true, who: control, handle: (*Bot).drillHint,
			flags: []flag{{name: "to", value: "person", doc: "person:bob; everybody when not given"}},
			help:  "help the players; it counts", example: `drill hint "look at the second key" --to person:bob`},
		{verb: DrillJudge, scope: needIncident, target: injectSlot, text: "met or missed", changes: true, who: control, handle: (*Bot).drillJudge,
			flags: []flag{{name: "n", value: "number", most: 20, doc: "which expectation of the inject; 1 when not given"}, reason},
			help:  "say whether what an inject expects was done", example: `drill judge i3 met --reason "called at 14:05"`},
		{verb: DrillObserve, scope: needIncident, text: "observation", changes: true, who: control, handle: (*Bot).drillObserve,
			flags: []flag{{name: "objective", value: "id", doc: "which objective it is about"}},
			help:  "write down what you see; players do not see it until the exercise is over", example: `drill observe "nobody asked who owns the key" --objective o2`},
		{verb: DrillRate, scope: needIncident, target: objectiveSlot, text: "P, S, M or U", changes: true, reason: true, who: control, handle: (*Bot).drillRate,
			flags: []flag{reason},
			help:  "rate an objective: performed, with some or major challenges, unable", example: `drill rate o1 S --reason "found only after a hint"`},
		{verb: DrillEnd, scope: needIncident, text: "summary", changes: true, who: control, handle: (*Bot).drillEnd,
			help: "end the exercise", example: `drill end "all objectives were seen"`},
		{verb: DrillStop, scope: needIncident, changes: true, who: viewers, handle: (*Bot).drillStop,
			help: "stop the exercise at once; everybody in it may", example: "drill stop DRL-3"},
		{verb: DrillFeedback, aliases: []string{"drill hotwash"}, scope: needIncident, changes: true, who: viewers, handle: (*Bot).drillFeedback,
			flags: []flag{
				{name: "well", value: "text", text: true, doc: "what went well"},
				{name: "badly", value: "text", text: true, doc: "what did not"},
				{name: "change", value: "text", text: true, doc: "what should be changed first"},
				{name: "anonymous", doc: "written down under no name"}},
			help: "look back: the three questions of the hot wash", example: `drill feedback --well "calm" --badly "two approvers were away" --change "a third one"`},
		{verb: DrillReport, scope: needIncident, target: formatSlot, optional: true, changes: true, who: exporters, handle: (*Bot).drillReport,
			help: "hand out the after-action report: html, md, json, the evidence sheet (evidence-html, evidence-md) or the improvement plan (csv)", example: "drill report html DRL-3"},
		{verb: CorrectiveAdd, scope: needIncident, text: "what has to be done", changes: true, who: owners, handle: (*Bot).correctiveAdd,
			flags: []flag{
				must(flag{name: "owner", value: "person", doc: "who does it: a person of the directory"}),
				must(flag{name: "due", value: "day", doc: "until when: 2027-03-31"}),
				{name: "objective", value: "id", doc: "which objective it is about"}},
			help: "add a corrective action", example: `corrective add "a third approver for prod" --owner bob --due 2027-03-31`},
		{verb: CorrectiveClose, scope: needIncident, target: correctiveSlot, text: "what shows it", changes: true, who: owners, handle: (*Bot).correctiveClose,
			help: "say that a corrective action is done", example: `corrective close C1 "commit 41f2c0"`},
		{verb: Correct, scope: needIncident, target: placeSlot, text: "better words", changes: true, reason: true, who: owners, handle: (*Bot).correct,
			flags: []flag{reason},
			help:  "give better words for a line of the timeline; the record stays as it is", example: `correct 41 "the alert of GuardDuty" --reason "it was not clear which"`},
		{verb: KeyTime, scope: needIncident, text: "name", changes: true, who: owners, handle: (*Bot).keyTime,
			flags: []flag{
				must(flag{name: "at", value: "time", doc: "when it was: 14:05, 10m (ago), 2026-03-01T14:05Z; UTC"}),
				must(flag{name: "source", value: "text", text: true, doc: "what proves it: a link or a place"})},
			help: "add a key time that the record has no line of", example: `keytime "detected" --at 13:40 --source https://example.com/alert/17`},
		{verb: Hide, scope: needIncident, target: placeSlot, changes: true, reason: true, who: owners, handle: (*Bot).hide,
			flags: []flag{reason},
			help:  "leave a line out of what people read first; the record stays as it is", example: `hide 41 --reason "about a person's health"`},
		{verb: Unhide, scope: needIncident, target: placeSlot, changes: true, who: owners, handle: (*Bot).unhide,
			help: "show a hidden line again", example: "unhide 41"},
	}
}

// verbWords says how many of the words at the start of a line are its verb,
// and gives the verb's name.
func verbWords(words []string) (name string, n int) {
	if len(words) == 0 {
		return "", 0
	}
	name = strings.ToLower(words[0])
	for _, f := range families {
		if name == f && len(words) > 1 {
			return name + " " + strings.ToLower(words[1]), 2
		}
	}
	return name, 1
}
