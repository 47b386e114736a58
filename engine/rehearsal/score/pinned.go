package score

import (
	"encoding/json"
	"errors"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// conditions are the compiled expressions of a scenario.
type conditions interface {
	Holds(expr string, env map[string]any) (bool, []runbooks.Reading, error)
}

func decodeScenario(data []byte) (*runbooks.Scenario, error) {
	s := &runbooks.Scenario{}
	return s, json.Unmarshal(data, s)
}

func compileScenario(*runbooks.Scenario, *runbooks.Program) (conditions, error) {
	return nil, errors.New("conditions cannot be read")
}
