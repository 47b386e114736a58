// Package journal is the append-only, tamper-evident log under the engine: opaque records in streams, one order and one Merkle tree over
// all of them, a signed head for every commit. It knows no engine, and no store: those are in bolt (a file) and mem (tests and simulation), and all of
// them pass journaltest.
//
//	signer, err := journal.LoadSigner("signer.key")
//	log, err := bolt.Open("state/journal.db", bolt.Options{Signer: signer, Org: "acme"})
//	data, err := journal.Canonical(fact)
//	done, err := log.Append(ctx, journal.Batch{Stream: "INC-12", Expect: 17, Records: []journal.Record{{Data: data}}})
//	// err == nil: the record is on the disk, and nobody can change it unseen. Only now act on it.
//	for entry, err := range log.Read(ctx, "INC-12", 0) { ... }
//
// # What a caller may rely on
//
//   - A batch is written whole or not at all, and Append answers after the sync.
//   - A failed commit has an unknown outcome: the data may be there although the commit reported an error. The log then refuses
//     everything (*PoisonedError); the process exits with ExitPoisoned, opens the store again and reads what happened. It must not try again.
//   - A nonce is unique in the whole store, and is used up in the same transaction as the record that carries it.
//   - An entry that a log yields has been compared with the tree. *TamperError is never a reason to go on.
//   - Each record lies in its stream's chain of hashes (prev) and in the tree. The tree's root is signed on every commit.
//
// # Format
//
// A leaf is the canonical JSON (see Canonical) of an envelope; its stored bytes are the hashed bytes and are never encoded again to be checked.
//
//	{"blobs":["<sha256>"],"close":true,"data":{…},"epoch":7,"n":17,"nonce":"…","prev":"<hash>","seq":1042,"stream":"INC-12","v":1}
//
// prev is the leaf hash of the stream's record before, 64 zeros for the first. nonce, blobs (on the first record of its batch) and close (on the last
// record of a batch that closes its stream) are absent when they say nothing. Because blobs, nonces and the end of a stream are in the leaf,
// every index of a store follows from the leaves, and verify can tell when one was bent. Data may nest MaxDepth deep; the leaf is one deeper.
//
// Hashes are those of RFC 6962: SHA-256 of 0x00 and the leaf, of 0x01 and two nodes. A checkpoint is a C2SP signed note of three lines: origin
// (firebreak/<org>/<store id>/<lineage>), size, root in base64. Notes ignore signatures by unknown keys, so witnesses and further keys can be added.
//
// How the format may grow: new members of the envelope are optional and absent when unset, and come with a new "v", since a reader
// refuses members that it does not know. A leaf that was written stays valid for ever. testdata/canonical.txt pins the encoding.
//
// # Design
//
// Chosen: one tree over all streams, hashes and signature in the same transaction as the records, in one file. Rejected:
//
//   - A hash chain alone. It shows an edit, but not that the tail was cut off or the whole rewritten, and it has no short proof for a
//     stranger. The chain per stream is kept beside the tree, so that an exported incident shows its own gaps.
//   - RFC 8785 (JCS). Libraries disagree on the order of non-ASCII keys and on floats, and some take invalid UTF-8. With ASCII keys and no floats there is
//     nothing left to disagree on. (The bytes are not always JCS: control characters have one escape form, not two.)
//   - bbolt's db.Batch. It may run a function twice, waits 10 ms by default and lets one caller's error rerun the others. The committer in
//     bolt gives each caller its own answer and waits for nobody.
//   - A log file first, with bbolt as an index that lags. Measured, it takes 1.5 to 3.4 times the load and a third of the device bytes, at the price
//     of two files that must agree after a crash. Log hides the choice, so it can still be made.
//   - A transparency-log server or library with its own storage: state and record would no longer be one transaction.
//
// What this does not give: whoever holds the signing key and the file can roll back to an older copy or write another history.
// Only a checkpoint kept elsewhere, an anchor, shows that (see bolt.Verify). Keys do not rotate yet.
//
// A new store implements Tx, calls Ledger.Stage for each batch and Ledger.Seal once per commit, and answers its callers after the commit.
package journal
