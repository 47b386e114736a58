package timeline

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxSheetCell is the most characters of a cell: what a spreadsheet keeps, less
// the words that count the rest.
const maxSheetCell = 32_000

// csvColumns are the columns of the csv form. Their order and meaning are for
// ever; new ones are added at the end.
var csvColumns = []struct {
	name string
	cell func(i Incident, o Options, r *Row) string
}{
	{"seq", func(_ Incident, _ Options, r *Row) string { return strconv.FormatInt(r.Seq, 10) }},
	{"id", func(i Incident, o Options, r *Row) string { return rowID(o.Head.Origin, i, r) }},
	{"incident", func(i Incident, _ Options, _ *Row) string { return i.ID }},
	{"mode", func(i Incident, _ Options, _ *Row) string { return i.Mode }},
	{"occurred_at", func(_ Incident, _ Options, r *Row) string { return r.occurred().UTC().Format(stampForm) }},
	{"recorded_at", func(_ Incident, _ Options, r *Row) string { return r.At.UTC().Format(stampForm) }},
	{"kind", func(_ Incident, _ Options, r *Row) string { return string(r.Kind) }},
	{"type", func(_ Incident, _ Options, r *Row) string { return r.Type }},
	{"actor_type", func(_ Incident, _ Options, r *Row) string { return r.Actor.Type }},
	{"actor_id", func(_ Incident, _ Options, r *Row) string { return r.Actor.ID }},
	{"actor_name", func(_ Incident, _ Options, r *Row) string { return r.Actor.Name }},
	{"actor_via", func(_ Incident, _ Options, r *Row) string { return r.Actor.Via }},
	{"run", func(_ Incident, _ Options, r *Row) string { return r.Run }},
	{"step", func(_ Incident, _ Options, r *Row) string { return r.Step }},
	{"attempt", func(_ Incident, _ Options, r *Row) string { return digits(int64(r.Attempt)) }},
	{"outcome", func(_ Incident, _ Options, r *Row) string { return r.Outcome }},
	{"text", func(_ Incident, _ Options, r *Row) string { return r.Text }},
	{"targets", func(_ Incident, _ Options, r *Row) string { return targetWords(r.Targets) }},
	{"plan_digest", func(_ Incident, _ Options, r *Row) string { return r.Digest }},
	{"refs", func(_ Incident, _ Options, r *Row) string { return requestWords(r.Refs) }},
	{"duration_ms", func(_ Incident, _ Options, r *Row) string { return digits(r.Millis) }},
	{"tags", func(i Incident, _ Options, r *Row) string { return strings.Join(tags(i, r), " ") }},
	{"details", func(_ Incident, _ Options, r *Row) string { return strings.Join(detailWords(r), "; ") }},
	{"prev_hash", func(_ Incident, _ Options, r *Row) string { return r.Prev }},
	{"hash", func(_ Incident, _ Options, r *Row) string { return r.Hash }},
	{"corrected", func(_ Incident, _ Options, r *Row) string {
		if r.Corrected == nil {
			return ""
		}
		return r.Corrected.Text + " (" + r.Corrected.why() + ")"
	}},
	{"hidden", func(_ Incident, _ Options, r *Row) string {
		if r.Hidden == nil {
			return ""
		}
		return "hidden by " + r.Hidden.By.Who() + because(r.Hidden.Reason)
	}},
}

// writeCSV writes the csv form.
func writeCSV(r *Record, w io.Writer, o Options) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	cells := make([]string, len(csvColumns))
	for n, c := range csvColumns {
		cells[n] = c.name
	}
	if err := out.Write(cells); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	for row, err := range r.rows(o) {
		if err != nil {
			return err
		}
		for n, c := range csvColumns {
			cells[n] = SheetCell(c.cell(r.Incident, o, &row))
		}
		if err := out.Write(cells); err != nil {
			return fmt.Errorf("write the record: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	return nil
}

// SheetCell makes any text a cell that a spreadsheet shows and does not carry
// out: nothing in it is hidden, and what would begin a formula begins with an
// apostrophe. The first sign counts that is no space, because some readers take
// spaces away, and the wide forms of the signs count too.
func SheetCell(s string) string {
	if s == "" {
		return s
	}
	formula := strings.ContainsRune("\t\r\n", rune(s[0]))
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, " \t\r\n\u00a0"))
	if formula || strings.ContainsRune("=+-@|%'＝＋－＠", first) {
		s = "'" + s
	}
	return Cut(Visible(s), maxSheetCell)
}

// digits is a number that is not zero, or nothing.
func digits(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// detailWords lists the details as name=value, sorted by name.
func detailWords(r *Row) []string {
	names := make([]string, 0, len(r.Details))
	for name := range r.Details {
		names = append(names, name)
	}
	slices.Sort(names)
	for n, name := range names {
		names[n] = name + "=" + r.Details[name]
	}
	return names
}
