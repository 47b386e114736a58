package score

import (
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Result is everything that the facts of one incident show, live or exercise.
// It holds no floats and no maps; its lists are in the order in which things
// happened unless a field says otherwise, and are never nil.
type Result struct {
	ID         string       `json:"id"`       // "DRL-12", "INC-12"
	Exercise   bool         `json:"exercise"` // false: live, and everything that needs a scenario is absent
	Title      string       `json:"title"`
	Severity   int          `json:"severity"`
	Store      string       `json:"store"`
	DeclaredAt engine.Stamp `json:"declared_at"`
	EndedAt    engine.Stamp `json:"ended_at,omitzero"` // of the play, or the resolution; absent: it goes on
	Length     Took         `json:"length"`            // from the declaration to the end, or to the last fact
	Held       int64        `json:"held_ms,omitempty"` // how long the exercise was held, outside
	First      int64        `json:"first"`             // journal places that were read
	Last       int64        `json:"last"`
	Facts      int64        `json:"facts"`

	Drill   *Drill           `json:"drill,omitempty"`   // what the exercise was pinned to
	Outcome Outcome          `json:"outcome,omitempty"` // of an exercise
	Why     []string         `json:"why"`               // what made the outcome, the worst first
	Metrics []Metric         `json:"metrics"`           // every one of [runbooks.Metrics], in that order
	Runs    []Run            `json:"runs"`
	Steps   []Step           `json:"steps"` // of each run in turn, those of the program in its order, then undos
	Cover   Coverage         `json:"coverage"`
	Asked   []Approval       `json:"approvals"`
	Glasses []Glass          `json:"glasses"` // that were broken, in order
	Wrong   []WrongDecision  `json:"wrong_decisions"`
	Expect  []Expectation    `json:"expectations"`
	Clocks  []Clock          `json:"clocks"`
	Aims    []Objective      `json:"objectives"`
	Hints   []Hint           `json:"hints"`
	Judged  []Observation    `json:"observations"` // notes of the facilitator
	Set     []SetOutcome     `json:"outcomes_set"` // by the facilitator's hand
	People  []Participant    `json:"participants"`
	Wash    []Feedback       `json:"feedback"` // the hot wash
	Correct []Corrective     `json:"correctives"`
	Refused []RefusedRequest `json:"refused"`
	Audit   []Finding        `json:"findings"` // of [engine.Audit]; an engine that keeps its promises has none
}

// Drill is what an exercise was pinned to, and how it went.
type Drill struct {
	Scenario      string       `json:"scenario"` // id
	Title         string       `json:"title"`
	Digest        string       `json:"digest"`
	Runbook       string       `json:"runbook"`
	RunbookDigest string       `json:"runbook_digest"`
	Seed          int64        `json:"seed"`
	Pace          int          `json:"pace"` // at the start
	Blind         bool         `json:"blind,omitempty"`
	Scripted      bool         `json:"scripted,omitempty"`
	Facilitators  []string     `json:"facilitators"`
	StartedWall   engine.Stamp `json:"started_wall,omitzero"` // outside; absent when scripted
	EndedWall     engine.Stamp `json:"ended_wall,omitzero"`
	Ended         string       `json:"ended,omitempty"` // why; empty: it goes on
	EndText       string       `json:"end_text,omitempty"`
	Briefing      string       `json:"briefing,omitempty"`
	Owner         string       `json:"owner,omitempty"` // team of the scenario
	Tests         []string     `json:"tests"`
	Advanced      int64        `json:"advanced_ms,omitempty"` // time that was let pass at once
	Injects       []Inject     `json:"injects"`               // of the scenario, in its order
}

// Inject is what became of an inject.
type Inject struct {
	ID     string `json:"id"`
	To     string `json:"to"`
	Text   string `json:"text"`
	State  string `json:"state"` // delivered, skipped, not reached
	At     Moment `json:"at,omitzero"`
	Why    string `json:"why,omitempty"`    // what delivered it
	Reason string `json:"reason,omitempty"` // of a skip
}

// Outcome is how an exercise went as a whole; doc.go says how it comes about.
type Outcome string

// The outcomes.
const (
	Pass    Outcome = "pass"
	Partial Outcome = "partial"
	Fail    Outcome = "fail"
	Stopped Outcome = "stopped" // broken off by the stop word or a live incident; it shows nothing
	Going   Outcome = "going"   // not over
)

// Moment is a place in the record. MS and WallMS are since the declaration,
// without the time in which the exercise was held.
type Moment struct {
	Seq    int64        `json:"seq"`
	At     engine.Stamp `json:"at"` // journal time
	MS     int64        `json:"ms"`
	WallMS int64        `json:"wall_ms"`
}

// Took is how long something took: in exercise time, and for the people.
// Of a live incident both are the same.
type Took struct {
	MS     int64 `json:"ms"`
	WallMS int64 `json:"wall_ms"`
}

func (t Took) plus(o Took) Took { return Took{t.MS + o.MS, t.WallMS + o.WallMS} }

// since is how long after from m is.
func (m Moment) since(from Moment) Took { return Took{m.MS - from.MS, m.WallMS - from.WallMS} }

// Metric is one figure with what proves it.
type Metric struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit,omitempty"` // "s", "%", "" (a count)
	Doc   string  `json:"doc"`
	Came  bool    `json:"came"`            // false: it did not come about, and Why says why not
	Value int64   `json:"value,omitempty"` // in Unit; a started second counts as a whole one
	Took  *Took   `json:"took,omitempty"`  // of a duration
	Why   string  `json:"why,omitempty"`
	Seqs  []int64 `json:"seqs"` // journal places, at most [MaxSeqs] of them
}

