package engine

import (
	"encoding/json"
	"fmt"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// enter decides to begin the runbook that a step calls.
func (s *Step) enterSubrun(env runbooks.Env, readings []runbooks.Reading) Body {
	given := map[string]any{}
	if s.Def.With != nil {
		v, err := s.Def.With.Resolve(env)
		if err != nil {
			return s.broken("the inputs cannot be resolved", err)
		}
		given, _ = v.(map[string]any)
	}
	inputs, problems := s.Def.Runbook.Program.CheckInputs(given)
	if len(problems) > 0 {
		return s.broken(fmt.Sprintf("the inputs do not fit runbook %q", s.Def.Runbook.ID), problems)
	}
	data, err := json.Marshal(inputs)
	if err != nil {
		return s.broken("the inputs cannot be encoded", err)
	}
	return StepEntered{Inputs: Large{Value: data}, If: s.condition(), Readings: readings}
}

// enter lays out the steps of the runbook that a step calls.
func (s *Step) enter(e Event, b StepEntered) error {
	if s.Status != StepWaiting || s.pending > 0 || s.Def.Runbook == nil || s.children != nil || s.Def.ForEach != nil && s.Index == 0 {
		return s.contradicts(e, "it does not call a runbook now")
	}
	inputs, err := decodeObject(b.Inputs.Value)
	if err != nil {
		return s.contradicts(e, "its inputs are no JSON object: %v", err)
	}
	s.Status, s.Params, s.If, s.Readings, s.ReadyAt = StepProgress, b.Inputs.Value, b.If, b.Readings, e.At
	program := s.Def.Runbook.Program
	f := newFrame(s.run, s, program, inputs)
	s.children = f
	f.lay(program.Steps)
	f.begin()
	return nil
}

// concludeSubrun ends a step whose runbook has ended.
func (s *Step) concludeSubrun() Body {
	f := s.children
	if as, why := s.halting(); as != "" && (f.cleanup != nil || f.ending == "" && f.anyCancelled()) {
		return StepEnded{Status: StepCancelled, Reason: "not finished: " + why}
	}
	switch f.ending {
	case StepFailed:
		return s.fail(Failure{Class: actions.Precondition, Message: f.why})
	case StepRefused:
		if s.Def.OnRefused == runbooks.Ask {
			return s.hold(HeldFailed, "refused: "+f.why)
		}
		return StepEnded{Status: StepRefused, Reason: f.why}
	}
	if c := f.critical(); c != nil {
		return s.fail(Failure{Class: actions.Precondition, Message: fmt.Sprintf("critical step %q %s: %s", c.ID, c.Status, c.Why)})
	}
	outputs, err := f.outputs(f.env())
	if err != nil {
		return s.broken("the runbook's answer cannot be worked out", err)
	}
	return StepEnded{Status: StepDone, Outputs: Large{Value: outputs}}
}

func (f *frame) anyCancelled() bool {
	for _, s := range f.steps {
		if s.Status == StepCancelled {
			return true
		}
	}
	return false
}
