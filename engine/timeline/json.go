package timeline

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// Schema names the form of the JSON export; see the package documentation.
const Schema = "firebreak/timeline/v1"

// jsonHead says what the timeline was read at.
type jsonHead struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Root   string `json:"root"`
}

// jsonRedaction says what is not in the export as it is in the record.
type jsonRedaction struct {
	Level  Level    `json:"level"`
	Fields []string `json:"fields"` // of the rows and of the summary: those with stand-ins or nothing in them
}

// writeJSON writes a record for machines.
func (r *Record) writeJSON(w io.Writer, o Options) error {
	out := bufio.NewWriter(w)
	head := o.Head
	members := []struct {
		name  string
		value any
	}{
		{"schema", Schema},
		{"checkpoint", string(head.Note)},
		{"head", jsonHead{Origin: head.Origin, Size: head.Size, Root: base64.StdEncoding.EncodeToString(head.Root[:])}},
		{"redaction", jsonRedaction{r.level, list(r.level.fields())}},
		{"incident", r.Incident},
		{"key_times", list(r.KeyTimes)},
		{"people", list(r.People)},
		{"runs", list(r.Runs)},
		{"approvals", list(r.Approvals)},
		{"actions", list(r.Actions)},
		{"groups", list(r.Groups)},
		{"waits", list(r.Waits)},
		{"containments", list(r.Containments)},
		{"broken_glass", list(r.Glasses)},
		{"refused", list(r.Refused)},
		{"not_done", list(r.NotDone)},
		{"open", list(r.Open)},
		{"alive", list(r.Alive)},
		{"corrections", list(r.Corrections)},
		{"hidden", list(r.Hidden)},
	}
	out.WriteString("{\n")
	for _, m := range members {
		data, err := marshal(m.value)
		if err != nil {
			return fmt.Errorf("write the timeline: %s: %w", m.name, err)
		}
		fmt.Fprintf(out, "%q: %s,\n", m.name, data)
	}
	out.WriteString(`"rows": [`)
	begun := false
	for row, err := range r.rows(o) {
		if err != nil {
			return fmt.Errorf("write the timeline: %w", err)
		}
		data, err := marshal(&row)
		if err != nil {
			return fmt.Errorf("write the timeline: row %d: %w", row.Seq, err)
		}
		if begun {
			out.WriteByte(',')
		}
		begun = true
		out.WriteByte('\n')
		out.Write(data)
	}
	out.WriteString("\n]\n}\n")
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the timeline: %w", err)
	}
	return nil
}

// list is never null in JSON.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// marshal encodes v so that a reader of the bytes sees every character: what is
// not visible is written as an escape, which decodes to the same value.
func marshal(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil || !bytes.ContainsFunc(data, hidden) {
		return data, err
	}
	out := make([]byte, 0, len(data)+64)
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case !hidden(r):
			out = append(out, data[:size]...)
		case r > 0xFFFF:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		data = data[size:]
	}
	return out, nil
}
