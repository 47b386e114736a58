package timeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// The most that is drawn; what is more is gathered and counted.
const (
	maxStepLanes   = 60
	maxPeopleLanes = 12
	maxKept        = 2000 // lanes while reading
	maxBars        = 150  // of one lane
	maxKeyMarks    = 200
)

// chart is the drawing before it is drawn.
type chart struct {
	scale
	record   *Record
	zone     *time.Location
	keys     []mark
	injects  *lane
	people   []*lane
	steps    []*lane
	silences []gap
	loops    map[string]bool  // run/step of the steps that are repeated
	byKey    map[string]*lane // of steps by run/step, of the heads of runs by run
	byPerson map[string]*lane
	live     map[string]*state // by run/step, of steps that have not ended
	more     *lane             // what no lane was left for
}

// lane is one line of the drawing.
type lane struct {
	run, id  string
	label    string
	sub      string
	status   string
	look     look
	weight   int // how much it needs to be seen
	bars     []bar
	marks    []mark
	crowded  bool // many steps share it: only what is covered is kept
	covered  map[look]*[plotWidth]bool
	parts    int
	unshown  int
	isRun    bool
	statusOf map[string]int // of a lane that gathers others
}

// look is the class of a bar, of a mark or of a status.
type look string

// The looks, from the back to the front.
const (
	lookAsk   look = "ask"  // people were asked
	lookHand  look = "hand" // a person does it
	lookWait  look = "wait" // time passes
	lookHeld  look = "held" // it waits for a decision
	lookRead  look = "read" // an attempt, by its effect
	lookRev   look = "rev"
	lookDes   look = "des"
	lookFail  look = "fail" // an attempt that failed
	lookDoubt look = "doubt"
	lookProof look = "proof" // reading back
	lookNo    look = "no"    // read back, and not as it should be
	lookGone  look = "gone"  // skipped, cancelled
	lookNote  look = "note"
	lookYes   look = "yes"
	lookDid   look = "did"
	lookKey   look = "key"
	lookTold  look = "told"  // an inject
	lookGlass look = "glass" // a quorum was passed over
)

var lookOrder = []look{lookWait, lookAsk, lookHand, lookHeld, lookRead, lookRev, lookDes, lookFail, lookDoubt, lookProof, lookNo}

type bar struct {
	x0, x1 int
	look   look
	words  string
}

type mark struct {
	x, n  int
	look  look
	text  string // shown beside it, when there is room
	words string
}

// state is what of a step goes on.
type state struct {
	ask, attempt, doubt, held, hand, wait, done time.Time
	effect                                      look
}

// newChart reads the rows twice: for the time, and for what happened.
func (r *Record) newChart(o Options) (*chart, error) {
	c := &chart{record: r, zone: o.Zone, loops: map[string]bool{}, byKey: map[string]*lane{}, byPerson: map[string]*lane{}, live: map[string]*state{}}
	if c.zone == time.UTC {
		c.zone = nil
	}
	for _, g := range r.Groups {
		if g.Kind != GroupRunbook {
			c.loops[g.Run+"/"+g.Step] = true
		}
	}
	o.Progress = nil
	if err := c.measure(o); err != nil {
		return nil, err
	}
	for row, err := range r.rows(o) {
		if err != nil {
			return nil, err
		}
		if row.Hidden == nil && !r.secret(&row) {
			c.take(&row)
		}
	}
	c.finish()
	return c, nil
}

// measure finds the time that the drawing spans, from the earliest key time on.
func (c *chart) measure(o Options) error {
	var early []time.Time
	for _, k := range c.record.KeyTimes {
		if !k.At.IsZero() && k.At.Before(c.record.Incident.DeclaredAt.Time) {
			early = append(early, k.At.Time)
		}
	}
	slices.SortFunc(early, time.Time.Compare)
	for _, at := range early {
		c.note(at)
	}
	for row, err := range c.record.rows(o) {
		switch {
		case err != nil:
			return err
		case row.Derived:
			c.silences = append(c.silences, gap{row.At.Time, row.At.Add(time.Duration(row.Millis) * time.Millisecond)})
		case !row.Minor:
			c.note(row.At.Time)
		}
	}
	c.fit()
	return nil
}

