// Package preflight says whether a runbook would work if it were tonight.
//
//	report, err := preflight.Make(ctx, preflight.Request{Plan: ..., Registry: registry, Rights: rights}, time.Now())
//	err = report.Text(os.Stdout)
//
// [Make] looks at each step in three ways, and each check says ready, not ready
// or unknown, why, and what to do next:
//
//   - Rights: each duty's role is assumed, and asked by simulation for the rights
//     that package iampolicy works out for the step, resources filled from the
//     inputs and from what the plan has read. Both sides of every condition count.
//   - The plan: what can be resolved is planned and read, see package plan. What
//     depends on a step that has not run is unknown.
//   - The action's own checks, such as a dry run: [actions.Preflighter].
//
// Without all inputs there is no plan, and rights alone are looked at.
//
// # Invariants
//
// Nothing is changed. Unknown is never taken for ready: a right that could not be
// asked for, a condition that is false now, a resource that only the run knows.
// A right that is not allowed on a resource which is not known yet is unknown, as
// it may well be allowed on the one that the run will name; a deny is a no.
//
// # Design
//
// The simulation knows the policies of an identity, not those of resources, and
// IAM says itself that the live answer may differ. It is asked all the same, since
// it is the only way to test the right to stop something without stopping it.
// Trying each call in a canary account was rejected: it changes things, and the
// rights there are those of the canary.
package preflight
