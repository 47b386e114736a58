// Package timeline tells what happened in an incident, from its facts and from
// nothing else.
//
//	t, err := timeline.Fold(incidents.Events(ctx, "INC-12"))
//	err = t.Markdown(w, head) // for people
//	err = t.JSON(w, head)     // for machines, and as an anchor for verify
//	lines := t.Lines(20)      // for the answer in the chat
//
// [Fold] reads the facts once, in order, and keeps one [Row] for each, with a
// plain sentence that says who did what. A row that no fact stands behind (a
// silence) is marked as derived and carries the place of the fact before it.
// The parts of the summary, key times, people, runs, approvals, actions, what
// was refused, what was not done, what is open and what stays alive, come from
// the same pass.
//
// # The JSON form
//
// One object with these members, in this order; "firebreak/timeline/v1" is
// raised only when a reader of the old form would misread the new one. Lists
// are never null, optional members are absent when they are empty, times are
// UTC with microseconds, durations are milliseconds, there are no floats.
//
//	schema      "firebreak/timeline/v1"
//	checkpoint  the signed note of the journal's head, as it was signed
//	head        {origin, size, root}: the same in parts, root in base64
//	incident    {id, title, severity, private, mode, store, channel, declared_at, declared_by, resolved_at, summary}
//	key_times   [{name, at, seq, text}]
//	people      [{type, id, name, via, did}]
//	runs        [{run, runbook, title, digest, environment, by, started_at, ended_at, status, reason, budget_ms, contained_ms, budget, outputs}]
//	approvals   [{run, step, id, plan_digest, asked_at, expires, from, quorum, floor, items, reminders, escalated_to, closed_at, latency_ms, verdict, reason, changed, votes}]
//	actions     [{run, step, action, version, effect, seq, at, authority, attempts, outcome, ended_at, verified, reading, targets, undo_of, undone_by, refs}]
//	groups      [{run, step, kind, runbook, started_at, ended_at, items, done, failed, not_run, open, status, reason}]
//	waits       [{run, step, from, until, ended_at, status}]
//	containments [{run, step, since, until, ask, state, decisions, lifted_at, lifted_by}]
//	refused     [{seq, at, actor, verb, code, text}]
//	not_done    [{run, step, status, reason, seq}]
//	open        [{kind, run, step, text}]
//	alive       [{run, step, text}]
//	rows        one per line: {seq, at, derived, kind, type, actor, run, step, attempt, outcome, text, observed_at, targets,
//	            plan_digest, refs, duration_ms, minor, control, details}
//
// A group is a step that has steps of its own: one for each item of a list, or
// those of a runbook that it calls. actions and not_done name each of them; the
// Markdown shows the parts of a long loop only where one needs a look, and open
// gathers what is the same for many. rows leave out nothing.
//
// mode is "live" or "exercise". kind is one of lifecycle, action, approval,
// note, evidence, comms, inject, system; type is the kind of the fact, or
// "timeline.silence". refs are the provider's own request ids. minor rows are
// machinery (a message posted, a timer fired) that the Markdown leaves out and
// counts. details is a map of strings, for ever.
//
// # Invariants
//
// Both exports are pure functions of the facts and the head: two exports are
// the same bytes. Every kind of fact has a sentence; a test enumerates them.
// No text of a person can end a cell, open a tag, mention anybody or hide
// itself: characters that would not be seen are shown by their code point.
//
// # Design
//
// The rows are folded from facts, not from [engine.Incident]. Folding the
// state was rejected: the state forgets (the second plan replaces the first,
// a voided approval its successor), and a timeline that shares the code it
// reports on would repeat that code's mistakes. For the same reason a run's
// program is read only for its titles, its budget and what can be undone; a
// program this build cannot read costs those words and nothing else.
package timeline
