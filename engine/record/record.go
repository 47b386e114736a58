// Package record turns the facts of the core into the records of a journal, and
// back. Whoever writes facts or reads them does it here, so that a fact has one
// form and one bound, whether it is of an incident or of an exercise.
//
//	batch, err := record.Batch("INC-1", expect, facts, nonce)
//	done, err := log.Append(ctx, batch)
//	for fact, err := range record.Read(ctx, log, "INC-1") { … }
//
// # Invariants
//
//   - What [Of] takes, [journal.Log.Append] has room for: a fact that is too large
//     is refused before anything is written.
//   - A fact that was read knows its place, its hash and the hash before it.
//
// # Design
//
// The core does not know the journal and the journal does not know facts; this is
// the one place between them. The rejected alternative is a method of the journal
// that decodes: the log would then be no use to anybody who keeps something else.
package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

// Max is the largest fact in bytes: what a leaf holds, less its envelope.
const Max = journal.MaxLeaf - 2<<10

// Of gives the record of a fact and its attachments. The error says of which kind
// the fact is and what has no room.
func Of(e engine.Event) (journal.Record, [][]byte, error) {
	data, attachments, err := engine.Encode(e)
	if err != nil {
		return journal.Record{}, nil, err
	}
	canonical, err := journal.Canonical(json.RawMessage(data))
	if err != nil {
		return journal.Record{}, nil, fmt.Errorf("%s cannot be written down: %w", e.Kind(), err)
	}
	if len(canonical) > Max {
		return journal.Record{}, nil, fmt.Errorf("%s cannot be written down: it has %d bytes and a record holds %d", e.Kind(), len(canonical), Max)
	}
	for _, a := range attachments {
		if len(a) > journal.MaxBlob {
			return journal.Record{}, nil, fmt.Errorf("%s cannot be written down: a value in it has %d bytes and the journal keeps up to %d", e.Kind(), len(a), journal.MaxBlob)
		}
	}
	return journal.Record{Data: canonical}, attachments, nil
}

// Batch makes one transaction of facts; expect is how many records the stream has,
// or -1. The nonce of the request stands on the last. Errors: those of [Of].
func Batch(stream string, expect int64, facts []engine.Event, nonce string) (journal.Batch, error) {
	b := journal.Batch{Stream: stream, Expect: expect}
	for n, e := range facts {
		one, attachments, err := Of(e)
		if err != nil {
			return b, err
		}
		if n == len(facts)-1 {
			one.Nonce = nonce
		}
		b.Records = append(b.Records, one)
		b.Blobs = append(b.Blobs, attachments...)
	}
	return b, nil
}

// Fact reads the fact of a record; blob finds an attachment by its digest. The
// error says which record it is.
func Fact(entry journal.Entry, blob func(digest string) ([]byte, error)) (engine.Event, error) {
	e, err := engine.Decode(entry.Data, blob)
	if err != nil {
		return e, fmt.Errorf("record %d of %s (journal place %d) cannot be read as a fact: %w", entry.N, entry.Stream, entry.Seq, err)
	}
	e.Seq, e.Hash, e.Prev = entry.Seq, entry.Hash, entry.Prev
	return e, nil
}

// In reads the fact of a record of a log. Errors: those of [Fact].
func In(ctx context.Context, log journal.Log, entry journal.Entry) (engine.Event, error) {
	return Fact(entry, func(digest string) ([]byte, error) { return log.Blob(ctx, digest) })
}

// Read gives the facts of a stream in order, as the journal has them. It ends with
// the first error: one of the journal, or of [Fact].
func Read(ctx context.Context, log journal.Log, stream string) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for entry, err := range log.Read(ctx, stream, 0) {
			var e engine.Event
			if err == nil {
				e, err = In(ctx, log, entry)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Fatal says whether an error of the journal leaves its content unknown, so that
// nothing more may be begun.
func Fatal(err error) bool {
	_, poisoned := errors.AsType[*journal.PoisonedError](err)
	_, fenced := errors.AsType[*journal.FencedError](err)
	return poisoned || fenced
}

// Cut shortens a text to n bytes, for a fact that holds no more: whole letters,
// and a sign at the end where something is missing.
func Cut(s string, n int) string {
	const sign = "…"
	if len(s) <= n {
		return s
	}
	for n = max(n-len(sign), 0); n > 0 && !utf8.RuneStart(s[n]); {
		n--
	}
	return s[:n] + sign
}