// MaxSeqs is how many journal places a metric names at most.
const MaxSeqs = 100

// Run is one execution of a runbook.
type Run struct {
	Run       string       `json:"run"`
	Runbook   string       `json:"runbook"`
	Title     string       `json:"title"`
	Digest    string       `json:"digest"`
	By        string       `json:"by"`
	StartedAt engine.Stamp `json:"started_at"`
	Seq       int64        `json:"seq"` // of the start
	Status    string       `json:"status"`
	Reason    string       `json:"reason,omitempty"`
	Length    Took         `json:"length"`    // while it was not ended
	People    Took         `json:"people"`    // of that: it waited for people
	Machine   Took         `json:"machine"`   // of that: something of it was at work
	BudgetMS  int64        `json:"budget_ms"` // of the runbook; 0: none
}

// Step is a step of a program as a run went through it, with all its items.
type Step struct {
	Run       string `json:"run"`
	ID        string `json:"id"` // "disable"; "contain.disable" of a runbook that is called; "disable~undo"
	Title     string `json:"title"`
	Kind      string `json:"kind"` // name of the action, "manual", "wait", "runbook"
	Changes   bool   `json:"changes,omitempty"`
	OnCancel  bool   `json:"on_cancel,omitempty"`
	Items     int    `json:"items,omitempty"` // of a loop
	Status    string `json:"status"`          // of the step, or of the loop
	Exercised bool   `json:"exercised"`
	Attempts  int    `json:"attempts,omitempty"`
	OK        int    `json:"ok,omitempty"` // attempts that said that they worked
	Failed    int    `json:"failed,omitempty"`
	Doubts    int    `json:"doubts,omitempty"`   // attempts whose outcome was not known
	Verified  int    `json:"verified,omitempty"` // proofs that held
	Refuted   int    `json:"refuted,omitempty"`  // proofs that did not
	People    Took   `json:"people"`             // it waited for people, and nothing of it was at work
	Machine   Took   `json:"machine"`            // something of it was at work
}

// Coverage is how much of the program the runs went through.
type Coverage struct {
	Exercised int      `json:"exercised"`
	Total     int      `json:"total"` // without on_cancel and undos
	Missing   []string `json:"missing"`
}

// Approval is one question to people about a plan.
type Approval struct {
	Run     string   `json:"run"`
	Step    string   `json:"step"`
	ID      string   `json:"id"`
	Asked   Moment   `json:"asked"`
	From    []string `json:"from"`
	Quorum  int      `json:"quorum"`
	First   *Moment  `json:"first_vote,omitempty"`
	Decided *Moment  `json:"decided,omitempty"`
	Latency *Took    `json:"latency,omitempty"` // from the question to its decision; only of a yes or a no by people
	ToFirst *Took    `json:"to_first,omitempty"`
	Verdict string   `json:"verdict"` // open, granted, denied, expired, withdrawn
	Voided  bool     `json:"voided,omitempty"`
	Glass   string   `json:"glass,omitempty"` // who broke the glass: the quorum was passed over
	Reason  string   `json:"reason,omitempty"`
	Voters  []Voter  `json:"voters"`
}

