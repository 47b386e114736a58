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
	for _, k := range known {
		meant := strings.ToLower(k)
		d, n := distance(typed, meant), len([]rune(typed))
		alike := prefix(typed, meant)
		near := d <= n/3 || n == 2 && d == 1 || alike >= 3 && 2*alike >= n
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

// distance is the number of letters to add, drop, change or swap.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return 64
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			change := 1
			if x[i-1] == y[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
