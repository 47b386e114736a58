package iampolicy_test

import (
	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/exec"
	"github.com/firebreak-ir/firebreak/actions/http"
)

// beside registers what the ready runbooks use beside AWS and Slack. It knows no
// host and no program, and is not played.
func beside() []func(*actions.Registry) {
	web, err := http.New(http.Options{})
	if err != nil {
		panic(err)
	}
	programs, err := exec.New(exec.Options{})
	if err != nil {
		panic(err)
	}
	return []func(*actions.Registry){web.Register, programs.Register}
}
