package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Audit reads the facts of one incident and checks the promises that matter
// most, without using the core that was supposed to keep them: every effect
// had an intent, no gated effect ran without enough eligible people who saw
// that plan, every approval was used once, every attempt has one outcome, and
// nothing that may only run once was repeated. It is what a stranger would
// check, so it is written apart from Incident on purpose.
type Audit struct {
	store, incident string // as declared; part of what a signed vote is over
	runs            map[string]*auditRun
	read            func(encoded []byte) (*runbooks.Program, error)
}

type auditRun struct {
	program   *runbooks.Program
	place     runbooks.EnvironmentFacts
	floor     *Floor
	extra     *Extra
	requester string
	cancelled bool
	steps     map[string]*auditStep
	order     []string // of the steps, undos as they were asked for
}

// rule is what the runbook, the environment and the run itself demand together.
func (r *auditRun) rule(s *auditStep) *runbooks.Approval {
	rule := EffectiveApproval(s.def, r.floor)
	if rule == nil || r.extra == nil {
		return rule
	}
	stricter := *rule
	stricter.Quorum = rule.Quorum + r.extra.Approvers
	return &stricter
}

type auditStep struct {
	id        string
	def       *runbooks.Step
	parent    *auditStep   // whose child it is
	children  []*auditStep // in order
	undoes    *auditStep
	loop      *auditLoop // of a step that has a child for each item
	cleans    bool       // it belongs to on_cancel
	retried   bool       // a person wants it, or a step of it, tried again
	over      bool       // it has ended
	status    StepStatus
	requester string // of an undo
	params    json.RawMessage
	planned   string // digest of the latest plan
	targets   []actions.Target
	approvals map[string]*auditApproval
	asked     []*auditApproval // the same, in order
	open      int              // the attempt without an outcome; 0: none
	doubt     int              // the attempt in doubt; 0: none
	cleared   bool
	last      int
	fresh     bool // planned since the last attempt
	begun     bool // it had an attempt since its turn came, or came again
	proven    bool // the latest attempt was
	flying    int  // attempts in flight, with those of its own steps
}

type auditApproval struct {
	ApprovalRequested
	from   []string
	people []string // who said yes
	voters []string // who answered
	denied bool
	used   bool
	ended  bool
	glass  *auditGlass       // one person let it go on without the quorum
	at     time.Time         // when it was granted
	covers map[string]string // of one for all items of a loop: the plan of each, by id
	spent  map[string]bool   // the items that used it
}

// NewAudit begins the reading of one incident.
func NewAudit() *Audit { return &Audit{runs: map[string]*auditRun{}, read: runbooks.DecodeProgram} }

// ReadPrograms sets how pinned programs are read, in place of
// [runbooks.DecodeProgram]; for whoever reads one program many times.
func (a *Audit) ReadPrograms(read func(encoded []byte) (*runbooks.Program, error)) { a.read = read }

