// Package awsfake is a small AWS for tests and demonstrations: IAM and STS on a
// loopback port, spoken to by the real SDK.
//
//	cloud, err := awsfake.New(awsfake.Options{})
//	defer cloud.Close()
//	cloud.AddUser("ci-deploy")
//	cloud.AddAccessKey("ci-deploy", "AKIAIOSFODNN7EXAMPLE", "secret")
//
// Point the SDK at [Server.URL] and sign with [Server.Operator]. Users, keys,
// roles and policies can be made by the SDK, too.
//
// It behaves where behavior matters for containment: an inactive or unknown key
// is refused, an explicit deny in an inline policy is obeyed, its conditions on
// issue time, user id and source identity included, a role is assumed only with
// its external id and only if it exists, and every session keeps its name,
// source identity and tags. Reads can lag behind writes ([Options.Lag]), lists
// can come in pages ([Options.PageSize]), and [Server.Inject] makes calls fail,
// hang, or lose their answer after the effect. [Server.Calls] is what was
// called.
//
// # Limits
//
// Signatures are not checked, only the id of the key. Nothing has to be
// allowed: what no policy denies is permitted. Resources in policies are not
// matched, so only statements about every resource count. Attached policies are
// listed and have no effect. Simulation of a principal's rights answers by these
// rules, for a new session.
//
// # Design
//
// State is one tree of maps under one lock. Lagging reads see a copy taken
// before the last write, which is simple and cheap at this size; versions for
// each object were rejected, because nobody needs to see a mixture.
package awsfake
