package plan

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Registry finds an action by name.
type Registry interface {
	Handler(name string) (actions.Handler, bool)
}

// Make plans a run. Its errors are those of the request: inputs that do not
// fit (actions.Problems), a runbook that may not run in this environment, and
// the context's end. What goes wrong with one step is shown on the step.
func Make(ctx context.Context, req Request, reg Registry, now time.Time) (*Plan, error) {
	inputs, problems := req.Program.CheckInputs(req.Inputs)
	if len(problems) > 0 {
		return nil, problems
	}
	if envs := req.Program.Environments; len(envs) > 0 && !slices.Contains(envs, req.Environment.Name) {
		return nil, engine.Refuse(engine.WrongPlace, "runbook %q is for %s, not for environment %q", req.Program.ID, strings.Join(envs, ", "), req.Environment.Name)
	}
	p := &Plan{
		Digest: engine.RunDigest(req.Program.Digest, inputs, req.Environment.Name), Runbook: req.Program.ID, Title: req.Program.Title,
		Program: req.Program.Digest, Environment: req.Environment, Incident: req.Incident.ID, Inputs: inputs,
		Requester: req.Requester, At: engine.At(now), Budget: req.Program.Budget, Extra: req.Extra, Steps: []Step{},
	}
	w := &walk{req: req, reg: reg, plan: p, env: runbooks.Env{
		Inputs: inputs, Steps: map[string]runbooks.StepState{}, Incident: req.Incident, Environment: req.Environment, Run: "R0", Now: now,
	}}
	for i := range req.Program.Steps {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("plan runbook %q: %w", req.Program.ID, err)
		}
		p.Steps = append(p.Steps, w.step(ctx, &req.Program.Steps[i]))
	}
	p.OnCancel = afterCancel("", req.Program)
	p.Duration = durationOf(req.Program.Steps, p.Steps)
	w.warn(req.Program.Steps, p.Steps)
	if p.Budget > 0 && p.Duration.Least > p.Budget {
		p.Warnings = append(p.Warnings, fmt.Sprintf("it takes at least %s and containment should fit in %s", time.Duration(p.Duration.Least), time.Duration(p.Budget)))
	}
	return p, nil
}

// afterCancel gives the ids of the steps that run after a cancel, in their order.
func afterCancel(prefix string, p *runbooks.Program) []string {
	var ids []string
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Runbook != nil {
			ids = append(ids, afterCancel(prefix+s.ID+".", s.Runbook.Program)...)
		}
	}
	for i := range p.OnCancel {
		ids = append(ids, prefix+p.OnCancel[i].ID)
	}
	return ids
}

// walk goes through the steps once. env.Steps holds the steps whose end is known.
type walk struct {
	req    Request
	reg    Registry
	plan   *Plan
	env    runbooks.Env
	prefix string // of the ids of a runbook that is called
	item   bool   // it is for one item of a loop, whose end is not that of a step
	unsure bool   // whether it would run at all is not known
	gated  bool   // people are asked about all items of a loop before one of them is read
}

func (w *walk) step(ctx context.Context, def *runbooks.Step) Step {
	s := Step{ID: w.prefix + def.ID, Title: def.Title, Uses: def.Uses, Manual: def.Manual != nil, Effect: def.Effect, CanUndo: def.CanUndo, Fate: Runs, Evidence: def.Evidence, Adds: def.Copies()}
	if def.Contains != nil {
		s.Contains = def.Contains.Expires
	}
	if def.Undo != nil && def.Undo.Manual != nil {
		s.CanUndo, s.UndoByHand = true, true
	}
	w.condition(&s, def)
	if s.Fate == Runs && w.unsure {
		s.Fate, s.Why = Unknown, "whether its runbook is called is not known yet"
	}
	if s.Fate == Skips || s.Fate == Fails {
		return s
	}
	s.Approval = w.approval(def)
	switch {
	case def.ForEach != nil:
		w.loop(ctx, &s, def)
		w.count(&s)
		return s
	case def.Runbook != nil:
		w.call(ctx, &s, def)
		return s
	case def.Wait != nil:
		w.wait(&s, def)
		return s
	}
	if def.Manual != nil {
		if v, ok := w.resolve(&s, def.Manual.Instructions, "instructions"); ok {
			s.Instructions = fmt.Sprint(v)
		}
	} else if w.arguments(&s, def) {
		w.look(ctx, &s, def)
	}
	w.count(&s)
	return s
}

