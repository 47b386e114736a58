package exec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	maxKept   = 64 << 10 // bytes of each stream that are kept
	maxShown  = 20_000   // bytes of JSON that one output may take, so that a result fits into a record
	maxStderr = 600      // characters of stderr in an error
)

// capture keeps the beginning of a stream and counts all of it. It keeps a
// little more than it shows: what is cut off must not leave half a secret.
type capture struct {
	mu    sync.Mutex
	limit int
	kept  bytes.Buffer
	total int64
}

func newCapture(m mask) *capture { return &capture{limit: maxKept + m.longest()} }

// Write never fails: a program is not stopped for talking too much.
func (c *capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total += int64(len(p))
	c.kept.Write(p[:min(len(p), c.limit-c.kept.Len())])
	return len(p), nil
}

// text is what is shown: masked, valid UTF-8, at most maxKept bytes. A stream
// that did not come to its end loses its last bytes when they could be the
// beginning of a secret.
func (c *capture) text(m mask, ended bool) (text string, cut bool, total int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cut = c.total > int64(c.kept.Len())
	b := m.bytes(bytes.Clone(c.kept.Bytes()))
	if cut || !ended {
		b = b[:max(0, len(b)-max(0, m.longest()-1))]
	}
	if len(b) > maxKept {
		b, cut = b[:maxKept], true
	}
	text = strings.ToValidUTF8(string(b), "\uFFFD")
	if len(text) > maxKept {
		text, cut = cutText(text, maxKept), true
	}
	return text, cut, c.total
}

// cutText cuts at a character.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// fit cuts a text until it takes at most limit bytes as JSON.
func fit(s string, limit int) (text string, cut bool) {
	taken := 2
	for i, r := range s {
		data, err := json.Marshal(string(r))
		if err != nil {
			return s[:i], true
		}
		if taken += len(data) - 2; taken > limit {
			return s[:i], true
		}
	}
	return s, false
}

// tail is the end of what a program said, in one line and without anything
// that a terminal would obey. Mask it again: words that were apart may have met.
func tail(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxStderr {
		return "…" + string(r[len(r)-maxStderr:])
	}
	return s
}

// flat reads a JSON object whose values are strings, numbers and booleans. Null
// is left out. Anything else has no values; note says why, when it is JSON at all.
func flat(text string, m mask) (values map[string]string, note string) {
	values = map[string]string{}
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return values, ""
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		return values, "stdout begins like a JSON object but is none, so there are no values"
	}
	if _, err := d.Token(); err != io.EOF {
		return values, "something follows the JSON object on stdout, so there are no values"
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		name := m.text(key)
		switch v := object[key].(type) {
		case nil:
		case string:
			values[name] = m.text(v)
		case bool, json.Number:
			values[name] = m.text(fmt.Sprint(v))
		default:
			return map[string]string{}, "the JSON object on stdout is not flat, so there are no values"
		}
	}
	if data, err := json.Marshal(values); err != nil || len(data) > maxShown {
		return map[string]string{}, "the JSON object on stdout is too large, so there are no values"
	}
	return values, ""
}
