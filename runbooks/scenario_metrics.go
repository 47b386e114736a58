package runbooks

import "github.com/firebreak-ir/firebreak/actions"

// Metric is one figure of a rehearsal or an incident, worked out from the
// journal. The check of an objective reads it as metrics.NAME; one that did not
// come about has no value, and to read it is an error.
type Metric struct {
	Name string
	Unit string // "s" (seconds, whole), "%", "" (a count)
	Doc  string
}

// Metrics lists every metric, in the order of a report.
func Metrics() []Metric {
	return []Metric{
		{"time_to_acknowledge", "s", "from the declaration to the first act of a responder"},
		{"time_to_commander", "s", "from the declaration to the first act of a commander"},
		{"time_to_first_containment", "s", "from the declaration to the first change that was proven"},
		{"time_to_full_containment", "s", "from the declaration to the last change of the runbook that was proven"},
		{"approval_latency_median", "s", "from a question to its decision, the middle one"},
		{"approval_latency_worst", "s", "from a question to its decision, the longest"},
		{"waiting_share", "%", "share of the time of all runs in which they waited for people"},
		{"approvals_granted", "", "questions that were answered yes"},
		{"approvals_denied", "", "questions that were answered no"},
		{"approvals_expired", "", "questions that nobody answered in time"},
		{"glasses_broken", "", "questions that one person passed over, without those who should approve"},
		{"glasses_unreviewed", "", "those of them that nobody has looked at"},
		{"steps_skipped", "", "steps that a person left out"},
		{"manual_out_of_order", "", "manual steps done before one that stands above them"},
		{"wrong_decisions", "", "acts that the scenario forbids, and yes against a red flag"},
		{"expectations_met", "", "reactions that came in time"},
		{"expectations_missed", "", "reactions that did not come, or too late"},
		{"retries", "", "attempts after the first"},
		{"doubts", "", "attempts whose outcome was not known"},
		{"doubts_resolved", "", "those of them that were settled"},
		{"hints", "", "hints of the facilitator"},
		{"clocks_met", "", "duties to notify that were kept"},
		{"clocks_missed", "", "duties to notify that were not"},
		{"longest_silence", "s", "the longest time in which people were told nothing"},
		{"handoffs", "", "times that another person took over the next act of the run"},
		{"refused", "", "requests that were refused"},
		{"points", "", "points for expectations that were met"},
		{"points_possible", "", "points there were"},
	}
}

// elapsedPath is the time since the start, in seconds. Only a scenario knows it.
const elapsedPath = "elapsed"

// ScenarioRunStatuses lists the words for where a run stands, as the engine has
// them. A condition that compares run.status with another word is a fault.
func ScenarioRunStatuses() []string {
	return []string{"active", "stopping", "done", "failed", "refused", "cancelled"}
}

// ScenarioStepStatuses lists the words for where a step stands, in the same way.
func ScenarioStepStatuses() []string {
	return append([]string{
		"waiting", "planning", "awaiting approval", "checking", "running", "retrying", "in doubt", "verifying", "manual", "held", "sleeping", "in progress",
	}, Statuses()...)
}

// ScenarioScope is every path that the conditions of a scenario of this runbook
// can read, with its type. Checks of objectives read metrics besides.
func ScenarioScope(p *Program, injects []string, check bool) map[string]actions.Field {
	sc := map[string]actions.Field{}
	put := func(kind actions.Kind, paths ...string) {
		for _, path := range paths {
			sc[path] = actions.Field{Kind: kind}
		}
	}
	put(actions.Int, elapsedPath, "hints", "runs", "notes")
	put(actions.Bool, "resolved")
	sc["run.status"] = actions.Field{Kind: actions.String, Enum: ScenarioRunStatuses()}
	for i := range p.Steps {
		of := "steps." + p.Steps[i].ID + "."
		sc[of+"status"] = actions.Field{Kind: actions.String, Enum: ScenarioStepStatuses()}
		put(actions.Bool, of+"done")
		put(actions.Int, of+"attempts", of+"approvers", of+"asked")
	}
	for _, id := range injects {
		put(actions.Bool, "injects."+id+".delivered")
		if check {
			put(actions.Int, "injects."+id+".met", "injects."+id+".missed")
		}
	}
	if check {
		for _, m := range Metrics() {
			put(actions.Int, "metrics."+m.Name)
		}
	}
	return sc
}
