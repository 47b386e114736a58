package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

// write appends facts that were applied already. When the journal refuses them
// the incident is read back, so that memory never knows more than the journal.
func (w *owner) write(ctx context.Context, batch []engine.Event, nonce string) (first int64, err error) {
	b := journal.Batch{Stream: w.inc.ID, Expect: w.written}
	for n, e := range batch {
		record, attachments, err := encode(e)
		if err != nil {
			w.reload(ctx)
			return 0, err
		}
		if n == len(batch)-1 {
			record.Nonce = nonce
		}
		b.Records = append(b.Records, record)
		b.Blobs = append(b.Blobs, attachments...)
	}
	b.Close = w.inc.Resolved && len(w.inc.Commands()) == 0
	// Once it is being written the caller must learn the truth, so its patience does not count.
	done, err := w.h.Journal.Append(context.WithoutCancel(ctx), b)
	if err != nil {
		if _, twice := errors.AsType[*journal.DuplicateError](err); twice {
			err = engine.Refuse(engine.Duplicate, "this request came before and was followed then; nothing was done again")
		} else if fatal(err) || errors.Is(err, journal.ErrConflict) {
			w.h.fail(err)
			return 0, err
		}
		w.reload(ctx)
		return 0, err
	}
	w.written += int64(len(b.Records))
	w.inc.Wrote(done.Last)
	return done.First, nil
}

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

// maxRecord is the largest fact in bytes: what a leaf holds, less its envelope.
const maxRecord = journal.MaxLeaf - 2<<10

// reload reads the incident back as the journal has it. It starts nothing: an
// incident that is being brought back may have effects in doubt.
func (w *owner) reload(ctx context.Context) {
	if w.inc.ID == "" || w.written == 0 {
		return
	}
	fresh, err := w.h.load(context.WithoutCancel(ctx), w.inc.ID)
	if err != nil {
		w.h.fail(fmt.Errorf("read %s back: %w", w.inc.ID, err))
		return
	}
	w.inc, w.written, w.scanned = fresh.inc, fresh.written, false
}
