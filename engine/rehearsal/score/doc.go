// Package score works out what the facts of an exercise, or of a live incident,
// show: every metric, what was expected and came, what was wrong, and how far
// each objective was reached.
//
//	r, err := score.Score(stage.Events(ctx, "DRL-12"), score.Options{Now: time.Now()})
//	m, _ := r.Metric("time_to_full_containment") // m.Came, m.Value, m.Seqs
//	r.Outcome                                    // pass, partial, fail
//
// A [Result] is a plain value that encodes to JSON: no floats, no maps, no null
// lists. A live incident has no scenario; its result has the metrics that need
// none, and no outcome.
//
// # Time
//
// Exercise time is the journal's: what players saw on the clock. It may run
// faster than theirs while nobody is asked, and jump. Time for people (wall) is
// what [rehearsal.Meter] makes of it. Every duration is given in both; a metric
// counts in exercise time. Neither passes while the exercise is held. Moments
// are whole milliseconds; a metric in seconds counts a started second as a whole
// one, so that no limit is kept by rounding.
//
// The play ends with drill.ended, that of a live incident with its resolution.
// What is written down afterwards (ratings, feedback, corrective actions) is
// taken in and changes no duration.
//
// A player is a person who is not a facilitator of the exercise. In a live
// incident everybody is a player. What a facilitator does counts for no metric
// but hints.
//
// # Metrics
//
// Each is defined here and nowhere else. One that did not come about has no
// value, and its Why says so; it is not zero.
//
//	time_to_acknowledge        From the declaration to the first act of a player: starting a run, a vote, a note, an
//	                           answer, any word that moves a step. To declare is no act, and neither are a request
//	                           that was refused, an export, a word about the record and the review of a broken glass.
//	                           Nobody acted: no value.
//	time_to_commander          The same, of somebody whom [Options.Commanders] calls a commander.
//	time_to_first_containment  From the declaration to the first proof that held, of a step that changes something.
//	                           Undos and the steps of on_cancel contain nothing, and neither do messages, copies and
//	                           reads. An item of a loop and a step of a runbook that is called count like any other.
//	                           Where an action cannot be read back there is no proof. A change that is taken back
//	                           later had its time all the same.
//	time_to_full_containment   From the declaration to the last such proof, if nothing is missing: every step that
//	                           changes something is done and proven, or its condition was false, or its list empty. A
//	                           step that failed, was refused, is in doubt, has not ended, or was left out by a person
//	                           stands in the way: no value. Of runs of the same runbook with the same inputs in the
//	                           same environment the last one counts; a run that was cancelled before it changed
//	                           anything does not.
//	approval_latency_median    From a question about a plan to its decision, yes or no, the middle one; of an even
//	approval_latency_worst     number the longer of the two in the middle. One question for all items of a loop is one;
//	                           an item that asks by itself is one more. A yes that is void afterwards, because the plan
//	                           changed, was a decision, and the new question is another one. A question that expired
//	                           or was withdrawn was not decided: it is in approvals_expired, or nowhere. Where one
//	                           person broke the glass it was passed over: it is in glasses_broken, and not here.
//	waiting_share              Of the time in which runs were going on, the part in which a question of the run was
//	                           open (approval, manual step, decision about a held step) and nothing of it was at work.
//	                           A pause before a retry and a step that waits are work. Runs are added up; one that is
//	                           opened again by a retry counts while it is open. To the nearest percent.
//	approvals_granted          Questions about a plan that ended so. A vote alone is no end: a quorum of two needs both,
//	                           and one person who breaks the glass is no quorum.
//	approvals_denied
//	approvals_expired
//	glasses_broken             Questions about a plan that one person passed over. One question for all items of a loop
//	                           is one.
//	glasses_unreviewed         Those of them that nobody had reviewed when the play ended.
//	steps_skipped              Steps that a person wanted left out and that ended so. A loop is one. What a false
//	                           condition skips is not counted.
//	manual_out_of_order        Manual steps that were done before another one that stands above them in the same run
//	                           and was done as well. Items of one loop have no order among themselves. Of a step that
//	                           was done again the last time counts.
//	wrong_decisions            Acts that the scenario forbids, and yes to a step against the red flag of an inject that
//	                           was delivered before; to break the glass is a yes. A vote before the inject is none. A forbidden effect is one for
//	                           each step and run, however many items or attempts it has. Taking back a forbidden step
//	                           is none, but a forbidden target must not be changed by an undo either.
//	expectations_met           Expectations that were met in time, or that the facilitator says were.
//	expectations_missed        Those that were not, or too late. See below.
//	retries                    Attempts of a step after its first, whoever wanted them, undos included.
//	doubts                     Attempts whose outcome was not known.
//	doubts_resolved            Those of them after which the target said what happened, a person did, or a later
//	                           attempt of the same step had an answer.
//	hints                      Hints of the facilitator.
//	clocks_met                 Duties to notify that were kept in time.
//	clocks_missed              Those kept too late, or whose time was over in the play, or open when players resolved.
//	longest_silence            The longest time without a message in the chat, a note, an inject, a hint, the start or
//	                           end of a run, or an action that tells people; from the declaration to the end. A live
//	                           incident that is open is silent until [Options.Now]. What facilitators alone see tells
//	                           nobody.
//	handoffs                   How often an act that moves a run came from another person than the one before in the
//	                           same run. Votes do not count, since two people have to take part in those, and neither
//	                           does who breaks the glass in their place.
//	refused                    Requests that were not followed, those of strangers too.
//	points                     Points of expectations that were met.
//	points_possible            Points of those that were met or missed.
//
// # Expectations
//
// An expectation begins when its inject is delivered, and its deadline is in
// exercise time. What a player has to do (a verb, a note) counts from then on,
// by those whom it names. A step that was to end, or a condition, is a state:
// when it is so already it is met at once, and nobody in particular met it. A
// condition is looked at with each fact, so one that time alone makes true is
// seen with the next.
//
//	met          in time
//	late         afterwards; counts as missed
//	missed       it did not come before its deadline; or not before the play came to an end of its own: its end
//	             condition, its time, or players who resolved it
//	not due      the facilitator, the stop word or a live incident ended the play before the deadline, or it goes on
//	not judged   only the facilitator can tell, and did not
//	not reached  its inject was not delivered
//
// The facilitator's word counts more than what the record shows; where they
// differ the result says that they conflict.
//
// # Objectives and outcome
//
// The check of an objective is evaluated once, as the incident stood at the end
// of the play; what is written down later does not reach it. It holds, does not,
// or cannot be shown, because something that it reads did not come about. The
// final rating is the facilitator's; without one it is P when the check holds
// and U when it does not. Where the two contradict each other the result says
// so. An objective that cannot be shown, and one without a check, has no rating
// until the facilitator gives one.
//
//	fail     a wrong decision, an objective rated U, or a promise that the engine did not keep
//	partial  an objective rated S or M, or that cannot be shown; an expectation missed; no run at all;
//	         a run that goes on when the time of the exercise is over
//	pass     none of these
//	stopped  the stop word or a live incident broke it off: it shows nothing either way
//	going    it is not over
//
// # Invariants
//
// The result is a pure function of the facts and the options. The journal is
// read once, one fact at a time; a long incident costs no more memory than its
// state, its questions and its lists in the result. Time of steps and runs adds
// up: people and machine together are never more than the whole.
//
// # Design
//
// The facts are folded by [engine.Incident], because what a step waits for is
// the state machine's to say; the promises are checked by [engine.Audit], which
// does not use it. Working the metrics out from the rows of the timeline was
// rejected: rows are words for people, and a figure that a check of an objective
// decides by must not depend on a sentence.
package score
