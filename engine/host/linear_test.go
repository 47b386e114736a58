package host_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// generated is a program of n steps, longer than a file may be: one after the
// other, or all at once.
func generated(t testing.TB, registry *actions.Registry, n int, wide bool) *runbooks.Program {
	t.Helper()
	p := compile(t, registry, "  - {id: s0, uses: t.read, with: {target: h1}}\n")
	one := p.Steps[0]
	for i := 1; i < n; i++ {
		step := one
		step.ID = fmt.Sprintf("s%d", i)
		if !wide {
			step.Needs = []string{fmt.Sprintf("s%d", i-1)}
		}
		p.Steps = append(p.Steps, step)
	}
	p.Digest = digest(t, p)
	return p
}

// digest is that of a program's meaning: see runbooks.Program.
func digest(t testing.TB, p *runbooks.Program) string {
	t.Helper()
	bare := *p
	bare.Digest, bare.Source = "", runbooks.Source{}
	data, err := json.Marshal(&bare)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	var drop func(v any)
	drop = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "pos")
			for _, x := range v {
				drop(x)
			}
		case []any:
			for _, x := range v {
				drop(x)
			}
		}
	}
	drop(tree)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(tree); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(bytes.TrimRight(b.Bytes(), "\n"))
	return hex.EncodeToString(sum[:])
}

// work is what a run of n steps allocates: objects and bytes. It is a measure
// of what was done that does not depend on the machine.
func work(t *testing.T, n int, wide bool) (objects, size uint64) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.read}\n")
		program := generated(t, r.options.Registry, n, wide)
		r.options.Programs = func() []*runbooks.Program { return []*runbooks.Program{program} }
		r.crash()
		id := r.declare()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := r.host.Start(t.Context(), by("alice"), id, engine.RunRequest{Runbook: "test"}); err != nil {
			t.Fatal(err)
		}
		if err := r.host.Idle(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if got := r.run(id); got != engine.RunDone {
			t.Fatalf("the run of %d steps is %s", n, got)
		}
		objects, size = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	})
	return objects, size
}

// loopWork is what a loop over n items allocates, with one approval for all of them.
func loopWork(t *testing.T, n int) (objects, size uint64) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.read}\n", func(r *rig) {
			program := compileMore(t, r.options.Registry, "test", "inputs:\n  count: {type: int, description: How many}\n",
				"  - {id: look, uses: t.list, with: {count: \"${{ inputs.count }}\"}}\n  - {id: a, uses: t.set, for_each: {in: steps.look.outputs.hosts, max_parallel: 20}, with: {target: \"${{ item }}\"}, verify: {within: 2s}, approval: {from: [group:leads], quorum: 1}}\n")
			r.options.Programs = func() []*runbooks.Program { return []*runbooks.Program{program} }
		})
		id := r.declare()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := r.host.Start(t.Context(), by("alice"), id, engine.RunRequest{Runbook: "test", Inputs: map[string]string{"count": fmt.Sprint(n)}}); err != nil {
			t.Fatal(err)
		}
		if err := r.host.Idle(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		r.approve("bob", id, "a")
		if err := r.host.Idle(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if got := r.run(id); got != engine.RunDone {
			t.Fatalf("the run over %d items is %s", n, got)
		}
		if got := r.world.total("execute"); got != n {
			t.Fatalf("%d effects for %d items", got, n)
		}
		objects, size = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	})
	return objects, size
}

// A loop over ten thousand items is ten times the work of one over a thousand,
// not a hundred times, with one approval for all of them.
func TestLongLoopsStayLinear(t *testing.T) {
	loopWork(t, 10)
	o1, b1 := loopWork(t, 1000)
	o2, b2 := loopWork(t, 10_000)
	objects, size := float64(o2)/float64(o1), float64(b2)/float64(b1)
	t.Logf("1,000 items: %d objects, %d KB; 10,000 items: %.2f and %.2f times as much", o1, b1>>10, objects, size)
	if objects > 11.5 || size > 12 {
		t.Errorf("ten times the items are %.2f times the objects and %.2f times the bytes", objects, size)
	}
}

// A run twice as long is twice the work, not four times, whether its steps come
// one after the other or all at once.
func TestLongRunsStayLinear(t *testing.T) {
	for _, wide := range []bool{false, true} {
		work(t, 10, wide)
		o1, b1 := work(t, 1000, wide)
		o2, b2 := work(t, 2000, wide)
		objects, size := float64(o2)/float64(o1), float64(b2)/float64(b1)
		t.Logf("wide %v: 1,000 steps: %d objects, %d KB; 2,000 steps: %.2f and %.2f times as much", wide, o1, b1>>10, objects, size)
		if objects > 2.3 || size > 2.6 {
			t.Errorf("wide %v: twice the steps are %.2f times the objects and %.2f times the bytes", wide, objects, size)
		}
	}
}
