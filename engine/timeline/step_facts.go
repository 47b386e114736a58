package timeline

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// tellStep finds the words for facts of a step.
func (f *fold) tellStep(row *Row, e engine.Event, s *step) bool {
	if s == nil { // a fact of a step whose run is not in the record: it is told all the same
		s = &step{id: e.Step, run: &run{Run: Run{Run: e.Run}, byID: map[string]*step{}}}
	}
	return f.tellTurn(row, e, s) || f.tellGroup(row, e, s) || f.tellApproval(row, e, s) || f.tellGlass(row, e, s) || f.tellEffect(row, e, s) || f.tellContainment(row, e, s)
}

// tellTurn tells of a step's turn, its plan, its end, and what people want of it.
func (f *fold) tellTurn(row *Row, e engine.Event, s *step) bool {
	who := row.Actor.Who()
	row.Kind = Lifecycle
	switch b := e.Body.(type) {
	case engine.StepReady:
		row.Kind, row.Minor = Machine, b.If == ""
		row.Text = "the turn of " + s.name() + " has come"
		if b.If != "" {
			row.Text += ": condition " + b.If + " was true" + inBrackets(readingWords(b.Readings))
		}
		s.reopen()
		row.detail("params", string(b.Params.Value))
		row.detail("if", b.If)
		row.detail("readings", readingWords(b.Readings))
	case engine.StepPlanned:
		f.planned(row, s, b)
	case engine.PlanFailed:
		row.Kind, row.Outcome = Act, OutcomeFailed
		row.Text = fmt.Sprintf("the target of %s could not be read (reading %d): %s", s.name(), b.N, failure(&b.Failure))
		row.detail("class", string(b.Failure.Class))
	case engine.RetryScheduled:
		row.Kind, row.Attempt = Act, b.Attempt
		row.Text = fmt.Sprintf("%s will be tried again at %s, attempt %d%s", s.name(), clock(b.Due, row.At), b.Attempt, because(b.Why))
	case engine.TimerFired:
		if f.overdue(row, s, b) {
			break
		}
		row.Kind, row.Minor = Machine, true
		row.Text = fmt.Sprintf("timer %q of %s fired, due at %s", b.Ref, s.name(), clock(b.Due, row.At))
		row.detail("ref", b.Ref)
	case engine.StepHeld:
		s.held = b.Message
		row.Kind, row.Outcome = Act, "held"
		row.Text = fmt.Sprintf("HELD: %s waits for a person to decide (%s)%s", s.name(), holdWords(b.Why), because(b.Message))
		row.detail("why", string(b.Why))
	case engine.StepEnded:
		f.ended(row, s, b)
	case engine.ManualAsked:
		s.manual = true
		row.Kind = Comms
		row.Text = fmt.Sprintf("people were asked to do %s by hand", s.name())
		if !b.Until.IsZero() {
			row.Text += " until " + clock(b.Until, row.At)
			row.detail("until", b.Until.UTC().Format(stampForm))
		}
		row.Text += ": " + b.Instructions
		row.detail("instructions", b.Instructions)
	case engine.ManualDone:
		f.did(row.Actor, "did manual steps")
		s.manual = false
		row.Kind, row.Outcome = Act, OutcomeDone
		row.Text = fmt.Sprintf("%s reported %s as done by hand%s", who, s.name(), because(b.Answer))
		row.detail("answer", b.Answer)
	case engine.RetryRequested:
		f.did(row.Actor, "asked for retries")
		s.held, s.doubt = "", 0
		if _, undo := s.undoes(); !undo { // it brings an ended run back
			s.run.Status, s.run.Reason, s.run.EndedAt = string(engine.RunActive), "", engine.Stamp{}
		}
		row.Text = who + " asked to try " + s.name() + " again"
		if b.NotApplied {
			row.Text += ", and confirmed that the attempt in doubt had no effect"
			row.Outcome = string(actions.NotApplied)
		}
		row.Text += because(b.Reason)
		row.detail("reason", b.Reason)
	case engine.SkipRequested:
		f.did(row.Actor, "asked for skips")
		row.Text = who + " asked to skip " + s.name() + because(b.Reason)
		row.detail("reason", b.Reason)
	case engine.UndoRequested:
		f.did(row.Actor, "asked for undos")
		row.Text = who + " asked to take back " + s.name() + because(b.Reason)
		row.detail("reason", b.Reason)
	default:
		return false
	}
	return true
}

// reopen forgets the end of a step whose turn comes again.
func (s *step) reopen() { s.ended, s.held, s.gone, s.reason = "", "", nil, "" }