// Glass is a step that went on without its quorum, on one person's word.
type Glass struct {
	Run      string       `json:"run"`
	Step     string       `json:"step"`
	Approval string       `json:"approval"` // id of the question that was passed over
	At       Moment       `json:"at"`
	By       string       `json:"by"`
	Target   string       `json:"target"` // as that person typed it
	Reason   string       `json:"reason"`
	Due      engine.Stamp `json:"due"`              // of the review
	Review   *Review      `json:"review,omitempty"` // nil: nobody has looked at it
}

// Review is what was found when somebody looked at a broken glass.
type Review struct {
	At        Moment `json:"at"`
	By        string `json:"by"`
	Justified bool   `json:"justified"`
	Text      string `json:"text"`
}

// Voter is one person's answer.
type Voter struct {
	ID     string `json:"id"`
	Yes    bool   `json:"yes"`
	At     Moment `json:"at"`
	Reason string `json:"reason,omitempty"`
}

// WrongDecision is an act that the scenario forbids.
type WrongDecision struct {
	Seq    int64  `json:"seq"`
	At     Moment `json:"at"`
	By     string `json:"by,omitempty"` // on whose authority
	What   string `json:"what"`
	Why    string `json:"why"`
	Inject string `json:"inject,omitempty"` // whose red flag it was
}

// ExpectState is what became of an expectation or a duty to notify.
type ExpectState string

// The states.
const (
	Met       ExpectState = "met"
	Late      ExpectState = "late"        // after its deadline; counts as missed
	Missed    ExpectState = "missed"      // it did not come
	NotDue    ExpectState = "not due"     // the play was over, or goes on, before its deadline
	NotJudged ExpectState = "not judged"  // only the facilitator can tell, and has not
	NotBegun  ExpectState = "not reached" // its inject was not delivered
)

// Expectation is what players should have done after an inject.
type Expectation struct {
	Inject   string      `json:"inject"`
	N        int         `json:"n"` // among those of the inject, from 1
	Text     string      `json:"text"`
	State    ExpectState `json:"state"`                // the facilitator's word when there is one
	Found    ExpectState `json:"found"`                // what the record shows
	From     *Moment     `json:"from,omitempty"`       // the inject was delivered
	Deadline int64       `json:"deadline_ms"`          // exercise time since the declaration, without what was held
	Met      *Moment     `json:"met,omitempty"`        // also of a late one
	By       string      `json:"by,omitempty"`         // who did it
	Took     *Took       `json:"took,omitempty"`       // from the inject
	Judged   *Judgement  `json:"judged,omitempty"`     // the facilitator's word
	Conflict bool        `json:"conflict,omitempty"`   // it contradicts the record
	Points   int         `json:"points"`               // there were
	Earned   int         `json:"earned"`               // there of
	Within   int64       `json:"within_ms"`            // from the inject
	Who      []string    `json:"who_should,omitempty"` // empty: anybody
}

// Judgement is the facilitator's word.
type Judgement struct {
	Met bool   `json:"met"`
	Why string `json:"why,omitempty"`
	By  string `json:"by"`
	Seq int64  `json:"seq"`
}

// Clock is a duty to notify.
type Clock struct {
	ID       string      `json:"id"`
	Text     string      `json:"text"`
	State    ExpectState `json:"state"`
	From     *Moment     `json:"from,omitempty"`
	Within   int64       `json:"within_ms"`
	Deadline int64       `json:"deadline_ms"`
	Met      *Moment     `json:"met,omitempty"`
	By       string      `json:"by,omitempty"`
	Took     *Took       `json:"took,omitempty"`
}

// CheckState is what the check of an objective says.
type CheckState string

