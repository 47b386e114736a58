// Package runbooks is the language in which containment is written down.
//
// A runbook is a YAML file in git. [Parse] reads it into a typed tree in which
// every value knows its place, [Compile] checks it against the actions there
// are and pins it, and [Load] does both. What comes out is a [Program]: a plain
// value that a run executes, that encodes to canonical JSON and is named by its
// digest, so that editing or deleting the file does not touch a run that has
// begun.
//
//	p, found := runbooks.Load(name, src, registry)
//	if err := found.WriteText(os.Stderr, map[string][]byte{name: src}); err != nil {
//		return err
//	}
//	if found.HasErrors() {
//		return errLint
//	}
//	inputs, problems := p.CoerceInputs(map[string]string{"access_key_id": "AKIA..."})
//
// # Steps
//
// A step does one thing: it uses an action, asks a person (manual), lets time pass
// (wait) or runs another runbook. With for_each it is done for each item of a list;
// how many at once and how many may fail is written down, and one approval is asked
// for all. What belongs to which kind is said by the compiler, with a place.
//
// A runbook that is called becomes part of the program that calls it, so a run
// depends on no file. [LoadAll] compiles files in the order of their calls, and
// refuses circles, more than four inside each other, more than 1,000 steps in all,
// and a call from an environment that the called one is not for.
//
// The steps of on_cancel run after a cancel; those of a runbook that is called, when
// it was in progress then. A waiver lets one finding of lint pass;
// the compiler checks its form, lint its rule and its day.
//
// # Inputs
//
// An input is text, a whole number, true or false, a duration, a list or a map (two
// inside each other at most), or a text of a known form: see [Formats]. A sensitive
// one is the reference to a secret, never the value, and is given as a whole to a
// parameter that is secret, or nowhere. A list may have 10,000 items where it is only
// named; an expression computes with 256, and the compiler bounds the input to that,
// so that it is not found out in the middle of a run.
//
// # Faults
//
// Every fault of a file is reported at once, sorted, each a [Diagnostic] with
// file, line, column and what to do. There is a program or there are errors,
// never both. Danger in a file that is correct is the matter of package lint.
//
// # Values
//
// A scalar means what the schema says, never what YAML would make of it: yes,
// 010, 1.10 and a date stay the text they are where a text is asked for, and are
// an error where something else is. Anchors, aliases, merge keys, tags, second
// documents, repeated keys, controls and marks that turn the reading direction
// are refused, so that the file means what it shows.
//
// # Expressions
//
// The if of a step, the list of a for_each, the until of a wait and an output are
// each an [Expression]; with, manual and undo hold a [Value] whose texts may hold
// ${{ expression }}. They read inputs.NAME, steps.ID.status, steps.ID.outputs.FIELD,
// incident.id, .title and .severity, environment.name, .account and .region, run, and
// now; with, manual and undo of a step with for_each read item and index too, its if
// does not, because it decides for all items. All of these are typed, so a wrong name or
// a wrong type is an error with a column when the file is read. There are text,
// whole numbers, true and false, lists and objects; a duration counts as whole
// seconds and a time as Unix seconds, as now does. A text that is exactly one
// ${{ path }} keeps the type of the path, so a duration stays a duration.
//
// Three promises hold:
//
//   - Nothing is silently false. There is no nil, no optional access and no
//     default; a value that is not there is an error that names its path.
//     Comparing a closed set of words with another word is a fault.
//   - A step reads only what has certainly ended before it. The outputs of a step
//     that may end without being done (it has an if or a list that may be empty, its
//     failure or refusal lets the run continue, or the run was cancelled) are read only
//     behind steps.ID.status == "done" && ..., in
//     the same expression or in the if of the step that reads.
//   - A value is filled in once. What an expression gives is never looked at
//     again, so text from an alert that contains ${{ }} stays text.
//
// An expression is deterministic and bounded: at most 1 KiB of source and 200
// parts, two loops inside each other, lists of 256 items, texts of 64 KiB, and 1,000
// of them in a file; it has no clock, no random order and only the functions of [Functions].
//
// # Scenarios
//
// A scenario is what a rehearsal of one runbook is played by: what players are
// told and when, what the world does, what is expected, and when it is over.
// [ParseScenario] and [ScenarioFile.Check] read one, [LoadScenarios] many; what
// comes out is a [Scenario], a plain value like a Program.
//
//	apiVersion: firebreak/v1
//	kind: Scenario
//	id: leaked-key-friday
//	title: A key leaks on a Friday evening
//	shown: Unusual API calls in prod          # what players see; "Exercise" when not given
//	runbook: leaked-access-key                # id
//	owner: {team: cloud-security, contact: "#cloud-sec"}
//	severity: 2                               # 2 when not given
//	seed: 7                                   # 1 when not given
//	tests: [ambiguous-outcome]                # what it is good for
//	briefing: It is Friday, 18:40. ...
//	objectives: [{id: o1, text: ..., capability: containment, check: metrics.time_to_full_containment <= 1200}]
//	facts: {principal: ci-deployer}           # what players may know
//	people: {alice: [security-leads], bob: {groups: [...], identities: [...]}}   # of the script
//	facilitator: {id: fran}                   # or a name of people; "facilitator" when not given
//	environment: {...}                        # as in a file of tests, as are people and answers
//	answers: {disable: [...]}                 # every step that uses an action has one, also those of on_cancel
//	injects:
//	  - {id: i1, at: 0m, to: channel, say: ..., expect: [{verb: run, target: leaked-access-key, within: 5m, points: 2}]}
//	  - {id: i2, after: disable, delay: 3m, to: role:commander, say: ..., red_flag: [revoke]}
//	  - {id: i3, asked: disable, to: channel, say: ..., away: [carol]}
//	  - {id: i4, when: steps.disable.status == "failed", to: group:leads, say: ..., answers: {disable: ...}}
//	  - {id: i5, hand: true, to: person:legal, say: ..., chat: down}
//	clocks: [{id: gdpr, text: "data protection authority, GDPR art. 33", from: i1, within: 72h, note: authority}]
//	forbidden: [{action: aws.iam.delete_access_key, why: ...}, {step: ...}, {target: ...}, {verb: skip, of: disable}]
//	end: {when: steps.tell.done, max: 60m}
//	script: [{by: bob, asked: disable, delay: 90s, type: approve disable, via: chat, each: true, refused: ...}]
//
// An inject and a line of the script have one trigger: at, after, asked, when, or
// hand (of injects only). An expectation is one of verb, step (with status), note,
// when and hand, and is worth a point when it does not say how many.
//
// Conditions are expressions over [ScenarioScope], as the runbook is checked by;
// only the check of an objective reads metrics, and whether an expectation was
// met, because these are worked out at the end. [CompileScenario] makes them ready
// once; a path without a value is a [*NoValue], never false.
//
// What fits and yet shows nothing is a warning: no-objective, no-owner,
// never-delivered and never-typed (it comes when the exercise is over, or waits for
// itself), late-expectation, and nobody-left (all who may approve, or
// break the glass, are away for good). A text that looks like a secret, or that holds what nobody sees, is an
// error: secret-in-scenario, hidden-character.
//
// # Design
//
// Expressions are parsed, typed and run by expr-lang, behind an allow list on the
// syntax tree. Every function of the library is replaced by one of our own, since
// switching them off leaves its predicates in place and a later release may add
// names; every access to a value is rewritten into a call that checks that it is
// there, and that notes it as a [Reading]. Rejected: CEL, which is better bounded
// but brings nine modules; a language of our own, which nobody knows; values as a
// map handed to the library, where a missing key compares as false.
//
// The digest covers meaning: comments, layout, the order of keys, positions and
// the file's name do not count. Of an action it covers what the run depends on
// (version, effect, repeat, the outputs that are read), so that an action may gain
// an output without voiding every approval; of a runbook that is called it covers the
// digest. To read the results of a for_each pins all outputs of its action.
//
// A runbook that is called is compiled into the program that calls it. Rejected: a
// reference that a run resolves when it gets there, by which an edit during an
// incident would change what was approved; and one flat list of steps, by which the
// record would not say who wrote what.
//
// A scenario names its runbook by id and is checked against it each time it is
// loaded, so that a step that leaves the runbook is found before the next
// rehearsal. Its warnings are given by the check and not by rules of lint: a rule
// of lint reads a Program, and most of these follow from the file alone. Rejected:
// a story in free text with marks, which nobody could check; outcomes by action
// in place of step and attempt, by which the same action could not fail once and
// then work; and injects that change facts of the engine by themselves, since what
// players do must be the only way to a new fact. The outputs of answers are encoded
// as a text, because a map in them may have any keys and the record takes few.
//
// A pattern is weighed before it is compiled, and every list of a file is counted:
// reading a file costs at most what its length allows, whatever it says, because the
// files of others are read too when an editor or a pull request opens them.
//
// A condition, a guard and an order are checked by the compiler rather than by a
// lint rule, because a program that breaks them cannot be run with any safety.
package runbooks
