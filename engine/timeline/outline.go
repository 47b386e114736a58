package timeline

import (
	"encoding/json"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// outline is what the timeline needs of a program.
type outline struct {
	Title    string        `json:"title"`
	Budget   runbooks.Span `json:"budget"`
	Steps    []definition  `json:"steps"`
	OnCancel []definition  `json:"on_cancel"`
}

type definition struct {
	ID      string          `json:"id"`
	Uses    string          `json:"uses"`
	Effect  actions.Effect  `json:"effect"`
	CanUndo bool            `json:"can_undo"`
	Tells   bool            `json:"tells"`
	Adds    bool            `json:"adds"`
	ForEach json.RawMessage `json:"for_each"`
	Runbook *callee         `json:"runbook"`
	Undo    *struct {
		Manual json.RawMessage `json:"manual"`
	} `json:"undo"`
}

// callee is a runbook that a step calls.
type callee struct {
	ID      string  `json:"id"`
	Program outline `json:"program"`
}

// reversible says whether there is a way back from what the step does.
func (d definition) reversible() bool {
	return d.CanUndo || d.Undo != nil && len(d.Undo.Manual) > 0
}

// find gives the definition behind a step of a run: "revoke.3" is an item of
// "revoke", "other.owner" the step "owner" of the runbook that "other" calls.
func (o *outline) find(id string) (definition, bool) {
	name, rest, deeper := strings.Cut(id, ".")
	for _, list := range [][]definition{o.Steps, o.OnCancel} {
		for _, d := range list {
			if d.ID != name {
				continue
			}
			if deeper && len(d.ForEach) > 0 && number(rest) {
				_, rest, deeper = strings.Cut(rest, ".")
			}
			switch {
			case !deeper:
				return d, true
			case d.Runbook != nil:
				return d.Runbook.Program.find(rest)
			}
			return definition{}, false
		}
	}
	return definition{}, false
}

// number says whether a path begins with the number of an item.
func number(path string) bool {
	first, _, _ := strings.Cut(path, ".")
	return first != "" && strings.Trim(first, "0123456789") == ""
}
