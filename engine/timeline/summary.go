package timeline

import (
	"encoding/json"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// Incident is the head of the timeline.
type Incident struct {
	ID         string       `json:"id"`
	Title      string       `json:"title"`
	Severity   int          `json:"severity"`
	Private    bool         `json:"private,omitempty"`
	Mode       string       `json:"mode"` // "live" or "exercise"
	Store      string       `json:"store,omitempty"`
	Channel    string       `json:"channel,omitempty"`
	DeclaredAt engine.Stamp `json:"declared_at"`
	DeclaredBy Actor        `json:"declared_by"`
	ResolvedAt engine.Stamp `json:"resolved_at,omitzero"`
	Summary    string       `json:"summary,omitempty"`
}

// KeyTime is a moment that a review asks for. Seq is -1 when it did not come.
type KeyTime struct {
	Name string       `json:"name"`
	At   engine.Stamp `json:"at,omitzero"`
	Seq  int64        `json:"seq"`
	Text string       `json:"text"`

	Source string `json:"source,omitempty"` // what proves it; of one that a person added
	By     Actor  `json:"by,omitzero"`      // that person
}

// Participant is one person, and what they did, in words and counts.
type Participant struct {
	Type string   `json:"type"`
	ID   string   `json:"id,omitempty"`
	Name string   `json:"name,omitempty"`
	Via  []string `json:"via"`
	Did  []string `json:"did"`
}

// Budget says whether a run contained in time.
type Budget string

// The states of a budget.
const (
	BudgetNone   Budget = "none"          // the runbook sets none
	BudgetKept   Budget = "kept"          // contained within it
	BudgetMissed Budget = "missed"        // contained later, or still not when it was used up
	BudgetFailed Budget = "not contained" // the run ended without containing
	BudgetOpen   Budget = "open"          // the run goes on and there is time left
)

// Run is one execution of a runbook.
type Run struct {
	Run         string          `json:"run"`
	Runbook     string          `json:"runbook"`
	Title       string          `json:"title,omitempty"`
	Digest      string          `json:"digest"`
	Environment string          `json:"environment,omitempty"`
	By          Actor           `json:"by"`
	StartedAt   engine.Stamp    `json:"started_at"`
	EndedAt     engine.Stamp    `json:"ended_at,omitzero"`
	Status      string          `json:"status"`
	Reason      string          `json:"reason,omitempty"`
	BudgetMS    int64           `json:"budget_ms,omitempty"`
	ContainedMS int64           `json:"contained_ms,omitempty"` // from the start to the last verified change
	Budget      Budget          `json:"budget"`
	Outputs     json.RawMessage `json:"outputs,omitempty"` // what the runbook gave back
}

// Group is a step that has steps of its own, summed up.
type Group struct {
	Run       string       `json:"run"`
	Step      string       `json:"step"`
	Kind      string       `json:"kind"`              // loop, undo, runbook
	Runbook   string       `json:"runbook,omitempty"` // that is called
	StartedAt engine.Stamp `json:"started_at"`
	EndedAt   engine.Stamp `json:"ended_at,omitzero"`
	Items     int          `json:"items"` // of a list; of a runbook the steps whose turn came
	Done      int          `json:"done"`
	Failed    int          `json:"failed"`  // or refused
	NotRun    int          `json:"not_run"` // skipped or cancelled
	Open      int          `json:"open"`
	Status    string       `json:"status,omitempty"` // empty: it goes on
	Reason    string       `json:"reason,omitempty"`
}

// The kinds of groups.
const (
	GroupLoop    = "loop"    // a step that is repeated for each item of a list
	GroupUndo    = "undo"    // the undo of a step that has parts
	GroupRunbook = "runbook" // a runbook that is called
)

// Wait is time that a step let pass.
type Wait struct {
	Run     string       `json:"run"`
	Step    string       `json:"step"`
	From    engine.Stamp `json:"from"`
	Until   engine.Stamp `json:"until"`
	EndedAt engine.Stamp `json:"ended_at,omitzero"`
	Status  string       `json:"status,omitempty"` // empty: it goes on
}

// Containment is an effect that is meant to end.
type Containment struct {
	Run       string                `json:"run"`
	Step      string                `json:"step"`
	Since     engine.Stamp          `json:"since"`
	Until     engine.Stamp          `json:"until"` // as it was decided last
	Ask       []string              `json:"ask"`
	State     string                `json:"state"`
	Decisions []ContainmentDecision `json:"decisions"`
	LiftedAt  engine.Stamp          `json:"lifted_at,omitzero"`
	LiftedBy  string                `json:"lifted_by,omitempty"` // the step that took it back
}

// ContainmentDecision is what a person decided about one.
type ContainmentDecision struct {
	What   string       `json:"what"` // extended, kept
	At     engine.Stamp `json:"at"`
	By     Actor        `json:"by"`
	Until  engine.Stamp `json:"until,omitzero"`
	Reason string       `json:"reason"`
	Seq    int64        `json:"seq"`
}

// The states of a containment.
const (
	ContainmentInForce = "in force"
	ContainmentDue     = "due" // its time is over and nobody has decided
	ContainmentKept    = "kept"
	ContainmentLifted  = "lifted"
)

// Approval is one question and its answer.
type Approval struct {
	Run         string       `json:"run"`
	Step        string       `json:"step"`
	ID          string       `json:"id"`
	Digest      string       `json:"plan_digest"`
	AskedAt     engine.Stamp `json:"asked_at"`
	Expires     engine.Stamp `json:"expires"`
	From        []string     `json:"from"`
	Quorum      int          `json:"quorum"`
	Floor       bool         `json:"floor,omitempty"`
	Items       int          `json:"items,omitempty"`     // one answer for that many items of a loop
	Reminders   int          `json:"reminders,omitempty"` // how often those asked were reminded
	EscalatedTo []string     `json:"escalated_to,omitempty"`
	ClosedAt    engine.Stamp `json:"closed_at,omitzero"`
	LatencyMS   int64        `json:"latency_ms,omitempty"`
	Verdict     string       `json:"verdict"`
	Reason      string       `json:"reason,omitempty"`
	Changed     []string     `json:"changed,omitempty"`
	Votes       []Vote       `json:"votes"`
	Glass       bool         `json:"glass,omitempty"` // one person let the step go on without the quorum; then there is no latency
}

// Vote is one person's answer.
type Vote struct {
	Actor   Actor        `json:"actor"`
	Approve bool         `json:"approve"`
	At      engine.Stamp `json:"at"`
	Reason  string       `json:"reason,omitempty"`
	Signed  bool         `json:"signed,omitempty"` // with an SSH key of the directory; it was verified when the vote was taken
	Seq     int64        `json:"seq"`
}

// Glass is a step that went on without its quorum, on the word of one person.
type Glass struct {
	Run        string       `json:"run"`
	Step       string       `json:"step"`
	Approval   string       `json:"approval"` // id of the one that was passed over
	Digest     string       `json:"plan_digest,omitempty"`
	By         Actor        `json:"by"`
	At         engine.Stamp `json:"at"`
	Reason     string       `json:"reason"`
	Target     string       `json:"target"`           // as it was typed out
	Signed     bool         `json:"signed,omitempty"` // with an SSH key of the directory; it was verified when it was taken
	Review     string       `json:"review,omitempty"` // id of the review
	Ask        []string     `json:"ask"`              // who is to say whether it was right
	Due        engine.Stamp `json:"due,omitzero"`     // by when
	Overdue    bool         `json:"overdue,omitempty"`
	State      string       `json:"state"`
	Reviewer   Actor        `json:"reviewer,omitzero"`
	ReviewedAt engine.Stamp `json:"reviewed_at,omitzero"`
	Text       string       `json:"text,omitempty"` // what the review found
	Seq        int64        `json:"seq"`
}

// The states of a glass.
const (
	GlassUnreviewed   = "unreviewed"
	GlassJustified    = "justified"
	GlassNotJustified = "not justified"
)

// Action is one effect from its first intent to its proof.
type Action struct {
	Run       string            `json:"run"`
	Step      string            `json:"step"`
	Action    string            `json:"action"`
	Version   int               `json:"version"`
	Effect    actions.Effect    `json:"effect"`
	Seq       int64             `json:"seq"` // of the first intent
	At        engine.Stamp      `json:"at"`
	Authority string            `json:"authority,omitempty"`
	Glass     bool              `json:"glass,omitempty"` // its latest attempt had no quorum behind it
	Attempts  int               `json:"attempts"`
	Outcome   string            `json:"outcome"` // done, failed, in doubt, in flight
	EndedAt   engine.Stamp      `json:"ended_at,omitzero"`
	Verified  string            `json:"verified,omitempty"` // verdict of the last reading; empty: none was made
	Reading   string            `json:"reading,omitempty"`  // what it read
	Targets   []actions.Target  `json:"targets,omitempty"`
	UndoOf    string            `json:"undo_of,omitempty"`   // the step it takes back
	UndoneBy  string            `json:"undone_by,omitempty"` // the step that took it back
	Refs      []actions.Request `json:"refs,omitempty"`
}

// The outcomes of an action.
const (
	OutcomeDone   = "done"
	OutcomeFailed = "failed"
	OutcomeDoubt  = "in doubt"
	OutcomeFlight = "in flight"
)

// Refusal is a request that was not followed.
type Refusal struct {
	Seq   int64        `json:"seq"`
	At    engine.Stamp `json:"at"`
	Actor Actor        `json:"actor"`
	Verb  string       `json:"verb"`
	Code  string       `json:"code"`
	Text  string       `json:"text"`
}

// NotDone is a step that ended without its effect.
type NotDone struct {
	Run    string `json:"run"`
	Step   string `json:"step"`
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
	Seq    int64  `json:"seq"`
}

// OpenItem is something somebody still has to look at.
type OpenItem struct {
	Kind string `json:"kind"`
	Run  string `json:"run,omitempty"`
	Step string `json:"step,omitempty"`
	Text string `json:"text"`
}

// The kinds of open items, the most urgent first.
const (
	OpenDoubt    = "in_doubt"
	OpenHeld     = "held"
	OpenFlight   = "in_flight"
	OpenApproval = "approval"
	OpenManual   = "manual"
	OpenGlass    = "broken_glass"
	OpenContain  = "contained"
	OpenVerify   = "unverified"
	OpenRun      = "run"
	OpenIncident = "incident"
	OpenUndo     = "undo_possible"
	OpenRecord   = "record"
)

// Warning is what a plan said would stay alive or break.
type Warning struct {
	Run  string `json:"run"`
	Step string `json:"step"`
	Text string `json:"text"`
}
