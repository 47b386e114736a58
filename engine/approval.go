package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// EffectiveApproval is the approval a step needs in an environment with a
// floor: the runbook's own, made stricter, or the floor's where the runbook
// asks for none. Nil: nobody has to be asked. What adds to the record leaves its
// target alone, unless it is destructive. Who may break the glass is a word of
// the runbook, and stands only where the floor leaves it.
func EffectiveApproval(step *runbooks.Step, floor *Floor) *runbooks.Approval {
	if floor == nil || step.Uses == "" || step.Tells || step.Copies() || !step.Effect.AtLeast(floor.Effect) {
		return step.Approval
	}
	if step.Approval == nil {
		return &runbooks.Approval{From: floor.From, Quorum: floor.Quorum, Expires: runbooks.DefaultExpires}
	}
	if step.Approval.Quorum >= floor.Quorum && (floor.BreakGlass || step.Approval.BreakGlass == nil) {
		return step.Approval
	}
	raised := *step.Approval
	raised.Quorum = max(raised.Quorum, floor.Quorum)
	if !floor.BreakGlass {
		raised.BreakGlass = nil
	}
	return &raised
}

// Raise gives the approval with the additional people. Where nobody has to be
// asked (nil) nobody is: an Extra makes questions stricter, and asks none.
func (x *Extra) Raise(rule *runbooks.Approval) *runbooks.Approval {
	if x == nil || rule == nil {
		return rule
	}
	raised := *rule
	raised.Quorum += x.Approvers
	return &raised
}

// rule is the approval this step needs, or nil.
func (s *Step) rule() *runbooks.Approval {
	return s.run.Extra.Raise(EffectiveApproval(s.Def, s.run.Floor))
}

// PlanDigest is what an approval is bound to: the meaning of the plan and of
// the question, never the words of either. Anything that would make the effect
// another one is in it; descriptions and captured state are not.
func (s *Step) PlanDigest(preview actions.Preview) string {
	params, _, _ := s.input()
	return planSubject{
		s.run.incident.ID, s.run.ID, s.ID, s.Def.Uses, s.Def.ActionVersion, s.Def.Effect, s.run.Program.Digest, s.run.Environment,
		params, preview.Targets, preview.Calls, preview.InEffect, s.rule(),
	}.digest()
}

// planSubject is what the digest of a plan covers. The order is for ever.
type planSubject struct {
	Incident, Run, Step, Action string
	Version                     int
	Effect                      actions.Effect
	Program                     string
	Environment                 runbooks.EnvironmentFacts
	Params                      json.RawMessage
	Targets                     []actions.Target
	Calls                       []string
	InEffect                    bool
	Rule                        *runbooks.Approval
}

func (subject planSubject) digest() string {
	data, err := json.Marshal(subject)
	if err != nil {
		panic("engine: a plan does not encode: " + err.Error())
	}
	return digestOf(data)
}

// RunDigest names what somebody looked at before starting a run: the meaning
// of the runbook, its inputs and the environment.
// Inputs are those of Program.CheckInputs, with the defaults filled in.
func RunDigest(program string, inputs map[string]any, environment string) string {
	if inputs == nil {
		inputs = map[string]any{}
	}
	data, err := json.Marshal(struct {
		Program, Environment string
		Inputs               map[string]any
	}{program, environment, inputs})
	if err != nil {
		panic("engine: inputs do not encode: " + err.Error())
	}
	return digestOf(data)
}

// request takes in that people are asked.
func (s *Step) request(e Event, b ApprovalRequested) error {
	all := s.children != nil && s.Status == StepProgress // one question for all children of a loop
	if !s.planned && !all || s.Approval != nil && s.Approval.State == ApprovalOpen {
		return s.contradicts(e, "there is nothing new to ask")
	}
	if all {
		if s.children.loop == nil || s.children.loop.parked == 0 || s.children.digest() != b.Digest {
			return s.contradicts(e, "its items are not planned, or planned differently")
		}
		s.Preview, s.Digest = s.children.preview(), b.Digest
		for _, c := range s.children.steps {
			c.covered = ""
			if c.parked {
				c.covered = c.Digest
			}
		}
	}
	s.asked++
	s.Approval = &Approval{ApprovalRequested: b, State: ApprovalOpen, AskedAt: e.At, preview: s.Preview, params: string(s.Params), remindAt: b.RemindAt.Time}
	s.Status, s.planned = StepAwaiting, false
	s.run.incident.ask(&Ask{ID: b.ID, Type: AskApproval, Step: s, Appr: s.Approval, At: e.At})
	return nil
}

