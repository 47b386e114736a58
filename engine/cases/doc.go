// Package cases plays the tests of runbooks, and makes a test of what happened.
//
// A file of tests stands beside its runbook and is named like it: x_test.yaml
// for x.yaml. Package runbooks reads and checks it ([runbooks.ParseTests],
// [runbooks.Tests.Check]); [Run] plays each case on the simulated world of
// package sim and compares; [Record] writes a case from the facts of a run.
//
//	apiVersion: firebreak/v1
//	kind: RunbookTest
//	runbook: leaked-access-key.yaml           # beside this file
//	coverage: {steps: 100%, branches: 100%}   # else the file fails; branches are both sides of each if
//	people:
//	  alice: [security-leads]                 # the groups of a person
//	  bob: {groups: [security-leads], identities: ["aws.iam.user:bob"]}
//	defaults: {...}                           # lies under each case; the keys of a case without name and table
//	cases:
//	  - name: an active key is switched off
//	    incident: {title: ..., severity: 2}
//	    requester: alice                      # who starts the run; nobody in particular when not given
//	    environment: {name: prod, account: "111122223333", region: eu-central-1, protected: [...], floor: {effect: reversible, from: [group:x], quorum: 2}}
//	    inputs: {access_key_id: AKIAIOSFODNN7EXAMPLE}
//	    answers: {...}
//	    people: [...]
//	    expect: {...}
//	    table: [{name: ..., ...}]             # a case for each row, which lies over this one
//
// Steps are named as the engine does: disable; revoke.2 for the second item of
// a list (revoke: for all that have no answer of their own); other.owner for a
// step of a runbook that is called; disable~undo.
//
// # answers: what the world does
//
// Under the name of a step, one answer for all attempts, or a list with one for
// each; the last repeats. What an answer does not say it has from the defaults,
// outputs one by one. An answer of a case that is never asked for is a failure.
//
//	outputs: {user: ci, ...}      typed; what the action needs must be there
//	takes: 3s                     a second when not given
//	targets: ["aws.iam.user:ci"]  what the plan names, with then_targets for what a second reading names,
//	changes, in_effect, no_undo   and the rest of a plan
//	fails: throttled              the class of a failure, with message
//	plan_fails: denied            the target cannot be read; times: 2 for the first two readings only
//	readings: [{targets: [...]}, {fails: denied}]   each reading of the target by itself, the last repeats
//	unknown: true                 the answer is lost; found: applied | not_applied | unknown is what a probe says
//	times_out: true               no answer comes; found as well
//	lies: true                    it says that it worked, and the proof fails for ever
//	unreadable: true              the proof cannot be read
//	verified_after: 20s           the effect shows only then
//
// An undo works when nothing else is said.
//
// # people: who does what
//
// One line for each act: a verb with the step, by, and when. After counts from
// the moment when there is something to do it about (a question, a step that is
// held, has failed or is done; a minute when not given), at from the start of
// the run, whatever there is to do. What nobody answers expires in its time.
//
//   - {approve: STEP, by: bob, after: 2m}     deny (with reason); a signature that a step asks
//     for is made up, unless unsigned: true
//   - {answer: STEP, by: bob, with: nothing}  a manual step
//   - {retry: STEP, by: bob}                  confirm: not_applied where its outcome is not known
//   - {applied: STEP, by: bob}                or not_applied: a person's word about an attempt in doubt
//   - {skip: STEP, by: bob, reason: ...}
//   - {undo: STEP, by: bob}
//   - {lift: STEP, by: bob}                   a containment that is over; extend (with for and reason), keep (with reason)
//   - {break_glass: STEP, by: bob, reason: ...}   alone, without those who should approve; the target is typed out, the
//     first of the plan, and the signature is made up
//   - {review: STEP, by: bob, with: justified}    or unjustified: whether that was right; reason is what was found
//   - {cancel: true, by: bob, at: 10m, reason: ...}
//
// An act of a case happens once, and that it never does is a failure; so is one
// that the engine refuses, unless refused: "part of what it says" stands with
// it. An act of the defaults happens for each question, or for none; it gives
// way to an act of the case that answers the same question.
//
// # expect: what has to come of it
//
//	run: done                     failed, refused, cancelled; active when it waits for a person at the end
//	reason: text                  part of the run's reason
//	path: [owner, disable]        the steps that began to run, in order, each once; without undos, and without the
//	                              steps that stand for others (a list, a runbook); items in the order of their list
//	steps: {disable: done}        where steps stand
//	because: {disable: text}      part of why
//	attempts: {disable: 2}
//	outputs: {disabled: true}     of the run; step_outputs: {owner: {user: ci}}
//	approvals: {disable: {quorum: 1, from: [group:x], verdict: granted, by: [bob], asked: 1}}   the latest; none: nobody is asked
//	undone: [disable]             in order
//	evidence: [collect]           the steps marked so that were done before anything was changed
//	within: 20m                   from the start of the run to the last verified change
//	timeline: ["text"]            parts of lines
//
// # What is always checked
//
// [engine.Audit] reads every story; a promise that the engine broke fails the
// case whatever it expects. Everything in the file is typed against the runbook
// and the actions before anything is played, and all that is wrong is said at
// once.
//
// # Recording
//
// A recorded case answers as the world did and acts as people did, so that the
// run comes out as it did. Ids, names, addresses, times and texts are replaced
// by stand-ins: the same for the same text, and of the same form, so that types
// and patterns fit and what was equal stays equal. People are a, b, c; times keep
// their distance to the run; references to secrets stay references. Only words
// that the runbook itself names stay what they are. A case that does not come out
// as the run did, because items of a list that were in flight at the same time
// met in another order, is written all the same, and the difference is told.
//
// # Design
//
// The cases are data, not code, because those who write runbooks write YAML, and
// because data can be recorded. Rejected: expectations on single facts, which
// would break with every better engine; what is compared here is what a person
// would ask about a run. Rejected, too: assertions in the expression language;
// a test that computes can be wrong in the same way as what it tests.
package cases
