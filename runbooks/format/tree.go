package format

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// tree is a file: its values with their comments.
type tree struct {
	root  *value
	head  []remark // before the first key
	shape *shape   // the order of the keys; nil: as they stand
	kept  []string // the text of every comment, in the order of the file
}

// value is a scalar, a list or a map.
type value struct {
	kind  yaml.Kind
	plain bool // a scalar without quotes
	text  string
	lines []string // a scalar as written: its first line, then the others without their indentation
	block bool     // a scalar written with | or >

	flow    bool // written with {} or []
	col     int  // of the entries of a block, counted from 0
	owner   *entry
	entries []*entry
	foot    []remark // after the last entry

	start, end int // offsets
}

// entry is a key with its value, or an item of a list.
type entry struct {
	key   *value // nil: an item
	value *value
	head  []remark // above it
	line  []string // at the end of its line
	blank bool     // an empty line stands directly above it
	in    *value
	start int
}

// end is where the entry ends.
func (e *entry) end() int { return max(e.value.end, e.start) }

// remark is a comment on a line of its own.
type remark struct {
	text  string
	blank bool // an empty line stands directly above it
}

// reader makes a tree of the bytes of a file.
type reader struct {
	src     []byte
	lines   []int  // offset of the start of each line
	spans   []span // of scalars, in the order of the file
	entries []*entry
	dashes  map[int][]int // offsets of the dashes of lists, by column
	remarks []int         // offsets of the comments
	last    place         // that offset was asked for last
}

// place is a line and a column, counted from 1, and where they are in the bytes.
type place struct{ line, col, at int }

type span struct{ start, end int }

