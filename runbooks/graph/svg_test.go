package graph

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

var update = flag.Bool("update", false, "write the golden files of testdata")

const hostile = "\"]; end\n subgraph x[<script>alert(1)</script>] --> <b>&amp;</b> `js` style: #; %%{init}%% \\\" \\N ]]> $(rm) \u202E@everyone"

// programs are what the tests draw, by name.
func programs(t testing.TB) map[string]*runbooks.Program {
	entry, _ := library.Get("leaked-access-key")
	leaked, found := runbooks.Load(entry.Name, entry.Source, runbookstest.Catalog())
	if found.HasErrors() {
		t.Fatal(found)
	}
	leaked.Digest = "0123456789abcdef" // so that the drawing changes with the runbook only
	return map[string]*runbooks.Program{
		"leaked": leaked, "whole": runbookstest.Whole(), "wide": broad(30), "long": long(14), "nested": nested(3), "hostile": hostileProgram(), "mesh": mesh(),
	}
}

// everyProgram adds those that are compiled by the tests of the language, which
// are not ours to keep as they are.
func everyProgram(t testing.TB) map[string]*runbooks.Program {
	all := programs(t)
	for name, p := range runbookstest.Compiled(filepath.Join("..", "testdata")) {
		all[name] = p
	}
	if all["language.yaml"] == nil {
		t.Fatal("the tour of the language does not compile")
	}
	return all
}

func broad(n int) *runbooks.Program {
	p := &runbooks.Program{ID: "wide", Title: "Isolate thirty machines at once", Digest: "0123"}
	p.Steps = append(p.Steps, read("find", "Find the machines"))
	var all []string
	for i := range n {
		s := change(fmt.Sprintf("isolate_%d", i+1), fmt.Sprintf("Isolate machine %d", i+1), "find")
		if i%7 == 3 {
			s.If = runbookstest.Expr(`steps.find.outputs.status == "Active"`)
		}
		p.Steps, all = append(p.Steps, s), append(all, s.ID)
	}
	last := read("report", "Report")
	last.Needs = all
	p.Steps = append(p.Steps, last)
	return p
}

func long(n int) *runbooks.Program {
	p := &runbooks.Program{ID: "long", Title: "One after the other", Digest: "0123"}
	for i := range n {
		s := read(fmt.Sprintf("step_%d", i+1), fmt.Sprintf("Step number %d", i+1))
		if i > 0 {
			s.Needs = []string{fmt.Sprintf("step_%d", i)}
		}
		if i > 2 && i%4 == 0 {
			s.Needs = append(s.Needs, "side")
		}
		p.Steps = append(p.Steps, s)
	}
	p.Steps = append(p.Steps, change("side", "On the side", "step_2"))
	return p
}

func nested(depth int) *runbooks.Program {
	p := &runbooks.Program{ID: fmt.Sprintf("level-%d", depth), Title: fmt.Sprintf("Level %d", depth), Digest: "0123"}
	p.Steps = append(p.Steps, read("look", "Look"), change("left", "Go left", "look"), change("right", "Go right", "look"))
	if depth > 0 {
		sub := nested(depth - 1)
		call := runbooks.Step{ID: "inner", Title: "Call level " + sub.ID, Runbook: &runbooks.Subrun{ID: sub.ID, Program: sub}, Needs: []string{"left"}}
		if depth == 2 {
			call.ForEach = &runbooks.ForEach{In: runbookstest.Expr("inputs.accounts"), MaxParallel: 3}
		}
		p.Steps = append(p.Steps, call, read("after", "Afterwards", "inner", "right"))
	}
	return p
}

// mesh has edges of every length, and joins.
func mesh() *runbooks.Program {
	p := &runbooks.Program{ID: "mesh", Title: "A mesh", Digest: "0123"}
	for i := range 24 {
		s := read(fmt.Sprintf("s%d", i), fmt.Sprintf("Step %d", i))
		for _, j := range []int{i - 3, i - 5, (i * 7) % (i + 1)} {
			if j >= 0 && j < i {
				s.Needs = append(s.Needs, fmt.Sprintf("s%d", j))
			}
		}
		p.Steps = append(p.Steps, s)
	}
	return p
}

