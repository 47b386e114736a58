// Package rds holds the actions named aws.rds.*: what keeps and what cuts off a
// database.
//
// # Design
//
// A database is given as an instance or as a cluster, and never guessed: the
// groups of an Aurora instance belong to its cluster, so an instance of a cluster
// is refused with the cluster's name. Changing the cluster behind the back of who
// named one instance was rejected, because it cuts off the other instances too.
//
// The quarantine group is given by the runbook and looked at: it has to be of the
// same network and let nobody in. Making one here was rejected, since isolation of
// instances makes and marks such groups already, and a second way would have to
// keep the same promises.
//
// A snapshot is named after incident, run, step and database, so AWS itself says
// that it is there when a step is run again.
package rds
