package runbooks

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// Program is a checked and compiled runbook: what a run executes. It is a
// plain value that encodes to canonical JSON and is pinned by its digest, so
// that editing or deleting the YAML does not touch a run that has begun.
type Program struct {
	Semantics    int      `json:"semantics"` // version of the meaning of this form; see [Semantics]
	Digest       string   `json:"digest"`    // hex SHA-256 of the meaning: comments, layout and positions do not count
	ID           string   `json:"id"`
	Title        string   `json:"title"`
	Description  string   `json:"description,omitempty"`
	Owner        Owner    `json:"owner"`
	Environments []string `json:"environments,omitempty"` // empty: every environment
	Budget       Span     `json:"budget,omitempty"`       // containment must fit in this; reported when it does not
	ReviewBy     string   `json:"review_by,omitempty"`    // "2027-01-31"
	Inputs       []Input  `json:"inputs,omitempty"`
	Outputs      []Output `json:"outputs,omitempty"` // what a run gives back to the runbook that called it, and to the record
	Steps        []Step   `json:"steps"`
	OnCancel     []Step   `json:"on_cancel,omitempty"` // run, top to bottom, after a run was cancelled and nothing of it is in flight; of a runbook that was called, when it was in progress then
	Waivers      []Waiver `json:"waivers,omitempty"`
	Source       Source   `json:"source"`
}

// Semantics is the version of a Program's meaning that this build compiles to
// and can run.
const Semantics = 1

// Source is the file a Program was compiled from.
type Source struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // of the bytes of the file
	Text   string `json:"text"`
}

// Owner is who answers for a runbook.
type Owner struct {
	Team     string `json:"team"`
	Contact  string `json:"contact,omitempty"`
	Escalate string `json:"escalate,omitempty"` // "group:security-leads"
}

// Span is a duration, written as "90s" in JSON and YAML.
type Span = actions.Span

// Input is one typed value: one that whoever starts the run must give, the
// items of a list or a map, or the answer to a manual step.
type Input struct {
	Name        string       `json:"name,omitempty"`   // empty for items
	Type        actions.Kind `json:"type"`             // string, int, bool, duration, list, map
	Format      string       `json:"format,omitempty"` // a text of a known form, such as "aws.instance_id"; see [Formats]
	Description string       `json:"description,omitempty"`
	Pattern     string       `json:"pattern,omitempty"`
	Enum        []string     `json:"enum,omitempty"`
	Min         *int64       `json:"min,omitempty"`       // of a number; of a list or map, how many items
	Max         *int64       `json:"max,omitempty"`       // the same
	Of          *Input       `json:"of,omitempty"`        // the items of a list, the values of a map
	Sensitive   bool         `json:"sensitive,omitempty"` // given as a secret:// reference, only for parameters that are secret
	Default     any          `json:"default,omitempty"`   // nil: required
	Required    bool         `json:"required,omitempty"`
}

// Output is one value that a run gives back when it has ended well.
type Output struct {
	Name  string        `json:"name"`
	Value *Expression   `json:"value"`
	Field actions.Field `json:"field"` // its type, pinned
}

// Waiver lets one finding of lint pass, for a reason and until a day.
type Waiver struct {
	Rule    string `json:"rule"`
	Step    string `json:"step,omitempty"` // id; empty: for the whole runbook
	Reason  string `json:"reason"`
	Owner   string `json:"owner"`   // "group:cloud-security", "person:alice"
	Expires string `json:"expires"` // "2027-01-31", the last day on which it counts
	Pos     Pos    `json:"pos"`
}

// Reaction says what follows a failed or refused step.
type Reaction string

// The reactions.
const (
	Stop     Reaction = "stop"     // end the run; the default
	Continue Reaction = "continue" // go on with the next step
	Undo     Reaction = "undo"     // end the run and take back its finished steps, last first; destructive ones are only offered
	Ask      Reaction = "ask"      // hold the run until a person retries, skips or cancels
)

