package host

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/record"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// MaxTitle is the longest title of an incident, in bytes.
const MaxTitle = 200

// Declare opens an incident.
func (h *Host) Declare(ctx context.Context, req engine.Request, title string, severity int, private bool) (engine.Receipt, error) {
	title = strings.TrimSpace(title)
	switch {
	case title == "" || len(title) > MaxTitle || strings.ContainsAny(title, "\r\n"):
		return engine.Receipt{}, h.refuse(ctx, req, "", engine.Refuse(engine.Usage, `an incident needs a title of one line and up to %d bytes: declare "leaked key"`, MaxTitle))
	case severity < 1 || severity > 4:
		return engine.Receipt{}, h.refuse(ctx, req, "", engine.Refuse(engine.Usage, "severity is 1 (worst) to 4, not %d", severity))
	}
	w := h.newOwner(engine.NewIncident())
	for {
		h.mu.Lock()
		if h.dead != nil || h.closing {
			h.mu.Unlock()
			return engine.Receipt{}, h.whyGone()
		}
		number := h.next
		h.next++
		h.mu.Unlock()
		id := fmt.Sprintf("%s-%d", h.Prefix, number)
		at := h.clock.stamp(w.inc.Now)
		facts, err := w.inc.Advance(engine.Event{At: at, Actor: req.Actor, Seq: -1, Body: engine.Declared{ID: id, Title: title, Severity: severity, Private: private, Store: h.Store}})
		if err != nil {
			return engine.Receipt{}, err
		}
		b, err := record.Batch(id, 0, facts[:1], req.Nonce)
		if err != nil {
			return engine.Receipt{}, err
		}
		done, err := h.Journal.Append(context.WithoutCancel(ctx), b)
		switch {
		case errors.Is(err, journal.ErrConflict): // the number is taken
			w = h.newOwner(engine.NewIncident())
			continue
		case err != nil:
			h.mu.Lock()
			if h.next == number+1 {
				h.next = number // nobody has it
			}
			h.mu.Unlock()
			if dup, ok := errors.AsType[*journal.DuplicateError](err); ok {
				return engine.Receipt{}, h.refuse(ctx, engine.Request{Actor: req.Actor, Verb: req.Verb}, "", engine.Refuse(engine.Duplicate, "this request came before and was followed then as %s; nothing was done again", dup.Stream))
			}
			if record.Fatal(err) {
				h.fail(err)
			}
			return engine.Receipt{}, err
		}
		w.written = 1
		w.inc.Wrote(done.Last)
		h.mu.Lock()
		if !h.closing && h.dead == nil {
			h.owners[id] = w
			w.run()
		}
		h.mu.Unlock()
		return engine.Receipt{Incident: id, Seq: done.First}, nil
	}
}

// Start begins a run of a runbook.
func (h *Host) Start(ctx context.Context, req engine.Request, incident string, run engine.RunRequest) (engine.Receipt, error) {
	body, refusal := h.runStarted(run)
	if refusal != nil {
		return engine.Receipt{}, h.refuse(ctx, req, incident, refusal)
	}
	return h.submit(ctx, req, incident, func(i *engine.Incident) engine.Event {
		return engine.Event{Run: fmt.Sprintf("R%d", len(i.Runs)+1), Body: body}
	})
}

// runStarted checks a request for a run and pins what it depends on.
func (h *Host) runStarted(run engine.RunRequest) (engine.RunStarted, *engine.Refusal) {
	var none engine.RunStarted
	program, refusal := h.program(run.Runbook)
	if refusal != nil {
		return none, refusal
	}
	env, refusal := h.environment(run.Environment)
	if refusal != nil {
		return none, refusal
	}
	body, refusal := engine.PinRun(program, env.EnvironmentFacts, run)
	if refusal != nil {
		return none, refusal
	}
	body.Floor, body.Protected, body.Settle = env.Floor, env.Protected, (*runbooks.Span)(env.Settle)
	if h.Extra != nil {
		if n, why := h.Extra(program, env.Name); n > 0 {
			body.Extra = &engine.Extra{Approvers: min(n, engine.MaxExtra), Why: record.Cut(cmp.Or(why, "this server demands it"), 500)}
		}
	}
	return body, nil
}

func (h *Host) program(id string) (*runbooks.Program, *engine.Refusal) {
	var known []string
	for _, p := range h.Programs() {
		if p.ID == id {
			return p, nil
		}
		known = append(known, p.ID)
	}
	if len(known) == 0 {
		return nil, engine.Refuse(engine.NoRunbook, "no runbooks are loaded; see the setting runbooks in firebreak.yaml")
	}
	slices.Sort(known)
	return nil, engine.Refuse(engine.NoRunbook, "there is no runbook %q; known: %s", id, strings.Join(known, ", "))
}

// Submit hands in a fact from outside.
func (h *Host) Submit(ctx context.Context, req engine.Request, incident, run, step string, body engine.Body) (engine.Receipt, error) {
	return h.submit(ctx, req, incident, func(i *engine.Incident) engine.Event {
		if run == "" && step != "" {
			if r, ok := i.Run(""); ok {
				run = r.ID
			}
		}
		return engine.Event{Run: run, Step: step, Body: body}
	})
}

