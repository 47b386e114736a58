package host_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

// acked keeps what a journal said that it has written, over all its handles.
type acked struct {
	mu      sync.Mutex
	records []string // stream and data
	until   int      // appends before the next one fails; negative: never
	fail    func()
}

func (a *acked) over(l journal.Log) journal.Log { return &ackedLog{l, a} }

type ackedLog struct {
	journal.Log
	all *acked
}

func (l *ackedLog) Append(ctx context.Context, b journal.Batch) (journal.Appended, error) {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	if l.all.until == 0 {
		l.all.fail()
	}
	l.all.until--
	done, err := l.Log.Append(ctx, b)
	if err == nil {
		for _, r := range b.Records {
			l.all.records = append(l.all.records, b.Stream+" "+string(r.Data))
		}
	}
	return done, err
}

// toll is what the crashes of a story cost.
type toll struct {
	crashes  int
	repeated int // effects of class once and probe that took place again
	missing  int // steps that are done, and their effect never took place
	lost     int // facts that were acknowledged and are gone
	wrong    []string
}

// story runs a random program in a random world and crashes it at random
// moments: in the middle of effects, and on both sides of a commit.
func story(t *testing.T, seed uint64, crashes int, wrap func(journal.Log) journal.Log) (cost toll) {
	random := rand.New(rand.NewPCG(seed, 7))
	var steps strings.Builder
	uses := map[string]string{}
	for n := range 3 + random.IntN(3) {
		id := fmt.Sprintf("s%d", n)
		uses[id] = []string{"t.probe", "t.once", "t.set", "t.keyed", "t.read"}[random.IntN(5)]
		fmt.Fprintf(&steps, "  - id: %s\n    uses: %s\n    on_failure: continue\n", id, uses[id])
		if random.IntN(3) == 0 {
			fmt.Fprintf(&steps, "    approval: {from: [group:leads], quorum: %d}\n", 1+random.IntN(2))
		}
		if uses[id] != "t.once" {
			fmt.Fprintf(&steps, "    retry: {attempts: %d}\n", 1+random.IntN(3))
		}
		if random.IntN(3) == 0 {
			steps.WriteString("    needs: []\n")
		}
	}
	log := &acked{until: -1}
	r := newRig(t, steps.String(), func(r *rig) {
		r.wrap = log.over
		if wrap != nil {
			r.wrap = func(l journal.Log) journal.Log { return log.over(wrap(l)) }
		}
		var mu sync.Mutex
		count := map[string]int{}
		r.world.usual = func(phase string, call actions.Call) turn {
			mu.Lock()
			name := phase + call.Step
			count[name]++
			n := count[name]
			mu.Unlock()
			h := fnv.New64a()
			fmt.Fprintf(h, "%d %s %d", seed, name, n)
			random := rand.New(rand.NewPCG(h.Sum64(), 1))
			turn := turn{before: time.Duration(random.IntN(4000)) * time.Millisecond, deaf: random.IntN(2) == 0}
			if phase == "execute" {
				turn.after = time.Duration(random.IntN(4000)) * time.Millisecond
				switch random.IntN(8) {
				case 0:
					turn.fail = classed(actions.Transient, "busy")
				case 1:
					turn.lose = classed(actions.Unknown, "the answer is lost")
				}
			} else if random.IntN(8) == 0 {
				turn.fail = classed(actions.Transient, "busy")
			}
			return turn
		}
	})
	var due time.Time
	arm := func() {
		due = time.Time{}
		log.mu.Lock()
		defer log.mu.Unlock()
		log.until = -1
		if cost.crashes == crashes {
			return
		}
		if random.IntN(2) == 0 {
			due = time.Now().Add(time.Duration(random.IntN(9000)) * time.Millisecond)
			return
		}
		applied := random.IntN(2) == 0
		log.until = random.IntN(4)
		log.fail = func() { r.mem.FailNextAppend(fmt.Errorf("the disk is gone"), applied) }
	}
	id := r.start()
	arm()
	died := func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.fatal) > 0
	}
	for range 20_000 {
		if died() || !due.IsZero() && time.Now().After(due) {
			r.crash()
			cost.crashes++
			r.mu.Lock()
			r.fatal = nil
			r.mu.Unlock()
			arm()
		}
		decide(r, id)
		var status engine.RunStatus
		err := r.host.View(t.Context(), id, func(i *engine.Incident) {
			if run, ok := i.Run("R1"); ok {
				status = run.Status
			}
		})
		if err == nil && status.Ended() {
			break
		}
		<-time.After(100 * time.Millisecond)
	}
	if died() {
		r.crash()
	}
	reckon(r, id, uses, log, &cost)
	return cost
}

