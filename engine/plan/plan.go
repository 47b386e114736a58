package plan

import (
	"encoding/json"
	"iter"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Request says what is to be planned, and for whom.
type Request struct {
	Program     *runbooks.Program
	Inputs      map[string]any // checked against the program; defaults are filled in
	Environment runbooks.EnvironmentFacts
	Incident    runbooks.IncidentFacts
	Floor       *engine.Floor
	Extra       *engine.Extra // more people than the runbook and the floor demand; nil: none
	Protected   []string      // patterns of targets nobody may touch
	Requester   string        // person id of who would start the run
	Preflight   bool          // make the checks of actions that would change something, too

	// Members gives the ids of the people behind "group:x" and "person:y" who
	// may vote now. Nil: nobody knows, and the plan says so.
	Members func(from []string) []string
	// Signs says whether a person has a key with which to sign. Nil: nobody
	// knows, and everybody counts.
	Signs func(person string) bool
	// Identities gives the targets that are this person, such as
	// "aws.iam.user:alice". Nil: no one is a target.
	Identities func(person string) []string
}

// Plan is what a run would do, as far as it can be known now.
type Plan struct {
	Digest      string                    `json:"digest"` // see engine.RunDigest
	Runbook     string                    `json:"runbook"`
	Title       string                    `json:"title"`
	Program     string                    `json:"program_digest"`
	Environment runbooks.EnvironmentFacts `json:"environment"`
	Incident    string                    `json:"incident,omitempty"`
	Inputs      map[string]any            `json:"inputs"`
	Requester   string                    `json:"requester,omitempty"`
	At          engine.Stamp              `json:"at"`
	Budget      runbooks.Span             `json:"budget,omitempty"`
	Duration    Duration                  `json:"duration"`
	Steps       []Step                    `json:"steps"`
	Extra       *engine.Extra             `json:"extra,omitempty"`     // more people for each question, and why
	OnCancel    []string                  `json:"on_cancel,omitempty"` // ids of the steps that run after a cancel; those of a runbook that is called only when it is in progress then
	Warnings    []string                  `json:"warnings,omitempty"`  // of the whole plan: not enough approvers, a run that would stop
}

// Fate is what would become of a step.
type Fate string

// The fates.
const (
	Runs    Fate = "run"     // it will run
	Skips   Fate = "skip"    // its condition is false
	Unknown Fate = "unknown" // its condition depends on what is not known yet
	Fails   Fate = "fail"    // it cannot run as things are
)

// Step is what would become of one step.
type Step struct {
	ID       string             `json:"id"` // as the engine names it: "revoke.2" of a loop, "contain.disable" of a runbook that is called
	Title    string             `json:"title,omitempty"`
	Uses     string             `json:"uses,omitempty"`
	Manual   bool               `json:"manual,omitempty"`
	Wait     string             `json:"wait,omitempty"`    // how long, or until when
	Runbook  string             `json:"runbook,omitempty"` // the one that is called
	Items    int                `json:"items,omitempty"`   // of a loop, how many there are
	Steps    []Step             `json:"steps,omitempty"`   // of a loop its first [MaxItems] items, else those of the runbook that is called
	Evidence bool               `json:"evidence,omitempty"`
	Contains runbooks.Span      `json:"contains,omitempty"` // how long its effect is meant to last
	Effect   actions.Effect     `json:"effect,omitempty"`
	Adds     bool               `json:"adds,omitempty"` // only to the record: what is there stays as it is
	Fate     Fate               `json:"fate"`
	Why      string             `json:"why,omitempty"` // of an unknown, failing or skipped step
	If       string             `json:"if,omitempty"`
	Readings []runbooks.Reading `json:"readings,omitempty"`
	// Params are the arguments; absent while they depend on WaitsFor.
	Params       json.RawMessage  `json:"params,omitempty"`
	Instructions string           `json:"instructions,omitempty"` // of a manual step
	WaitsFor     []string         `json:"waits_for,omitempty"`    // what is not known yet: "steps.owner.outputs.user"
	Targets      []actions.Target `json:"targets,omitempty"`
	Changes      []string         `json:"changes,omitempty"`
	Calls        []string         `json:"calls,omitempty"`
	BlastRadius  string           `json:"blast_radius,omitempty"` // what else feels it
	Warnings     []string         `json:"warnings,omitempty"`
	InEffect     bool             `json:"in_effect,omitempty"`
	CanUndo      bool             `json:"can_undo"`
	UndoByHand   bool             `json:"undo_by_hand,omitempty"` // a person takes it back
	NoUndo       string           `json:"no_undo,omitempty"`
	Protected    string           `json:"protected,omitempty"` // the target that nobody may touch
	Approval     *Approval        `json:"approval,omitempty"`
	Outputs      json.RawMessage  `json:"outputs,omitempty"` // of a read that was made now
	Failure      *engine.Failure  `json:"failure,omitempty"` // of a read that did not come about
	Checks       []actions.Check  `json:"checks,omitempty"`  // of the action, when they were asked for

	outputs map[string]any // of a read that was made now, as they are
}

// Approval is who would be asked, and whether they can answer.
type Approval struct {
	From     []string           `json:"from"`
	Quorum   int                `json:"quorum"`
	Expires  runbooks.Span      `json:"expires"`
	Escalate *runbooks.Escalate `json:"escalate,omitempty"`
	StepUp   bool               `json:"step_up,omitempty"` // a yes needs a signature
	ForAll   bool               `json:"for_all,omitempty"` // of a loop: one question for all items
	Floor    bool               `json:"floor,omitempty"`   // made stricter by the environment
	Extra    int                `json:"extra,omitempty"`   // how many of the quorum the run adds
	Known    bool               `json:"eligible_known"`    // whether the directory could be asked
	Eligible []string           `json:"eligible"`          // person ids, sorted: without the requester and the targets
	Later    []string           `json:"eligible_later"`    // with those who are asked on escalation
	Enough   bool               `json:"enough"`            // enough eligible people from the start

	BreakGlass *BreakGlass `json:"break_glass,omitempty"` // who could go on without the quorum; nil: nobody
}

// Stops says whether a step could not run as things are, so that the run would
// not get to its end.
func (p *Plan) Stops() bool {
	for s := range p.All() {
		if s.Fate == Fails {
			return true
		}
	}
	return false
}

// All walks the steps at every level in order, each before its own steps.
func (p *Plan) All() iter.Seq[*Step] {
	return func(yield func(*Step) bool) { walkAll(p.Steps, yield) }
}

func walkAll(steps []Step, yield func(*Step) bool) bool {
	for i := range steps {
		if !yield(&steps[i]) || !walkAll(steps[i].Steps, yield) {
			return false
		}
	}
	return true
}

// Enough says whether every step that may run can get its approvals.
func (p *Plan) Enough() bool {
	for s := range p.All() {
		if a := s.Approval; a != nil && s.Fate != Skips && a.Known && len(a.Later) < a.Quorum {
			return false
		}
	}
	return true
}

// MaxItems is how many items of a loop are planned one by one.
const MaxItems = 100

// MaxRead is the longest a plan waits for one reading of the world.
const MaxRead = 20 * time.Second
