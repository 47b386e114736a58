package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/host"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/readiness"
	"github.com/firebreak-ir/firebreak/engine/record"
	"github.com/firebreak-ir/firebreak/engine/timeline"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Records are the journals that readiness reads.
type Records struct {
	Live   journal.Log // nil: none
	Drills journal.Log // nil: no exercise ever took place
}

// past reads journals into cases. A stream that has not grown is not read again.
// Each journal has a lock of its own: whether a run needs one more approver is
// asked of the exercises, and must not wait until all incidents were read.
type past struct{ live, drills *casesOf }

func newPast() *past { return &past{newCasesOf(), newCasesOf()} }

// casesOf is what is remembered of one journal.
type casesOf struct {
	mu       sync.Mutex
	programs func([]byte) (*runbooks.Program, error)
	known    map[string]known // by stream
}

type known struct {
	records int64
	c       *readiness.Case
}

func newCasesOf() *casesOf {
	return &casesOf{programs: readiness.Programs(), known: map[string]known{}}
}

// cases reads every stream of a journal, one after the other, as it was at a time;
// the zero time is now. What cannot be read is told in words and left out. The
// error is that of the journal, or the end of ctx.
func (p *casesOf) cases(ctx context.Context, which string, log journal.Log, at time.Time) (list []*readiness.Case, unread []string, err error) {
	if log == nil {
		return nil, nil, nil
	}
	now := at
	if at.IsZero() {
		now = time.Now()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	streams, err := log.Streams(ctx, false)
	if err != nil {
		return nil, nil, fmt.Errorf("list what the journal of %s holds: %w", which, err)
	}
	for _, s := range streams {
		if old, ok := p.known[s.Name]; ok && at.IsZero() && old.records == s.Records {
			list = append(list, old.c)
			continue
		}
		read := func(source timeline.Source) (*readiness.Case, error) {
			return readiness.Read(source, readiness.ReadOptions{Now: now, Programs: p.programs})
		}
		if s.Name == host.StoreStream {
			read = readiness.ReadStore
		}
		c, err := read(sourceOf(ctx, log, s.Name, at))
		switch {
		case errors.Is(err, timeline.ErrEmpty): // it had not begun
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case err != nil:
			unread = append(unread, fmt.Sprintf("%s of %s cannot be read (%v); see: firebreak verify", s.Name, which, err))
		default:
			list = append(list, c)
			if at.IsZero() {
				p.known[s.Name] = known{s.Records, c}
			}
		}
	}
	return list, unread, nil
}

// sourceOf gives the facts of one stream, up to a time outside. The clock of an
// exercise is its own, may run ahead by days, and stands still when it is over: of
// one that had begun everything is given up to the first fact that names a later
// time outside. A scripted one takes no time outside.
func sourceOf(ctx context.Context, log journal.Log, stream string, until time.Time) timeline.Source {
	return func() iter.Seq2[engine.Event, error] {
		return func(yield func(engine.Event, error) bool) {
			exercise := false
			for e, err := range record.Read(ctx, log, stream) {
				if err == nil && !until.IsZero() && writtenAt(e, exercise).After(until) {
					return
				}
				if _, ok := e.Body.(engine.DrillStarted); ok {
					exercise = true
				}
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

// writtenAt is when a fact was written down outside, as far as it is known; zero: it is not.
func writtenAt(e engine.Event, exercise bool) time.Time {
	wall := engine.Stamp{}
	switch b := e.Body.(type) {
	case engine.DrillStarted:
		wall = b.Wall
	case engine.DrillHeld:
		wall = b.Wall
	case engine.DrillResumed:
		wall = b.Wall
	case engine.DrillEnded:
		wall = b.Wall
	}
	if wall.IsZero() && !exercise {
		return e.At
	}
	return wall.Time
}

// readinessInput gathers what a ledger and a review are made from: both journals,
// the runbooks and the people of today. At the zero time it is as of now; with
// another one the journals are read as they were then.
func readinessInput(ctx context.Context, cfg *config.Config, shelf Shelf, records Records, p *past, at time.Time) (readiness.Input, error) {
	in := readiness.Input{Now: at, Programs: slices.Clone(shelf.Programs), Scenarios: append(append([]*runbooks.Scenario{}, shelf.Scenarios...), shelf.Apart...), Policy: Policy(cfg)}
	refused(shelf, &in)
	if at.IsZero() {
		in.Now = time.Now()
	}
	for _, one := range []struct {
		which string
		cases *casesOf
		log   journal.Log
		into  *[]*readiness.Case
	}{{"rehearsals", p.drills, records.Drills, &in.Drills}, {"live incidents", p.live, records.Live, &in.Incidents}} {
		cases, unread, err := one.cases.cases(ctx, one.which, one.log, at)
		if err != nil {
			return in, err
		}
		in.Unread = append(in.Unread, unread...)
		*one.into = cases
	}
	people(cfg, &in)
	return in, nil
}

// Policy is what the configuration demands of runbooks.
func Policy(cfg *config.Config) readiness.Policy {
	r := cfg.Readiness
	return readiness.Policy{MaxAge: r.MaxAge, Last: r.Last, MinPass: r.MinPass, CountScripted: r.CountScripted, AddsApprover: r.AddsApprover}
}

// people tells readiness who is in the directory, and who may start a run.
func people(cfg *config.Config, in *readiness.Input) {
	d, policy := &cfg.Directory, chatops.Policy{EverybodyResponds: cfg.Policy.EverybodyResponds}
	in.Groups = func(group string) []string { return d.Groups[group] }
	in.People = func(id string) (groups []string, active bool) {
		if _, active = d.Person(id); !active {
			return nil, false
		}
		for group, members := range d.Groups {
			if slices.Contains(members, id) {
				groups = append(groups, group)
			}
		}
		slices.Sort(groups)
		return groups, true
	}
	in.Signs = func(id string) bool {
		p, _ := d.Person(id)
		return len(p.SSHKeys) > 0
	}
	in.Starters = []string{}
	for _, p := range d.People {
		if slices.ContainsFunc(policy.Roles(d, p.ID), func(r chatops.Role) bool { return r == chatops.Responder || r == chatops.Commander }) {
			in.Starters = append(in.Starters, p.ID)
		}
	}
	for _, e := range cfg.Environments {
		in.Environments = append(in.Environments, readiness.Environment{Name: e.Name, Floor: e.Floor})
	}
}

// refused adds the runbooks that cannot be run, and the files that hold none.
func refused(shelf Shelf, in *readiness.Input) {
	first, more := map[string]string{}, map[string]int{}
	var files []string
	for _, d := range shelf.Faults {
		if d.Severity != runbooks.SeverityError || runbooks.IsScenario(shelf.Sources[d.File]) {
			continue
		}
		if first[d.File] != "" {
			more[d.File]++
			continue
		}
		first[d.File], files = d.Message, append(files, d.File)
	}
	why := func(file string) string {
		text := first[file]
		if n := more[file]; n > 0 {
			text += fmt.Sprintf(" (and %d more errors)", n)
		}
		return text + "; see: firebreak lint " + file
	}
	ids, compiled := map[string]bool{}, map[string]bool{}
	for _, p := range shelf.Programs {
		ids[p.ID], compiled[p.Source.Name] = true, true
	}
	in.Refused, in.Left = map[string]string{}, []readiness.LeftOut{}
	for _, p := range shelf.Refused {
		if compiled[p.Source.Name] = true; !ids[p.ID] {
			in.Programs = append(in.Programs, p)
			in.Refused[p.Digest] = why(p.Source.Name)
		}
	}
	for _, file := range files {
		if !compiled[file] {
			in.Left = append(in.Left, readiness.LeftOut{File: file, Text: why(file)})
		}
	}
}

// Readiness works out the input of a ledger and of a review from journals that
// somebody opened.
func Readiness(ctx context.Context, cfg *config.Config, shelf Shelf, records Records, at time.Time) (readiness.Input, error) {
	return readinessInput(ctx, cfg, shelf, records, newPast(), at)
}

// Extra says whether a run of a runbook needs one more approver by the policy;
// nil: no. When the record of rehearsals cannot be read the answer is yes: nobody
// can tell that it was rehearsed.
func Extra(ctx context.Context, cfg *config.Config, records Records, program *runbooks.Program) *engine.Extra {
	return extraBy(ctx, cfg, records, newPast(), program)
}

func extraBy(ctx context.Context, cfg *config.Config, records Records, p *past, program *runbooks.Program) *engine.Extra {
	if !cfg.Readiness.AddsApprover {
		return nil
	}
	in, err := readinessInput(ctx, cfg, Shelf{Programs: []*runbooks.Program{program}}, Records{Drills: records.Drills}, p, time.Time{})
	if err != nil {
		return &engine.Extra{Approvers: 1, Why: fmt.Sprintf("last rehearsed: nobody knows, the record of rehearsals cannot be read (%v)", err)}
	}
	return readiness.Extra(in, program)
}

// drillLog is the journal of exercises; nil: there is none here.
func (a *App) drillLog() journal.Log {
	if a.Drills == nil {
		return nil
	}
	return a.Drills.Journal
}

// extraOf is what a run of a runbook that starts now needs by the policy.
func (a *App) extraOf(ctx context.Context, p *runbooks.Program) *engine.Extra {
	if _, err := os.Stat(a.Config.Rehearsal.Store); a.Drills == nil && err == nil && a.Config.Readiness.AddsApprover {
		return &engine.Extra{Approvers: 1, Why: "last rehearsed: nobody knows, the record of rehearsals cannot be opened here"}
	}
	return extraBy(ctx, a.Config, Records{Drills: a.drillLog()}, a.past, p)
}

// extra is what the host asks before it starts a run.
func (a *App) extra(p *runbooks.Program, _ string) (n int, why string) {
	x := a.extraOf(context.Background(), p)
	if x == nil {
		return 0, ""
	}
	return x.Approvers, x.Why
}

// ledgerer shows the readiness of runbooks in a chat.
type ledgerer struct{ app *App }

// Ledger gives the ledger of all runbooks, or of one, as a message. What happened
// in a private incident is not in it. Problems of the request are a
// *engine.Refusal.
func (x *ledgerer) Ledger(ctx context.Context, runbook string) (chatops.Message, error) {
	a := x.app
	in, err := readinessInput(ctx, a.Config, a.shelf(), Records{Live: a.Journal, Drills: a.drillLog()}, a.past, time.Time{})
	if err != nil {
		return chatops.Message{}, err
	}
	in.Incidents = slices.DeleteFunc(in.Incidents, func(c *readiness.Case) bool { return c.Private })
	l := readiness.Make(in)
	m := chatops.Message{Title: "Readiness of runbooks", Seq: -1, Tone: chatops.Good}
	if runbook != "" {
		if err := l.Only([]string{runbook}); err != nil {
			return m, engine.Refuse(engine.NoRunbook, "%v", err)
		}
		m.Title = "Readiness of " + runbook
	}
	if bad, _ := readiness.ParseStates("any"); len(l.Failing(bad)) > 0 {
		m.Tone = chatops.Warn
	}
	var text strings.Builder
	if err := l.Text(&text, false); err != nil {
		return m, err
	}
	m.Parts = []chatops.Part{{Code: text.String()}}
	return m, nil
}
