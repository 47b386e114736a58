// Package timeline tells what happened in an incident, from its facts and from
// nothing else.
//
//	r, err := timeline.Open(func() iter.Seq2[engine.Event, error] { return incidents.Events(ctx, "INC-12") })
//	err = r.Write(w, "md", timeline.Options{Head: head})   // for people
//	err = r.Write(w, "html", timeline.Options{Head: head, Zone: berlin, Redact: timeline.External})
//	err = r.Write(w, "json", timeline.Options{Head: head}) // for machines, and as an anchor for verify
//	err = r.Write(w, "bundle", timeline.Options{Head: head, Proofs: proofs})
//	err = r.Lanes(w, timeline.Options{})                   // the chart alone, as SVG
//	t, err := timeline.Fold(incidents.Events(ctx, "INC-12"))
//	lines := t.Lines(20)                                   // for the answer in the chat
//
// [Open] reads the facts once for the summary; each form then tells the rows
// anew and keeps none of them. [Fold] keeps all of them. It reads the facts once, in order, and keeps one [Row] for each, with a
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
//	redaction   {level, fields}: for whom it was written, and which fields are not as in the record
//	incident    {id, title, severity, private, mode, store, channel, declared_at, declared_by, resolved_at, summary}
//	key_times   [{name, at, seq, text, source, by}]
//	people      [{type, id, name, via, did}]
//	runs        [{run, runbook, title, digest, environment, by, started_at, ended_at, status, reason, budget_ms, contained_ms, budget, outputs}]
//	approvals   [{run, step, id, plan_digest, asked_at, expires, from, quorum, floor, items, reminders, escalated_to, closed_at, latency_ms, verdict, reason, changed, votes, glass}]
//	actions     [{run, step, action, version, effect, seq, at, authority, glass, attempts, outcome, ended_at, verified, reading, targets, undo_of, undone_by, refs}]
//	groups      [{run, step, kind, runbook, started_at, ended_at, items, done, failed, not_run, open, status, reason}]
//	waits       [{run, step, from, until, ended_at, status}]
//	containments [{run, step, since, until, ask, state, decisions, lifted_at, lifted_by}]
//	broken_glass [{run, step, approval, plan_digest, by, at, reason, target, signed, review, ask, due, overdue, state, reviewer, reviewed_at, text, seq}]
//	refused     [{seq, at, actor, verb, code, text}]
//	not_done    [{run, step, status, reason, seq}]
//	open        [{kind, run, step, text}]
//	alive       [{run, step, text}]
//	corrections [{of, text, reason, by, at, seq}]
//	hidden      [{of, reason, by, at, seq}]
//	rows        one per line: {seq, at, derived, kind, type, actor, run, step, attempt, outcome, text, observed_at, targets,
//	            plan_digest, refs, duration_ms, minor, control, details, hash, prev_hash, corrected, hidden}
//
// A group is a step that has steps of its own: one for each item of a list, or
// those of a runbook that it calls. actions and not_done name each of them; the
// Markdown shows the parts of a long loop only where one needs a look, and open
// gathers what is the same for many. rows leave out nothing.
//
// A broken glass is a step that went on without its quorum on the word of one
// person. state is "unreviewed" until somebody who had no part in it has said
// whether that was right, then "justified" or "not justified". The approval that
// was passed over has glass and no latency_ms, because no quorum decided, and an
// action that ran on it has glass too. Each row of it has the detail glass, and
// in the forms for machines the tag broken_glass.
//
// mode is "live" or "exercise". kind is one of lifecycle, action, approval,
// note, evidence, comms, inject, system; type is the kind of the fact, or
// "timeline.silence". refs are the provider's own request ids. minor rows are
// machinery (a message posted, a timer fired) that the Markdown leaves out and
// counts. details is a map of strings, for ever.
//
// # The forms for machines
//
// csv, jsonl, ocsf and timesketch are written row by row and keep none, so a
// record of any length takes the memory of its summary. The last three are
// lines, one JSON object each; [Feed] gives the same lines fact by fact, for who
// follows an incident while it happens. Each row has an id that never changes,
// JOURNAL#PLACE, and of a row that no fact stands behind JOURNAL#PLACE/silence
// with the place of the fact before it: who gets a line twice knows it by that.
// A fact that was read from a journal carries the hash of its record and of the
// incident's record before it.
//
// jsonl has all that is known of a row, in this order:
//
//	{seq, id, incident, mode, occurred_at, recorded_at, time_source, kind, type, actor {type, id, name, via}, on_behalf_of,
//	runbook {id, digest}, run, step, attempt, targets [{type, id, account, region}], outcome, reason, text, duration_ms,
//	plan_digest, evidence [{id, sha256}], refs [{kind, id}], redactions, tags, details, corrected, hidden, prev_hash, hash}
//
// occurred_at is when a person saw it, or else recorded_at; time_source says
// whose clock that was: human, scenario or engine.
//
// csv is RFC 4180 in UTF-8 with CR LF, no byte order mark, and these columns for ever
// (new ones come at the end): seq, id, incident, mode, occurred_at, recorded_at,
// kind, type, actor_type, actor_id, actor_name, actor_via, run, step, attempt,
// outcome, text, targets, plan_digest, refs, duration_ms, tags, details,
// prev_hash, hash, corrected, hidden. A cell that a spreadsheet would compute
// begins with an apostrophe; one of more than 32,000 characters is cut, and what
// is cut is counted.
//
// timesketch is what its importer takes in: message of up to 4 KB with the rest
// in details, datetime with six digits and +00:00, the same in timestamp as
// microseconds, timestamp_desc, tag, data_type firebreak:TYPE, and fields of ours
// that begin with fb_, each of one JSON type for ever; fb_detail_NAME are texts.
// A file begins with a line about the record (firebreak:timeline.head) and one
// for each key time that came (firebreak:timeline.key_time), so the shortest
// incident has three. What a person saw at another time than when it was written
// down stands at both times.
//
// ocsf is version 1.8.0 of the schema, or 1.9.0:
//
//	declared, resolved, what moves the incident   2005 Incident Finding: create, close, update
//	an effect that takes access from somebody     3005 User Access Management (1.8), 3007 User Management (1.9)
//	an effect that contains in another way        7001 Remediation Activity: isolate, evict, harden; its undo: restore
//	any other effect                              6003 API Activity: read, update
//	the rest                                      0 Base Event, named by its type
//
// An event of an exercise has the label exercise and is informational, whatever
// the severity of what is played. What the schema has no place for is in
// unmapped. 1.9 adds the profile record_integrity: the fingerprint is that of the
// record in the journal, not of the event, and says so (serialization_id 99); the
// signature is that of the journal's checkpoint, whose signed note stands in
// unmapped of the first event under it. The schema has no place for the bytes of
// a signature yet.
//
// # What a summary leaves out
//
// A summary grows with the runs and steps of an incident, and with nothing else:
// of refusals, people, request ids, warnings, broken glasses and approvals of one
// step it keeps so many and counts the others, under open. The rows have each of
// them.
//
// # What people add
//
// People correct words, hide rows and add key times by facts of their own
// ([engine.RowCorrected] and its neighbours). They change no row: a form for
// people shows both texts and who corrected the words, leaves out hidden rows
// and counts them, and puts a key time of a person where its time is. A form
// for machines has every row, marked. The last word about a place wins; one
// about a place that is no earlier fact of the incident changes nothing and is
// listed as open.
//
// # Redaction
//
// A [Level] redacts the facts before they are folded, never the sentences
// afterwards: no sentence is made of what must not be in it. redact_fields.go
// is the one table that says for every field of every fact what it holds, and
// it is an allow list. By class:
//
//	class     internal           external
//	open      shown              shown
//	person    shown              "person 1", by first appearance
//	display   shown              nothing
//	address   nothing            nothing
//	audience  shown              "person 1", "group 1"
//	place     shown              "environment 1"
//	target    shown              "target 1 (aws.ec2.instance)"
//	plan      shown              "#1": a digest could be compared with a guess
//	value     nothing            nothing
//	prose     shown              "[left out]"
//	named     shown              a usual name of a key time, else "[left out]"
//	channel   shown              "[left out]"
//	drop      shown              nothing
//	there     "[left out]"       "[left out]"
//	program   its outline        its outline
//	items     nothing            nothing
//	readings  without values     nothing
//
// A target that a person typed out has the stand-in of the one that a plan calls
// so. Where a step has no target its own id was typed, which is shown.
//
// Ids of steps and the titles of runbooks are shown at every level: they are of
// the runbook, not of the incident. No hash of what is left out takes its
// place, because a short text is guessed. What is left of the record in a
// bundle are the hashes of whole leaves, which hold no salt yet: VERIFY.txt
// says so.
//
// # The chart
//
// A lane for each step, each person and the injects over one axis of time. A
// stretch of ten minutes and more without a row is cut short where it would
// take more room than its mark. It is bounded: a loop has one lane for all its
// items, the dozens of steps that most need a look are kept and the others
// become one lane with their counts.
//
// # The bundle
//
// One tar with sorted names and zero times:
//
//	VERIFY.txt              what it is, and how to check it
//	blobs/SHA256            attachments of records; only when full
//	checkpoint              the signed note
//	evidence/index.json     objects that steps have stored: bucket, key, version, digest
//	manifest.json           versions, counts, level, and the digest of every other file
//	plan/run-N.json         pinned programs, plan/scenario.json of an exercise; only when full
//	proofs/inclusion.jsonl  {seq, path}: one line for each record, in their order
//	records.jsonl           one line for each record: its leaf, or {leaf_hash, n, seq} where the level does not show it
//	timeline.html, .json, .md
//
// [VerifyBundle] takes only the bytes that are written for what the bundle
// says, so that there is no byte which could be another unseen. Of a full
// bundle it folds and audits the facts, checks that the export that the record
// names covers all of them, and makes the bundle again to compare each file.
//
// # Invariants
//
// All forms are pure functions of the facts, the head and the options: two
// exports are the same bytes. Every kind of fact has a sentence; a test enumerates them.
// No text of a person can end a cell, open a tag, mention anybody or hide
// itself: characters that would not be seen are shown by their code point.
//
// # Design
//
// What is said is written once, for a paper: Markdown and HTML differ in how
// they write it, not in what. Rejected: a template for each, which drift apart,
// and HTML made from Markdown, which has no room for a chart, corrections in
// two texts, or links from a table to the entry that proves it.
//
// Redacting sentences afterwards was rejected: a name is found there by
// looking for it, and what is not looked for stays.
//
// The rows are folded from facts, not from [engine.Incident]. Folding the
// state was rejected: the state forgets (the second plan replaces the first,
// a voided approval its successor), and a timeline that shares the code it
// reports on would repeat that code's mistakes. For the same reason a run's
// program is read only for its titles, its budget and what can be undone; a
// program this build cannot read costs those words and nothing else.
package timeline
