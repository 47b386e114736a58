// Package secrets holds the actions named aws.secretsmanager.* and aws.kms.*:
// what makes a leaked value worthless, what stops it being read, and what stops
// a key.
//
// # No value passes through firebreak
//
// No action calls GetSecretValue, and none asks for the right to. Versions are
// known by their ids and labels. The one exception is the strategy direct: a new
// value is made by AWS (GetRandomPassword) and handed back to it
// (PutSecretValue), and in between it is an [actions.Secret].
//
// # New works, old refused
//
// A rotation that moved its labels proves nothing about the target: with
// alternating users the leaked password outlives one rotation. Only the consumer
// knows, so the proof is asked from a function of the account
// (consumer_check): it gets the ids of two versions, tries both values at the
// target with rights of its own, and answers two words. Those words are all that
// is ever read from its answer. Asking over HTTP or by a command was rejected for
// the action itself, because firebreak would then have to read both values to
// hand them over; a runbook can still do it in the next step (http.get or
// exec.read with an expected failure), where the program that tries fetches the
// values itself. Then old_may_work has to be said: without it a rotation that no
// consumer_check looks at is refused by its plan, because it could not be proved.
// With it the action is proved only by labels, and
// says so: in the plan, in the reading, and in its result (old_value_tried),
// which a runbook can demand.
//
// # Stuck rotations
//
// A rotation that failed leaves AWSPENDING on a version that is not current, and
// every later one is refused. This is found by Plan, and the error names the
// repair (aws.secretsmanager.clear_pending), which is a step of its own because
// somebody has to find out first which value the target really has.
//
// # Going back
//
// Moving a label back makes Secrets Manager and the target disagree, unless the
// target accepts the old value: because the function of the direct strategy has
// just set it again, or because the consumer's check has just said so. In all
// other cases the undo of a rotation is another rotation, and the action says
// that it cannot be taken back.
//
// # Design
//
// KMS lives here because whoever stops a secret stops its key in the same
// minute. Each step's version ids are derived from its key ([cloud.Token]), so
// that an attempt whose answer was lost is recognized by reading. Tags of
// firebreak are not put on secrets and keys: policies may allow by tag, and a
// tag can thus let somebody in.
package secrets