// Take reads the next fact and gives what is wrong with it, if anything.
func (a *Audit) Take(e Event) []string {
	var wrong []string
	say := func(format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("%s %s/%s: ", e.Kind(), e.Run, e.Step)+fmt.Sprintf(format, args...))
	}
	if b, ok := e.Body.(Declared); ok {
		a.store, a.incident = b.Store, b.ID
	}
	if b, ok := e.Body.(RunStarted); ok {
		if a.runs[e.Run] != nil {
			say("it starts twice")
			return wrong
		}
		p, err := a.read(b.Program.Value)
		if err != nil {
			say("the pinned program cannot be read: %v", err)
			return wrong
		}
		if p.Digest != b.Digest {
			say("the pinned program has another digest than the run")
		}
		run := &auditRun{program: p, place: b.Environment, floor: b.Floor, extra: b.Extra, requester: e.Actor.ID, steps: map[string]*auditStep{}}
		for i := range p.Steps {
			run.add(p.Steps[i].ID, &auditStep{def: &p.Steps[i]})
		}
		for i := range p.OnCancel {
			run.add(p.OnCancel[i].ID, &auditStep{def: &p.OnCancel[i], cleans: true})
		}
		a.runs[e.Run] = run
		return wrong
	}
	run := a.runs[e.Run]
	if run == nil {
		return nil
	}
	if e.Step == "" {
		for _, w := range run.take(e) {
			say("%s", w)
		}
		return wrong
	}
	s := run.steps[e.Step]
	if s == nil {
		say("there is no such step")
		return wrong
	}
	switch b := e.Body.(type) {
	case UndoRequested:
		who := e.Actor.ID
		if e.Actor.Type != Person {
			who = run.requester
		}
		run.undo(s, who)
	case StepExpanded:
		for _, w := range run.expand(s, b) {
			say("%s", w)
		}
	case StepEntered:
		for _, w := range run.enter(s) {
			say("%s", w)
		}
	case StepReady:
		s.params = b.Params.Value
	case StepPlanned:
		if b.Digest != s.digest(a, run, e.Run, b.Preview) {
			say("the digest is not that of this plan")
		}
		s.planned, s.targets, s.fresh = b.Digest, b.Preview.Targets, true
	case ApprovalRequested:
		if b.Digest != s.planned && (len(s.children) == 0 || b.Digest != s.coveredDigest()) {
			say("people are asked about another plan than the latest")
		}
		if rule := run.rule(s); rule == nil || b.Quorum < rule.Quorum {
			say("it asks for fewer people than the runbook, the environment and the run demand")
		} else if rule.StepUp && !b.StepUp {
			say("it asks for no signatures, which the runbook demands")
		}
		if rule := run.rule(s); rule != nil && !sameGlass(rule.BreakGlass, b.BreakGlass) {
			say("it lets others break the glass than the runbook and the environment do")
		}
		p := &auditApproval{ApprovalRequested: b, from: b.From, covers: s.covered(), spent: map[string]bool{}}
		s.approvals[b.ID], s.asked = p, append(s.asked, p)
	case ApprovalEscalated:
		if p := s.approvals[b.ID]; p != nil {
			p.from = append(slices.Clone(p.from), b.To...)
		}
	case ApprovalClosed:
		switch p := s.approvals[b.ID]; {
		case p == nil:
		case b.Verdict == ApprovalGranted:
			p.at = e.At
		default:
			p.ended = true
		}
	case Vote:
		for _, w := range s.judge(a, run, e, b) {
			say("%s", w)
		}
	case GlassBroken:
		for _, w := range s.broke(a, run, e, b) {
			say("%s", w)
		}
	case GlassReviewAsked:
		for _, w := range s.askedToReview(b) {
			say("%s", w)
		}
	case GlassReviewed:
		for _, w := range s.reviewed(run, e, b) {
			say("%s", w)
		}
	case ManualAsked:
		for _, w := range s.outOfTurn(run) {
			say("%s", w)
		}
		if rule := run.rule(s); rule != nil && !s.licensed(rule, e.At) {
			say("a person is asked to do it without an approval of this plan")
		}
	case EffectIntent:
		if b.Action != s.def.Uses || b.Version != s.def.ActionVersion || b.Effect != s.def.Effect {
			say("it uses %q, which the step does not", b.Action)
		}
		for _, w := range s.intent(run, e.At, b) {
			say("%s", w)
		}
	case EffectOutcome:
		if s.open != b.Attempt {
			say("outcome of attempt %d, which is not in flight", b.Attempt)
		}
		s.land()
		if b.Failure != nil && b.Failure.Class == actions.Unknown && s.def.Effect != actions.Read {
			s.doubt, s.cleared = b.Attempt, false
		}
	case EffectInDoubt:
		s.land()
		s.doubt, s.cleared = b.Attempt, false
	case EffectVerified:
		s.proven = b.Reading.Verdict == actions.Verified
	case EffectProbed:
		if b.Found == actions.NotApplied {
			s.cleared = true
		}
		if b.Found == actions.Applied {
			s.doubt = 0
		}
	case EffectResolved:
		s.doubt = 0
	case RetryRequested:
		if b.NotApplied {
			s.cleared = true
		}
		run.again(s)
	case StepEnded:
		for _, w := range s.end(b) {
			say("%s", w)
		}
	}
	return wrong
}

// covered is the latest plan of every child that may still use an approval for all.
func (s *auditStep) covered() map[string]string {
	covers := map[string]string{}
	for _, c := range s.children {
		if !c.over {
			covers[c.id] = c.planned
		}
	}
	return covers
}

func (s *auditStep) coveredDigest() string {
	var list [][2]string
	for _, c := range s.children {
		if !c.over {
			list = append(list, [2]string{c.id, c.planned})
		}
	}
	return loopDigest(list)
}

// approval finds an approval of the step, or one for all it is a child of.
func (s *auditStep) approval(id string) (p *auditApproval, shared bool) {
	if p := s.approvals[id]; p != nil || s.parent == nil {
		return p, false
	}
	p = s.parent.approvals[id]
	return p, p != nil
}

