package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// hosts is a list of n items as an expression.
func hosts(n int) string {
	var list []string
	for k := range n {
		list = append(list, fmt.Sprintf(`"h%d"`, k+1))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// most is how many steps were between two facts at once, at the most, of those
// whose id begins with prefix.
func (r *rig) most(id, prefix string, from, to engine.Kind) int {
	r.t.Helper()
	flying, most := map[string]bool{}, 0
	for _, e := range r.events(id) {
		if !strings.HasPrefix(e.Step, prefix) {
			continue
		}
		switch e.Kind() {
		case from:
			flying[e.Step] = true
			most = max(most, len(flying))
		case to:
			delete(flying, e.Step)
		}
	}
	return most
}

// Of a loop never more items are in flight than the runbook allows, over
// crashes too, and each has its effect once.
func TestLoopKeepsItsLimit(t *testing.T) {
	for _, c := range []struct {
		name    string
		extra   string
		approve bool
		crash   bool
	}{
		{"free", "", false, false},
		{"one approval for all", ", approval: {from: [group:leads], quorum: 1, expires: 15m}", true, false},
		{"crashes", "", false, true},
		{"one approval for all, crashes", ", approval: {from: [group:leads], quorum: 1, expires: 15m}", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "  - {id: a, uses: t.keyed, for_each: {in: '"+hosts(12)+"', max_parallel: 3}, with: {target: \"${{ item }}\"}, timeout: 2m"+c.extra+"}\n  - {id: b, uses: t.read}\n")
				var mu sync.Mutex // the world is asked from the goroutine of each effect
				flying, most := map[string]bool{}, 0
				in := func() int {
					mu.Lock()
					defer mu.Unlock()
					return len(flying)
				}
				r.world.usual = func(phase string, call actions.Call) turn {
					if phase == "execute" && strings.HasPrefix(call.Step, "a.") {
						return turn{before: 20 * time.Second}
					}
					return turn{}
				}
				r.world.began = func(phase string, call actions.Call) {
					if !strings.HasPrefix(call.Step, "a.") {
						return
					}
					mu.Lock()
					defer mu.Unlock()
					switch phase {
					case "execute":
						flying[call.Step] = true
						most = max(most, len(flying))
					case "verify":
						delete(flying, call.Step)
					}
				}
				id := r.start()
				if c.approve {
					r.reach(id, "a", engine.StepAwaiting)
					if n := r.world.total("execute"); n != 0 {
						t.Fatalf("%d effects before anybody approved", n)
					}
					r.approve("bob", id, "a")
				}
				if c.crash {
					for range 3 {
						r.until("an effect in flight", func() bool { return in() > 0 })
						<-time.After(25 * time.Second)
						r.crash()
						mu.Lock()
						clear(flying)
						mu.Unlock()
					}
				}
				r.reach(id, "b", engine.StepDone)
				if got := r.status(id, "a"); got != engine.StepDone {
					t.Errorf("the loop is %s", got)
				}
				mu.Lock()
				defer mu.Unlock()
				if most != 3 {
					t.Errorf("%d effects were in flight at once, want 3", most)
				}
				if n := r.most(id, "a.", engine.EffectIntent{}.Kind(), engine.StepEnded{}.Kind()); n != 3 {
					t.Errorf("by the record %d items were in flight at once, want 3", n)
				}
				for n := range 12 {
					if got := r.world.landed(fmt.Sprintf("a.%d", n+1)); got != 1 {
						t.Errorf("item %d took effect %d times", n+1, got)
					}
				}
				if c.approve && r.tally(id, engine.ApprovalRequested{}.Kind()) != 1 {
					t.Error("people were asked more than once")
				}
				r.audit(id)
			})
		})
	}
}

