package app

import (
	"slices"
	"testing"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/report"
)

// The chat can be asked for each form of a report that there is, and for no other.
func TestEveryFormOfTheReportCanBeAskedFor(t *testing.T) {
	var made []string
	for _, f := range report.Formats() {
		made = append(made, f.Name)
	}
	if got := chatops.ReportFormats(); !slices.Equal(got, made) {
		t.Errorf("the chat knows %q, and made are %q", got, made)
	}
}
