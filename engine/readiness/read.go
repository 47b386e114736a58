package readiness

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
	"github.com/firebreak-ir/firebreak/engine/timeline"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// ReadOptions are what the reading of a case may use.
type ReadOptions struct {
	// Programs reads pinned programs; nil: [runbooks.DecodeProgram]. With
	// [Programs] equal ones are kept once.
	Programs func(encoded []byte) (*runbooks.Program, error)
	Now      time.Time // of somebody who looks; an open incident is judged by it
}

// Programs reads pinned programs, each different one once.
func Programs() func(encoded []byte) (*runbooks.Program, error) {
	kept := map[[32]byte]*runbooks.Program{}
	return func(encoded []byte) (*runbooks.Program, error) {
		key := sha256.Sum256(encoded)
		if p := kept[key]; p != nil {
			return p, nil
		}
		p, err := runbooks.DecodeProgram(encoded)
		if err == nil {
			kept[key] = p
		}
		return p, err
	}
}

// Read works out the case of one incident. It reads the facts more than once and
// keeps none. Errors: [timeline.ErrEmpty], the first error of source, and facts
// that do not follow each other.
func Read(source timeline.Source, o ReadOptions) (*Case, error) {
	if o.Programs == nil {
		o.Programs = runbooks.DecodeProgram
	}
	r := &reader{c: &Case{}, inc: engine.NewIncident(), programs: o.Programs, steps: map[string]*Step{}, asks: map[string]int{}, glasses: map[string]int64{}, people: map[string]*Member{}, holds: map[string]int64{}}
	r.inc.ReadPrograms(o.Programs)
	n := 0
	for e, err := range source() {
		if err != nil {
			return nil, err
		}
		if err := r.take(e, n); err != nil {
			return nil, err
		}
		n++
	}
	if n == 0 {
		return nil, timeline.ErrEmpty
	}
	r.finish()
	if err := r.budgets(source); err != nil {
		return nil, err
	}
	result, err := score.Score(source(), score.Options{Now: o.Now, ReadProgram: o.Programs})
	if err != nil {
		return nil, err
	}
	r.c.judge(result)
	return r.c, nil
}

// ReadStore works out what belongs to no incident: the requests that were
// refused before anybody knew of one.
func ReadStore(source timeline.Source) (*Case, error) {
	c := &Case{ID: StoreID}
	for e, err := range source() {
		if err != nil {
			return nil, err
		}
		if b, ok := e.Body.(engine.Refused); ok {
			c.Refused = append(c.Refused, Refused{string(b.Code), b.Verb, who(e.Actor), e.At, e.Seq})
			c.Declared = e.At
		}
	}
	return c, nil
}

// reader folds the facts of one incident.
type reader struct {
	c        *Case
	inc      *engine.Incident
	programs func([]byte) (*runbooks.Program, error)
	steps    map[string]*Step // by run and path
	asks     map[string]int   // place in Approvals, by id
	glasses  map[string]int64 // place of the breaking by approval, of the answer by review
	people   map[string]*Member
	holds    map[string]int64 // place of the latest decision, by run and step
}

