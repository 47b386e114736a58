package journal

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// scanner walks canonical JSON and accepts nothing else. It allocates nothing, since verify runs it over every record.
type scanner struct {
	src []byte
	i   int
}

func (s *scanner) fail(why string) error {
	return fmt.Errorf("not canonical at byte %d: %s", s.i, why)
}

// peek is the next byte, 0 at the end (0 never starts a token).
func (s *scanner) peek() byte {
	if s.i < len(s.src) {
		return s.src[s.i]
	}
	return 0
}

// literal steps over text and reports whether it was there.
func (s *scanner) literal(text string) bool {
	if len(s.src)-s.i >= len(text) && string(s.src[s.i:s.i+len(text)]) == text {
		s.i += len(text)
		return true
	}
	return false
}

func (s *scanner) value(depth int) error {
	switch c := s.peek(); {
	case c == '"':
		_, err := s.text()
		return err
	case c == '-' || '0' <= c && c <= '9':
		_, err := s.integer()
		return err
	case c == '{' || c == '[':
		if depth == 0 {
			return s.fail("nested too deep")
		}
		s.i++
		if c == '{' {
			return s.object(depth - 1)
		}
		return s.array(depth - 1)
	}
	if s.literal("true") || s.literal("false") || s.literal("null") {
		return nil
	}
	return s.fail("no value")
}

func (s *scanner) object(depth int) error {
	if s.literal("}") {
		return nil
	}
	var last []byte
	for {
		at := s.i
		key, err := s.key()
		if err != nil {
			return err
		}
		if last != nil && bytes.Compare(last, key) >= 0 {
			s.i = at
			return s.fail("keys are not in order, or one is there twice")
		}
		last = key
		if err := s.value(depth); err != nil {
			return err
		}
		if s.literal("}") {
			return nil
		}
		if !s.literal(",") {
			return s.fail("no comma or brace after a member")
		}
	}
}

// key reads `"name":` and returns name.
func (s *scanner) key() ([]byte, error) {
	if !s.literal(`"`) {
		return nil, s.fail("no key")
	}
	start := s.i
	for keyByte(s.peek()) {
		s.i++
	}
	key := s.src[start:s.i]
	if len(key) == 0 || !s.literal(`":`) {
		return nil, s.fail("malformed key")
	}
	return key, nil
}

func (s *scanner) array(depth int) error {
	if s.literal("]") {
		return nil
	}
	for {
		if err := s.value(depth); err != nil {
			return err
		}
		if s.literal("]") {
			return nil
		}
		if !s.literal(",") {
			return s.fail("no comma or bracket after an item")
		}
	}
}

func (s *scanner) integer() (int64, error) {
	negative := s.literal("-")
	first := s.peek()
	if first < '0' || first > '9' {
		return 0, s.fail("no digits")
	}
	var n int64
	start := s.i
	for ; '0' <= s.peek() && s.peek() <= '9'; s.i++ {
		if n = n*10 + int64(s.peek()-'0'); n > MaxInteger {
			return 0, s.fail("integer too large")
		}
	}
	if first == '0' && (negative || s.i-start > 1) {
		return 0, s.fail("digits or sign that are not needed")
	}
	if negative {
		n = -n
	}
	return n, nil
}

// text reads a string and returns the bytes between its quotes, escapes and all.
func (s *scanner) text() ([]byte, error) {
	if !s.literal(`"`) {
		return nil, s.fail("no string")
	}
	start := s.i
	for s.i < len(s.src) {
		c := s.src[s.i]
		switch {
		case c == '"':
			s.i++
			return s.src[start : s.i-1], nil
		case c < 0x20:
			return nil, s.fail("control character")
		case c == '\\':
			if !s.literal(`\"`) && !s.literal(`\\`) && !s.control() {
				return nil, s.fail("escape that is not canonical")
			}
		case c < utf8.RuneSelf:
			s.i++
		default:
			r, size := utf8.DecodeRune(s.src[s.i:])
			if r == utf8.RuneError && size == 1 {
				return nil, s.fail("invalid UTF-8")
			}
			s.i += size
		}
	}
	return nil, s.fail("string does not end")
}

// control steps over \u0000 to \u001f, in lower case.
func (s *scanner) control() bool {
	b := s.src[s.i:]
	if len(b) < 6 || string(b[:4]) != `\u00` || b[4] != '0' && b[4] != '1' {
		return false
	}
	if c := b[5]; '0' <= c && c <= '9' || 'a' <= c && c <= 'f' {
		s.i += 6
		return true
	}
	return false
}

// unescape turns what text returned into the string it means.
func unescape(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		switch {
		case raw[i] != '\\':
			out = append(out, raw[i])
		case raw[i+1] == 'u':
			low := raw[i+5]
			if low >= 'a' {
				low -= 'a' - '0' - 10
			}
			out = append(out, (raw[i+4]-'0')<<4|(low-'0'))
			i += 5
		default:
			out = append(out, raw[i+1])
			i++
		}
	}
	return string(out)
}