// A wait ends at its time, once, whether the server runs, crashes or is down then.
func TestWait(t *testing.T) {
	for _, c := range []struct {
		name string
		live func(r *rig)
		late time.Duration // after the time it should have ended
	}{
		{"the server runs", func(r *rig) { <-time.After(11 * time.Minute) }, 0},
		{"crashes before", func(r *rig) { <-time.After(4 * time.Minute); r.crash(); <-time.After(7 * time.Minute) }, 0},
		{"down before", func(r *rig) { r.drop(); <-time.After(4 * time.Minute); r.open(); <-time.After(7 * time.Minute) }, 0},
		{"down over it", func(r *rig) { r.drop(); <-time.After(2 * time.Hour); r.open(); r.crash(); r.crash() }, 110 * time.Minute},
		{"the clock goes back", func(r *rig) { r.jump(-time.Hour); <-time.After(2 * time.Hour) }, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "  - {id: a, wait: 10m}\n  - {id: b, uses: t.read}\n")
				id := r.start()
				began := r.at(id, engine.WaitStarted{}.Kind(), 0)
				r.reach(id, "a", engine.StepSleeping)
				if err := r.host.Idle(t.Context(), id); err != nil { // a wait is nothing to wait for
					t.Fatal(err)
				}
				c.live(r)
				r.reach(id, "b", engine.StepDone)
				fired := slices.DeleteFunc(r.events(id), func(e engine.Event) bool {
					_, timer := e.Body.(engine.TimerFired)
					return !timer || e.Step != "a" // a crash in the middle of b's reading has a timer of its own
				})
				if len(fired) != 1 {
					t.Fatalf("the wait ended %d times, want once", len(fired))
				}
				ended := fired[0].At
				if took := ended.Sub(began); took < 10*time.Minute || took > 10*time.Minute+c.late+time.Second {
					t.Errorf("it took %s, want 10 minutes and at most %s more", took, c.late)
				}
				r.audit(id)
			})
		})
	}
}

// containments lists the open questions about effects whose time is over.
func (r *rig) containments(id string) (open []string) {
	r.t.Helper()
	r.view(id, func(i *engine.Incident) {
		for _, a := range i.Asks {
			if a.Type == engine.AskContainment && !a.Closed {
				open = append(open, a.ID)
			}
		}
	})
	return open
}

// A containment that comes due while the server is down is asked about once
// when it is back; extended it comes due again, and lifted never.
func TestContainmentComesDueAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set, contains: {expires: 1h, ask: [group:leads]}}\n")
		id := r.start()
		r.reach(id, "a", engine.StepDone)
		r.until("the end of the run", func() bool { return r.run(id) == engine.RunDone })
		if err := r.host.Idle(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		r.drop()
		<-time.After(3 * time.Hour)
		r.open()
		r.until("the question", func() bool { return len(r.containments(id)) == 1 })
		first := r.containments(id)[0]
		r.crash()
		r.crash()
		if got := r.containments(id); !slices.Equal(got, []string{first}) {
			t.Fatalf("after two more restarts the questions are %v, want %s alone", got, first)
		}
		if err := r.submit("alice", id, "", engine.Resolved{}); refused(err) != engine.OpenSteps {
			t.Errorf("the incident was resolved over a containment: %v", err)
		}
		r.must("bob", id, "a", engine.ContainmentExtended{Until: engine.At(time.Now().Add(24 * time.Hour)), Reason: "the owner is away"})
		if got := r.containments(id); len(got) != 0 {
			t.Errorf("extended, and still asked: %v", got)
		}
		<-time.After(23 * time.Hour)
		r.crash()
		if got := r.containments(id); len(got) != 0 {
			t.Errorf("asked an hour early: %v", got)
		}
		<-time.After(2 * time.Hour)
		r.until("the second question", func() bool { return len(r.containments(id)) == 1 })
		if r.containments(id)[0] == first {
			t.Error("the second question is the first one again")
		}
		r.must("bob", id, "a", engine.UndoRequested{Reason: "it is over"})
		r.reach(id, "a~undo", engine.StepDone)
		if got := r.containments(id); len(got) != 0 || r.world.is("a") != "up" {
			t.Errorf("lifted, and still asked: %v; the target is %s", got, r.world.is("a"))
		}
		<-time.After(100 * time.Hour)
		r.crash()
		if n := r.tally(id, engine.ContainmentDue{}.Kind()); n != 2 {
			t.Errorf("people were asked %d times, want 2", n)
		}
		r.must("alice", id, "", engine.Resolved{})
		r.audit(id)
	})
}

