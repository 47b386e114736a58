package timeline

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// fold is what has to be remembered between facts. Maps are for look-up only.
type fold struct {
	t         *Timeline
	emit      func(Row) bool // takes each row, in order; false: no more are wanted
	told      int64          // rows so far
	enough    bool
	first     int64  // journal place of the declaration
	last      moment // of the last fact that is not machinery
	runs      []*run
	byRun     map[string]*run
	approvals []*Approval
	byAsk     map[string]*Approval
	actions   []*Action
	groups    []*Group
	waited    []*Wait
	bounds    []*Containment
	glasses   []*Glass
	glassOf   map[string]*Glass // by the approval that was passed over
	byReview  map[string]*Glass
	people    []*person
	byPerson  map[string]*person
	alive     map[Warning]bool // those that are in the list
	firstAct  moment
	contained moment
	containAt *step
	observed  engine.Stamp // earliest observation of a note
	observing int64
	resolved  moment
	strange   []string // what of the record could not be read
	left      left     // what the summary does not keep
	overlay   overlay
}

// moment is a time that has come, or has not.
type moment struct {
	at   time.Time
	seq  int64
	came bool
}

type run struct {
	Run
	start     time.Time
	budget    time.Duration
	contained time.Time
	steps     []*step
	byID      map[string]*step
	program   outline
}

type step struct {
	id      string
	run     *run
	parent  *step  // of an item of a loop, or of a step of a runbook that is called
	group   *Group // of a step that has such steps
	wait    *Wait
	bound   *Containment
	effect  actions.Effect
	uses    string
	canUndo bool
	tells   bool
	noUndo  string
	backBy  *step // of a part of a step: the undo of the whole
	manual  bool
	asked   *Approval
	asks    int // how often it asked
	lastAsk int // place of its latest approval among those that are kept
	action  *Action
	targets []actions.Target
	digest  string // of the latest plan
	doubt   int    // the attempt whose outcome is not known; 0: none
	why     string
	flight  int // the attempt in flight; 0: none
	held    string
	ended   engine.StepStatus
	reason  string
	gone    *NotDone // it ended without its effect
}

type person struct {
	Participant
	verbs []string
	count map[string]int
}

func newFold(emit func(Row) bool) *fold {
	return &fold{
		t: &Timeline{}, emit: emit,
		byRun: map[string]*run{}, byAsk: map[string]*Approval{}, byPerson: map[string]*person{}, alive: map[Warning]bool{},
		glassOf: map[string]*Glass{}, byReview: map[string]*Glass{},
	}
}

// take folds one fact in and writes its row.
func (f *fold) take(e engine.Event) error {
	if _, ok := e.Body.(engine.Declared); !ok && f.told == 0 {
		return fmt.Errorf("the record begins with %s at %d, not with the declaration of an incident", e.Kind(), e.Seq)
	}
	waited := ""
	if f.last.came && e.At.Sub(f.last.at) >= Silence {
		waited = f.waits() // before this fact ends the wait
	}
	row := Row{Seq: e.Seq, At: engine.At(e.At), Type: string(e.Kind()), Actor: actorOf(e.Actor), Run: e.Run, Step: e.Step}
	if e.Hash != [32]byte{} {
		row.Hash, row.Prev = hex.EncodeToString(e.Hash[:]), hex.EncodeToString(e.Prev[:])
	}
	if !f.tell(&row, e) {
		return fmt.Errorf("the timeline has no words for %s at %d; use a newer firebreak", e.Kind(), e.Seq)
	}
	f.met(row.Actor)
	f.overlay.place(e.Seq)
	if !row.Minor {
		f.silence(row, waited)
		f.last = moment{e.At, e.Seq, true}
	}
	f.add(row)
	return nil
}

// add hands a row on.
func (f *fold) add(row Row) {
	if f.told == 0 {
		f.first = row.Seq
	}
	f.told++
	f.enough = f.enough || !f.emit(row)
}

// tell finds the words for a fact. Every kind of fact is in one of the lists.
func (f *fold) tell(row *Row, e engine.Event) bool {
	return f.tellIncident(row, e) || f.tellDrill(row, e) || f.tellAfter(row, e) || f.tellStep(row, e, f.step(e.Run, e.Step))
}

