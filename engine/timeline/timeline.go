package timeline

import (
	"errors"
	"iter"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// Silence is how long nothing has to be written down before the timeline says
// so with a row of its own.
const Silence = 10 * time.Minute

// SilenceType is the type of such a row.
const SilenceType = "timeline.silence"

// Timeline is what happened in one incident. Its fields are read only.
type Timeline struct {
	Incident     Incident
	KeyTimes     []KeyTime
	People       []Participant
	Runs         []Run
	Approvals    []Approval
	Actions      []Action
	Groups       []Group
	Waits        []Wait
	Refused      []Refusal
	NotDone      []NotDone
	Containments []Containment
	Glasses      []Glass
	Corrections  []Correction // those in force, by the place that they are about
	Hidden       []Hiding     // the same
	Open         []OpenItem
	Alive        []Warning
	Rows         []Row
}

// Row is one fact in words.
type Row struct {
	Seq      int64             `json:"seq"` // place in the journal; of the fact before a derived row
	At       engine.Stamp      `json:"at"`
	Derived  bool              `json:"derived,omitempty"` // no fact stands behind this row
	Kind     Kind              `json:"kind"`
	Type     string            `json:"type"`
	Actor    Actor             `json:"actor,omitzero"`
	Run      string            `json:"run,omitempty"`
	Step     string            `json:"step,omitempty"`
	Attempt  int               `json:"attempt,omitempty"`
	Outcome  string            `json:"outcome,omitempty"`
	Text     string            `json:"text"`
	Observed engine.Stamp      `json:"observed_at,omitzero"` // when a person saw it, if not when it was written
	Targets  []actions.Target  `json:"targets,omitempty"`
	Digest   string            `json:"plan_digest,omitempty"`
	Refs     []actions.Request `json:"refs,omitempty"`
	Millis   int64             `json:"duration_ms,omitempty"`
	Minor    bool              `json:"minor,omitempty"`   // machinery, which the Markdown only counts
	Control  bool              `json:"control,omitempty"` // of an exercise: for its facilitators, until it is over
	Details  map[string]string `json:"details,omitempty"`
	Hash     string            `json:"hash,omitempty"`      // of the fact's record in the journal, in hex, when the fact was read from one
	Prev     string            `json:"prev_hash,omitempty"` // of the incident's record before it; zeros: it is the first

	Corrected *Correction `json:"corrected,omitempty"` // better words of a person; Text keeps those of the record
	Hidden    *Hiding     `json:"hidden,omitempty"`    // a person took it out of what people are shown first
}

// Kind sorts rows for a reader.
type Kind string

// The kinds of rows.
const (
	Lifecycle Kind = "lifecycle"
	Act       Kind = "action"
	Approve   Kind = "approval"
	Note      Kind = "note"
	Evidence  Kind = "evidence"
	Comms     Kind = "comms"
	Machine   Kind = "system"
	Inject    Kind = "inject" // of an exercise
)

// Actor is who did something.
type Actor struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	Via  string `json:"via,omitempty"`
}

func actorOf(a engine.Actor) Actor {
	return Actor{Type: string(a.Type), ID: a.ID, Name: a.Name, Via: a.Via}
}

// Who is the actor in a sentence: the directory's id first, because a display
// name can be chosen by its owner.
func (a Actor) Who() string {
	switch {
	case a.Type == string(engine.System):
		return "firebreak"
	case a.Type == string(engine.Stranger):
		if a.Via != "" {
			return "a stranger (" + a.Via + ")"
		}
		return "a stranger"
	case a.ID != "":
		return a.ID
	case a.Name != "":
		return a.Name
	case a.Via != "":
		return a.Via
	}
	return "somebody"
}

// ErrEmpty says that there are no facts to tell of.
var ErrEmpty = errors.New("there are no facts to tell of; check the name of the incident")

// Fold reads the facts of one incident in order and keeps all of it in memory;
// see [Open] for long ones. Errors: [ErrEmpty], the first error of events, and a
// stream that does not begin with its declaration.
func Fold(events iter.Seq2[engine.Event, error]) (*Timeline, error) {
	var rows []Row
	f := newFold(func(r Row) bool { rows = append(rows, r); return true })
	if err := f.read(events); err != nil {
		return nil, err
	}
	t := f.finish()
	t.Rows = rows
	return t, nil
}

// read takes in all facts.
func (f *fold) read(events iter.Seq2[engine.Event, error]) error {
	for e, err := range events {
		if err != nil {
			return err
		}
		if err := f.take(e); err != nil {
			return err
		}
		if f.enough {
			return nil
		}
	}
	if f.told == 0 {
		return ErrEmpty
	}
	return nil
}

// Source gives the facts of one incident in order, the same ones each time it
// is called.
type Source func() iter.Seq2[engine.Event, error]

// Record is what an export is made from: the summary of an incident, and its
// rows, which are told anew each time they are asked for and never kept. So a
// long incident takes no more memory than a short one with as many steps.
type Record struct {
	*Timeline       // without Rows
	Count     int64 // of the rows
	source    Source
	level     Level // that the facts of source are at
}

// Open reads the facts once for the summary. Errors are those of [Fold].
func Open(source Source) (*Record, error) {
	f := newFold(func(Row) bool { return true })
	if err := f.read(source()); err != nil {
		return nil, err
	}
	return &Record{Timeline: f.finish(), Count: f.told, source: source, level: Full}, nil
}

// Each tells the rows in order; an error is the last thing that it gives.
func (r *Record) Each() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		f := newFold(func(row Row) bool { return yield(row, nil) })
		if err := f.read(r.source()); err != nil && !f.enough {
			yield(Row{}, err)
		}
	}
}
