package format_test

import (
	"testing"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/format"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// What a scenario means stays when it is laid out.
func TestScenariosStay(t *testing.T) {
	p, found := runbooks.Load("book.yaml", read(t, "../testdata/scenario/book.yaml"), runbookstest.Catalog())
	if p == nil {
		t.Fatal(found)
	}
	digest := func(src []byte) string {
		f, found := runbooks.ParseScenario("a.yaml", src)
		if f == nil {
			t.Fatal(found)
		}
		s, found := f.Check(p, runbookstest.Catalog())
		if s == nil {
			t.Fatal(found)
		}
		return s.Digest
	}
	for _, path := range files(t, "../testdata/scenario/ok/*.yaml") {
		src := read(t, path)
		if before, after := digest(src), digest(laidOut(t, src)); before != after {
			t.Errorf("%s: the digest was %s and is %s", path, before, after)
		}
	}
	n := 0
	for _, path := range files(t, "../testdata/scenario/err/*.yaml") {
		if _, found := format.Source(path, read(t, path)); len(found) == 0 {
			laidOut(t, read(t, path))
			n++
		}
	}
	if n < 100 {
		t.Errorf("only %d files with faults can be laid out", n)
	}
}
