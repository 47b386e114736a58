// Package actions says what can be done to the world, and how safely.
//
// An [Action] is one thing a runbook step can use, such as
// aws.iam.deactivate_access_key. Its [Spec] declares two facts once, and
// everything else follows from them: the [Effect] (read, reversible,
// destructive) and the [Repeat] (idempotent, keyed, probe, once). Lint, the
// color of a plan, the words of a confirmation, what a rehearsal may call,
// what happens after a crash and whether undo is offered are all derived from
// these two words. Three more say what the words cannot: Tells (it only tells
// people), Adds (it only adds to the record) and Preserves (it only keeps its
// target from being lost).
//
// # Writing an action
//
// Write a params struct and a result struct, then a type with three methods:
//
//	type deactivate struct{ provider *Provider }
//
//	func (a deactivate) Spec() actions.Spec
//	func (a deactivate) Plan(ctx context.Context, call actions.Call, p Params) (actions.Preview, error)
//	func (a deactivate) Execute(ctx context.Context, call actions.Call, p Params) (Result, error)
//
// Plan only reads. It lists what will change and captures the state that an
// undo needs ([Preview.State]); the engine journals it before the first
// attempt and hands the same bytes to every later call, so that a resumed
// attempt can never mistake its own effect for the original state.
//
// More abilities are more interfaces, found when the action is registered:
// [Verifier] proves that the effect is there, [Undoer] takes it back,
// [Prober] tells after a crash whether an attempt took effect, and [Preflighter]
// says before the night whether it would work.
//
// Fields of the two structs carry tags that are read once, by [Register]:
// json (the name; omitempty makes it optional), doc, example, default, enum
// (comma separated), pattern (an anchored regular expression), secret, and
// subject (the value names a person or principal this step acts against).
// From them come strict decoding, lint of parameters, typed outputs for
// expressions, the reference page and the JSON Schema.
//
// # Errors
//
// An error of the world has one [Class], given once at the provider's edge.
// Unknown means that the call may have taken effect: the engine then treats
// the step as in doubt and never repeats it blindly. Use the other classes
// only when the target said no.
//
// # Design
//
// Registration is an ordinary function on a [Registry] value. Global
// registries filled by init functions were rejected: they cannot be cloned,
// restricted or swapped for a rehearsal, and an import then changes what a
// program can do. The typed interface is erased in one place, handler.go, so
// that an action is a small typed file and the engine sees only [Handler],
// which could as well live in another process.
package actions
