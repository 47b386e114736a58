package chatops

import (
	"context"

	"github.com/firebreak-ir/firebreak/engine"
)

// Input is a line somebody typed.
type Input struct {
	Actor   engine.Actor
	Nonce   string // of the delivery, "" when the way in has none
	Text    string // the words after /incident
	Channel string // the chat channel it was typed in; empty in a terminal
}

// Click is a button somebody clicked.
type Click struct {
	Actor  engine.Actor
	Nonce  string
	Verb   string // of the Button
	Value  string // of the Button
	Reason string
}

// Answer is a form somebody filled in.
type Answer struct {
	Actor  engine.Actor
	Nonce  string
	Form   string // Form.ID
	State  string // Form.State
	Values map[string]string
}

// Planner says what a runbook would do; see engine/plan.
type Planner interface {
	// Plan gives the plan as a message and its digest. Problems of the request are a *engine.Refusal.
	Plan(ctx context.Context, actor engine.Actor, incident string, run engine.RunRequest) (Message, error)
}

// Exporter writes the timeline of an incident; see engine/timeline.
type Exporter interface {
	// Formats lists what it can write: "md", "json".
	Formats() []string
	// Export writes the record and journals that it was made.
	Export(ctx context.Context, req engine.Request, incident, format string) (File, error)
	// Timeline gives the last n lines for people.
	Timeline(ctx context.Context, incident string, last int) ([]Line, error)
}
