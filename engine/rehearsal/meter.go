package rehearsal

import (
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// Pace is how many times faster than the wall the clock of an exercise runs as
// the incident stands: the pace that the facilitator chose while a run is going
// and nobody is asked anything, and 1 whenever people may have to think. It is
// 0 while the exercise is held, and once it is over.
func Pace(i *engine.Incident) int {
	d := i.Drill
	switch {
	case d == nil:
		return 1
	case d.Held || d.Ended:
		return 0
	}
	going := false
	for _, r := range i.Runs {
		going = going || !r.Status.Ended()
	}
	for _, a := range i.Asks {
		if !a.Closed && a.Type != engine.AskReview { // for which nothing waits
			return 1
		}
	}
	if !going {
		return 1
	}
	return d.Pace
}

// Meter tells how much time passed for people in an exercise, from its facts:
// its clock may run faster than theirs, and jump.
type Meter struct {
	start, last time.Time
	wall        time.Duration // until the last fact
	pace        int
	jump        time.Duration // of the clock, not yet passed
	heldAt      time.Time     // outside
	held        time.Duration // outside
}

// Take reads the next fact; after is the incident with it.
func (m *Meter) Take(e engine.Event, after *engine.Incident) {
	if m.start.IsZero() {
		m.start, m.last = e.At, e.At
	}
	m.wall = m.Wall(e.At)
	m.jump = max(m.jump-e.At.Sub(m.last), 0)
	m.last, m.pace = e.At, Pace(after)
	switch b := e.Body.(type) {
	case engine.DrillAdvanced:
		m.jump += time.Duration(b.By)
	case engine.DrillHeld:
		m.heldAt = b.Wall.Time
	case engine.DrillResumed:
		if !m.heldAt.IsZero() && b.Wall.After(m.heldAt) {
			m.held += b.Wall.Sub(m.heldAt)
		}
		m.heldAt = time.Time{}
	}
}

// Wall is how much time passed for people from the start to at, which is not
// before the last fact. Time in which the exercise was held does not count.
func (m *Meter) Wall(at time.Time) time.Duration {
	d := at.Sub(m.last)
	d -= min(m.jump, d)
	if m.pace > 1 {
		d /= time.Duration(m.pace)
	}
	return m.wall + d
}

// Held is how long the exercise was held, outside.
func (m *Meter) Held() time.Duration { return m.held }
