package retell

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Ordered is a map of YAML in the order in which it is written.
type Ordered []Member

// Member is one of them. Its value is a string, int, int64, bool, nil, [Literal],
// [Ordered], or a list or map of such.
type Member struct {
	Key   string
	Value any
}

// Pair makes a member.
func Pair(key string, value any) Member { return Member{key, value} }

// Literal is a word that is written without quotes.
type Literal string

// Texts that need no quotes: words, and things such as group:security-leads.
var plainScalar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./~-]*(:[A-Za-z0-9_./~-]+)*$`)

// wide is how long a line may get before a map is written key by key.
const wide = 120

// Block writes a map behind its key on one line, or key by key when it is long.
func Block(b *strings.Builder, key, indent string, v Ordered) {
	if text := Flow(v); len(key)+len(text) < wide {
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
		if inner, ok := m.Value.(Ordered); ok {
			Block(b, start+Scalar(m.Key)+":", indent+"  ", inner)
			continue
		}
		fmt.Fprintf(b, "%s%s: %s\n", start, Scalar(m.Key), Flow(m.Value))
	}
}

// Span writes a duration above zero as an author would: 15m, not 15m0s.
func Span(d time.Duration) Literal {
	text := max(d.Round(time.Millisecond), time.Millisecond).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return Literal(text)
}

// Scalar writes a text so that it reads back as it is.
func Scalar(s string) string {
	if plainScalar.MatchString(s) && !slices.Contains([]string{"true", "false", "null", "Null", "NULL"}, s) {
		return s
	}
	return strconv.QuoteToGraphic(s)
}

// Flow writes a value on one line.
func Flow(v any) string {
	switch v := v.(type) {
	case nil:
		return `""`
	case Literal:
		return string(v)
	case string:
		return Scalar(v)
	case int, int64, bool:
		return fmt.Sprint(v)
	case []string:
		list := make([]string, len(v))
		for i, one := range v {
			list[i] = Scalar(one)
		}
		return "[" + strings.Join(list, ", ") + "]"
	case []any:
		list := make([]string, len(v))
		for i, one := range v {
			list[i] = Flow(one)
		}
		return "[" + strings.Join(list, ", ") + "]"
	case []Ordered:
		list := make([]string, len(v))
		for i, one := range v {
			list[i] = Flow(one)
		}
		return "[" + strings.Join(list, ", ") + "]"
	case map[string]any:
		var o Ordered
		for _, k := range slices.Sorted(maps.Keys(v)) {
			o = append(o, Member{k, v[k]})
		}
		return Flow(o)
	case Ordered:
		list := make([]string, len(v))
		for i, m := range v {
			list[i] = Scalar(m.Key) + ": " + Flow(m.Value)
		}
		return "{" + strings.Join(list, ", ") + "}"
	}
	panic(fmt.Sprintf("retell: %T cannot be written", v))
}
