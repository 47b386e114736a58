// Package engine is the deterministic core: what an incident is, which facts
// follow from which, and what is owed to the world.
//
// The journaled fact is the only currency. An [Event] is a fact that was
// written down; [Incident.Apply] folds one in or says why it cannot follow;
// [Incident.Decide] gives the facts that follow now with nobody asked;
// [Incident.Commands] lists what is owed to the world at this moment. Commands
// are derived from the state and never stored.
//
// A host drives it like this, one goroutine an incident:
//
//	receive a fact, stamp it
//	batch, err := incident.Advance(fact)      // memory only: the fact and all that follows
//	append the whole batch in one transaction
//	only then start each of incident.Commands() that is not yet in flight
//	(Moved and Messages say which of them may be new);
//	the end of each is a new fact
//
// When the append fails nobody knows what the store holds: the host stops,
// opens the store again and reads. After a crash the host reads every open
// stream, applies it, adds [Incident.Doubtful], and goes on with the commands.
//
// # Invariants
//
//   - No effect starts without a durable intent, and no intent follows without
//     the approvals that its step needs, for the plan at hand, unexpired and
//     unused. Apply checks this again, whatever Decide thought.
//   - One approval for all items of a loop is for the plans of those that it was
//     about, and of each for that one. At most max_parallel of them are in flight,
//     and over the error budget only what a person tries again begins.
//   - At most one attempt of a step is unresolved. An attempt whose outcome is
//     not known is in doubt: it is repeated only when the action declares that
//     this is safe, or when the target or a person says that it had no effect.
//   - What a plan captured before the first attempt is never captured again.
//   - The requester of a step and its target never count as approvers, and a
//     person counts once.
//   - Where an approval wants signatures, a yes counts only with an SSH signature
//     over this very question and plan ([VoteMessage]), by a key that the
//     directory had of that person at that moment. The keys are written down
//     with the vote, so [Audit] verifies it again from the record alone. Who may
//     change the directory names the keys: that file is the root of this trust.
//   - Where the runbook lets somebody break the glass, and the environment's floor
//     leaves it, one person's signature over the plan, the reason and the target
//     stands for the quorum, for this question alone. The engine asks at once
//     for a review by somebody who had no part in it; until it is there the
//     incident cannot be resolved, and [Audit] lists it as open. A target never
//     breaks the glass that protects it; who asked for the step may, because at
//     night they may be the only one.
//   - An effect that is meant to end is asked about, however the step, the loop or
//     the run around it ended, until it is lifted, extended or kept.
//   - The steps of on_cancel begin when those of their runbook have ended, the
//     innermost of the called runbooks first.
//   - Replay needs only Apply, so a better Decide never breaks an old journal.
//
// # Design
//
// The core has no clock, chance, goroutine, input or output. Time is the time
// of the last fact; references and idempotency keys are derived from names.
// The rejected alternative is a workflow written as ordinary code and replayed
// (as the durable execution engines do it): there the history is not evidence
// that an effect had begun, a change of code breaks running work, and the
// audit trail is a second truth beside it. Keeping three lists of commands,
// events and audit rows equal was rejected for the same reason.
//
// Loops and called runbooks are steps with steps of their own, each level a
// frame, in the same run and the same stream: one order, one cancel, one place
// for questions, and names that say where a step stands ("contain.revoke.2").
// Rejected: a run for each item or call, which would make the approval of a loop
// an agreement between runs; and unfolding at compile time, when the list is not
// known. Items share one question because nobody reads fifty; what each of them
// would do is part of the digest, and is read again before its effect.
//
// A broken glass is a fact of its own and not a vote of great weight: so no count
// of votes can ever stand for it, its signature is in a namespace of its own, and
// what is asked afterwards hangs on it. Rejected: a window of time in which
// everything is allowed, which nobody could read on the plan of a step; and a
// review of which the record says nothing.
//
// Votes are signed in the SSH signature format (PROTOCOL.sshsig of OpenSSH),
// because responders have such keys, in hardware too, and ssh-keygen is on
// their machines; it is verified with the standard library. Rejected: a
// one-time code, which proves nothing to who reads the record later, and a page
// for WebAuthn, which needs a browser and a server that it can reach at night.
// golang.org/x/crypto/ssh has no such signatures and would be a dependency here.
package engine
