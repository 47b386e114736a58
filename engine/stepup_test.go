package engine_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// The form is for ever: a record is verified long after.
func TestVoteMessage(t *testing.T) {
	b := engine.Ballot{Store: "s1", Incident: "INC-12", Run: "R1", Step: "other.disable~undo", Approval: "0123456789abcdef", Plan: strings.Repeat("ab", 32), Person: "bob"}
	want := `firebreak-approve v1
store: s1
incident: INC-12
run: R1
step: other.disable~undo
approval: 0123456789abcdef
plan: ` + strings.Repeat("ab", 32) + `
answer: approve
person: bob
`
	if diff := cmp.Diff(want, string(engine.VoteMessage(b))); diff != "" {
		t.Error(diff)
	}
	seen := map[string]engine.Ballot{}
	for _, evil := range []string{"", `""`, "bob", "bob\nanswer: approve", `"bob\nanswer: approve"`, "b ob", "bøb", "\u202ebob"} {
		for _, b := range []engine.Ballot{{Person: evil}, {Step: evil}, {Person: evil, Step: evil}} {
			text := string(engine.VoteMessage(b))
			if strings.Count(text, "\n") != 9 {
				t.Errorf("%q passes for a line of its own:\n%s", evil, text)
			}
			if other, twice := seen[text]; twice && other != b {
				t.Errorf("%+v and %+v are signed by the same text", other, b)
			}
			seen[text] = b
		}
	}
}

// keyOf is the key of a person of the tests.
func keyOf(id string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("key of " + id))
	return ed25519.NewKeyFromSeed(seed[:])
}

// signer is a person as the directory knows them, with their key.
func signer(id string) engine.Actor {
	a := person(id)
	a.Keys = []string{engine.PublicSSH(keyOf("an old one of " + id)), engine.PublicSSH(keyOf(id))}
	return a
}

func sign(id string, b engine.Ballot) string {
	return engine.SignSSH(keyOf(id), b.Namespace(), engine.VoteMessage(b))
}

const signedStep = `apiVersion: firebreak/v1
kind: Runbook
id: test
title: Test
owner: {team: t, contact: "#t"}
budget: 20m
steps:
  - id: a
    uses: t.keyed
    approval: {from: [group:leads], quorum: QUORUM, expires: 15m, step_up: true}
`

// poll is a run whose step a waits for signed votes.
func poll(t *testing.T, quorum string) *tape {
	t.Helper()
	p := running(t, strings.Replace(signedStep, "QUORUM", quorum, 1))
	planned(t, p, "h1")
	return p
}

func running(t *testing.T, src string) *tape {
	t.Helper()
	p := newTape(t)
	do := func(e engine.Event) {
		t.Helper()
		if _, err := p.take(e); err != nil {
			t.Fatal(err)
		}
	}
	do(engine.Event{Actor: person("alice"), Body: engine.Declared{ID: "INC-7", Title: "x", Severity: 1, Store: "s7"}})
	e := started(t, compile(t, src), "R1", nil, nil)
	e.Actor = person("alice")
	do(e)
	return p
}

func planned(t *testing.T, p *tape, target string) { t.Helper(); plannedOf(t, p, "a", target) }

func plannedOf(t *testing.T, p *tape, id, target string) {
	t.Helper()
	c, ok := command[engine.PlanStep](p.inc, id)
	if !ok {
		t.Fatalf("no plan is owed\n%s", dump(p.inc))
	}
	run, _ := p.inc.Run("R1")
	s, _ := run.Step(id)
	preview := actions.Preview{Targets: []actions.Target{{Type: "host", ID: target}}}
	if _, err := p.take(engine.Event{Actor: engine.TheEngine, Run: "R1", Step: id, Body: engine.StepPlanned{N: c.N, Preview: preview, Digest: s.PlanDigest(preview)}}); err != nil {
		t.Fatal(err)
	}
}

