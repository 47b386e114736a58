package timeline

import (
	"reflect"
	"strings"
	"testing"
)

// newer is a struct of a fact that the table has never heard of.
type newer struct {
	Text  string
	Count int
}

// Of a program only the outline is left.
func TestOfAProgramTheOutlineIsLeft(t *testing.T) {
	got := string(bare([]byte(`{"title":"T","steps":[{"id":"a","uses":"u","with":{"x":"secret"},"for_each":{"in":"secret"},"undo":{"manual":{"say":"secret"}},"runbook":{"id":"r","program":{"steps":[{"id":"b","for_each":"secret"}]}}}],"owner":"secret"}`)))
	if strings.Contains(got, "secret") || !strings.Contains(got, `"for_each":true`) || !strings.Contains(got, `"manual":true`) {
		t.Errorf("got %s", got)
	}
	if got := string(bare([]byte(`["secret"`))); got != "!" {
		t.Errorf("of a program that cannot be read: got %s", got)
	}
}

// What the table does not know is not shown.
func TestAnUnknownFieldIsEmptied(t *testing.T) {
	for _, level := range []Level{Internal, External} {
		v := newer{"a name", 3}
		newRedactor(level).fields(reflect.ValueOf(&v).Elem())
		if v != (newer{}) {
			t.Errorf("%s: got %+v, want nothing of it", level, v)
		}
	}
}
