package journal

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Inclusion proves to someone without the store that one record is in the log that a checkpoint states.
type Inclusion struct {
	Seq   int64
	Leaf  []byte
	Proof tlog.RecordProof
	Head  Checkpoint
}

// ProveInclusion makes the proof that record seq is part of the log's present head.
func ProveInclusion(ctx context.Context, log Log, seq int64) (Inclusion, error) {
	head, hashes, err := readTree(ctx, log)
	if err != nil {
		return Inclusion{}, err
	}
	if seq < 0 || seq >= head.Size {
		return Inclusion{}, fmt.Errorf("prove record %d: the log has %d records", seq, head.Size)
	}
	in := Inclusion{Seq: seq, Head: head}
	for e, err := range log.All(ctx, seq) {
		if err != nil {
			return Inclusion{}, err
		}
		in.Leaf = e.Leaf
		break
	}
	if in.Proof, err = tlog.ProveRecord(head.Size, seq, hashes); err != nil {
		return Inclusion{}, fmt.Errorf("prove record %d: %w", seq, err)
	}
	return in, nil
}

// CheckInclusion verifies a proof with a verifier key that came from elsewhere, and returns the record.
func CheckInclusion(in Inclusion, verifier string) (Entry, error) {
	head, err := OpenCheckpoint(in.Head.Note, verifier)
	if err != nil {
		return Entry{}, err
	}
	if in.Seq < 0 || in.Seq >= head.Size {
		return Entry{}, fmt.Errorf("record %d is not within a checkpoint of %d records", in.Seq, head.Size)
	}
	if err := tlog.CheckRecord(in.Proof, head.Size, head.Root, in.Seq, tlog.RecordHash(in.Leaf)); err != nil {
		return Entry{}, &TamperError{Seq: in.Seq, Why: "the inclusion proof does not lead to the signed root"}
	}
	return CheckEntry(bytes.Clone(in.Leaf), in.Seq, tlog.RecordHash(in.Leaf))
}

// Prover makes inclusion proofs under one checkpoint, while the log goes on.
type Prover struct {
	head   Checkpoint
	hashes tlog.HashReader
}

// NewProver makes a prover for a checkpoint of the log. The errors are those of the log, and that it has fewer records than
// the checkpoint.
func NewProver(ctx context.Context, log Log, head Checkpoint) (*Prover, error) {
	now, hashes, err := readTree(ctx, log)
	if err != nil {
		return nil, err
	}
	if head.Size > now.Size {
		return nil, fmt.Errorf("prove records: the log has %d records, the checkpoint %d: it was rolled back, or is another log", now.Size, head.Size)
	}
	return &Prover{head, hashes}, nil
}

// Prove is the audit path of record seq, from its leaf to the root.
func (p *Prover) Prove(seq int64) ([][32]byte, error) {
	if seq < 0 || seq >= p.head.Size {
		return nil, fmt.Errorf("prove record %d: the checkpoint has %d records", seq, p.head.Size)
	}
	proof, err := tlog.ProveRecord(p.head.Size, seq, p.hashes)
	if err != nil {
		return nil, fmt.Errorf("prove record %d: %w", seq, err)
	}
	path := make([][32]byte, len(proof))
	for i, h := range proof {
		path[i] = h
	}
	return path, nil
}

// CheckPath says why an audit path does not lead from a leaf's hash to the root of a checkpoint; nil when it does. The
// checkpoint's signature is the caller's to check.
func CheckPath(head Checkpoint, seq int64, leaf [32]byte, path [][32]byte) error {
	if seq < 0 || seq >= head.Size {
		return fmt.Errorf("record %d is not within a checkpoint of %d records", seq, head.Size)
	}
	proof := make(tlog.RecordProof, len(path))
	for i, h := range path {
		proof[i] = h
	}
	if err := tlog.CheckRecord(proof, head.Size, head.Root, seq, leaf); err != nil {
		return &TamperError{Seq: seq, Why: "the inclusion proof does not lead to the signed root"}
	}
	return nil
}

// Consistency proves that the log of New began with the log of Old.
type Consistency struct {
	Old, New Checkpoint
	Proof    tlog.TreeProof
}

// ProveConsistency makes the proof from an older checkpoint to the log's present head.
func ProveConsistency(ctx context.Context, log Log, old Checkpoint) (Consistency, error) {
	head, hashes, err := readTree(ctx, log)
	if err != nil {
		return Consistency{}, err
	}
	if old.Size < 0 || old.Size > head.Size {
		return Consistency{}, fmt.Errorf("prove consistency: the log has %d records, the older checkpoint %d: it was rolled back, or is another log", head.Size, old.Size)
	}
	c := Consistency{Old: old, New: head}
	if old.Size == 0 {
		return c, nil // every log begins with the empty one
	}
	if c.Proof, err = tlog.ProveTree(head.Size, old.Size, hashes); err != nil {
		return Consistency{}, fmt.Errorf("prove consistency: %w", err)
	}
	return c, nil
}

// CheckConsistency verifies a proof with a verifier key that came from elsewhere. Both notes must be signed with it and name the same origin.
func CheckConsistency(c Consistency, verifier string) error {
	older, err := OpenCheckpoint(c.Old.Note, verifier)
	if err != nil {
		return fmt.Errorf("older checkpoint: %w", err)
	}
	newer, err := OpenCheckpoint(c.New.Note, verifier)
	if err != nil {
		return fmt.Errorf("newer checkpoint: %w", err)
	}
	if older.Origin != newer.Origin {
		return fmt.Errorf("checkpoints of two logs: %q and %q", older.Origin, newer.Origin)
	}
	if older.Size == 0 {
		if older.Root != new(Frontier).Root() {
			return &TamperError{Seq: 0, Why: "a checkpoint of no records has another root than the empty tree"}
		}
		return nil
	}
	if older.Size > newer.Size {
		return &TamperError{Seq: newer.Size, Why: fmt.Sprintf("the newer checkpoint has %d records, the older %d", newer.Size, older.Size)}
	}
	if err := tlog.CheckTree(c.Proof, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return &TamperError{Seq: -1, Why: fmt.Sprintf("the log of %d records does not begin with the log of %d", newer.Size, older.Size)}
	}
	return nil
}

// readTree returns the head and the hashes under it. Both stores read them from where they are; for a log that is only a
// Log they are computed from all records.
func readTree(ctx context.Context, log Log) (Checkpoint, tlog.HashReader, error) {
	head, err := log.Head(ctx)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	if r, ok := log.(tlog.HashReader); ok {
		return head, r, nil
	}
	var tree Frontier
	var stored []tlog.Hash
	for e, err := range log.All(ctx, 0) {
		if err != nil {
			return Checkpoint{}, nil, err
		}
		if tree.Size() == head.Size {
			break
		}
		stored = append(stored, tree.Add(e.Hash)...)
	}
	return head, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			if index < 0 || index >= int64(len(stored)) {
				return nil, fmt.Errorf("no tree hash %d", index)
			}
			out[i] = stored[index]
		}
		return out, nil
	}), nil
}
