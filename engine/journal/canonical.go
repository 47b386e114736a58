package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// MaxDepth is how deep objects and arrays may nest in canonical JSON; `{}` is 1 deep. It is twice what the
	// format's first draft allowed, because records carry the outputs of steps, and clouds nest deeply.
	MaxDepth = 16

	// MaxInteger is the largest integer of either sign: what every JSON reader holds exactly.
	MaxInteger = 1<<53 - 1

	// leafDepth is MaxDepth and the envelope around it.
	leafDepth = MaxDepth + 1
)

// Canonical encodes a value in the canonical form "fbj/1", in which equal values are equal bytes:
//
//   - JSON with no space between tokens;
//   - object keys match [A-Za-z0-9_.:/-]+ (upper case and ":/-" because cloud outputs use them), sorted by byte, none twice;
//   - integers within ±(2^53-1), without sign or digits that are not needed; no fractions, no exponents;
//   - strings are valid UTF-8 with only these escapes: \" and \\ and \u00xx (lower case) for U+0000 to U+001F;
//   - at most MaxDepth deep.
//
// The value is encoded by encoding/json first, so struct tags and MarshalJSON hold; a float64 that is a whole number comes out as
// an integer, any other is refused. Invalid UTF-8 is refused, and so is the six-letter escape \ufffd in ready JSON, by which
// encoding/json hides it.
func Canonical(v any) ([]byte, error) {
	loose, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return canonicalize(loose)
}

// canonicalize rewrites JSON text in the canonical form.
func canonicalize(loose []byte) ([]byte, error) {
	p := looseParser{src: loose}
	out, err := p.value(make([]byte, 0, len(loose)), MaxDepth)
	if err != nil {
		return nil, fmt.Errorf("no canonical form: %w", err)
	}
	if p.space(); p.i != len(p.src) {
		return nil, errors.New("no canonical form: more than one value")
	}
	return out, nil
}

// CheckCanonical says why b is not in the canonical form, or nil. It accepts exactly those bytes that Canonical returns.
func CheckCanonical(b []byte) error { return checkDepth(b, MaxDepth) }

func checkDepth(b []byte, depth int) error {
	s := scanner{src: b}
	if err := s.value(depth); err != nil {
		return err
	}
	if s.i != len(b) {
		return s.fail("bytes after the value")
	}
	return nil
}

// looseParser reads any JSON and writes the canonical form. It is deliberately not the strict scanner below:
// the two are written apart and fuzzed against each other.
type looseParser struct {
	src []byte
	i   int
}

var errEnd = errors.New("text ends too early")

func (p *looseParser) space() {
	for p.i < len(p.src) && (p.src[p.i] == ' ' || p.src[p.i] == '\t' || p.src[p.i] == '\n' || p.src[p.i] == '\r') {
		p.i++
	}
}

func (p *looseParser) next() (byte, error) {
	p.space()
	if p.i >= len(p.src) {
		return 0, errEnd
	}
	return p.src[p.i], nil
}

// value appends the canonical form of the next value to out.
func (p *looseParser) value(out []byte, depth int) ([]byte, error) {
	c, err := p.next()
	if err != nil {
		return nil, err
	}
	switch {
	case c == '{' || c == '[':
		if depth == 0 {
			return nil, fmt.Errorf("deeper than %d", MaxDepth)
		}
		p.i++
		if c == '{' {
			return p.object(out, depth-1)
		}
		return p.array(out, depth-1)
	case c == '"':
		s, err := p.text()
		if err != nil {
			return nil, err
		}
		return appendText(out, s), nil
	case c == '-' || '0' <= c && c <= '9':
		return p.number(out)
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(p.src[p.i:], []byte(word)) {
			p.i += len(word)
			return append(out, word...), nil
		}
	}
	return nil, fmt.Errorf("unexpected %q", c)
}

func (p *looseParser) object(out []byte, depth int) ([]byte, error) {
	type member struct {
		key   string
		value []byte
	}
	var members []member
	for {
		c, err := p.next()
		if err != nil {
			return nil, err
		}
		if c == '}' && len(members) == 0 {
			p.i++
			return append(out, "{}"...), nil
		}
		if c != '"' {
			return nil, fmt.Errorf("unexpected %q where a key should be", c)
		}
		key, err := p.text()
		if err != nil {
			return nil, err
		}
		if !validKey(key) {
			return nil, fmt.Errorf("key %q: want letters, digits and _.:/- only", key)
		}
		if c, err = p.next(); err != nil {
			return nil, err
		} else if c != ':' {
			return nil, fmt.Errorf("unexpected %q after key %q", c, key)
		}
		p.i++
		value, err := p.value(nil, depth)
		if err != nil {
			return nil, fmt.Errorf("in %q: %w", key, err)
		}
		members = append(members, member{string(key), value})
		if c, err = p.next(); err != nil {
			return nil, err
		}
		p.i++
		if c == '}' {
			break
		}
		if c != ',' {
			return nil, fmt.Errorf("unexpected %q after a member", c)
		}
	}
	slices.SortFunc(members, func(a, b member) int { return bytes.Compare([]byte(a.key), []byte(b.key)) })
	for i, m := range members {
		if i > 0 && members[i-1].key == m.key {
			return nil, fmt.Errorf("key %q occurs twice", m.key)
		}
		out = append(out, "{,"[min(i, 1)])
		out = appendText(out, []byte(m.key))
		out = append(out, ':')
		out = append(out, m.value...)
	}
	return append(out, '}'), nil
}

