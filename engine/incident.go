package engine

import (
	"encoding/json"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Incident is the fold of one stream of facts. Readers may look at every
// exported field and must change none; only Apply does.
type Incident struct {
	ID          string // "INC-12"
	Title       string
	Severity    int
	Private     bool
	DeclaredBy  Actor
	DeclaredAt  time.Time
	Resolved    bool
	ResolvedAt  time.Time
	Summary     string
	Channel     *ChannelBound
	Notes       int
	Runs        []*Run // in the order in which they started: R1, R2, ...
	Asks        []*Ask // every question ever put to people, in order
	Posts       map[string]*Post
	Drill       *Drill        // of a rehearsal; nil: it is live, or not started
	Correctives []*Corrective // what has to be done better, C1, C2, ...
	Glasses     []*Glass      // every one that was broken, in order
	Now         time.Time     // time of the last fact
	Facts       int64         // how many facts were applied
	LastSeq     int64         // journal place of the last one that was written

	store   string
	touched []*Step         // steps Decide has to look at again, in order
	stirred []*Run          // runs Decide has to look at again, in order
	active  []*Step         // steps to which the world owes something, in order; nil where one was taken out
	gone    int             // how many of active are nil
	moved   []*Step         // steps whose commands may be others than when Moved was last asked, in order
	owed    []*Ask          // asks that are not posted, or not closed, in order
	asks    map[string]*Ask // by id
	bounded []*Step         // whose effects are, or were, meant to end
	byID    map[string]*Run
	read    func(encoded []byte) (*runbooks.Program, error)
}

// Post is a message in the chat.
type Post struct {
	Ref     string
	Channel string
	TS      string
	Closed  bool
}

// RunStatus is where a run stands.
type RunStatus string

// The states of a run. Active and Stopping are not ended.
const (
	RunActive    RunStatus = "active"
	RunStopping  RunStatus = "stopping"  // waits for effects in flight, then ends
	RunDone      RunStatus = "done"      // every step ended well or was skipped
	RunFailed    RunStatus = "failed"    // a step failed
	RunRefused   RunStatus = "refused"   // people said no, or did not answer
	RunCancelled RunStatus = "cancelled" // a person cancelled it
)

// Ended says whether the run is over.
func (s RunStatus) Ended() bool { return s != RunActive && s != RunStopping }

// Run is one execution of one runbook.
type Run struct {
	ID          string // "R1"
	Program     *runbooks.Program
	Inputs      map[string]any
	Outputs     json.RawMessage // of a run that is done
	Environment runbooks.EnvironmentFacts
	Floor       *Floor
	Extra       *Extra // more people than the runbook and the floor demand; nil: none
	Protected   []string
	Requester   Actor
	Status      RunStatus
	Ending      RunStatus // while Stopping: what it will end as
	Reason      string
	StartedAt   time.Time
	EndedAt     time.Time
	Steps       []*Step // the program's steps in order, then undos in the order of their requests

	incident *Incident
	inputs   json.RawMessage
	byID     map[string]*Step // at every level
	root     *frame
	backs    []*frame // whose finished steps are, or were, taken back by on_failure: undo
	undos    int      // steps that take another one back and have not ended, without the parts of one
	ends     int      // how often the run has ended
	stirred  bool
}

// StepStatus is where a step stands.
type StepStatus string

// The states of a step.
const (
	StepWaiting   StepStatus = "waiting"           // its turn has not come
	StepPlanning  StepStatus = "planning"          // the target is being read
	StepAwaiting  StepStatus = "awaiting approval" // people are asked
	StepChecking  StepStatus = "checking"          // approved; the plan is read once more
	StepRunning   StepStatus = "running"           // an intent is written, the effect is in flight
	StepRetrying  StepStatus = "retrying"          // waits before the next attempt
	StepDoubt     StepStatus = "in doubt"          // the outcome of an attempt is not known
	StepVerifying StepStatus = "verifying"         // the effect is being read back
	StepManual    StepStatus = "manual"            // a person does it
	StepOnHold    StepStatus = "held"              // waits for a person's decision
	StepSleeping  StepStatus = "sleeping"          // lets time pass
	StepProgress  StepStatus = "in progress"       // its own steps are being run: the items of a loop, or a runbook

	StepDone      StepStatus = "done"
	StepSkipped   StepStatus = "skipped"
	StepFailed    StepStatus = "failed"
	StepRefused   StepStatus = "refused"
	StepCancelled StepStatus = "cancelled" // not run, because the run ended before its turn
)

// Ended says whether the step is over.
func (s StepStatus) Ended() bool {
	switch s {
	case StepDone, StepSkipped, StepFailed, StepRefused, StepCancelled:
		return true
	}
	return false
}

// Step is one step of a run, or the undo of one.
type Step struct {
	ID       string // "disable"; "disable~undo"; "revoke.2" of a loop; "contain.disable" of a runbook that is called
	Def      *runbooks.Step
	Parent   *Step // of a child: the loop, or the step that calls the runbook
	Item     any   // of the child of a loop
	Index    int   // the same, from 1
	Undoes   *Step // of an undo: the step it takes back
	UndoneBy *Step // of a step: its latest undo
	Status   StepStatus
	Params   json.RawMessage
	Asks     string           // instructions of a manual step, resolved
	Preview  *actions.Preview // of the latest plan
	State    json.RawMessage  // captured before the first attempt, write-once
	Digest   string           // of the latest plan
	Approval *Approval        // the current or last one
	Attempts []*Attempt
	Result   json.RawMessage // what the effective attempt answered
	Outputs  map[string]any  // Result decoded, for expressions
	Reading  *actions.Reading
	Due      time.Time // of the next attempt while retrying, or of the settle time while in doubt
	Why      string    // of the end, or of the hold
	Held     HoldReason
	Failure  *Failure
	If       string
	Readings []runbooks.Reading
	ReadyAt  time.Time
	EndedAt  time.Time
	By       Actor // who asked for the undo, answered the manual step, or skipped

	Containment *Containment // of a finished step whose effect is meant to end

	run       *Run
	of        *frame // it is a member of; nil for an undo that a person asked for
	in        *frame // whose names its expressions read
	children  *frame // its own steps; nil: it has none
	admitted  bool   // of the child of a loop: it may be in flight
	parked    bool   // the same: it is planned and waits for the question about all
	covered   string // the same: digest of the plan that the latest question about all is about
	undos     int    // how often its undo was asked for
	glasses   []*Glass
	questions int  // questions about it that are not answered
	dues      int  // questions whether its effect ends, ever asked
	overtime  bool // its time in all is over
	pending   int  // needs that have not ended
	plans     int  // readings of the target so far
	planned   bool // the latest reading is there and not yet followed
	planOwed  bool // a reading is owed
	fails     int  // readings that failed since the last good one
	voids     int  // approvals that were void since the step's turn came
	asked     int  // approvals ever asked
	budget    int  // number of the last attempt before the current series
	doubts    int  // attempts of the current series that ended in doubt
	settled   bool // the settle time of a doubt has passed
	due       bool // the time of the next attempt has come
	skip      *SkipRequested
	answered  bool
	started   time.Time // of the first intent
	began     time.Time // of the first intent of the current series
	touched   bool
	moved     bool
	place     int // in the incident's active steps, from 1; 0: not there
}

// Run is the run the step belongs to.
func (s *Step) Run() *Run { return s.run }

// Undone says whether the step's effect was taken back.
func (s *Step) Undone() bool { return s.UndoneBy != nil && s.UndoneBy.Status == StepDone }

// Attempt is one try of an effect.
type Attempt struct {
	N        int
	At       time.Time
	Deadline time.Time
	Key      actions.Key
	Actor    string
	Outcome  *EffectOutcome
	EndedAt  time.Time
	Doubt    string // why its outcome is not known; empty when it is
	Found    actions.Found
}

// Open says whether the attempt's outcome is still owed.
func (a *Attempt) Open() bool { return a.Outcome == nil && a.Doubt == "" }

// ApprovalState is where an approval stands.
type ApprovalState string

// The states of an approval.
const (
	ApprovalOpen      ApprovalState = "open"
	ApprovalGranted   ApprovalState = "granted"
	ApprovalDenied    ApprovalState = "denied"
	ApprovalExpired   ApprovalState = "expired"
	ApprovalVoided    ApprovalState = "voided"    // the plan is different now
	ApprovalConsumed  ApprovalState = "consumed"  // an intent used it; it cannot be used again
	ApprovalWithdrawn ApprovalState = "withdrawn" // the run ended, or the step was skipped
)

// Approval is a question to people that is bound to one plan.
type Approval struct {
	ApprovalRequested
	State    ApprovalState
	AskedAt  time.Time
	ClosedAt time.Time
	Votes    []CastVote
	Changed  []string
	Why      string // of its end, in words
	Glass    *Glass // it was granted by one person alone; nil: by its quorum, or not

	preview   *actions.Preview
	params    string
	escalated bool
	reminders int       // sent so far
	remindAt  time.Time // the next one; zero: none
}

// CastVote is a vote and who cast it.
type CastVote struct {
	Vote
	Actor Actor
	At    time.Time
	Key   string // fingerprint of the SSH key that signed it, verified; empty: not signed
}

// Approvals counts the people who said yes, with a signature where one is needed.
func (a *Approval) Approvals() int {
	n := 0
	for _, v := range a.Votes {
		if v.Approve && (!a.StepUp || v.Key != "") {
			n++
		}
	}
	return n
}

// Ask is a question to people that the chat shows, with its answer once there is one.
type Ask struct {
	ID     string // of the approval, or derived for manual and held steps
	Type   AskType
	Step   *Step
	Appr   *Approval // of an approval ask
	Glass  *Glass    // of a review
	Closed bool      // answered, or no longer asked
	At     time.Time
}

// AskType sorts the questions.
type AskType string

// The types of questions.
const (
	AskApproval    AskType = "approval"
	AskManual      AskType = "manual"
	AskHeld        AskType = "held"
	AskContainment AskType = "containment"
	AskReview      AskType = "review" // whether it was right to go on without the quorum
)

// Reminders is how often those who are asked were reminded.
func (a *Ask) Reminders() int {
	switch {
	case a.Appr != nil:
		return a.Appr.reminders
	case a.Glass != nil && a.Glass.fired:
		return 1
	}
	return 0
}

// Ref is the reference under which the question is posted.
func (a *Ask) Ref() string { return "ask:" + a.ID }

// Run finds a run by id; "" finds the latest one.
func (i *Incident) Run(id string) (*Run, bool) {
	if id == "" {
		if len(i.Runs) == 0 {
			return nil, false
		}
		return i.Runs[len(i.Runs)-1], true
	}
	r, ok := i.byID[id]
	return r, ok
}

// Ask finds a question by id.
func (i *Incident) Ask(id string) (*Ask, bool) {
	a, ok := i.asks[id]
	return a, ok
}

// Step finds a step, or the undo of one ("id~undo"), by id.
func (r *Run) Step(id string) (*Step, bool) {
	s, ok := r.byID[id]
	return s, ok
}
