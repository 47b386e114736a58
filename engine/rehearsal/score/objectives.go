package score

import (
	"errors"
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// compile makes the conditions of the scenario readable, once the program that
// they speak of is known.
func (f *fold) compile(p *runbooks.Program) {
	if f.scenario == nil || f.conditions != nil || p.ID != f.scenario.Runbook {
		return
	}
	c, err := runbooks.CompileScenario(f.scenario, p)
	if err != nil {
		f.unreadable = err.Error()
		return
	}
	f.conditions = c
}

// env is what conditions read as the incident stands.
func (f *fold) env() map[string]any { return rehearsal.Facts(f.inc, f.scenario) }

// checkEnv is what the checks of objectives read: the incident as it stood at
// the end of the play, and the metrics.
func (f *fold) checkEnv() map[string]any {
	env := f.atEnd
	if env == nil {
		env = f.env()
	}
	for _, m := range f.r.Metrics {
		if m.Came {
			env["metrics."+m.Name] = m.Value
		}
	}
	for _, in := range f.scenario.Injects {
		met, missed := int64(0), int64(0)
		for _, x := range f.r.Expect {
			switch {
			case x.Inject != in.ID:
			case x.State == Met:
				met++
			case x.State == Missed || x.State == Late:
				missed++
			}
		}
		env["injects."+in.ID+".met"], env["injects."+in.ID+".missed"] = met, missed
	}
	return env
}

// finishObjectives checks every objective and puts the facilitator's rating
// beside it.
func (f *fold) finishObjectives() {
	if f.scenario == nil {
		return
	}
	var env map[string]any
	for _, aim := range f.scenario.Objectives {
		o := Objective{ID: aim.ID, Text: aim.Text, Capability: aim.Capability, Check: aim.Check, Readings: []runbooks.Reading{}, Notes: []Observation{}}
		if aim.Check != "" {
			if env == nil {
				env = f.checkEnv()
			}
			f.check(&o, env)
		}
		if m, ok := f.rated[aim.ID]; ok {
			o.Manual, o.ManualBy, o.ManualWhy, o.ManualSeq = m.Rating, m.by, m.Why, m.seq
		}
		switch {
		case o.Manual != "":
			o.Final = o.Manual
			o.Conflict = o.State == Holds && o.Manual != engine.Performed || o.State == HoldsNot && o.Manual != engine.Unable
		case o.State == Holds:
			o.Final = engine.Performed
		case o.State == HoldsNot:
			o.Final = engine.Unable
		}
		for _, note := range f.r.Judged {
			if note.Objective == aim.ID {
				o.Notes = append(o.Notes, note)
			}
		}
		f.r.Aims = append(f.r.Aims, o)
	}
}

func (f *fold) check(o *Objective, env map[string]any) {
	if f.conditions == nil {
		o.State, o.Problem = NotShown, "the runbook was never run"
		if f.unreadable != "" {
			o.Problem = f.unreadable
		}
		return
	}
	holds, readings, err := f.conditions.Holds(o.Check, env)
	o.Readings = append(o.Readings, readings...)
	switch {
	case err != nil:
		o.State, o.Problem = NotShown, f.missing(err)
	case holds:
		o.State = Holds
	default:
		o.State = HoldsNot
	}
}

// missing says what a check read that did not come about, and why.
func (f *fold) missing(err error) string {
	var none *runbooks.NoValue
	if !errors.As(err, &none) {
		return err.Error()
	}
	if name, ok := strings.CutPrefix(none.Path, "metrics."); ok {
		if m, ok := f.r.Metric(name); ok && m.Why != "" {
			return none.Path + " did not come about: " + m.Why
		}
	}
	return none.Path + " did not come about"
}

// finishOutcome says how the exercise went as a whole.
func (f *fold) finishOutcome() {
	r := f.r
	if !r.Exercise {
		return
	}
	var fails, parts []string
	for _, w := range r.Audit {
		fails = append(fails, "the record breaks a promise: "+w.Text)
	}
	for _, w := range r.Wrong {
		fails = append(fails, "wrong decision: "+w.What)
	}
	for _, o := range r.Aims {
		switch {
		case o.Final == engine.Unable:
			fails = append(fails, "objective "+o.ID+" is rated U")
		case o.Final == engine.SomeChallenges || o.Final == engine.MajorChallenge:
			parts = append(parts, fmt.Sprintf("objective %s is rated %s", o.ID, o.Final))
		case o.Final == "" && o.Check != "":
			parts = append(parts, "objective "+o.ID+" "+string(NotShown))
		}
	}
	for _, x := range r.Expect {
		if x.State == Missed || x.State == Late {
			parts = append(parts, fmt.Sprintf("expectation %d of inject %s is %s", x.N, x.Inject, x.State))
		}
	}
	if len(r.Runs) == 0 {
		parts = append(parts, "no runbook was run")
	}
	if engine.EndReason(r.Drill.Ended) == engine.EndTime {
		for _, run := range r.Runs {
			if !engine.RunStatus(run.Status).Ended() {
				parts = append(parts, fmt.Sprintf("its time was over while run %s was %s", run.Run, run.Status))
			}
		}
	}
	r.Why = append(fails, parts...)
	switch ended := engine.EndReason(r.Drill.Ended); {
	case ended == "":
		r.Outcome = Going
	case ended == engine.EndStopWord || ended == engine.EndLive:
		r.Outcome = Stopped
	case len(fails) > 0:
		r.Outcome = Fail
	case len(parts) > 0:
		r.Outcome = Partial
	default:
		r.Outcome = Pass
	}
}
