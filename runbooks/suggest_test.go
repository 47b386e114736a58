package runbooks

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"prod", "staging", "security-leads", "id"}
	for word, want := range map[string]string{
		"prud": "prod", "porduct": "", "PROD": "prod", "stagign": "staging", "security-lead": "security-leads",
		"x": "", "": "", "di": "id", strings.Repeat("prod", 40): "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q): got %q, want %q", word, got, want)
		}
	}
}