func hostileProgram() *runbooks.Program {
	p := runbookstest.Whole()
	p.ID, p.Title, p.Owner.Contact = "hostile", hostile+strings.Repeat(" very long", 40), hostile
	for s := range p.All() {
		s.Title = hostile + strings.Repeat("W", 300)
		if s.If != nil {
			s.If = runbookstest.Expr(hostile + strings.Repeat(` && inputs.a == "b"`, 30))
		}
	}
	p.Steps[0].Title = "これは非常に長い日本語のタイトルです。アクセスキーの所有者を見つけて、すべてを拒否します。"
	p.Steps[2].Title = "1. First\n- second"
	p.Steps[3].Title = "- a list"
	p.Steps[1].ID = strings.Repeat("x", 63)
	return p
}

func read(id, title string, needs ...string) runbooks.Step {
	return runbooks.Step{ID: id, Title: title, Uses: "test.read", Effect: actions.Read, Needs: needs}
}

func change(id, title string, needs ...string) runbooks.Step {
	s := runbookstest.Whole().Steps[1]
	s.ID, s.Title, s.Needs, s.If, s.Contains, s.Undo, s.OnRefused = id, title, needs, nil, nil, nil, runbooks.Stop
	return s
}

// writers are the formats.
func writers() map[string]func(io.Writer, *Graph) error {
	return map[string]func(io.Writer, *Graph) error{"svg": SVG, "mmd": Mermaid, "dot": DOT}
}

func draw(t testing.TB, p *runbooks.Program, write func(io.Writer, *Graph) error) string {
	var b bytes.Buffer
	if err := write(&b, New(p)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for name, p := range programs(t) {
		for format, write := range writers() {
			t.Run(name+"."+format, func(t *testing.T) {
				got, file := draw(t, p, write), filepath.Join("testdata", name+"."+format)
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("got (+) and want (-):\n%s", diff)
				}
				if again := draw(t, p, write); again != got {
					t.Error("the second drawing differs from the first")
				}
			})
		}
	}
}

func TestSVGIsWellFormedAndInert(t *testing.T) {
	elements := map[string]bool{"svg": true, "title": true, "desc": true, "style": true, "defs": true, "pattern": true, "rect": true, "g": true, "path": true, "text": true}
	for name, p := range everyProgram(t) {
		t.Run(name, func(t *testing.T) {
			d := xml.NewDecoder(strings.NewReader(draw(t, p, SVG)))
			steps := map[string]bool{}
			for {
				token, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				e, ok := token.(xml.StartElement)
				if !ok {
					continue
				}
				if !elements[e.Name.Local] {
					t.Errorf("there is an element %q", e.Name.Local)
				}
				for _, a := range e.Attr {
					if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" || strings.Contains(a.Value, "://") && a.Name.Local != "xmlns" {
						t.Errorf("<%s> has %s=%q", e.Name.Local, a.Name.Local, a.Value)
					}
					if a.Name.Local == "data-step" {
						steps[a.Value] = true
					}
				}
			}
			for path := range deep(p) {
				if !steps[path] {
					t.Errorf("the step %q is not drawn", path)
				}
			}
		})
	}
}

// deep lists the steps that a drawing shows, by the names of the engine.
func deep(p *runbooks.Program) map[string]bool {
	out := map[string]bool{}
	var walk func(prefix string, steps []runbooks.Step)
	walk = func(prefix string, steps []runbooks.Step) {
		for i := range steps {
			out[prefix+steps[i].ID] = true
			if steps[i].Runbook != nil {
				walk(prefix+steps[i].ID+".", steps[i].Runbook.Program.Steps)
			}
		}
	}
	walk("", p.Steps)
	walk("", p.OnCancel)
	return out
}