// The steps of on_cancel run after a cancel, and not before what is in flight
// has ended, also when that is in doubt first.
func TestOnCancelWaitsForWhatIsInFlight(t *testing.T) {
	for _, crash := range []bool{false, true} {
		t.Run(fmt.Sprint("crash ", crash), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "  - {id: a, uses: t.probe, timeout: 2m}\n  - {id: b, uses: t.set}\non_cancel:\n  - {id: tell, uses: t.read}\n  - {id: back, uses: t.set, if: steps.a.status == \"done\"}\n")
				r.world.plan("execute", "a", turn{before: 30 * time.Second, deaf: true})
				id := r.start()
				r.until("the effect", func() bool { return r.world.count("execute", "a") == 1 })
				<-time.After(5 * time.Second)
				r.must("alice", id, "", engine.CancelRequested{Reason: "the wrong host"})
				<-time.After(10 * time.Second)
				if n := r.world.count("execute", "tell"); n != 0 {
					t.Fatal("a step of on_cancel ran while an effect was in flight")
				}
				if crash {
					r.crash()
					if got := r.status(id, "a"); got != engine.StepDoubt {
						t.Fatalf("after the crash the step is %s", got)
					}
				}
				r.until("the end", func() bool { return r.run(id).Ended() })
				if got := r.run(id); got != engine.RunCancelled {
					t.Errorf("the run is %s", got)
				}
				want := map[string]engine.StepStatus{"a": engine.StepDone, "b": engine.StepCancelled, "tell": engine.StepDone, "back": engine.StepDone}
				for step, status := range want {
					if got := r.status(id, step); got != status {
						t.Errorf("%s is %s, want %s", step, got, status)
					}
				}
				if r.world.landed("a") != 1 || r.world.landed("b") != 0 || r.world.landed("back") != 1 {
					t.Errorf("effects: a %d, b %d, back %d", r.world.landed("a"), r.world.landed("b"), r.world.landed("back"))
				}
				kinds := r.kinds(id)
				if ended, began := slices.Index(kinds, "step.ended a"), slices.Index(kinds, "effect.intent tell"); ended < 0 || began < ended {
					t.Errorf("tell began at %d and a ended at %d:\n%s", began, ended, strings.Join(kinds, "\n"))
				}
				r.audit(id)
			})
		})
	}
}

// A runbook that is called goes on where it was after a crash, and gives back
// what it found.
func TestCalledRunbookOverACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: x, uses: t.read}\n", func(r *rig) {
			registry := r.options.Registry
			other := compileMore(t, registry, "other", "inputs:\n  host: {type: string, description: The host}\n",
				"  - {id: look, uses: t.read, with: {target: \"${{ inputs.host }}\"}}\n  - {id: set, uses: t.keyed, with: {target: \"${{ inputs.host }}\"}}\n  - {id: settle, wait: 5m}\n"+
					"outputs:\n  state: steps.set.outputs.state\n")
			test := compileMore(t, registry, "test", "inputs:\n  hosts: {type: list, of: string, description: The hosts}\n",
				"  - {id: call, runbook: other, for_each: {in: inputs.hosts, max_parallel: 1}, with: {host: \"${{ item }}\"}}\n  - {id: after, uses: t.read}\n"+
					"outputs:\n  done: 'steps.call.status == \"done\" ? steps.call.outputs.done : 0'\n  state: 'steps.call.status == \"done\" ? steps.call.outputs.results[0].state : \"\"'\n", other)
			r.options.Programs = func() []*runbooks.Program { return []*runbooks.Program{test} }
		})
		r.world.plan("execute", "call.1.set", turn{hang: true})
		id := r.declare()
		if _, err := r.host.Start(context.Background(), by("alice"), id, engine.RunRequest{Runbook: "test", Inputs: map[string]string{"hosts": `h1,h2`}}); err != nil {
			t.Fatal(err)
		}
		r.until("the effect", func() bool { return r.world.count("execute", "call.1.set") == 1 })
		r.crash()
		if got := r.status(id, "call.1.set"); got != engine.StepDoubt {
			t.Fatalf("after the crash the step is %s", got)
		}
		r.reach(id, "call.1.settle", engine.StepSleeping)
		if got := r.status(id, "call.2"); got != engine.StepWaiting {
			t.Errorf("the second item is %s while the first goes on", got)
		}
		r.crash()
		r.reach(id, "after", engine.StepDone)
		for _, step := range []string{"call.1.set", "call.2.set"} {
			if n := r.world.landed(step); n != 1 {
				t.Errorf("%s took effect %d times", step, n)
			}
		}
		if r.world.is("h1") != "down" || r.world.is("h2") != "down" {
			t.Errorf("the targets are %s and %s", r.world.is("h1"), r.world.is("h2"))
		}
		r.until("the end", func() bool { return r.run(id).Ended() })
		var outputs struct {
			Done  int    `json:"done"`
			State string `json:"state"`
		}
		r.view(id, func(i *engine.Incident) {
			if err := json.Unmarshal(i.Runs[0].Outputs, &outputs); err != nil {
				t.Errorf("the outputs of the run: %v", err)
			}
		})
		if outputs.Done != 2 || outputs.State != "down" {
			t.Errorf("the run gave back %+v", outputs)
		}
		r.audit(id)
	})
}

