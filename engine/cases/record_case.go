package cases

import (
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/retell"
	"github.com/firebreak-ir/firebreak/engine/sim"
)

// file writes the file of tests.
func (rec *recorder) file(facts []engine.Event) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Recorded by firebreak test --record from a run of the runbook with digest %.12s.", rec.Program.Digest)
	line("# Ids, names, addresses and texts are stand-ins; give the case a name that says what it shows.")
	line("apiVersion: firebreak/v1")
	line("kind: RunbookTest")
	line("runbook: %s", retell.Scalar(rec.book()))
	requester := rec.Names.Person(rec.Run.Requester.ID)
	line("people:")
	for _, p := range rec.People(facts) {
		line("  %s: %s", retell.Scalar(p.Name), retell.Flow(p.Written()))
	}
	line("cases:")
	line("  - name: recorded")
	line("    incident: {severity: %d}", rec.Incident.Severity)
	line("    requester: %s", retell.Scalar(requester))
	line("    environment: %s", retell.Flow(rec.Environment()))
	if inputs := rec.Inputs(); len(inputs) > 0 {
		line("    inputs: %s", retell.Flow(inputs))
	}
	if answers := rec.Answers(); len(answers) > 0 {
		line("    answers:")
		retell.WriteAnswers(&b, "      ", answers)
	}
	if len(rec.Acts) > 0 {
		line("    people:")
		for _, a := range rec.Acts {
			line("      - %s", retell.Flow(a.Written()))
		}
	}
	line("    expect:")
	for _, e := range rec.expect(facts) {
		line("      %s: %s", e.Key, retell.Flow(e.Value))
	}
	return []byte(b.String())
}

// expect lists what came of the run.
func (rec *recorder) expect(facts []engine.Event) retell.Ordered {
	var mine []engine.Event
	for _, e := range facts {
		if e.Run == rec.Run.ID {
			mine = append(mine, e)
		}
	}
	var steps, attempts, approvals retell.Ordered
	for _, s := range rec.Run.Steps {
		if s.Status.Ended() {
			steps = append(steps, retell.Pair(s.ID, string(s.Status)))
		}
		if len(s.Attempts) > 1 {
			attempts = append(attempts, retell.Pair(s.ID, int64(len(s.Attempts))))
		}
		if a := s.Approval; a != nil {
			var by []string
			for _, v := range a.Votes {
				by = append(by, rec.Names.Person(v.Actor.ID))
			}
			approvals = append(approvals, retell.Pair(s.ID, retell.Ordered{retell.Pair("quorum", int64(a.Quorum)), retell.Pair("verdict", verdict(a)), retell.Pair("by", by)}))
		}
	}
	out := retell.Ordered{retell.Pair("run", string(rec.Run.Status)), retell.Pair("path", began(mine)), retell.Pair("steps", steps)}
	if len(attempts) > 0 {
		out = append(out, retell.Pair("attempts", attempts))
	}
	if len(approvals) > 0 {
		out = append(out, retell.Pair("approvals", approvals))
	}
	t := &trial{run: rec.Run, story: &sim.Story{Events: mine}}
	if undone := t.undone(); len(undone) > 0 {
		out = append(out, retell.Pair("undone", undone))
	}
	return out
}