// condition finds out whether the step would run.
func (w *walk) condition(s *Step, def *runbooks.Step) {
	if def.If == nil {
		return
	}
	s.If = def.If.Source
	yes, readings, err := def.If.Bool(w.env)
	s.Readings = readings
	switch {
	case err == nil && yes:
	case err == nil:
		s.Fate, s.Why = Skips, "its condition is false"
		w.ends(def, string(engine.StepSkipped), nil)
	default:
		if open := w.notKnown(def.If.Paths()); len(open) > 0 {
			s.Fate, s.WaitsFor, s.Why = Unknown, open, "its condition depends on what is not known yet"
			return
		}
		w.fail(s, actions.Invalid, "the condition cannot be judged: "+err.Error())
	}
}

// notKnown picks the paths of steps whose end is not known.
func (w *walk) notKnown(paths []string) []string {
	var open []string
	for _, path := range paths {
		if rest, ok := strings.CutPrefix(path, "steps."); ok {
			id, _, _ := strings.Cut(rest, ".")
			if _, known := w.env.Steps[id]; !known {
				open = append(open, path)
			}
		}
	}
	return open
}

// resolve fills in a value, or notes what it waits for.
func (w *walk) resolve(s *Step, v *runbooks.Value, what string) (any, bool) {
	if v == nil {
		return map[string]any{}, true
	}
	out, err := v.Resolve(w.env)
	if err == nil {
		return out, true
	}
	open := w.notKnown(v.Paths())
	if len(open) == 0 {
		w.fail(s, actions.Invalid, "the "+what+" cannot be resolved: "+err.Error())
		return nil, false
	}
	for _, path := range open {
		if !slices.Contains(s.WaitsFor, path) {
			s.WaitsFor = append(s.WaitsFor, path)
		}
	}
	slices.Sort(s.WaitsFor)
	return nil, false
}

// arguments resolves the step's arguments.
func (w *walk) arguments(s *Step, def *runbooks.Step) bool {
	v, ok := w.resolve(s, def.With, "arguments")
	if !ok {
		return false
	}
	data, err := json.Marshal(v)
	if err != nil {
		w.fail(s, actions.Invalid, "the arguments cannot be encoded: "+err.Error())
		return false
	}
	s.Params = data
	return true
}

