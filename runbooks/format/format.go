// Package format lays out runbooks and scenarios in one way, so that a review shows what was
// changed and not how somebody's editor indents.
//
// [Source] takes the bytes of a file and gives those of the same file in the
// canonical layout:
//
//   - two spaces for each level; the items of a list stand two below their key;
//   - keys that the language knows stand in the order in which it is explained
//     (id, title, what the step does, ...), each with its comments; names that the
//     author chose, of inputs and of parameters, stay in the author's order;
//   - {} and [] are one line where they fit into 120 columns and hold no comment,
//     else lines of their own; what was lines of its own stays so;
//   - quotes, block texts and folded texts stay as they are; so do single empty
//     lines between two things;
//   - every comment stays: above a key, at the end of its line, or at the end of
//     a list or map. What stands before the first key stays at the top.
//
// Three promises hold: the meaning is the same, no comment is lost, and a second
// time changes nothing. The first two are not left to the tests: what was laid
// out is read again and compared before it is given back, and where it would
// differ there is a diagnostic and no text.
//
// # Design
//
// The YAML library says where each value begins and how it was written; from
// this the end of each is found, and what lies between is blanks, signs and
// comments. Comments are so taken from the bytes, each exactly once, and given to
// an entry by its place and its column. Rejected: the library's own encoder,
// which attaches comments by guessing and loses some, and rewrites texts; and a
// formatter that moves lines only, which cannot order keys.
package format

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// Width is how many columns a line with {} or [] may have. Texts are never cut.
const Width = 120

// Source gives the file in the canonical layout, or says why it cannot be laid
// out: it is not one YAML document without anchors and tags, or it is none of
// ours. Faults of content, such as an unknown key, do not stand in the way. A
// runbook and a scenario have their keys ordered, a file of another kind only its
// layout.
func Source(name string, src []byte) ([]byte, runbooks.Diagnostics) {
	text := bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	if found := refused(name, text); len(found) > 0 {
		return nil, found
	}
	t, err := read(text)
	if err != nil {
		return nil, stop(name, err)
	}
	out := t.write()
	if err := same(t, out); err != nil {
		return nil, stop(name, err)
	}
	return out, nil
}

// refused is what makes a file one that cannot be laid out.
func refused(name string, text []byte) runbooks.Diagnostics {
	_, found := runbooks.Parse(name, text)
	reading := []string{"yaml", "anchor", "tag", "document", "duplicate-key", "encoding", "size", "depth", "empty"}
	return slices.DeleteFunc(found, func(d runbooks.Diagnostic) bool {
		return d.Severity != runbooks.SeverityError || !slices.Contains(reading, d.Rule)
	})
}

func stop(name string, err error) runbooks.Diagnostics {
	d := runbooks.Diagnostic{File: name, Pos: runbooks.Pos{Line: 1, Col: 1}, Rule: "format", Severity: runbooks.SeverityError, Message: err.Error()}
	if at, ok := err.(*fault); ok {
		d.Pos, d.Message, d.Hint = at.pos, at.message, at.hint
	}
	return runbooks.Diagnostics{d}
}

// fault is why a file cannot be laid out, and where.
type fault struct {
	pos           runbooks.Pos
	message, hint string
}

func (f *fault) Error() string { return fmt.Sprintf("%d:%d: %s", f.pos.Line, f.pos.Col, f.message) }
