// Package s3 holds the actions named aws.s3.*: what closes a bucket, and what
// keeps evidence where nobody can quietly change it.
//
// # Evidence
//
// Every action that collects something larger or more delicate than an output
// stores it with [Put] and proves it with [Check]:
//
//	place := c.Evidence                       // or a bucket that the step names
//	err := s3.Ready(ctx, c, place)            // while planning
//	stored, err := s3.Put(ctx, c, call, place, s3.Item{Name: "i-0abc.json", Body: text})
//	reading, err := s3.Check(ctx, c, stored, place)
//
// and declares the rights of the three with [PutRights].
//
// # Design
//
// An object of evidence is named by incident, run, step and a name, so a step
// that is repeated comes to the same key. It is written on the condition that
// the key is free, with its SHA-256 and its lock in the same request: a second
// attempt is told that the key is taken, reads the checksum back, and either
// finds its own bytes, which is success, or somebody else's, which is an error
// that changes nothing. The identity of evidence is key, version and checksum
// together, because a delete marker hides a locked object without touching it
// and frees its key.
//
// How long an object is kept is counted from the first intent of its step, so
// that every attempt asks for the same day.
//
// What belongs to an object stands in its metadata, which the lock covers. Tags
// were rejected: they stay editable on a locked object.
//
// Objects go up in one request. Parts were rejected: the checksum of an object
// in parts is a checksum of checksums, which no other tool computes.
package s3
