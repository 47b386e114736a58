package exec_test

import (
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
)

// rotate is a step with everything that a step can have.
func rotate() map[string]any {
	return map[string]any{
		"program": "tool", "args": []string{"do:apply"},
		"env":    map[string]string{"TOKEN": "secret://vault/token"},
		"exit":   map[string]any{"ok": []int{0}, "retry": []int{75}, "denied": []int{77}},
		"verify": map[string]any{"program": "look", "args": []string{"do:is-on"}},
		"undo": map[string]any{
			"program": "tool", "args": []string{"do:revert"},
			"verify": map[string]any{"program": "look", "args": []string{"do:is-off"}},
		},
	}
}

func TestRunSuite(t *testing.T) {
	actionstest.Run(t, actionstest.Case{
		Action: "exec.run",
		World: func(t *testing.T) actionstest.World {
			w := newWorld(t)
			return actionstest.World{
				Registry: w.registry(), Call: call(t), Params: rotate(), Canaries: []string{canary},
				Snapshot:   func(*testing.T) string { return w.read("effect") },
				Disturb:    func(*testing.T) { w.write("effect", "off") },
				LoseAnswer: func(*testing.T) { w.write("fault", "crashes after") },
				Fault: func(_ *testing.T, name string) {
					if name == "changed" {
						w.change()
						return
					}
					w.write("fault", name)
				},
			}
		},
		Errors: map[string]actions.Class{
			"retry": actions.Transient, "denied": actions.Denied, "fails": actions.Unknown, "crashes": actions.Unknown,
			"crashes after": actions.Unknown, "changed": actions.Precondition,
		},
	})
}

func TestReadSuite(t *testing.T) {
	actionstest.Run(t, actionstest.Case{
		Action: "exec.read",
		World: func(t *testing.T) actionstest.World {
			w := newWorld(t)
			return actionstest.World{
				Registry: w.registry(), Call: call(t), Canaries: []string{canary},
				Params: map[string]any{
					"program": "look", "args": []string{"do:owner"}, "output": true, "env": map[string]string{"TOKEN": "secret://vault/token"},
					"exit": map[string]any{"retry": []int{75}, "not_found": []int{77}},
				},
				Snapshot: func(*testing.T) string { return w.read("effect") },
				Fault: func(_ *testing.T, name string) {
					if name == "changed" {
						w.change()
						return
					}
					w.write("fault", name)
				},
			}
		},
		Errors: map[string]actions.Class{
			"retry": actions.Transient, "denied": actions.NotFound, "fails": actions.Precondition, "crashes": actions.Precondition, "changed": actions.Precondition,
		},
	})
}
