package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// atOnce is how many items of a loop are read at the same time.
const atOnce = 8

// loop plans a step for each item of its list.
func (w *walk) loop(ctx context.Context, s *Step, def *runbooks.Step) {
	items, readings, err := def.ForEach.In.Items(w.env)
	s.Readings = append(s.Readings, readings...)
	if err != nil {
		if open := w.notKnown(def.ForEach.In.Paths()); len(open) > 0 {
			s.WaitsFor = open
			return
		}
		w.fail(s, actions.Invalid, "the list cannot be worked out: "+err.Error())
		return
	}
	if len(items) == 0 {
		s.Fate, s.Why, s.Approval = Skips, "its list is empty", nil
		w.ends(def, string(engine.StepSkipped), nil)
		return
	}
	s.Items = len(items)
	if def.Runbook != nil {
		s.Runbook = def.Runbook.ID
	}
	each := *def
	each.ForEach, each.If, each.Needs, each.Contains = nil, nil, nil, nil
	if def.Runbook == nil {
		each.Approval = nil // people are asked once, about all of them
	}
	steps := make([]Step, min(len(items), MaxItems))
	slots := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for n := range steps {
		one, def := *w, each
		def.ID = each.ID + "." + strconv.Itoa(n+1)
		one.env.Steps = maps.Clone(w.env.Steps)
		one.env.Item, one.env.Index, one.item, one.unsure = items[n], n+1, true, s.Fate == Unknown
		one.gated = s.Approval != nil
		one.req.Floor = nil
		if def.Runbook != nil {
			one.req.Floor = w.req.Floor
		}
		slots <- struct{}{}
		group.Go(func() {
			steps[n] = one.step(ctx, &def)
			<-slots
		})
	}
	group.Wait()
	s.Steps = steps
	w.gather(s, def)
}

// gather draws from the items what the loop as a whole says.
func (w *walk) gather(s *Step, def *runbooks.Step) {
	known, results := len(s.Steps) == s.Items && def.Effect == actions.Read && s.Fate == Runs, []any{}
	failed := 0
	for i := range s.Steps {
		one := &s.Steps[i]
		s.Targets = append(s.Targets, one.Targets...)
		for _, call := range one.Calls {
			if !slices.Contains(s.Calls, call) {
				s.Calls = append(s.Calls, call)
			}
		}
		for _, path := range one.WaitsFor {
			if !slices.Contains(s.WaitsFor, path) {
				s.WaitsFor = append(s.WaitsFor, path)
			}
		}
		if one.BlastRadius != "" {
			s.BlastRadius = one.BlastRadius
		}
		if one.Fate == Fails {
			failed++
		}
		known = known && one.outputs != nil
		results = append(results, map[string]any(one.outputs))
	}
	if failed > def.ForEach.Budget(s.Items) {
		w.fail(s, actions.Precondition, fmt.Sprintf("%d of %d items cannot run as things are, and %d may fail", failed, s.Items, def.ForEach.Budget(s.Items)))
	}
	if known {
		w.ends(def, string(engine.StepDone), map[string]any{"results": results, "done": int64(len(results)), "failed": int64(0)})
	}
}

// call plans the runbook that a step calls.
func (w *walk) call(ctx context.Context, s *Step, def *runbooks.Step) {
	program := def.Runbook.Program
	s.Runbook = program.ID
	v, ok := w.resolve(s, def.With, "inputs")
	if !ok {
		return
	}
	given, _ := v.(map[string]any)
	inputs, problems := program.CheckInputs(given)
	if len(problems) > 0 {
		w.fail(s, actions.Invalid, fmt.Sprintf("the inputs do not fit runbook %q: %s", program.ID, problems.Error()))
		return
	}
	inner := *w
	inner.prefix, inner.item, inner.unsure = s.ID+".", false, s.Fate == Unknown
	inner.env.Inputs, inner.env.Steps, inner.env.Item, inner.env.Index = inputs, map[string]runbooks.StepState{}, nil, 0
	for i := range program.Steps {
		s.Steps = append(s.Steps, inner.step(ctx, &program.Steps[i]))
	}
	if len(inner.env.Steps) < len(program.Steps) || s.Fate != Runs {
		return // how it ends is not known
	}
	outputs := map[string]any{}
	for _, out := range program.Outputs {
		v, err := out.Value.Value(inner.env)
		if err != nil {
			return
		}
		outputs[out.Name] = v
	}
	s.outputs = outputs
	w.ends(def, string(engine.StepDone), outputs)
}

