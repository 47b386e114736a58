package timeline

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// Options say how a record is written.
type Options struct {
	Head     journal.Checkpoint      // of the journal that the record was read from
	Redact   Level                   // empty: full
	Zone     *time.Location          // in which people read times, beside UTC; nil: UTC alone
	OCSF     string                  // version of the OCSF schema: "1.8" (also when empty) or "1.9", with record_integrity
	Proofs   Proofs                  // of the journal; a bundle needs them
	Version  string                  // of the program, for the manifest of a bundle
	Progress func(done, total int64) // called now and then with rows; nil: never
}

// Level says for whom a record is written.
type Level string

// The levels, the most open first. Secrets are in none of them.
const (
	Full     Level = "full"     // everything that is written down
	Internal Level = "internal" // for the company: without addresses of people in chats, outputs and arguments
	External Level = "external" // for others: people and targets under stand-ins, free text left out
)

// Levels lists them.
func Levels() []Level { return []Level{Full, Internal, External} }

// Format is one form in which a record can be written.
type Format struct {
	Name  string // "md"
	Ext   string // of a file's name, with the dot
	Doc   string
	write func(r *Record, w io.Writer, o Options) error
}

// Formats lists the forms, sorted by name.
func Formats() []Format {
	lined := linedForms()
	return []Format{
		{"bundle", ".tar", "the record with its proofs, its plans and the forms for people, to verify offline", (*Record).writeBundle},
		{"csv", ".csv", "a table for spreadsheets, with what could be a formula made harmless", writeCSV},
		{"html", ".html", "one page for a browser and for paper, with a chart; no script, nothing loaded", (*Record).writeHTML},
		{"json", ".json", "everything that is known of the incident, for machines; an anchor for verify", (*Record).writeJSON},
		{"jsonl", ".jsonl", "each row as one line of JSON, with all that is known of it", lined["jsonl"].write},
		{"md", ".md", "Markdown for people", (*Record).writeMarkdown},
		{"ocsf", ".ocsf.jsonl", "events of the Open Cybersecurity Schema Framework, for a SIEM", lined["ocsf"].write},
		{"svg", ".svg", "the chart by itself: a lane for each step and person", (*Record).Lanes},
		{"timesketch", ".timesketch.jsonl", "a timeline to load into Timesketch", lined["timesketch"].write},
	}
}

// FormatOf finds a form by its name.
func FormatOf(name string) (Format, bool) {
	for _, f := range Formats() {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}

// FormatNames lists the forms in words, for a flag or an error.
func FormatNames() string {
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// Write writes the record in a form. The same facts, head and options give the
// same bytes. Errors: an unknown form, those of w, and those of the facts.
func (r *Record) Write(w io.Writer, format string, o Options) error {
	r, err := r.at(o.Redact)
	if err != nil {
		return err
	}
	if f, ok := FormatOf(format); ok {
		return f.write(r, w, o)
	}
	return fmt.Errorf("format %q is not known; known: %s", format, FormatNames())
}

// Check says what is wrong with the options of a form, before anything is
// written; nil: nothing.
func Check(format string, o Options) error {
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
	}
	switch {
	case !slices.Contains(names, format):
		return fmt.Errorf("format %q is not known; known: %s", format, strings.Join(names, ", "))
	case o.Redact != "" && !slices.Contains(Levels(), o.Redact):
		return fmt.Errorf("redaction level %q is not known; write one of full, internal, external", o.Redact)
	}
	if _, ok := ocsfVersions[o.OCSF]; !ok {
		return fmt.Errorf("version %q of the OCSF schema is not known; known: 1.8, 1.9", o.OCSF)
	}
	return nil
}

// rows tells the rows as the options want them: with the overlay of people,
// redacted, and with word of the progress.
func (r *Record) rows(o Options) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		done := int64(0)
		for row, err := range r.Each() {
			r.curate(&row)
			if !yield(row, err) || err != nil {
				return
			}
			if done++; o.Progress != nil && (done%1000 == 0 || done == r.Count) {
				o.Progress(done, r.Count)
			}
		}
	}
}
