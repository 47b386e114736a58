package runbooks

import (
	"fmt"
	"slices"
	"strings"
)

// bits is a set of steps, by their place in the program.
type bits []uint64

func (b bits) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bits) add(i int) { b[i/64] |= 1 << (i % 64) }

func (b bits) addAll(other bits) {
	for k := range other {
		b[k] |= other[k]
	}
}

// none is an empty set that has room for every step.
func (c *compilation) none() bits { return make(bits, len(c.steps)/64+1) }

// ended is what has ended when steps: has.
func (c *compilation) ended() bits {
	b := c.none()
	for i := range c.main {
		b.add(i)
	}
	return b
}

// needs fills in what each step waits for, finds cycles, and works out which
// steps have certainly ended before each.
func (c *compilation) needs() {
	for i := range c.steps {
		step, d := &c.steps[i], c.decls[i]
		if !d.NeedsSet {
			if i > 0 && i != c.main {
				step.Needs = []string{c.steps[i-1].ID}
			}
			continue
		}
		for _, need := range d.Needs {
			switch j, known := c.order[need.Value]; {
			case need.Value == step.ID:
				c.fail(need.Pos, "cycle", "", "the step %q needs itself", step.ID)
			case !known:
				c.fail(need.Pos, "reference", didYouMean(need.Value, c.ids()), "there is no step %q", need.Value)
			case i < c.main && j >= c.main:
				c.fail(need.Pos, "reference", "leave it out", "the step %q is in on_cancel, which only runs after a cancel", need.Value)
			case i >= c.main && j < c.main:
				c.fail(need.Pos, "reference", "leave it out", "the step %q has ended, one way or another, before on_cancel begins", need.Value)
			default:
				step.Needs = append(step.Needs, need.Value)
			}
		}
	}
	c.before = make([]bits, len(c.steps))
	state := make([]int, len(c.steps))
	for i := range c.steps {
		c.walk(i, state, nil)
	}
}

func (c *compilation) ids() []string {
	ids := make([]string, len(c.steps))
	for i := range c.steps {
		ids[i] = c.steps[i].ID
	}
	return ids
}

// States of a step in walk.
const (
	fresh = iota
	open
	closed
)

// walk visits what a step needs before the step itself. Trail is the way here;
// a step that is open again closes a circle.
func (c *compilation) walk(i int, state []int, trail []string) {
	step := &c.steps[i]
	if state[i] == closed {
		return
	}
	trail = append(trail, step.ID)
	if state[i] == open {
		circle := trail[slices.Index(trail, step.ID):]
		c.fail(c.needPos(circle), "cycle", "", "the steps wait for each other: %s", strings.Join(circle, " needs "))
		return
	}
	state[i] = open
	before := c.none()
	if i >= c.main {
		before = c.ended()
	}
	for _, id := range step.Needs {
		j := c.order[id]
		c.walk(j, state, trail)
		before.add(j)
		before.addAll(c.before[j])
	}
	c.before[i], state[i] = before, closed
	c.sequence = append(c.sequence, i)
}

// needPos is where the circle is written down: the first needs: in it.
func (c *compilation) needPos(circle []string) Pos {
	for k, id := range circle[:len(circle)-1] {
		d := c.decls[c.order[id]]
		for _, need := range d.Needs {
			if need.Value == circle[k+1] {
				return need.Pos
			}
		}
	}
	return c.decls[c.order[circle[0]]].ID.Pos
}

// maySkip says why a step may end without being done where an expression reads
// it, or "" when it cannot.
func (c *compilation) maySkip(i int, at *place) string {
	d := c.decls[i]
	switch {
	case at.cancel && i < c.main:
		return "the run was cancelled"
	case d.If.Set():
		return "it has an if"
	case d.ForEach != nil:
		return "its list may be empty"
	case d.OnFailure.Value == string(Continue):
		return "it may fail and the run goes on"
	case d.OnRefused.Value == string(Continue):
		return "it may be refused and the run goes on"
	}
	return ""
}

// certain adds to steps that are done those that must be done for these: a
// step is only done when its condition held.
func (c *compilation) certain(done []string) []string {
	known := map[string]bool{}
	var add func(ids []string)
	add = func(ids []string) {
		for _, id := range ids {
			if j, ok := c.order[id]; ok && !known[id] {
				known[id] = true
				add(c.steps[j].implies())
			}
		}
	}
	add(done)
	return names(known)
}

// implies lists the steps that are certainly done when the condition held.
func (s *Step) implies() []string {
	if s.If == nil {
		return nil
	}
	return s.If.implies
}

// readsFit makes sure that what an expression reads is there by then.
func (c *compilation) readsFit(e *Expression, at *place, where func(offset int) Pos) {
	for _, r := range e.reads {
		j := c.order[r.step]
		switch why := c.maySkip(j, at); {
		case j == at.self && at.own:
		case j == at.self:
			c.fail(where(r.offset), "order", "", "the step %q reads itself", r.step)
		case j >= c.main && !at.cancel:
			c.fail(where(r.offset), "order", "read it from another step of on_cancel", "the step %q is in on_cancel, which only runs after a cancel", r.step)
		case !at.before.has(j):
			c.fail(where(r.offset), "order", fmt.Sprintf("add needs: [%s], or put the step after it", r.step), "the step %q may not have ended when %q reads it", r.step, c.steps[at.self].ID)
		case r.outputs && why != "" && !slices.Contains(c.certain(r.guards), r.step):
			hint := fmt.Sprintf(`write steps.%s.status == "done" && ... before it, or in the if of this step`, r.step)
			if at.self < 0 {
				hint = fmt.Sprintf(`write steps.%s.status == "done" ? ... : ... around it`, r.step)
			}
			c.fail(where(r.offset), "unguarded", hint, "the step %q may not be done: %s", r.step, why)
		}
	}
}
