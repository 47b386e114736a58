package readiness

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// ByFacts judges a rehearsal by what its facilitators wrote down alone: an
// objective that could not be performed, or no run at all, is a failure; one with
// challenges, or an expectation that was missed, makes it partial.
func ByFacts(source timeline.Source) (Result, []string, error) {
	result, runs, reasons := Passed, 0, []string(nil)
	rated := map[string]engine.Rating{}
	var order []string
	for e, err := range source() {
		if err != nil {
			return "", nil, err
		}
		switch b := e.Body.(type) {
		case engine.RunStarted:
			runs++
		case engine.ObjectiveRated:
			if rated[b.Objective] == "" {
				order = append(order, b.Objective)
			}
			rated[b.Objective] = b.Rating
		case engine.ExpectationJudged:
			if !b.Met {
				result = Partial
				reasons = append(reasons, fmt.Sprintf("expectation %d of inject %s was missed", b.N, b.Inject))
			}
		}
	}
	if runs == 0 {
		result, reasons = Failed, append(reasons, "its runbook was never run")
	}
	for _, o := range order {
		switch rated[o] {
		case engine.Unable:
			result, reasons = Failed, append(reasons, fmt.Sprintf("objective %s was unable to be performed", o))
		case engine.SomeChallenges, engine.MajorChallenge:
			if result == Passed {
				result = Partial
			}
			reasons = append(reasons, fmt.Sprintf("objective %s was rated %s", o, rated[o]))
		}
	}
	return result, reasons, nil
}
