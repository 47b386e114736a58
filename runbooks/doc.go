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
// The if of a step is an [Expression]; with and manual hold a [Value] whose texts
// may hold ${{ expression }}. They read inputs.NAME, steps.ID.status,
// steps.ID.outputs.FIELD, incident.id, .title and .severity, environment.name,
// .account and .region, run, and now. All of these are typed, so a wrong name or
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
//     that may end without being done (it has an if, or its failure or refusal lets
//     the run continue) are read only behind steps.ID.status == "done" && ..., in
//     the same expression or in the if of the step that reads.
//   - A value is filled in once. What an expression gives is never looked at
//     again, so text from an alert that contains ${{ }} stays text.
//
// An expression is deterministic and bounded: at most 1 KiB of source and 200
// parts, two loops inside each other, lists of 256 items, texts of 64 KiB; it has
// no clock, no random order and only the functions of [Functions].
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
// an output without voiding every approval.
//
// A condition, a guard and an order are checked by the compiler rather than by a
// lint rule, because a program that breaks them cannot be run with any safety.
package runbooks
