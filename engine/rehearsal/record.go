package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

// maxRecord is the largest fact in bytes: what a leaf holds, less its envelope.
const maxRecord = journal.MaxLeaf - 2<<10

// encode turns a fact into a record and its attachments.
func encode(e engine.Event) (journal.Record, [][]byte, error) {
	data, attachments, err := engine.Encode(e)
	if err != nil {
		return journal.Record{}, nil, err
	}
	canonical, err := journal.Canonical(json.RawMessage(data))
	if err != nil {
		return journal.Record{}, nil, fmt.Errorf("%s cannot be written down: %w", e.Kind(), err)
	}
	if len(canonical) > maxRecord {
		return journal.Record{}, nil, fmt.Errorf("%s cannot be written down: it has %d bytes and a record holds %d", e.Kind(), len(canonical), maxRecord)
	}
	for _, a := range attachments {
		if len(a) > journal.MaxBlob {
			return journal.Record{}, nil, fmt.Errorf("%s cannot be written down: a value in it has %d bytes and the journal keeps up to %d", e.Kind(), len(a), journal.MaxBlob)
		}
	}
	return journal.Record{Data: canonical}, attachments, nil
}

// decode reads a record back.
func decode(ctx context.Context, log journal.Log, entry journal.Entry) (engine.Event, error) {
	e, err := engine.Decode(entry.Data, func(digest string) ([]byte, error) { return log.Blob(ctx, digest) })
	if err != nil {
		return e, fmt.Errorf("entry %d of %s: %w", entry.N, entry.Stream, err)
	}
	e.Seq = entry.Seq
	return e, nil
}

// batch makes one transaction of facts; the nonce stands on the last.
func batch(stream string, expect int64, facts []engine.Event, nonce string, last bool) (journal.Batch, error) {
	b := journal.Batch{Stream: stream, Expect: expect, Close: last}
	for n, e := range facts {
		record, attachments, err := encode(e)
		if err != nil {
			return b, err
		}
		if n == len(facts)-1 {
			record.Nonce = nonce
		}
		b.Records = append(b.Records, record)
		b.Blobs = append(b.Blobs, attachments...)
	}
	return b, nil
}

// fatal says whether an error of the store leaves its content unknown.
func fatal(err error) bool {
	_, poisoned := errors.AsType[*journal.PoisonedError](err)
	_, fenced := errors.AsType[*journal.FencedError](err)
	return poisoned || fenced
}

// cut shortens a text to n bytes, whole letters only.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