// The states.
const (
	Holds    CheckState = "holds"
	HoldsNot CheckState = "does not hold"
	NotShown CheckState = "cannot be shown" // something it reads did not come about
	NoCheck  CheckState = ""                // it has none
)

// Objective is what the exercise was to show.
type Objective struct {
	ID         string             `json:"id"`
	Text       string             `json:"text"`
	Capability string             `json:"capability,omitempty"`
	Check      string             `json:"check,omitempty"`
	State      CheckState         `json:"state,omitempty"`
	Readings   []runbooks.Reading `json:"readings"`
	Problem    string             `json:"problem,omitempty"` // why it cannot be shown
	Manual     engine.Rating      `json:"manual,omitempty"`
	ManualBy   string             `json:"manual_by,omitempty"`
	ManualWhy  string             `json:"manual_why,omitempty"`
	ManualSeq  int64              `json:"manual_seq,omitempty"`
	Final      engine.Rating      `json:"final,omitempty"` // empty: nobody can say yet
	Conflict   bool               `json:"conflict,omitempty"`
	Notes      []Observation      `json:"observations"`
}

// Hint is help that the players had.
type Hint struct {
	At   Moment `json:"at"`
	By   string `json:"by"`
	To   string `json:"to"`
	Text string `json:"text"`
}

// Observation is a note of the facilitator.
type Observation struct {
	At        Moment `json:"at"`
	By        string `json:"by"`
	Text      string `json:"text"`
	Objective string `json:"objective,omitempty"`
}

// SetOutcome is an outcome that the facilitator decided by hand.
type SetOutcome struct {
	At      Moment `json:"at"`
	By      string `json:"by"`
	Step    string `json:"step"`
	Outcome string `json:"outcome"`
}

// Participant is a person who took part.
type Participant struct {
	ID     string      `json:"id"`
	Name   string      `json:"name,omitempty"`
	Groups []string    `json:"groups"` // the latest that the record has
	Roles  []string    `json:"roles"`  // facilitator, commander, requester, approver, reviewer, responder
	Acts   []ActsCount `json:"acts"`   // sorted by verb
	Total  int         `json:"total"`
	First  Moment      `json:"first"`
	Last   Moment      `json:"last"`
}

// ActsCount is how often somebody did something.
type ActsCount struct {
	Verb string `json:"verb"`
	N    int    `json:"n"`
}

// Feedback is an answer to the hot wash. One without a name is anonymous.
type Feedback struct {
	Seq    int64  `json:"seq"`
	By     string `json:"by,omitempty"`
	Well   string `json:"well,omitempty"`
	Badly  string `json:"badly,omitempty"`
	Change string `json:"change,omitempty"`
}

// Corrective is something that has to be done better.
type Corrective struct {
	ID        string       `json:"id"`
	Seq       int64        `json:"seq"`
	Text      string       `json:"text"`
	Owner     string       `json:"owner"`
	Due       string       `json:"due"` // 2006-01-02
	Objective string       `json:"objective,omitempty"`
	AddedAt   engine.Stamp `json:"added_at"`
	Closed    bool         `json:"closed"`
	ClosedAt  engine.Stamp `json:"closed_at,omitzero"`
	How       string       `json:"how,omitempty"`
	Overdue   bool         `json:"overdue,omitempty"` // at [Options.Now]
}

// RefusedRequest is a request that was not followed.
type RefusedRequest struct {
	At   Moment `json:"at"`
	By   string `json:"by"`
	Verb string `json:"verb"`
	Code string `json:"code"`
	Text string `json:"text"`
}

// Finding is a promise that the record does not keep.
type Finding struct {
	Seq  int64  `json:"seq"`
	Text string `json:"text"`
}

// Metric finds a metric by name.
func (r *Result) Metric(name string) (Metric, bool) {
	for _, m := range r.Metrics {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

// Options say what the facts alone do not.
type Options struct {
	// Now is the time of the reader: whether corrective actions are overdue, and
	// how long the silence of an open live incident is. Zero: the time of the last fact.
	Now time.Time
	// Commanders says whether a person was a commander then. Nil: nobody was.
	Commanders func(id string) bool
	// ReadProgram reads pinned programs in place of [runbooks.DecodeProgram].
	ReadProgram func(encoded []byte) (*runbooks.Program, error)
}
