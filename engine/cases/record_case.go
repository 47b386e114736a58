package cases

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
)

// file writes the file of tests.
func (rec *recorder) file(facts []engine.Event) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Recorded by firebreak test --record from a run of the runbook with digest %.12s.", rec.program.Digest)
	line("# Ids, names, addresses and texts are stand-ins; give the case a name that says what it shows.")
	line("apiVersion: firebreak/v1")
	line("kind: RunbookTest")
	line("runbook: %s", scalar(rec.book()))
	requester := rec.red.person(rec.run.Requester.ID)
	line("people:")
	for _, p := range rec.people(facts) {
		line("  %s: %s", scalar(p.name), flow(p.is))
	}
	line("cases:")
	line("  - name: recorded")
	line("    incident: {severity: %d}", rec.inc.Severity)
	line("    requester: %s", scalar(requester))
	line("    environment: %s", flow(rec.environment()))
	if inputs := rec.inputs(); len(inputs) > 0 {
		line("    inputs: %s", flow(inputs))
	}
	if answers := rec.answers(); len(answers) > 0 {
		line("    answers:")
		for _, step := range slices.Sorted(maps.Keys(answers)) {
			list := answers[step]
			for len(list) > 1 && flow(list[len(list)-1]) == flow(list[len(list)-2]) {
				list = list[:len(list)-1] // the last one repeats
			}
			if len(list) == 1 {
				block(&b, "      "+scalar(step)+":", "        ", list[0])
				continue
			}
			line("      %s:", scalar(step))
			for _, one := range list {
				block(&b, "        -", "          ", one)
			}
		}
	}
	if len(rec.acts) > 0 {
		line("    people:")
		for _, a := range rec.acts {
			line("      - %s", flow(a.written()))
		}
	}
	line("    expect:")
	for _, e := range rec.expect(facts) {
		line("      %s: %s", e.key, flow(e.value))
	}
	return []byte(b.String())
}

func (rec *recorder) environment() ordered {
	env := rec.run.Environment
	name := env.Name
	if name == "" || !slices.Contains(rec.program.Environments, name) && !rec.red.keep[name] {
		name = "test"
	}
	out := ordered{{"name", name}}
	if env.Account != "" {
		out = append(out, member{"account", rec.red.text(env.Account)})
	}
	if env.Region != "" {
		out = append(out, member{"region", rec.red.text(env.Region)})
	}
	if f := rec.run.Floor; f != nil {
		out = append(out, member{"floor", ordered{{"effect", string(f.Effect)}, {"from", rec.red.from(f.From)}, {"quorum", int64(f.Quorum)}}})
	}
	var protected []string
	for _, t := range rec.targets() {
		if _, is := engine.MatchProtected(rec.run.Protected, []actions.Target{t}); is {
			if p := rec.red.target(t).String(); !slices.Contains(protected, p) {
				protected = append(protected, p)
			}
		}
	}
	if len(protected) > 0 {
		out = append(out, member{"protected", protected})
	}
	return out
}

func (rec *recorder) inputs() ordered {
	var out ordered
	for _, in := range rec.program.Inputs {
		if v, ok := rec.run.Inputs[in.Name]; ok {
			f := fieldOf(in)
			out = append(out, member{in.Name, rec.red.value(v, f)})
		}
	}
	return out
}

// answers gives what the world did, by step. Children that were all treated
// alike share an answer.
func (rec *recorder) answers() map[string][]ordered {
	out := map[string][]ordered{}
	for _, id := range rec.order {
		s := rec.steps[id]
		if s.def.Uses == "" || len(s.attempts) == 0 {
			continue
		}
		var list []ordered
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
		same := !slices.ContainsFunc(ids, func(id string) bool { return flow(any(out[id])) != flow(any(out[ids[0]])) })
		if _, there := out[base]; same && !there {
			out[base] = out[ids[0]]
			for _, id := range ids {
				delete(out, id)
			}
		}
	}
	return out
}

