package app

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/host"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// incidents puts live incidents and exercises side by side, for the chat. Which
// one is meant is said by the id alone, and each has an engine, a store and a
// world of its own: an exercise has no way to the actions of the live ones.
// Nothing that is asked about live incidents waits for exercises or fails with
// them.
type incidents struct {
	live     *host.Host
	drills   *rehearsal.Stage                           // nil: nothing can be rehearsed here
	overview func(ctx context.Context) []engine.Summary // of exercises; in a short time, whatever they do
	alarm    func(ctx context.Context, incident string) // in a short time too; nil: nobody is told
}

var _ engine.Incidents = (*incidents)(nil)

// of finds the side on which an incident is.
func (x *incidents) of(id string) engine.Incidents {
	if engine.IsExercise(id) && x.drills != nil {
		return patient{x.drills, actPatience}
	}
	return x.live
}

// Declare opens a live incident, and then stops every exercise: whoever plays
// is needed now.
func (x *incidents) Declare(ctx context.Context, req engine.Request, title string, severity int, private bool) (engine.Receipt, error) {
	r, err := x.live.Declare(ctx, req, title, severity, private)
	if err == nil && x.alarm != nil {
		what := r.Incident
		if private { // players may not know of it
			what = "a live incident, at " + time.Now().UTC().Format("15:04:05.000") + " UTC,"
		}
		x.alarm(ctx, what)
	}
	return r, err
}

func (x *incidents) Start(ctx context.Context, req engine.Request, incident string, run engine.RunRequest) (engine.Receipt, error) {
	return x.of(incident).Start(ctx, req, incident, run)
}

func (x *incidents) Submit(ctx context.Context, req engine.Request, incident, run, step string, body engine.Body) (engine.Receipt, error) {
	return x.of(incident).Submit(ctx, req, incident, run, step, body)
}

func (x *incidents) Refuse(ctx context.Context, req engine.Request, incident string, refusal *engine.Refusal) error {
	return x.of(incident).Refuse(ctx, req, incident, refusal)
}

func (x *incidents) View(ctx context.Context, incident string, look func(*engine.Incident)) error {
	return x.of(incident).View(ctx, incident, look)
}

// List shows live incidents first. What exercises there are does not delay it.
func (x *incidents) List(ctx context.Context) ([]engine.Summary, error) {
	list, err := x.live.List(ctx)
	if err != nil || x.drills == nil {
		return list, err
	}
	return slices.Concat(list, x.overview(ctx)), nil
}

func (x *incidents) Events(ctx context.Context, incident string) iter.Seq2[engine.Event, error] {
	return x.of(incident).Events(ctx, incident)
}

func (x *incidents) Programs() []*runbooks.Program { return x.live.Programs() }

func (x *incidents) Head(ctx context.Context, incident string) (int64, string, error) {
	return x.of(incident).Head(ctx, incident)
}
