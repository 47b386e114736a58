package report

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// The longest texts in a report, in characters. What is cut is counted; the
// JSON has all of it.
const (
	maxCell  = 400
	maxQuote = 4000
)

// shown makes any text safe to look at, on one line. Every text of a report goes
// through here, once.
func shown(s string) string { return timeline.Cut(timeline.Visible(s), maxCell) }

// quoted is the same for a text of several lines.
func quoted(s string) string {
	list := strings.Split(timeline.Cut(strings.ReplaceAll(strings.TrimRight(s, "\n"), "\r\n", "\n"), maxQuote), "\n")
	for n, line := range list {
		list[n] = timeline.Visible(line)
	}
	return strings.Join(list, "\n")
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

func join(words []string) string { return cmp.Or(strings.Join(words, ", "), "–") }

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
