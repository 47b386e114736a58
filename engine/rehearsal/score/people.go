package score

import (
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
)

// person is what is known of somebody who took part.
type person struct {
	Participant
	did   map[string]int
	roles map[string]bool
}

// The roles of people, in the order of a report.
var roles = []string{"facilitator", "commander", "requester", "approver", "reviewer", "responder"}

// takePerson counts what people did.
func (f *fold) takePerson(e engine.Event) {
	if b, hot := e.Body.(engine.FeedbackGiven); hot {
		f.r.Wash = append(f.r.Wash, Feedback{e.Seq, e.Actor.ID, b.Well, b.Badly, b.Change})
	}
	a, ok := actOf(e)
	if !ok || e.Actor.ID == "" { // the engine, or somebody under no name
		return
	}
	p := f.people[e.Actor.ID]
	if p == nil {
		p = &person{Participant: Participant{ID: e.Actor.ID, Groups: []string{}, First: f.now}, did: map[string]int{}, roles: map[string]bool{}}
		f.people[e.Actor.ID] = p
		f.met = append(f.met, p)
	}
	if e.Actor.Name != "" {
		p.Name = e.Actor.Name
	}
	if len(e.Actor.Groups) > 0 {
		p.Groups = slices.Clone(e.Actor.Groups)
	}
	p.did[a.verb]++
	p.Total++
	p.Last = f.now
	switch {
	case f.facilitators[p.ID]:
		return
	case a.verb == "run" || a.verb == "undo":
		p.roles["requester"] = true
	case a.verb == "approve" || a.verb == "deny":
		p.roles["approver"] = true
	case a.verb == "review":
		p.roles["reviewer"] = true
	case a.responds():
		p.roles["responder"] = true
	}
	if f.commander(p.ID) && a.responds() {
		p.roles["commander"] = true
	}
}

// finishPeople writes down who took part, and what has to be done better.
func (f *fold) finishPeople() {
	for _, p := range f.met {
		p.Roles = []string{}
		for _, role := range roles {
			if p.roles[role] || role == "facilitator" && f.facilitators[p.ID] {
				p.Roles = append(p.Roles, role)
			}
		}
		p.Acts = []ActsCount{}
		for verb, n := range p.did {
			p.Acts = append(p.Acts, ActsCount{verb, n})
		}
		slices.SortFunc(p.Acts, func(a, b ActsCount) int { return strings.Compare(a.Verb, b.Verb) })
		f.r.People = append(f.r.People, p.Participant)
	}
	now := f.o.Now
	if now.IsZero() {
		now = f.at
	}
	today := now.UTC().Format("2006-01-02")
	for n, c := range f.inc.Correctives {
		out := Corrective{ID: c.ID, Seq: f.correctiveAt[n], Text: c.Text, Owner: c.Owner, Due: c.Due, Objective: c.Objective, AddedAt: engine.At(c.At), Closed: c.Closed, How: c.How}
		if c.Closed {
			out.ClosedAt = engine.At(c.ClosedAt)
		}
		out.Overdue = !c.Closed && c.Due < today // the day itself is in time
		f.r.Correct = append(f.r.Correct, out)
	}
}
