package rehearsal

import "time"

// course is the clock of one exercise that people play: it runs so many times
// as fast as the time outside, stands still, or jumps. Its zero value stands.
type course struct {
	at   time.Time // the time of the exercise at mark
	mark time.Time // the time outside
	wall time.Time // outside, when it was last looked at
	pace int       // 0: it stands
}

// see notes the time outside. A clock that was set back goes on from there.
func (c *course) see(wall time.Time) {
	if wall.Before(c.wall) {
		c.mark = c.mark.Add(wall.Sub(c.wall))
	}
	c.wall = wall
}

// now is the time of the exercise.
func (c *course) now(wall time.Time) time.Time {
	c.see(wall)
	return c.at.Add(time.Duration(c.pace) * wall.Sub(c.mark))
}

// set changes the pace from the time at on, which is the one of the last fact.
// What passed since then outside counts at the new pace; a jump that is not
// finished goes on.
func (c *course) set(at time.Time, pace int, wall time.Time) {
	c.see(wall)
	switch {
	case c.pace == 0:
		c.mark = wall
		if at.After(c.at) {
			c.at = at
		}
	case at.After(c.at):
		c.mark = c.mark.Add(at.Sub(c.at) / time.Duration(c.pace))
		c.at = at
		if c.mark.After(wall) {
			c.mark = wall
		}
	}
	c.pace = pace
}

// jump lets time pass at once.
func (c *course) jump(by time.Duration) { c.at = c.at.Add(by) }

// until is how long it takes outside until the exercise is there; ok is false
// when it stands.
func (c *course) until(at, wall time.Time) (d time.Duration, ok bool) {
	if c.pace == 0 {
		return 0, false
	}
	left := at.Sub(c.now(wall))
	if left <= 0 {
		return 0, true
	}
	return (left + time.Duration(c.pace) - 1) / time.Duration(c.pace), true
}
