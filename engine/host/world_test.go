package host_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// world is what the actions of the tests act upon: targets with a state,
// counters of what really took effect, and a script of how each call goes.
type world struct {
	mu      sync.Mutex
	state   map[string]string // by target: "up" unless it was changed
	effects map[string]int    // by "run/step": how often its effect took place
	calls   map[string]int    // by "phase run/step"
	keys    map[actions.Key]string
	keyed   map[actions.Key]bool // keys that a target of class keyed has seen
	script  map[string][]turn    // by "phase step", used up in order
	usual   func(phase string, call actions.Call) turn
	watch   sync.Mutex                            // held while began runs
	began   func(phase string, call actions.Call) // called when a call begins
	dead    chan struct{}                         // closed at the end: nobody waits any more
}

// turn is how one call goes. The zero turn works at once.
type turn struct {
	before  time.Duration // until the effect takes place
	after   time.Duration // from the effect to the answer
	fail    error         // the answer, in place of an effect
	lose    error         // the answer although the effect takes place
	hang    bool          // after the effect no answer ever comes
	deaf    bool          // does not listen to the context
	panics  bool          // after the effect
	nothing bool          // says that it worked, and nothing changed
	verdict actions.Verdict
	found   actions.Found
	target  string // what the plan reads, in place of the parameter
}

func newWorld() *world {
	return &world{
		state: map[string]string{}, effects: map[string]int{}, calls: map[string]int{}, keys: map[actions.Key]string{},
		keyed: map[actions.Key]bool{}, script: map[string][]turn{}, dead: make(chan struct{}),
	}
}

func (w *world) plan(phase, step string, turns ...turn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.script[phase+" "+step] = append(w.script[phase+" "+step], turns...)
}

func (w *world) count(phase, step string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[phase+" R1/"+step]
}

func (w *world) landed(step string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.effects["R1/"+step]
}

// next begins a call.
func (w *world) next(phase string, call actions.Call) turn {
	w.mu.Lock()
	w.calls[phase+" "+call.Run+"/"+call.Step]++
	began, usual := w.began, w.usual
	var t turn
	key := phase + " " + call.Step
	list := w.script[key]
	if len(list) > 0 {
		t, w.script[key] = list[0], list[1:]
	}
	w.mu.Unlock()
	if began != nil {
		w.watch.Lock()
		began(phase, call)
		w.watch.Unlock()
	}
	if len(list) == 0 && usual != nil {
		t = usual(phase, call)
	}
	return t
}

// pass waits, and says whether the time passed before the caller gave up.
func (w *world) pass(ctx context.Context, d time.Duration, deaf bool) bool {
	if d == 0 {
		return deaf || ctx.Err() == nil
	}
	gaveUp := ctx.Done()
	if deaf {
		gaveUp = nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-gaveUp:
		return false
	case <-w.dead:
		return false
	}
}

const forever = 1000 * time.Hour

// change makes the effect of a call take place.
func (w *world) change(call actions.Call, repeat actions.Repeat, target, state string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if repeat == actions.Keyed {
		if w.keyed[call.Key] {
			return
		}
		w.keyed[call.Key] = true
	}
	w.effects[call.Run+"/"+call.Step]++
	w.keys[call.Key] = call.Run + "/" + call.Step
	w.state[target] = state
}

func (w *world) is(target string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, ok := w.state[target]; ok {
		return s
	}
	return "up"
}

// do plays one call that changes something.
func (w *world) do(ctx context.Context, phase string, call actions.Call, repeat actions.Repeat, target, state string) error {
	t := w.next(phase, call)
	gone := &actions.Error{Class: actions.Unknown, Op: "t:Set", Err: errors.New("the connection broke")}
	if !w.pass(ctx, t.before, t.deaf) {
		return gone
	}
	if t.fail != nil {
		return t.fail
	}
	if !t.nothing {
		w.change(call, repeat, target, state)
	}
	if t.panics {
		panic("the action is broken")
	}
	if t.hang {
		t.after = forever
	}
	if !w.pass(ctx, t.after, t.deaf) {
		return gone
	}
	return t.lose
}

// The actions: one for each way in which an effect can repeat.
type (
	params struct {
		Target string `json:"target,omitempty" doc:"what it acts on"`
	}
	result struct {
		State string `json:"state" doc:"how it is now"`
	}
	act struct {
		w    *world
		spec actions.Spec
	}
	reader struct{ act }
	setter struct{ act }
	prober struct{ setter }
)

func (a act) Spec() actions.Spec { return a.spec }

func (p params) target(step string) string {
	if p.Target == "" {
		return step
	}
	return p.Target
}

func (a act) Plan(ctx context.Context, call actions.Call, p params) (actions.Preview, error) {
	t := a.w.next("plan", call)
	if !a.w.pass(ctx, t.before, t.deaf) {
		return actions.Preview{}, ctx.Err()
	}
	if t.fail != nil {
		return actions.Preview{}, t.fail
	}
	target := p.target(call.Step)
	if t.target != "" {
		target = t.target
	}
	preview := actions.Preview{Targets: []actions.Target{{Type: "host", ID: target}}, Changes: []string{"take " + target + " down"}, Calls: []string{"t:Set"}}
	err := preview.Capture(map[string]string{"was": a.w.is(target)})
	return preview, err
}

