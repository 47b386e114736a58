// Package librarytest gives tests the actions that the runbooks of the library
// use: the real ones, as the binary has them. They know no environment and no
// credentials, so nobody can be called with them; a test that plays a runbook
// wires its own.
//
// Rejected: to repeat the shapes of the actions in runbookstest. A copy that has
// grown old would let a runbook compile in its test and nowhere else.
package librarytest

import (
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws"
	"github.com/firebreak-ir/firebreak/actions/exec"
	"github.com/firebreak-ir/firebreak/actions/http"
	"github.com/firebreak-ir/firebreak/actions/slack"
)

// Actions is a fresh registry with all actions of this build.
func Actions(t testing.TB) *actions.Registry {
	t.Helper()
	r := actions.NewRegistry()
	aws.New(aws.Options{}).Register(r)
	slack.New(slack.Options{}).Register(r)
	web, err := http.New(http.Options{})
	if err != nil {
		t.Fatal(err)
	}
	web.Register(r)
	programs, err := exec.New(exec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	programs.Register(r)
	return r
}
