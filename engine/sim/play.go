package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// DefaultLimit is how much virtual time a story may take.
const DefaultLimit = 30 * 24 * time.Hour

// maxFacts bounds a story in which no time passes.
const maxFacts = 1_000_000

// Setup is what a story begins with.
type Setup struct {
	Program     *runbooks.Program
	Pinned      *Pinned        // the program as it is pinned; nil: made for this story
	Inputs      map[string]any // as Program.CheckInputs gives them
	Environment runbooks.EnvironmentFacts
	Floor       *engine.Floor
	Extra       *engine.Extra
	Protected   []string
	Settle      *runbooks.Span // in place of what the actions say
	Requester   engine.Actor   // declares the incident and starts the run
	Incident    string         // id; empty: "INC-1"
	Title       string         // empty: the runbook's
	Severity    int            // zero: 2
	World       World
	People      People        // nil: nobody
	Clock       Clock         // nil: jumps, from [Dawn] on
	Limit       time.Duration // of virtual time; zero: [DefaultLimit]
}

// Pinned is a program encoded and decoded once, for many stories. Stories that
// are played at the same time need one each.
type Pinned struct {
	encoded json.RawMessage
	program *runbooks.Program
}

// Pin encodes a program, and decodes it as a run does.
func Pin(p *runbooks.Program) (*Pinned, error) {
	encoded, err := p.Encode()
	if err != nil {
		return nil, err
	}
	decoded, err := runbooks.DecodeProgram(encoded)
	if err != nil {
		return nil, err
	}
	return &Pinned{encoded, decoded}, nil
}

// read gives the decoded program for its own encoding.
func (p *Pinned) read(encoded []byte) (*runbooks.Program, error) {
	if !bytes.Equal(encoded, p.encoded) {
		return runbooks.DecodeProgram(encoded)
	}
	return p.program, nil
}

// Story is what happened.
type Story struct {
	Incident *engine.Incident
	Events   []engine.Event // every fact, in order; Seq is its place
	Began    time.Time
	Ended    time.Time // when nothing was left to happen
	Findings []string  // promises that the core broke; see [engine.Audit]
	Open     []string  // attempts that are not resolved at the end
}

// Took is the virtual time that passed.
func (s *Story) Took() time.Duration { return s.Ended.Sub(s.Began) }

// LimitError says that a story did not come to its end in the time it had.
type LimitError struct {
	Limit time.Duration
	Next  string // what would have happened next
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the story goes on after %s of virtual time, which is the limit; next would be: %s", e.Limit, e.Next)
}

// Missing says that the world was asked something that nobody made up.
type Missing struct {
	Step    string // as the engine names it: "revoke.2"
	Action  string
	What    string // "what its target looks like", ...
	Attempt int
}

func (e *Missing) Error() string {
	return fmt.Sprintf("step %q (%s) asks %s, and there is no answer for it", e.Step, e.Action, e.What)
}

// Play tells a story to its end: until nothing is owed and nobody acts any
// more. With an error there is still the story so far, if there is any. Errors:
// a *[LimitError], an error of the world such as a *[Missing], the end of ctx,
// an *[engine.Refusal] to start, and a failure of the core itself.
func Play(ctx context.Context, setup Setup) (story *Story, err error) {
	if setup.Clock == nil {
		setup.Clock = NewJump(Dawn())
	}
	if setup.People == nil {
		setup.People = Nobody{}
	}
	if setup.Limit == 0 {
		setup.Limit = DefaultLimit
	}
	p := &play{Setup: setup, audit: engine.NewAudit()}
	inc := engine.NewIncident()
	p.game = NewGame(inc, GameOptions{World: setup.World, Now: setup.Clock.Now, Write: p.write})
	p.story = &Story{Incident: inc, Began: setup.Clock.Now()}
	if setup.Pinned == nil {
		pinned, err := Pin(setup.Program)
		if err != nil {
			return p.story, err
		}
		p.Pinned = pinned
	}
	inc.ReadPrograms(p.Pinned.read)
	p.audit.ReadPrograms(p.Pinned.read)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the core failed: %v", r)
		}
		p.story.Ended, p.story.Open = setup.Clock.Now(), p.audit.Open()
		story = p.story
	}()
	if err := p.begin(); err != nil {
		return nil, err
	}
	return nil, p.until(ctx)
}

// play is a story while it is told.
type play struct {
	Setup
	story *Story
	game  *Game
	audit *engine.Audit
}

// begin declares the incident and starts the run.
func (p *play) begin() error {
	id, title, severity := p.Incident, p.Title, p.Severity
	if id == "" {
		id = "INC-1"
	}
	if title == "" {
		title = p.Program.Title
	}
	if severity == 0 {
		severity = 2
	}
	if err := p.game.Take(engine.Event{Actor: p.Requester, Body: engine.Declared{ID: id, Title: title, Severity: severity, Store: "sim"}}); err != nil {
		return err
	}
	inputs := p.Inputs
	if inputs == nil {
		inputs = map[string]any{}
	}
	data, err := json.Marshal(inputs)
	if err != nil {
		return fmt.Errorf("the inputs cannot be encoded: %w", err)
	}
	return p.game.Take(engine.Event{Actor: p.Requester, Run: "R1", Body: engine.RunStarted{
		Runbook: p.Program.ID, Digest: p.Program.Digest, Program: engine.Large{Value: p.Pinned.encoded}, Inputs: data,
		Environment: p.Environment, Floor: p.Floor, Extra: p.Extra, Protected: p.Protected, Settle: p.Settle,
	}})
}

// until lets happen whatever comes next, until nothing does.
func (p *play) until(ctx context.Context) error {
	end := p.story.Began.Add(p.Limit)
	for p.game.Err() == nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(p.story.Events) > maxFacts {
			return fmt.Errorf("the story has more than %d facts", maxFacts)
		}
		due, what, waits := p.game.Due()
		at, act, acts := p.People.Next(p.story.Incident)
		switch {
		case !waits && !acts:
			return nil
		case waits && (!acts || !at.Before(due)):
			if due.After(end) {
				return &LimitError{Limit: p.Limit, Next: what}
			}
			p.Clock.Until(due)
			p.game.Step()
		default:
			if at.After(end) {
				return &LimitError{Limit: p.Limit, Next: act.Actor.ID + " acts"}
			}
			p.Clock.Until(at)
			if err := p.act(act); err != nil {
				return err
			}
		}
	}
	return p.game.Err()
}

// act hands in what a person does. A refusal is a fact, as it is for the host.
func (p *play) act(e engine.Event) error {
	err := p.game.Take(e)
	refusal, refused := errors.AsType[*engine.Refusal](err)
	if err != nil && !refused {
		return err
	}
	p.People.Did(refusal)
	if refused {
		return p.game.Take(engine.Event{Actor: e.Actor, Body: engine.Refused{Verb: string(e.Kind()), Code: refusal.Code, Message: refusal.Message}})
	}
	return nil
}

// write keeps the facts and audits them.
func (p *play) write(batch []engine.Event) error {
	for _, e := range batch {
		e.Seq = int64(len(p.story.Events))
		p.story.Events = append(p.story.Events, e)
		p.story.Findings = append(p.story.Findings, p.audit.Take(e)...)
	}
	p.story.Incident.Wrote(int64(len(p.story.Events)) - 1)
	return nil
}

func failure(op string, err error) engine.Failure {
	e := actions.AsError(op, err)
	return engine.Failure{Class: e.Class, Message: e.Error()}
}