// Step is one step of a Program. Exactly one of Uses, Manual, Wait and Runbook
// is set.
type Step struct {
	ID    string `json:"id"`
	Title string `json:"title,omitempty"`
	Pos   Pos    `json:"pos"` // where it stands in the source

	Uses          string          `json:"uses,omitempty"`
	ActionVersion int             `json:"action_version,omitempty"`
	Effect        actions.Effect  `json:"effect,omitempty"` // of the action, pinned
	Repeat        actions.Repeat  `json:"repeat,omitempty"` // of the action, pinned
	Settle        Span            `json:"settle,omitempty"` // of the action, pinned
	CanUndo       bool            `json:"can_undo,omitempty"`
	Tells         bool            `json:"tells,omitempty"`     // of the action, pinned: it only tells people
	Adds          bool            `json:"adds,omitempty"`      // of the action, pinned: it only adds to the record
	Preserves     bool            `json:"preserves,omitempty"` // of the action, pinned: it only keeps its target from being lost
	Outputs       []actions.Field `json:"outputs,omitempty"`   // types of the outputs that expressions read, pinned; sorted by name
	With          *Value          `json:"with,omitempty"`      // an object; nil: no parameters

	Manual  *Manual  `json:"manual,omitempty"`
	Wait    *Wait    `json:"wait,omitempty"`
	Runbook *Subrun  `json:"runbook,omitempty"` // With holds its inputs
	ForEach *ForEach `json:"for_each,omitempty"`

	If    *Expression `json:"if,omitempty"`    // nil: always
	Needs []string    `json:"needs,omitempty"` // ids of the steps that must have ended before; filled in by the compiler: the step before, unless the author says otherwise

	Approval  *Approval `json:"approval,omitempty"`
	Verify    *Verify   `json:"verify,omitempty"` // nil: the action cannot verify, or is a read
	Retry     Retry     `json:"retry"`
	Timeout   Span      `json:"timeout"`         // of one attempt; never zero for an action
	Total     Span      `json:"total,omitempty"` // of all attempts and proofs together, from the first intent; of a manual step from the question; zero: no limit
	OnFailure Reaction  `json:"on_failure"`
	OnRefused Reaction  `json:"on_refused"`
	Critical  bool      `json:"critical,omitempty"` // when it fails or is refused the run has failed, even if it went on
	Evidence  bool      `json:"evidence,omitempty"` // it collects evidence, so nothing may be changed before it
	Contains  *Contains `json:"contains,omitempty"` // its effect is meant to end; somebody is asked when it is time
	Undo      *UndoRule `json:"undo,omitempty"`     // how it is taken back; nil: as the action does, with the step's own approval

	written *node // nil after [DecodeProgram]
}

// At is where a part of the step stands in the source: "approval",
// "approval.quorum", "undo.verify.within", "with.role". A part that was not
// written has the place of what it would be in, at last of the step; so has
// every part of a program that was decoded.
func (s *Step) At(part string) Pos {
	pos, n := s.Pos, s.written
	for name := range strings.SplitSeq(part, ".") {
		if n == nil {
			break
		}
		i := slices.IndexFunc(n.pairs, func(p pair) bool { return p.key.text == name })
		if i < 0 {
			break
		}
		pos, n = n.pairs[i].key.pos, n.pairs[i].value
	}
	return pos
}

// Name is the title, or the id without one.
func (s *Step) Name() string {
	if s.Title != "" {
		return s.Title
	}
	return s.ID
}

// Changes says whether a step changes something in an environment: it is no
// read, and does more than tell people.
func (s *Step) Changes() bool {
	return s.Uses != "" && s.Effect != actions.Read && !s.Tells && !s.Copies()
}

// Copies says whether a step only puts a copy beside what is there. One that adds
// to the record and is destructive leaves a trace on its target, and so does not.
func (s *Step) Copies() bool { return s.Adds && s.Effect != actions.Destructive }

// Kind is what a step does, in one word: the name of its action, "manual",
// "wait" or "runbook".
func (s *Step) Kind() string {
	switch {
	case s.Manual != nil:
		return "manual"
	case s.Wait != nil:
		return "wait"
	case s.Runbook != nil:
		return "runbook"
	}
	return s.Uses
}

// Manual is a step that a person does and reports.
type Manual struct {
	Instructions *Value `json:"instructions"`     // a string, may hold ${{ }}
	Answer       *Input `json:"answer,omitempty"` // type of the answer; nil: any text, or none
}

// Wait is a step that lets time pass. Exactly one field is set.
type Wait struct {
	For   Span        `json:"for,omitempty"`
	Until *Expression `json:"until,omitempty"` // a number of Unix seconds, as now is; in the past: no wait
}

// Subrun is a runbook inside a runbook. It is part of the program that calls
// it, so that it is pinned with it.
type Subrun struct {
	ID      string   `json:"id"`
	Digest  string   `json:"digest"` // of Program
	Program *Program `json:"program"`
}