func (p *looseParser) array(out []byte, depth int) ([]byte, error) {
	out = append(out, '[')
	for n := 0; ; n++ {
		c, err := p.next()
		if err != nil {
			return nil, err
		}
		if c == ']' && n == 0 {
			p.i++
			return append(out, ']'), nil
		}
		if out, err = p.value(out, depth); err != nil {
			return nil, fmt.Errorf("in item %d: %w", n, err)
		}
		if c, err = p.next(); err != nil {
			return nil, err
		}
		p.i++
		if c == ']' {
			return append(out, ']'), nil
		}
		if c != ',' {
			return nil, fmt.Errorf("unexpected %q after item %d", c, n)
		}
		out = append(out, ',')
	}
}

func (p *looseParser) number(out []byte) ([]byte, error) {
	start := p.i
	for p.i < len(p.src) && (p.src[p.i] == '-' || p.src[p.i] == '+' || p.src[p.i] == '.' || p.src[p.i]|0x20 == 'e' || '0' <= p.src[p.i] && p.src[p.i] <= '9') {
		p.i++
	}
	text := string(p.src[start:p.i])
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > MaxInteger || n < -MaxInteger {
		return nil, fmt.Errorf("number %s: want an integer within ±(2^53-1), put anything else in a string", text)
	}
	if strconv.FormatInt(n, 10) != text {
		return nil, fmt.Errorf("number %s: want it without leading zeros or minus zero", text)
	}
	return append(out, text...), nil
}

// text reads a string and returns what it means.
func (p *looseParser) text() ([]byte, error) {
	var s []byte
	for p.i++; p.i < len(p.src); {
		c := p.src[p.i]
		switch {
		case c == '"':
			p.i++
			return s, nil
		case c < 0x20:
			return nil, errors.New("control character in a string")
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return nil, err
			}
			s = utf8.AppendRune(s, r)
		default:
			r, size := utf8.DecodeRune(p.src[p.i:])
			if r == utf8.RuneError && size == 1 {
				return nil, errors.New("invalid UTF-8 in a string")
			}
			s = append(s, p.src[p.i:p.i+size]...)
			p.i += size
		}
	}
	return nil, errEnd
}

func (p *looseParser) escape() (rune, error) {
	if p.i+1 >= len(p.src) {
		return 0, errEnd
	}
	c := p.src[p.i+1]
	if at := bytes.IndexByte([]byte(`"\/bfnrt`), c); at >= 0 {
		p.i += 2
		return rune("\"\\/\b\f\n\r\t"[at]), nil
	}
	if c != 'u' {
		return 0, fmt.Errorf("unknown escape %q", c)
	}
	r, err := p.hex4()
	if err != nil {
		return 0, err
	}
	if utf16.IsSurrogate(r) {
		if !bytes.HasPrefix(p.src[p.i:], []byte(`\u`)) {
			return 0, errors.New("half a surrogate pair in a string")
		}
		low, err := p.hex4()
		if err != nil {
			return 0, err
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return 0, errors.New("half a surrogate pair in a string")
		}
	}
	if r == utf8.RuneError {
		return 0, errors.New("invalid UTF-8 in a string")
	}
	return r, nil
}

// hex4 reads \uXXXX.
func (p *looseParser) hex4() (rune, error) {
	if p.i+6 > len(p.src) {
		return 0, errEnd
	}
	n, err := strconv.ParseUint(string(p.src[p.i+2:p.i+6]), 16, 16)
	if err != nil {
		return 0, errors.New("malformed \\u escape")
	}
	p.i += 6
	return rune(n), nil
}

// appendText appends s, which is valid UTF-8, as a canonical string.
func appendText(out, s []byte) []byte {
	const digits = "0123456789abcdef"
	out = append(out, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < 0x20:
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}

func validKey(key []byte) bool {
	for _, c := range key {
		if !keyByte(c) {
			return false
		}
	}
	return len(key) > 0
}

func keyByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '-' <= c && c <= ':' || c == '_' // '-' to ':' is -./0-9:
}
