package timeline

import (
	"context"
	"iter"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

// Proofs gives the records of an incident as they were hashed, and shows that
// they are in the log that a head states.
type Proofs interface {
	// Leaves gives the records in order, the same ones each time.
	Leaves() iter.Seq2[journal.Entry, error]
	// Prove is the audit path of a record under the head.
	Prove(seq int64) ([][32]byte, error)
	// Blob gives an attachment that a record names.
	Blob(digest string) ([]byte, error)
}

// ProofsOf gives the records of a stream up to and with journal place last,
// with proofs under a head of the log. Errors are those of the log.
func ProofsOf(ctx context.Context, log journal.Log, stream string, last int64, head journal.Checkpoint) (Proofs, error) {
	prover, err := journal.NewProver(ctx, log, head)
	if err != nil {
		return nil, err
	}
	return &logProofs{prover, ctx, log, stream, last}, nil
}

type logProofs struct {
	*journal.Prover
	ctx    context.Context
	log    journal.Log
	stream string
	last   int64
}

func (p *logProofs) Leaves() iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		for e, err := range p.log.Read(p.ctx, p.stream, 0) {
			if err == nil && e.Seq > p.last {
				return
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (p *logProofs) Blob(digest string) ([]byte, error) { return p.log.Blob(p.ctx, digest) }

// UpTo gives the facts up to and with journal place last.
func UpTo(events iter.Seq2[engine.Event, error], last int64) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for e, err := range events {
			if err == nil && e.Seq > last {
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}
