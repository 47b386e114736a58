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

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// Schema names the form of the JSON export; see the package documentation.
const Schema = "firebreak/timeline/v1"

// jsonHead says what the timeline was read at.
type jsonHead struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Root   string `json:"root"`
}

// JSON writes the timeline with the signed head of the journal it was read
// from. The same facts and the same head give the same bytes.
func (t *Timeline) JSON(w io.Writer, head journal.Checkpoint) error {
	out := bufio.NewWriter(w)
	members := []struct {
		name  string
		value any
	}{
		{"schema", Schema},
		{"checkpoint", string(head.Note)},
		{"head", jsonHead{Origin: head.Origin, Size: head.Size, Root: base64.StdEncoding.EncodeToString(head.Root[:])}},
		{"incident", t.Incident},
		{"key_times", list(t.KeyTimes)},
		{"people", list(t.People)},
		{"runs", list(t.Runs)},
		{"approvals", list(t.Approvals)},
		{"actions", list(t.Actions)},
		{"groups", list(t.Groups)},
		{"waits", list(t.Waits)},
		{"containments", list(t.Containments)},
		{"refused", list(t.Refused)},
		{"not_done", list(t.NotDone)},
		{"open", list(t.Open)},
		{"alive", list(t.Alive)},
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
	for i := range t.Rows {
		data, err := marshal(&t.Rows[i])
		if err != nil {
			return fmt.Errorf("write the timeline: row %d: %w", t.Rows[i].Seq, err)
		}
		if i > 0 {
			out.WriteByte(',')
		}
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
