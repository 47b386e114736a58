package runbooks

import (
	"fmt"
	"strings"
)

// didYouMean gives a hint with the known word nearest to word, or "" when none
// is near.
func didYouMean(word string, known []string) string {
	if best := Nearest(word, known); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

// Nearest is the known word that was probably meant by a mistyped one, or ""
// when none is near: few letters differ, or they begin alike for half of the
// word. Of two that are as near the first in known wins. Every hint of the
// program, for runbooks, the configuration and typed lines, comes from here.
func Nearest(word string, known []string) string {
	best, least := "", 0
	typed := strings.ToLower(word)
	letters := []rune(typed)
	n := len(letters)
	if n > 2*maxLetters {
		return ""
	}
	for _, k := range known {
		meant := strings.ToLower(k)
		alike := prefix(typed, meant)
		begins := alike >= 3 && 2*alike >= n
		most := max(n/3, 1)
		if begins {
			most = maxLetters
		}
		d := distance(letters, []rune(meant), most)
		near := d <= n/3 || n == 2 && d == 1 || begins
		if near && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// prefix is how many bytes two words share at their beginning.
func prefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// maxLetters is the longest word that is compared letter by letter.
const maxLetters = 64

// distance is the number of letters to add, drop, change or swap, or far when
// it is certainly more than most.
func distance(x, y []rune, most int) int {
	if len(x) > maxLetters || len(y) > maxLetters || max(len(x)-len(y), len(y)-len(x)) > most {
		return far
	}
	var rows [3][maxLetters + 1]int // of the two letters before, and this one
	before, last, now := &rows[0], &rows[1], &rows[2]
	for j := range len(y) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		now[0] = i
		for j := 1; j <= len(y); j++ {
			change := 1
			if x[i-1] == y[j-1] {
				change = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(y)]
}

// far is a distance at which nothing is near.
const far = 1 << 10