func (r *reader) take(e engine.Event, n int) error {
	if err := r.inc.Apply(e); err != nil {
		return fmt.Errorf("fact %d of %s does not follow: %w", n, cmp.Or(r.inc.ID, "the incident"), err)
	}
	if e.Actor.Type == engine.Person && e.Actor.ID != "" {
		m := r.people[e.Actor.ID]
		if m == nil {
			m = &Member{ID: e.Actor.ID, Part: rehearsal.IsPart(e.Actor), Seq: e.Seq}
			r.people[e.Actor.ID] = m
		}
		m.Groups = once(append(m.Groups, e.Actor.Groups...))
	}
	c := r.c
	switch b := e.Body.(type) {
	case engine.Declared:
		c.ID, c.Private, c.Declared, c.Seq, c.Exercise = b.ID, b.Private, e.At, e.Seq, engine.IsExercise(b.ID)
	case engine.Refused:
		c.Refused = append(c.Refused, Refused{string(b.Code), b.Verb, who(e.Actor), e.At, e.Seq})
	case engine.DrillStarted:
		c.Drill = &Drill{
			Scenario: b.Scenario, Title: b.Title, Digest: b.Digest, Runbook: b.Runbook, RunbookDigest: b.RunbookDigest, Scripted: b.Scripted, Facilitators: b.Facilitators,
			Began: outside(b.Wall, e.At), Seq: e.Seq,
		}
	case engine.DrillEnded:
		if c.Drill != nil {
			c.Drill.Ended, c.Drill.Why, c.Drill.Seq = outside(b.Wall, e.At), string(b.Why), e.Seq
			if c.Drill.Scripted {
				c.Drill.Ended = c.Drill.Began // its time is made up
			}
		}
	case engine.CorrectiveAdded:
		c.Correctives = append(c.Correctives, Corrective{ID: b.ID, Text: b.Text, Owner: b.Owner, Due: b.Due, Seq: e.Seq})
	case engine.CorrectiveClosed:
		for i := range c.Correctives {
			if c.Correctives[i].ID == b.ID {
				c.Correctives[i].Closed = true
			}
		}
	case engine.RunStarted:
		p, err := r.programs(b.Program.Value)
		if err != nil {
			return fmt.Errorf("the program of run %s: %w", e.Run, err)
		}
		c.Runs = append(c.Runs, &Run{ID: e.Run, Runbook: b.Runbook, Digest: b.Digest, Program: p, Environment: b.Environment.Name, By: who(e.Actor), Started: e.At, Seq: e.Seq})
	default:
		if e.Step != "" {
			r.step(e)
		}
	}
	return nil
}

// outside is the time outside of an exercise, where it was written down.
func outside(wall engine.Stamp, at time.Time) time.Time {
	if !wall.IsZero() {
		return wall.Time
	}
	return at
}

// step takes in a fact about a step.
func (r *reader) step(e engine.Event) {
	run, ok := r.inc.Run(e.Run)
	if !ok || e.Run == "" {
		return
	}
	s, ok := run.Step(e.Step)
	if !ok {
		return
	}
	use := r.use(e.Run, s, e.Seq)
	switch b := e.Body.(type) {
	case engine.EffectIntent:
		use.Action, use.Version = b.Action, b.Version
		if b.Attempt > 1 {
			use.Retries = append(use.Retries, e.Seq)
		} else {
			use.Effects++
		}
	case engine.EffectOutcome:
		switch {
		case b.Failure == nil:
			use.Done++
		case b.Failure.Class != actions.Unknown || s.Def.Effect == actions.Read: // else a doubt follows
			use.Failures = append(use.Failures, e.Seq)
		}
	case engine.EffectInDoubt:
		use.Doubts = append(use.Doubts, e.Seq)
	case engine.EffectVerified:
		if b.Reading.Verdict == actions.Verified {
			use.Proven++
		}
	case engine.ApprovalRequested:
		r.asks[b.ID] = len(r.c.Approvals)
		r.c.Approvals = append(r.c.Approvals, Approval{
			Run: e.Run, Runbook: run.Program.ID, Step: use.Path, Asked: e.At, Verdict: string(engine.ApprovalOpen), From: b.From, Quorum: b.Quorum, Seq: e.Seq,
		})
	case engine.ApprovalEscalated:
		if i, ok := r.asks[b.ID]; ok {
			r.c.Approvals[i].From = slices.Concat(r.c.Approvals[i].From, b.To)
		}
	case engine.Vote:
		if i, ok := r.asks[b.Approval]; ok {
			r.c.Approvals[i].Votes = append(r.c.Approvals[i].Votes, Vote{e.Actor.ID, b.Approve, e.Seq})
		}
	case engine.ApprovalClosed:
		if i, ok := r.asks[b.ID]; ok {
			a := &r.c.Approvals[i]
			a.Closed, a.Verdict = e.At, string(b.Verdict)
		}
	case engine.GlassBroken:
		r.glasses[b.Approval] = e.Seq
		if i, ok := r.asks[b.Approval]; ok {
			r.c.Approvals[i].Broken = true
		}
	case engine.GlassReviewed:
		r.glasses[b.ID] = e.Seq
	case engine.ContainmentBegan, engine.ContainmentDue, engine.ContainmentExtended, engine.ContainmentKept:
		r.holds[e.Run+"/"+e.Step] = e.Seq
	}
}

