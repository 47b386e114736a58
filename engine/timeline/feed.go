package timeline

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

// encoder turns the rows of one incident into lines of one form, in their
// order. A line depends on its row and on rows before it, never on a later one:
// so an incident that is followed while it happens gives the lines that its
// export gives afterwards. What people add to a row later is the one difference:
// an export marks the row, and who follows gets the addition as a row of its own.
type encoder interface {
	// learn takes in a row, before its line is asked for.
	learn(row *Row)
	// line appends the lines of the row that was learned last, each with its end.
	line(out *bytes.Buffer, row *Row) error
	// under says under which head of the journal the rows stand from now on.
	under(head journal.Checkpoint)
}

// telling is what every encoder knows.
type telling struct {
	incident Incident
	o        Options
	runs     runRefs
}

func (t *telling) under(head journal.Checkpoint) { t.o.Head = head }

func (t *telling) learn(row *Row) { t.runs.learn(row) }

// id names a row for ever, in all forms.
func (t *telling) id(row *Row) string { return rowID(t.o.Head.Origin, t.incident, row) }

// lined is a form that consists of lines. head, if any, writes what only a whole
// file has before its rows.
type lined struct {
	open func(i Incident, o Options) (encoder, error)
	head func(out *bytes.Buffer, r *Record, o Options) error
}

// linedForms are the forms that can be followed, by name.
func linedForms() map[string]lined {
	return map[string]lined{
		"jsonl":      {open: newCanonical},
		"ocsf":       {open: newOCSF},
		"timesketch": {open: newTimesketch, head: timesketchHead},
	}
}

// FeedFormats lists the forms of a [Feed], sorted.
func FeedFormats() []string { return []string{"jsonl", "ocsf", "timesketch"} }

// write writes a whole record.
func (l lined) write(r *Record, w io.Writer, o Options) error {
	enc, err := l.open(r.Incident, o)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 64<<10)
	var line bytes.Buffer
	if l.head != nil {
		if err := l.head(&line, r, o); err != nil {
			return fmt.Errorf("write the record: %w", err)
		}
	}
	for row, err := range r.rows(o) {
		if err != nil {
			return err
		}
		enc.learn(&row)
		if err := enc.line(&line, &row); err != nil {
			return fmt.Errorf("write the record: row %d: %w", row.Seq, err)
		}
		if _, err := out.Write(line.Bytes()); err != nil {
			return fmt.Errorf("write the record: %w", err)
		}
		line.Reset()
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	return nil
}

// Feed tells the facts of one incident as they come, as lines of a form: one
// JSON object each. It remembers what a summary does, no rows.
type Feed struct {
	open func(i Incident, o Options) (encoder, error)
	o    Options
	fold *fold
	enc  encoder
	out  *bytes.Buffer // nil while facts are only remembered
	err  error
}

// NewFeed begins a feed in one of [FeedFormats]. Options.Redact must be empty
// or Full, and Zone and Progress mean nothing here. Errors: another form or
// level, and an unknown version of a schema.
func NewFeed(format string, o Options) (*Feed, error) {
	form, ok := linedForms()[format]
	if !ok {
		return nil, fmt.Errorf("format %q cannot be followed; those that can: %s", format, strings.Join(FeedFormats(), ", "))
	}
	if o.Redact != "" && o.Redact != Full {
		return nil, fmt.Errorf("what is followed is told in full; for level %q write an export: firebreak export INCIDENT --redact %s", o.Redact, o.Redact)
	}
	if _, err := form.open(Incident{}, o); err != nil {
		return nil, err
	}
	f := &Feed{open: form.open, o: o}
	f.fold = newFold(f.row)
	return f, nil
}

// Take takes the next fact in and appends its lines to out; with out nil it is
// only remembered. After an error the feed is of no more use.
func (f *Feed) Take(e engine.Event, out *bytes.Buffer) error {
	f.out = out
	if err := f.fold.take(e); err != nil {
		return err
	}
	return f.err
}

// Under says under which head of the journal the facts stand that come from now on.
func (f *Feed) Under(head journal.Checkpoint) {
	f.o.Head = head
	if f.enc != nil {
		f.enc.under(head)
	}
}

// Incident is what is known of the incident so far.
func (f *Feed) Incident() Incident { return f.fold.t.Incident }

func (f *Feed) row(row Row) bool {
	if f.enc == nil {
		if f.enc, f.err = f.open(f.fold.t.Incident, f.o); f.err != nil {
			return false
		}
	}
	f.enc.learn(&row)
	if f.out != nil {
		if err := f.enc.line(f.out, &row); err != nil {
			f.err = fmt.Errorf("row %d: %w", row.Seq, err)
			return false
		}
	}
	return true
}

// runRef is what lines say of the run that they belong to.
type runRef struct {
	ID     string `json:"id"`
	Digest string `json:"digest,omitempty"`
}

// runRefs finds the runbook of each run. It grows with the runs alone.
type runRefs map[string]*runRef

func (r runRefs) learn(row *Row) {
	if row.Type == string(engine.RunStarted{}.Kind()) {
		r[row.Run] = &runRef{ID: row.Details["runbook"], Digest: row.Details["program_digest"]}
	}
}

// rowID names a row for ever, in all forms: the journal and the place in it. A
// row that no fact stands behind is named after the fact before it.
func rowID(origin string, i Incident, row *Row) string {
	id := strconv.FormatInt(row.Seq, 10)
	if origin == "" {
		origin = i.ID
	}
	id = origin + "#" + id
	if row.Derived {
		id += "/" + strings.TrimPrefix(row.Type, "timeline.")
	}
	return id
}

// occurred is when what a row tells came about: when a person saw it, or else
// when it was written down.
func (r *Row) occurred() engine.Stamp {
	if !r.Observed.IsZero() {
		return r.Observed
	}
	return r.At
}

// tags are the words by which rows are found again.
func tags(i Incident, row *Row) []string {
	list := []string{cmp.Or(i.Mode, "live"), string(row.Kind)}
	for _, t := range []struct {
		is   bool
		word string
	}{
		{i.Private, "private"}, {row.Minor, "minor"}, {row.Control, "control"}, {row.Derived, "derived"},
		{row.Details["glass"] != "", "broken_glass"}, {row.Corrected != nil, "corrected"}, {row.Hidden != nil, "hidden"},
	} {
		if t.is {
			list = append(list, t.word)
		}
	}
	return list
}

// cutBytes keeps the first limit bytes at the most, whole characters, and counts
// the characters that are left out.
func cutBytes(s string, limit int) (kept string, left int) {
	if len(s) <= limit {
		return s, 0
	}
	at := limit
	for at > 0 && s[at]&0xC0 == 0x80 && limit-at < 4 {
		at--
	}
	return s[:at], utf8.RuneCountInString(s[at:])
}

// clip keeps the first limit bytes and says how many characters are left out.
func clip(s string, limit int) string {
	kept, left := cutBytes(s, limit)
	if left == 0 {
		return kept
	}
	return fmt.Sprintf("%s… (%d more characters)", kept, left)
}
