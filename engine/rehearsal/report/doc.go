// Package report puts what an exercise showed on paper: an after-action report,
// an evidence sheet of one page, and an improvement plan.
//
//	r, err := report.New(report.Input{Result: result, Record: record, Head: head, Previous: before})
//	err = r.Write(w, "html") // or md, json, csv, evidence-html, evidence-md
//
// The report has the order of an HSEEP after-action report: overview, objectives
// and ratings, an analysis of each objective, decisions with their latency, a
// condensed timeline, what was expected, metrics beside those of the rehearsal
// before, where the time of each step went, corrective actions with owner and
// day, participants, the hot wash, what it was pinned to, evidence, and lines to
// sign on. The review of a live incident has the same sections without those
// that need a scenario.
//
// # Invariants
//
//   - The same input gives the same bytes, in every form. There is no time of
//     making in them.
//   - An exercise says that it is one: at the top of each form, and of each page
//     on paper.
//   - No text of a person can end a cell, open a tag, mention anybody, become a
//     link or a formula, or hide itself. Every text goes through one function that
//     shows what would not be seen by its code point and cuts with a count; the
//     JSON has all of it.
//   - The page needs nothing else. It has no script, and a policy that lets in
//     nothing but its own style, by hash.
//   - Nothing is told by color alone, every drawing has its figures in a table,
//     and a page can be read as XML.
//
// # Design
//
// A report is first made as a small document of sections and blocks, and each
// form writes the same document. Templates for each form were rejected: the page
// and the text of one exercise would say different things within a year. The
// drawing of the course belongs to package timeline; a caller brings it along as
// a function, so that there is one of it.
package report
