package score

import (
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// expecting is an expectation that an inject has begun.
type expecting struct {
	of   *runbooks.Expectation
	from Moment
	out  Expectation
	done bool
}

// clock is a duty to notify.
type clock struct {
	of  *runbooks.NotificationClock
	out Clock
}

func newClock(c *runbooks.NotificationClock, start Moment) *clock {
	out := Clock{ID: c.ID, Text: c.Text, State: NotBegun, Within: time.Duration(c.Within).Milliseconds()}
	k := &clock{c, out}
	if c.From == "" {
		k.begin(start)
	}
	return k
}

func (c *clock) begin(now Moment) {
	c.out.From, c.out.Deadline, c.out.State = &now, now.MS+c.out.Within, NotDue
}

// takeExpected looks what the latest fact means for what is expected.
func (f *fold) takeExpected(e engine.Event) {
	if f.scenario == nil {
		return
	}
	if b, ok := e.Body.(engine.ExpectationJudged); ok {
		f.judge(e, b)
		return
	}
	if f.over {
		return
	}
	f.react(e)
	if b, ok := e.Body.(engine.InjectDelivered); ok {
		f.expect(b.ID)
	}
	f.lookAt()
}

// expect begins what an inject expects.
func (f *fold) expect(id string) {
	for i := range f.scenario.Injects {
		in := &f.scenario.Injects[i]
		if in.ID != id {
			continue
		}
		for n := range in.Expect {
			x := f.expectation(in, n)
			from := f.now
			x.out.From, x.out.Deadline = &from, from.MS+x.out.Within
			x.from = from
			f.pending = append(f.pending, x)
		}
	}
	for _, c := range f.clocks {
		if c.of.From == id && c.out.From == nil {
			c.begin(f.now)
		}
	}
}

func (f *fold) expectation(in *runbooks.Inject, n int) *expecting {
	of := &in.Expect[n]
	return &expecting{of: of, out: Expectation{
		Inject: in.ID, N: n + 1, Text: of.Text, Found: NotBegun, Within: time.Duration(of.Within).Milliseconds(), Points: of.Points, Who: append([]string(nil), of.By...),
	}}
}

// react compares what a player did with what is expected, and with the duties
// to notify. Only what comes after the inject is a reaction to it.
func (f *fold) react(e engine.Event) {
	a, ok := actOf(e)
	if !ok || !f.player(e.Actor) {
		return
	}
	note := ""
	if b, ok := e.Body.(engine.Noted); ok {
		note = strings.ToLower(b.Text)
	}
	for _, x := range f.pending {
		if x.done || !f.among(e.Actor, x.of.By) {
			continue
		}
		if a.is(x.of.Verb, x.of.Target) || note != "" && x.of.Note != "" && strings.Contains(note, strings.ToLower(x.of.Note)) {
			x.meet(f.now, e.Actor.ID)
		}
	}
	for _, c := range f.clocks {
		if c.out.Met == nil && c.out.From != nil && note != "" && strings.Contains(note, strings.ToLower(c.of.Note)) {
			now, took := f.now, f.now.since(*c.out.From)
			c.out.Met, c.out.Took, c.out.By, c.out.State = &now, &took, e.Actor.ID, Met
			if now.MS > c.out.Deadline {
				c.out.State = Late
			}
		}
	}
}

// lookAt looks at the state of the incident: at steps that were to end, and at
// conditions. What is so already when the inject comes is met at once.
func (f *fold) lookAt() {
	var env map[string]any
	for _, x := range f.pending {
		switch {
		case x.done:
		case x.of.Step != "":
			if run, ok := f.inc.Run(""); ok {
				if s, ok := run.Step(x.of.Step); ok && s.Status == wanted(x.of.Status) {
					x.meet(f.now, "")
				}
			}
		case x.of.When != "" && f.conditions != nil:
			if env == nil {
				env = f.env()
			}
			if yes, _, err := f.conditions.Holds(x.of.When, env); err == nil && yes { // without a value it is not so yet
				x.meet(f.now, "")
			}
		}
	}
}

func wanted(status string) engine.StepStatus {
	if status == "" {
		return engine.StepDone
	}
	return engine.StepStatus(status)
}

func (x *expecting) meet(now Moment, by string) {
	took := now.since(x.from)
	x.done, x.out.Met, x.out.By, x.out.Took, x.out.Found = true, &now, by, &took, Met
	if now.MS > x.out.Deadline {
		x.out.Found = Late
	}
}

// judge takes the facilitator's word; the last one counts.
func (f *fold) judge(e engine.Event, b engine.ExpectationJudged) {
	for _, x := range f.pending {
		if x.out.Inject == b.Inject && x.out.N == b.N {
			x.out.Judged = &Judgement{Met: b.Met, Why: b.Why, By: named(e.Actor), Seq: e.Seq}
		}
	}
}

// finishExpected says what became of everything that was expected, in the order
// of the scenario.
func (f *fold) finishExpected() {
	if f.scenario == nil {
		return
	}
	for i := range f.scenario.Injects {
		in := &f.scenario.Injects[i]
		f.r.Drill.Injects = append(f.r.Drill.Injects, *f.injects[in.ID])
		for n := range in.Expect {
			x := f.expectation(in, n)
			for _, begun := range f.pending {
				if begun.out.Inject == in.ID && begun.out.N == n+1 {
					x = begun
				}
			}
			f.settle(x)
			f.r.Expect = append(f.r.Expect, x.out)
		}
	}
	for _, id := range f.extra {
		f.r.Drill.Injects = append(f.r.Drill.Injects, *f.injects[id])
	}
	for _, c := range f.clocks {
		if c.out.State == NotDue && (f.end.MS > c.out.Deadline || f.r.Drill.Ended == string(engine.EndResolved)) {
			c.out.State = Missed
		}
		f.r.Clocks = append(f.r.Clocks, c.out)
	}
}

// settle decides what became of an expectation: the facilitator's word when
// there is one, else what the record shows.
func (f *fold) settle(x *expecting) {
	o := &x.out
	switch {
	case o.From == nil || o.Met != nil:
	case x.of.Hand:
		o.Found = NotJudged
	case f.end.MS > o.Deadline || f.playedOut():
		o.Found = Missed
	default:
		o.Found = NotDue
	}
	o.State = o.Found
	if j := o.Judged; j != nil {
		o.State = Missed
		if j.Met {
			o.State = Met
		}
		o.Conflict = !x.of.Hand && (o.State == Met) != (o.Found == Met)
	}
	if o.State == Met {
		o.Earned = o.Points
	}
}

// playedOut says whether the play came to an end of its own, after which what
// has not come can be called missed before its deadline.
func (f *fold) playedOut() bool {
	switch engine.EndReason(f.r.Drill.Ended) {
	case engine.EndCondition, engine.EndTime, engine.EndResolved:
		return true
	}
	return false
}
