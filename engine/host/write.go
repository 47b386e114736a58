package host

import (
	"context"
	"errors"
	"fmt"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/record"
)

// write appends facts that were applied already. When the journal refuses them
// the incident is read back, so that memory never knows more than the journal.
func (w *owner) write(ctx context.Context, batch []engine.Event, nonce string) (first int64, err error) {
	b, err := record.Batch(w.inc.ID, w.written, batch, nonce)
	if err != nil {
		w.reload(ctx)
		return 0, err
	}
	b.Close = w.inc.Resolved && len(w.inc.Commands()) == 0
	// Once it is being written the caller must learn the truth, so its patience does not count.
	done, err := w.h.Journal.Append(context.WithoutCancel(ctx), b)
	if err != nil {
		if _, twice := errors.AsType[*journal.DuplicateError](err); twice {
			err = engine.Refuse(engine.Duplicate, "this request came before and was followed then; nothing was done again")
		} else if record.Fatal(err) || errors.Is(err, journal.ErrConflict) {
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
