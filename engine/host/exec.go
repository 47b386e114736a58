package host

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/record"
)

// readLimit is the time limit of one reading of a target.
const readLimit = 30 * time.Second

// launch starts one command. It runs in the owner's goroutine.
func (w *owner) launch(c engine.Command) {
	ref := c.Ref()
	switch c := c.(type) {
	case engine.Wake:
		w.goWait(ref, c)
	case engine.RunEffect:
		if w.begun[ref] {
			return // once in this process, whatever became of its end
		}
		w.begun[ref] = true
		w.fly(ref, sortEffect, func(ctx context.Context, f *flight) { w.runEffect(ctx, ref, f, c) })
	case engine.PlanStep:
		w.fly(ref, sortRead, func(ctx context.Context, f *flight) { w.planStep(ctx, ref, f, c) })
	case engine.ProbeEffect:
		w.fly(ref, sortRead, func(ctx context.Context, f *flight) { w.probe(ctx, ref, f, c) })
	case engine.VerifyEffect:
		w.fly(ref, sortRead, func(ctx context.Context, f *flight) { w.verify(ctx, ref, f, c) })
	default:
		w.tell(ref, c)
	}
}

func (w *owner) fly(ref string, kind sort, work func(context.Context, *flight)) {
	ctx, cancel := context.WithCancel(w.h.ctx)
	f := &flight{cancel: cancel, sort: kind}
	w.flight[ref] = f
	w.h.work.Go(func() {
		defer cancel()
		work(ctx, f)
	})
}

// handler finds the action of a task. That it is gone is an error of class
// invalid: nothing was called.
func (h *Host) handler(t engine.Task) (actions.Handler, error) {
	a, ok := h.Registry.Handler(t.Action)
	if !ok {
		return nil, &actions.Error{Class: actions.Invalid, Op: t.Action, Err: fmt.Errorf("this server has no action %q", t.Action)}
	}
	return a, nil
}

// ask calls an action for a reading and waits for its answer until ctx ends.
// An action that does not listen to its context is left behind: whoever waited
// for it goes on.
func ask[T any](ctx context.Context, op string, read func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := read()
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, &actions.Error{Class: actions.Unknown, Op: op, Err: fmt.Errorf("no answer in time: %w", ctx.Err())}
	}
}

func failure(op string, err error) engine.Failure {
	e := actions.AsError(op, err)
	return engine.Failure{Class: e.Class, Message: record.Cut(e.Error(), 2000)}
}

// maxRequests bounds how many ids of requests a fact keeps.
const maxRequests = 200

// few gives the ids of the requests, without the middle when there are many.
func few(r *actions.Requests) []actions.Request {
	list := r.List()
	if over := len(list) - maxRequests; over > 0 {
		half := maxRequests / 2
		left := actions.Request{Operation: fmt.Sprintf("%d requests are left out here", over)}
		list = slices.Concat(list[:half], []actions.Request{left}, list[half+over:])
	}
	return list
}

// fact is an event of the engine for a step.
func fact(t engine.Task, body engine.Body) engine.Event {
	return engine.Event{Actor: engine.TheEngine, Run: t.Run, Step: t.Step, Body: body, Seq: -1}
}

func (w *owner) runEffect(ctx context.Context, ref string, f *flight, c engine.RunEffect) {
	type answer struct {
		result json.RawMessage
		err    error
	}
	if ctx.Err() != nil {
		return // the host has stopped: the intent is in doubt for whoever opens the store next
	}
	requests := &actions.Requests{}
	c.Call.Requests = requests
	began := time.Now()
	limit, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	answers := make(chan answer, 1)
	go func() { // not waited for when the host stops: it may not listen to its context
		var a answer
		handler, err := w.h.handler(c.Task)
		switch {
		case err != nil:
			a.err = err
		case c.Undo:
			a.err = handler.Undo(limit, c.Call, c.Params, c.Result)
		default:
			a.result, a.err = handler.Execute(limit, c.Call, c.Params)
		}
		answers <- a
	}()
	outcome := func(a answer) engine.EffectOutcome {
		o := engine.EffectOutcome{Attempt: c.Call.Attempt, Epoch: w.h.Journal.Epoch(), Requests: few(requests), Millis: time.Since(began).Milliseconds()}
		if a.err != nil {
			fail := failure(c.Action, a.err)
			o.Failure = &fail
			return o
		}
		o.Result = engine.Large{Value: a.result}
		if _, _, err := record.Of(fact(c.Task, o)); err != nil {
			o.Result = engine.Large{}
			o.Failure = &engine.Failure{Class: actions.Unknown, Message: "its answer cannot be written down: " + err.Error()}
		}
		return o
	}
	grace := time.NewTimer(c.Timeout + w.h.Grace)
	defer grace.Stop()
	select {
	case a := <-answers:
		w.ended(ref, f, func(*engine.Incident) (engine.Event, bool) { return fact(c.Task, outcome(a)), true })
	case <-w.h.ctx.Done():
	case <-grace.C:
		lost := answer{err: &actions.Error{Class: actions.Unknown, Op: c.Action, Err: fmt.Errorf("no answer within %s", c.Timeout)}}
		o := outcome(lost)
		w.ended(ref, f, func(*engine.Incident) (engine.Event, bool) { return fact(c.Task, o), true })
		select { // the answer may still come; it is kept as evidence
		case a := <-answers:
			late := engine.EffectLate{Attempt: c.Call.Attempt, Outcome: outcome(a)}
			w.send(func() {
				if _, err := w.take(w.h.ctx, fact(c.Task, late), ""); err != nil {
					w.h.Log.Error("late answer could not be recorded", "incident", w.inc.ID, "error", err)
				}
			})
		case <-w.h.ctx.Done():
		}
	}
}