// ForEach repeats a step for every item of a list.
type ForEach struct {
	In          *Expression   `json:"in"`                           // a list
	Item        actions.Field `json:"item"`                         // type of one item, pinned
	MaxParallel int           `json:"max_parallel"`                 // items in flight at once; at least 1
	MaxErrors   int           `json:"max_errors,omitempty"`         // items that may fail before no more are started
	MaxPercent  int           `json:"max_errors_percent,omitempty"` // the same, as a share of the list, 1 to 100; 0: MaxErrors counts
}

// Budget is how many of n items may fail.
func (f *ForEach) Budget(n int) int {
	if f.MaxPercent > 0 {
		return n * f.MaxPercent / 100
	}
	return f.MaxErrors
}

// Contains says that an effect is meant to end.
type Contains struct {
	Expires Span     `json:"expires"` // after the proof of the effect
	Ask     []string `json:"ask"`     // who decides then whether it is lifted or extended
}

// UndoRule says how a step is taken back where that differs from what the
// action and the step say.
type UndoRule struct {
	Approval *Approval `json:"approval,omitempty"` // nil: that of the step
	Within   Span      `json:"within,omitempty"`   // of the proof; zero: that of the step
	Manual   *Value    `json:"manual,omitempty"`   // a person takes it back, with these instructions
}

// Approval asks people before a step.
type Approval struct {
	From     []string  `json:"from"`   // "group:security-leads", "person:alice"
	Quorum   int       `json:"quorum"` // distinct people
	Expires  Span      `json:"expires"`
	Remind   Span      `json:"remind,omitempty"`  // asks again each time this has passed; zero: never
	StepUp   bool      `json:"step_up,omitempty"` // a yes counts only with a signature by an SSH key of the directory
	Escalate *Escalate `json:"escalate,omitempty"`

	BreakGlass *BreakGlass `json:"break_glass,omitempty"` // nil: nobody goes without the approvals
}

// BreakGlass lets one person go on alone when those who should approve cannot
// be reached: with a signature, a reason and the target typed out, seen by
// everybody, and looked at afterwards by somebody who had no part in it.
type BreakGlass struct {
	By     []string `json:"by"`     // who may: "group:commanders", "person:alice"
	Review []string `json:"review"` // who looks at it afterwards
	Within Span     `json:"within"` // by when they should have
}

// Escalate widens an approval that nobody answered.
type Escalate struct {
	After Span     `json:"after"`
	To    []string `json:"to"`
}

// Verify says how long the effect may take to show.
type Verify struct {
	Within Span `json:"within"`
}

// Retry bounds the attempts of one step.
type Retry struct {
	Attempts int  `json:"attempts"`          // at least 1
	Backoff  Span `json:"backoff,omitempty"` // before the second attempt; doubled for each further one
}

// Defaults that the compiler fills in.
const (
	DefaultExpires = Span(15 * time.Minute)
	DefaultWithin  = Span(60 * time.Second)
	DefaultBackoff = Span(2 * time.Second)
	DefaultReview  = Span(72 * time.Hour) // of a glass that was broken
)

// Pos is a place in a source file, counted from 1; the zero Pos is unknown.
type Pos struct {
	Line int `json:"line"`
	Col  int `json:"col"`
}

// Step finds a step by id, those of on_cancel included.
func (p *Program) Step(id string) (*Step, bool) {
	for s := range p.All() {
		if s.ID == id {
			return s, true
		}
	}
	return nil, false
}

// All walks the steps in order, those of on_cancel last. It does not go into
// runbooks that are called.
func (p *Program) All() iter.Seq[*Step] {
	return func(yield func(*Step) bool) {
		for _, list := range [][]Step{p.Steps, p.OnCancel} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// Deep walks the steps as [Program.All] does, and those of the runbooks that
// are called, each behind the step that calls it, with the path of ids by which
// the engine names it: "contain.disable".
func (p *Program) Deep() iter.Seq2[string, *Step] {
	return func(yield func(string, *Step) bool) { p.deep("", yield) }
}

func (p *Program) deep(prefix string, yield func(string, *Step) bool) bool {
	for s := range p.All() {
		if !yield(prefix+s.ID, s) {
			return false
		}
		if s.Runbook != nil && !s.Runbook.Program.deep(prefix+s.ID+".", yield) {
			return false
		}
	}
	return true
}
