package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// VerifyOptions say what to verify a store against. Nothing in them may come from the store itself.
type VerifyOptions struct {
	// Key is the verifier key that was shown when the store was made.
	Key string
	// Origin is the expected firebreak/<org>/<id>/<lineage>; "" takes any that Key signed.
	Origin string
	// Anchors are checkpoints that were kept outside. One with a Note must be signed by Key; one without counts as given, and its
	// Origin may be "".
	Anchors []journal.Checkpoint
	// Deep checks the caller's own rules, record by record in order. Its error becomes a finding: a *Finding keeps its kind, errors.Join
	// gives several, anything else is KindAltered. The hook may keep the entry, and
	// blob gives the attachments that are named so far.
	Deep func(e journal.Entry, blob func(digest string) ([]byte, error)) error
	// DeepEnd is asked after the last record for what only the end can tell, such as steps still in doubt.
	DeepEnd func() []Finding
	// LockTimeout is how long to wait for a writer to let go of the file; 0 is one second.
	LockTimeout time.Duration
}

// Verify reads the whole store at path and recomputes everything in it:
//
//  1. the file is whole and has a journal's buckets;
//  2. records are there from 0 without a gap, and none besides;
//  3. each is in canonical form and says its own place;
//  4. each leaf and tree hash, recomputed from the records, is the stored one;
//  5. the root is the one in the checkpoint, signed by o.Key;
//  6. each stream's records follow one another, and the indexes say what the records say;
//  7. the rules of the engine, through o.Deep;
//  8. every blob that a record names is there with the right content, and no other;
//  9. each anchor equals the tree at its size.
//
// Rotation of keys does not exist yet: one key, the one the store was created with, signs all of it. Nor do sealed fields.
//
// What is wrong with the store is in the Report. An error means that nothing could be said: a malformed key or anchor, no such file, a file
// held by a running server (*journal.LockedError), the context. A damaged file can kill the process: see VerifyInChild.
func Verify(ctx context.Context, path string, o VerifyOptions) (Report, error) {
	report := Report{Path: path}
	if err := journal.CheckVerifier(o.Key); err != nil {
		return report, fmt.Errorf("verify: %w", err)
	}
	anchors := slices.Clone(o.Anchors)
	for i, a := range anchors {
		if len(a.Note) == 0 {
			continue
		}
		opened, err := journal.OpenCheckpoint(a.Note, o.Key)
		if err != nil {
			return report, fmt.Errorf("verify: anchor %d: %w", i+1, err)
		}
		anchors[i] = opened
	}
	slices.SortStableFunc(anchors, func(a, b journal.Checkpoint) int { return int(min(max(a.Size-b.Size, -1), 1)) })

	db, _, err := openFile(path, Options{ReadOnly: true, LockTimeout: o.LockTimeout}, false)
	if err != nil {
		_, locked := errors.AsType[*journal.LockedError](err)
		if locked || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return report, err
		}
		report.add(Finding{-1, KindDamaged, err.Error()})
		conclude(&report, &audit{options: o}, anchors)
		return report, nil
	}
	a := &audit{options: o, report: &report, anchors: anchors, streams: map[string]*journal.StreamState{}, blobs: map[string]int64{}, roots: map[int64][32]byte{}}
	err = guard(path, func() error {
		return db.View(func(tx *bbolt.Tx) error {
			b, err := openBuckets(tx)
			if err != nil {
				return &journal.TamperError{Seq: -1, Why: err.Error()}
			}
			a.buckets = b
			return a.run(ctx)
		})
	})
	if tamper, ok := errors.AsType[*journal.TamperError](err); ok {
		report.add(Finding{tamper.Seq, KindDamaged, fmt.Sprintf("%s; readable up to record %d", tamper.Why, a.tree.Size()-1)})
		err = nil
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return report, fmt.Errorf("verify %q: %w", path, err)
	}
	conclude(&report, a, anchors)
	return report, nil
}

