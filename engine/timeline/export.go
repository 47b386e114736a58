package timeline

import (
	"fmt"
	"io"
	"iter"
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
	return []Format{
		{"bundle", ".tar", "the record with its proofs, its plans and the forms for people, to verify offline", (*Record).writeBundle},
		{"html", ".html", "one page for a browser and for paper, with a chart; no script, nothing loaded", (*Record).writeHTML},
		{"json", ".json", "everything that is known of the incident, for machines; an anchor for verify", (*Record).writeJSON},
		{"md", ".md", "Markdown for people", (*Record).writeMarkdown},
		{"svg", ".svg", "the chart by itself: a lane for each step and person", (*Record).Lanes},
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
