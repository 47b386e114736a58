package runbooks

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// Limits on a file. They bound the time and memory of a parse, whatever the
// file holds.
const (
	maxFile        = 1 << 20
	maxNesting     = 32
	maxValues      = 20_000 // keys and values
	maxDiagnostics = 200
	maxAnchors     = 3 // more are not reported
	maxBadBytes    = 10
)

// source is one file while it is read: its bytes, and what was found wrong.
type source struct {
	name  string
	src   []byte
	lines []int // offset of the start of each line
	chars []int // characters before each offset that is a multiple of stride
	found Diagnostics

	anchors int
	values  int
}

// stride is how far apart the counted offsets of a source are. Without them a
// file that is one long line would be counted again for every diagnostic.
const stride = 1024

func newSource(name string, src []byte) *source {
	s := &source{name: name, src: src, lines: []int{0}}
	n := 0
	for i, b := range src {
		if i%stride == 0 {
			s.chars = append(s.chars, n)
		}
		if b&0xC0 != 0x80 {
			n++
		}
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// full says whether no more diagnostics are kept, so that looking is in vain.
func (s *source) full() bool { return len(s.found) > maxDiagnostics }

// fail notes an error. After [maxDiagnostics] the rest is dropped: nobody reads it.
func (s *source) fail(pos Pos, rule, hint, format string, args ...any) {
	if len(s.found) == maxDiagnostics {
		s.found = append(s.found, Diagnostic{File: s.name, Pos: pos, Rule: "too-many", Severity: SeverityError, Message: "there is more, which is not shown", Hint: "mend these first"})
	}
	if s.full() {
		return
	}
	s.found = append(s.found, Diagnostic{File: s.name, Pos: pos, Rule: rule, Severity: SeverityError, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// before counts the characters before an offset.
func (s *source) before(offset int) int {
	if offset == 0 {
		return 0
	}
	mark := (offset - 1) / stride
	n := s.chars[mark]
	for _, b := range s.src[mark*stride : offset] {
		if b&0xC0 != 0x80 {
			n++
		}
	}
	return n
}

// pos is the place of a byte offset.
func (s *source) pos(offset int) Pos {
	line, found := slices.BinarySearch(s.lines, offset)
	if !found {
		line--
	}
	return Pos{Line: line + 1, Col: s.before(offset) - s.before(s.lines[line]) + 1}
}

// offset is the byte offset of a place, or -1.
func (s *source) offset(pos Pos) int {
	if pos.Line < 1 || pos.Line > len(s.lines) || pos.Col < 1 {
		return -1
	}
	start := s.lines[pos.Line-1]
	want := s.before(start) + pos.Col - 1
	mark, found := slices.BinarySearch(s.chars, want)
	if !found {
		mark--
	}
	at := start
	if mark*stride > start {
		at = mark * stride
	}
	for n := s.before(at); at < len(s.src); at++ {
		if s.src[at]&0xC0 != 0x80 {
			if n == want {
				return at
			}
			n++
		}
	}
	return len(s.src)
}

// inside finds a place inside a scalar: the text that begins after the nth
// mark (an empty mark: at the start of the scalar), and there the character at
// the offset. Where escapes or folding hide it, the place is that of the mark
// or of the scalar.
func (s *source) inside(n *node, mark string, nth int, text string, offset int) Pos {
	start := s.offset(n.pos)
	if start < 0 {
		return n.pos
	}
	window := s.src[start:min(len(s.src), start+8*len(n.text)+64)]
	at := 0
	if mark == "" {
		if at = bytes.Index(window, []byte(text)); at < 0 {
			return n.pos
		}
	}
	for i := range nth + 1 {
		if mark == "" {
			break
		}
		next := bytes.Index(window[at:], []byte(mark))
		if next < 0 {
			return n.pos
		}
		at += next
		if i < nth || bytes.HasPrefix(window[at+len(mark):], []byte(text)) {
			at += len(mark)
		}
	}
	if bytes.HasPrefix(window[at:], []byte(text)) {
		for range offset {
			_, size := utf8.DecodeRune(window[at:])
			at += size
		}
	}
	return s.pos(min(start+at, len(s.src)))
}

// bytesFit looks at the bytes before any YAML is read.
func (s *source) bytesFit() bool {
	if len(s.src) > maxFile {
		s.fail(Pos{1, 1}, "size", "split the runbook", "the file has %d bytes; at most %d are allowed", len(s.src), maxFile)
		return false
	}
	for at := 0; at < len(s.src) && len(s.found) < maxBadBytes; {
		r, size := utf8.DecodeRune(s.src[at:])
		switch {
		case r == utf8.RuneError && size == 1:
			s.fail(s.pos(at), "encoding", "save the file as UTF-8", "byte %#02x is not UTF-8", s.src[at])
			return false
		case r == '\uFEFF' && at == 0:
			s.fail(Pos{1, 1}, "encoding", "save the file as UTF-8 without a mark", "the file begins with a byte order mark")
		case r == '\r' && (at+1 == len(s.src) || s.src[at+1] != '\n'):
			s.fail(s.pos(at), "encoding", "end lines with LF or CRLF", "a carriage return stands alone")
		case forbidden(r):
			s.fail(s.pos(at), "encoding", "remove it; it may not be visible in your editor", "the character U+%04X is not allowed", r)
		}
		at += size
	}
	return len(s.found) == 0
}

// kind of a node.
type nodeKind int

const (
	scalarNode nodeKind = iota
	listNode
	mapNode
)

func (k nodeKind) String() string { return []string{"a single value", "a list", "a map"}[k] }

// node is one place of the file. Scalars are text: what they mean is said by
// the schema, never by how YAML would read them.
type node struct {
	kind  nodeKind
	pos   Pos
	text  string
	plain bool // written without quotes
	bad   bool // a fault was found in it; what it holds is not looked at
	items []*node
	pairs []pair
}

type pair struct{ key, value *node }

// empty says whether nothing was written, or YAML's word for nothing.
func (n *node) empty() bool {
	return n.kind == scalarNode && n.plain && slices.Contains([]string{"", "~", "null", "Null", "NULL"}, n.text)
}

// read gives the tree of the file, or nil after a fault that hides the rest.
func (s *source) read() *node {
	if !s.bytesFit() {
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(s.src), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(2*maxNesting))))
	if err != nil {
		s.fail(Pos{1, 1}, "yaml", "", "%v", err)
		return nil
	}
	var document, second yaml.Node
	switch err := loader.Load(&document); {
	case errors.Is(err, io.EOF):
		s.emptyFile()
		return nil
	case err != nil:
		s.syntax(err)
		return nil
	}
	switch err := loader.Load(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		s.syntax(err)
		return nil
	default:
		s.fail(Pos{second.Line, max(1, second.Column)}, "document", "put each runbook into a file of its own", "the file holds a second document")
	}
	if len(document.Content) != 1 {
		s.emptyFile()
		return nil
	}
	root := s.convert(document.Content[0], 1)
	if root != nil && root.empty() {
		s.emptyFile()
		return nil
	}
	return root
}

func (s *source) emptyFile() {
	s.fail(Pos{1, 1}, "empty", "start with: apiVersion: "+apiVersion+" and kind: "+kindRunbook, "the file is empty")
}

// syntax notes what the YAML parser did not understand. It stops at the first.
func (s *source) syntax(err error) {
	pos, message := Pos{1, 1}, err.Error()
	if at, ok := errors.AsType[*yaml.LoadError](err); ok {
		message = at.Message
		if at.Mark.Line > 0 {
			pos = Pos{at.Mark.Line, max(1, at.Mark.Column)}
		} else if at.ContextMark.Line > 0 {
			pos = Pos{at.ContextMark.Line, max(1, at.ContextMark.Column)}
		}
	}
	rule, hint := "yaml", ""
	switch {
	case strings.Contains(message, "exceeded max depth"):
		rule, message = "depth", fmt.Sprintf("the file is nested deeper than %d", maxNesting)
	case strings.Contains(message, "unknown anchor"):
		rule, message, hint = "anchor", "anchors and aliases are not allowed", "write the value out"
	}
	if pos.Line > len(s.lines) {
		pos = s.pos(len(s.src))
	}
	if hint == "" {
		hint = s.syntaxHint(message, pos)
	}
	s.fail(pos, rule, hint, "%s", strings.TrimPrefix(message, "yaml: "))
}

// syntaxHint says what people most often mean where the YAML parser stops.
func (s *source) syntaxHint(message string, pos Pos) string {
	has := func(words string) bool { return strings.Contains(message, words) }
	line := ""
	if pos.Line <= len(s.lines) {
		line, _ = s.around(pos)
	}
	quoteInQuotes := regexp.MustCompile(`"[^",]*\$\{\{[^}"]*"`)
	switch {
	case has("cannot start any token"):
		return "put the value in quotes; indent with spaces, not tabs"
	case has("found a tab"):
		return "indent with spaces, not tabs"
	case quoteInQuotes.MatchString(line) && (has("did not find expected") || has("mapping values are not allowed")):
		return `between the quotes of "${{ ... }}" stands no other ": put the whole in single quotes, '${{ ... }}', or in lines of its own after >-`
	case has("mapping values are not allowed"):
		return "put a text that holds a colon in quotes, and check the indentation"
	case has("could not find expected ':'"):
		return "write key: value, with a space after the colon, here and in the line before"
	case has("did not find expected ',' or") && strings.Contains(line, "${{"):
		return `put an expression in quotes: "${{ ... }}"`
	case has("did not find expected ',' or"):
		return "close what is open, and put a text that holds a comma, a colon or a brace in quotes"
	case has("did not find expected key"), has("did not find expected '-' indicator"):
		return "check the indentation: the keys of one map, and the dashes of one list, begin in the same column"
	}
	return ""
}

// convert takes over one YAML node and refuses what makes a text mean
// something else than what it shows.
func (s *source) convert(y *yaml.Node, depth int) *node {
	pos := Pos{y.Line, y.Column}
	if s.full() {
		return nil
	}
	if s.values++; s.values > maxValues {
		if s.values == maxValues+1 {
			s.fail(pos, "size", "split the runbook", "the file holds more than %d keys and values", maxValues)
		}
		return nil
	}
	if depth > maxNesting {
		s.fail(pos, "depth", "", "the file is nested deeper than %d", maxNesting)
		return nil
	}
	if y.Anchor != "" || y.Kind == yaml.AliasNode {
		if s.anchors++; s.anchors <= maxAnchors {
			s.fail(pos, "anchor", "write the value out", "anchors and aliases are not allowed")
		}
		if y.Kind == yaml.AliasNode {
			return nil
		}
	}
	bad := y.Style&yaml.TaggedStyle != 0 || y.Tag == "!"
	if bad {
		hint := "leave it out; the type of a value follows from its place"
		if y.Kind == yaml.ScalarNode {
			hint = "put a text that begins with ! in quotes"
		}
		s.fail(pos, "tag", hint, "the tag %q is not allowed", y.Tag)
	}
	switch y.Kind {
	case yaml.ScalarNode:
		const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
		if i := strings.IndexFunc(y.Value, forbidden); i >= 0 {
			r, _ := utf8.DecodeRuneInString(y.Value[i:])
			s.fail(pos, "encoding", "remove the escape", "the text holds the character U+%04X, which is not allowed", r)
		}
		return &node{kind: scalarNode, pos: pos, text: y.Value, plain: y.Style&quoted == 0, bad: bad}
	case yaml.SequenceNode:
		n := &node{kind: listNode, pos: pos}
		for _, item := range y.Content {
			if one := s.convert(item, depth+1); one != nil {
				n.items = append(n.items, one)
			}
		}
		return n
	case yaml.MappingNode:
		return s.convertMap(y, pos, depth)
	}
	s.fail(pos, "yaml", "", "this is not a value")
	return nil
}

func (s *source) convertMap(y *yaml.Node, pos Pos, depth int) *node {
	n := &node{kind: mapNode, pos: pos}
	first := map[string]Pos{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := s.convert(y.Content[i], depth+1), s.convert(y.Content[i+1], depth+1)
		if key == nil || value == nil {
			continue
		}
		switch before, twice := first[key.text]; {
		case key.kind != scalarNode:
			s.fail(key.pos, "yaml", "a text with braces or brackets must be in quotes", "a key must be a single word, not %s", key.kind)
			continue
		case key.text == "<<" && key.plain:
			s.fail(key.pos, "anchor", "write the keys out", "merge keys are not allowed")
			continue
		case twice:
			s.fail(key.pos, "duplicate-key", fmt.Sprintf("the first is in line %d", before.Line), "the key %q is there twice", key.text)
			continue
		}
		first[key.text] = key.pos
		n.pairs = append(n.pairs, pair{key, value})
	}
	return n
}