// attempt writes one attempt of a step.
func (rec *recorder) attempt(s *recordedStep, i int) ordered {
	a := s.attempts[i]
	var out ordered
	add := func(key string, v any) { out = append(out, member{key, v}) }
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
		add("takes", span(took))
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
func (rec *recorder) readings(out *ordered, a *recordedAttempt) (works bool) {
	add := func(key string, v any) { *out = append(*out, member{key, v}) }
	var seen []string // each reading as it is written
	var list []any
	for _, r := range a.readings {
		one := ordered{{"fails", string(r.fails)}}
		if r.preview != nil {
			one = ordered{{"targets", rec.listed(r.preview.Targets)}}
		}
		seen, list = append(seen, flow(one)), append(list, one)
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
func (rec *recorder) proof(out *ordered, s *recordedStep, a *recordedAttempt) {
	if a.verified == nil {
		return
	}
	known := a.ended
	if a.probedAt.After(known) {
		known = a.probedAt
	}
	switch settle := time.Duration(s.def.Settle); {
	case a.verified.Reading.Verdict == actions.Verified && a.verifiedAt.Sub(known) > settle+5*time.Second:
		*out = append(*out, member{"verified_after", span(max(a.verifiedAt.Sub(a.ended)-settle, time.Second).Round(time.Second))})
	case a.verified.Reading.Verdict == actions.CannotVerify:
		*out = append(*out, member{"unreadable", true})
	case a.verified.Reading.Verdict != actions.Verified:
		*out = append(*out, member{"lies", true})
	}
}

// outputs writes the outputs of an attempt by their declared types.
func (rec *recorder) outputs(result []byte, s *recordedStep) ordered {
	m, err := decode(result)
	if err != nil {
		return nil
	}
	fields := s.def.Outputs
	if spec, ok := rec.cat.Spec(s.def.Uses); ok {
		fields = spec.Outputs
	}
	var out ordered
	for _, f := range fields {
		if v, ok := m[f.Name]; ok && v != nil {
			out = append(out, member{f.Name, rec.red.value(v, f)})
		} else if f.Required {
			out = append(out, member{f.Name, emptyOf(f)})
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

func (rec *recorder) listed(targets []actions.Target) []any {
	list := []any{}
	for _, t := range targets {
		t = rec.red.target(t)
		one := ordered{{"type", t.Type}, {"id", t.ID}}
		if t.Account != "" {
			one = append(one, member{"account", t.Account})
		}
		if t.Region != "" {
			one = append(one, member{"region", t.Region})
		}
		list = append(list, one)
	}
	return list
}

// expect lists what came of the run.
func (rec *recorder) expect(facts []engine.Event) ordered {
	var mine []engine.Event
	for _, e := range facts {
		if e.Run == rec.run.ID {
			mine = append(mine, e)
		}
	}
	var steps, attempts, approvals ordered
	for _, s := range rec.run.Steps {
		if s.Status.Ended() {
			steps = append(steps, member{s.ID, string(s.Status)})
		}
		if len(s.Attempts) > 1 {
			attempts = append(attempts, member{s.ID, int64(len(s.Attempts))})
		}
		if a := s.Approval; a != nil {
			var by []string
			for _, v := range a.Votes {
				by = append(by, rec.red.person(v.Actor.ID))
			}
			approvals = append(approvals, member{s.ID, ordered{{"quorum", int64(a.Quorum)}, {"verdict", verdict(a)}, {"by", by}}})
		}
	}
	out := ordered{{"run", string(rec.run.Status)}, {"path", began(mine)}, {"steps", steps}}
	if len(attempts) > 0 {
		out = append(out, member{"attempts", attempts})
	}
	if len(approvals) > 0 {
		out = append(out, member{"approvals", approvals})
	}
	t := &trial{run: rec.run, story: &sim.Story{Events: mine}}
	if undone := t.undone(); len(undone) > 0 {
		out = append(out, member{"undone", undone})
	}
	return out
}