func read(src []byte) (*tree, error) {
	r := &reader{src: src, lines: []int{0}, dashes: map[int][]int{}}
	for i, b := range src {
		if b == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	top, err := parse(src)
	if err != nil {
		return nil, err
	}
	t := &tree{}
	if t.root, err = r.convert(top, 0); err != nil {
		return nil, err
	}
	if err := r.gaps(); err != nil {
		return nil, err
	}
	if err := r.finish(t.root); err != nil {
		return nil, err
	}
	t.shape = shapeOf(t.root.word("kind"))
	if v := t.root.word("apiVersion"); t.root.kind != yaml.MappingNode || !strings.HasPrefix(v, "firebreak/") {
		return nil, &fault{runbooks.Pos{Line: 1, Col: 1}, "this is not a file of firebreak: it has no apiVersion: firebreak/v1", "only files of firebreak are laid out"}
	}
	r.attach(t)
	return t, nil
}

// parse reads the one document of a file.
func parse(src []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := loader.Load(&document); err != nil {
		return nil, err
	}
	if len(document.Content) != 1 {
		return nil, fmt.Errorf("the file is empty")
	}
	return document.Content[0], nil
}

// word is the text of the scalar under a key, or "".
func (v *value) word(key string) string {
	for _, e := range v.entries {
		if e.key != nil && e.key.text == key {
			return e.value.text
		}
	}
	return ""
}

// offset is where a line and a column are in the bytes. It goes on from the last
// place, since a file that is one long line is asked for from left to right.
func (r *reader) offset(line, col int) int {
	if line < 1 || line > len(r.lines) {
		return len(r.src)
	}
	if r.last.line != line || r.last.col > col {
		r.last = place{line, 1, r.lines[line-1]}
	}
	for ; r.last.col < col && r.last.at < len(r.src); r.last.col++ {
		_, size := utf8.DecodeRune(r.src[r.last.at:])
		r.last.at += size
	}
	return r.last.at
}

// line is the number, from 0, of the line that holds an offset.
func (r *reader) line(at int) int { return sort.SearchInts(r.lines, at+1) - 1 }

// column counts the characters before an offset in its line.
func (r *reader) column(at int) int { return utf8.RuneCount(r.src[r.lines[r.line(at)]:at]) }

func (r *reader) pos(at int) runbooks.Pos {
	return runbooks.Pos{Line: r.line(at) + 1, Col: r.column(at) + 1}
}

// convert takes over a node. Around is the column of the block that holds it.
func (r *reader) convert(y *yaml.Node, around int) (*value, error) {
	v := &value{kind: y.Kind, start: r.offset(y.Line, y.Column)}
	if y.Anchor != "" || y.Kind == yaml.AliasNode || y.Style&yaml.TaggedStyle != 0 {
		return nil, &fault{r.pos(v.start), "anchors, aliases and tags are not laid out", "write the value out"}
	}
	switch y.Kind {
	case yaml.ScalarNode:
		return v, r.scalar(v, y, around)
	case yaml.SequenceNode, yaml.MappingNode:
	default:
		return nil, &fault{r.pos(v.start), "this is not a value", ""}
	}
	v.flow = y.Style&yaml.FlowStyle != 0
	v.col = around
	if !v.flow {
		v.col = r.column(v.start)
	}
	step := 1
	if y.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i+step <= len(y.Content); i += step {
		e := &entry{in: v}
		v.entries, r.entries = append(v.entries, e), append(r.entries, e)
		if step == 2 {
			key, err := r.convert(y.Content[i], v.col)
			if err != nil {
				return nil, err
			}
			if key.kind != yaml.ScalarNode || len(key.lines) != 1 || key.block {
				return nil, &fault{r.pos(key.start), "a key that is not a word on one line is not laid out", "write it as one word"}
			}
			e.key, e.start = key, key.start
		}
		one, err := r.convert(y.Content[i+step-1], v.col)
		if err != nil {
			return nil, err
		}
		if e.key == nil {
			e.start = one.start // of a list in a block it is the dash, see finish
		}
		e.value, one.owner = one, e
		v.end = max(v.end, one.end)
	}
	return v, nil
}

// finish finds what could not be known before the gaps were: the dashes of
// lists, and where {} and [] end.
func (r *reader) finish(v *value) error {
	if v.kind == yaml.ScalarNode {
		return nil
	}
	v.end = max(v.end, v.start)
	for i, e := range v.entries {
		if v.kind == yaml.SequenceNode && !v.flow {
			at := r.dashes[v.col]
			at = at[sort.SearchInts(at, v.start):]
			if len(at) <= i {
				return &fault{r.pos(e.start), "this item has no dash of its own", "begin each item with a dash on a line of its own"}
			}
			e.start = at[i]
		}
		if err := r.finish(e.value); err != nil {
			return err
		}
		v.end = max(v.end, e.end())
		e.blank = r.blankAbove(e.start)
	}
	if v.flow && (r.src[v.start] == '{' || r.src[v.start] == '[') {
		at := max(v.end, v.start+1)
		for at < len(r.src) && r.src[at] != '}' && r.src[at] != ']' {
			if r.src[at] == '#' {
				at = r.lineEnd(at)
				continue
			}
			at++
		}
		v.end = min(at+1, len(r.src))
	}
	return nil
}

// blankAbove says whether an offset is the first thing of its line and the line
// above is empty and not part of a text.
func (r *reader) blankAbove(at int) bool {
	n := r.line(at)
	if n == 0 || !r.beginsLine(at) {
		return false
	}
	above := r.lines[n-1]
	if strings.TrimSpace(string(r.src[above:r.lines[n]])) != "" {
		return false
	}
	i := sort.Search(len(r.spans), func(i int) bool { return r.spans[i].end > above })
	return i == len(r.spans) || r.spans[i].start > above
}

// beginsLine says whether nothing but blanks stands before an offset in its line.
func (r *reader) beginsLine(at int) bool {
	for at > 0 && (r.src[at-1] == ' ' || r.src[at-1] == '\t') {
		at--
	}
	return at == 0 || r.src[at-1] == '\n'
}

// lineEnd is the offset of the line break behind an offset, or of the end.
func (r *reader) lineEnd(at int) int {
	if i := bytes.IndexByte(r.src[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(r.src)
}
