// Package iam holds the actions named aws.iam.*: what stops a user, a role or an
// access key.
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
package iam
