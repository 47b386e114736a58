package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
)

// The longest texts in a report, in characters. What is cut is counted; the
// JSON has all of it.
const (
	maxCell  = 400
	maxQuote = 4000
)

// shown makes any text safe to look at, on one line: what would not be seen, or
// would turn the reading direction, is shown by its code point, and a long text
// is cut with a count. Every text of a report goes through here, once.
func shown(s string) string { return strings.ReplaceAll(lines(s, maxCell), "\n", " ⏎ ") }

// lines is the same with line breaks kept.
func lines(s string, limit int) string {
	s, more := cut(s, limit)
	var b strings.Builder
	stacked := 0
	for _, r := range strings.ReplaceAll(s, "\r\n", "\n") {
		if unicode.Is(unicode.Mn, r) {
			stacked++
		} else {
			stacked = 0
		}
		switch {
		case r == '\n':
			b.WriteByte('\n')
		case r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError, unseen(r), stacked > 3:
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		default:
			b.WriteRune(r)
		}
	}
	if more > 0 {
		fmt.Fprintf(&b, "… (%d more characters)", more)
	}
	return b.String()
}

// cut is the first limit characters, and how many there are besides.
func cut(s string, limit int) (string, int) {
	if len(s) <= limit {
		return s, 0
	}
	seen := 0
	for i := range s {
		if seen == limit {
			return s[:i], utf8.RuneCountInString(s[i:])
		}
		seen++
	}
	return s, 0
}

// unseen says whether a character shows nothing, or moves others about.
func unseen(r rune) bool {
	switch {
	case r == ' ':
		return false
	case r < 0x20 || r == 0x7F:
		return true
	case !unicode.IsGraphic(r) || unicode.Is(unicode.Zs, r):
		return true
	}
	switch r {
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0:
		return true // count as letters, marks or symbols, and show nothing
	}
	return r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF
}

// span is a duration for people.
func span(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < 0:
		return "−" + span(-ms)
	case d < 10*time.Second && ms%1000 != 0:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	d = d.Round(time.Second)
	h, m, s := int64(d/time.Hour), int64(d/time.Minute)%60, int64(d/time.Second)%60
	switch {
	case h >= 48:
		return fmt.Sprintf("%d d %d h", h/24, h%24)
	case h > 0:
		return fmt.Sprintf("%d h %02d min", h, m)
	case m > 0 && s == 0:
		return fmt.Sprintf("%d min", m)
	case m > 0:
		return fmt.Sprintf("%d min %02d s", m, s)
	}
	return fmt.Sprintf("%d s", s)
}

// both is a duration in exercise time, and for people where that differs.
func both(t score.Took) cell {
	c := cell{Text: span(t.MS)}
	if span(t.WallMS) != c.Text {
		c.Sub = span(t.WallMS) + " for people"
	}
	return c
}

// plus is a moment since the declaration: "T+04:40".
func plus(ms int64) string {
	s := ms / 1000
	if s >= 3600 {
		return fmt.Sprintf("T+%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("T+%02d:%02d", s/60, s%60)
}

// at is a time in UTC, or a dash.
func at(s engine.Stamp) string {
	if s.IsZero() {
		return "–"
	}
	return s.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

// counted is "1 step" or "2 steps".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// places names journal places: "12", "12, 14, 15", "12, 14, 15 and 7 more".
func places(seqs []int64) string {
	const most = 4
	var words []string
	for n, s := range seqs {
		if n == most {
			return strings.Join(words, ", ") + fmt.Sprintf(" and %d more", len(seqs)-most)
		}
		words = append(words, strconv.FormatInt(s, 10))
	}
	return strings.Join(words, ", ")
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func join(words []string) string { return or(strings.Join(words, ", "), "–") }

// upper begins a sentence.
func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

func peopleCount(n int) string {
	if n == 1 {
		return "1 person"
	}
	return strconv.Itoa(n) + " people"
}
