package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/firebreak-ir/firebreak/engine/cases"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/lint"
)

// TestLibraryNoticesEveryEdit takes everything that protects somebody out of
// the runbooks of the library, one piece at a time, and wants lint or the
// runbook's own tests to notice: approvals, proofs, ways back, evidence, and
// whatever else the author wrote down. A piece whose absence means the same is
// not counted, because then nothing was taken away.
func TestLibraryNoticesEveryEdit(t *testing.T) {
	if testing.Short() || underRace {
		t.Skip("it takes the runbooks of the library apart for a minute; make check does, without the race detector")
	}
	registry := Registry(nil, Options{}, nil)
	list := library.List()
	for _, e := range list {
		i := slices.IndexFunc(library.Tests(), func(tests library.Entry) bool { return tests.ID == e.ID })
		if i < 0 {
			t.Errorf("%s has no tests beside it", e.Name)
			continue
		}
		whole, found := runbooks.Load(e.Name, e.Source, registry)
		if whole == nil {
			t.Fatal(found)
		}
		tests, found := runbooks.ParseTests(library.Tests()[i].Name, library.Tests()[i].Source)
		if tests == nil {
			t.Fatal(found)
		}
		counts := map[string]int{}
		for _, m := range mutants(t, e.Source) {
			p, found := runbooks.Load(e.Name, m.src, registry)
			if p != nil && p.Digest == whole.Digest {
				counts["means the same"]++
				continue
			}
			counts[m.kind]++
			if p == nil {
				continue // it does not compile
			}
			found = append(found, lint.Check(p, registry, lint.Options{Now: time.Now()})...)
			if found.HasErrors() || m.kind == "waivers" && len(found) > 0 { // a waiver covers warnings, too
				continue
			}
			file, found := tests.Check(p, registry)
			if file == nil || found.HasErrors() {
				continue
			}
			result, err := cases.Run(t.Context(), file, p, cases.Options{OneWord: true})
			if err != nil {
				t.Fatal(err)
			}
			if result.OK() {
				t.Errorf("%s: nobody notices that %s is gone", e.Name, m.what)
			}
		}
		for _, kind := range []string{"approval", "verify", "undo", "evidence", "step"} {
			if counts[kind] == 0 {
				t.Errorf("%s: no %s was taken out, so nothing is shown", e.Name, kind)
			}
		}
		t.Logf("%s: taken out and noticed: %v", e.Name, counts)
	}
}

type mutant struct {
	kind, what string
	src        []byte
}

// mutants gives the runbook without each step, without each key of each step
// that may be left out, and without each key inside of those. How many items
// are in flight at once is a matter of speed and is left alone.
func mutants(t *testing.T, src []byte) []mutant {
	t.Helper()
	var list []mutant
	for n := 0; ; n++ {
		var doc yaml.Node
		if err := yaml.Unmarshal(src, &doc); err != nil {
			t.Fatal(err)
		}
		cut := &cutter{skip: n}
		cut.runbook(doc.Content[0])
		if cut.what == "" {
			return list
		}
		data, err := yaml.Marshal(&doc)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, mutant{cut.kind, cut.what, data})
	}
}

// cutter takes the piece number skip out of a runbook.
type cutter struct {
	skip       int
	kind, what string
}

// take says whether this is the piece.
func (c *cutter) take(kind, format string, args ...any) bool {
	if c.what != "" {
		return false
	}
	if c.skip > 0 {
		c.skip--
		return false
	}
	c.kind, c.what = kind, fmt.Sprintf(format, args...)
	return true
}

func (c *cutter) runbook(root *yaml.Node) {
	for _, list := range []string{"steps", "on_cancel"} {
		steps := valueOf(root, list)
		if steps == nil {
			continue
		}
		for i, step := range steps.Content {
			id := valueOf(step, "id").Value
			if c.take("step", "the step %s", id) {
				steps.Content = slices.Delete(steps.Content, i, i+1)
				return
			}
			c.keys(step, "of step "+id, "id", "title", "uses", "manual", "wait", "runbook", "with", "max_parallel")
		}
	}
	c.keys(root, "of the runbook", "apiVersion", "kind", "id", "title", "description", "inputs", "steps", "owner", "budget", "review_by")
}

// keys takes one key out of a map, or one out of the maps in it.
func (c *cutter) keys(n *yaml.Node, where string, not ...string) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if slices.Contains(not, key) {
			continue
		}
		kind, _, _ := strings.Cut(where, " ")
		if kind == "of" {
			kind = key
		}
		if c.take(kind, "%s %s", key, where) {
			n.Content = slices.Delete(n.Content, i, i+2)
			return
		}
		if c.keys(n.Content[i+1], kind+" "+where+", in "+key, "max_parallel"); c.what != "" {
			return
		}
	}
}

func valueOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
