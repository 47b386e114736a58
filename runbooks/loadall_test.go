package runbooks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// calling is a runbook that calls others.
func calling(id string, calls ...string) runbooks.File {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: firebreak/v1\nkind: Runbook\nid: %s\ntitle: T\nsteps:\n  - {id: own, uses: test.nothing}\n", id)
	for i, call := range calls {
		fmt.Fprintf(&b, "  - {id: call_%d, runbook: %s}\n", i, call)
	}
	return runbooks.File{Name: id + ".yaml", Src: []byte(b.String())}
}

func summary(programs []*runbooks.Program, found runbooks.Diagnostics) string {
	var lines []string
	for _, p := range programs {
		lines = append(lines, p.ID)
	}
	for _, d := range found {
		lines = append(lines, d.Error()+" ("+d.Hint+")")
	}
	return strings.Join(lines, "\n")
}

func TestLoadAll(t *testing.T) {
	old, found := runbooks.Load("old.yaml", []byte(head+"  - {id: a, uses: test.nothing}\n"), runbookstest.Catalog())
	if len(found) > 0 {
		t.Fatal(found)
	}
	for _, tt := range []struct {
		name  string
		files []runbooks.File
		want  string
	}{
		{"nothing", nil, ""},
		{"in order of the files, whatever calls what", []runbooks.File{calling("a", "b", "c"), calling("b", "c"), calling("c")}, "a\nb\nc"},
		{"one that was compiled before", []runbooks.File{calling("a", "test")}, "a"},
		{"a file takes the place of one that was compiled before", []runbooks.File{calling("a", "test"), calling("test", "nope")},
			"a.yaml:7:27: the runbook \"test\" cannot be called: it has errors of its own [runbook] (mend test.yaml first)\n" +
				"test.yaml:7:27: there is no runbook \"nope\" [runbook] (it is not among the runbooks that were given; name its file or its folder too)"},
		{"unknown", []runbooks.File{calling("a", "rotate-tokns"), calling("rotate-tokens")},
			"rotate-tokens\na.yaml:7:27: there is no runbook \"rotate-tokns\" [runbook] (did you mean \"rotate-tokens\"?)"},
		{"itself", []runbooks.File{calling("a", "a")}, "a.yaml:7:27: the runbook \"a\" calls itself [runbook-cycle] (repeat a step with for_each)"},
		{"a circle, and one that calls into it", []runbooks.File{calling("a", "b"), calling("b", "c"), calling("c", "b"), calling("d")},
			"d\n" +
				"a.yaml:7:27: the runbook \"b\" cannot be called: it has errors of its own [runbook] (mend b.yaml first)\n" +
				"b.yaml:7:27: the runbook \"c\" cannot be called: it has errors of its own [runbook] (mend c.yaml first)\n" +
				"c.yaml:7:27: the runbook \"b\" cannot be called: the runbooks call each other: b calls c calls b [runbook-cycle] (take one of the calls out)"},
		{"four deep", []runbooks.File{calling("a", "b"), calling("b", "c"), calling("c", "d"), calling("d", "e"), calling("e")}, "a\nb\nc\nd\ne"},
		{"five deep", []runbooks.File{calling("z", "a"), calling("a", "b"), calling("b", "c"), calling("c", "d"), calling("d", "e"), calling("e")},
			"a\nb\nc\nd\ne\nz.yaml:7:27: runbooks call each other deeper than 4 [size] (call the inner runbooks from here)"},
		{"two of one id", []runbooks.File{calling("a"), {Name: "other.yaml", Src: calling("a").Src}, calling("b", "a")},
			"a\nb\nother.yaml:3:5: another runbook has the id \"a\": a.yaml [duplicate-id] (give it an id of its own)"},
		{"one that is no runbook", []runbooks.File{calling("a"), {Name: "x.yaml", Src: []byte("a: b\n")}},
			"a\nx.yaml:1:1: this is not a runbook: it has no apiVersion and no kind [not-a-runbook] (start with: apiVersion: firebreak/v1 and kind: Runbook)"},
		{"too many in all", []runbooks.File{calling("a", strings.Fields(strings.Repeat("b ", 30))...), calling("b", strings.Fields(strings.Repeat("c ", 30))...), calling("c")},
			"b\nc\na.yaml:1:1: there are more than 1000 steps, with those of the runbooks that are called [size] (split the runbook)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			programs, found := runbooks.LoadAll(tt.files, runbookstest.Catalog(), old)
			equal(t, "programs and faults", tt.want, summary(programs, found))
		})
	}
}

