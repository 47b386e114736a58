// Package ec2 holds the actions named aws.ec2.*, and with them those of Auto
// Scaling, load balancers and Systems Manager: what isolates, protects, stops an
// instance, and what keeps the evidence that it holds.
//
// # Isolation
//
// An instance is isolated by the security groups of its interfaces, one call an
// interface, because the call that sets the groups of an instance refuses those
// with several interfaces. All interfaces that are attached now are read again
// before every proof: one that was attached since the plan is a way out.
//
// The quarantine group is one a VPC. It is found by its name, which proves
// nothing: only a group with our tags is used, and its rules are made exactly
// those that were planned, the ones that AWS gives every new group included.
//
// Security groups are stateful: what was connected before stays connected until
// it has been idle for long enough. No mode of isolation hides that. Each says in
// its warnings which connections live on.
//
// # Around an instance
//
// What stands around an instance is contained by calls most of which AWS cannot
// tell from a second one: none of those about instance profiles has a token, and
// each that takes an instance out of its group lowers the group's capacity once
// more. They are sent once. Every attempt first reads what is there, by the
// instance or the subnet and never by the id of an association, which is another
// one after each change; so an attempt in doubt is simply made again. A probe was
// rejected: actions of several calls would have to answer for a part of them.
//
// An undo never terminates anything. A group that launched a replacement keeps
// it, one more than it wanted, because AWS would choose the instance that goes,
// and it may choose the evidence.
//
// # Design
//
// Everything about an instance is in one package, whichever service it is
// asked from, since all need the same readers: the instance, all its interfaces,
// the guard against containing the host that firebreak runs on. A package for
// Auto Scaling and one for load balancers were rejected: they would have two
// actions each, and a copy of those readers.
package ec2
