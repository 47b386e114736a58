package runbooks

import (
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
	Steps        []Step   `json:"steps"`
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

// Input is one value that whoever starts the run must give.
type Input struct {
	Name        string       `json:"name"`
	Type        actions.Kind `json:"type"` // string, int, bool, duration
	Description string       `json:"description,omitempty"`
	Pattern     string       `json:"pattern,omitempty"`
	Enum        []string     `json:"enum,omitempty"`
	Default     any          `json:"default,omitempty"` // nil: required
	Required    bool         `json:"required,omitempty"`
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

// Step is one step of a Program. Exactly one of Uses and Manual is set.
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
	Tells         bool            `json:"tells,omitempty"`   // of the action, pinned: it only tells people
	Outputs       []actions.Field `json:"outputs,omitempty"` // types of the outputs that expressions read, pinned; sorted by name
	With          *Value          `json:"with,omitempty"`    // an object; nil: no parameters

	Manual *Manual `json:"manual,omitempty"`

	If    *Expression `json:"if,omitempty"`    // nil: always
	Needs []string    `json:"needs,omitempty"` // ids of the steps that must have ended before; filled in by the compiler: the step before, unless the author says otherwise

	Approval  *Approval `json:"approval,omitempty"`
	Verify    *Verify   `json:"verify,omitempty"` // nil: the action cannot verify, or is a read
	Retry     Retry     `json:"retry"`
	Timeout   Span      `json:"timeout"` // of one attempt; never zero for an action
	OnFailure Reaction  `json:"on_failure"`
	OnRefused Reaction  `json:"on_refused"`
}

// Name is the title, or the id without one.
func (s *Step) Name() string {
	if s.Title != "" {
		return s.Title
	}
	return s.ID
}

// Manual is a step that a person does and reports.
type Manual struct {
	Instructions *Value `json:"instructions"` // a string, may hold ${{ }}
}

// Approval asks people before a step.
type Approval struct {
	From     []string  `json:"from"`   // "group:security-leads", "person:alice"
	Quorum   int       `json:"quorum"` // distinct people
	Expires  Span      `json:"expires"`
	Escalate *Escalate `json:"escalate,omitempty"`
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
)

// Pos is a place in a source file, counted from 1; the zero Pos is unknown.
type Pos struct {
	Line int `json:"line"`
	Col  int `json:"col"`
}

// Step finds a step by id.
func (p *Program) Step(id string) (*Step, bool) {
	for i := range p.Steps {
		if p.Steps[i].ID == id {
			return &p.Steps[i], true
		}
	}
	return nil, false
}
