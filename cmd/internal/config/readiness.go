package config

import (
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"
)

// Readiness is what a team demands of its runbooks; engine/readiness says what
// the words mean. A zero is the default there.
type Readiness struct {
	MaxAge        time.Duration // of the last rehearsal that did not fail
	Last          int           // how many rehearsals the pass rate is over
	MinPass       int           // percent of them that must not fail
	CountScripted bool          // rehearsals that only a script played count too
	AddsApprover  bool          // a run of a runbook that is not rehearsed as it is needs one more approver
	FailOn        []string      // states with which `firebreak readiness` exits with 1
}

var dayForm = regexp.MustCompile(`^([1-9][0-9]{0,3})d$`)

// readiness reads the section of that name.
func (c *config) readiness(n *yaml.Node, at string) {
	r := &c.Readiness
	states := exactly("blocked", "failing", "orphaned", "never", "drifted", "stale")
	c.mapping(n, at,
		may("max_age", func(n *yaml.Node, at string) {
			var text string
			c.text(&text, form(dayForm, "180d (days)"))(n, at)
			if m := dayForm.FindStringSubmatch(text); m != nil {
				days, _ := strconv.Atoi(m[1]) // the form holds digits only
				r.MaxAge = time.Duration(days) * 24 * time.Hour
			}
		}),
		may("last", c.number(&r.Last, 1, 100)),
		may("min_pass", c.number(&r.MinPass, 1, 100)),
		may("count_scripted", c.boolean(&r.CountScripted)),
		may("unrehearsed_adds_approver", c.boolean(&r.AddsApprover)),
		may("fail_on", func(n *yaml.Node, at string) {
			c.list(n, at, func(n *yaml.Node, at string) {
				var state string
				if c.text(&state, states)(n, at); state != "" {
					r.FailOn = append(r.FailOn, state)
				}
			})
		}),
	)
}