// asked is the step that asks.
func asked(t *testing.T, p *tape) *engine.Step {
	t.Helper()
	run, _ := p.inc.Run("R1")
	s, ok := run.Step("a")
	if !ok {
		t.Fatal("no step a")
	}
	return s
}

func ballot(t *testing.T, p *tape, who string) engine.Ballot {
	t.Helper()
	b, err := asked(t, p).Ballot(person(who))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func cast(p *tape, who engine.Actor, v engine.Vote) ([]engine.Event, error) {
	run, _ := p.inc.Run("R1")
	s, _ := run.Step("a")
	if v.Approval == "" {
		v.Approval = s.Approval.ID
	}
	return p.take(engine.Event{Actor: who, Run: "R1", Step: "a", Body: v})
}

func code(err error) engine.Code {
	if r, ok := errors.AsType[*engine.Refusal](err); ok {
		return r.Code
	}
	return ""
}

func TestStepUp(t *testing.T) {
	good := func(t *testing.T, p *tape) (engine.Actor, engine.Vote) {
		return signer("bob"), engine.Vote{Approve: true, Signature: sign("bob", ballot(t, p, "bob"))}
	}
	// with signs bob's ballot after something of it is changed.
	with := func(change func(b *engine.Ballot)) func(*testing.T, *tape) (engine.Actor, engine.Vote) {
		return func(t *testing.T, p *tape) (engine.Actor, engine.Vote) {
			b := ballot(t, p, "bob")
			change(&b)
			return signer("bob"), engine.Vote{Approve: true, Signature: sign("bob", b)}
		}
	}
	for _, c := range []struct {
		name string
		vote func(*testing.T, *tape) (engine.Actor, engine.Vote)
		code engine.Code
		want string // in the refusal
	}{
		{name: "signed", vote: good},
		{name: "no signature", code: engine.StepUpRequired, want: "in a terminal type: firebreak incident approve R1/a INC-7 --sign ~/.ssh/id_ed25519",
			vote: func(t *testing.T, p *tape) (engine.Actor, engine.Vote) {
				return signer("bob"), engine.Vote{Approve: true}
			}},
		{name: "no key and no signature", code: engine.StepUpRequired,
			vote: func(t *testing.T, p *tape) (engine.Actor, engine.Vote) {
				return person("bob"), engine.Vote{Approve: true}
			}},
		{name: "text that is no signature", code: engine.BadSignature, want: "does not begin with",
			vote: func(t *testing.T, p *tape) (engine.Actor, engine.Vote) {
				return signer("bob"), engine.Vote{Approve: true, Signature: "signed, bob"}
			}},
		{name: "cut off", code: engine.BadSignature, want: "cut off or damaged",
			vote: func(t *testing.T, p *tape) (engine.Actor, engine.Vote) {
				actor, v := good(t, p)
				v.Signature = v.Signature[:len(v.Signature)-40]
				return actor, v
			}},
		{name: "another namespace", code: engine.BadSignature, want: `made for "git"`,
			vote: func(t *testing.T, p *tape) (engine.Actor, engine.Vote) {
				return signer("bob"), engine.Vote{Approve: true, Signature: engine.SignSSH(keyOf("bob"), "git", engine.VoteMessage(ballot(t, p, "bob")))}
			}},
		{name: "the key of somebody else", code: engine.BadSignature, want: `is not among the SSH keys of "bob"`,
			vote: func(t *testing.T, p *tape) (engine.Actor, engine.Vote) {
				return signer("bob"), engine.Vote{Approve: true, Signature: sign("carol", ballot(t, p, "bob"))}
			}},
		{name: "the vote of somebody else", code: engine.BadSignature,
			vote: func(t *testing.T, p *tape) (engine.Actor, engine.Vote) {
				return signer("bob"), engine.Vote{Approve: true, Signature: sign("carol", ballot(t, p, "carol"))}
			}},
		{name: "the vote of somebody else who has the same key", code: engine.BadSignature, want: "not over what was to be signed",
			vote: func(t *testing.T, p *tape) (engine.Actor, engine.Vote) {
				return signer("bob"), engine.Vote{Approve: true, Signature: sign("bob", ballot(t, p, "carol"))}
			}},
		{name: "no key in the directory", code: engine.BadSignature, want: `holds no SSH key of "bob"`,
			vote: func(t *testing.T, p *tape) (engine.Actor, engine.Vote) {
				_, v := good(t, p)
				return person("bob"), v
			}},
		{name: "a requester who signs", code: engine.SelfApproval,
			vote: func(t *testing.T, p *tape) (engine.Actor, engine.Vote) {
				b := ballot(t, p, "bob")
				b.Person = "alice"
				a := signer("alice")
				a.Groups = []string{"leads"}
				return a, engine.Vote{Approve: true, Signature: sign("alice", b)}
			}},
		{name: "a no that is signed as a yes", code: engine.BadSignature, want: "deny without a signature",
			vote: func(t *testing.T, p *tape) (engine.Actor, engine.Vote) {
				actor, v := good(t, p)
				v.Approve, v.Reason = false, "r"
				return actor, v
			}},
		{name: "another store", code: engine.BadSignature, vote: with(func(b *engine.Ballot) { b.Store = "s2" })},
		{name: "another incident", code: engine.BadSignature, vote: with(func(b *engine.Ballot) { b.Incident = "INC-2" })},
		{name: "another run", code: engine.BadSignature, vote: with(func(b *engine.Ballot) { b.Run = "R2" })},
		{name: "another step", code: engine.BadSignature, vote: with(func(b *engine.Ballot) { b.Step = "b" })},
		{name: "another approval", code: engine.BadSignature, vote: with(func(b *engine.Ballot) { b.Approval = "0123456789abcdef" })},
		{name: "another plan", code: engine.BadSignature, vote: with(func(b *engine.Ballot) { b.Plan = strings.Repeat("0", 64) })},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := poll(t, "1")
			actor, v := c.vote(t, p)
			_, err := cast(p, actor, v)
			s := asked(t, p)
			if c.code == "" {
				if err != nil || s.Status != engine.StepChecking || !strings.HasPrefix(s.Approval.Votes[0].Key, "SHA256:") {
					t.Fatalf("got %v and a step that is %s", err, s.Status)
				}
				return
			}
			if code(err) != c.code || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v (%s), want %s with %q", err, code(err), c.code, c.want)
			}
			if s.Status != engine.StepAwaiting || len(s.Approval.Votes) != 0 {
				t.Errorf("the step is %s with the votes %v", s.Status, s.Approval.Votes)
			}
		})
	}
}