func (s *auditStep) judge(a *Audit, run *auditRun, e Event, b Vote) []string {
	p := s.approvals[b.Approval]
	if p == nil {
		return []string{"a vote on an approval that was never asked"}
	}
	var wrong []string
	requester := run.requester
	if s.requester != "" {
		requester = s.requester
	}
	if e.Actor.Type != Person || e.Actor.ID == requester {
		wrong = append(wrong, fmt.Sprintf("the vote of %q counts although it may not", e.Actor.ID))
	}
	if b.Digest != "" && !strings.HasPrefix(p.Digest, b.Digest) {
		wrong = append(wrong, fmt.Sprintf("%q saw another plan", e.Actor.ID))
	}
	if slices.Contains(p.people, e.Actor.ID) {
		wrong = append(wrong, fmt.Sprintf("%q is counted twice", e.Actor.ID))
	}
	if !e.At.Before(p.Expires.Time) {
		wrong = append(wrong, "the vote came after the expiry")
	}
	if !named(e.Actor, p.from) {
		wrong = append(wrong, fmt.Sprintf("%q is not among those who were asked", e.Actor.ID))
	}
	if s.strikes(e.Actor, p) {
		wrong = append(wrong, fmt.Sprintf("%q decided about an effect on themselves", e.Actor.ID))
	}
	rule := run.rule(s)
	unsigned := a.unsigned(p, p.StepUp || rule != nil && rule.StepUp, e, b)
	if unsigned != "" {
		wrong = append(wrong, unsigned)
	}
	p.voters = append(p.voters, e.Actor.ID)
	if b.Approve && unsigned == "" {
		p.people = append(p.people, e.Actor.ID)
	} else {
		p.denied = true
	}
	return wrong
}

func (s *auditStep) intent(run *auditRun, at time.Time, b EffectIntent) []string {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if s.open != 0 {
		say("attempt %d begins while attempt %d has no outcome", b.Attempt, s.open)
	}
	if b.Attempt <= s.last {
		say("attempt %d comes after attempt %d", b.Attempt, s.last)
	}
	safe := s.def.Effect == actions.Read || s.def.Repeat.Again()
	if s.doubt != 0 && !safe && !s.cleared {
		say("attempt %d repeats one that may have taken effect, and action %q does not allow that", b.Attempt, s.def.Uses)
	}
	if rule := run.rule(s); rule != nil {
		p, shared := s.approval(b.Approval)
		switch {
		case b.Approval == "" && (s.fresh || !s.begun):
			say("it runs a new plan without an approval")
		case b.Approval == "":
		case p == nil:
			say("its approval was never asked")
		case shared && p.spent[s.id], !shared && p.used:
			say("its approval was used before")
		case p.ended || p.denied || !p.carries(rule):
			say("its approval was not granted: %d of %d people", len(p.people), p.Quorum)
		case !shared && p.Digest != b.Digest, shared && p.covers[s.id] != b.Digest, b.Digest != s.planned:
			say("its approval is for another plan")
		case !at.Before(p.Expires.Time) && (!shared || !at.Before(p.at.Add(LoopGrace))):
			say("its approval had expired")
		}
		if p != nil {
			p.used, p.spent[s.id] = true, true
		}
	}
	wrong = append(wrong, s.outOfTurn(run)...)
	if !s.fresh && !s.begun {
		say("nothing was planned")
	}
	if b.Digest != s.planned {
		say("it does something else than what was planned")
	}
	s.last, s.doubt, s.cleared, s.fresh, s.begun, s.proven = b.Attempt, 0, false, false, true, false
	wrong = append(wrong, s.launch(b.Attempt)...)
	return wrong
}

// Open lists what is not resolved at the end of what was read: attempts
// without an outcome, attempts in doubt, and broken glasses that nobody reviewed.
func (a *Audit) Open() []string {
	var open []string
	for n := 1; a.runs[fmt.Sprintf("R%d", n)] != nil; n++ {
		id := fmt.Sprintf("R%d", n)
		run := a.runs[id]
		for _, step := range run.order {
			s := run.steps[step]
			if s.open != 0 {
				open = append(open, fmt.Sprintf("%s/%s: attempt %d has no outcome", id, step, s.open))
			}
			if s.doubt != 0 {
				open = append(open, fmt.Sprintf("%s/%s: attempt %d is in doubt", id, step, s.doubt))
			}
			for _, p := range s.asked {
				if p.glass != nil && !p.glass.reviewed {
					open = append(open, fmt.Sprintf("%s/%s: %s broke the glass, and nobody has reviewed it", id, step, p.glass.by))
				}
			}
		}
	}
	return open
}
