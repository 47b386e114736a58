package runbooks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func show(l *runbooks.Logic) string {
	switch l.Op {
	case runbooks.LogicConst:
		return fmt.Sprint(l.Const)
	case runbooks.LogicTest:
		return fmt.Sprintf("[%s %s %#v %s]", l.Term, l.Compare, l.Words, strings.Join(l.Reads, ","))
	}
	parts := []string{string(l.Op)}
	for _, arg := range l.Args {
		parts = append(parts, show(arg))
	}
	return "(" + strings.Join(parts, " ") + ")"
}

func TestLogic(t *testing.T) {
	for _, tt := range []struct{ source, want string }{
		{`true`, "true"},
		{`!(inputs.a == "x")`, `(not [inputs.a == []interface {}{"x"} inputs.a])`},
		{`inputs.a != "x" && 3 < inputs.n`, `(and (not [inputs.a == []interface {}{"x"} inputs.a]) [inputs.n > []interface {}{3} inputs.n])`},
		{`-1 >= inputs.n or not inputs.b`, `(or [inputs.n <= []interface {}{-1} inputs.n] (not [inputs.b == []interface {}{true} inputs.b]))`},
		{`steps.a.status in ["done", "failed"]`, `[steps.a.status in []interface {}{"done", "failed"} steps.a.status]`},
		{`inputs.b ? inputs.a == "x" : false`, `(if [inputs.b == []interface {}{true} inputs.b] [inputs.a == []interface {}{"x"} inputs.a] false)`},
		{`len(steps.a.outputs.names) == 0`, `[len(steps.a.outputs.names) == []interface {}{0} steps.a.outputs.names]`},
		{`lower(steps.a.outputs.where.key) == inputs.a`, `[lower(steps.a.outputs.where.key) == inputs.a == []interface {}{true} inputs.a,steps.a.outputs.where.key]`},
		{`any(steps.a.outputs.names, # == "x")`, `[any(steps.a.outputs.names, # == "x") == []interface {}{true} steps.a.outputs.names]`},
		{`inputs.a in steps.a.outputs.names`, `[inputs.a in steps.a.outputs.names == []interface {}{true} inputs.a,steps.a.outputs.names]`},
	} {
		e := &runbooks.Expression{Source: tt.source}
		l := e.Logic()
		if l == nil {
			t.Errorf("%s: got nothing", tt.source)
			continue
		}
		if diff := cmp.Diff(tt.want, show(l)); diff != "" {
			t.Errorf("%s: %s", tt.source, diff)
		}
	}
	if l := (&runbooks.Expression{Source: "a &&"}).Logic(); l != nil {
		t.Errorf("a broken expression: got %s", show(l))
	}
}
