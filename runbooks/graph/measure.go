package graph

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// font is a face whose text can be measured without having it: the widths are
// those of the common sans serif faces, and a little more, since the reader's
// own system chooses.
type font struct {
	size int // pixels
	bold bool
	mono bool
}

// widths of the printable ASCII characters in thousandths of the size, from
// the space on.
const asciiWidths = "" +
	"278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 " +
	"556 556 556 556 556 556 556 556 556 556 278 278 584 584 584 556 " +
	"1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 " +
	"667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 " +
	"333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 " +
	"556 556 333 500 278 556 500 722 500 500 500 334 260 334 584"

// ruler measures text.
type ruler struct{ ascii [128]int }

func newRuler() *ruler {
	r := &ruler{}
	for i, word := range strings.Fields(asciiWidths) {
		for _, digit := range word {
			r.ascii[' '+i] = r.ascii[' '+i]*10 + int(digit-'0')
		}
	}
	return r
}

// width is how wide a text is at most, in pixels.
func (r *ruler) width(s string, f font) int {
	sum := 0
	for _, c := range s {
		sum += r.rune(c, f)
	}
	return (sum*f.size + 999) / 1000
}

func (r *ruler) rune(c rune, f font) int {
	wide := wide(c)
	switch {
	case unicode.Is(unicode.Mn, c) || unicode.Is(unicode.Me, c):
		return 0
	case f.mono && !wide:
		return 612
	case c < 128 && f.bold:
		return r.ascii[c] * 113 / 100
	case c < 128:
		return r.ascii[c] * 106 / 100
	case wide:
		return 1100
	case unicode.IsUpper(c):
		return 850
	}
	return 720
}

// wide says whether a character is as wide as it is high: East Asian writing
// and pictures.
func wide(c rune) bool {
	switch {
	case c < 0x1100:
		return false
	case c <= 0x115F, c >= 0x2E80 && c <= 0xA4CF, c >= 0xAC00 && c <= 0xD7A3, c >= 0xF900 && c <= 0xFAFF:
		return true
	case c >= 0xFE30 && c <= 0xFE6F, c >= 0xFF00 && c <= 0xFF60, c >= 0xFFE0 && c <= 0xFFE6, c >= 0x1F000:
		return true
	}
	return c >= 0x2600 && c <= 0x27BF
}

// wrap breaks a text into at most most lines that fit into a width. What does
// not fit ends with an ellipsis.
func (r *ruler) wrap(s string, f font, width, most int) []string {
	var lines []string
	for s = strings.TrimSpace(s); s != ""; {
		if len(lines) == most {
			last := lines[most-1]
			for last != "" && r.width(last+"…", f) > width {
				_, n := utf8.DecodeLastRuneInString(last)
				last = last[:len(last)-n]
			}
			lines[most-1] = strings.TrimRight(last, " ") + "…"
			return lines
		}
		n := r.fits(s, f, width)
		lines = append(lines, strings.TrimRight(s[:n], " "))
		s = strings.TrimLeft(s[n:], " ")
	}
	return lines
}

// fits is how many bytes of s go on a line: up to the last space, else up to a
// sign inside a long word, else as many as there is room for; at least one
// character.
func (r *ruler) fits(s string, f font, width int) int {
	sum, space, sign := 0, 0, 0
	for i, c := range s {
		sum += r.rune(c, f)
		if i > 0 && sum*f.size > width*1000 && c != ' ' {
			switch {
			case space > 0:
				return space
			case sign > 0:
				return sign
			}
			return i
		}
		switch {
		case c == ' ':
			space = i + 1
		case strings.ContainsRune("./_-,:=(&|", c) && sum*f.size > width*400:
			sign = i + utf8.RuneLen(c)
		}
	}
	return len(s)
}
