// Package sim plays an incident in virtual time: the real core, a world and
// people that are made up, and a clock that jumps.
//
//	story, err := sim.Play(ctx, sim.Setup{
//		Program: program, Inputs: inputs, Requester: alice,
//		World:  &sim.Script{Steps: map[string][]sim.Answer{"owner": {{Outputs: owner}}}},
//		People: &sim.Cast{Acts: []sim.Act{{Verb: sim.Approve, Step: "disable", By: bob, After: 2 * time.Minute}}},
//	})
//
// It stands where the host stands: it takes what the core owes to the world,
// asks the world or waits, and hands the end of each in as a fact. What it
// hands in is what the host would: an effect that is slower than its time limit
// is unknown, a reading that takes too long has failed, a proof needs two
// readings that agree. There is no host, no journal, no goroutine and no
// waiting; a story of three days takes a millisecond.
//
// Three small ports keep apart what is made up:
//
//   - [World] answers readings, effects, probes and proofs. [Script] answers by
//     step and attempt, [Seeded] by chance from a seed.
//   - [People] act. [Cast] acts by a list: so long after a question, or at a time.
//     Whoever approves where a signature is asked for signs, and so does whoever
//     breaks the glass, with a key that is made up as well.
//   - [Clock] says what time it is. [Jump] jumps; a rehearsal brings one that
//     really waits.
//
// # Invariants
//
//   - The same setup gives the same facts, to the byte.
//   - Every fact goes through [engine.Incident.Advance], and every story through
//     [engine.Audit]; what the audit finds is in [Story.Findings].
//   - Nothing of the outside world can be reached: there is no registry here.
//
// # Design
//
// The rejected alternative is the host with a fake registry and a fake clock.
// It would need a store and goroutines, and their order is chance: a test that
// fails once in a hundred runs says nothing about a runbook. Simulating steps
// without the core was rejected as well: it would test a second engine.
package sim
