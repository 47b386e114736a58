package host

import (
	"sync"
	"time"
)

// clock stamps facts. Its time never goes back, whatever the wall clock does,
// so that a clock set back cannot revive an expired approval.
type clock struct {
	now func() time.Time

	mu   sync.Mutex
	last time.Time     // of the last fact
	wall time.Time     // of the wall clock when it was last looked at; at the start that of the last fact
	back time.Duration // the farthest step back that nobody has written down yet
}

// stamp gives the next time, at least notBefore.
func (c *clock) stamp(notBefore time.Time) (at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall := c.now().UTC().Round(0) // Round strips the monotonic reading
	if !c.wall.IsZero() && wall.Before(c.wall) {
		c.back = max(c.back, c.wall.Sub(wall))
	}
	c.wall = wall
	at = wall.Truncate(time.Microsecond)
	if !at.After(c.last) {
		at = c.last.Add(time.Microsecond)
	}
	if at.Before(notBefore) {
		at = notBefore
	}
	c.last = at
	return at
}

// read gives the time now without stamping anything.
func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if wall := c.now().UTC().Round(0); wall.After(c.last) {
		return wall
	}
	return c.last
}

// anomalous gives a step back of the wall clock that has to be written down,
// to one who asks; zero when there is none.
func (c *clock) anomalous() (back time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if back = c.back; back <= anomaly {
		return 0
	}
	c.back = 0
	return back
}

// anomaly is how far the wall clock may go back before it is written down.
const anomaly = 2 * time.Second
