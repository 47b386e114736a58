package score

import "github.com/firebreak-ir/firebreak/engine"

// finishGlasses writes down each glass that was broken, and what was found when
// somebody looked at it.
func (f *fold) finishGlasses() {
	for n, g := range f.inc.Glasses {
		out := Glass{
			Run: g.Step.Run().ID, Step: g.Step.ID, Approval: g.Approval.ID, At: f.brokenAt[n], By: g.By.ID,
			Target: g.Broken.Target, Reason: g.Broken.Reason, Due: engine.At(g.Due),
		}
		for _, r := range f.reviews {
			if r.glass == g {
				out.Review = &r.Review
			}
		}
		f.r.Glasses = append(f.r.Glasses, out)
	}
}

// review is what somebody said of a broken glass.
type review struct {
	Review
	glass *engine.Glass
}

// takeGlass follows glasses that are broken, and their reviews.
func (f *fold) takeGlass(e engine.Event) {
	switch b := e.Body.(type) {
	case engine.GlassBroken:
		f.brokenAt = append(f.brokenAt, f.now)
	case engine.GlassReviewed:
		for _, g := range f.step(e).Glasses() {
			if g.ID == b.ID {
				f.reviews = append(f.reviews, review{Review{f.now, e.Actor.ID, b.Justified, b.Text}, g})
			}
		}
	}
}

// glasses lists the places where glasses were broken, and where those were that
// nobody has looked at.
func (f *fold) glasses() (broken, unreviewed []int64) {
	for _, g := range f.r.Glasses {
		broken = append(broken, g.At.Seq)
		if g.Review == nil {
			unreviewed = append(unreviewed, g.At.Seq)
		}
	}
	return broken, unreviewed
}
