package readiness

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/diff"
)

// Input is what a ledger and a review are made from.
type Input struct {
	Now          time.Time
	Programs     []*runbooks.Program  // the runbooks of today, those that cannot be run too
	Refused      map[string]string    // why those cannot be run, by digest
	Left         []LeftOut            // files that do not even compile
	Scenarios    []*runbooks.Scenario // nil: nobody knows which there are
	Drills       []*Case              // in any order
	Incidents    []*Case              // the same; the case of the store too
	Environments []Environment
	// People gives the groups of a person, and whether this person is active.
	// Nil: nobody knows, and nothing is said about people.
	People   func(id string) (groups []string, active bool)
	Groups   func(group string) []string // the members of a group, by name without "group:"
	Signs    func(id string) bool        // whether a person has a key; nil: everybody counts
	Starters []string                    // who may start a run; nil: nobody knows
	Policy   Policy
	// Preflight holds the latest result of each runbook that was looked at.
	Preflight map[string]Preflight
	Unread    []string // what could not be read, in words
}

// LeftOut is a file that holds no runbook which compiles.
type LeftOut struct {
	File string `json:"file"`
	Text string `json:"text"`
}

// Preflight is what a look at the real world found.
type Preflight struct {
	At     engine.Stamp `json:"at"`
	Result string       `json:"result"` // as actions.Readiness: ready, not_ready, unknown
	Days   int          `json:"age_days"`
}

// Ledger says how ready each runbook is.
type Ledger struct {
	Schema string       `json:"schema"` // "firebreak/readiness/v1"
	At     engine.Stamp `json:"at"`
	MaxAge int          `json:"max_age_days"`
	Rows   []*Row       `json:"runbooks"` // sorted by id
	Left   []LeftOut    `json:"left_out"`
	Notes  []string     `json:"notes"` // what was not looked at
}

// Reason says why a runbook is in a state.
type Reason struct {
	State    State      `json:"state"`
	Step     string     `json:"step,omitempty"`
	Text     string     `json:"text"`
	Evidence []Evidence `json:"evidence"`
}

// Row is one runbook. Lists are never nil.
type Row struct {
	Runbook     string         `json:"runbook"`
	Title       string         `json:"title"`
	File        string         `json:"file"`
	Owner       runbooks.Owner `json:"owner"`
	Digest      string         `json:"digest"`
	State       State          `json:"state"` // the worst
	States      []State        `json:"states"`
	Reasons     []Reason       `json:"reasons"`          // those of the worst state first
	Last        *Rehearsal     `json:"last,omitempty"`   // the last that came to its end
	Base        *Rehearsal     `json:"base,omitempty"`   // the last that did not fail
	Script      *Rehearsal     `json:"script,omitempty"` // the last that only its script played, where those do not count
	Drift       []Drift        `json:"drift"`            // since that
	Rate        Rate           `json:"pass_rate"`
	People      []string       `json:"participants"` // of rehearsals that count, without made up ones
	Roles       []Role         `json:"roles"`
	Steps       Coverage       `json:"steps"`
	Actions     []ActionUse    `json:"actions"`
	Approvals   Latencies      `json:"approvals"`
	Correctives []Undone       `json:"open_correctives"` // overdue first
	Waivers     []WaiverUse    `json:"waivers"`
	BreakGlass  BreakGlass     `json:"break_glass"`
	Contained   []Contained    `json:"contained"`
	Preflight   *Preflight     `json:"preflight,omitempty"`
	Budgets     BudgetCounts   `json:"budgets"`
	Scenarios   []string       `json:"scenarios"` // that rehearse it
	LiveRuns    int            `json:"live_runs"`
	LastLive    *Evidence      `json:"last_live,omitempty"`
	Notes       []string       `json:"notes"`
}

// Rehearsal is one rehearsal of a runbook.
type Rehearsal struct {
	Incident string       `json:"incident"`
	Scenario string       `json:"scenario"`
	Digest   string       `json:"runbook_digest"`
	At       engine.Stamp `json:"at"` // its end, outside
	Days     int          `json:"age_days"`
	Result   Result       `json:"result"`
	Reasons  []string     `json:"reasons"`
	Scripted bool         `json:"scripted,omitempty"`
	Parts    bool         `json:"parts,omitempty"` // one terminal played its people
	Evidence Evidence     `json:"evidence"`
}

