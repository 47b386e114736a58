// Package bolt keeps a journal in one bbolt file, and verifies such a file.
//
//	log, err := bolt.Open(path, bolt.Options{Signer: signer, Org: "acme", MustExist: true})
//	report, err := bolt.VerifyInChild(ctx, os.Args[0], []string{"verify-child"}, path, bolt.VerifyOptions{Key: genesis, Anchors: anchors})
//	os.Exit(report.ExitCode())
//
// # Writing
//
// One goroutine commits. Callers of Append that wait at the same time share a transaction, a signature and the syncs; each gets its own
// answer, and a conflict or duplicate of one does not touch the others. Nobody is answered before the commit is done. Before each commit the path must still
// name the open file and the store must hold this writer's epoch: a lock on a file that was renamed away (a restored backup) keeps nobody out.
// After any error of a commit the log refuses everything: bbolt can report an error and have the data.
//
// A store is made under another name and gets its own in one step, so a file that is empty or half made is damage and never a new store.
//
// # Reading
//
// Readers take up to 256 records or 1 MiB in one transaction and copy them out, because a long transaction keeps bbolt from reusing pages. Every record is
// compared with the tree on its way out: bbolt has no checksums on its pages, and of the bit flips that change what it returns it notices
// three in a hundred.
//
// # A damaged file
//
// bbolt maps the file and can kill the process on a damaged one, or follow a page that points at itself until memory ends. Open looks at the first pages and the
// length itself, which finds truncation, and turns panics into *journal.TamperError; the rest needs VerifyInChild, which has a limit of
// time and memory. A server runs it before Open.
//
// Verify needs the file for itself. Beside a running server reading or copying the file is not safe, so Verify answers *journal.LockedError, and the
// server makes a copy with Snapshot.
//
// # Design
//
// bbolt options: NoFreelistSync with the map freelist, since a synced list is a class of corruption after power loss; 1 GiB of address space from the start,
// since growing the map waits for readers; syncs are never off. The file is read through once before it is mapped: a cold open of a million
// records took 7 seconds without and 1 with.
//
// The hashes that a leaf completes are stored together under the leaf's seq, not one by one under their tlog index: half the keys, one write per record.
// The index of a stream lies next to its state, so an append to one stream touches few pages. Rejected: a bucket per stream (bbolt copies the
// path to each on every commit, and the list of buckets grows with every incident).
package bolt