// Reminders are sent each time, and each is owed to the chat once.
func TestRemindersAreSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set, approval: {from: [group:leads], quorum: 1, expires: 16m, remind: 5m}}\n")
		id := r.start()
		r.reach(id, "a", engine.StepAwaiting)
		<-time.After(6 * time.Minute)
		r.drop()
		<-time.After(6 * time.Minute)
		r.open()
		r.until("the end", func() bool { return r.run(id).Ended() })
		var sent []int
		for _, e := range r.events(id) {
			if b, ok := e.Body.(engine.ApprovalReminded); ok {
				sent = append(sent, b.N)
			}
		}
		if diff := cmp.Diff([]int{1, 2}, sent); diff != "" {
			t.Errorf("reminders differ (-want +got):\n%s\n%s", diff, strings.Join(r.kinds(id), "\n"))
		}
		r.audit(id)
	})
}

// A manual step that nobody does in time has failed, also when the time passes
// while the server is down.
func TestManualStepRunsOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, manual: look, timeout: 1h}\n")
		id := r.start()
		r.reach(id, "a", engine.StepManual)
		r.drop()
		<-time.After(2 * time.Hour)
		r.open()
		r.reach(id, "a", engine.StepFailed)
		if err := r.submit("alice", id, "a", engine.ManualDone{Answer: "late"}); refused(err) != engine.NotManual {
			t.Errorf("an answer that came too late: %v", err)
		}
		r.audit(id)
	})
}

// Inputs that are too long to be written down are refused in words.
func TestInputsThatAreTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.read}\n", func(r *rig) {
			program := compileMore(t, r.options.Registry, "test", "inputs:\n  hosts: {type: list, of: string, description: The hosts}\n", "  - {id: a, uses: t.read}\n")
			r.options.Programs = func() []*runbooks.Program { return []*runbooks.Program{program} }
		})
		id := r.declare()
		start := func(n int) error {
			_, err := r.host.Start(context.Background(), by("alice"), id, engine.RunRequest{Runbook: "test", Inputs: map[string]string{"hosts": strings.Repeat("a-host,", n) + "b"}})
			return err
		}
		if err := start(10_000 - 1); refused(err) != engine.InputInvalid || !strings.Contains(err.Error(), "take") {
			t.Errorf("got %v", err)
		}
		if err := start(2000); err != nil {
			t.Errorf("got %v", err)
		}
		if codes := r.refusals(id); !slices.Equal(codes, []engine.Code{engine.InputInvalid}) {
			t.Errorf("refusals on record: %v", codes)
		}
	})
}

// What is too long to be written down stops nothing and repeats nothing: an
// answer of a run is left out, and instructions fail their step.
func TestFactsThatWouldBeTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.read}\n", func(r *rig) {
			program := compileMore(t, r.options.Registry, "test", "",
				"  - {id: look, uses: t.list, with: {count: 9000}}\n  - {id: a, uses: t.set, needs: [look]}\n  - {id: ask, manual: \"Look at ${{ steps.look.outputs.hosts }}\", on_failure: continue, critical: false}\n"+
					"outputs:\n  hosts: steps.look.outputs.hosts\n")
			r.options.Programs = func() []*runbooks.Program { return []*runbooks.Program{program} }
		})
		id := r.start()
		r.until("the end", func() bool { return r.run(id).Ended() })
		if got := r.run(id); got != engine.RunDone || r.status(id, "ask") != engine.StepFailed {
			t.Errorf("the run is %s and its question %s", got, r.status(id, "ask"))
		}
		if r.world.count("execute", "a") != 1 {
			t.Errorf("the effect was called %d times", r.world.count("execute", "a"))
		}
		r.view(id, func(i *engine.Incident) {
			if run := i.Runs[0]; run.Outputs != nil || !strings.Contains(run.Reason, "its answer cannot be worked out") {
				t.Errorf("the run gave back %d bytes, because %q", len(run.Outputs), run.Reason)
			}
		})
		r.audit(id)
	})
}
