package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
)

// EvidenceHTML writes the one-page evidence sheet as a page to print.
func (r *Report) EvidenceHTML(w io.Writer) error { return r.writeHTML(w, r.sheet(), true) }

// EvidenceMarkdown writes the one-page evidence sheet as Markdown.
func (r *Report) EvidenceMarkdown(w io.Writer) error { return writeMarkdown(w, r.sheet()) }

// sheet is the evidence sheet: what was tested and how it went, and beside what
// frameworks ask, where in the record that is shown.
func (r *Report) sheet() *document {
	res := r.in.Result
	d := r.cover()
	d.Kicker, d.Why = "Evidence sheet", nil
	if !r.ended() {
		d.Kicker += " · draft, it is not over"
	}
	fact := []pair{named("Date", cell{Text: at(res.DeclaredAt), Sub: "length " + span(res.Length.MS)})}
	if t := res.Drill; t != nil {
		if !t.StartedWall.IsZero() {
			fact[0] = named("Date", cell{Text: at(t.StartedWall), Sub: "length " + span(res.Length.MS) + ", " + span(res.Length.WallMS) + " for people"})
		}
		fact = append(fact, named("Scenario", with(t.Scenario+": "+t.Title, "sha256 "+t.Digest)), named("Runbook", with(t.Runbook, "sha256 "+t.RunbookDigest)),
			named("Objectives", text(fmt.Sprintf("%d, rated %s", len(res.Aims), ratings(res)))))
	}
	open := 0
	for _, c := range res.Correct {
		if !c.Closed {
			open++
		}
	}
	fact = append(fact, named("Participants", cell{Text: participantNames(res)}),
		named("Decisions", text(fmt.Sprintf("%s put to people; %s", counted(len(res.Asked), "question"), decisionWords(res)))),
		named("Follow-up", text(fmt.Sprintf("%s, %d open", counted(len(res.Correct), "corrective action"), open))),
	)
	if r.in.Head.Size > 0 {
		fact = append(fact, r.proofPairs()[:3]...)
	} else {
		fact = append(fact, r.proofPairs()[:1]...)
	}
	d.Sections = []section{
		{ID: "facts", Title: "What was tested", Blocks: []block{{Kind: kindFigures, Figures: r.keyFigures()}, pairs(fact...)}},
		{ID: "crosswalk", Title: "What frameworks ask", Blocks: []block{
			tableOf("", "", heads("Framework", "*Asks for", "*Shown here"), r.crosswalk()),
			para("This sheet says where a record is, not that a requirement is met. That is for whoever answers for it, and for the auditor."),
		}},
	}
	return d
}

func participantNames(res *score.Result) string {
	var names []string
	for _, p := range res.People {
		name := p.ID
		if len(p.Roles) > 0 {
			name += " (" + strings.Join(p.Roles, ", ") + ")"
		}
		names = append(names, name)
	}
	return join(first(names, 12))
}

func decisionWords(res *score.Result) string {
	m, _ := res.Metric("approval_latency_median")
	worst, _ := res.Metric("approval_latency_worst")
	words := "none was decided"
	if m.Came {
		words = fmt.Sprintf("decided in %s (median), %s (worst)", span(m.Took.MS), span(worst.Took.MS))
	}
	if n := len(res.Glasses); n > 0 {
		words += fmt.Sprintf("; %d passed over by breaking the glass, %d of them not reviewed", n, value(res, "glasses_unreviewed"))
	}
	return words
}

// crosswalk is what frameworks ask of tests of incident response, each beside
// what of this record answers it.
func (r *Report) crosswalk() [][]cell {
	res := r.in.Result
	what := "live incident"
	if res.Exercise {
		what = "exercise"
	}
	record := fmt.Sprintf("%d facts, places %d to %d, in a tree of hashes with a signed head", res.Facts, res.First, res.Last)
	plan := fmt.Sprintf("%s with owner and date", counted(len(res.Correct), "corrective action"))
	who := fmt.Sprintf("%s with roles and acts", peopleCount(len(res.People)))
	aims := fmt.Sprintf("%s, rated %s", counted(len(res.Aims), "objective"), ratings(res))
	steps := fmt.Sprintf("%d of %d steps of the runbook exercised", res.Cover.Exercised, res.Cover.Total)
	duties := fmt.Sprintf("%s, %d kept in time", plural(int64(len(res.Clocks)), "duty to notify"), value(res, "clocks_met"))
	return [][]cell{
		{with("NIST SP 800-84", "2006"), text("Exercises of IT plans with an after-action report: background, objectives, observations, participants; the plan is mended afterwards"), text("This " + what + ": " + aims + "; " + who + "; " + plan)},
		{with("NIST CSF 2.0", "SP 800-61r3: ID.IM-02, RS.AN-06"), text("Improvements from tests; actions of an investigation are recorded, and the integrity and provenance of the record kept"), text(upper(plan) + "; " + record)},
		{text("HSEEP"), text("Objectives tied to capabilities, rated P, S, M or U; after-action report and improvement plan"), text(upper(aims) + "; the improvement plan is exported as CSV")},
		{with("SOC 2", "CC7.3 to CC7.5"), text("A response that is tested and works: date, scenario, participants, decisions with times, gaps, remediation"), text(fmt.Sprintf("%s; %s; %s", upper(counted(len(res.Asked), "decision")+" with times and voters"), who, plan))},
		{with("ISO/IEC 27001:2022", "A.5.24 to A.5.28"), text("A plan that is tested, a response by procedure, learning from incidents, collection of evidence"), text(upper(steps) + "; runbook pinned by digest; " + record)},
		{with("NIS2", "Regulation (EU) 2024/2690, annex 3.1.3, 3.5, 3.6"), text("Roles and procedures tested at planned intervals; activities logged and evidence kept; review afterwards"), text(upper(who) + "; " + duties + "; this report")},
		{with("DORA", "art. 11(6), 24, 25; RTS 2024/1774 art. 25"), text("Tests by severe but plausible scenarios, crisis communication included; results documented, gaps followed up"), text(scenarioWords(res) + "; " + steps + "; " + duties + "; " + plan)},
	}
}

func scenarioWords(res *score.Result) string {
	if t := res.Drill; t != nil {
		return fmt.Sprintf("Scenario %s with %s", t.Scenario, counted(len(t.Injects), "inject"))
	}
	return "A live incident"
}
