package runbooks

import "github.com/firebreak-ir/firebreak/actions"

// TestFile is a checked file of tests for one runbook: what the world answers,
// what people do, and what has to come of it. It is a plain value; whoever runs
// it needs nothing of the YAML. The language is told in package engine/cases.
type TestFile struct {
	Name     string // of the file
	Steps    int    // percent of the steps that have to run; 0: any
	Branches int    // percent of the sides of conditions that have to be taken; 0: any
	Cases    []TestCase
}

// TestCase is one story. A case with a table is one for each row.
type TestCase struct {
	Name        string
	Pos         Pos
	Title       string // of the incident; empty: the runbook's
	Severity    int    // 0: any
	Requester   TestPerson
	Environment TestEnvironment
	Inputs      map[string]any // checked, with defaults
	Answers     []TestAnswers  // sorted by step
	Acts        []TestAct
	Expect      TestExpect
}

// TestPerson is somebody of the directory that a test or a scenario makes up.
type TestPerson struct {
	ID         string   `json:"id"`
	Groups     []string `json:"groups,omitempty"`     // sorted
	Identities []string `json:"identities,omitempty"` // targets that are this person: "aws.iam.user:bob"
}

// TestEnvironment is where the run takes place.
type TestEnvironment struct {
	EnvironmentFacts
	Floor     *TestFloor `json:"floor,omitempty"`
	Protected []string   `json:"protected,omitempty"`
}

// TestFloor is the least approval the environment demands.
type TestFloor struct {
	Effect actions.Effect `json:"effect"`
	From   []string       `json:"from"`
	Quorum int            `json:"quorum"`

	// BreakGlass lets the runbook's own break_glass stand for what the floor is about.
	BreakGlass bool `json:"break_glass,omitempty"`
}

// TestAnswers is what the world does with a step, attempt by attempt.
type TestAnswers struct {
	Step string       `json:"step"` // as the engine names it: "revoke.2", "disable~undo"
	Pos  Pos          `json:"-"`
	Own  bool         `json:"-"` // written in the case, so that it has to be asked for
	List []TestAnswer `json:"list"`
}

// TestAnswer is what the world does with one attempt. In JSON its outputs are
// the text of a JSON object: the keys of a map in them can be anything.
type TestAnswer struct {
	Pos           Pos              `json:"-"`
	Outputs       map[string]any   `json:"-"` // string, int64, bool, []any, map[string]any
	Targets       []actions.Target `json:"targets,omitempty"`
	Readings      []TestReading    `json:"readings,omitempty"` // what each reading of the target sees, the last repeats; nil: the targets
	Changes       []string         `json:"changes,omitempty"`
	InEffect      bool             `json:"in_effect,omitempty"`
	NoUndo        string           `json:"no_undo,omitempty"`
	Takes         Span             `json:"takes,omitempty"` // zero: a second
	Fails         actions.Class    `json:"fails,omitempty"`
	Message       string           `json:"message,omitempty"`   // of a failure
	Unknown       bool             `json:"unknown,omitempty"`   // the answer was lost
	TimesOut      bool             `json:"times_out,omitempty"` // no answer comes
	Found         actions.Found    `json:"found,omitempty"`
	Lies          bool             `json:"lies,omitempty"`           // the proof fails for ever
	Unreadable    bool             `json:"unreadable,omitempty"`     // the proof cannot be read
	VerifiedAfter Span             `json:"verified_after,omitempty"` // how long after the attempt the effect shows
}

// TestReading is what one reading of a target sees: that it cannot be read, or
// what it is.
type TestReading struct {
	Targets []actions.Target `json:"targets,omitempty"`
	Fails   actions.Class    `json:"fails,omitempty"`
}

// TestAct is what a person does.
type TestAct struct {
	Pos     Pos
	Verb    string // approve, deny, answer, retry, skip, undo, lift, applied, not_applied, cancel, extend, keep, break_glass, review
	Step    string
	By      TestPerson
	Own     bool     // written in the case, so that it has to happen; else it happens for each question
	After   Span     // since there was something to do it about; zero: a minute
	At      At[Span] // since the run started, whatever there is to do
	Reason  string
	With    string // the answer; of review: justified or unjustified
	Bare    bool   // of approve: without the signature that a step may ask for
	Confirm bool   // of retry: the attempt in doubt had no effect
	For     Span   // of extend
	Refused string // part of what the engine says when it must not follow; empty: it must
}

// TestExpect is what has to come of a case. What is not set is not looked at.
type TestExpect struct {
	Pos         Pos
	Run         At[string]
	Reason      At[string]   // part of it
	Path        At[[]string] // steps that began to run, in order
	Steps       []TestPair[string]
	Because     []TestPair[string] // part of the reason
	Attempts    []TestPair[int]
	Outputs     []TestPair[any]
	StepOutputs []TestPair[[]TestPair[any]]
	Approvals   []TestPair[TestApproval]
	Undone      At[[]string]
	Evidence    At[[]string] // steps that collected evidence before anything was changed
	Within      At[Span]
	Timeline    []At[string] // parts of lines
}

// TestPair is a name and what is expected of it.
type TestPair[T any] struct {
	Name  string
	Pos   Pos
	Value T
}

// TestApproval is what is expected of the latest question about a step.
type TestApproval struct {
	None    bool // nobody is asked
	Quorum  At[int]
	From    At[[]string]
	Verdict At[string]
	By      At[[]string] // who voted, in order
	Asked   At[int]      // how often people were asked
}

// Tests is a parsed file of tests. What depends on the runbook is checked by
// [Tests.Check].
type Tests struct {
	// Runbook is the runbook's file, beside this one.
	Runbook At[string]

	source   *source
	steps    At[int]
	branches At[int]
	people   []personDecl
	defaults caseDecl
	cases    []caseDecl
}

type personDecl struct {
	id         At[string]
	groups     []At[string]
	identities []At[string]
}

// caseDecl is a case, the defaults of all, or a row of a table, as written.
type caseDecl struct {
	pos       Pos
	name      At[string]
	title     At[string]
	severity  At[int]
	requester At[string]
	env       environmentDecl
	inputs    []pair
	answers   []answersDecl
	acts      []actDecl
	actsSet   bool
	expect    expectDecl
	table     []caseDecl
}

type environmentDecl struct {
	name, account, region At[string]
	floor                 *floorDecl
	protected             []At[string]
	protectedSet          bool
}

type floorDecl struct {
	effect     At[string]
	from       []At[string]
	quorum     At[int]
	breakGlass At[bool]
}

type answersDecl struct {
	step At[string]
	own  bool
	list []answerDecl
}

type answerDecl struct {
	pos                         Pos
	bad                         bool // a fault was found in it
	outputs, targets, drifts    *node
	changes                     []At[string]
	changesSet                  bool
	noUndo, message             At[string]
	fails, planFails, found     At[string]
	readings                    *node
	takes, verifiedAfter        At[Span]
	times                       At[int]
	inEffect, unknown, timesOut At[bool]
	lies, unreadable            At[bool]
}

type actDecl struct {
	pos                      Pos
	own                      bool
	verb, step, by           At[string]
	after, at, forSpan       At[Span]
	reason, confirm, refused At[string]
	verdict                  At[string] // of a review
	unsigned                 At[bool]
	with                     *node
}

type expectDecl struct {
	TestExpect
	bad         bool // a fault was found in it
	outputs     []pair
	stepOutputs []pair
}
