package score

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// ErrEmpty says that there are no facts to look at.
var ErrEmpty = errors.New("there are no facts to look at; check the name of the incident")

// Score works out everything that the facts of one incident show. They are read
// once, in order. Errors: [ErrEmpty], the first error of events, a fact that
// does not follow from those before it, and a pinned scenario that cannot be read.
func Score(events iter.Seq2[engine.Event, error], o Options) (*Result, error) {
	f := newFold(o)
	for e, err := range events {
		if err != nil {
			return nil, err
		}
		if err := f.take(e); err != nil {
			return nil, err
		}
	}
	if f.r.Facts == 0 {
		return nil, ErrEmpty
	}
	return f.finish(), nil
}

// fold is what is remembered between facts. Maps are for look-up only.
type fold struct {
	o     Options
	r     *Result
	inc   *engine.Incident
	audit *engine.Audit
	meter rehearsal.Meter

	start   Moment
	now     Moment // of the fact being read
	at      time.Time
	run     time.Duration // exercise time so far
	wall    time.Duration // for people
	metered time.Duration // what the meter said last
	held    bool
	over    bool // the play has ended, or the incident is resolved
	end     Moment
	atEnd   map[string]any // what conditions read then

	scenario     *runbooks.Scenario
	conditions   *runbooks.Conditions
	unreadable   string // why the conditions cannot be read
	facilitators map[string]bool
	rated        map[string]rating
	extra        []string // injects that are not in the scenario
	correctiveAt []int64

	runs    []*run
	byRun   map[string]*run
	class   map[*engine.Step]class
	rows    map[*engine.Step]*row
	asked   map[string]*Approval
	order   []*Approval
	reviews []review
	// brokenAt is when each glass was broken, in the order of the incident's.
	brokenAt []Moment

	injects map[string]*Inject
	pending []*expecting
	clocks  []*clock
	wronged map[string]bool
	people  map[string]*person
	met     []*person
	silence silence
	figures figures
}

func newFold(o Options) *fold {
	f := &fold{
		o: o, inc: engine.NewIncident(), audit: engine.NewAudit(), r: &Result{},
		facilitators: map[string]bool{}, rated: map[string]rating{}, byRun: map[string]*run{}, class: map[*engine.Step]class{}, rows: map[*engine.Step]*row{},
		asked: map[string]*Approval{}, injects: map[string]*Inject{}, wronged: map[string]bool{}, people: map[string]*person{},
	}
	read := o.ReadProgram
	if read == nil {
		read = runbooks.DecodeProgram
	}
	read = once(read)
	f.inc.ReadPrograms(read)
	f.audit.ReadPrograms(read)
	return f
}

// once reads each program once, although the core and the audit both ask for it.
func once(read func([]byte) (*runbooks.Program, error)) func([]byte) (*runbooks.Program, error) {
	known := map[string]*runbooks.Program{}
	return func(data []byte) (*runbooks.Program, error) {
		if p := known[string(data)]; p != nil {
			return p, nil
		}
		p, err := read(data)
		if err == nil {
			known[string(data)] = p
		}
		return p, err
	}
}

// take reads the next fact.
func (f *fold) take(e engine.Event) error {
	if err := f.inc.Apply(e); err != nil {
		return fmt.Errorf("%s at journal place %d does not follow from the record: %w", e.Kind(), e.Seq, err)
	}
	f.tick(e)
	if f.r.Facts == 0 {
		f.r.First, f.start, f.silence.last = e.Seq, f.now, f.now
	}
	f.r.Facts++
	f.r.Last = e.Seq
	for _, w := range f.audit.Take(e) {
		f.r.Audit = append(f.r.Audit, Finding{e.Seq, w})
	}
	if err := f.takeDrill(e); err != nil {
		return err
	}
	f.takeRun(e)
	f.takeStep(e)
	f.takeApproval(e)
	f.takeGlass(e)
	f.takeFigures(e)
	f.takeWrong(e)
	f.takeTold(e)
	f.takePerson(e)
	f.takeExpected(e)
	f.watch()
	switch e.Body.(type) {
	case engine.Resolved:
		if f.inc.Drill == nil {
			f.close()
		}
	case engine.DrillEnded:
		f.close()
	}
	return nil
}

// tick moves both clocks on to a fact. Time in which the exercise is held does
// not pass, whatever the journal's own clock does meanwhile.
func (f *fold) tick(e engine.Event) {
	if f.r.Facts > 0 {
		gone, walled := e.At.Sub(f.at), f.meter.Wall(e.At)
		if !f.held {
			f.run += gone
			f.wall += walled - f.metered
		}
		f.metered = walled
	}
	f.at = e.At
	f.meter.Take(e, f.inc)
	f.held = f.inc.Drill != nil && f.inc.Drill.Held
	f.now = Moment{Seq: e.Seq, At: engine.At(e.At), MS: f.run.Milliseconds(), WallMS: f.wall.Milliseconds()}
}

// close stops the watches: what comes after is about the record, not of it.
func (f *fold) close() {
	f.over, f.end = true, f.now
	if f.scenario != nil {
		f.atEnd = f.env()
	}
	for _, r := range f.runs {
		r.stop(f.now)
	}
}

// finish works out what only the whole record shows.
func (f *fold) finish() *Result {
	r, i := f.r, f.inc
	r.ID, r.Title, r.Severity, r.Exercise = i.ID, i.Title, i.Severity, i.Drill != nil
	r.DeclaredAt = engine.At(i.DeclaredAt)
	if !f.over {
		f.end = f.now
		for _, run := range f.runs {
			run.stop(f.now)
		}
	} else {
		r.EndedAt = f.end.At
	}
	r.Length = f.end.since(f.start)
	r.Held = f.meter.Held().Milliseconds()
	for _, a := range f.order {
		r.Asked = append(r.Asked, *a)
	}
	f.finishGlasses()
	f.finishRuns()
	f.finishExpected()
	f.finishPeople()
	f.finishMetrics()
	f.finishObjectives()
	f.finishOutcome()
	for _, list := range []interface{ fill() }{
		fill[string]{&r.Why}, fill[Run]{&r.Runs}, fill[Step]{&r.Steps}, fill[string]{&r.Cover.Missing}, fill[Approval]{&r.Asked}, fill[Glass]{&r.Glasses}, fill[WrongDecision]{&r.Wrong},
		fill[Expectation]{&r.Expect}, fill[Clock]{&r.Clocks}, fill[Objective]{&r.Aims}, fill[Hint]{&r.Hints}, fill[Observation]{&r.Judged},
		fill[SetOutcome]{&r.Set}, fill[Participant]{&r.People}, fill[Feedback]{&r.Wash}, fill[Corrective]{&r.Correct}, fill[RefusedRequest]{&r.Refused}, fill[Finding]{&r.Audit},
	} {
		list.fill()
	}
	return r
}

// fill makes a list that is never null in JSON.
type fill[T any] struct{ list *[]T }

func (l fill[T]) fill() {
	if *l.list == nil {
		*l.list = []T{}
	}
}
