package iampolicy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
)

// namedDocument is a document with the name it goes by: contain, contain-2.
type namedDocument struct {
	name     string
	phase    Phase
	document Document
}

func (s *Set) documents() []namedDocument {
	var list []namedDocument
	for _, p := range s.Policies {
		for i, d := range p.Documents {
			name := string(p.Phase)
			if i > 0 {
				name = fmt.Sprintf("%s-%d", name, i+1)
			}
			list = append(list, namedDocument{name, p.Phase, d})
		}
	}
	return list
}

// JSON gives the documents as IAM takes them: the document itself when there is
// one, else an object of documents by name: preflight, contain, contain-2.
func (s *Set) JSON() []byte { return objects(s.documents()) }

func objects(list []namedDocument) []byte {
	if len(list) == 1 {
		return indented(list[0].document)
	}
	var b bytes.Buffer // by hand: the order of phases says something
	b.WriteString("{\n")
	for i, d := range list {
		fmt.Fprintf(&b, "  %s: %s", compact(d.name), bytes.ReplaceAll(bytes.TrimSpace(indented(d.document)), []byte("\n"), []byte("\n  ")))
		if i < len(list)-1 {
			b.WriteString(",")
		}
		b.WriteString("\n")
	}
	b.WriteString("}\n")
	return b.Bytes()
}

func indented(v any) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, compact(v), "", "  "); err != nil {
		panic("iampolicy: " + err.Error()) // it was just encoded
	}
	b.WriteString("\n")
	return b.Bytes()
}

// Table writes each right and the reason for it, the denies, and the notes.
func (s *Set) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "PHASE\tACTION\tRESOURCE\tSTEP\tWHY")
	for _, p := range s.Policies {
		for _, r := range p.Rows {
			for i, resource := range r.Resources {
				action, step, why := r.Action, r.Runbook+"/"+r.Step, r.Why+conditionWords(r.Conditions)
				if i > 0 {
					action, step, why = "", "", ""
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", r.Phase, plain(action), plain(resource), plain(step), plain(why))
			}
		}
	}
	fmt.Fprintln(t)
	fmt.Fprintln(t, "DENIED\tACTION\tRESOURCE\t\tWHY")
	for _, d := range s.Denies {
		on, why := d.Statement.Resource, d.Why+conditionWords(d.Statement.Condition)
		for i, action := range d.Statement.Action {
			resource := ""
			if i < len(on) {
				resource = on[i]
			}
			fmt.Fprintf(t, "always\t%s\t%s\t\t%s\n", plain(action), plain(resource), plain(why))
			why = ""
		}
		for _, resource := range on[min(len(on), len(d.Statement.Action)):] {
			fmt.Fprintf(t, "always\t\t%s\t\t\n", plain(resource))
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return s.WriteNotes(w, "\n", "note: ")
}

// WriteNotes writes the notes, each on a line that begins with prefix, after
// before when there are any.
func (s *Set) WriteNotes(w io.Writer, before, prefix string) error {
	for _, note := range s.Notes {
		if _, err := fmt.Fprintf(w, "%s%s%s\n", before, prefix, plain(note)); err != nil {
			return fmt.Errorf("write the notes: %w", err)
		}
		before = ""
	}
	return nil
}

// plain keeps a text on one line: no controls, and nothing that a table or a
// comment would take for its own.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}