// Two people have to sign; one who only says yes is none.
func TestStepUpOfTwo(t *testing.T) {
	p := poll(t, "2")
	yes := func(who string) engine.Vote {
		return engine.Vote{Approve: true, Signature: sign(who, ballot(t, p, who))}
	}
	if _, err := cast(p, signer("bob"), yes("bob")); err != nil {
		t.Fatal(err)
	}
	if _, err := cast(p, signer("carol"), engine.Vote{Approve: true}); code(err) != engine.StepUpRequired {
		t.Fatalf("the second yes without a signature is answered with %v", err)
	}
	if _, err := asked(t, p).Ballot(signer("bob")); code(err) != engine.AlreadyVoted {
		t.Fatalf("bob could sign once more: %v", err)
	}
	if _, err := cast(p, signer("bob"), engine.Vote{Approve: true}); code(err) != engine.AlreadyVoted {
		t.Fatalf("bob's second signed yes is answered with %v", err)
	}
	if s := asked(t, p); s.Status != engine.StepAwaiting || s.Approval.Approvals() != 1 {
		t.Fatalf("the step is %s with %d approvals", s.Status, s.Approval.Approvals())
	}
	if _, err := cast(p, signer("carol"), yes("carol")); err != nil {
		t.Fatal(err)
	}
	planned(t, p, "h1")
	if s := asked(t, p); s.Status != engine.StepRunning {
		t.Fatalf("the step is %s", s.Status)
	}
	if diff := cmp.Diff(dump(p.inc), dump(p.replay())); diff != "" {
		t.Errorf("the record gives another incident: %s", diff)
	}
}

