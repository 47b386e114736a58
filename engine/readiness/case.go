package readiness

import (
	"fmt"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// Evidence is the fact that a line rests on.
type Evidence struct {
	Incident string `json:"incident"`      // "DRL-3"; "store" for what belongs to none
	Seq      int64  `json:"seq,omitempty"` // place in the journal of that store
}

func (e Evidence) String() string { return fmt.Sprintf("%s:%d", e.Incident, e.Seq) }

// Case is what readiness needs to know of one rehearsal or live incident:
// counts, times and places of its facts. See [Read].
type Case struct {
	ID          string // "DRL-3", "INC-12", "store"
	Exercise    bool
	Private     bool
	Declared    time.Time
	Resolved    time.Time // zero: it is open
	Seq         int64     // of its first fact
	Drill       *Drill    // of a rehearsal that began; else nil
	Runs        []*Run
	Approvals   []Approval
	People      []Member // persons who did something in it, sorted by id
	Refused     []Refused
	Holds       []Hold
	Glasses     []Glass // in the order in which they were broken
	Correctives []Corrective
}

// Result is how a rehearsal went.
type Result string

// The results. An aborted rehearsal was cut short and does not count; one that is
// open goes on.
const (
	Passed  Result = "pass"
	Partial Result = "partial"
	Failed  Result = "fail"
	Aborted Result = "aborted"
	Open    Result = "open"
)

// Counts says whether a rehearsal with this result came to its end.
func (r Result) Counts() bool { return r == Passed || r == Partial || r == Failed }

// Drill is the rehearsal of a case.
type Drill struct {
	Scenario      string
	Title         string
	Digest        string // of the scenario
	Runbook       string
	RunbookDigest string
	Scripted      bool
	Parts         bool // its people are those of the scenario, played by whoever sat at one terminal
	Facilitators  []string
	Began         time.Time // outside, where that is known
	Ended         time.Time // the same; zero: it goes on
	Why           string    // it ended: one of the engine's reasons
	Result        Result
	Reasons       []string // for the result, in words
	Seq           int64    // of its end, or of its beginning while it goes on
}

// Run is one execution of a runbook.
type Run struct {
	ID          string
	Runbook     string
	Digest      string
	Program     *runbooks.Program // as it was pinned
	Environment string
	By          string
	Started     time.Time
	Ended       time.Time // zero: it goes on
	Status      string
	Budget      string // as the timeline judges: none, kept, missed, not contained, open
	Seq         int64  // of its start
	Steps       []*Step
}

// Step is what became of one step of a program, all items of a loop together.
type Step struct {
	Path      string // "contain.disable", as [runbooks.Program.Deep] names it; "disable~undo"
	Action    string // empty: none
	Version   int
	Effects   int // that were begun, retries not counted
	Done      int // of them, that said that they worked
	Proven    int // of them, that a reading proved
	Retries   []int64
	Failures  []int64
	Doubts    []int64
	Exercised bool  // see package score
	Seq       int64 // of its first fact
}

// Approval is one question and its answer.
type Approval struct {
	Run     string
	Runbook string
	Step    string // path
	Asked   time.Time
	Closed  time.Time     // zero: it is open
	Decided bool          // by a yes or a no of those who were asked
	Broken  bool          // one person broke the glass, so it was granted without them
	Wait    time.Duration // from the question to that, as people had it
	Verdict string
	From    []string // with those of an escalation
	Quorum  int
	Votes   []Vote
	Seq     int64
}

// Vote is one person's answer.
type Vote struct {
	Person string
	Yes    bool
	Seq    int64
}

// Member is a person, and the groups that the facts show this person in.
type Member struct {
	ID     string
	Groups []string
	Part   bool  // of a scenario, not a person of the directory
	Seq    int64 // of the first fact
}

// Refused is a request that was not followed.
type Refused struct {
	Code, Verb, Who string
	At              time.Time
	Seq             int64
}

// Hold is an effect that is, or was, meant to end.
type Hold struct {
	Run     string
	Runbook string
	Step    string
	Since   time.Time
	Until   time.Time
	State   string // "in force", "due", "kept", "lifted"
	By      string // who decided last
	Why     string
	Times   int   // how often it was extended
	Seq     int64 // of its beginning, or of the latest decision
}

// The states of a Hold.
const (
	InForce = "in force"
	Due     = "due"
	Kept    = "kept"
	Lifted  = "lifted"
)

// Glass is a step that went on without its quorum, on the word of one person.
type Glass struct {
	Run       string
	Runbook   string
	Step      string // id in the run, "cut.2"
	Path      string // in the program
	By        string
	Reason    string
	At        time.Time
	Due       time.Time // of its review
	Reviewer  string
	Justified bool
	Text      string    // what the reviewer found
	Reviewed  time.Time // zero: nobody has
	Seq       int64     // of the breaking
	ReviewSeq int64
}

// Corrective is something that has to be done better.
type Corrective struct {
	ID     string // "C1"
	Text   string
	Owner  string
	Due    string // 2006-01-02
	Closed bool
	Seq    int64
}

// runbooks lists the runbooks of a case: those that were run, and that of the
// rehearsal, each once.
func (c *Case) runbooks() []string {
	var list []string
	if c.Drill != nil {
		list = append(list, c.Drill.Runbook)
	}
	for _, r := range c.Runs {
		list = append(list, r.Runbook)
	}
	return once(list)
}

// players are the people of a case without those who only led it. Parts of a
// scenario are among them: somebody played those.
func (c *Case) players() []Member {
	if c.Drill == nil {
		return c.People
	}
	return slices.DeleteFunc(slices.Clone(c.People), func(m Member) bool { return slices.Contains(c.Drill.Facilitators, m.ID) })
}

// named says whether the people of a case are those whom its facts name. A script
// plays with made up ones, and at one terminal a person plays several parts.
func (c *Case) named() bool { return c.Drill == nil || !c.Drill.Scripted && !c.Drill.Parts }

// runs gives the runs of one runbook.
func (c *Case) runs(runbook string) []*Run {
	var list []*Run
	for _, r := range c.Runs {
		if r.Runbook == runbook {
			list = append(list, r)
		}
	}
	return list
}

func (c *Case) at(seq int64) Evidence { return Evidence{c.ID, seq} }
