package retell

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
)

var childNumber = regexp.MustCompile(`\.[0-9]+`)

// Environment is where the run took place, as a test or a scenario writes it.
func (rec *Story) Environment() Ordered {
	env := rec.Run.Environment
	name := env.Name
	if name == "" || !slices.Contains(rec.Program.Environments, name) && !rec.Names.Keeps(name) {
		name = "test"
	}
	out := Ordered{{"name", name}}
	if env.Account != "" {
		out = append(out, Member{"account", rec.Names.Text(env.Account)})
	}
	if env.Region != "" {
		out = append(out, Member{"region", rec.Names.Text(env.Region)})
	}
	if f := rec.Run.Floor; f != nil {
		floor := Ordered{{"effect", string(f.Effect)}, {"from", rec.Names.From(f.From)}, {"quorum", int64(f.Quorum)}}
		if f.BreakGlass {
			floor = append(floor, Member{"break_glass", true})
		}
		out = append(out, Member{"floor", floor})
	}
	var protected []string
	for _, t := range rec.targets() {
		if _, is := engine.MatchProtected(rec.Run.Protected, []actions.Target{t}); is {
			if p := rec.Names.Target(t).String(); !slices.Contains(protected, p) {
				protected = append(protected, p)
			}
		}
	}
	if len(protected) > 0 {
		out = append(out, Member{"protected", protected})
	}
	return out
}

// Inputs are those of the run.
func (rec *Story) Inputs() Ordered {
	var out Ordered
	for _, in := range rec.Program.Inputs {
		if v, ok := rec.Run.Inputs[in.Name]; ok {
			f := fieldOf(in)
			out = append(out, Member{in.Name, rec.Names.Value(v, f)})
		}
	}
	return out
}

// Answers gives what the world did, attempt by attempt, by step. Children that
// were all treated alike share an answer, and an answer that repeats stands once.
func (rec *Story) Answers() map[string][]Ordered {
	out := map[string][]Ordered{}
	for _, id := range rec.order {
		s := rec.steps[id]
		if s.def.Uses == "" || len(s.attempts) == 0 {
			continue
		}
		var list []Ordered
		plain := true // an undo that works needs no answer
		for i := range s.attempts {
			one := rec.attempt(s, i)
			plain = plain && len(one) == 0
			list = append(list, one)
		}
		if !s.undo || !plain {
			out[id] = list
		}
	}
	families := map[string][]string{}
	for id := range out {
		if base := childNumber.ReplaceAllString(id, ""); base != id {
			families[base] = append(families[base], id)
		}
	}
	for base, ids := range families {
		same := !slices.ContainsFunc(ids, func(id string) bool { return Flow(any(out[id])) != Flow(any(out[ids[0]])) })
		if _, there := out[base]; same && !there {
			out[base] = out[ids[0]]
			for _, id := range ids {
				delete(out, id)
			}
		}
	}
	for step, list := range out {
		for len(list) > 1 && Flow(list[len(list)-1]) == Flow(list[len(list)-2]) {
			list = list[:len(list)-1] // the last one repeats
		}
		out[step] = list
	}
	return out
}

// WriteAnswers writes answers below their key, one step after the other.
func WriteAnswers(b *strings.Builder, indent string, answers map[string][]Ordered) {
	for _, step := range slices.Sorted(maps.Keys(answers)) {
		list := answers[step]
		if len(list) == 1 {
			Block(b, indent+Scalar(step)+":", indent+"  ", list[0])
			continue
		}
		fmt.Fprintf(b, "%s%s:\n", indent, Scalar(step))
		for _, one := range list {
			Block(b, indent+"  -", indent+"    ", one)
		}
	}
}

