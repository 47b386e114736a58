package preflight

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine/plan"
)

// paramsOf gathers the parameters of steps that the plan could resolve. A loop
// whose items are not all planned has none: the rest may name other resources.
func paramsOf(made *plan.Plan) map[string][]map[string]any {
	all, partly := map[string][]map[string]any{}, map[string]bool{}
	for s := range made.All() {
		path := pathOf(s.ID)
		if s.Items > len(s.Steps) {
			partly[path] = true
		}
		if s.Uses == "" || s.Items > 0 {
			continue
		}
		var params map[string]any
		d := json.NewDecoder(bytes.NewReader(s.Params))
		d.UseNumber()
		if len(s.Params) == 0 || d.Decode(&params) != nil {
			partly[path] = true
			continue
		}
		all[path] = append(all[path], params)
	}
	for path := range all {
		for loop := range partly {
			if path == loop || strings.HasPrefix(path, loop+".") {
				delete(all, path)
			}
		}
	}
	return all
}

// judge says what one step of a plan shows.
func judge(name string, s *plan.Step) []Check {
	var checks []Check
	switch {
	case s.Fate == plan.Skips:
		return []Check{unknown(name, "it would be skipped now: "+s.Why, "")}
	case s.Fate == plan.Fails:
		return []Check{notReady(name, s.Why, "")}
	case s.Failure != nil:
		checks = append(checks, failed(name, s.Failure.Class, s.Failure.Message, ""))
	case len(s.WaitsFor) > 0:
		checks = append(checks, unknown(name, "known only when the run is there: "+strings.Join(s.WaitsFor, ", "), ""))
	case s.Manual:
		checks = append(checks, ready(name, "a person does it"))
	case s.Wait != "":
		checks = append(checks, ready(name, "it waits: "+s.Wait))
	case s.Uses == "" || s.Items > 0: // its own steps tell
	case s.Effect == actions.Read && s.Outputs == nil:
		why := s.Why
		if why == "" {
			why = "whether it runs is known only when the run is there"
		}
		checks = append(checks, unknown(name, "not read: "+why, ""))
	case s.Effect == actions.Read:
		checks = append(checks, ready(name, "read now"))
	default:
		checks = append(checks, ready(name, changes(s)))
	}
	for _, one := range s.Checks {
		checks = append(checks, Check{Check: one})
	}
	return append(append(checks, approval(s)...), breakGlass(s)...)
}

// changes is what a step would do, in a sentence.
func changes(s *plan.Step) string {
	switch {
	case s.InEffect:
		return "in effect already"
	case len(s.Changes) == 0:
		return "planned"
	case len(s.Changes) == 1:
		return s.Changes[0]
	}
	return fmt.Sprintf("%s (and %d more)", s.Changes[0], len(s.Changes)-1)
}

// approval says whether there are enough people.
func approval(s *plan.Step) []Check {
	const name = "approval"
	a := s.Approval
	switch from := ""; {
	case a == nil:
		return nil
	case !a.Known:
		return []Check{unknown(name, fmt.Sprintf("nobody knows whether %d can approve", a.Quorum), "")}
	case len(a.Later) < a.Quorum:
		from = strings.Join(a.From, ", ")
		return []Check{notReady(name, fmt.Sprintf("it needs %d and %d can", a.Quorum, len(a.Later)), "add people to "+from+"; the requester and people who are a target do not count")}
	case !a.Enough:
		return []Check{ready(name, fmt.Sprintf("it needs %d; enough can only after it is escalated: %s", a.Quorum, strings.Join(a.Later, ", ")))}
	}
	return []Check{ready(name, fmt.Sprintf("it needs %d; can: %s", a.Quorum, strings.Join(a.Eligible, ", ")))}
}

// breakGlass says whether a way that is for the worst night is one: somebody could
// break the glass, and somebody else would be left to review it.
func breakGlass(s *plan.Step) []Check {
	const name = "break-glass"
	if s.Approval == nil || s.Approval.BreakGlass == nil {
		return nil
	}
	g := s.Approval.BreakGlass
	by, review := strings.Join(g.By, ", "), strings.Join(g.Review, ", ")
	switch blind := g.Blind(); {
	case !s.Approval.Known:
		return []Check{unknown(name, "nobody knows who can break the glass", "")}
	case len(g.Can) == 0:
		return []Check{notReady(name, "nobody can break the glass: it needs one of "+by+" with a key to sign with", "add ssh_keys to them in the directory; people who are a target do not count")}
	case len(blind) > 0:
		return []Check{notReady(name, "nobody is left to review it after "+strings.Join(blind, " or "), "add people to "+review+"; who broke the glass, the requester and people who are a target do not count")}
	}
	return []Check{ready(name, fmt.Sprintf("can: %s; can review it: %s", strings.Join(g.Can, ", "), strings.Join(g.Reviewers, ", ")))}
}