// root is the step whose lane shows a step: a loop shows all its items.
func (c *chart) root(run, step string) string {
	origin, _, undo := strings.Cut(step, undoMark)
	for at := 0; at < len(origin); at++ {
		if origin[at] != '.' || !c.loops[run+"/"+origin[:at]] {
			continue
		}
		if undo && c.loops[run+"/"+origin[:at]+undoMark] {
			return origin[:at] + undoMark
		}
		return origin[:at]
	}
	return step
}

// lane finds or begins the lane of a step.
func (c *chart) lane(run, step string) *lane {
	root := c.root(run, step)
	key := run + "/" + root
	if l := c.byKey[key]; l != nil {
		return l
	}
	if len(c.steps) >= maxKept {
		if c.more == nil {
			c.more = newCrowd()
		}
		c.more.parts++
		c.byKey[key] = c.more
		return c.more
	}
	l := &lane{run: run, id: root, label: root}
	if origin, rest, undo := strings.Cut(root, undoMark); undo {
		l.label = "undo of " + origin
		if rest != "" {
			l.label += ", " + rest
		}
	}
	if c.loops[key] {
		l.crowded, l.covered = true, map[look]*[plotWidth]bool{}
	}
	c.byKey[key] = l
	c.steps = append(c.steps, l)
	return l
}

func newCrowd() *lane {
	return &lane{crowded: true, covered: map[look]*[plotWidth]bool{}, statusOf: map[string]int{}}
}

// bar draws a stretch of time in a lane.
func (c *chart) bar(l *lane, from, to time.Time, k look, words string) {
	if from.IsZero() {
		return
	}
	x0, x1 := c.x(from), c.x(to)
	if l.crowded {
		l.cover(k, x0, x1)
		return
	}
	if len(l.bars) >= maxBars {
		l.unshown++
		return
	}
	l.bars = append(l.bars, bar{x0, max(x1, x0+3), k, words})
}

func (l *lane) cover(k look, x0, x1 int) {
	if l.covered[k] == nil {
		l.covered[k] = new([plotWidth]bool)
	}
	for x := max(x0-plotLeft, 0); x <= min(max(x1, x0+2)-plotLeft, plotWidth-1); x++ {
		l.covered[k][x] = true
	}
}

// point draws a moment in a lane; moments at one place are counted together.
func (c *chart) point(l *lane, at time.Time, k look, text, words string) {
	x := c.x(at)
	if n := len(l.marks); n > 0 && x-l.marks[n-1].x < 13 {
		m := &l.marks[n-1]
		if m.n++; m.n <= 5 {
			m.words += "\n" + words
		}
		switch {
		case m.look == lookGlass || k == lookGlass: // never covered by what is beside it
			m.look = lookGlass
		case m.look != k:
			m.look = lookDid
		}
		m.text = ""
		return
	}
	l.marks = append(l.marks, mark{x, 1, k, text, words})
}

// take draws what a row tells.
func (c *chart) take(r *Row) {
	if r.Derived {
		return
	}
	c.takePerson(r)
	switch {
	case r.Kind == Inject && (r.Type == string(engine.InjectDelivered{}.Kind()) || r.Type == string(engine.HintGiven{}.Kind())):
		if c.injects == nil {
			c.injects = &lane{label: "Injects", sub: "what players were told"}
		}
		c.point(c.injects, r.At.Time, lookTold, r.Details["inject"], timed(r)+r.Words())
	case r.Type == string(engine.RunStarted{}.Kind()):
		if len(c.steps) < maxKept {
			l := &lane{run: r.Run, label: r.Run + "  " + r.Details["runbook"], isRun: true}
			c.byKey[r.Run] = l
			c.steps = append(c.steps, l)
		}
	}
	if r.Step != "" {
		c.takeStep(r)
	}
}