func (f *fold) planned(row *Row, s *step, b engine.StepPlanned) {
	p := b.Preview
	row.Kind, row.Targets, row.Digest = Act, p.Targets, b.Digest
	same := s.digest == b.Digest && b.Digest != ""
	s.targets, s.noUndo, s.digest = p.Targets, p.NoUndo, b.Digest
	for _, w := range p.Warnings {
		alive := Warning{Run: row.Run, Step: row.Step, Text: w}
		if s.parent != nil && s.parent.group.Items > 0 { // said once for all items of a loop
			alive.Step = s.parent.id
		}
		f.warn(alive)
	}
	var say []string
	switch {
	case p.InEffect:
		say = append(say, "in effect already")
	case len(p.Changes) > 0:
		say = append(say, strings.Join(p.Changes, "; "))
	}
	if len(p.Targets) > 0 {
		say = append(say, "on "+targetWords(p.Targets))
	}
	if p.NoUndo != "" {
		say = append(say, "cannot be taken back: "+p.NoUndo)
	}
	row.Minor = len(say) == 0 && len(p.Warnings) == 0
	row.Text = fmt.Sprintf("plan %s of %s", short(b.Digest), s.name())
	if b.N > 1 {
		row.Text += fmt.Sprintf(" (reading %d)", b.N)
	}
	if same {
		row.Text += " still holds"
	} else {
		row.Text += because(strings.Join(say, ", "))
	}
	row.detail("changes", strings.Join(p.Changes, "\n"))
	row.detail("calls", strings.Join(p.Calls, "\n"))
	row.detail("warnings", strings.Join(p.Warnings, "\n"))
	row.detail("no_undo", p.NoUndo)
	row.detail("reading", strconv.Itoa(b.N))
}

func (f *fold) ended(row *Row, s *step, b engine.StepEnded) {
	row.Kind, row.Outcome = Act, string(b.Status)
	row.Text = s.name() + " is done"
	if b.Status != engine.StepDone {
		row.Text = s.name() + " " + endWord(b.Status)
	}
	reason := b.Reason
	switch {
	case b.If == "":
	case b.Status == engine.StepDone: // a wait whose time had come
		reason = strings.TrimPrefix(reason+heldWords(b.If, readingWords(b.Readings)), "; ")
	case strings.HasPrefix(b.Reason, emptyList):
		reason = "the list " + b.If + " is empty, so it matches nothing" + inBrackets(readingWords(b.Readings))
	default:
		reason = "condition " + b.If + " was false" + inBrackets(readingWords(b.Readings))
	}
	if b.Failure != nil {
		row.detail("class", string(b.Failure.Class))
		if reason == b.Failure.Message {
			reason = failure(b.Failure)
		}
	}
	row.Text += because(reason)
	if s.group != nil && b.Status == engine.StepDone {
		if outputs := inputWords(outputsOf(b.Outputs.Value)); outputs != "" {
			row.Text += "; it gave back " + outputs
		}
	}
	row.detail("if", b.If)
	row.detail("readings", readingWords(b.Readings))
	row.detail("reason", b.Reason)
	row.detail("outputs", string(b.Outputs.Value))
	if s.group != nil {
		s.group.EndedAt = row.At
	}
	if s.wait != nil && s.wait.EndedAt.IsZero() {
		s.wait.EndedAt, s.wait.Status = row.At, string(b.Status)
	}

	s.ended, s.reason, s.held, s.flight, s.manual = b.Status, reason, "", 0, false
	if b.Status == engine.StepDone {
		if origin, ok := s.undoes(); ok {
			if back := s.run.byID[origin]; back != nil {
				back.takenBack(row, s.id)
			}
		}
		return
	}
	s.gone = &NotDone{Run: row.Run, Step: row.Step, Status: string(b.Status), Reason: reason, Seq: row.Seq}
}

// emptyList is how the engine begins the reason of a loop without items.
const emptyList = "its list is empty"

// takenBack notes what an undo took back.
func (s *step) takenBack(row *Row, by string) {
	if s.action != nil {
		s.action.UndoneBy = by
	}
	s.lifted(row, by)
}

// endWord says how a step ended that was not done.
func endWord(status engine.StepStatus) string {
	switch status {
	case engine.StepSkipped:
		return "skipped"
	case engine.StepFailed:
		return "FAILED"
	case engine.StepRefused:
		return "REFUSED, so it was not run"
	case engine.StepCancelled:
		return "cancelled before its turn"
	}
	return "ended as " + string(status)
}