// A program counts what it calls by its digest, which covers the meaning and
// not the layout of the other file.
func TestDigestOfWhatIsCalled(t *testing.T) {
	digest := func(inner string) string {
		programs, found := runbooks.LoadAll([]runbooks.File{calling("a", "b"), {Name: "b.yaml", Src: []byte(inner)}}, runbookstest.Catalog())
		if len(programs) != 2 {
			t.Fatal(found)
		}
		if p := programs[0]; p.Steps[1].Runbook.Digest != programs[1].Digest || p.Steps[1].Runbook.Program != programs[1] {
			t.Error("another program is called")
		}
		return programs[0].Digest
	}
	inner := string(calling("b").Src)
	before := digest(inner)
	if digest("# comment\n"+inner) != before || digest(strings.Replace(inner, "title: T", "title:   T", 1)) != before {
		t.Error("the layout of a runbook that is called moves the digest")
	}
	if digest(strings.Replace(inner, "title: T", "title: U", 1)) == before {
		t.Error("another runbook is called under the same digest")
	}
}

// A program that was written down is read again with what it calls, and is
// refused when that was exchanged.
func TestDecodeRefusesAnotherCallee(t *testing.T) {
	programs, _ := runbooks.LoadAll([]runbooks.File{calling("a", "b"), calling("b", "c"), calling("c")}, runbookstest.Catalog())
	data, err := programs[0].Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := runbooks.DecodeProgram(data)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for path := range back.Deep() {
		paths = append(paths, path)
	}
	equal(t, "steps", []string{"own", "call_0", "call_0.own", "call_0.call_0", "call_0.call_0.own"}, paths)
	twin, found := runbooks.Load("b.yaml", calling("b").Src, runbookstest.Catalog())
	if twin == nil {
		t.Fatal(found)
	}
	for name, change := range map[string]func(p *runbooks.Program){
		"another of the same id": func(p *runbooks.Program) { p.Steps[1].Runbook.Program = twin },
		"title of one":           func(p *runbooks.Program) { p.Steps[1].Runbook.Program.Title = "U" },
		"action of the innermost": func(p *runbooks.Program) {
			p.Steps[1].Runbook.Program.Steps[1].Runbook.Program.Steps[0].Uses = "test.collect"
		},
		"id of the call":     func(p *runbooks.Program) { p.Steps[1].Runbook.ID = "c" },
		"digest of the call": func(p *runbooks.Program) { p.Steps[1].Runbook.Digest = programs[2].Digest },
		"no program":         func(p *runbooks.Program) { p.Steps[1].Runbook.Program = nil },
		"another program":    func(p *runbooks.Program) { p.Steps[1].Runbook.Program = programs[2] },
		"another program, pinned": func(p *runbooks.Program) {
			p.Steps[1].Runbook = &runbooks.Subrun{ID: "c", Digest: programs[2].Digest, Program: programs[2]}
		},
		"semantics of the callee":  func(p *runbooks.Program) { p.Steps[1].Runbook.Program.Semantics = 99 },
		"digest inside the callee": func(p *runbooks.Program) { p.Steps[1].Runbook.Program.Digest = programs[2].Digest },
	} {
		again, err := runbooks.DecodeProgram(data)
		if err != nil {
			t.Fatal(err)
		}
		change(again)
		changed, err := again.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := runbooks.DecodeProgram(changed); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
