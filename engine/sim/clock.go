package sim

import "time"

// Clock is the time of a story.
type Clock interface {
	// Now is the time.
	Now() time.Time
	// Until lets time pass until at; a time that is past passes none.
	Until(at time.Time)
}

// Jump is a clock that jumps to wherever it is wanted.
type Jump struct{ at time.Time }

// NewJump gives a clock that stands at a time.
func NewJump(at time.Time) *Jump { return &Jump{at} }

// Now is where it stands.
func (j *Jump) Now() time.Time { return j.at }

// Until jumps forward.
func (j *Jump) Until(at time.Time) {
	if at.After(j.at) {
		j.at = at
	}
}

// Dawn is when a story begins if nothing else is said: a Monday morning.
func Dawn() time.Time { return time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC) }