func (w *owner) planStep(ctx context.Context, ref string, f *flight, c engine.PlanStep) {
	limit, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	preview, err := ask(limit, c.Action, func() (actions.Preview, error) {
		handler, err := w.h.handler(c.Task)
		switch {
		case err != nil:
			return actions.Preview{}, err
		case c.Undo:
			return handler.PlanUndo(limit, c.Call, c.Params, c.Result)
		}
		return handler.Plan(limit, c.Call, c.Params)
	})
	if ctx.Err() != nil {
		return // called off, or the server is stopping: it is owed again later
	}
	w.ended(ref, f, func(i *engine.Incident) (engine.Event, bool) {
		if err != nil {
			return fact(c.Task, engine.PlanFailed{N: c.N, Failure: failure(c.Action, err)}), true
		}
		run, ok := i.Run(c.Run)
		if !ok {
			return engine.Event{}, false
		}
		step, ok := run.Step(c.Step)
		if !ok {
			return engine.Event{}, false
		}
		body := engine.StepPlanned{N: c.N, Preview: preview, State: engine.Large{Value: preview.State}, Digest: step.PlanDigest(preview)}
		body.Preview.State = nil
		if _, _, err := record.Of(fact(c.Task, body)); err != nil {
			return fact(c.Task, engine.PlanFailed{N: c.N, Failure: engine.Failure{Class: actions.Invalid, Message: "its plan cannot be written down: " + err.Error()}}), true
		}
		return fact(c.Task, body), true
	})
}

// probeTries bounds how often a target is asked what happened.
const probeTries = 5

func (w *owner) probe(ctx context.Context, ref string, f *flight, c engine.ProbeEffect) {
	type answer struct {
		found  actions.Found
		result json.RawMessage
	}
	body := engine.EffectProbed{Attempt: c.Call.Attempt, Found: actions.FoundUnknown}
	handler, err := w.h.handler(c.Task)
	pause := time.Second
	for try := 1; err == nil; try++ {
		limit, cancel := context.WithTimeout(ctx, readLimit)
		said, failed := ask(limit, c.Action, func() (answer, error) {
			found, result, err := handler.Probe(limit, c.Call, c.Params)
			return answer{found, result}, err
		})
		cancel()
		body.Found, body.Result = said.found, engine.Large{Value: said.result}
		if failed == nil {
			break
		}
		body.Found, body.Detail = actions.FoundUnknown, "the target could not be asked: "+record.Cut(failed.Error(), 2000)
		if try == probeTries || !rest(ctx, pause) {
			break
		}
		pause *= 2
	}
	if err != nil {
		body.Detail = err.Error()
	}
	if ctx.Err() != nil {
		return
	}
	if _, _, err := record.Of(fact(c.Task, body)); err != nil {
		body = engine.EffectProbed{Attempt: body.Attempt, Found: actions.FoundUnknown, Detail: "the target's answer cannot be written down: " + err.Error()}
	}
	w.ended(ref, f, func(*engine.Incident) (engine.Event, bool) { return fact(c.Task, body), true })
}

// rest waits, and says whether the time has passed rather than ctx ended.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (w *owner) goWait(ref string, c engine.Wake) {
	wait := c.At.Sub(w.h.clock.read()) // by the journal's time, which a clock set back does not stretch
	w.fly(ref, sortWait, func(ctx context.Context, f *flight) {
		if !rest(ctx, wait) {
			return
		}
		w.ended(ref, f, func(*engine.Incident) (engine.Event, bool) {
			return engine.Event{Actor: engine.TheEngine, Run: c.Run, Step: c.Step, Body: engine.TimerFired{Ref: c.Timer, Due: engine.At(c.At)}, Seq: -1}, true
		})
	})
}
