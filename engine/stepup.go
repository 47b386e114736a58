package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// VoteNamespace is the namespace of the SSH signature of a vote. A signature
// that was made for anything else (a commit, a file) can never be a vote.
const VoteNamespace = "firebreak-approve"

// GlassNamespace is the namespace of the SSH signature by which a glass is
// broken: a signed yes can never be taken for one.
const GlassNamespace = "firebreak-break-glass"

// BreakGlass is the answer of a [Ballot] that lets a step go on without its quorum.
const BreakGlass = "break-glass"

// MaxKeys is how many keys a person can have in the directory.
const MaxKeys = 10

// Ballot is what a signed answer says: this person, this plan, this question.
type Ballot struct {
	Store    string `json:"store"`    // id of the store
	Incident string `json:"incident"` // "INC-12"
	Run      string `json:"run"`      // "R1"
	Step     string `json:"step"`
	Approval string `json:"approval"` // id of the question; asked again it is another one
	Plan     string `json:"plan"`     // digest, all of it
	Person   string `json:"person"`
	Answer   string `json:"answer,omitempty"` // [BreakGlass]; empty: approve
	Target   string `json:"target,omitempty"` // of a broken glass: as the person typed it
	Reason   string `json:"reason,omitempty"` // the same
}

// Namespace is the one under which this answer is signed.
func (b Ballot) Namespace() string {
	if b.Answer == BreakGlass {
		return GlassNamespace
	}
	return VoteNamespace
}

// VoteMessage gives the bytes that a person signs to approve, or to break the
// glass: lines that can be read, in one order, with nothing in them that does not decide. They are
// for ever, because a record is verified long after. A value that is not a
// plain word is quoted, so that no value can pass for a line of its own.
func VoteMessage(b Ballot) []byte {
	var text strings.Builder
	text.WriteString(b.Namespace() + " v1\n")
	lines := [][2]string{
		{"store", b.Store}, {"incident", b.Incident}, {"run", b.Run}, {"step", b.Step}, {"approval", b.Approval},
		{"plan", b.Plan}, {"answer", cmp.Or(b.Answer, "approve")}, {"person", b.Person},
	}
	if b.Answer == BreakGlass {
		lines = append(lines, [2]string{"target", b.Target}, [2]string{"reason", b.Reason})
	}
	for _, line := range lines {
		value := line[1]
		if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' }) {
			value = strconv.QuoteToASCII(value)
		}
		text.WriteString(line[0] + ": " + value + "\n")
	}
	return []byte(text.String())
}

// Ballot gives what a person would sign to approve this step now. The error is
// a *[Refusal] when the person could not: nothing is asked, or not of them.
func (s *Step) Ballot(actor Actor) (Ballot, error) {
	a := s.Approval
	if a == nil || a.State != ApprovalOpen {
		return Ballot{}, Refuse(AlreadyDecided, "step %q asks nobody for approval at this moment", s.ID)
	}
	if why := s.ineligible(actor, a.From); why != nil {
		return Ballot{}, why
	}
	if slices.ContainsFunc(a.Votes, func(v CastVote) bool { return v.Actor.ID == actor.ID }) {
		return Ballot{}, Refuse(AlreadyVoted, "you voted on step %q already; people are counted, not clicks", s.ID)
	}
	return s.ballot(a, actor.ID), nil
}

func (s *Step) ballot(a *Approval, person string) Ballot {
	return Ballot{
		Store: s.run.incident.store, Incident: s.run.incident.ID, Run: s.run.ID, Step: s.ID, Approval: a.ID,
		Plan: a.Digest, Person: person,
	}
}

// signed checks the signature of a vote and names the key that made it; "" is
// a vote that has none and needs none.
func (s *Step) signed(actor Actor, a *Approval, v Vote) (fingerprint string, refusal *Refusal) {
	again := fmt.Sprintf("in a terminal type: firebreak incident approve %s/%s %s --sign ~/.ssh/id_ed25519", s.run.ID, s.ID, s.run.incident.ID)
	switch {
	case v.Signature == "" && (!v.Approve || !a.StepUp):
		return "", nil
	case v.Signature == "":
		return "", Refuse(StepUpRequired, "a yes to step %q counts only with a signature by your SSH key; %s", s.ID, again)
	case !v.Approve:
		return "", Refuse(BadSignature, "a no is not signed; deny without a signature")
	}
	key, err := s.ballot(a, actor.ID).verify(v.Signature, actor.Keys)
	if err != nil {
		return "", Refuse(BadSignature, "the signature does not count: %v; sign again, %s", err, again)
	}
	return key.Fingerprint(), nil
}

// verify checks a signature over this ballot by one of the person's keys.
func (b Ballot) verify(signature string, keys []string) (SSHKey, error) {
	key, err := VerifySSH(signature, b.Namespace(), VoteMessage(b))
	if err != nil {
		return SSHKey{}, err
	}
	for _, line := range keys {
		if own, err := ParseSSHKey(line); err == nil && own.Equal(key) {
			return key, nil
		}
	}
	if len(keys) == 0 {
		return SSHKey{}, fmt.Errorf("the directory holds no SSH key of %q", b.Person)
	}
	return SSHKey{}, fmt.Errorf("the key %s is not among the SSH keys of %q in the directory", key.Fingerprint(), b.Person)
}

// unsigned says what is wrong with the signature of a vote that was written
// down, or "". It uses the record alone: the ballot is put together from where
// the vote stands, the keys are those that were written down with it.
func (a *Audit) unsigned(p *auditApproval, stepUp bool, e Event, v Vote) string {
	if v.Signature == "" {
		if v.Approve && stepUp {
			return fmt.Sprintf("the yes of %q counts without the signature that the step demands", e.Actor.ID)
		}
		return ""
	}
	b := Ballot{Store: a.store, Incident: a.incident, Run: e.Run, Step: e.Step, Approval: v.Approval, Plan: p.Digest, Person: e.Actor.ID}
	if _, err := b.verify(v.Signature, e.Actor.Keys); err != nil {
		return fmt.Sprintf("the signature of %q does not hold: %v", e.Actor.ID, err)
	}
	return ""
}