// open finds the step's approval when it is still open.
func (s *Step) open(e Event, id string) (*Approval, error) {
	if s.Approval == nil || s.Approval.ID != id || s.Approval.State != ApprovalOpen {
		return nil, s.contradicts(e, "approval %s is not open", id)
	}
	return s.Approval, nil
}

// answerable finds the approval that a person answers, who saw the plan of this
// digest, while it is open.
func (s *Step) answerable(e Event, id, digest string) (*Approval, error) {
	ask, known := s.run.incident.asks[id]
	if !known || ask.Appr == nil || ask.Step != s {
		return nil, Refuse(NoStep, "step %q asks for no such approval", s.ID)
	}
	a := ask.Appr
	if a.State == ApprovalExpired || a.State == ApprovalOpen && !e.At.Before(a.Expires.Time) {
		return nil, Refuse(Expired, "the approval of step %q expired at %s without enough votes, so it counts as refused; ask again with: retry %s", s.ID, a.Expires.Format("15:04:05 UTC"), s.ID)
	}
	if a.State == ApprovalVoided {
		return nil, Refuse(PlanChanged, "what step %q would do has changed since you were asked (%s); look at the new plan and vote on that", s.ID, strings.Join(a.Changed, ", "))
	}
	if a.State != ApprovalOpen {
		return nil, Refuse(AlreadyDecided, "the approval of step %q is already %s", s.ID, a.State)
	}
	if digest != "" && (len(digest) < 12 || !strings.HasPrefix(a.Digest, digest)) {
		return nil, Refuse(PlanChanged, "you looked at plan %s and the plan of step %q is %s now; look again before you vote", short(digest), s.ID, short(a.Digest))
	}
	return a, nil
}

// vote takes in one person's answer, or says why it does not count.
func (s *Step) vote(e Event, b Vote) error {
	a, err := s.answerable(e, b.Approval, b.Digest)
	if err != nil {
		return err
	}
	if why := s.ineligible(e.Actor, a.From); why != nil {
		return why
	}
	for _, v := range a.Votes {
		if v.Actor.ID == e.Actor.ID {
			return Refuse(AlreadyVoted, "you voted on step %q already; people are counted, not clicks", s.ID)
		}
	}
	if len(b.Reason) > MaxText {
		return Refuse(Usage, "a reason holds up to %d bytes", MaxText)
	}
	if !b.Approve && strings.TrimSpace(b.Reason) == "" {
		return Refuse(ReasonRequired, `a denial needs a reason: deny %s --reason "..."`, s.ID)
	}
	key, refusal := s.signed(e.Actor, a, b)
	if refusal != nil {
		return refusal
	}
	a.Votes = append(a.Votes, CastVote{Vote: b, Actor: e.Actor, At: e.At, Key: key})
	return nil
}

// ineligible says why a person may not vote on this step.
func (s *Step) ineligible(actor Actor, from []string) *Refusal {
	if actor.Type != Person || actor.ID == "" {
		return Refuse(NotKnown, "only people of the directory can vote, and %s is not one", actor.Via)
	}
	if !actor.Among(from) {
		return Refuse(NotApprover, "step %q asks %s, and you are not among them", s.ID, strings.Join(from, ", "))
	}
	if actor.ID == s.Requester().ID {
		return Refuse(SelfApproval, "you asked for step %q, so somebody else has to decide it", s.ID)
	}
	return s.struck(actor)
}

// struck refuses somebody whom the step acts against.
func (s *Step) struck(actor Actor) *Refusal {
	if s.Preview != nil {
		for _, t := range s.Preview.Targets {
			if slices.Contains(actor.Identities, t.Type+":"+t.ID) || slices.Contains(actor.Identities, t.String()) {
				return Refuse(SubjectConflict, "step %q acts against %s, which is you; somebody else has to decide it", s.ID, t)
			}
		}
	}
	return nil
}

// closeApproval takes in the end of an approval.
func (s *Step) closeApproval(e Event, b ApprovalClosed) error {
	a := s.Approval
	if a == nil || a.ID != b.ID || a.State != ApprovalOpen && !(a.State == ApprovalGranted && b.Verdict == ApprovalVoided) && !(a.State == ApprovalGranted && b.Verdict == ApprovalWithdrawn) {
		return s.contradicts(e, "approval %s is not open", b.ID)
	}
	switch b.Verdict {
	case ApprovalGranted:
		if a.Approvals() < a.Quorum && a.Glass == nil || a.denied() != nil || !e.At.Before(a.Expires.Time) {
			return s.contradicts(e, "approval %s is not granted", b.ID)
		}
		if s.children == nil {
			s.Status, s.planOwed = StepChecking, true
		}
	case ApprovalVoided:
		if s.children != nil {
			return s.contradicts(e, "its items are voided one by one")
		}
		a.Changed = b.Changed
		s.voids++
		s.Status, s.planned = StepPlanning, true
	case ApprovalDenied, ApprovalExpired, ApprovalWithdrawn:
	default:
		return s.contradicts(e, "an approval cannot become %q", b.Verdict)
	}
	a.State, a.ClosedAt, a.Why = b.Verdict, e.At, b.Reason
	if b.Verdict != ApprovalWithdrawn || b.Reason != "" {
		s.Why = b.Reason
	}
	if s.children != nil {
		s.answerAll(b.Verdict, b.Reason)
	}
	s.run.incident.answer(s)
	return nil
}

