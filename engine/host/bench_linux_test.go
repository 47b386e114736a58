package host_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/host"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// bare measures what the disk allows: appends of 300 bytes to a file, each
// with its own fdatasync, per second.
func bare(b *testing.B, dir string) float64 {
	b.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "bare"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	line := bytes.Repeat([]byte("x"), 300)
	n, began := 0, time.Now()
	for time.Since(began) < 300*time.Millisecond {
		if _, err := f.Write(line); err != nil {
			b.Fatal(err)
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
		n++
	}
	return float64(n) / time.Since(began).Seconds()
}

// nothing is an action that does nothing.
type nothing struct{}

func (nothing) Spec() actions.Spec {
	return actions.Spec{Name: "t.nothing", Version: 1, Title: "Do nothing", Doc: "For benchmarks.", Effect: actions.Reversible, Repeat: actions.Idempotent}
}
func (nothing) Plan(context.Context, actions.Call, params) (actions.Preview, error) {
	return actions.Preview{}, nil
}
func (nothing) Execute(context.Context, actions.Call, params) (result, error) { return result{}, nil }

// read is the same as an action that reads: it needs no plan of a target.
type read struct{ nothing }

func (r read) Spec() actions.Spec {
	s := r.nothing.Spec()
	s.Name, s.Effect = "t.read", actions.Read
	return s
}

// bench opens a host on a store on disk that can start the program of the steps.
func bench(b *testing.B, path, steps string) (*host.Host, *bolt.Log) {
	b.Helper()
	store := openBolt(b, path)
	registry := actions.NewRegistry()
	actions.Register(registry, nothing{})
	actions.Register(registry, read{})
	program := compile(b, registry, steps)
	h, err := host.Open(b.Context(), host.Options{
		Journal: store, Store: "s", Registry: registry, Programs: func() []*runbooks.Program { return []*runbooks.Program{program} },
		Environments: []host.Environment{{EnvironmentFacts: runbooks.EnvironmentFacts{Name: "prod"}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	return h, store
}

func shut(b *testing.B, h *host.Host, store *bolt.Log) {
	b.Helper()
	h.Close(b.Context())
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSteps runs a runbook of five steps that do nothing, so many runs in
// flight. "x-bare" is steps per second over bare write and fdatasync, measured
// directly before and after.
func BenchmarkSteps(b *testing.B) {
	for _, uses := range []string{"t.read", "t.nothing"} {
		var steps string
		for n := range 5 {
			steps += fmt.Sprintf("  - {id: s%d, uses: %s}\n", n, uses)
		}
		for _, runs := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/%d", uses, runs), func(b *testing.B) {
				dir := b.TempDir()
				h, store := bench(b, filepath.Join(dir, "j.db"), steps)
				before := bare(b, dir)
				var next atomic.Int64
				var group sync.WaitGroup
				b.ResetTimer()
				for range runs {
					group.Go(func() {
						for next.Add(1) <= int64(b.N) {
							receipt, err := h.Declare(b.Context(), by("alice"), "bench", 3, false)
							if err != nil {
								b.Error(err)
								return
							}
							if _, err := h.Start(b.Context(), by("alice"), receipt.Incident, engine.RunRequest{Runbook: "test"}); err != nil {
								b.Error(err)
								return
							}
							if err := h.Idle(b.Context(), receipt.Incident); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				group.Wait()
				b.StopTimer()
				rate := 5 * float64(b.N) / b.Elapsed().Seconds()
				limit := (before + bare(b, dir)) / 2
				b.ReportMetric(rate, "steps/s")
				b.ReportMetric(rate/limit, "x-bare")
				shut(b, h, store)
			})
		}
	}
}

// BenchmarkRecovery opens a host on 1,000 open incidents, each of which waits
// for an approval or has an effect in doubt.
func BenchmarkRecovery(b *testing.B) {
	const incidents = 1000
	for _, c := range []struct{ name, steps string }{
		{"waiting", "  - {id: a, uses: t.nothing, approval: {from: [group:leads], quorum: 1}}\n"},
		{"in doubt", "  - {id: a, uses: t.set}\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				path := filepath.Join(b.TempDir(), "j.db")
				store := openBolt(b, path)
				world := newWorld()
				world.usual = func(phase string, _ actions.Call) turn { return turn{hang: phase == "execute"} }
				registry := world.catalog()
				actions.Register(registry, nothing{})
				program := compile(b, registry, c.steps)
				options := host.Options{
					Journal: store, Store: "s", Registry: registry, Programs: func() []*runbooks.Program { return []*runbooks.Program{program} },
					Environments: []host.Environment{{EnvironmentFacts: runbooks.EnvironmentFacts{Name: "prod"}}},
				}
				h, err := host.Open(b.Context(), options)
				if err != nil {
					b.Fatal(err)
				}
				var group sync.WaitGroup
				for range 50 {
					group.Go(func() {
						for range incidents / 50 {
							receipt, err := h.Declare(b.Context(), by("alice"), "bench", 3, false)
							if err != nil {
								b.Error(err)
								return
							}
							if _, err := h.Start(b.Context(), by("alice"), receipt.Incident, engine.RunRequest{Runbook: "test"}); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				group.Wait()
				for c.name == "in doubt" && world.total("execute") < incidents {
					select {
					case <-time.After(time.Millisecond):
					case <-b.Context().Done():
						b.Fatal("the effects do not begin")
					}
				}
				host.Kill(h)
				if err := store.Close(); err != nil {
					b.Fatal(err)
				}
				options.Journal = openBolt(b, path)
				b.StartTimer()
				h, err = host.Open(b.Context(), options)
				b.StopTimer()
				if err != nil {
					b.Fatal(err)
				}
				list, err := h.List(b.Context())
				if err != nil || len(list) != incidents {
					b.Fatalf("%d incidents came back: %v", len(list), err)
				}
				host.Kill(h)
				close(world.dead)
				if err := options.Journal.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(incidents*float64(b.N)/b.Elapsed().Seconds(), "incidents/s")
		})
	}
}
