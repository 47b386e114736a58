// Package aws brings containment on AWS to firebreak: the actions named
// aws.iam.*.
//
// Build a [Provider] from the environments of the configuration and register
// its actions:
//
//	provider := aws.New(aws.Options{Environments: map[string]aws.Environment{
//		"prod": {Account: "111122223333", Role: "arn:aws:iam::111122223333:role/firebreak-contain"},
//	}})
//	provider.Register(registry)
//
// Registering needs no credentials and no network; sessions are opened by the
// first call that needs one.
//
// # What every action here keeps to
//
//   - A session belongs to one environment, incident, run, step and actor. The
//     role session name, the source identity, the session tags and the user
//     agent (app/firebreak-INC-12) lead from CloudTrail back to the journal,
//     and the request ids in [actions.Requests] lead from the journal to
//     CloudTrail.
//   - The account that the credentials really belong to is compared with the
//     configured one before anything is read or changed.
//   - firebreak never contains itself: its own user, role and access key are
//     refused as targets, those it assumed a role from included.
//   - What an undo needs is captured by Plan and read nowhere else. An undo that
//     would overwrite somebody else's later change is refused.
//   - Verify is one reading, and an empty answer proves nothing.
//
// # Errors
//
// errors.go gives every error its class, once. An error after a request for a
// change was sent, and that is no clear refusal, is unknown. This looks at all
// attempts of the SDK and not only at the last: a reset connection followed by
// a refused one may well have had an effect.
//
// # Design
//
// The IAM actions set a state, so the SDK may retry them. The deny is an
// inline policy, because managed attachments have a quota that can be full on
// the day it matters. Revocation is one document per role and scope, and the
// later cutoff wins; a document per incident was rejected because the inline
// size limit would be used up by old incidents.
//
// The cutoff of a revocation is the server's time plus 30 s, read while
// planning and written once. When an approval took longer than that, the time
// of the step's first intent plus 30 s, moved to the server's clock, takes its
// place: both are journaled, so every attempt computes the same cutoff. Reading
// the clock again in each attempt was rejected, since a resumed attempt would
// then write another document than the one that was recorded.
package aws
