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
	last time.Time
	wall time.Time
}

// stamp gives the next time, at least notBefore, and by how much the wall
// clock went back since it was last asked.
func (c *clock) stamp(notBefore time.Time) (at time.Time, back time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall := c.now().UTC().Round(0) // Round strips the monotonic reading
	if !c.wall.IsZero() && wall.Before(c.wall) {
		back = c.wall.Sub(wall)
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
	return at, back
}

// anomaly is how far the wall clock may go back before it is written down.
const anomaly = 2 * time.Second
