package sim

import (
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// Verb is what a person does.
type Verb string

// The verbs. Those about a step wait for what they are about: an approval that
// is open, a question, a step that is held, has failed or is done.
const (
	Approve    Verb = "approve"     // yes to the approval of a step
	Deny       Verb = "deny"        // no to it
	AnswerStep Verb = "answer"      // a manual step is done
	Retry      Verb = "retry"       // a held, failed or refused step is tried again
	Skip       Verb = "skip"        // a step is left out
	Undo       Verb = "undo"        // a finished step is taken back
	Lift       Verb = "lift"        // the same, when its containment is over
	Applied    Verb = "applied"     // an attempt in doubt did take effect
	NotApplied Verb = "not_applied" // it did not
	Cancel     Verb = "cancel"      // the run stops
	Extend     Verb = "extend"      // a containment lasts longer
	Keep       Verb = "keep"        // a containment lasts for good
	BreakGlass Verb = "break_glass" // one person lets a step go on without its quorum
	Review     Verb = "review"      // somebody says whether that was right
)

// Verbs lists all verbs in a fixed order.
func Verbs() []Verb {
	return []Verb{Approve, Deny, AnswerStep, Retry, Skip, Undo, Lift, Applied, NotApplied, Cancel, Extend, Keep, BreakGlass, Review}
}

// The answers to a review.
const (
	Justified   = "justified"
	Unjustified = "unjustified"
)

// DefaultFinding is what a review says where nothing else is said.
const DefaultFinding = "looked at it"

// DefaultThought is how long a person takes when nothing else is said.
const DefaultThought = time.Minute

// Act is one thing that a person does, once.
type Act struct {
	Verb    Verb
	Step    string // empty for cancel
	By      engine.Actor
	After   time.Duration  // since there was something to do it about; zero: DefaultThought
	At      *time.Duration // since the run started, whether or not there is; nil: After counts
	Reason  string
	With    string        // the answer to a manual step; of review: [Justified] or [Unjustified]
	Confirm bool          // of retry: an attempt in doubt had no effect
	For     time.Duration // of extend: how much longer
	Bare    bool          // of approve: without the signature that a step may ask for
	Each    bool          // once for each question rather than once
}

// Cast is people who act by a list.
type Cast struct {
	Acts []Act

	did      []Did
	next     int             // of Acts
	question string          // what it is about
	done     map[int]bool    // acts that happen once
	answered map[string]bool // questions, of acts that happen for each
}

// Did is an act that happened, and what the core said to it.
type Did struct {
	Act     int // its place in Acts
	Refusal *engine.Refusal
}

// Happened lists what was done, in order.
func (c *Cast) Happened() []Did { return c.did }

// Next finds the act that comes first.
func (c *Cast) Next(i *engine.Incident) (at time.Time, e engine.Event, ok bool) {
	run, started := i.Run("")
	if !started {
		return at, e, false
	}
	for n := range c.Acts {
		a := &c.Acts[n]
		if c.done[n] {
			continue
		}
		m := a.due(i, run)
		if !m.ready || c.answered[m.about(n)] || ok && !m.at.Before(at) {
			continue
		}
		at, ok = m.at, true
		e = engine.Event{Actor: a.By, Run: run.ID, Step: a.Step, Body: m.body}
		c.next, c.question = n, m.about(n)
	}
	if _, vote := e.Body.(engine.Vote); ok && !(vote && c.Acts[c.next].Bare) {
		if step, known := run.Step(e.Step); known {
			e.Body = Signed(&e.Actor, step, e.Body)
		}
	}
	return at, e, ok
}

// Did remembers that the last act was handed in.
func (c *Cast) Did(refusal *engine.Refusal) {
	c.did = append(c.did, Did{Act: c.next, Refusal: refusal})
	if c.Acts[c.next].Each {
		if c.answered == nil {
			c.answered = map[string]bool{}
		}
		c.answered[c.question] = true
		return
	}
	if c.done == nil {
		c.done = map[int]bool{}
	}
	c.done[c.next] = true
}