// wait says how long a step lets pass.
func (w *walk) wait(s *Step, def *runbooks.Step) {
	if def.Wait.Until == nil {
		s.Wait = time.Duration(def.Wait.For).String()
		return
	}
	seconds, readings, err := def.Wait.Until.Number(w.env)
	s.Readings = append(s.Readings, readings...)
	switch open := w.notKnown(def.Wait.Until.Paths()); {
	case err == nil:
		s.Wait = "until " + time.Unix(seconds, 0).UTC().Format(time.RFC3339)
	case len(open) > 0:
		s.WaitsFor = open
	default:
		w.fail(s, actions.Invalid, "the time to wait for cannot be worked out: "+err.Error())
	}
}

// Duration is how long a run takes, along the longest way through its steps
// that are not skipped.
type Duration struct {
	Least runbooks.Span `json:"least"` // waits and settling; people answer at once and nothing is tried twice
	Most  runbooks.Span `json:"most"`  // every approval is answered at its last moment, every attempt and proof takes all its time
	Open  []string      `json:"open"`  // steps that wait for a person without a limit
}

// durationOf adds up along the needs.
func durationOf(defs []runbooks.Step, steps []Step) Duration {
	least, most := map[string]time.Duration{}, map[string]time.Duration{}
	total := Duration{Open: []string{}}
	for i := range defs { // each stands after what it needs, or is counted too short by a step that comes later
		def, s := &defs[i], &steps[i]
		var low, high time.Duration
		for _, need := range def.Needs {
			low, high = max(low, least[need]), max(high, most[need])
		}
		if s.Fate != Skips {
			l, m := took(def, s, &total.Open)
			low, high = low+l, high+m
		}
		least[def.ID], most[def.ID] = low, high
		total.Least, total.Most = max(total.Least, runbooks.Span(low)), max(total.Most, runbooks.Span(high))
	}
	return total
}

// took is how long one step takes at least and at most.
func took(def *runbooks.Step, s *Step, open *[]string) (least, most time.Duration) {
	if a := s.Approval; a != nil {
		most += time.Duration(a.Expires)
	}
	switch {
	case def.ForEach != nil:
		each := *def
		each.ForEach, each.Approval = nil, nil
		rounds := time.Duration(max(1, (s.Items+def.ForEach.MaxParallel-1)/def.ForEach.MaxParallel))
		var first Step
		if len(s.Steps) > 0 {
			first = s.Steps[0]
		}
		l, m := took(&each, &first, open)
		return least + rounds*l, most + rounds*m
	case def.Runbook != nil && len(s.Steps) > 0:
		inner := durationOf(def.Runbook.Program.Steps, s.Steps)
		*open = append(*open, inner.Open...)
		return least + time.Duration(inner.Least), most + time.Duration(inner.Most)
	case def.Wait != nil:
		return least + time.Duration(def.Wait.For), most + time.Duration(def.Wait.For)
	case def.Manual != nil:
		if def.Total == 0 {
			*open = append(*open, s.ID)
		}
		return least, most + time.Duration(def.Total)
	case def.Uses == "":
		return least, most
	}
	attempts := time.Duration(max(1, def.Retry.Attempts))
	work := attempts * time.Duration(def.Timeout)
	pause := time.Duration(def.Retry.Backoff)
	for range attempts - 1 {
		work += pause + pause/4
		pause = min(2*pause, 5*time.Minute)
	}
	if def.Verify != nil {
		least += time.Duration(def.Settle)
		work += attempts * time.Duration(def.Verify.Within)
	}
	if def.Total > 0 {
		work = min(work, time.Duration(def.Total))
	}
	return least, most + work
}

// words says a duration in a line.
func (d Duration) words() string {
	line := fmt.Sprintf("at least %s, at most %s when everybody answers at the last moment", time.Duration(d.Least), time.Duration(d.Most))
	if len(d.Open) > 0 {
		line += fmt.Sprintf("; without a limit for %s, which a person does", strings.Join(d.Open, ", "))
	}
	return line
}