// decide lets people answer what they are asked. About a doubt they say what
// is true.
func decide(r *rig, id string) {
	type answer struct {
		who, step string
		body      engine.Body
	}
	var answers []answer
	_ = r.host.View(r.t.Context(), id, func(i *engine.Incident) {
		for _, run := range i.Runs {
			for _, s := range run.Steps {
				switch {
				case s.Approval != nil && s.Approval.State == engine.ApprovalOpen:
					for _, who := range []string{"bob", "carol"} {
						answers = append(answers, answer{who, s.ID, engine.Vote{Approval: s.Approval.ID, Approve: true}})
					}
				case s.Held == engine.HeldDoubt && s.Status == engine.StepOnHold && r.world.landed(s.ID) > 0:
					answers = append(answers, answer{"alice", s.ID, engine.EffectResolved{Attempt: len(s.Attempts), Applied: true}})
				case s.Held == engine.HeldDoubt && s.Status == engine.StepOnHold:
					answers = append(answers, answer{"alice", s.ID, engine.RetryRequested{NotApplied: true}})
				}
			}
		}
	})
	for _, a := range answers {
		_ = r.submit(a.who, id, a.step, a.body) // when it crashes meanwhile, they answer again
	}
}

// reckon compares the record with the world.
func reckon(r *rig, id string, uses map[string]string, log *acked, cost *toll) {
	say := func(format string, args ...any) { cost.wrong = append(cost.wrong, fmt.Sprintf(format, args...)) }
	var status engine.RunStatus
	_ = r.host.View(r.t.Context(), id, func(i *engine.Incident) {
		run, ok := i.Run("R1")
		if !ok {
			return
		}
		status = run.Status
		for _, s := range run.Steps {
			landed := r.world.landed(s.ID)
			if use := uses[s.ID]; landed > 1 && (use == "t.once" || use == "t.probe") {
				cost.repeated += landed - 1
			}
			if s.Status == engine.StepDone && s.Def.Effect != actions.Read && landed == 0 {
				cost.missing++
			}
		}
	})
	if status != "" && !status.Ended() {
		say("the run never ended: %s", status)
	}
	audit := engine.NewAudit()
	for e, err := range r.host.Events(r.t.Context(), id) {
		if err != nil {
			say("%v", err)
			break
		}
		for _, wrong := range audit.Take(e) {
			say("audit: %s", wrong)
		}
	}
	for _, open := range audit.Open() {
		say("open: %s", open)
	}
	have := map[string]bool{}
	for e, err := range r.mem.All(r.t.Context(), 0) {
		if err != nil {
			say("%v", err)
			break
		}
		have[e.Stream+" "+string(e.Data)] = true
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	for _, record := range log.records {
		if !have[record] {
			cost.lost++
		}
	}
}

// Three hundred crashes: no effect that may happen only once happens twice, no
// acknowledged fact is lost, every run ends.
func TestThreeHundredCrashes(t *testing.T) {
	crashes := 0
	for seed := range uint64(105) {
		synctest.Test(t, func(t *testing.T) {
			cost := story(t, seed, 3, nil)
			crashes += cost.crashes
			if cost.repeated+cost.missing+cost.lost+len(cost.wrong) > 0 {
				t.Errorf("seed %d: %d effects repeated, %d missing, %d facts lost after %d crashes\n%s", seed, cost.repeated, cost.missing, cost.lost, cost.crashes, strings.Join(cost.wrong, "\n"))
			}
		})
	}
	if crashes < 300 {
		t.Errorf("only %d crashes took place", crashes)
	}
	t.Logf("%d crashes", crashes)
}

// The same stories on a host that acts before its intent is durable: the
// experiment can fail.
func TestActingBeforeTheIntentIsWrittenRepeatsEffects(t *testing.T) {
	var sum toll
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			cost := story(t, seed, 3, func(l journal.Log) journal.Log { return &forgetful{Log: l} })
			sum.crashes += cost.crashes
			sum.repeated += cost.repeated
			sum.lost += cost.lost
		})
	}
	if sum.repeated == 0 || sum.lost == 0 {
		t.Errorf("%d effects repeated and %d facts lost in %d crashes: the stories would not notice", sum.repeated, sum.lost, sum.crashes)
	}
	t.Logf("%d effects repeated and %d facts lost in %d crashes", sum.repeated, sum.lost, sum.crashes)
}
