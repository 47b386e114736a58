package iam_test

import (
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/iam"
)

// registry gives the actions against an environment "prod" in the fake.
func registry(fake *awsfake.Server, changes ...func(*cloud.Environment, *cloud.Options)) *actions.Registry {
	r := actions.NewRegistry()
	iam.Register(r, awstest.Over(fake, changes...))
	return r
}

// provider gives the actions against a world.
func provider(w *awstest.World) *actions.Registry {
	r := actions.NewRegistry()
	iam.Register(r, w.Cloud())
	return r
}

// leakedKey is a fake with a key, and the step that switches it off, planned.
func leakedKey(t *testing.T) (*awsfake.Server, *awstest.Step) {
	t.Helper()
	fake := awstest.NewFake(t, awsfake.Options{})
	fake.AddUser("ci-deploy")
	fake.AddAccessKey("ci-deploy", "AKIAIOSFODNN7EXAMPLE", "leaked-secret")
	return fake, awstest.NewStep(t, registry(fake), "aws.iam.deactivate_access_key", map[string]any{"access_key_id": "AKIAIOSFODNN7EXAMPLE"}).Plan()
}

// registerWith gives the actions against a world, in a changed environment.
func registerWith(r *actions.Registry, w *awstest.World, changes ...func(*cloud.Environment, *cloud.Options)) {
	iam.Register(r, w.Cloud(changes...))
}
