package console

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/firebreak-ir/firebreak/chatops"
)

// The form of a message for machines. Its keys are stable: new ones may come,
// none is renamed, and what is empty is left out. Texts are as they are; JSON
// escapes what a terminal would obey.
type (
	message struct {
		Title    string   `json:"title,omitempty"`
		Tone     string   `json:"tone,omitempty"`
		Incident string   `json:"incident,omitempty"`
		Code     string   `json:"code,omitempty"`
		OK       bool     `json:"ok"`
		Usage    bool     `json:"usage,omitempty"`
		Seq      *int64   `json:"seq,omitempty"` // journal entry of a change
		Parts    []part   `json:"parts,omitempty"`
		Form     *form    `json:"form,omitempty"`
		Files    []file   `json:"files,omitempty"`
		Notify   []string `json:"notify,omitempty"`
	}
	part struct {
		Text    string   `json:"text,omitempty"`
		Fields  []field  `json:"fields,omitempty"`
		Lines   []line   `json:"lines,omitempty"`
		Code    string   `json:"code,omitempty"`
		Note    string   `json:"note,omitempty"`
		Buttons []button `json:"buttons,omitempty"`
	}
	field struct {
		Label string `json:"label"`
		Value string `json:"value"`
	}
	line struct {
		Mark  string `json:"mark,omitempty"`
		Text  string `json:"text"`
		Depth int    `json:"depth,omitempty"`
	}
	button struct {
		Verb    string `json:"verb"`
		Value   string `json:"value"`
		Label   string `json:"label"`
		Confirm string `json:"confirm,omitempty"`
	}
	form struct {
		ID     string      `json:"id"`
		State  string      `json:"state,omitempty"`
		Title  string      `json:"title"`
		Fields []formField `json:"fields"`
	}
	formField struct {
		ID       string   `json:"id"`
		Label    string   `json:"label"`
		Hint     string   `json:"hint,omitempty"`
		Value    string   `json:"value,omitempty"`
		Options  []string `json:"options,omitempty"`
		Optional bool     `json:"optional,omitempty"`
	}
	file struct {
		Name string `json:"name"`
		Data []byte `json:"data"` // base64
	}
)

// PrintJSON writes a message as one JSON object and a newline.
func PrintJSON(w io.Writer, m chatops.Message) error {
	out := message{
		Title: m.Title, Tone: string(m.Tone), Incident: m.Incident, Code: string(m.Code), OK: !m.Failed && !m.Usage, Usage: m.Usage, Notify: m.Notify,
	}
	if m.Seq >= 0 {
		out.Seq = &m.Seq
	}
	for _, p := range m.Parts {
		q := part{Text: p.Text, Code: p.Code, Note: p.Note}
		for _, f := range p.Fields {
			q.Fields = append(q.Fields, field(f))
		}
		for _, l := range p.Lines {
			q.Lines = append(q.Lines, line(l))
		}
		for _, b := range p.Buttons {
			q.Buttons = append(q.Buttons, button{b.Verb, b.Value, b.Label, b.Confirm})
		}
		out.Parts = append(out.Parts, q)
	}
	if f := m.Form; f != nil {
		out.Form = &form{ID: f.ID, State: f.State, Title: f.Title, Fields: []formField{}}
		for _, x := range f.Fields {
			out.Form.Fields = append(out.Form.Fields, formField{x.ID, x.Label, x.Hint, x.Value, x.Options, x.Optional})
		}
	}
	for _, f := range m.Files {
		out.Files = append(out.Files, file(f))
	}
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return fmt.Errorf("write a message as JSON: %w", err)
	}
	_, err = io.WriteString(w, escape(string(data))+"\n")
	return err
}

// escape writes the characters that JSON leaves as they are and a terminal
// would obey, or a reader not see, as \u escapes.
func escape(data string) string {
	var b strings.Builder
	for _, r := range data {
		switch s := string(r); {
		case r == '\n' || chatops.Visible(s) == s:
			b.WriteString(s)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
