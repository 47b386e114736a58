package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/mem"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/report"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/engine/timeline"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Played is an exercise that is over, with what it showed.
type Played struct {
	Result   *score.Result
	Head     journal.Checkpoint
	Unused   []string // lines of the script that nobody had an occasion to type
	Wrong    []string // what the script did not expect, and promises that the engine broke
	source   timeline.Source
	previous *score.Result // of the exercise of the same runbook before this one; nil: none
}

// Passed says that the exercise went as it should, and its script too.
func (p *Played) Passed() bool {
	return p.Result.Outcome == score.Pass && len(p.Unused) == 0 && len(p.Wrong) == 0
}

// Report writes the after-action report in a form of [report.Formats].
func (p *Played) Report(w io.Writer, format string) error {
	record, err := timeline.Open(p.source)
	if err != nil {
		return err
	}
	r, err := report.New(report.Input{
		Result: p.Result, Record: record, Head: p.Head, Previous: p.previous, Verify: "firebreak verify",
		Chart: func(w io.Writer) error { return record.Lanes(w, timeline.Options{Head: p.Head}) },
	})
	if err != nil {
		return err
	}
	return r.Write(w, format)
}

// score works out what an exercise in a journal showed.
func scored(source timeline.Source, head journal.Checkpoint, now time.Time, d *chatops.Directory) (*Played, error) {
	o := score.Options{Now: now}
	if d != nil {
		o.Commanders = func(id string) bool { return commands(d, id) }
	}
	r, err := score.Score(source(), o)
	if err != nil {
		return nil, err
	}
	p := &Played{Result: r, Head: head, source: source}
	for _, f := range r.Audit {
		p.Wrong = append(p.Wrong, fmt.Sprintf("the engine broke a promise at journal place %d: %s", f.Seq, f.Text))
	}
	return p, nil
}

func commands(d *chatops.Directory, id string) bool {
	p, ok := d.Person(id)
	for _, r := range p.Roles {
		if ok && r == chatops.Commander {
			return true
		}
	}
	return false
}

// PlayScript plays a scenario by its script, in memory and in virtual time. The
// same scenario, seed and runbook give the same journal root.
func PlayScript(ctx context.Context, shelf Shelf, s *runbooks.Scenario) (*Played, error) {
	log, err := memory()
	if err != nil {
		return nil, err
	}
	played, err := playScript(ctx, shelf, s, log, time.Time{})
	return played, errors.Join(err, log.Close())
}

// memory is a journal that is gone with the process. Its key is made up: nobody
// will ever check a signature by it.
func memory() (journal.Log, error) {
	return mem.New(mem.Options{Org: "exercise"})
}

// KeepScript plays a scenario by its script, from now on, and keeps it in the
// store of exercises.
func KeepScript(ctx context.Context, cfg *config.Config, shelf Shelf, s *runbooks.Scenario) error {
	log, err := openDrillStore(ctx, cfg, nil)
	if err != nil {
		return err
	}
	_, err = playScript(ctx, shelf, s, log, time.Now())
	return errors.Join(err, log.Close())
}

func playScript(ctx context.Context, shelf Shelf, s *runbooks.Scenario, log journal.Log, begin time.Time) (*Played, error) {
	program, refusal := find(shelf.Programs, s.Runbook)
	if refusal != nil {
		return nil, refusal
	}
	directory, _, _ := Players(s)
	var bot *chatops.Bot
	played, err := rehearsal.Play(ctx, rehearsal.PlayOptions{
		Scenario: s, Program: program, Journal: log, Begin: begin,
		Type: func(ctx context.Context, st *rehearsal.Stage, id string, line runbooks.ScriptLine, actor engine.Actor) error {
			if bot == nil {
				bot = exerciseBot(&Drills{Journal: log, Stage: st, shelf: func() Shelf { return shelf }, directory: func() *chatops.Directory { return directory }})
			}
			text := chatops.Imply(line.Type, id)
			m := bot.Command(ctx, chatops.Input{Actor: actor, Text: text})
			if m.Sign != nil {
				signature := sim.SignBallot(actor.ID, m.Sign.Ballot)
				m = bot.Command(ctx, chatops.Input{Actor: actor, Text: text, Signature: signature})
			}
			if m.Failed || m.Form != nil {
				return engine.Refuse(m.Code, "%s", said(m))
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	source := func() iter.Seq2[engine.Event, error] {
		return func(yield func(engine.Event, error) bool) {
			for _, e := range played.Events {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
	p, err := scored(source, played.Head, played.Events[len(played.Events)-1].At, directory)
	if err != nil {
		return nil, err
	}
	for _, line := range played.Unused {
		p.Unused = append(p.Unused, line.By+": "+line.Type)
	}
	p.Wrong = append(p.Wrong, played.Faults...)
	return p, nil
}

// said is what a message says, on one line.
func said(m chatops.Message) string {
	var words []string
	for _, part := range m.Parts {
		if text := part.Text + part.Code; text != "" {
			words = append(words, text)
		}
	}
	return strings.Join(words, " ")
}

// exerciseBot answers what is typed in an exercise that is played apart from a server.
func exerciseBot(d *Drills) *chatops.Bot {
	return chatops.NewBot(chatops.Options{
		Incidents: d.Stage, Directory: d.directory, Policy: chatops.DefaultPolicy(), Word: "firebreak incident", StopWord: d.stopWord,
		Now: d.now, Drills: d, Planner: d, Exporter: &exporter{incidents: d.Stage, journal: func(string) journal.Log { return d.Journal }},
	})
}

// TellResult says how an exercise went, for a terminal.
func TellResult(w io.Writer, p *Played, root string) error {
	r := p.Result
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s  %s\n", r.ID, strings.ToUpper(string(r.Outcome)))
	for _, why := range r.Why {
		fmt.Fprintf(&b, "  because %s\n", why)
	}
	for _, a := range r.Aims {
		rating := string(a.Final)
		if rating == "" {
			rating = "-"
		}
		fmt.Fprintf(&b, "  %-2s %s: %s", rating, a.ID, a.Text)
		if a.State != "" {
			fmt.Fprintf(&b, " (%s)", a.State)
		}
		b.WriteByte('\n')
	}
	for _, m := range r.Metrics {
		if m.Came {
			value := fmt.Sprintf("%d%s", m.Value, m.Unit)
			if m.Unit == "s" {
				value = (time.Duration(m.Value) * time.Second).String()
			}
			fmt.Fprintf(&b, "     %-28s %s\n", strings.ReplaceAll(m.Name, "_", " "), value)
		}
	}
	for _, line := range p.Unused {
		fmt.Fprintf(&b, "  unused  %s\n", line)
	}
	for _, wrong := range p.Wrong {
		fmt.Fprintf(&b, "  wrong   %s\n", wrong)
	}
	if root != "" {
		fmt.Fprintf(&b, "  root %s\n", root)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
