package engine

import (
	"time"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// Glass is a step that went on without its quorum, on the word of one person.
// It stays open until somebody who had no part in it has said whether that was
// right; the incident cannot be resolved before.
type Glass struct {
	Broken     GlassBroken
	Step       *Step
	Approval   *Approval // whose quorum was passed over
	By         Actor
	At         time.Time
	Key        string               // fingerprint of the SSH key that signed, verified
	Rule       *runbooks.BreakGlass // as it stood when people were asked
	ID         string               // of the review
	Due        time.Time            // of the review
	Review     *GlassReviewed       // nil: nobody has looked at it
	Reviewer   Actor
	ReviewedAt time.Time

	fired bool // the time for the review is over
}

// Unreviewed lists the glasses that nobody has looked at, in the order in which
// they were broken.
func (i *Incident) Unreviewed() []*Glass {
	var list []*Glass
	for _, g := range i.Glasses {
		if g.Review == nil {
			list = append(list, g)
		}
	}
	return list
}