// conclude compares the anchors and says in words what is proven and what is not.
func conclude(r *Report, a *audit, anchors []journal.Checkpoint) {
	if r.Origin != "" {
		r.Root = tlog.Hash(a.tree.Root()).String()
	}
	if r.intact(math.MaxInt64) {
		r.Proven = append(r.Proven,
			fmt.Sprintf("All %d records are there, in order, in the exact bytes that key %q signed.", r.Size, keyName(a.options.Key)),
			fmt.Sprintf("In every stream (there are %d) each record follows the one before it, and the indexes say what the records say.", len(a.streams)),
			fmt.Sprintf("Every attachment that a record names (there are %d) is there with the right content.", len(a.blobs)))
		if a.options.Deep != nil {
			r.Proven = append(r.Proven, "The records were read by the engine's own rules; what it objects to is among the findings.")
		}
	}
	compared := 0
	for _, anchor := range anchors {
		if a.compare(r, anchor) {
			compared++
			r.Anchored = max(r.Anchored, anchor.Size)
		}
	}
	if r.Anchored > 0 {
		r.Proven = append(r.Proven, fmt.Sprintf("The first %d records are those that the anchors saw.", r.Anchored))
	}
	if loose := r.Size - r.Anchored; r.Origin == "" {
		// Without a valid checkpoint there is nothing that an anchor could confirm.
	} else if compared == 0 {
		r.add(Finding{0, KindUnanchored, fmt.Sprintf("no anchor confirms any of the %d records", r.Size)})
	} else if loose > 0 {
		r.add(Finding{r.Anchored, KindUnanchored, fmt.Sprintf("the last %d records are newer than the newest anchor", loose)})
	}

	if compared == 0 {
		r.NotProven = append(r.NotProven, "That this is the newest state: an older genuine copy of the file, or one whose last records were taken away together with their checkpoint, looks the same without an anchor.")
	}
	if compared == 0 || r.Anchored < r.Size {
		r.NotProven = append(r.NotProven, fmt.Sprintf("That whoever held the signing key did not rewrite records from %d on: only an anchor kept elsewhere shows that.", r.Anchored))
	}
	if a.options.Deep == nil {
		r.NotProven = append(r.NotProven, "That the records make sense together (approvals, intents, outcomes): the engine's rules were not asked.")
	}
	r.NotProven = append(r.NotProven, "That what the records say is true: only that it is what was written, and in which order.")
}

// compare says whether an anchor equals the tree at its size, and adds a finding when it contradicts it.
func (a *audit) compare(r *Report, anchor journal.Checkpoint) bool {
	contradiction := func(format string, args ...any) bool {
		r.add(Finding{min(anchor.Size, r.Size), KindRolledBack, fmt.Sprintf(format, args...)})
		return false
	}
	if anchor.Origin != "" && r.Origin != "" && anchor.Origin != r.Origin {
		return contradiction("the anchor at size %d is of %q, this store is %q", anchor.Size, anchor.Origin, r.Origin)
	}
	if r.Origin != "" && anchor.Size > r.Size {
		return contradiction("the store ends after %d records but an anchor saw %d: it was rolled back, or its end was cut off", r.Size, anchor.Size)
	}
	root, known := a.roots[anchor.Size]
	if !known {
		r.NotProven = append(r.NotProven, fmt.Sprintf("The anchor at size %d could not be compared: the records up to it cannot all be read.", anchor.Size))
		return false
	}
	if root == anchor.Root {
		return true
	}
	if !r.intact(anchor.Size) {
		r.NotProven = append(r.NotProven, fmt.Sprintf("The anchor at size %d does not fit, as is to be expected after the findings before it.", anchor.Size))
		return false
	}
	return contradiction("an anchor saw another history: its root at size %d is %s, that of the store %s", anchor.Size, tlog.Hash(anchor.Root), tlog.Hash(root))
}

func keyName(verifier string) string {
	name, rest, _ := strings.Cut(strings.TrimSpace(verifier), "+")
	hash, _, _ := strings.Cut(rest, "+")
	return name + " " + hash
}
