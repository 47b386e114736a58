// Package rehearsal plays a scenario of a runbook with people, on the real
// core, in a world that is made up.
//
//	stage, err := rehearsal.Open(ctx, rehearsal.Options{Journal: log, Store: id, Programs: programs, Scenarios: scenarios, Chat: chat})
//	receipt, err := stage.Begin(ctx, req, rehearsal.Request{Scenario: "leaked-key-friday", Pace: 10}) // DRL-1
//	_, err = stage.Start(ctx, req, "DRL-1", engine.RunRequest{Runbook: "leaked-access-key", Inputs: inputs})
//
// A [Stage] is an [engine.Incidents], so that the chat and the terminal drive it
// as they drive the host: the same grammar, policy, questions, gates and records.
// What is different is what stands behind the core. The world answers by the
// scenario's answers, by what injects put in their place, and by what the
// facilitator decides; injects are delivered when they are due; and the time is
// that of the exercise. [Play] plays a script on the same stage in virtual time,
// for CI. [FromIncident] makes a scenario of what really happened, [FromDrill]
// one of what people decided in an exercise.
//
// # The time
//
// The journal holds the time of the exercise. It runs as fast as the time outside
// while people may have to think, and [Pace] times as fast while a run is going
// and nobody is asked. It stands while the exercise is held, and jumps when the
// facilitator lets time pass. Timers, the made up world and injects hang on it
// alike, and each of them happens at its own time, also when it comes late: what
// is due before a person's act happens before it. After a restart an exercise
// that was going on is held until its facilitator lets it go on, because nobody
// can say how long its players were left alone.
//
// # Invariants
//
//   - An exercise cannot act: this package imports no provider, no host and no
//     network, and there is no registry in [Options] for one.
//   - Nothing of an exercise counts for an incident. Its ids begin with DRL, its
//     store has another id, and so have its questions, plans and keys.
//   - What happens is a function of the records and of the time: which inject is
//     due, which answer an attempt gets, and since when a condition holds are
//     folded from the facts one by one. A server may be killed at any moment.
//   - The time of an exercise never goes back, whatever the clock outside does.
//     Two exercises of one store have times of their own.
//   - The same scenario, program, seed and script give the same journal root.
//   - A step for which the scenario has no answer holds the exercise and says so.
//     It is refused at the beginning where that can be known.
//   - After its end nothing moves, whoever comes back to it.
//   - Anybody can end an exercise by the stop word; all that changes its course
//     otherwise is for its facilitators.
//
// # Design
//
// A fact is applied, written down, and only then followed, under the lock of its
// exercise. There is no goroutine that owns one: nothing here waits for an
// effect, so that a timer and a request are all that ever comes, and a lock keeps
// them apart. Messages to people are sent by goroutines that the exercise does
// not wait for.
//
// The rejected alternative is the host with a registry of made up actions. It
// would have made the clock a flag at run time, and one wrong line of wiring
// would have let an exercise act; and chance would have decided what comes first,
// so that no script could be compared with the one before.
package rehearsal
