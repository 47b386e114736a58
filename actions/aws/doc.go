// Package aws brings containment on AWS to firebreak: the actions named aws.*,
// one room a service.
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
// Package cloud gives every error its class, once. An error after a request for a
// change was sent, and that is no clear refusal, is unknown. This looks at all
// attempts of the SDK and not only at the last: a reset connection followed by
// a refused one may well have had an effect.
//
// # Design
//
// An action that contains, one that reads and one that keeps evidence live in
// the same package when they are about the same service, because whoever looks
// for aws.ec2.isolate_instance looks in ec2. What they share is package cloud:
// sessions, attempts, classes of errors. A package an action was rejected, since
// the services' readers (all interfaces of an instance, all keys of a user) are
// needed by several.
package aws
