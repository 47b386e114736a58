package cases

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Options are how cases are run. The zero value runs all.
type Options struct {
	Only    *regexp.Regexp   // names of the cases to run; nil: all
	Catalog runbooks.Catalog // for hints about what an action answers; may be nil
	OneWord bool             // begin no further case once one has failed, for who only asks whether all hold; coverage says nothing then
}

// Result is what came of one file.
type Result struct {
	File     string   `json:"file"`
	Runbook  string   `json:"runbook"` // its file
	ID       string   `json:"id"`      // of the runbook
	Cases    []Case   `json:"cases"`
	Coverage Coverage `json:"coverage"`
	Faults   []string `json:"faults,omitempty"` // of the file as a whole: coverage under its threshold
}

// Failed counts the cases that failed.
func (r *Result) Failed() int {
	n := 0
	for _, c := range r.Cases {
		if len(c.Failures) > 0 {
			n++
		}
	}
	return n
}

// OK says whether everything is as it should be.
func (r *Result) OK() bool { return r.Failed() == 0 && len(r.Faults) == 0 }

// Case is what came of one case.
type Case struct {
	Name     string        `json:"name"`
	Pos      runbooks.Pos  `json:"pos"`
	Failures []Failure     `json:"failures,omitempty"`
	Story    []string      `json:"story,omitempty"` // the lines of the timeline
	Facts    int           `json:"facts"`
	Took     runbooks.Span `json:"took"` // virtual time

	cover cover
}

// Failure is one thing that is not as it should be.
type Failure struct {
	Pos  runbooks.Pos `json:"pos"`
	Text string       `json:"text"`
	Want string       `json:"want,omitempty"`
	Got  string       `json:"got,omitempty"`
}

// String is the failure in one line.
func (f Failure) String() string {
	if f.Want == "" && f.Got == "" {
		return f.Text
	}
	return fmt.Sprintf("%s: want %s, got %s", f.Text, f.Want, f.Got)
}

// Run plays every case of a file and compares. The error is one of ctx or of a
// program that cannot be encoded; a case that goes wrong is a failure of it.
func Run(ctx context.Context, f *runbooks.TestFile, p *runbooks.Program, o Options) (*Result, error) {
	r := &Result{File: f.Name, Runbook: p.Source.Name, ID: p.ID}
	var chosen []*runbooks.TestCase
	for i := range f.Cases {
		if o.Only == nil || o.Only.MatchString(f.Cases[i].Name) {
			chosen = append(chosen, &f.Cases[i])
		}
	}
	r.Cases = make([]Case, len(chosen))
	var next atomic.Int64
	var work sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(chosen)) { // cases know nothing of each other
		pinned, err := sim.Pin(p)
		if err != nil {
			return nil, err
		}
		work.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(chosen) && ctx.Err() == nil; n = int(next.Add(1)) - 1 {
				r.Cases[n] = play(ctx, chosen[n], p, pinned, o)
				if o.OneWord && len(r.Cases[n].Failures) > 0 {
					next.Store(int64(len(chosen)))
				}
			}
		})
	}
	work.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.Coverage = newCoverage(p)
	for _, c := range r.Cases {
		r.Coverage.add(c.cover)
	}
	if o.Only == nil { // some of the cases say nothing about coverage
		r.Faults = r.Coverage.under(f.Steps, f.Branches)
	}
	return r, nil
}

// play plays one case.
func play(ctx context.Context, c *runbooks.TestCase, p *runbooks.Program, pinned *sim.Pinned, o Options) Case {
	world, people := script(c), cast(c)
	story, err := sim.Play(ctx, sim.Setup{
		Program: p, Pinned: pinned, Inputs: c.Inputs, Environment: c.Environment.EnvironmentFacts, Floor: floor(c.Environment.Floor), Protected: c.Environment.Protected,
		Requester: actor(c.Requester), Title: c.Title, Severity: c.Severity, World: world, People: people,
	})
	t := &trial{c: c, story: story, world: world, people: people, catalog: o.Catalog}
	return t.judge(err)
}

// judge compares a story, which ended with an error or with none, with what is
// expected.
func (t *trial) judge(err error) Case {
	c, story := t.c, t.story
	out := Case{Name: c.Name, Pos: c.Pos, Facts: len(story.Events), Took: runbooks.Span(story.Took().Truncate(time.Millisecond)), cover: covered(story.Events)}
	t.read()
	if err != nil {
		t.fail(c.Pos, t.explain(err))
	}
	for _, finding := range story.Findings {
		t.fail(c.Pos, "the engine broke a promise, which is a bug of firebreak: "+finding)
	}
	t.acts(err == nil)
	if err == nil {
		t.expect()
		t.unused()
	}
	out.Failures, out.Story = t.failures, t.lines
	return out
}

// explain says what to do about a story that was not told to its end.
func (t *trial) explain(err error) string {
	if missing, ok := errors.AsType[*sim.Missing](err); ok {
		return missing.Error() + "; write under answers: " + t.example(missing.Step, missing.Action)
	}
	if refusal, ok := errors.AsType[*engine.Refusal](err); ok {
		return "the run cannot be started: " + refusal.Message
	}
	return err.Error()
}

// example is an answer as it could be written.
func (t *trial) example(step, action string) string {
	if dot := strings.LastIndexByte(step, '.'); dot > 0 && dot < len(step)-1 && strings.Trim(step[dot+1:], "0123456789") == "" {
		step = step[:dot] // one answer for every item of a list
	}
	outputs := []string{}
	if t.catalog != nil {
		if spec, ok := t.catalog.Spec(action); ok {
			for _, f := range spec.Outputs {
				if f.Required {
					outputs = append(outputs, f.Name+": ...")
				}
			}
		}
	}
	if len(outputs) == 0 {
		return step + ": {}"
	}
	return step + ": {outputs: {" + strings.Join(outputs, ", ") + "}}"
}
