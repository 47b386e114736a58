package cloud_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

func TestPartly(t *testing.T) {
	denied := &actions.Error{Class: actions.Denied, Op: "x", Err: errors.New("no")}
	if got := cloud.Partly("op", "", denied); got != error(denied) {
		t.Errorf("nothing was done: got %v", got)
	}
	if got := cloud.Partly("op", "one of two is done", denied); actions.ClassOf(got) != actions.Unknown || !errors.Is(got, denied) {
		t.Errorf("got class %s: %v", actions.ClassOf(got), got)
	}
	if got := cloud.Partly("op", "all is done", nil); got != nil {
		t.Errorf("got %v, want none", got)
	}
}

func TestUnreadable(t *testing.T) {
	for _, test := range []struct {
		err  error
		want actions.Verdict
	}{
		{cloud.Empty("op", "thing"), actions.CannotVerify},
		{&actions.Error{Class: actions.Denied, Op: "op", Err: errors.New("no")}, actions.CannotVerify},
		{&actions.Error{Class: actions.Throttled, Op: "op", Err: errors.New("slowly")}, ""},
	} {
		reading, err := cloud.Unreadable(test.err)
		if reading.Verdict != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%v: got %q, error %v; want %q", test.err, reading.Verdict, err, test.want)
		}
	}
}

func TestOwnRoles(t *testing.T) {
	role := func(name string) string { return "arn:aws:iam::111122223333:role/" + name }
	c := cloud.New(cloud.Options{Environments: map[string]cloud.Environment{
		"prod":  {Role: role("b"), Roles: cloud.Roles{Preflight: role("a"), Contain: role("c"), Evidence: role("d"), Release: role("e")}},
		"stage": {Role: role("b")}, "none": {},
	}})
	if diff := cmp.Diff([]string{role("a"), role("b"), role("c"), role("d"), role("e")}, c.OwnRoles()); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}
