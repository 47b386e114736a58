// Package readiness says which runbooks a team can rely on tonight, and what a
// review of the last months has to talk about. It compares the runbooks of
// today with what was rehearsed and what happened.
//
//	c, err := readiness.Read(source, readiness.ReadOptions{})  // one for each DRL and INC
//	ledger := readiness.Make(readiness.Input{Now: now, Programs: programs, Drills: drills, Incidents: incidents, ...})
//	bad := ledger.Failing([]readiness.State{readiness.Stale, readiness.Drifted})
//	report := readiness.Review(input, now.AddDate(0, 0, -90))
//
// Both can be written as text, as Markdown and as JSON. Every line that rests on
// a fact names it: the incident and the place in its journal, "DRL-3:41".
//
// # States
//
// A runbook has one state or more; [States] lists them, the worst first.
//
//	blocked   an approval cannot be given: too few active people are left among
//	          those who are asked, whoever starts the run (the floors of the
//	          environments and an additional approver count); or a glass can be
//	          broken that nobody is left to review, so that the incident could
//	          never be resolved; or lint keeps it from being run
//	failing   the last rehearsal failed, or too few of the last ones did not
//	orphaned  whom the owner names (escalate, or contact) is not in the directory,
//	          or has nobody active
//	never     no rehearsal of it counts; the row says why
//	drifted   what it means, or who may approve it, is not what the last rehearsal
//	          that did not fail has shown
//	stale     that rehearsal is older than the policy allows
//	fresh     none of the above
//
// What counts as a rehearsal: an exercise of the runbook that ended by its own
// end, its time, its players or its facilitator, in which somebody beside its
// facilitators did something, and in which the runbook was run (or that failed
// without). One that the stop word or a live incident cut short is told and does
// not count. Neither does one that only its script played, unless the policy says
// so: the engine was rehearsed then, and nobody who is awake at three in the
// morning. "pass" and "partial" both do not fail: what a partial one left to be
// done is in its corrective actions.
//
// Drift is a difference in meaning, by [diff.Compare] on the compiled programs: a
// comment, the layout or another place in the file keep the state. Because a
// program pins the version of each action and each runbook that it calls, a
// changed action and a changed called runbook are drift too. Who took part is
// compared as the facts show it: a person who approved for a group and is not in
// it any more, and one who took part without being in it and is now. Members whom
// no fact names cannot be compared. A scripted rehearsal has made up people, and
// one at one terminal has the parts of its scenario, so they say nothing about the
// people of the directory; both are told apart everywhere.
//
// Step by step: a step is exercised when its effect was begun, a person was
// asked to do it, or its own steps were laid out, in a rehearsal that counts, and
// it has not changed since. So the row says "disable was never rehearsed" long
// after the runbook as a whole was.
//
// A broken glass is told with its age until somebody has reviewed it, and after
// that with what was found; of rehearsals only how many there were. An approval
// that was granted by one is in no latency, and who broke it stood in no role: they
// say how people decide, and nobody who was asked did.
//
// # Invariants
//
//   - Pure: no clock, no file, no network; the same input gives the same bytes.
//   - A [Case] holds counts and places, never the facts, so that a store of any
//     size is read with one incident in memory at a time.
//   - Nothing here is a figure of its own where the score of a rehearsal has one.
//   - What is not known is said to be unknown, never taken for good: with no
//     directory nobody is called blocked, and the ledger says that it did not look.
//
// # Design
//
// The ledger is worked out from the journals each time it is asked for. A file
// with the state of each runbook was rejected: it would be a second truth that
// can be edited, and the first one is there. So is a state by age alone, as a
// calendar would have it: a runbook that was rehearsed yesterday and changed this
// morning is the one that fails tonight.
package readiness