func (a act) Execute(ctx context.Context, call actions.Call, p params) (result, error) {
	call.Requests.Add("t:Set", fmt.Sprintf("req-%d", call.Attempt))
	err := a.w.do(ctx, "execute", call, a.spec.Repeat, p.target(call.Step), "down")
	return result{State: "down"}, err
}

func (r reader) Execute(ctx context.Context, call actions.Call, p params) (result, error) {
	t := r.w.next("execute", call)
	if !r.w.pass(ctx, t.before, t.deaf) {
		return result{}, ctx.Err()
	}
	return result{State: r.w.is(p.target(call.Step))}, t.fail
}

// lister gives as many targets as it is asked for.
type lister struct{ act }

type (
	listParams struct {
		Count int `json:"count" doc:"how many"`
	}
	listResult struct {
		Hosts []string `json:"hosts" doc:"the targets"`
	}
)

func (l lister) Plan(context.Context, actions.Call, listParams) (actions.Preview, error) {
	return actions.Preview{}, nil
}

func (l lister) Execute(_ context.Context, _ actions.Call, p listParams) (listResult, error) {
	hosts := make([]string, p.Count)
	for n := range hosts {
		hosts[n] = fmt.Sprintf("h%d", n+1)
	}
	return listResult{hosts}, nil
}

func (a act) read(ctx context.Context, phase string, call actions.Call, target, want string) (actions.Reading, error) {
	t := a.w.next(phase, call)
	if !a.w.pass(ctx, t.before, t.deaf) {
		return actions.Reading{}, ctx.Err()
	}
	if t.fail != nil {
		return actions.Reading{}, t.fail
	}
	if t.verdict != "" {
		return actions.Reading{Verdict: t.verdict, Detail: "as the script says"}, nil
	}
	if is := a.w.is(target); is != want {
		return actions.Reading{Verdict: actions.NotVerified, Detail: target + " is " + is}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: target + " is " + want}, nil
}

func (s setter) Verify(ctx context.Context, call actions.Call, p params, _ result) (actions.Reading, error) {
	return s.read(ctx, "verify", call, p.target(call.Step), "down")
}

func (s setter) PlanUndo(ctx context.Context, call actions.Call, p params, _ result) (actions.Preview, error) {
	var was struct{ Was string }
	if err := call.LoadState(&was); err != nil {
		return actions.Preview{}, err
	}
	target := p.target(original(call.Step))
	return actions.Preview{Targets: []actions.Target{{Type: "host", ID: target}}, Changes: []string{"put " + target + " back to " + was.Was}}, nil
}

func (s setter) Undo(ctx context.Context, call actions.Call, p params, _ result) error {
	var was struct{ Was string }
	if err := call.LoadState(&was); err != nil {
		return err
	}
	return s.w.do(ctx, "undo", call, s.spec.Repeat, p.target(original(call.Step)), was.Was)
}

func (s setter) VerifyUndo(ctx context.Context, call actions.Call, p params, _ result) (actions.Reading, error) {
	return s.read(ctx, "verify undo", call, p.target(original(call.Step)), "up")
}

func original(step string) string {
	for i := range step {
		if step[i] == '~' {
			return step[:i]
		}
	}
	return step
}

func (a prober) Probe(ctx context.Context, call actions.Call, p params) (actions.Found, result, error) {
	t := a.w.next("probe", call)
	if !a.w.pass(ctx, t.before, t.deaf) {
		return actions.FoundUnknown, result{}, ctx.Err()
	}
	if t.fail != nil {
		return actions.FoundUnknown, result{}, t.fail
	}
	if t.found != "" {
		return t.found, result{State: "down"}, nil
	}
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	if a.w.effects[call.Run+"/"+call.Step] > 0 {
		return actions.Applied, result{State: "down"}, nil
	}
	return actions.NotApplied, result{}, nil
}

const settle = 10 * time.Second

// catalog registers the actions of a world.
func (w *world) catalog() *actions.Registry {
	r := actions.NewRegistry()
	one := func(name string, effect actions.Effect, repeat actions.Repeat) act {
		return act{w, actions.Spec{Name: name, Version: 1, Title: "Test " + name, Doc: "For tests.", Effect: effect, Repeat: repeat, Settle: settle}}
	}
	actions.Register(r, reader{one("t.read", actions.Read, actions.Idempotent)})
	actions.Register(r, lister{one("t.list", actions.Read, actions.Idempotent)})
	actions.Register(r, setter{one("t.set", actions.Reversible, actions.Idempotent)})
	actions.Register(r, setter{one("t.keyed", actions.Reversible, actions.Keyed)})
	actions.Register(r, prober{setter{one("t.probe", actions.Reversible, actions.Probe)}})
	actions.Register(r, setter{one("t.once", actions.Reversible, actions.Once)})
	return r
}

func classed(class actions.Class, text string) error {
	return &actions.Error{Class: class, Op: "t:Set", Err: errors.New(text)}
}

// total counts the calls of a phase.
func (w *world) total(phase string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for name, calls := range w.calls {
		if what, _, _ := strings.Cut(name, " "); what == phase {
			n += calls
		}
	}
	return n
}
