package chatops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
)

// shortages says which questions of a run cannot be answered, because too few of
// those who are asked are left once whoever started it does not count. A run that
// is told so now is not found waiting at three in the morning.
func shortages(run *engine.Run, d *Directory) []Line {
	if d == nil {
		return nil
	}
	var list []Line
	said := map[string]bool{}
	for path, step := range run.Program.Deep() {
		rule := run.Extra.Raise(engine.EffectiveApproval(step, run.Floor))
		if rule == nil {
			continue
		}
		asked := rule.From
		if rule.Escalate != nil {
			asked = slices.Concat(asked, rule.Escalate.To)
		}
		people := slices.DeleteFunc(d.Members(asked), func(id string) bool {
			p, active := d.Person(id)
			return !active || id == run.Requester.ID || rule.StepUp && len(p.SSHKeys) == 0
		})
		if len(people) >= rule.Quorum {
			continue
		}
		can := "nobody can"
		if len(people) > 0 {
			can = fmt.Sprintf("%d can (%s)", len(people), line(strings.Join(people, ", "), 200))
		}
		text := fmt.Sprintf("step %q needs %d to approve, and %s", line(path, 80), rule.Quorum, can)
		if x := run.Extra; x != nil {
			text += fmt.Sprintf("; %d more than usual: %s", x.Approvers, line(x.Why, 200))
		}
		if !said[text] {
			said[text] = true
			list = append(list, Line{Mark: "!", Text: text})
		}
	}
	return list
}
