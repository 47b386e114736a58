package timeline

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/actions"
)

// What a summary keeps at the most. Past these it counts, and says under open
// how many there are; the rows leave out nothing. Only what grows with the steps
// of an incident has no limit.
const (
	maxRefused  = 200 // requests that were not followed
	maxPeople   = 500 // people, strangers too
	maxRefs     = 50  // request ids of one action
	maxAsks     = 20  // approvals of one step: the first ones and the last
	maxWarnings = 500 // of plans
	maxGlasses  = 200 // glasses that were broken
	maxDecided  = 50  // decisions about one containment
	maxStrange  = 50  // things about the record itself
)

// left counts what a summary leaves out.
type left struct {
	refused, people, refs, asks, warnings, glasses, decided, strange int
}

// refuse keeps a refusal in the summary, or counts it.
func (f *fold) refuse(r Refusal) {
	if len(f.t.Refused) < maxRefused {
		f.t.Refused = append(f.t.Refused, r)
	} else {
		f.left.refused++
	}
}

// refer keeps the request ids of an action.
func (f *fold) refer(a *Action, refs []actions.Request) {
	room := max(0, min(len(refs), maxRefs-len(a.Refs)))
	a.Refs = append(a.Refs, refs[:room]...)
	f.left.refs += len(refs) - room
}

// ask keeps an approval. Of a step that asks again and again the first ones and
// the last are kept.
func (f *fold) ask(s *step, a *Approval) {
	f.byAsk[a.ID] = a
	if s.asks++; s.asks <= maxAsks {
		s.lastAsk = len(f.approvals)
		f.approvals = append(f.approvals, a)
		return
	}
	delete(f.byAsk, f.approvals[s.lastAsk].ID)
	f.approvals[s.lastAsk] = a
	f.left.asks++
}

// smash keeps a glass that was broken, or counts it.
func (f *fold) smash(g *Glass) {
	if len(f.glasses) >= maxGlasses {
		f.left.glasses++
		return
	}
	f.glassOf[g.Approval] = g
	f.glasses = append(f.glasses, g)
}

// warn keeps what a plan warned of, once.
func (f *fold) warn(w Warning) {
	switch {
	case f.alive[w]:
	case len(f.t.Alive) < maxWarnings:
		f.alive[w] = true
		f.t.Alive = append(f.t.Alive, w)
	default:
		f.left.warnings++
	}
}

// odd notes something about the record that could not be read.
func (f *fold) odd(text string) {
	if len(f.strange) < maxStrange {
		f.strange = append(f.strange, text)
	} else {
		f.left.strange++
	}
}

// leftWords says what the summary leaves out.
func (f *fold) leftWords() []string {
	var words []string
	for _, l := range []struct {
		n    int
		what string
	}{
		{f.left.refused, "more requests were not followed"},
		{f.left.people, "more rows are of people whom the list of people leaves out"},
		{f.left.refs, "more request ids belong to actions"},
		{f.left.asks, "more approvals were asked of steps that asked often"},
		{f.left.warnings, "more warnings stand in plans, some of them perhaps twice"},
		{f.left.glasses, "more glasses were broken, reviewed or not"},
		{f.left.decided, "more decisions were made about containments"},
		{f.left.strange, "more things could not be read"},
	} {
		if l.n > 0 {
			words = append(words, fmt.Sprintf("%d %s; the rows have each of them", l.n, l.what))
		}
	}
	return words
}
