// Package plan says what a run would do, before anybody starts it.
//
//	p, err := plan.Make(ctx, plan.Request{Program: program, Inputs: inputs, ...}, registry, time.Now())
//	err = p.Text(os.Stdout, true)
//
// [Make] walks the steps in order. Read actions whose arguments are known are
// really called, so that the conditions and arguments of later steps become
// known; for an action that changes something only its Plan is called, which
// reads. What depends on a step that would only run later is unknown, and is
// said to be unknown. For every step it names the people who would be asked,
// and whether enough of them exist at this moment.
//
// # Invariants
//
// Execute is called for an action of effect read and for nothing else: the
// effect pinned in the program and the one the registry declares must both say
// so, and the step must need no approval, because a question to people comes
// before the step whatever its effect is. A read that fails is shown on its
// step and does not end the plan. With [Request.Preflight] the action's own checks
// are made after its Plan; they change nothing either, see [actions.Preflighter].
//
// [Digest] covers the program, the inputs and the environment's name and
// nothing else, so that "run --plan DIGEST" holds a run to what was looked at:
// it cannot be void because a target moved; that is what the plan digest of
// each step is for, to which the approval is bound.
//
// # Design
//
// A plan is a walk of its own and not a run with the effects left out. Running
// the core against a registry that only pretends was rejected: what a changing
// action would answer is not known, so every invented answer would be a guess
// shown as a fact. Here a guess is not possible, only "not known yet".
package plan
