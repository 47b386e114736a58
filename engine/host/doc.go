// Package host runs incidents durably on this machine.
//
// One goroutine owns each incident. It takes in a fact, applies it and all
// that follows in memory, appends the whole batch in one transaction, and only
// then starts what the incident now owes to the world: reading a target,
// running an effect, proving it, waiting for a time, telling people. The end
// of each is a new fact for the same goroutine.
//
//	h, err := host.Open(ctx, host.Options{Journal: log, Registry: registry, Programs: programs})
//	defer h.Close(ctx)
//	receipt, err := h.Declare(ctx, request, "leaked key", 2, false)
//
// # Recovery
//
// Open reads every open stream, folds it, and writes down that each effect in
// flight at the crash is in doubt, before anything else may start. Timers that
// came due in the meantime fire once. Closed incidents are read when somebody
// asks for them. An incident that cannot be read, or whose doubts cannot be
// written down, is left as it is and keeps nobody else waiting.
//
// # Invariants
//
//   - An effect begins after its intent is durable, and once in a process: an
//     outcome that cannot be written down leaves it in doubt.
//   - An effect in flight is never called off, except by the end of the time
//     that Close was given or by a store that failed.
//   - An action or a chat that does not listen to its context is left behind
//     at its time limit; nothing hangs with it.
//   - While the host closes, outcomes are taken in and nothing is decided, so
//     that an orderly end leaves no intent without its effect.
//   - The journal's time never goes back, and what waits does not wait longer
//     because the wall clock did.
//
// # When the store fails
//
// A failed append leaves nobody knowing what the store holds (it can report an
// error and have the data). The host then starts nothing more, calls
// Options.Fatal and refuses every request; the process must end with exit code
// 70, or 71 when another process took the store, and begin again by reading.
//
// # Design
//
// The mailbox of one goroutine is the only lock: the core needs none, and the
// order of the facts is the order in which they arrived. A lock around each
// incident was rejected, because the append would then happen either outside
// of it (two writers, no order) or inside of it, which is this design with a
// worse queue. Polling for due work was rejected: everything here waits for an
// event or for one exact time.
package host