func (h *Host) submit(ctx context.Context, req engine.Request, incident string, make func(*engine.Incident) engine.Event) (engine.Receipt, error) {
	w, err := h.owner(ctx, incident)
	if err != nil {
		if refusal, ok := errors.AsType[*engine.Refusal](err); ok {
			return engine.Receipt{}, h.refuse(ctx, req, "", refusal)
		}
		return engine.Receipt{}, err
	}
	receipt := engine.Receipt{Incident: incident}
	var failed error
	err = w.do(ctx, func() {
		e := make(w.inc)
		e.Actor = req.Actor
		if e.Kind() == (engine.RunStarted{}).Kind() {
			receipt.Run = e.Run
		}
		receipt.Seq, failed = w.take(ctx, e, req.Nonce)
	})
	return receipt, errors.Join(err, failed)
}

// Refuse writes down a request that policy refused.
func (h *Host) Refuse(ctx context.Context, req engine.Request, incident string, refusal *engine.Refusal) error {
	if err := h.refuse(ctx, req, incident, refusal); err != nil && !errors.Is(err, error(refusal)) {
		return err
	}
	return nil
}

// refuse writes down a refusal and gives it back as the error of the request.
func (h *Host) refuse(ctx context.Context, req engine.Request, incident string, refusal *engine.Refusal) error {
	body := engine.Refused{Verb: req.Verb, Code: refusal.Code, Message: record.Cut(refusal.Message, 2000)}
	if incident != "" {
		if w, err := h.owner(ctx, incident); err == nil {
			var failed error
			if err := w.do(ctx, func() { _, failed = w.take(ctx, engine.Event{Actor: req.Actor, Body: body}, req.Nonce) }); err != nil {
				return err
			}
			if _, again := errors.AsType[*engine.Refusal](failed); failed != nil && !again {
				return failed
			}
			return refusal
		}
	}
	h.mu.Lock()
	dead := h.dead
	h.mu.Unlock()
	if dead != nil {
		return dead
	}
	at := h.clock.stamp(time.Time{})
	b, err := record.Batch(StoreStream, -1, []engine.Event{{At: at, Actor: req.Actor, Body: body}}, req.Nonce)
	if err != nil {
		return err
	}
	b.Close = true
	_, err = h.Journal.Append(context.WithoutCancel(ctx), b)
	if _, twice := errors.AsType[*journal.DuplicateError](err); err != nil && !twice {
		if record.Fatal(err) {
			h.fail(err)
		}
		return fmt.Errorf("record that a request was refused: %w", err)
	}
	return refusal
}

// View shows an incident.
func (h *Host) View(ctx context.Context, incident string, look func(*engine.Incident)) error {
	w, err := h.owner(ctx, incident)
	if err != nil {
		return err
	}
	return w.do(ctx, func() { look(w.inc) })
}

// List shows every incident, newest first. Of a closed one only its first
// facts are read.
func (h *Host) List(ctx context.Context) ([]engine.Summary, error) {
	streams, err := h.Journal.Streams(ctx, false)
	if err != nil {
		return nil, err
	}
	var list []engine.Summary
	for _, s := range slices.Backward(streams) {
		if _, ok := h.number(s.Name); !ok {
			continue
		}
		h.mu.Lock()
		w := h.owners[s.Name]
		h.mu.Unlock()
		if w == nil {
			one, err := h.first(ctx, s)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
			continue
		}
		if err := w.do(ctx, func() { list = append(list, engine.SummaryOf(w.inc)) }); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// beginning is how many facts of a closed incident are read to find its
// channel, which is one of the first things that is written down.
const beginning = 8

// first sums up an incident that nobody owns by its first facts: what was
// declared, and its channel. One that cannot be read is on the list too, and
// says so: the others must be seen.
func (h *Host) first(ctx context.Context, s journal.StreamInfo) (engine.Summary, error) {
	one := engine.Summary{ID: s.Name, Title: "(this incident cannot be read; see: firebreak verify)", Resolved: !s.Open}
	n := 0
	for e, err := range record.Read(ctx, h.Journal, s.Name) {
		if err != nil {
			if record.Fatal(err) || errors.Is(err, journal.ErrClosed) || ctx.Err() != nil {
				return one, err
			}
			h.Log.Error("incident cannot be read", "incident", s.Name, "error", err)
			break
		}
		one.Take(e)
		if n++; one.Channel != "" || n >= beginning {
			break
		}
	}
	return one, nil
}

// Events gives the facts of an incident in order, as the journal has them.
func (h *Host) Events(ctx context.Context, incident string) iter.Seq2[engine.Event, error] {
	return record.Read(ctx, h.Journal, incident)
}

// Programs lists the runbooks that can be started.
func (h *Host) Programs() []*runbooks.Program {
	list := slices.Clone(h.Options.Programs())
	slices.SortFunc(list, func(a, b *runbooks.Program) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// Head is the journal's size and the first digits of its root.
func (h *Host) Head(ctx context.Context, _ string) (size int64, root string, err error) {
	head, err := h.Journal.Head(ctx)
	if err != nil {
		return 0, "", err
	}
	return head.Size, hex.EncodeToString(head.Root[:6]), nil
}
