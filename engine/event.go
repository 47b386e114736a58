package engine

import (
	"encoding/json"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Event is a fact that was written down: something that happened outside (a
// vote, a result, a timer) or something that was decided from such facts (a
// step skipped, an approval asked, an effect intended).
//
// Rules of growth, because entries outlive code: a kind is a string and is
// never reused; new fields are optional; an unset field is absent; times are
// UTC with microseconds; there are no floats; an old encoded event must decode
// for ever.
type Event struct {
	At    time.Time // journal time: never goes back within a store
	Actor Actor     // who; the engine itself for decided facts
	Run   string    // "R1"; empty for facts of the incident
	Step  string    // the step's id; "id~undo" for its undo; empty for facts of the run
	Body  Body
	Seq   int64 // place in the journal, from 0; -1 while not written

	// Of an event that was read from a journal: the hash of its record, and of
	// the record before it in the stream. Zero else, and before the first.
	Hash, Prev [32]byte
}

// Kind is the kind of the event's body.
func (e Event) Kind() Kind { return e.Body.Kind() }

// Kind names what an Event says.
type Kind string

// Body is the part of an Event that depends on its kind. The set of bodies is
// closed: see [NewBody].
type Body interface{ Kind() Kind }

// Actor is who did it. Groups and Identities are those of the directory at
// that moment, so that a vote can be judged again by anybody who reads it.
type Actor struct {
	Type       ActorType `json:"type"`
	ID         string    `json:"id,omitempty"`         // person id of the directory
	Name       string    `json:"name,omitempty"`       // for display
	Via        string    `json:"via,omitempty"`        // "slack:T01/U02", "cli:uid/1000"
	Groups     []string  `json:"groups,omitempty"`     // sorted
	Keys       []string  `json:"keys,omitempty"`       // public SSH keys, "ssh-ed25519 AAAA..."; only on a signed vote
	Identities []string  `json:"identities,omitempty"` // targets that are this person: "aws.iam.user:alice"
}

// ActorType tells a person from the engine.
type ActorType string

// The types of actors. A stranger is somebody outside the directory; a
// stranger can do nothing but be refused.
const (
	Person   ActorType = "person"
	System   ActorType = "engine"
	Stranger ActorType = "stranger"
)

// TheEngine is the actor of decided facts.
var TheEngine = Actor{Type: System}

// Facts of the incident.
type (
	// Declared begins a stream.
	Declared struct {
		ID       string `json:"id"` // "INC-12"
		Title    string `json:"title"`
		Severity int    `json:"severity"` // 1 (worst) to 4
		Private  bool   `json:"private,omitempty"`
		Store    string `json:"store"` // id of the store; part of every idempotency key
	}
	// Resolved ends an incident. It can be declared open again by nobody.
	Resolved struct {
		Summary string `json:"summary,omitempty"`
	}
	// Noted is a note of a person.
	Noted struct {
		Text     string   `json:"text"`
		Class    NoteKind `json:"class"`
		Observed Stamp    `json:"observed,omitzero"` // when it was seen; zero: when it was written
	}
	// ChannelBound says which chat channel belongs to the incident.
	ChannelBound struct {
		Channel string `json:"channel"` // the provider's id
		Name    string `json:"name,omitempty"`
	}
	// MessagePosted says where a message owed to people was posted.
	MessagePosted struct {
		Ref     string `json:"ref"` // "card", "ask:<id>", "end:R1"
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	}
	// MessageClosed says that the buttons of an answered ask were taken away.
	MessageClosed struct {
		Ref string `json:"ref"`
	}
	// ExportMade says that a record left the house.
	ExportMade struct {
		Format string `json:"format"`
		Redact string `json:"redact,omitempty"` // level; empty: full
		SHA256 string `json:"sha256"`           // over the encoded facts that it covers, one after the other
		First  int64  `json:"first"`            // journal places covered
		Last   int64  `json:"last"`
	}
	// Refused is a request that was not followed: evidence too.
	Refused struct {
		Verb    string `json:"verb"`
		Code    Code   `json:"code"`
		Message string `json:"message"`
	}
	// ClockAnomaly says that the wall clock went back.
	ClockAnomaly struct {
		BackMillis int64 `json:"back_ms"`
	}
)

// NoteKind sorts notes.
type NoteKind string

// The kinds of notes.
const (
	Observation NoteKind = "observation"
	Decision    NoteKind = "decision"
	Hypothesis  NoteKind = "hypothesis"
)

// Facts of a run.
type (
	// RunStarted pins everything a run depends on.
	RunStarted struct {
		Runbook     string                    `json:"runbook"`
		Digest      string                    `json:"digest"`  // of the program's meaning
		Program     Large                     `json:"program"` // the encoded program
		Inputs      json.RawMessage           `json:"inputs"`
		Environment runbooks.EnvironmentFacts `json:"environment"`
		Floor       *Floor                    `json:"floor,omitempty"`
		Extra       *Extra                    `json:"extra,omitempty"`
		Protected   []string                  `json:"protected,omitempty"` // patterns of targets nobody may touch
		Settle      *runbooks.Span            `json:"settle,omitempty"`    // in place of what the actions say; for quicker worlds
	}
	// CancelRequested asks a run to stop before the next effect.
	CancelRequested struct {
		Reason string `json:"reason"`
	}
	// RunEnded closes a run. A retry of a failed or refused step opens it again.
	RunEnded struct {
		Status  RunStatus       `json:"status"`
		Reason  string          `json:"reason,omitempty"`
		Outputs json.RawMessage `json:"outputs,omitempty"` // of a run that is done, as its runbook declares them
	}
)

// Floor is the least approval an environment demands, whatever the runbook says.
type Floor struct {
	Effect actions.Effect `json:"effect"` // for steps of this effect and worse
	From   []string       `json:"from"`
	Quorum int            `json:"quorum"`

	// BreakGlass lets the runbook's own break_glass stand for what the floor is about.
	BreakGlass bool `json:"break_glass,omitempty"`
}

// Extra is how many more people have to say yes to each question of a run than
// its runbook and the environment demand, and why.
type Extra struct {
	Approvers int    `json:"approvers"` // 1 to [MaxExtra]
	Why       string `json:"why"`       // "it was never rehearsed"
}

// MaxExtra is the most people that an [Extra] adds.
const MaxExtra = 5

// Facts of a step, in the order in which they usually come.
type (
	// StepReady says that a step's turn has come and what its arguments are.
	StepReady struct {
		Params   Large              `json:"params,omitzero"`
		If       string             `json:"if,omitempty"`
		Readings []runbooks.Reading `json:"readings,omitempty"`
	}
	// StepPlanned is what would change, read from the target.
	StepPlanned struct {
		N       int             `json:"n"`              // number of the reading, from 1
		Preview actions.Preview `json:"preview"`        // without its State
		State   Large           `json:"state,omitzero"` // the preview's State
		Digest  string          `json:"digest"`         // what an approval is bound to
	}
	// PlanFailed is a reading that did not come about.
	PlanFailed struct {
		N       int     `json:"n"`
		Failure Failure `json:"failure"`
	}
	// ApprovalRequested asks people.
	ApprovalRequested struct {
		ID         string   `json:"id"` // opaque, 16 hex digits
		Digest     string   `json:"digest"`
		From       []string `json:"from"`
		Quorum     int      `json:"quorum"`
		Expires    Stamp    `json:"expires"`
		EscalateAt Stamp    `json:"escalate_at,omitzero"`
		EscalateTo []string `json:"escalate_to,omitempty"`
		RemindAt   Stamp    `json:"remind_at,omitzero"` // the first reminder
		StepUp     bool     `json:"step_up,omitempty"`  // a yes needs a signature
		Floor      bool     `json:"floor,omitempty"`    // raised by the environment's floor
		Extra      int      `json:"extra,omitempty"`    // how many of the quorum the run's [Extra] adds
		Because    []string `json:"because,omitempty"`  // asked again: what is different from the plan that was approved

		BreakGlass *runbooks.BreakGlass `json:"break_glass,omitempty"` // who may go on without the quorum
	}
	// Vote is one person's answer to an approval.
	Vote struct {
		Approval string `json:"approval"`
		Approve  bool   `json:"approve"`
		Digest   string `json:"digest,omitempty"` // the digest this person saw; empty: the one asked for
		Reason   string `json:"reason,omitempty"`
		Root     string `json:"root,omitempty"` // journal head when the vote came in, as people are shown it
		// Signature is an SSH signature in armor over [VoteMessage], where the approval asks for one.
		Signature string `json:"signature,omitempty"`
	}
	// ApprovalReminded asks those who have not answered once more.
	ApprovalReminded struct {
		ID   string `json:"id"`
		N    int    `json:"n"`             // from 1
		Next Stamp  `json:"next,omitzero"` // the next reminder; zero: it would come after the expiry
	}
	// ApprovalEscalated asks more people.
	ApprovalEscalated struct {
		ID string   `json:"id"`
		To []string `json:"to"`
	}
	// ApprovalClosed is the end of an approval.
	ApprovalClosed struct {
		ID      string        `json:"id"`
		Verdict ApprovalState `json:"verdict"`
		Changed []string      `json:"changed,omitempty"` // of a void one: what is different now
		Reason  string        `json:"reason,omitempty"`
	}
	// GlassBroken is one person who lets a step go on without its quorum.
	GlassBroken struct {
		Approval  string `json:"approval"`
		Digest    string `json:"digest,omitempty"` // of the plan this person saw; empty: the one asked for
		Target    string `json:"target"`           // as this person typed it: one of the plan's, or the step's id where it has none
		Reason    string `json:"reason"`
		Root      string `json:"root,omitempty"` // journal head when it came in, as people are shown it
		Signature string `json:"signature"`      // SSH signature in armor over [VoteMessage]
	}
	// GlassReviewAsked asks people who had no part in it whether it was right
	// to go on without the quorum.
	GlassReviewAsked struct {
		ID       string   `json:"id"`       // opaque, 16 hex digits
		Approval string   `json:"approval"` // whose quorum was passed over
		By       string   `json:"by"`       // who broke the glass
		Ask      []string `json:"ask"`
		Due      Stamp    `json:"due"`
	}
	// GlassReviewed is the answer.
	GlassReviewed struct {
		ID        string `json:"id"` // of the GlassReviewAsked
		Justified bool   `json:"justified"`
		Text      string `json:"text"` // what was found
	}
	// EffectIntent is written before an effect starts, and only then may it start.
	EffectIntent struct {
		Attempt  int            `json:"attempt"`
		Key      actions.Key    `json:"key"`
		Action   string         `json:"action"`
		Version  int            `json:"version"`
		Effect   actions.Effect `json:"effect"`
		Digest   string         `json:"digest"`
		Approval string         `json:"approval,omitempty"` // consumed by the first attempt
		Actor    string         `json:"on_authority,omitempty"`
		Deadline Stamp          `json:"deadline"`
	}
	// EffectOutcome is what an attempt answered.
	EffectOutcome struct {
		Attempt  int               `json:"attempt"`
		Epoch    int64             `json:"epoch"`
		Result   Large             `json:"result,omitzero"`
		Failure  *Failure          `json:"failure,omitempty"` // nil: it said that it worked
		Requests []actions.Request `json:"requests,omitempty"`
		Millis   int64             `json:"ms"`
	}
	// EffectInDoubt is an attempt nobody knows the end of.
	EffectInDoubt struct {
		Attempt int    `json:"attempt"`
		Reason  string `json:"reason"`
	}
	// EffectProbed is what the target says about an attempt in doubt.
	EffectProbed struct {
		Attempt int           `json:"attempt"`
		Found   actions.Found `json:"found"`
		Result  Large         `json:"result,omitzero"`
		Detail  string        `json:"detail,omitempty"`
	}
	// EffectResolved is a person's word about an attempt in doubt.
	EffectResolved struct {
		Attempt int    `json:"attempt"`
		Applied bool   `json:"applied"`
		Reason  string `json:"reason,omitempty"`
	}
	// EffectLate is an outcome that came after the attempt was given up.
	EffectLate struct {
		Attempt int           `json:"attempt"`
		Outcome EffectOutcome `json:"outcome"`
	}
	// EffectVerified is the reading that proves an effect, or does not.
	EffectVerified struct {
		Attempt  int               `json:"attempt"`
		Reading  actions.Reading   `json:"reading"`
		Readings int               `json:"readings"` // how many were made
		Requests []actions.Request `json:"requests,omitempty"`
	}
	// RetryScheduled is a decision to try again later.
	RetryScheduled struct {
		Attempt int    `json:"attempt"` // the next one
		Due     Stamp  `json:"due"`
		Why     string `json:"why,omitempty"`
	}
	// TimerFired says that a time owed has come.
	TimerFired struct {
		Ref string `json:"ref"`
		Due Stamp  `json:"due"`
	}
	// StepHeld waits for a person: in doubt, or failed with on_failure: ask.
	StepHeld struct {
		ID      string     `json:"id"` // opaque, 16 hex digits
		Why     HoldReason `json:"why"`
		Message string     `json:"message"`
	}
	// StepEnded is the end of a step.
	StepEnded struct {
		Status   StepStatus         `json:"status"` // one of the ended ones
		Reason   string             `json:"reason,omitempty"`
		If       string             `json:"if,omitempty"` // the condition that was false
		Readings []runbooks.Reading `json:"readings,omitempty"`
		Failure  *Failure           `json:"failure,omitempty"`
		Outputs  Large              `json:"outputs,omitzero"` // of a runbook that was called
	}
	// ManualAsked asks a person to do something.
	ManualAsked struct {
		ID           string `json:"id"` // opaque, 16 hex digits
		Instructions string `json:"instructions"`
		Until        Stamp  `json:"until,omitzero"` // when it counts as failed
	}
	// ManualDone is the answer to a manual step.
	ManualDone struct {
		Answer string `json:"answer,omitempty"`
	}
	// RetryRequested is a person who wants a step to be tried again.
	RetryRequested struct {
		NotApplied bool   `json:"not_applied,omitempty"` // confirms that an attempt in doubt had no effect
		Reason     string `json:"reason,omitempty"`
	}
	// SkipRequested is a person who wants a step to be left out.
	SkipRequested struct {
		Reason string `json:"reason"`
	}
	// StepExpanded lays out one child for each item of a list: id.1, id.2, ...
	StepExpanded struct {
		Items    Large              `json:"items"` // a JSON list
		N        int                `json:"n"`
		If       string             `json:"if,omitempty"`
		Readings []runbooks.Reading `json:"readings,omitempty"`
	}
	// StepEntered lays out the steps of the runbook that a step calls: id.STEP.
	StepEntered struct {
		Inputs   Large              `json:"inputs,omitzero"`
		If       string             `json:"if,omitempty"`
		Readings []runbooks.Reading `json:"readings,omitempty"`
	}
	// WaitStarted says until when a step lets time pass.
	WaitStarted struct {
		Until    Stamp              `json:"until"`
		If       string             `json:"if,omitempty"`
		Readings []runbooks.Reading `json:"readings,omitempty"`
	}
	// ContainmentBegan says until when an effect is meant to last.
	ContainmentBegan struct {
		Until Stamp    `json:"until"`
		Ask   []string `json:"ask"`
	}
	// ContainmentDue asks people whether an effect is lifted or extended.
	ContainmentDue struct {
		ID  string   `json:"id"` // opaque, 16 hex digits
		Ask []string `json:"ask"`
	}
	// ContainmentExtended is a person who lets an effect last longer.
	ContainmentExtended struct {
		Until  Stamp  `json:"until"`
		Reason string `json:"reason"`
	}
	// ContainmentKept is a person who lets an effect last for good.
	ContainmentKept struct {
		Reason string `json:"reason"`
	}
	// UndoRequested is a person (or on_failure: undo) who wants a finished step to be taken back.
	UndoRequested struct {
		Reason string `json:"reason,omitempty"`
	}
)

// Failure is an error of the world as it is written down.
type Failure struct {
	Class   actions.Class `json:"class"`
	Message string        `json:"message"`
}

// HoldReason says why a step waits for a person.
type HoldReason string

// The reasons.
const (
	HeldDoubt  HoldReason = "in_doubt"
	HeldFailed HoldReason = "failed"
)

// Kinds of facts. The strings are for ever.
func (Declared) Kind() Kind          { return "incident.declared" }
func (Resolved) Kind() Kind          { return "incident.resolved" }
func (Noted) Kind() Kind             { return "note.added" }
func (ChannelBound) Kind() Kind      { return "channel.bound" }
func (MessagePosted) Kind() Kind     { return "message.posted" }
func (MessageClosed) Kind() Kind     { return "message.closed" }
func (ExportMade) Kind() Kind        { return "export.made" }
func (Refused) Kind() Kind           { return "request.refused" }
func (ClockAnomaly) Kind() Kind      { return "clock.anomaly" }
func (RunStarted) Kind() Kind        { return "run.started" }
func (CancelRequested) Kind() Kind   { return "run.cancel_requested" }
func (RunEnded) Kind() Kind          { return "run.ended" }
func (StepReady) Kind() Kind         { return "step.ready" }
func (StepPlanned) Kind() Kind       { return "step.planned" }
func (PlanFailed) Kind() Kind        { return "step.plan_failed" }
func (ApprovalRequested) Kind() Kind { return "approval.requested" }
func (Vote) Kind() Kind              { return "approval.vote" }
func (ApprovalEscalated) Kind() Kind { return "approval.escalated" }
func (ApprovalClosed) Kind() Kind    { return "approval.closed" }
func (EffectIntent) Kind() Kind      { return "effect.intent" }
func (EffectOutcome) Kind() Kind     { return "effect.outcome" }
func (EffectInDoubt) Kind() Kind     { return "effect.in_doubt" }
func (EffectProbed) Kind() Kind      { return "effect.probed" }
func (EffectResolved) Kind() Kind    { return "effect.resolved" }
func (EffectLate) Kind() Kind        { return "effect.late" }
func (EffectVerified) Kind() Kind    { return "effect.verified" }
func (RetryScheduled) Kind() Kind    { return "retry.scheduled" }
func (TimerFired) Kind() Kind        { return "timer.fired" }
func (StepHeld) Kind() Kind          { return "step.held" }
func (StepEnded) Kind() Kind         { return "step.ended" }
func (ManualAsked) Kind() Kind       { return "manual.asked" }
func (ManualDone) Kind() Kind        { return "manual.done" }
func (RetryRequested) Kind() Kind    { return "step.retry_requested" }
func (SkipRequested) Kind() Kind     { return "step.skip_requested" }
func (UndoRequested) Kind() Kind     { return "step.undo_requested" }

func (ApprovalReminded) Kind() Kind    { return "approval.reminded" }
func (StepExpanded) Kind() Kind        { return "step.expanded" }
func (StepEntered) Kind() Kind         { return "step.entered" }
func (WaitStarted) Kind() Kind         { return "wait.started" }
func (ContainmentBegan) Kind() Kind    { return "containment.began" }
func (ContainmentDue) Kind() Kind      { return "containment.due" }
func (ContainmentExtended) Kind() Kind { return "containment.extended" }
func (ContainmentKept) Kind() Kind     { return "containment.kept" }
func (GlassBroken) Kind() Kind         { return "glass.broken" }
func (GlassReviewAsked) Kind() Kind    { return "glass.review_asked" }
func (GlassReviewed) Kind() Kind       { return "glass.reviewed" }