// denied is the vote that ends an approval, or nil: one eligible no is enough.
func (a *Approval) denied() *CastVote {
	for n := range a.Votes {
		if !a.Votes[n].Approve {
			return &a.Votes[n]
		}
	}
	return nil
}

// changed names what is different between the plan that was approved and the
// one at hand.
func (a *Approval) changed(s *Step) []string {
	var list []string
	old, now := a.preview, s.Preview
	if a.params != string(s.Params) {
		list = append(list, "the arguments")
	}
	if old != nil && now != nil {
		if !slices.Equal(old.Targets, now.Targets) {
			list = append(list, "the targets")
		}
		if !slices.Equal(old.Calls, now.Calls) {
			list = append(list, "the calls to be made")
		}
		if old.InEffect != now.InEffect {
			list = append(list, "whether it is in effect already")
		}
	}
	if len(list) == 0 {
		list = append(list, "the plan")
	}
	return list
}

// askFor is the question that the step's rule demands.
func (s *Step) askFor(rule *runbooks.Approval) ApprovalRequested {
	now := s.run.incident.Now
	b := ApprovalRequested{
		ID:      s.opaque("approval", s.asked+1),
		Digest:  s.Digest,
		From:    rule.From,
		Quorum:  rule.Quorum,
		StepUp:  rule.StepUp,
		Expires: At(now.Add(time.Duration(rule.Expires))),

		BreakGlass: rule.BreakGlass,
	}
	if x := s.run.Extra; x != nil {
		b.Extra = x.Approvers
	}
	b.Floor = s.Def.Approval == nil || s.Def.Approval.Quorum != rule.Quorum-b.Extra
	if s.Approval != nil && s.Approval.State == ApprovalVoided {
		b.Because = s.Approval.Changed
	}
	if rule.Remind > 0 && rule.Remind < rule.Expires {
		b.RemindAt = At(now.Add(time.Duration(rule.Remind)))
	}
	if rule.Escalate != nil {
		b.EscalateAt, b.EscalateTo = At(now.Add(time.Duration(rule.Escalate.After))), rule.Escalate.To
	}
	return b
}

// remind asks once more those who have not answered.
func (s *Step) remind() Body {
	a := s.Approval
	b := ApprovalReminded{ID: a.ID, N: a.reminders + 1}
	if rule := s.rule(); rule != nil && rule.Remind > 0 {
		if next := s.run.incident.Now.Add(time.Duration(rule.Remind)); next.Before(a.Expires.Time) {
			b.Next = At(next)
		}
	}
	return b
}

// opaque derives a reference that tells nothing by itself.
func (s *Step) opaque(what string, n int) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{"fb-ref/1", s.run.incident.store, s.run.incident.ID, s.run.ID, s.ID, what, strconv.Itoa(n)}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// Key is the idempotency key of the step: the same for all its attempts.
func (s *Step) Key() actions.Key {
	sum := sha256.Sum256([]byte(strings.Join([]string{"fb-idem/1", s.run.incident.store, s.run.incident.ID, s.run.ID, s.ID}, "\x00")))
	return actions.Key(hex.EncodeToString(sum[:]))
}

// backoff is the pause before attempt n: doubled each time, at most five
// minutes, with up to a quarter more that is derived from the key, so that a
// replay computes the same.
func (s *Step) backoff(n int) time.Duration {
	base := time.Duration(s.Def.Retry.Backoff)
	if base <= 0 {
		base = time.Duration(runbooks.DefaultBackoff)
	}
	for range max(n-2, 0) {
		if base *= 2; base > 5*time.Minute {
			base = 5 * time.Minute
			break
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", s.Key(), n))
	return base + base/4*time.Duration(sum[0])/256
}

// short cuts a digest to what people compare.
func short(digest string) string {
	if len(digest) > 12 {
		return digest[:12]
	}
	return digest
}
