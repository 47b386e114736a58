// Package iampolicy works out the IAM rights that runbooks need, and no more.
//
//	set, err := iampolicy.Make([]iampolicy.Use{{Program: p}}, registry.Spec, iampolicy.Options{Account: "111122223333"})
//	os.Stdout.Write(set.JSON())
//
// It reads what each action declares ([actions.Permission]) for every step of a
// program: both sides of every condition, the runbooks that are called, the steps
// of on_cancel. Nothing is executed and nobody is called.
//
// # Phases
//
// Rights are told apart by what they are for, so that each part can be a role of
// its own:
//
//   - [Preflight] reads: the plans of all steps, and the steps that only read.
//     What firebreak doctor asks, sts:GetCallerIdentity, needs no right.
//   - [Contain] carries the other steps out and proves them.
//   - [Evidence] is the same for steps marked evidence. It can collect, never delete.
//   - [Release] is what an undo needs: its plan, itself, its proof.
//
// Whoever steals the role for containment can break things, and cannot destroy
// evidence. Letting go is only made harder: where AWS has one right for both ways,
// that role has it. iam:UpdateAccessKey switches a key on as well as off, and
// iam:PutUserPolicy, iam:PutRolePolicy and iam:UpdateAssumeRolePolicy can write
// anything over a deny, or give rights to others. Keep it as you keep an
// administrator's role.
//
// # Resources
//
// A template is filled from the literals of a step, from inputs that were given,
// and from the environment. The default of an input is not used, because
// whoever starts a run may give another value. What is not known stays a * in
// its place, and the reason says so. An IAM user or role named without its path
// is allowed with any path, since an ARN holds the path. Buckets that steps put
// evidence into join those that the denies protect.
//
// # Denies
//
// Every document carries the same explicit denies ([Denies]): destroying
// evidence, changing firebreak's own identities and those for breaking the glass,
// switching the record off. They matter on the day somebody attaches a wider
// policy to the same role.
//
// # Design
//
// Rows with the same set of resources become one statement; everything is
// sorted. A document that would be larger than a managed policy may be is split,
// and each part carries the denies. That costs room, but a part that is attached
// alone is still safe; one document of denies apart was rejected for that reason.
//
// Rejected as well: working rights out by recording a run. A run takes one side
// of each condition, and the rights that are missing are those of the bad night.
// The recording is the test of this package instead.
package iampolicy
