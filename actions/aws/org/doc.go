// Package org holds the actions named aws.organizations.* and
// aws.identitycenter.*: what contains from above the account, where neither the
// principal nor an administrator of the account can lift it.
//
// # Design
//
// A quarantine is a service control policy of its own for each step, with a name
// made of incident, run, step and target. AWS refuses a second policy of a name, so
// the name is the token of the call. Editing a policy that is there was rejected:
// the undo would have to put back text that others may have changed meanwhile, and
// the right to edit guardrails is more than containment needs.
//
// The roles that firebreak assumes, in all environments of its configuration, are
// exempt from a policy on an account or a unit, and are refused as its subject.
//
// A user of Identity Center is cut off by removing what gives access: assignments
// of the user's own, and memberships in groups. Assignments that come by a group
// end with the membership; removing them would take the access of everybody else
// in the group. What is removed is recreated by the undo from what Plan captured.
// Disabling the user would be simpler, but AWS has no call for it, nor for ending a
// portal session: that is a manual step, and the preview says so.
package org
