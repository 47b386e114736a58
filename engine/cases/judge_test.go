package cases

import (
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// A promise that the engine broke fails a case that expects nothing of the sort.
func TestFindingsFail(t *testing.T) {
	one := &trial{
		c: &runbooks.TestCase{Name: "one"}, story: &sim.Story{Incident: engine.NewIncident(), Findings: []string{"its approval was used before"}},
		world: &sim.Script{}, people: &sim.Cast{},
	}
	c := one.judge(nil)
	if len(c.Failures) == 0 || !strings.Contains(c.Failures[0].Text, "its approval was used before") {
		t.Errorf("got %v", c.Failures)
	}
}
