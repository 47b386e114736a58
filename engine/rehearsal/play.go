package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/record"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// PlayOptions are what [Play] plays. Scenario, Program, Type and Journal are
// required.
type PlayOptions struct {
	Scenario *runbooks.Scenario
	Program  *runbooks.Program
	// Type hands in what somebody types, as after /incident. That it is not
	// followed is an *[engine.Refusal], or any other error that says so in words.
	Type    func(ctx context.Context, st *Stage, id string, line runbooks.ScriptLine, actor engine.Actor) error
	Journal journal.Log // one of its own, so that the same play has the same root
	Seed    *int64      // nil: the scenario's
	Begin   time.Time   // zero: [sim.Dawn]
}

// Played is what came of it.
type Played struct {
	Incident string // "DRL-1"
	Head     journal.Checkpoint
	Events   []engine.Event
	Unused   []runbooks.ScriptLine // lines that had no occasion to be typed
	Refusals []Refusal             // lines that were not followed, in order
	Faults   []string              // what did not go as the script says; empty: it is as it should be
	Findings []string              // promises that the core broke; see [engine.Audit]
}

// Refusal is a line that was not followed.
type Refusal struct {
	Line runbooks.ScriptLine
	Text string
}

// Play plays a scenario to its end with the people of its script, in virtual
// time: on the same [Stage], and so through the same gates, as people do. The
// same scenario, program and seed give the same records, to the byte. With an
// error there is still what was played, if there is any. Errors: a refusal to
// begin, a *[sim.Missing] where the scenario has no answer, one of the journal,
// the end of ctx.
func Play(ctx context.Context, o PlayOptions) (*Played, error) {
	st, err := Open(ctx, Options{
		Journal: o.Journal, Store: "rehearsal", Clock: still{}, StopWord: DefaultStopWord,
		Programs:  func() []*runbooks.Program { return []*runbooks.Program{o.Program} },
		Scenarios: func() []*runbooks.Scenario { return []*runbooks.Scenario{o.Scenario} },
	})
	if err != nil {
		return nil, err
	}
	defer st.Close(ctx)
	leader := Person(o.Scenario.Facilitator, "")
	begin := o.Begin
	if begin.IsZero() {
		begin = sim.Dawn()
	}
	receipt, err := st.begin(ctx, engine.Request{Actor: leader, Verb: "drill start"}, Request{Scenario: o.Scenario.ID, Scripted: true}, begin, o.Seed)
	if err != nil {
		return nil, err
	}
	p := &player{o: o, st: st, people: map[string]engine.Actor{leader.ID: leader}, done: map[int]bool{}, answered: map[int]map[string]bool{}}
	for _, one := range o.Scenario.People {
		p.people[one.ID] = Person(one, "")
	}
	out := &Played{Incident: receipt.Incident}
	p.out = out
	err = p.play(ctx)
	for n, line := range o.Scenario.Script {
		if !p.done[n] && len(p.answered[n]) == 0 {
			out.Unused = append(out.Unused, line)
			out.Faults = append(out.Faults, fmt.Sprintf("line %d of the script had no occasion to be typed: %s: %s", n+1, line.By, line.Type))
		}
	}
	return out, errors.Join(err, p.read(ctx))
}

// Person is somebody of a scenario as an actor: at a terminal, or via "chat".
func Person(p runbooks.TestPerson, via string) engine.Actor {
	way := partTyped
	if via == "chat" {
		way = partChat
	}
	return engine.Actor{Type: engine.Person, ID: p.ID, Via: way + p.ID, Groups: p.Groups, Identities: p.Identities}
}

// How a part of a scenario comes in; the same for ever, since records hold it.
const (
	partTyped = "cli:exercise/"
	partChat  = "slack:exercise/"
)

// IsPart says whether an actor is a part of a scenario, as [Person] makes it: the
// record does not show who played it.
func IsPart(a engine.Actor) bool {
	return strings.HasPrefix(a.Via, partTyped) || strings.HasPrefix(a.Via, partChat)
}

// still is a clock outside that nobody looks at.
type still struct{}

func (still) Now() time.Time                              { return sim.Dawn() }
func (still) AfterFunc(time.Duration, func()) func() bool { return func() bool { return true } }

// player types the lines of a script.
type player struct {
	o        PlayOptions
	st       *Stage
	out      *Played
	people   map[string]engine.Actor
	done     map[int]bool
	answered map[int]map[string]bool // by line: the questions for which it was typed
}