// silence adds a row when nothing was written for long while the incident was open.
func (f *fold) silence(next Row, waited string) {
	if !f.last.came || f.resolved.came && next.Type != string(engine.Resolved{}.Kind()) {
		return
	}
	gap := next.At.Sub(f.last.at)
	if gap < Silence {
		return
	}
	text := "nothing was written down for " + span(gap)
	if waited != "" {
		text += ", while firebreak waited for " + waited
	}
	f.add(Row{
		Seq: f.last.seq, At: engine.At(f.last.at), Derived: true, Kind: Machine, Type: SilenceType,
		Actor: Actor{Type: string(engine.System)}, Text: text, Millis: gap.Milliseconds(),
	})
}

// waits says whom or what the runs wait for at this moment.
func (f *fold) waits() string {
	var on []string
	for _, r := range f.runs {
		for _, s := range r.steps {
			switch {
			case s.asked != nil && s.asked.Verdict == string(engine.ApprovalOpen):
				on = append(on, "an approval of "+s.name())
			case s.held != "":
				on = append(on, "a decision on "+s.name())
			case s.manual:
				on = append(on, "a person to do "+s.name())
			case s.flight != 0:
				on = append(on, "the outcome of "+s.name())
			case s.wait != nil && s.wait.EndedAt.IsZero():
				on = append(on, "the time of "+s.name())
			}
		}
	}
	if len(on) > maxWaits {
		on = append(on[:maxWaits], fmt.Sprintf("%d more", len(on)-maxWaits))
	}
	return strings.Join(on, " and ")
}

// maxWaits is how many things a silence names that were waited for.
const maxWaits = 5

func (f *fold) step(runID, id string) *step {
	r := f.byRun[runID]
	if r == nil || id == "" {
		return nil
	}
	if s := r.byID[id]; s != nil {
		return s
	}
	s := &step{id: id, run: r}
	origin, undo := s.undoes()
	if d, ok := r.program.find(origin); ok {
		s.effect, s.uses, s.canUndo, s.tells = d.Effect, d.Uses, d.reversible() && !undo, d.Tells || d.Adds
	}
	s.adopt()
	r.byID[id] = s
	r.steps = append(r.steps, s)
	return s
}

const undoMark = "~undo"

// undoes is the id of the step that s takes back, or its own.
func (s *step) undoes() (origin string, undo bool) {
	origin, _, undo = strings.Cut(s.id, undoMark)
	return origin, undo
}

// name is the step in a sentence.
func (s *step) name() string {
	if origin, ok := s.undoes(); ok {
		return `the undo of step "` + origin + `"`
	}
	return `step "` + s.id + `"`
}

// mutates says whether the step changes an environment; a message to people
// contains nothing.
func (s *step) mutates() bool { return s.effect.AtLeast(actions.Reversible) && !s.tells }

// met counts a person among those who took part.
func (f *fold) met(a Actor) *person {
	if a.Type == string(engine.System) {
		return nil
	}
	key := a.Type + "\x00" + cmp.Or(a.ID, a.Via, a.Name)
	p := f.byPerson[key]
	if p == nil && len(f.people) >= maxPeople {
		f.left.people++
		return nil
	}
	if p == nil {
		p = &person{Participant: Participant{Type: a.Type, ID: a.ID, Via: []string{}}, count: map[string]int{}}
		f.byPerson[key] = p
		f.people = append(f.people, p)
	}
	p.Name = cmp.Or(a.Name, p.Name)
	if a.Via != "" && !slices.Contains(p.Via, a.Via) {
		p.Via = append(p.Via, a.Via)
	}
	return p
}

// did notes what a person did; the engine's own work is not counted.
func (f *fold) did(a Actor, what string) {
	p := f.met(a)
	if p == nil {
		return
	}
	if p.count[what] == 0 {
		p.verbs = append(p.verbs, what)
	}
	p.count[what]++
}

func (r *Row) detail(name, value string) {
	if value == "" {
		return
	}
	if r.Details == nil {
		r.Details = map[string]string{}
	}
	r.Details[name] = value
}