// Make works the ledger out.
func Make(in Input) *Ledger {
	m := in.maker()
	l := &Ledger{Schema: "firebreak/readiness/v1", At: engine.At(in.Now), MaxAge: days(m.Policy.MaxAge), Rows: []*Row{}, Left: append([]LeftOut{}, in.Left...), Notes: []string{}}
	for _, p := range m.Programs {
		l.Rows = append(l.Rows, m.row(p))
	}
	for _, what := range in.Unread {
		l.Notes = append(l.Notes, "not looked at: "+what)
	}
	if in.People == nil {
		l.Notes = append(l.Notes, "there is no directory, so nobody can tell whether approvals can be given and owners are there")
	}
	return l
}

// Failing lists the rows that are in one of the states, and what is left out when
// blocked is one of them.
func (l *Ledger) Failing(states []State) []string {
	var list []string
	for _, r := range l.Rows {
		if slices.ContainsFunc(r.States, func(s State) bool { return slices.Contains(states, s) }) {
			list = append(list, r.Runbook)
		}
	}
	if slices.Contains(states, Blocked) {
		for _, f := range l.Left {
			list = add(list, f.File)
		}
	}
	return list
}

// Only drops every row but those of the runbooks that are named. The error says
// which name is none.
func (l *Ledger) Only(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	var known []string
	for _, r := range l.Rows {
		known = append(known, r.Runbook)
	}
	for _, id := range ids {
		if !slices.Contains(known, id) {
			text := fmt.Sprintf("there is no runbook %q; known: %s", id, cmp.Or(strings.Join(known, ", "), "none"))
			for _, f := range l.Left {
				text += fmt.Sprintf("; %s does not compile", f.File)
			}
			return errors.New(text)
		}
	}
	l.Rows = slices.DeleteFunc(l.Rows, func(r *Row) bool { return !slices.Contains(ids, r.Runbook) })
	l.Left = []LeftOut{}
	return nil
}

// maker is an input in order, and what is worked out once for all rows.
type maker struct {
	Input
	cache *comparisons
}

func (in Input) maker() *maker {
	m := &maker{Input: in, cache: &comparisons{known: map[[2]string][]diff.Change{}}}
	m.Policy = in.Policy.filled()
	m.Programs = slices.SortedStableFunc(slices.Values(in.Programs), func(a, b *runbooks.Program) int { return cmp.Compare(a.ID, b.ID) })
	order := func(list []*Case) []*Case {
		return slices.SortedStableFunc(slices.Values(list), func(a, b *Case) int {
			return cmp.Or(a.ended().Compare(b.ended()), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID))
		})
	}
	m.Drills, m.Incidents = order(in.Drills), order(in.Incidents)
	return m
}

// ended is when a case was over, outside; of one that is not, when it began.
func (c *Case) ended() time.Time {
	switch {
	case c.Drill != nil && !c.Drill.Ended.IsZero():
		return c.Drill.Ended
	case c.Drill != nil:
		return c.Drill.Began
	case !c.Resolved.IsZero():
		return c.Resolved
	}
	return c.Declared
}

// rehearsals lists the rehearsals of a runbook that count, the last one last.
func (m *maker) rehearsals(runbook string) []*Case {
	var list []*Case
	for _, c := range m.Drills {
		if c.Drill != nil && c.Drill.Runbook == runbook && m.without(c) == "" {
			list = append(list, c)
		}
	}
	return list
}

// What keeps a rehearsal from counting, in the words after "rehearsals of it".
const (
	unfinished = "did not come to their end"
	cutShort   = "were cut short"
	byScript   = "were played only by their script"
	byNobody   = "had nobody in them but facilitators"
	notRun     = "ended without a run of it"
)

// without says why a rehearsal does not count; "": it does.
func (m *maker) without(c *Case) string {
	d := c.Drill
	switch {
	case d.Result == Aborted:
		return cutShort
	case !d.Result.Counts():
		return unfinished
	case d.Scripted && !m.Policy.CountScripted:
		return byScript
	case !d.Scripted && len(c.players()) == 0:
		return byNobody
	case d.Result != Failed && len(c.runs(d.Runbook)) == 0:
		return notRun
	}
	return ""
}

func (m *maker) rehearsal(c *Case) *Rehearsal {
	d := c.Drill
	return &Rehearsal{
		Incident: c.ID, Scenario: d.Scenario, Digest: d.RunbookDigest, At: engine.At(d.Ended), Days: days(m.Now.Sub(d.Ended)), Result: d.Result,
		Reasons: append([]string{}, d.Reasons...), Scripted: d.Scripted, Parts: d.Parts && !d.Scripted, Evidence: c.at(d.Seq),
	}
}

// days is a duration in whole days; what is yet to come is no day old.
func days(d time.Duration) int { return max(int(d/(24*time.Hour)), 0) }
