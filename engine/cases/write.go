package cases

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ordered is a map of YAML in the order in which it is written.
type ordered []member

type member struct {
	key   string
	value any
}

// Texts that need no quotes: words, and things such as group:security-leads.
var plainScalar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./~-]*(:[A-Za-z0-9_./~-]+)*$`)

// wide is how long a line may get before a map is written key by key.
const wide = 120

// block writes a map behind its key on one line, or key by key when it is long.
func block(b *strings.Builder, key, indent string, v ordered) {
	if text := flow(v); len(key)+len(text) < wide {
		fmt.Fprintf(b, "%s %s\n", key, text)
		return
	}
	if !strings.HasSuffix(key, "-") {
		fmt.Fprintf(b, "%s\n", key)
	}
	for i, m := range v {
		start := indent
		if i == 0 && strings.HasSuffix(key, "-") {
			start = key + " "
		}
		if inner, ok := m.value.(ordered); ok {
			block(b, start+scalar(m.key)+":", indent+"  ", inner)
			continue
		}
		fmt.Fprintf(b, "%s%s: %s\n", start, scalar(m.key), flow(m.value))
	}
}

// span writes a duration above zero as an author would: 15m, not 15m0s.
func span(d time.Duration) literal {
	text := max(d.Round(time.Millisecond), time.Millisecond).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return literal(text)
}

// scalar writes a text so that it reads back as it is.
func scalar(s string) string {
	if plainScalar.MatchString(s) && !slices.Contains([]string{"true", "false", "null", "Null", "NULL"}, s) {
		return s
	}
	return strconv.QuoteToGraphic(s)
}

// flow writes a value on one line.
func flow(v any) string {
	switch v := v.(type) {
	case nil:
		return `""`
	case literal:
		return string(v)
	case string:
		return scalar(v)
	case int64, bool:
		return fmt.Sprint(v)
	case []string:
		list := make([]string, len(v))
		for i, one := range v {
			list[i] = scalar(one)
		}
		return "[" + strings.Join(list, ", ") + "]"
	case []any:
		list := make([]string, len(v))
		for i, one := range v {
			list[i] = flow(one)
		}
		return "[" + strings.Join(list, ", ") + "]"
	case []ordered:
		list := make([]string, len(v))
		for i, one := range v {
			list[i] = flow(one)
		}
		return "[" + strings.Join(list, ", ") + "]"
	case map[string]any:
		var o ordered
		for _, k := range slices.Sorted(maps.Keys(v)) {
			o = append(o, member{k, v[k]})
		}
		return flow(o)
	case ordered:
		list := make([]string, len(v))
		for i, m := range v {
			list[i] = scalar(m.key) + ": " + flow(m.value)
		}
		return "{" + strings.Join(list, ", ") + "}"
	}
	panic(fmt.Sprintf("cases: %T cannot be written", v))
}
