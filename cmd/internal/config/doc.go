// Package config reads firebreak.yaml and the directory file beside it.
//
// [Find] says which file is meant, [Load] reads it together with the directory
// file it names and checks both. Every fault of both files is reported at once,
// sorted, each as
//
//	firebreak.yaml:7:3: unknown key "stroe" in the config; did you mean "store"?
//
// in a [*Problems]. A file that cannot be read at all is a plain error. What
// is odd but not wrong ends up in Config.Warnings. [Init] writes a first
// config that loads without faults.
//
// # Invariants
//
//   - Roots of trust stay ours: the config and every file it names that exists
//     is refused when its group or others may write it, and keys, the journal
//     and secret files also when they may read it. The answer is the chmod to run.
//   - No secret is ever in the config: places for secrets take references only,
//     and a value that looks like a credential is refused wherever it stands. No
//     problem ever shows such a value.
//   - A name that is used is defined: members of groups, the groups and people of
//     an approval floor, the default environment.
//   - An account and an SSH key are one person's. Only public keys of the types
//     that can sign a vote are taken.
//   - A loaded Config holds absolute paths only; relative ones are relative to the
//     folder of the config file, not to where the command was started.
//   - A signer, a journal or a socket that does not exist is no fault: the same
//     config serves `firebreak lint` on a machine that has none of them.
//
// # Design
//
// YAML is parsed to nodes and each mapping is read against a short list of its
// fields, so that every value keeps its position and the wording is ours. The
// rejected choice is decoding into tagged structs with known fields: it stops
// at the shape of Go types, knows no position of a value, coerces an account
// number with a leading zero, and could print a token in its error.
//
// The owner of a file is trusted; only mode bits are looked at.
package config
