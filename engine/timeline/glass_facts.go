package timeline

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// What the rows of a broken glass have as their outcome, beside the states of
// the glass.
const (
	outcomeBroken  = "broken"
	outcomeOverdue = "overdue"
)

// reviewRef begins the reference of the timer that says that a review is overdue.
const reviewRef = "review:"

// tellGlass tells of steps that went on without their quorum, and of the review
// of that.
func (f *fold) tellGlass(row *Row, e engine.Event, s *step) bool {
	who := row.Actor.Who()
	row.Kind = Approve
	switch b := e.Body.(type) {
	case engine.GlassBroken:
		f.broken(row, s, b)
	case engine.GlassReviewAsked:
		row.Outcome = GlassUnreviewed
		row.Text = fmt.Sprintf("%s are asked to say by %s (%s) whether it was right that %s broke the glass of %s",
			strings.Join(b.Ask, ", "), clock(b.Due, row.At), span(b.Due.Sub(row.At.Time)), cmp.Or(b.By, "somebody"), s.name())
		if g := f.glassOf[b.Approval]; g != nil {
			g.Review, g.Ask, g.Due = b.ID, listed(b.Ask), b.Due
			f.byReview[b.ID] = g
			row.Digest = g.Digest
		}
		row.glass()
		row.detail("review", b.ID)
		row.detail("approval", b.Approval)
		row.detail("ask", strings.Join(b.Ask, ", "))
		row.detail("due", b.Due.UTC().Format(stampForm))
	case engine.GlassReviewed:
		f.did(row.Actor, "reviewed broken glasses")
		found := "NOT justified"
		row.Outcome = GlassNotJustified
		if b.Justified {
			found, row.Outcome = "justified", GlassJustified
		}
		by := "somebody"
		if g := f.byReview[b.ID]; g != nil {
			g.State, g.Reviewer, g.ReviewedAt, g.Text = row.Outcome, row.Actor, row.At, b.Text
			by, row.Digest = g.By.Who(), g.Digest
			row.detail("approval", g.Approval)
		}
		row.Text = fmt.Sprintf("%s found it %s that %s broke the glass of %s%s", who, found, by, s.name(), because(b.Text))
		row.glass()
		row.detail("review", b.ID)
		row.detail("reason", b.Text)
	default:
		return false
	}
	return true
}

// broken tells of the one person who let a step go on.
func (f *fold) broken(row *Row, s *step, b engine.GlassBroken) {
	g := &Glass{
		Run: row.Run, Step: row.Step, Approval: b.Approval, Digest: b.Digest, By: row.Actor, At: row.At, Reason: b.Reason, Target: b.Target, Signed: b.Signature != "",
		Ask: []string{}, State: GlassUnreviewed, Seq: row.Seq,
	}
	of := ""
	if a := f.byAsk[b.Approval]; a != nil {
		a.Glass, g.Digest = true, a.Digest // the digest a person saw is a beginning of it
		of = fmt.Sprintf(" (%d of %d had approved)", a.yes(), a.Quorum)
	}
	f.smash(g)
	f.did(row.Actor, "broke the glass")
	row.Kind, row.Outcome, row.Digest, row.Targets = Act, outcomeBroken, g.Digest, s.targets
	row.Text = fmt.Sprintf("GLASS BROKEN: %s let %s go on without its quorum%s", row.Actor.Who(), s.name(), of)
	if row.Digest != "" {
		row.Text += ", plan " + short(row.Digest)
	}
	row.Text += fmt.Sprintf(", with %q typed out", b.Target)
	if g.Signed {
		row.Text += ", signed with an SSH key"
	}
	row.Text += because(b.Reason)
	row.glass()
	row.detail("approval", b.Approval)
	row.detail("digest_seen", b.Digest)
	row.detail("head_seen", b.Root)
	row.detail("target_typed", b.Target)
	row.detail("reason", b.Reason)
}

// overdue tells that the time for a review is over. The timer of one that came
// in time is machinery, like every other.
func (f *fold) overdue(row *Row, s *step, b engine.TimerFired) bool {
	id, ok := strings.CutPrefix(b.Ref, reviewRef)
	g := f.byReview[id]
	if !ok || g == nil || g.State != GlassUnreviewed {
		return false
	}
	g.Overdue = true
	row.Kind, row.Outcome, row.Digest = Approve, outcomeOverdue, g.Digest
	row.Text = fmt.Sprintf("OVERDUE: nobody has reviewed the broken glass of %s, due at %s; %s were asked", s.name(), clock(b.Due, row.At), strings.Join(g.Ask, ", "))
	row.glass()
	row.detail("review", id)
	row.detail("approval", g.Approval)
	row.detail("ask", strings.Join(g.Ask, ", "))
	row.detail("ref", b.Ref)
	return true
}

// glass marks a row of a step that went on without its quorum, so that all of
// them are found by one word in every form.
func (r *Row) glass() { r.detail("glass", outcomeBroken) }

// glassWords says who may go on without the quorum that is asked for.
func glassWords(b engine.ApprovalRequested) string {
	g := b.BreakGlass
	if g == nil {
		return ""
	}
	return fmt.Sprintf("; %s may break the glass and go on without it, and %s review that within %s", strings.Join(g.By, ", "), strings.Join(g.Review, ", "), span(time.Duration(g.Within)))
}

// open says that nobody has looked at it.
func (g *Glass) open() OpenItem {
	text := fmt.Sprintf("%s went on without its quorum on the word of %s; nobody has reviewed it", (&step{id: g.Step}).name(), g.By.Who())
	if !g.Due.IsZero() {
		text += ", due " + stamp(g.Due) + " UTC"
	}
	if g.Overdue {
		text += ", and that time is over"
	}
	return OpenItem{Kind: OpenGlass, Run: g.Run, Step: g.Step, Text: text}
}

// review says what came of looking at it.
func (g *Glass) review() string {
	if g.State != GlassUnreviewed {
		return fmt.Sprintf("%s, by %s at %s%s", strings.ReplaceAll(g.State, "not ", "NOT "), g.Reviewer.Who(), stamp(g.ReviewedAt), because(g.Text))
	}
	if g.Overdue {
		return "nobody has looked at it, and the time for that is over"
	}
	return "nobody has looked at it"
}
