// Package cloud is what the actions on AWS share: sessions in the environments of
// the configuration, one way to make a call, and one place where an error of AWS
// gets its class.
//
// An action opens a session with [Cloud.Open], makes a client of its service from
// the session's Config, and sends each call through [Do], which notes the request
// ids, follows the SDK's own retries and classifies the error:
//
//	c, err := cloud.Open(ctx, call)
//	out, err := cloud.Do(ctx, c, cloud.Reads, "ec2:DescribeInstances", client.DescribeInstances, in)
//
// # Duties
//
// Each call is made in a session of its own for environment, incident, run, step
// and person, in the role of its duty: [Roles] gives preflight, contain, evidence
// and release roles of their own, so that the role that contains cannot touch
// evidence, and has no right to lift a containment but those that work both ways,
// such as iam:UpdateAccessKey. The handler of an action says which part of the
// action's life a call belongs to, so no action chooses its own role; a dry run
// alone is made as what it rehearses.
//
// [Cloud.Holder] tries whether the role of a duty can be used, and [Cloud.Simulate]
// asks IAM what it may do: both before the night, and without changing anything.
//
// # Design
//
// [Access] says what a missing answer means and whether the SDK may send a call
// again. Once is for calls that AWS cannot tell from a second one, such as
// CreateSnapshots: the SDK's retries would leave three snapshot sets where one
// was asked for, as was measured. The retryer finds out through the context of
// the call. A second client with another retryer was rejected: one could pick the
// wrong client and not notice.
package cloud