// A no needs no signature, and ends it.
func TestStepUpDenied(t *testing.T) {
	p := poll(t, "1")
	if _, err := cast(p, person("bob"), engine.Vote{Reason: "not now"}); err != nil {
		t.Fatal(err)
	}
	if s := asked(t, p); s.Status != engine.StepRefused {
		t.Errorf("the step is %s", s.Status)
	}
}

// When the plan is another one people sign again: what they signed is of no use.
func TestStepUpAskedAgain(t *testing.T) {
	p := poll(t, "1")
	v := engine.Vote{Approve: true, Signature: sign("bob", ballot(t, p, "bob"))}
	if _, err := cast(p, signer("bob"), v); err != nil {
		t.Fatal(err)
	}
	planned(t, p, "h2")
	s := asked(t, p)
	if s.Status != engine.StepAwaiting || !s.Approval.StepUp {
		t.Fatalf("the step is %s", s.Status)
	}
	if _, err := cast(p, signer("bob"), engine.Vote{Approve: true, Signature: v.Signature}); code(err) != engine.BadSignature {
		t.Errorf("the old signature is answered with %v", err)
	}
}

// Where no signature is asked for, one that is given must hold all the same:
// whoever reads the record would believe it.
func TestSignatureNobodyAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		key  string
		want engine.Code
	}{"good": {"bob", ""}, "by another key": {"carol", engine.BadSignature}} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, "  - id: a\n    uses: t.keyed\n    approval: {from: [group:leads], quorum: 1}\n")
			g.plan(1, "h1", `{}`)
			g.ask("1", 1)
			b, err := g.step().Ballot(person("bob"))
			if err != nil {
				t.Fatal(err)
			}
			err = g.apply(engine.Event{Actor: signer("bob"), Run: "R1", Step: "a", Body: engine.Vote{Approval: "1", Approve: true, Signature: sign(c.key, b)}})
			if code(err) != c.want || (err == nil) != (c.want == "") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestBallotOfThoseWhoCannotVote(t *testing.T) {
	p := poll(t, "1")
	s := asked(t, p)
	alice := person("alice")
	alice.Groups = []string{"leads"}
	for who, want := range map[*engine.Actor]engine.Code{
		&alice: engine.SelfApproval, {Type: engine.Stranger}: engine.NotKnown, {Type: engine.Person, ID: "zoe"}: engine.NotApprover,
	} {
		if _, err := s.Ballot(*who); code(err) != want {
			t.Errorf("%+v: got %v, want %s", *who, err, want)
		}
	}
	erin := person("erin") // is host h1
	if _, err := s.Ballot(erin); code(err) != engine.SubjectConflict {
		t.Errorf("got %v", err)
	}
	if _, err := cast(p, person("bob"), engine.Vote{Reason: "no"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ballot(person("carol")); code(err) != engine.AlreadyDecided {
		t.Errorf("after the no: got %v", err)
	}
}

func TestFloorKeepsStepUp(t *testing.T) {
	step := &runbooks.Step{Uses: "a", Effect: actions.Reversible, Approval: &runbooks.Approval{From: []string{"group:x"}, Quorum: 1, StepUp: true}}
	got := engine.EffectiveApproval(step, &engine.Floor{Effect: actions.Reversible, From: []string{"group:leads"}, Quorum: 2})
	if !got.StepUp || got.Quorum != 2 {
		t.Errorf("got %+v", got)
	}
}

// The plan that wants signatures is another one than the plan that does not.
func TestPlanDigestCoversStepUp(t *testing.T) {
	p := poll(t, "1")
	s := asked(t, p)
	before := s.PlanDigest(*s.Preview)
	s.Def.Approval.StepUp = false
	if s.PlanDigest(*s.Preview) == before {
		t.Error("both have the same digest")
	}
}