// attempt writes one attempt of a step.
func (rec *Story) attempt(s *step, i int) Ordered {
	a := s.attempts[i]
	var out Ordered
	add := func(key string, v any) { out = append(out, Member{key, v}) }
	works := rec.readings(&out, a)
	switch {
	case a.began.IsZero() && !works:
		return out // nothing but the plan was ever tried
	case a.began.IsZero():
		if !s.undo {
			add("fails", string(actions.Precondition))
			add("message", "it was never tried")
		}
		return out
	}
	took := a.ended.Sub(a.began).Round(time.Millisecond)
	failure := a.outcome.Failure
	if took != sim.DefaultEffect && took >= time.Millisecond && !s.undo {
		add("takes", Span(took))
	}
	switch {
	case failure != nil && failure.Class == actions.Unknown:
		add("unknown", true)
	case failure != nil:
		add("fails", string(failure.Class))
	}
	if a.probed != nil && s.def.Repeat == actions.Probe && !s.undo {
		add("found", string(a.probed.Found))
	}
	rec.proof(&out, s, a)
	result := a.outcome.Result.Value
	if a.probed != nil && a.probed.Found == actions.Applied {
		result = a.probed.Result.Value
	} else if failure != nil {
		return out
	}
	if !s.undo {
		if outputs := rec.outputs(result, s); len(outputs) > 0 {
			add("outputs", outputs)
		}
	}
	return out
}

// readings writes what the readings of a target saw, as simply as it can, and
// says whether the last one worked.
func (rec *Story) readings(out *Ordered, a *attempt) (works bool) {
	add := func(key string, v any) { *out = append(*out, Member{key, v}) }
	var seen []string // each reading as it is written
	var list []any
	for _, r := range a.readings {
		one := Ordered{{"fails", string(r.fails)}}
		if r.preview != nil {
			one = Ordered{{"targets", rec.listed(r.preview.Targets)}}
		}
		seen, list = append(seen, Flow(one)), append(list, one)
	}
	for n := len(seen); n > 1 && seen[n-1] == seen[n-2]; n-- {
		seen, list = seen[:n-1], list[:n-1]
	}
	if len(a.readings) == 0 {
		return false
	}
	last := a.readings[len(a.readings)-1]
	switch good := last.preview != nil; {
	case len(list) == 1 && good && len(last.preview.Targets) == 0:
	case len(list) == 1 && good:
		add("targets", rec.listed(last.preview.Targets))
	case len(list) == 1:
		add("plan_fails", string(last.fails))
	default:
		add("readings", list)
	}
	if last.preview != nil && last.preview.InEffect {
		add("in_effect", true)
	}
	if last.preview != nil && last.preview.NoUndo != "" {
		add("no_undo", "it cannot be taken back")
	}
	return last.preview != nil
}

// proof writes how the proof of an attempt went.
func (rec *Story) proof(out *Ordered, s *step, a *attempt) {
	if a.verified == nil {
		return
	}
	known := a.ended
	if a.probedAt.After(known) {
		known = a.probedAt
	}
	switch settle := time.Duration(s.def.Settle); {
	case a.verified.Reading.Verdict == actions.Verified && a.verifiedAt.Sub(known) > settle+5*time.Second:
		*out = append(*out, Member{"verified_after", Span(max(a.verifiedAt.Sub(a.ended)-settle, time.Second).Round(time.Second))})
	case a.verified.Reading.Verdict == actions.CannotVerify:
		*out = append(*out, Member{"unreadable", true})
	case a.verified.Reading.Verdict != actions.Verified:
		*out = append(*out, Member{"lies", true})
	}
}

// outputs writes the outputs of an attempt by their declared types.
func (rec *Story) outputs(result []byte, s *step) Ordered {
	m, err := decode(result)
	if err != nil {
		return nil
	}
	fields := s.def.Outputs
	if spec, ok := rec.cat.Spec(s.def.Uses); ok {
		fields = spec.Outputs
	}
	var out Ordered
	for _, f := range fields {
		if v, ok := m[f.Name]; ok && v != nil {
			out = append(out, Member{f.Name, rec.Names.Value(v, f)})
		} else if f.Required {
			out = append(out, Member{f.Name, emptyOf(f)})
		}
	}
	return out
}

// emptyOf is what an action that answers null means.
func emptyOf(f actions.Field) any {
	switch f.Kind {
	case actions.List:
		return []any{}
	case actions.Map, actions.Object:
		return map[string]any{}
	}
	return ""
}

func (rec *Story) listed(targets []actions.Target) []any {
	list := []any{}
	for _, t := range targets {
		t = rec.Names.Target(t)
		one := Ordered{{"type", t.Type}, {"id", t.ID}}
		if t.Account != "" {
			one = append(one, Member{"account", t.Account})
		}
		if t.Region != "" {
			one = append(one, Member{"region", t.Region})
		}
		list = append(list, one)
	}
	return list
}
