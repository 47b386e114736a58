package report

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// picture writes a drawing: one SVG element, with its style inside.
type picture func(w io.Writer) error

// Input is what a report is made from.
type Input struct {
	Result   *score.Result
	Record   *timeline.Record        // nil: the report has no timeline
	Head     journal.Checkpoint      // of the journal that it was read from
	Previous *score.Result           // of the rehearsal of the same runbook before this one; nil: none
	Chart    func(w io.Writer) error // draws the course as one SVG element; nil: left out
	Verify   string                  // the command with which a reader checks the record; empty: left out
}

// Report is an after-action report, or the review of a live incident.
type Report struct {
	in    Input
	steps []timeline.Row // the condensed timeline
	left  int64          // rows that it leaves out
	chart string         // what Chart drew
}

// New reads the record and has the chart drawn. Errors: no result, a record or
// a previous result of something else, and those of the record and the chart.
func New(in Input) (*Report, error) {
	switch {
	case in.Result == nil:
		return nil, errors.New("a report needs a result; score the incident first")
	case in.Record != nil && in.Record.Incident.ID != in.Result.ID:
		return nil, fmt.Errorf("the result is of %s and the record of %s; give both of the same", in.Result.ID, in.Record.Incident.ID)
	case in.Previous != nil && (in.Previous.Drill == nil || in.Result.Drill == nil || in.Previous.Drill.Runbook != in.Result.Drill.Runbook):
		return nil, fmt.Errorf("the result before, %s, is not of a rehearsal of the same runbook", in.Previous.ID)
	}
	r := &Report{in: in}
	if in.Record != nil {
		if err := r.condense(); err != nil {
			return nil, err
		}
	}
	if in.Chart != nil {
		var b strings.Builder
		if err := in.Chart(&b); err != nil {
			return nil, fmt.Errorf("draw the course of %s: %w", in.Result.ID, err)
		}
		r.chart = strings.TrimSpace(b.String())
	}
	return r, nil
}

// Format is one form in which a report can be written.
type Format struct {
	Name  string // "md"
	Ext   string // of a file's name, with the dot
	Doc   string
	write func(r *Report, w io.Writer) error
}

// Formats lists the forms, sorted by name.
func Formats() []Format {
	return []Format{
		{"csv", ".csv", "the improvement plan: corrective actions, one a line", (*Report).ImprovementCSV},
		{"evidence-html", ".html", "one page for auditors: what was tested, and what frameworks ask", (*Report).EvidenceHTML},
		{"evidence-md", ".md", "the same as Markdown", (*Report).EvidenceMarkdown},
		{"html", ".html", "the report as one page that needs nothing else, to read and to print", (*Report).HTML},
		{"json", ".json", "every figure, for machines", (*Report).JSON},
		{"md", ".md", "the report as Markdown", (*Report).Markdown},
	}
}

// Write writes the report in a form. The same input gives the same bytes.
// Errors: an unknown form, and those of w.
func (r *Report) Write(w io.Writer, format string) error {
	var names []string
	for _, f := range Formats() {
		if f.Name == format {
			return f.write(r, w)
		}
		names = append(names, f.Name)
	}
	return fmt.Errorf("report format %q is not known; known: %s", format, strings.Join(names, ", "))
}

// document puts the report together, in the order of an HSEEP after-action report.
func (r *Report) document() *document {
	d := r.cover()
	add := func(id, title string, pageBreak bool, blocks ...block) {
		if len(blocks) > 0 {
			d.Sections = append(d.Sections, section{len(d.Sections) + 1, id, title, pageBreak, blocks})
		}
	}
	add("overview", "Overview", false, r.overview()...)
	add("objectives", "Objectives and ratings", false, r.objectives()...)
	add("analysis", "Analysis", false, r.analysis()...)
	add("decisions", "Decisions", false, r.decisions()...)
	add("timeline", "Timeline", false, r.course()...)
	add("expectations", "What was expected", false, r.expectations()...)
	add("metrics", "Metrics", false, r.metrics()...)
	add("steps", "Steps", false, r.stepTimes()...)
	add("improvement", "Improvement plan", false, r.improvement()...)
	add("participants", "Participants", false, r.participants()...)
	add("hot-wash", "Hot wash", false, r.wash()...)
	add("scenario", "Scenario and runbook", false, r.pinned()...)
	add("evidence", "Appendix: evidence", true, r.evidence()...)
	lead := "Facilitator"
	if !r.in.Result.Exercise {
		lead = "Incident commander"
	}
	add("sign-off", "Sign-off", false, block{Kind: kindSign, Items: []item{{Text: lead}, {Text: "Owner of the runbook"}, {Text: "Head of security"}}})
	return d
}

// ended says whether there is a whole course to report on.
func (r *Report) ended() bool { return !r.in.Result.EndedAt.IsZero() }

// bannerOf is what stands on every page of an exercise.
func bannerOf(res *score.Result) string {
	if !res.Exercise {
		return ""
	}
	return "EXERCISE · " + res.ID + " · nothing here happened to a real system"
}

func rating(x engine.Rating) badge {
	switch x {
	case engine.Performed:
		return badge{"P · performed", toneGood}
	case engine.SomeChallenges:
		return badge{"S · some challenges", toneWarn}
	case engine.MajorChallenge:
		return badge{"M · major challenges", toneBad}
	case engine.Unable:
		return badge{"U · unable", toneBad}
	}
	return badge{"not rated", toneMute}
}

func verdict(o score.Outcome) badge {
	switch o {
	case score.Pass:
		return badge{"Pass", toneGood}
	case score.Partial:
		return badge{"Partial", toneWarn}
	case score.Fail:
		return badge{"Fail", toneBad}
	case score.Stopped:
		return badge{"Stopped", toneMute}
	}
	return badge{"Going on", toneMute}
}
