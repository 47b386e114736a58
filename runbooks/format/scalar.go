package format

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// scalar finds where a scalar ends and takes its lines as they were written.
func (r *reader) scalar(v *value, y *yaml.Node, around int) error {
	v.text = y.Value
	switch {
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return r.blockScalar(v, around)
	case y.Style&yaml.DoubleQuotedStyle != 0:
		v.end = r.quoted(v.start, '"')
	case y.Style&yaml.SingleQuotedStyle != 0:
		v.end = r.quoted(v.start, '\'')
	default:
		v.plain = true
		if v.end = r.plain(v.start, y.Value); v.end < 0 {
			return &fault{r.pos(v.start), "the end of this text was not found", "put it in quotes"}
		}
	}
	if v.end > v.start {
		r.spans = append(r.spans, span{v.start, v.end})
	}
	for i, line := range strings.Split(string(r.src[v.start:v.end]), "\n") {
		if i > 0 {
			line = strings.TrimLeft(line, " \t")
		}
		if v.plain {
			line = strings.TrimRight(line, " \t")
		}
		v.lines = append(v.lines, line)
	}
	return nil
}

// quoted is the offset behind the closing quote.
func (r *reader) quoted(start int, quote byte) int {
	for at := start + 1; at < len(r.src); at++ {
		switch {
		case quote == '"' && r.src[at] == '\\':
			at++
		case r.src[at] != quote:
		case quote == '\'' && at+1 < len(r.src) && r.src[at+1] == quote:
			at++
		default:
			return at + 1
		}
	}
	return len(r.src)
}

// plain is the offset behind a text without quotes: it is there sign by sign,
// only its blanks may differ.
func (r *reader) plain(start int, text string) int {
	at := start
	for _, want := range text {
		if unicode.IsSpace(want) {
			continue
		}
		for at < len(r.src) && bytes.IndexByte([]byte(" \t\n"), r.src[at]) >= 0 {
			at++
		}
		got, size := utf8.DecodeRune(r.src[at:])
		if got != want {
			// A blank of another alphabet is part of the text.
			for unicode.IsSpace(got) && size > 0 {
				at += size
				got, size = utf8.DecodeRune(r.src[at:])
			}
			if got != want {
				return -1
			}
		}
		at += size
	}
	return at
}

// blockScalar reads a text written with | or >: its first line is the header
// for the new layout, the others are the text without its indentation.
func (r *reader) blockScalar(v *value, around int) error {
	v.block = true
	head := v.start + 1
	chomp, explicit := "", 0
	for ; head < len(r.src); head++ {
		switch b := r.src[head]; {
		case b == '+' || b == '-':
			chomp = string(b)
			continue
		case b >= '1' && b <= '9':
			explicit = int(b - '0')
			continue
		}
		break
	}
	r.spans = append(r.spans, span{v.start, head})
	first := r.line(v.start) + 1
	indent := around + explicit
	if explicit == 0 {
		indent = r.indentation(first, around+1)
	}
	var lines []string
	last := first // behind the last line of the text
	for n := first; n < len(r.lines); n++ {
		if n == len(r.lines)-1 && r.lines[n] == len(r.src) {
			break // nothing follows the last line break
		}
		line := r.text(n)
		spaces := len(line) - len(strings.TrimLeft(line, " "))
		if spaces < len(line) && spaces < indent {
			break
		}
		line = line[min(indent, spaces):]
		lines = append(lines, line)
		if line != "" || chomp == "+" {
			last = n + 1
		}
	}
	lines = lines[:last-first]
	v.end = head
	if last > first {
		from, to := r.lines[first], len(r.src)
		if last < len(r.lines) {
			to = r.lines[last]
		}
		r.spans = append(r.spans, span{from, to})
		v.end = to
	}
	if v.text != "" && !strings.HasSuffix(v.text, "\n") {
		chomp = "-" // the file ended without a line break
	}
	header := string(r.src[v.start])
	if explicit > 0 {
		header += "2"
	}
	v.lines = append([]string{header + chomp}, lines...)
	return nil
}

// text is a line without its break.
func (r *reader) text(n int) string {
	end := len(r.src)
	if n+1 < len(r.lines) {
		end = r.lines[n+1] - 1
	}
	return string(r.src[r.lines[n]:end])
}

// indentation is how far the first line with something in it stands in.
func (r *reader) indentation(n, least int) int {
	for ; n < len(r.lines); n++ {
		line := r.text(n)
		if trimmed := strings.TrimLeft(line, " "); trimmed != "" {
			return max(least, len(line)-len(trimmed))
		}
	}
	return least
}