// timed is the time of a row before its words.
func timed(r *Row) string { return r.At.UTC().Format(time.TimeOnly) + "  " }

// takePerson draws what a person did, in the person's lane.
func (c *chart) takePerson(r *Row) {
	if r.Actor.Type == "" || r.Actor.Type == string(engine.System) {
		return
	}
	who := r.Actor.Who()
	l := c.byPerson[who]
	if l == nil {
		if len(c.people) >= maxKept {
			return
		}
		l = &lane{id: who, label: who, sub: r.Actor.Name}
		c.byPerson[who] = l
		c.people = append(c.people, l)
	}
	l.weight++
	k, text := lookDid, ""
	switch {
	case r.Outcome == outcomeBroken:
		k = lookGlass
		l.weight += maxKept // is drawn, however many people there are
	case r.Outcome == "approved":
		k = lookYes
	case r.Outcome == "denied":
		k = lookNo
	case r.Outcome == "refused":
		k = lookGone
	case r.Kind == Note:
		k = lookNote
	}
	c.point(l, r.At.Time, k, text, timed(r)+r.Words())
}

// finish closes what goes on, names what the lanes show, and gathers what is too much.
func (c *chart) finish() {
	for _, key := range sortedKeys(c.live) {
		s, l := c.live[key], c.byKey[c.rootKey(key)]
		if l == nil {
			continue
		}
		for _, b := range []struct {
			from time.Time
			look look
			text string
		}{
			{s.wait, lookWait, "time passes"}, {s.ask, lookAsk, "waits for people"}, {s.hand, lookHand, "a person does it"}, {s.held, lookHeld, "waits for a decision"},
			{s.attempt, s.effect, "in flight"}, {s.doubt, lookDoubt, "IN DOUBT"},
		} {
			if b.from.IsZero() {
				continue
			}
			c.bar(l, b.from, c.end, b.look, b.text+", when this was written")
			if !l.crowded {
				l.status, l.look = b.text, b.look
			}
			l.weight = 4
		}
	}
	for _, g := range c.record.Groups {
		l := c.byKey[g.Run+"/"+g.Step]
		if l == nil || !c.loops[g.Run+"/"+g.Step] || l == c.more {
			continue
		}
		l.label += fmt.Sprintf(" ×%d", g.Items)
		l.status, l.look = fmt.Sprintf("%d of %d", g.Done, g.Items), lookProof
		if g.Failed > 0 {
			l.status, l.look, l.weight = fmt.Sprintf("%d of %d failed", g.Failed, g.Items), lookFail, 4
		}
	}
	for _, a := range c.record.Actions {
		if l := c.byKey[a.Run+"/"+a.Step]; l != nil && !l.crowded && l.look == lookProof && a.Verified == string(actions.Verified) {
			l.status = "done, proven"
		}
	}
	for _, r := range c.record.Runs {
		if l := c.byKey[r.Run]; l != nil && l.isRun {
			l.status = r.Status
			l.look = map[string]look{string(engine.RunDone): lookProof, string(engine.RunActive): lookAsk, string(engine.RunCancelled): lookGone}[r.Status]
			if l.look == "" {
				l.look = lookFail
			}
		}
	}
	for _, k := range c.record.KeyTimes {
		if !k.At.IsZero() && len(c.keys) < maxKeyMarks {
			c.keys = append(c.keys, mark{c.x(k.At.Time), 1, lookKey, k.Name, stamp(k.At) + "  " + k.Name + because(k.Text)})
		}
	}
	slices.SortStableFunc(c.keys, func(a, b mark) int { return a.x - b.x })
	c.people = fewer(c.people, maxPeopleLanes, "person", "people")
	c.steps = c.gatherSteps()
}

// rootKey is the lane's key of a step's.
func (c *chart) rootKey(key string) string {
	run, step, _ := strings.Cut(key, "/")
	return run + "/" + c.root(run, step)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
