package actions_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
)

func TestClassOf(t *testing.T) {
	denied := &actions.Error{Class: actions.Denied, Op: "iam:GetUser", Err: errors.New("AccessDenied")}
	for _, test := range []struct {
		name string
		err  error
		want actions.Class
	}{
		{"nobody classified it", io.ErrUnexpectedEOF, actions.Unknown},
		{"itself", denied, actions.Denied},
		{"wrapped", fmt.Errorf("look up the key: %w", denied), actions.Denied},
		{"joined", errors.Join(io.EOF, denied), actions.Denied},
		{"without a class", &actions.Error{Op: "x"}, actions.Unknown},
		{"cancelled", context.Canceled, actions.Unknown},
		{"too late", context.DeadlineExceeded, actions.Unknown},
		{"problems", actions.Problems{{Message: "x"}}, actions.Unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := actions.ClassOf(test.err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if got := actions.AsError("op", test.err); got.Class != test.want {
				t.Errorf("as an error: got %q, want %q", got.Class, test.want)
			}
		})
	}
	if actions.AsError("op", nil) != nil {
		t.Error("no error became one")
	}
}

func TestErrorSentence(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{&actions.Error{Op: "iam:GetUser", Err: errors.New("no")}, "iam:GetUser: no"},
		{&actions.Error{Op: "iam:GetUser", Err: errors.New("no"), Hint: "grant it"}, "iam:GetUser: no; grant it"},
		{&actions.Error{Err: errors.New("no")}, "no"},
		{&actions.Error{Op: "iam:GetUser"}, "iam:GetUser"},
		{actions.AsError("test.echo", context.DeadlineExceeded), "test.echo: no answer before the time limit"},
		{actions.AsError("test.echo", io.EOF), "test.echo: EOF"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
	if e := actions.AsError("op", io.EOF); !errors.Is(e, io.EOF) {
		t.Error("the cause is lost")
	}
}

func TestClassesAreAll(t *testing.T) {
	seen := map[actions.Class]bool{}
	for _, c := range actions.Classes() {
		if c == "" || seen[c] {
			t.Errorf("class %q is empty or there twice", c)
		}
		seen[c] = true
	}
	for _, c := range []actions.Class{actions.Transient, actions.Throttled, actions.Denied, actions.NotFound, actions.Precondition, actions.Invalid, actions.Unknown} {
		if !seen[c] {
			t.Errorf("class %q is not listed", c)
		}
	}
}

func TestEffectsAreOrdered(t *testing.T) {
	order := []actions.Effect{actions.Read, actions.Reversible, actions.Destructive}
	for i, a := range order {
		for j, b := range order {
			if got, want := a.AtLeast(b), i >= j; got != want {
				t.Errorf("%s at least %s: got %v", a, b, got)
			}
		}
	}
	if actions.Effect("").Valid() || actions.Effect("write").Valid() || actions.Repeat("").Valid() || actions.Repeat("often").Valid() {
		t.Error("nonsense is valid")
	}
	for repeat, again := range map[actions.Repeat]bool{actions.Idempotent: true, actions.Keyed: true, actions.Probe: false, actions.Once: false, "": false} {
		if repeat.Again() != again {
			t.Errorf("%q again: got %v", repeat, repeat.Again())
		}
	}
}