// play lets happen whatever comes next, until the exercise is over.
func (p *player) play(ctx context.Context) error {
	d, err := p.st.find(ctx, p.out.Incident)
	if err != nil {
		return err
	}
	for range maxSteps {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, over, err := p.step(d)
		if over || err != nil {
			return err
		}
		if n >= 0 {
			if err := p.enter(ctx, n); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("the exercise %s has more than %d moments", p.out.Incident, maxSteps)
}

// step lets the next thing happen, or lets the time come in which a line is
// typed, and gives its number; else that is -1.
func (p *player) step(d *drill) (n int, over bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.dead != nil:
		return -1, true, d.dead
	case d.missing != nil:
		return -1, true, d.missing
	case d.inc.Drill.Ended:
		return -1, true, nil
	}
	at, do, due := d.next()
	n, when, types := p.next(d)
	switch {
	case !due && !types:
		return -1, true, fmt.Errorf("the exercise %s is held, and nobody of its script lets it go on", d.id)
	case due && (!types || !when.Before(at)):
		d.target = later(d.target, at)
		d.at = later(at, d.game.Last())
		do()
		return -1, false, nil
	}
	d.target = when
	return n, false, nil
}

// next is the line that is typed first, and when.
func (p *player) next(d *drill) (n int, at time.Time, ok bool) {
	now := d.now()
	for i, line := range p.o.Scenario.Script {
		if p.done[i] {
			continue
		}
		due, known := d.director.due(line.Trigger)
		if line.Trigger.Asked != "" {
			a := p.question(d, i)
			if known = a != nil; known {
				due = a.At.Add(time.Duration(line.Trigger.Delay))
			}
		}
		if !known {
			continue
		}
		if due = later(due, now); !ok || due.Before(at) {
			n, at, ok = i, due, true
		}
	}
	return n, at, ok
}

// question is the one that a line is about, or nil. Lines by which one person
// does the same about one step are for one question each, in their order: the
// second yes is for the question that comes after the one that the first
// answered. A line that is to be refused answers none.
func (p *player) question(d *drill, n int) *engine.Ask {
	script := p.o.Scenario.Script
	fits := answers(script[n])
	if script[n].Each {
		return d.director.question(script[n].Trigger.Asked, fits, p.answered[n])
	}
	spent := map[string]bool{}
	for i := range n {
		if !script[i].Each && script[i].Refused == "" && sameAct(script[i], script[n]) {
			if !p.done[i] {
				return nil
			}
			maps.Copy(spent, p.answered[i])
		}
	}
	return d.director.question(script[n].Trigger.Asked, fits, spent)
}

// answers lists the types of questions that a line can answer; none: any. What
// is to be refused may be about any. Only a review is about a review.
func answers(line runbooks.ScriptLine) []engine.AskType {
	verb, _, _ := strings.Cut(strings.ToLower(line.Type), " ")
	switch {
	case verb == sim.Justified || verb == sim.Unjustified:
		return []engine.AskType{engine.AskReview}
	case line.Refused != "":
	case verb == "break-glass":
		return []engine.AskType{engine.AskApproval}
	case verb == "skip":
		return waits()
	case verb == "approve" || verb == "deny":
		return []engine.AskType{engine.AskApproval}
	case verb == "retry":
		return []engine.AskType{engine.AskHeld}
	case verb == "done":
		return []engine.AskType{engine.AskManual, engine.AskHeld}
	case verb == "extend" || verb == "keep" || verb == "undo":
		return []engine.AskType{engine.AskContainment}
	}
	return nil
}

func sameAct(a, b runbooks.ScriptLine) bool {
	verb, _, _ := strings.Cut(a.Type, " ")
	other, _, _ := strings.Cut(b.Type, " ")
	return a.By == b.By && a.Trigger.Asked == b.Trigger.Asked && verb == other
}

// enter types a line, and compares what is said with what the script expects.
func (p *player) enter(ctx context.Context, n int) error {
	line := p.o.Scenario.Script[n]
	if err := p.tick(ctx, n); err != nil {
		return err
	}
	actor, ok := p.people[line.By]
	if !ok {
		return fmt.Errorf("line %d of the script is typed by %q, who is not among the people of the scenario", n+1, line.By)
	}
	if line.Via == "chat" {
		actor.Via = partChat + actor.ID
	}
	err := p.o.Type(ctx, p.st, p.out.Incident, line, actor)
	if ctx.Err() != nil || record.Fatal(err) || errors.Is(err, errStopping) {
		return err
	}
	what := fmt.Sprintf("line %d of the script (%s: %s)", n+1, line.By, line.Type)
	if err != nil {
		p.out.Refusals = append(p.out.Refusals, Refusal{line, err.Error()})
	}
	switch {
	case err == nil && line.Refused != "":
		p.out.Faults = append(p.out.Faults, fmt.Sprintf("%s was followed, and should have been refused with %q", what, line.Refused))
	case err != nil && line.Refused == "":
		p.out.Faults = append(p.out.Faults, fmt.Sprintf("%s was refused: %v", what, err))
	case err != nil && !strings.Contains(err.Error(), line.Refused):
		p.out.Faults = append(p.out.Faults, fmt.Sprintf("%s was refused with %q, and should have been with %q", what, err, line.Refused))
	}
	return nil
}

// tick notes that a line is typed, once or for the question at hand.
func (p *player) tick(ctx context.Context, n int) error {
	line := p.o.Scenario.Script[n]
	if !line.Each {
		p.done[n] = true
	}
	if line.Trigger.Asked == "" {
		return nil
	}
	d, err := p.st.find(ctx, p.out.Incident)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if a := p.question(d, n); a != nil {
		if p.answered[n] == nil {
			p.answered[n] = map[string]bool{}
		}
		p.answered[n][a.ID] = true
	}
	return nil
}

// read gives what was written down.
func (p *player) read(ctx context.Context) (err error) {
	for e, err := range p.st.Events(ctx, p.out.Incident) {
		if err != nil {
			return err
		}
		p.out.Events = append(p.out.Events, e)
	}
	if p.out.Findings, err = p.st.Findings(ctx, p.out.Incident); err != nil {
		return err
	}
	p.out.Head, err = p.o.Journal.Head(ctx)
	return err
}
