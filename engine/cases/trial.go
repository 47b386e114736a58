package cases

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/engine/timeline"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// trial compares the story of one case with what is expected of it.
type trial struct {
	c        *runbooks.TestCase
	story    *sim.Story
	world    *sim.Script
	people   *sim.Cast
	catalog  runbooks.Catalog
	run      *engine.Run // nil: it did not start
	timeline *timeline.Timeline
	lines    []string
	failures []Failure
}

func (t *trial) fail(pos runbooks.Pos, text string) {
	t.failures = append(t.failures, Failure{Pos: pos, Text: text})
}

// differs notes a failure when got is not what is wanted.
func (t *trial) differs(pos runbooks.Pos, what, want, got string) {
	if want != got {
		t.failures = append(t.failures, Failure{Pos: pos, Text: what, Want: want, Got: got})
	}
}

// read makes the timeline of the story.
func (t *trial) read() {
	t.run, _ = t.story.Incident.Run("")
	made, err := timeline.Fold(events(t.story.Events))
	if err != nil {
		t.lines = append(t.lines, "! the timeline cannot be told: "+err.Error())
		return
	}
	t.timeline = made
	for _, l := range made.Lines(0) {
		t.lines = append(t.lines, l.Mark+" "+l.Text)
	}
}

func events(list []engine.Event) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for _, e := range list {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// acts makes sure that every act of the case happened and was taken as it
// should be. Ended: the story was told to its end.
func (t *trial) acts(ended bool) {
	happened := map[int]bool{}
	for _, d := range t.people.Happened() {
		happened[d.Act] = true
		a := t.c.Acts[d.Act]
		what := doing(a)
		switch {
		case d.Refusal == nil && a.Refused != "":
			t.failures = append(t.failures, Failure{Pos: a.Pos, Text: what, Want: fmt.Sprintf("refused with %q", a.Refused), Got: "it was followed"})
		case d.Refusal != nil && a.Refused == "":
			t.fail(a.Pos, what+" was refused: "+d.Refusal.Message)
		case d.Refusal != nil && !strings.Contains(d.Refusal.Message, a.Refused):
			t.failures = append(t.failures, Failure{Pos: a.Pos, Text: what, Want: fmt.Sprintf("refused with %q", a.Refused), Got: fmt.Sprintf("refused with %q", d.Refusal.Message)})
		}
	}
	for n, a := range t.c.Acts {
		if ended && a.Own && !happened[n] {
			t.fail(a.Pos, "unused: "+doing(a)+" had no occasion to happen")
		}
	}
}

func doing(a runbooks.TestAct) string {
	if a.Step == "" {
		return fmt.Sprintf("%s by %s", a.Verb, a.By.ID)
	}
	return fmt.Sprintf("%s %s by %s", a.Verb, a.Step, a.By.ID)
}

// unused makes sure that every answer of the case was asked for.
func (t *trial) unused() {
	for _, a := range t.c.Answers {
		if !a.Own {
			continue
		}
		switch used := t.world.Used(a.Step); {
		case used == 0:
			t.fail(a.Pos, fmt.Sprintf("unused answer: step %q was never asked; leave the answer out, or find out why the step did not run", a.Step))
		case used < len(a.List):
			t.fail(a.List[used].Pos, fmt.Sprintf("unused answer: step %q made no attempt %d", a.Step, used+1))
		}
	}
}

// step finds a step of the run.
func (t *trial) step(id string) (*engine.Step, bool) {
	if t.run == nil {
		return nil, false
	}
	return t.run.Step(id)
}

// began lists the steps that began to run, in order, each once, without undos;
// items of one list that stand together in the order of the list.
func began(list []engine.Event) []string {
	var ids []string
	for _, e := range list {
		switch e.Body.(type) {
		case engine.EffectIntent, engine.ManualAsked, engine.WaitStarted:
			if !strings.Contains(e.Step, "~undo") && !slices.Contains(ids, e.Step) {
				ids = append(ids, e.Step)
			}
		}
	}
	return inTurn(ids)
}

// inTurn puts the items of one list that stand together into the order of the
// list: which of those that are in flight at the same time is first is chance.
func inTurn(path []string) []string {
	list := func(id string) (string, int) {
		at := strings.LastIndex(id, ".")
		n, err := strconv.Atoi(id[at+1:])
		if at < 0 || err != nil {
			return id, 0
		}
		return id[:at], n
	}
	for start := 0; start < len(path); {
		of, n := list(path[start])
		end := start + 1
		for ; end < len(path) && n > 0; end++ {
			if next, m := list(path[end]); next != of || m == 0 {
				break
			}
		}
		slices.SortFunc(path[start:end], func(a, b string) int {
			_, n := list(a)
			_, m := list(b)
			return n - m
		})
		start = end
	}
	return path
}