func holdWords(why engine.HoldReason) string {
	switch why {
	case engine.HeldDoubt:
		return "its outcome is in doubt"
	case engine.HeldFailed:
		return "it failed"
	}
	return string(why)
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// tellApproval tells of questions to people and their answers.
func (f *fold) tellApproval(row *Row, e engine.Event, s *step) bool {
	row.Kind = Approve
	switch b := e.Body.(type) {
	case engine.ApprovalRequested:
		a := &Approval{
			Run: row.Run, Step: row.Step, ID: b.ID, Digest: b.Digest, AskedAt: row.At, Expires: b.Expires, From: listed(b.From),
			Quorum: b.Quorum, Floor: b.Floor, Verdict: string(engine.ApprovalOpen), Votes: []Vote{},
		}
		f.ask(s, a)
		s.asked = a
		row.Digest, row.Outcome, row.Targets = b.Digest, string(engine.ApprovalOpen), s.targets
		row.Text = fmt.Sprintf("%s of %s asked from %s, plan %s, expires at %s",
			count(b.Quorum, "approval"), s.name(), strings.Join(b.From, ", "), short(b.Digest), clock(b.Expires, row.At))
		if b.Floor {
			row.Text += " (demanded by the environment)"
		}
		if b.Extra > 0 {
			row.Text += fmt.Sprintf(" (%d more than usual)", b.Extra)
		}
		if s.group != nil {
			a.Items = s.planned()
			row.Text += fmt.Sprintf("; one answer is for all %s", count(a.Items, "item"))
			row.detail("items", strconv.Itoa(a.Items))
		}
		if b.StepUp {
			row.Text += "; a yes needs a signature"
		}
		row.Text += glassWords(b)
		if !b.RemindAt.IsZero() {
			row.Text += "; those who have not answered are reminded at " + clock(b.RemindAt, row.At)
		}
		if g := b.BreakGlass; g != nil {
			row.detail("glass_by", strings.Join(g.By, ", "))
			row.detail("glass_review", strings.Join(g.Review, ", "))
		}
		row.detail("approval", b.ID)
	case engine.Vote:
		f.voted(row, s, b)
	case engine.ApprovalReminded:
		row.Kind = Comms
		row.Text = fmt.Sprintf("those who have not answered about %s were reminded (reminder %d)", s.name(), b.N)
		if !b.Next.IsZero() {
			row.Text += ", the next one is at " + clock(b.Next, row.At)
		}
		if a := f.byAsk[b.ID]; a != nil {
			a.Reminders = b.N
			row.Digest = a.Digest
		}
		row.detail("approval", b.ID)
	case engine.ApprovalEscalated:
		if a := f.byAsk[b.ID]; a != nil {
			a.EscalatedTo = append(a.EscalatedTo, b.To...)
			row.Digest = a.Digest
		}
		row.Text = fmt.Sprintf("nobody decided on %s yet, so %s is asked too", s.name(), strings.Join(b.To, ", "))
		row.detail("approval", b.ID)
	case engine.ApprovalClosed:
		row.Outcome = string(b.Verdict)
		a := f.byAsk[b.ID]
		passed := a != nil && a.Glass && b.Verdict == engine.ApprovalGranted
		row.Text = fmt.Sprintf("the approval of %s is %s", s.name(), verdictWords(b.Verdict))
		if passed {
			row.Text += " without its quorum"
			row.glass()
		}
		row.Text += because(b.Reason)
		if len(b.Changed) > 0 {
			row.Text += "; changed: " + strings.Join(b.Changed, ", ")
		}
		if a != nil {
			a.Verdict, a.Reason, a.Changed, row.Digest = string(b.Verdict), b.Reason, b.Changed, a.Digest
			if a.ClosedAt.IsZero() {
				a.ClosedAt = row.At
				if !passed { // else nobody knows how long the quorum would have taken
					a.LatencyMS = row.At.Sub(a.AskedAt.Time).Milliseconds()
				}
				row.Millis = a.LatencyMS
			}
		}
		row.detail("approval", b.ID)
	default:
		return false
	}
	return true
}

func (f *fold) voted(row *Row, s *step, b engine.Vote) {
	verb, of := "denied", ""
	if b.Approve {
		verb = "approved"
	}
	row.Outcome, row.Digest = verb, b.Digest
	if a := f.byAsk[b.Approval]; a != nil {
		a.Votes = append(a.Votes, Vote{Actor: row.Actor, Approve: b.Approve, At: row.At, Reason: b.Reason, Signed: b.Signature != "", Seq: row.Seq})
		row.Digest = a.Digest // the digest a person saw is a beginning of it, or the vote was refused
		if b.Approve {
			of = fmt.Sprintf(" (%d of %d)", a.yes(), a.Quorum)
		}
	}
	f.did(row.Actor, verb)
	row.Text = row.Actor.Who() + " " + verb + " " + s.name() + of
	if row.Digest != "" {
		row.Text += ", plan " + short(row.Digest)
	}
	if b.Signature != "" {
		row.Text += ", signed with an SSH key"
	}
	row.Text += because(b.Reason)
	row.Targets = s.targets
	row.detail("approval", b.Approval)
	row.detail("digest_seen", b.Digest)
	row.detail("head_seen", b.Root)
	row.detail("reason", b.Reason)
}

// yes counts the people who approved.
func (a *Approval) yes() int {
	n := 0
	for _, v := range a.Votes {
		if v.Approve {
			n++
		}
	}
	return n
}

func verdictWords(v engine.ApprovalState) string {
	switch v {
	case engine.ApprovalVoided:
		return "VOID, people have to look again"
	case engine.ApprovalExpired:
		return "expired, which counts as refused"
	}
	return string(v)
}

func listed(words []string) []string {
	if words == nil {
		return []string{}
	}
	return words
}
