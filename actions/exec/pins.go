package exec

import (
	"errors"
	"fmt"

	"github.com/firebreak-ir/firebreak/actions"
)

// pins is what Plan captures: the sums that were approved. Empty ones are of
// programs that the step does not name.
type pins struct {
	Program    string `json:"program"`
	Verify     string `json:"verify,omitempty"`
	Undo       string `json:"undo,omitempty"`
	UndoVerify string `json:"undo_verify,omitempty"`
	Before     bool   `json:"before,omitempty"` // the effect was there before the step, which has no right to take it back
}

// uses names the programs of a step, as far as a call needs them.
type uses struct{ program, verify, undo, undoVerify string }

// asPlanned refuses when the configuration pins another content than the one
// that was planned and approved.
func (p *Provider) asPlanned(call actions.Call, u uses) error {
	var planned pins
	if err := call.LoadState(&planned); err != nil {
		return err
	}
	for _, row := range []struct{ role, name, sum string }{
		{"program", u.program, planned.Program}, {"verify program", u.verify, planned.Verify},
		{"undo program", u.undo, planned.Undo}, {"verify program of the undo", u.undoVerify, planned.UndoVerify},
	} {
		if row.name == "" {
			continue
		}
		if now, ok := p.options.Programs[row.name]; ok && now.sum() != row.sum {
			return &actions.Error{
				Class: actions.Precondition, Op: "exec:" + row.name, Err: fmt.Errorf("the configuration pins another content of the %s %q than the one that was planned", row.role, row.name),
				Hint: "nothing was run; plan the step again, so that the new program is approved",
			}
		}
	}
	return nil
}

// interpreted warns of what a sum does not cover.
func interpreted(name string, p Program) []string {
	if p.Interpreter == (File{}) {
		return nil
	}
	return []string{fmt.Sprintf("Program %q is a script: what it imports is not covered by its sum.", name)}
}

var (
	errNoUndo = errors.New("the step names no undo program")
	errBefore = errors.New("the effect was there before this step; it stays")
)
