package format

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// writer lays out a tree.
type writer struct {
	bytes.Buffer
	fresh bool // nothing was written yet in the list or map that was begun last
}

func (t *tree) write() []byte {
	t.shape.sort(t.root)
	w := &writer{fresh: true}
	for _, one := range t.head {
		w.remark(0, one)
	}
	root := t.root
	text, fits := root.inline()
	if root.flow && fits && utf8.RuneCountInString(text) <= Width {
		w.WriteString(text + "\n")
	} else {
		w.entries(root, 0, "")
	}
	w.foot(root, 0)
	return w.Bytes()
}

// blank writes an empty line, except at the beginning of something.
func (w *writer) blank(wanted bool) {
	if wanted && !w.fresh {
		w.WriteString("\n")
	}
	w.fresh = false
}

func (w *writer) remark(indent int, one remark) {
	w.blank(one.blank)
	w.WriteString(strings.Repeat(" ", indent) + one.text + "\n")
}

func (w *writer) foot(v *value, indent int) {
	for _, one := range v.foot {
		w.remark(indent, one)
	}
}

// entries writes the lines of a list or map. The first entry goes on behind
// what was begun with a dash; its head was written above that.
func (w *writer) entries(v *value, indent int, begun string) {
	for i, e := range v.entries {
		start := strings.Repeat(" ", indent)
		if i == 0 && begun != "" {
			start = begun
		} else {
			head, blank := w.head(e, indent)
			for _, one := range head {
				w.remark(indent, one)
			}
			w.blank(blank)
		}
		w.entry(e, indent, start)
	}
}

// opens says whether the value of an entry is written as lines of its own.
func (e *entry) opens(indent int) bool {
	v := e.value
	if v.kind == yaml.ScalarNode || len(v.entries) == 0 {
		return false
	}
	if !v.flow {
		return true
	}
	text, ok := v.inline()
	width := indent + utf8.RuneCountInString(text) + len("- ")
	if e.key != nil {
		width += utf8.RuneCountInString(e.key.lines[0])
	}
	return !ok || width > Width
}

// head is what stands above an entry: its own comments, and those for which
// there is no place in its line, with those of a first key that follows its dash.
func (w *writer) head(e *entry, indent int) ([]remark, bool) {
	head, blank := e.head, e.blank
	push := func(one remark) {
		one.blank = one.blank || blank
		blank = false
		head = append(head, one)
	}
	opens := e.opens(indent)
	keep := 1
	if e.key == nil && opens {
		keep = 0
	}
	for len(e.line) > keep {
		push(remark{text: e.line[0]})
		e.line = e.line[1:]
	}
	if !opens {
		for _, one := range e.value.foot {
			push(one)
		}
	}
	if e.key == nil && opens {
		inner, _ := w.head(e.value.entries[0], indent+2)
		for i, one := range inner {
			one.blank = one.blank && i > 0
			push(one)
		}
	}
	return head, blank
}

func (w *writer) entry(e *entry, indent int, start string) {
	v, line := e.value, ""
	if len(e.line) > 0 {
		line = " " + e.line[0]
	}
	opens := e.opens(indent)
	switch {
	case e.key == nil && opens:
		w.entries(v, indent+2, start+"- ")
		w.foot(v, indent+2)
		return
	case e.key == nil:
		w.WriteString(start + "-")
	default:
		w.WriteString(start + e.key.lines[0] + ":")
	}
	switch {
	case opens:
		w.WriteString(line + "\n")
		w.fresh = true
		w.entries(v, indent+2, "")
		w.foot(v, indent+2)
	case v.block:
		w.WriteString(" " + v.lines[0] + line + "\n")
		w.lines(v.lines[1:], indent+2)
	case v.kind == yaml.ScalarNode:
		if v.lines[0] != "" {
			w.WriteString(" " + v.lines[0])
		}
		if more := v.lines[1:]; len(more) > 0 {
			w.WriteString("\n")
			w.lines(more, indent+2)
			w.Truncate(w.Len() - 1)
		}
		w.WriteString(line + "\n")
	default:
		text, _ := v.inline()
		w.WriteString(" " + text + line + "\n")
	}
	w.fresh = false
}

func (w *writer) lines(lines []string, indent int) {
	for _, line := range lines {
		if line != "" {
			w.WriteString(strings.Repeat(" ", indent) + line)
		}
		w.WriteString("\n")
	}
}

// inline is a value on one line, if it can be: comments and texts of several
// lines need lines of their own, and so does what is far too long.
func (v *value) inline() (string, bool) {
	if v.kind == yaml.ScalarNode {
		return v.lines[0], len(v.lines) == 1 && !v.block
	}
	if len(v.foot) > 0 && len(v.entries) > 0 {
		return "", false
	}
	var parts []string
	size := 0
	for _, e := range v.entries {
		if size > utf8.UTFMax*Width || len(e.head) > 0 || len(e.line) > 0 || len(e.value.foot) > 0 {
			return "", false
		}
		text, ok := e.value.inline()
		if !ok {
			return "", false
		}
		if e.key != nil {
			text = strings.TrimRight(e.key.lines[0]+": "+text, " ")
			if e.value.plain && e.value.text == "" {
				text = e.key.lines[0]
			}
		}
		parts = append(parts, text)
		size += len(text)
	}
	if v.kind == yaml.MappingNode {
		return "{" + strings.Join(parts, ", ") + "}", true
	}
	return "[" + strings.Join(parts, ", ") + "]", true
}
