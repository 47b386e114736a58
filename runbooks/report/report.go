// Package report writes what lint found for programs: JSON for scripts, SARIF
// for code scanning, and the commands by which a job of GitHub Actions marks
// lines. Text for people is [runbooks.Diagnostics.WriteText].
//
// # Shapes
//
// [JSON] writes one object, and a later version only adds to it:
//
//	{
//	  "diagnostics": [
//	    {"file": "a.yaml", "line": 3, "col": 5, "rule": "no-owner", "severity": "error", "message": "...", "hint": "..."}
//	  ],
//	  "errors": 1,
//	  "warnings": 0
//	}
//
// The list is never null, hint is always there and may be empty, line and col
// count from 1 and are 0 where the place is not known. A column counts
// characters (Unicode code points), in every format.
//
// [SARIF] writes a log of version 2.1.0 with one run. Every result names its rule
// by id and by index; what a waiver covers is in it as a suppressed result.
// [GitHub] writes one command a line.
//
// # Design
//
// The formats are apart from package runbooks because the language has no use
// for them and each follows a standard that moves by itself. A library for SARIF
// was rejected: what is needed of it is thirty lines of structs, and the one
// worth having brings a schema validator into the binary. Columns are declared as
// code points rather than converted to the UTF-16 units that SARIF takes by
// default, so that every format says the same number.
package report

import (
	"encoding/json"
	"io"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// Rule is what a format tells about a rule besides its name.
type Rule struct {
	Name     string
	Severity runbooks.Severity
	Doc      string // one sentence
	Help     string // Markdown; may be empty
}

// finding is the shape of a diagnostic in JSON.
type finding struct {
	File     string            `json:"file"`
	Line     int               `json:"line"`
	Col      int               `json:"col"`
	Rule     string            `json:"rule"`
	Severity runbooks.Severity `json:"severity"`
	Message  string            `json:"message"`
	Hint     string            `json:"hint"`
}

// JSON writes the object that the package comment describes.
func JSON(w io.Writer, found runbooks.Diagnostics) error {
	var out struct {
		Diagnostics []finding `json:"diagnostics"`
		Errors      int       `json:"errors"`
		Warnings    int       `json:"warnings"`
	}
	out.Diagnostics = make([]finding, len(found))
	for i, d := range found {
		out.Diagnostics[i] = finding{d.File, d.Pos.Line, d.Pos.Col, d.Rule, d.Severity, d.Message, d.Hint}
		if d.Severity == runbooks.SeverityError {
			out.Errors++
		} else {
			out.Warnings++
		}
	}
	return encode(w, out)
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