// use finds the step of the program behind a step of the run.
func (r *reader) use(run string, s *engine.Step, seq int64) *Step {
	path := pathOf(s)
	use := r.steps[run+"/"+path]
	if use == nil {
		use = &Step{Path: path, Action: s.Def.Uses, Version: s.Def.ActionVersion, Seq: seq}
		r.steps[run+"/"+path] = use
		for _, one := range r.c.Runs {
			if one.ID == run {
				one.Steps = append(one.Steps, use)
			}
		}
	}
	return use
}

// pathOf names a step as the program does: without the numbers of items, and of
// an undo that of what it takes back.
func pathOf(s *engine.Step) string {
	switch p := s.Parent; {
	case s.Undoes != nil:
		return pathOf(s.Undoes) + "~undo"
	case p == nil:
		return s.ID
	case s.Index > 0 && s.ID == p.ID+"."+strconv.Itoa(s.Index):
		return pathOf(p)
	default:
		return pathOf(p) + "." + s.ID[strings.LastIndexByte(s.ID, '.')+1:]
	}
}

// finish draws from the end of the incident what only its end shows.
func (r *reader) finish() {
	c := r.c
	if r.inc.Resolved {
		c.Resolved = r.inc.ResolvedAt
	}
	for i, run := range r.inc.Runs {
		c.Runs[i].Status, c.Runs[i].Ended = string(run.Status), run.EndedAt
		for s := range run.All() {
			if s.Containment == nil {
				continue
			}
			h := Hold{
				Run: run.ID, Runbook: run.Program.ID, Step: s.ID, Since: s.EndedAt, Until: s.Containment.Until, State: InForce,
				By: s.Containment.By.ID, Why: s.Containment.Why, Times: s.Containment.Times, Seq: r.holds[run.ID+"/"+s.ID],
			}
			switch {
			case s.Undone() || !s.Containment.Kept && !s.InForce():
				h.State = Lifted
			case s.Containment.Kept:
				h.State = Kept
			case s.Containment.Due:
				h.State = Due
			}
			c.Holds = append(c.Holds, h)
		}
	}
	for _, g := range r.inc.Glasses {
		one := Glass{
			Run: g.Step.Run().ID, Runbook: g.Step.Run().Program.ID, Step: g.Step.ID, Path: pathOf(g.Step), By: g.By.ID, Reason: g.Broken.Reason,
			At: g.At, Due: g.Due, Seq: r.glasses[g.Approval.ID],
		}
		if g.Review != nil {
			one.Reviewer, one.Justified, one.Text, one.Reviewed, one.ReviewSeq = g.Reviewer.ID, g.Review.Justified, g.Review.Text, g.ReviewedAt, r.glasses[g.ID]
		}
		c.Glasses = append(c.Glasses, one)
	}
	for _, m := range r.people {
		c.People = append(c.People, *m)
		if c.Drill != nil && m.Part {
			c.Drill.Parts = true
		}
	}
	slices.SortFunc(c.People, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
}

// budgets takes the judgement of each run from the timeline.
func (r *reader) budgets(source timeline.Source) error {
	record, err := timeline.Open(source)
	if err != nil {
		return err
	}
	for i := range record.Runs {
		r.c.Runs[i].Budget = string(record.Runs[i].Budget)
	}
	return nil
}

// who names an actor.
func who(a engine.Actor) string {
	switch {
	case a.ID != "":
		return a.ID
	case a.Type == engine.System:
		return "firebreak"
	case a.Via != "":
		return "a stranger (" + a.Via + ")"
	}
	return "a stranger"
}

// once sorts a list and drops what stands in it twice.
func once(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
