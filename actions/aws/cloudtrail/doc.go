// Package cloudtrail holds the actions named aws.cloudtrail.*: what was done with
// a key, by a person or to a thing, and whether it is still being written down.
//
// # Design
//
// An output of lookup_events is a summary that is small and safe to show: names
// and counts. The events themselves hold what people typed into requests, so
// they go into the bucket for evidence and nowhere else. Because CloudTrail tells
// events minutes late, two attempts may read different ones; the object is named
// by its content, so that both are kept and neither is in the other's way.
//
// CloudTrail allows two look-ups a second in an account and region. The pace is
// kept by a pause between any two calls to the same place, shared by all steps
// of the process. A bucket of tokens was rejected: it needs a clock, and saves
// half a second.
//
// ensure_logging has no undo. Firebreak never stops a log, not even one that it
// started.
package cloudtrail