// look reads the world: a read action is called, any other only plans.
func (w *walk) look(ctx context.Context, s *Step, def *runbooks.Step) {
	h, ok := w.reg.Handler(def.Uses)
	if !ok {
		w.fail(s, actions.Invalid, fmt.Sprintf("action %q is not available here; see: firebreak actions list", def.Uses))
		return
	}
	spec := h.Spec()
	params := s.Params
	s.Params = masked(spec, params)
	switch {
	case spec.Version != def.ActionVersion || spec.Effect != def.Effect:
		w.fail(s, actions.Invalid, fmt.Sprintf("the runbook was compiled for %q version %d (%s) and here it is version %d (%s); load the runbook again",
			def.Uses, def.ActionVersion, def.Effect, spec.Version, spec.Effect))
		return
	case len(h.Check(params)) > 0:
		w.fail(s, actions.Invalid, "the arguments do not fit: "+h.Check(params).Error())
		return
	}
	s.Warnings, s.BlastRadius = slices.Clone(spec.StaysAlive), spec.BlastRadius
	limit := MaxRead
	if t := time.Duration(def.Timeout); t > 0 {
		limit = min(limit, t)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if def.Effect == actions.Read {
		w.read(ctx, s, def, h, params)
	} else {
		w.preview(ctx, s, def, h, params)
	}
}

// read makes a read action's reading now, when nobody has to be asked first
// and it is certain that the step would run.
func (w *walk) read(ctx context.Context, s *Step, def *runbooks.Step, h actions.Handler, params json.RawMessage) {
	switch {
	case s.Approval != nil || w.gated:
		s.Why = "it is read only after its approval"
		return
	case s.Fate != Runs:
		return
	}
	result, err := h.Execute(ctx, w.callOf(s), params)
	if err != nil {
		s.Failure = failureOf(ctx, err)
		return
	}
	outputs, err := object(result)
	if err != nil {
		s.Failure = &engine.Failure{Class: actions.Invalid, Message: "the result is no JSON object: " + err.Error()}
		return
	}
	s.Outputs = shown(h.Spec().Outputs, outputs)
	s.outputs = outputs
	w.ends(def, string(engine.StepDone), outputs)
}

// ends notes that the end of a step is known.
func (w *walk) ends(def *runbooks.Step, status string, outputs map[string]any) {
	if !w.item {
		w.env.Steps[def.ID] = runbooks.StepState{Status: status, Outputs: outputs}
	}
}

// preview asks an action that changes something what it would change.
func (w *walk) preview(ctx context.Context, s *Step, def *runbooks.Step, h actions.Handler, params json.RawMessage) {
	preview, err := h.Plan(ctx, w.callOf(s), params)
	if err != nil {
		s.Failure = failureOf(ctx, err)
		return
	}
	s.Targets, s.Changes, s.Calls = preview.Targets, preview.Changes, preview.Calls
	for _, warning := range preview.Warnings {
		if !slices.Contains(s.Warnings, warning) {
			s.Warnings = append(s.Warnings, warning)
		}
	}
	s.InEffect, s.NoUndo = preview.InEffect, preview.NoUndo
	s.CanUndo = def.CanUndo && preview.NoUndo == "" || s.UndoByHand
	if w.req.Preflight {
		s.Checks, err = h.Preflight(ctx, w.callOf(s), params)
		if err != nil {
			s.Failure = failureOf(ctx, err)
		}
	}
	if target, hit := engine.MatchProtected(w.req.Protected, preview.Targets); hit {
		s.Protected = target
		w.fail(s, actions.Precondition, fmt.Sprintf("%s is protected in environment %q; nobody may touch it with a runbook", target, w.req.Environment.Name))
	}
}

func (w *walk) callOf(s *Step) actions.Call {
	key := sha256.Sum256([]byte("firebreak/plan/v1\x00" + w.plan.Digest + "\x00" + s.ID))
	return actions.Call{
		Key: actions.Key(hex.EncodeToString(key[:])), Incident: w.req.Incident.ID, Run: w.env.Run, Step: s.ID, Attempt: 1,
		Environment: w.req.Environment.Name, Actor: w.req.Requester, Evidence: s.Evidence,
	}
}

func (w *walk) fail(s *Step, class actions.Class, message string) {
	if s.Fate != Unknown {
		s.Fate = Fails
	}
	s.Why = message
	s.Failure = &engine.Failure{Class: class, Message: message}
}

// warn says what stands in the way of the whole.
func (w *walk) warn(defs []runbooks.Step, steps []Step) {
	p := w.plan
	for i := range steps {
		s := &steps[i]
		def := &defs[0]
		if i < len(defs) {
			def = &defs[i]
		}
		if def.ForEach != nil && len(s.Steps) > 0 && s.Steps[0].ID != s.ID {
			each := *def
			each.ForEach = nil
			w.warn([]runbooks.Step{each}, s.Steps)
		} else if def.Runbook != nil {
			w.warn(def.Runbook.Program.Steps, s.Steps)
		}
		if s.Fate == Fails && def.OnFailure != runbooks.Continue {
			p.Warnings = append(p.Warnings, fmt.Sprintf("the run would stop at step %q: %s", s.ID, s.Why))
		}
		if s.Fate == Runs && s.Failure != nil {
			p.Warnings = append(p.Warnings, fmt.Sprintf("step %q could not be read now (%s): %s", s.ID, s.Failure.Class, s.Failure.Message))
		}
		a := s.Approval
		if a != nil && s.Fate != Skips && a.Known && a.BreakGlass != nil && len(a.BreakGlass.Blind()) > 0 {
			g := a.BreakGlass
			p.Warnings = append(p.Warnings, fmt.Sprintf("step %q: nobody is left to review a broken glass if %s, and the incident could not be resolved", s.ID, anyOf(g, g.Blind())))
		}
		switch {
		case a == nil || s.Fate == Skips:
		case !a.Known:
			p.Warnings = append(p.Warnings, fmt.Sprintf("step %q: nobody knows whether enough people can approve", s.ID))
		case len(a.Later) < a.Quorum:
			p.Warnings = append(p.Warnings, fmt.Sprintf("step %q needs %d to approve and %d can: the requester and people who are a target%s do not count", s.ID, a.Quorum, len(a.Later), unsigned(a)))
		case !a.Enough:
			p.Warnings = append(p.Warnings, fmt.Sprintf("step %q needs %d to approve and %d can until it is escalated after %s", s.ID, a.Quorum, len(a.Eligible), time.Duration(a.Escalate.After)))
		}
	}
}

// failureOf classifies the error of a reading; no answer in time is said so.
func failureOf(ctx context.Context, err error) *engine.Failure {
	f := &engine.Failure{Class: actions.ClassOf(err), Message: err.Error()}
	if ctx.Err() != nil {
		f.Message = "no answer before the time limit of a plan: " + f.Message
	}
	return f
}
