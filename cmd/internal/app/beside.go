package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// What is live waits so long for exercises, and not longer: their store may be
// full, damaged, or on a disk that does not answer.
const (
	listPatience  = 300 * time.Millisecond
	alarmPatience = time.Second
	closePatience = 10 * time.Second
	checkPatience = 20 * time.Second // while a server starts
	actPatience   = 10 * time.Second // of somebody who does something in an exercise
)

// overview is what is known of the exercises, for those who ask about live
// incidents.
type overview struct {
	mu     sync.Mutex
	list   []engine.Summary // as they were when somebody could look last
	asking chan struct{}    // closed when who looks now has looked; nil: nobody does
}

// Overview lists the exercises in a short time: as they are, or, when they do
// not say so in time, as they were known last.
func (d *Drills) Overview(ctx context.Context) []engine.Summary {
	ctx, cancel := context.WithTimeout(ctx, listPatience)
	defer cancel()
	o := &d.seen
	for mine := false; ; {
		o.mu.Lock()
		if o.asking == nil && !mine {
			mine, o.asking = true, make(chan struct{})
			go d.ask(o.asking)
		}
		list, asking := o.list, o.asking
		o.mu.Unlock()
		if asking == nil {
			return list
		}
		select {
		case <-asking:
		case <-ctx.Done():
			return list
		}
	}
}

// ask looks at the exercises, however long that takes.
func (d *Drills) ask(done chan struct{}) {
	list, err := d.listed()
	d.seen.mu.Lock()
	defer d.seen.mu.Unlock()
	if err == nil {
		d.seen.list = list
	} else {
		d.log.Warn("the exercises cannot be listed; live incidents can", "error", err)
	}
	d.seen.asking = nil
	close(done)
}

func (d *Drills) listed() (list []engine.Summary, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("bug: %v", r)
		}
	}()
	return d.Stage.List(context.Background())
}

// alarm stops the exercises of this process, and tells other processes. It
// goes on after it has returned when that takes long.
func (a *App) alarm(ctx context.Context, incident string) {
	var work sync.WaitGroup
	work.Go(func() {
		if err := os.WriteFile(liveMark(a.Config), []byte(incident+"\n"), 0o600); err != nil {
			a.log.Warn("exercises in other terminals were not told", "incident", incident, "error", err)
		}
	})
	if a.Drills != nil {
		work.Go(func() {
			if err := a.Drills.Stage.StopAll(context.Background(), engine.EndLive, incident+" was declared"); err != nil {
				a.log.Error("an exercise could not be stopped; tell its players, and say its stop word", "incident", incident, "error", err)
			}
		})
	}
	if !within(ctx, alarmPatience, work.Wait) {
		a.log.Error("the exercises are not stopped yet; tell their players that it is live", "incident", incident)
	}
}

// within does something that may never end, and says whether it ended in time.
func within(ctx context.Context, most time.Duration, do func()) bool {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
	}
	select {
	case <-done:
		return true
	default:
		return false
	}
}

var errNotClosed = errors.New("the store of exercises did not close in time; what was written is kept")

// errSlow answers for an exercise that does not.
var errSlow = errors.New("the exercise does not answer; live incidents do. Look again later, or ask who runs the server about the store of exercises")

// patient are exercises that nobody waits for without end: those who wait in one
// place, such as a channel, would keep others from what is live.
type patient struct {
	engine.Incidents
	most time.Duration
}

func (p patient) Start(ctx context.Context, req engine.Request, incident string, run engine.RunRequest) (engine.Receipt, error) {
	return p.receipt(ctx, func() (engine.Receipt, error) { return p.Incidents.Start(ctx, req, incident, run) })
}

func (p patient) Submit(ctx context.Context, req engine.Request, incident, run, step string, body engine.Body) (engine.Receipt, error) {
	return p.receipt(ctx, func() (engine.Receipt, error) { return p.Incidents.Submit(ctx, req, incident, run, step, body) })
}

func (p patient) Refuse(ctx context.Context, req engine.Request, incident string, refusal *engine.Refusal) error {
	_, err := p.receipt(ctx, func() (engine.Receipt, error) {
		return engine.Receipt{}, p.Incidents.Refuse(ctx, req, incident, refusal)
	})
	return err
}

// receipt waits for what somebody does.
func (p patient) receipt(ctx context.Context, do func() (engine.Receipt, error)) (engine.Receipt, error) {
	type answer struct {
		receipt engine.Receipt
		err     error
	}
	came := make(chan answer, 1)
	if !within(context.WithoutCancel(ctx), p.most, func() {
		r, err := do()
		came <- answer{r, err}
	}) {
		return engine.Receipt{}, errSlow
	}
	a := <-came
	return a.receipt, a.err
}

// View shows an exercise. Who looks is not called any more once it has returned.
func (p patient) View(ctx context.Context, incident string, look func(*engine.Incident)) error {
	var mu sync.Mutex // held while somebody looks
	gone := false
	came := make(chan error, 1)
	if !within(context.WithoutCancel(ctx), p.most, func() {
		came <- p.Incidents.View(ctx, incident, func(i *engine.Incident) {
			mu.Lock()
			defer mu.Unlock()
			if !gone {
				look(i)
			}
		})
	}) {
		mu.Lock()
		defer mu.Unlock()
		gone = true
		return errSlow
	}
	return <-came
}
