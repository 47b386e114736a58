package actions_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
)

type doorParams struct {
	Door string `json:"door" doc:"which door" example:"north"`
}

type doorResult struct {
	Was string `json:"was" doc:"what it was before"`
}

// door is an action with every ability. It closes doors, or fails as told.
type door struct {
	states map[string]string
	fail   func() // called first by every method; may panic
	err    error  // given back by every method
}

func (d *door) spec() actions.Spec {
	return actions.Spec{Name: "test.close_door", Version: 2, Title: "Close a door", Doc: "Closes it.", Effect: actions.Reversible, Repeat: actions.Probe}
}

func (d *door) Spec() actions.Spec { return d.spec() }

func (d *door) trouble() error {
	if d.fail != nil {
		d.fail()
	}
	return d.err
}

func (d *door) Plan(_ context.Context, _ actions.Call, p doorParams) (actions.Preview, error) {
	preview := actions.Preview{Targets: []actions.Target{{Type: "door", ID: p.Door}}}
	if err := d.trouble(); err != nil {
		return preview, err
	}
	return preview, preview.Capture(d.states[p.Door])
}

func (d *door) Execute(_ context.Context, call actions.Call, p doorParams) (doorResult, error) {
	var was string
	if err := call.LoadState(&was); err != nil {
		return doorResult{}, err
	}
	if err := d.trouble(); err != nil {
		return doorResult{}, err
	}
	d.states[p.Door] = "closed"
	return doorResult{was}, nil
}

func (d *door) Verify(_ context.Context, _ actions.Call, p doorParams, _ doorResult) (actions.Reading, error) {
	if d.states[p.Door] != "closed" {
		return actions.Reading{Verdict: actions.NotVerified}, d.trouble()
	}
	return actions.Reading{Verdict: actions.Verified}, d.trouble()
}

func (d *door) PlanUndo(_ context.Context, _ actions.Call, p doorParams, r doorResult) (actions.Preview, error) {
	return actions.Preview{Changes: []string{p.Door + " becomes " + r.Was}}, d.trouble()
}

func (d *door) Undo(_ context.Context, _ actions.Call, p doorParams, r doorResult) error {
	d.states[p.Door] = r.Was
	return d.trouble()
}

func (d *door) VerifyUndo(_ context.Context, _ actions.Call, p doorParams, r doorResult) (actions.Reading, error) {
	if d.states[p.Door] != r.Was {
		return actions.Reading{Verdict: actions.NotVerified}, d.trouble()
	}
	return actions.Reading{Verdict: actions.Verified}, d.trouble()
}

func (d *door) Probe(_ context.Context, _ actions.Call, p doorParams) (actions.Found, doorResult, error) {
	if d.states[p.Door] != "closed" {
		return actions.NotApplied, doorResult{"nonsense"}, d.trouble()
	}
	return actions.Applied, doorResult{"open"}, d.trouble()
}

func (d *door) Preflight(_ context.Context, call actions.Call, p doorParams) ([]actions.Check, error) {
	return []actions.Check{{Name: "hinges of " + p.Door + " in " + string(call.Phase), Readiness: actions.Ready}}, d.trouble()
}

// everyMethod calls each method of a handler and gives its error.
func everyMethod(ctx context.Context, h actions.Handler, call actions.Call, params, result json.RawMessage) map[string]error {
	errs := map[string]error{}
	_, errs["plan"] = h.Plan(ctx, call, params)
	_, errs["execute"] = h.Execute(ctx, call, params)
	_, errs["verify"] = h.Verify(ctx, call, params, result)
	_, _, errs["probe"] = h.Probe(ctx, call, params)
	_, errs["preflight"] = h.Preflight(ctx, call, params)
	_, errs["plan the undo"] = h.PlanUndo(ctx, call, params, result)
	errs["undo"] = h.Undo(ctx, call, params, result)
	_, errs["verify the undo"] = h.VerifyUndo(ctx, call, params, result)
	return errs
}

var (
	north = json.RawMessage(`{"door":"north"}`)
	open  = actions.Call{State: json.RawMessage(`"open"`)}
)

func TestHandlerLife(t *testing.T) {
	d := &door{states: map[string]string{"north": "open"}}
	h := one(d)
	spec := h.Spec()
	if !spec.CanVerify || !spec.CanUndo || !spec.CanProbe || !spec.CanPreflight || spec.Timeout != actions.DefaultTimeout {
		t.Errorf("got %+v", spec)
	}
	preview, err := h.Plan(t.Context(), actions.Call{}, north)
	if err != nil || string(preview.State) != `"open"` {
		t.Fatalf("got %+v, %v", preview, err)
	}
	checks, err := h.Preflight(t.Context(), actions.Call{}, north)
	if want := []actions.Check{{Name: "hinges of north in plan", Readiness: actions.Ready}}; err != nil || !cmp.Equal(want, checks) {
		t.Errorf("got %+v, %v, want %+v", checks, err, want)
	}
	call := actions.Call{State: preview.State}
	if found, result, err := h.Probe(t.Context(), call, north); found != actions.NotApplied || result != nil || err != nil {
		t.Errorf("before: got %q, %s, %v", found, result, err)
	}
	result, err := h.Execute(t.Context(), call, north)
	if err != nil || string(result) != `{"was":"open"}` {
		t.Fatalf("got %s, %v", result, err)
	}
	if reading, err := h.Verify(t.Context(), call, north, result); reading.Verdict != actions.Verified || err != nil {
		t.Errorf("got %+v, %v", reading, err)
	}
	if found, again, err := h.Probe(t.Context(), call, north); found != actions.Applied || string(again) != string(result) || err != nil {
		t.Errorf("after: got %q, %s, %v", found, again, err)
	}
	undo, err := h.PlanUndo(t.Context(), call, north, result)
	if err != nil || undo.Changes[0] != "north becomes open" {
		t.Errorf("got %+v, %v", undo, err)
	}
	if err := h.Undo(t.Context(), call, north, result); err != nil || d.states["north"] != "open" {
		t.Errorf("got %q, %v", d.states["north"], err)
	}
	if reading, err := h.VerifyUndo(t.Context(), call, north, result); reading.Verdict != actions.Verified || err != nil {
		t.Errorf("got %+v, %v", reading, err)
	}
}

// Nobody knows what an action had done when it panicked.
func TestPanicIsUnknown(t *testing.T) {
	h := one(&door{states: map[string]string{}, fail: func() { panic(fmt.Sprint("boom ", actions.NewSecret(canary))) }})
	for method, err := range everyMethod(t.Context(), h, open, north, nil) {
		e, ok := errors.AsType[*actions.Error](err)
		if !ok || e.Class != actions.Unknown || !strings.Contains(err.Error(), "bug: panic while trying to "+method+": boom") {
			t.Errorf("%s: got %v", method, err)
		}
		if leaks(fmt.Sprint(err)) {
			t.Errorf("%s: a secret came out: %v", method, err)
		}
	}
}

func TestEveryErrorHasAClass(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want actions.Class
	}{
		{"classified", &actions.Error{Class: actions.Throttled, Op: "x", Err: errors.New("slow down")}, actions.Throttled},
		{"wrapped", fmt.Errorf("close: %w", &actions.Error{Class: actions.Denied, Op: "x"}), actions.Denied},
		{"plain", errors.New("it is stuck"), actions.Unknown},
		{"too late", context.DeadlineExceeded, actions.Unknown},
		{"without a class", &actions.Error{Op: "x"}, actions.Unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := one(&door{states: map[string]string{}, err: test.err})
			for method, err := range everyMethod(t.Context(), h, open, north, nil) {
				e, ok := err.(*actions.Error)
				if !ok || e.Class != test.want {
					t.Errorf("%s: got %T %v of class %s, want %s", method, err, err, actions.ClassOf(err), test.want)
				}
			}
		})
	}
}

func TestWrongParamsNeverReachTheAction(t *testing.T) {
	h := one(&door{fail: func() { t.Error("the action was called") }})
	for method, err := range everyMethod(t.Context(), h, open, json.RawMessage(`{"window":1}`), nil) {
		if actions.ClassOf(err) != actions.Invalid || !strings.Contains(err.Error(), `"window" is not known here`) || !strings.Contains(err.Error(), "door: is missing") {
			t.Errorf("%s: got %v", method, err)
		}
	}
}

func TestRecordedResultMustFit(t *testing.T) {
	h := one(&door{states: map[string]string{}})
	for method, err := range everyMethod(t.Context(), h, open, north, json.RawMessage(`{"was":7}`)) {
		if slices.Contains([]string{"plan", "execute", "probe", "preflight"}, method) {
			continue // these take no result
		}
		if actions.ClassOf(err) != actions.Invalid || !strings.Contains(err.Error(), "the recorded result does not fit") {
			t.Errorf("%s: got %v", method, err)
		}
	}
}

func TestAbilitiesThatAreMissing(t *testing.T) {
	h := one(echo{})
	params := json.RawMessage(`{"text":"a"}`)
	if spec := h.Spec(); spec.CanVerify || spec.CanUndo || spec.CanProbe {
		t.Errorf("got %+v", spec)
	}
	for method, err := range everyMethod(t.Context(), h, actions.Call{}, params, nil) {
		switch method {
		case "plan", "execute", "preflight":
			if err != nil {
				t.Errorf("%s: got %v", method, err)
			}
		default:
			if actions.ClassOf(err) != actions.Invalid || !strings.Contains(err.Error(), "this action cannot") {
				t.Errorf("%s: got %v", method, err)
			}
		}
	}
	if found, _, _ := h.Probe(t.Context(), actions.Call{}, params); found != actions.FoundUnknown {
		t.Errorf("got %q", found)
	}
}

func TestMissingStateIsAPrecondition(t *testing.T) {
	_, err := one(&door{states: map[string]string{}}).Execute(t.Context(), actions.Call{Step: "close"}, north)
	if actions.ClassOf(err) != actions.Precondition || !strings.Contains(err.Error(), `"close"`) {
		t.Errorf("got %v", err)
	}
	_, err = one(&door{states: map[string]string{}}).Execute(t.Context(), actions.Call{State: json.RawMessage(`{`)}, north)
	if actions.ClassOf(err) != actions.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestRegistryPanics(t *testing.T) {
	with := func(change func(*actions.Spec)) actions.Action[doorParams, doorResult] {
		s := (&door{}).spec()
		s.Repeat = actions.Idempotent
		change(&s)
		return specced{s}
	}
	for _, test := range []struct {
		name     string
		register func(*actions.Registry)
		want     string
	}{
		{"twice", func(r *actions.Registry) { actions.Register(r, echo{}); actions.Register(r, echo{}) }, "test.echo is registered twice"},
		{"no provider", func(r *actions.Registry) { actions.Register(r, with(func(s *actions.Spec) { s.Name = "close" })) }, "not of the form"},
		{"capitals", func(r *actions.Registry) {
			actions.Register(r, with(func(s *actions.Spec) { s.Name = "Test.close" }))
		}, "not of the form"},
		{"no version", func(r *actions.Registry) { actions.Register(r, with(func(s *actions.Spec) { s.Version = 0 })) }, "has no version"},
		{"no effect", func(r *actions.Registry) { actions.Register(r, with(func(s *actions.Spec) { s.Effect = "" })) }, "has no effect"},
		{"odd repeat", func(r *actions.Registry) {
			actions.Register(r, with(func(s *actions.Spec) { s.Repeat = "maybe" }))
		}, `repeat "maybe" is not known`},
		{"probe without probe", func(r *actions.Registry) {
			actions.Register(r, with(func(s *actions.Spec) { s.Repeat = actions.Probe }))
		}, "has no Probe method"},
		{"no doc", func(r *actions.Registry) { actions.Register(r, with(func(s *actions.Spec) { s.Doc = "" })) }, "no title or doc"},
		{"params are no struct", func(r *actions.Registry) { actions.Register(r, odd[string]{}) }, "string is not a struct"},
		{"field without a name", func(r *actions.Registry) { actions.Register(r, odd[struct{ X string }]{}) }, "has no json name"},
		{"field of an odd type", func(r *actions.Registry) {
			actions.Register(r, odd[struct {
				X chan int `json:"x"`
			}]{})
		}, "has no kind"},
		{"map with odd keys", func(r *actions.Registry) {
			actions.Register(r, odd[struct {
				X map[int]string `json:"x"`
			}]{})
		}, "map keys must be strings"},
		{"bad pattern", func(r *actions.Registry) {
			actions.Register(r, odd[struct {
				X string `json:"x" pattern:"("`
			}]{})
		}, "missing closing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, test.want) || !strings.HasPrefix(got, "actions: ") {
					t.Errorf("got panic %q, want %q", got, test.want)
				}
			}()
			test.register(actions.NewRegistry())
		})
	}
}

// specced is an action of which only the declaration matters.
type specced struct{ spec actions.Spec }

func (s specced) Spec() actions.Spec { return s.spec }

func (specced) Plan(context.Context, actions.Call, doorParams) (actions.Preview, error) {
	return actions.Preview{}, nil
}

func (specced) Execute(context.Context, actions.Call, doorParams) (doorResult, error) {
	return doorResult{}, nil
}

// odd is an action with parameters that cannot be declared.
type odd[P any] struct{}

func (odd[P]) Spec() actions.Spec { return echo{}.Spec() }

func (odd[P]) Plan(context.Context, actions.Call, P) (actions.Preview, error) {
	return actions.Preview{}, nil
}

func (odd[P]) Execute(context.Context, actions.Call, P) (struct{}, error) { return struct{}{}, nil }

func TestRegistry(t *testing.T) {
	r := actions.NewRegistry()
	actions.Register(r, echo{})
	actions.Register(r, &door{})
	if diff := cmp.Diff([]string{"test.close_door", "test.echo"}, r.Names()); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if spec, ok := r.Spec("test.close_door"); !ok || spec.Version != 2 {
		t.Errorf("got %+v, %v", spec, ok)
	}
	if _, ok := r.Spec("test.nothing"); ok {
		t.Error("found an action that does not exist")
	}
	if _, ok := r.Handler("test.nothing"); ok {
		t.Error("found a handler that does not exist")
	}
}

func TestUndeclaredRepeatIsOnce(t *testing.T) {
	s := (&door{}).spec()
	s.Repeat = ""
	if got := one[doorParams, doorResult](specced{s}).Spec().Repeat; got != actions.Once {
		t.Errorf("got %q", got)
	}
}

func TestKeyToken(t *testing.T) {
	k := actions.Key("0123456789abcdef")
	if k.Token(4) != "0123" || k.Token(16) != string(k) || k.Token(64) != string(k) {
		t.Errorf("got %q %q %q", k.Token(4), k.Token(16), k.Token(64))
	}
}

func TestRequests(t *testing.T) {
	var none *actions.Requests
	none.Add("x", "1")
	if none.List() != nil {
		t.Error("nothing collects something")
	}
	var some actions.Requests
	some.Add("iam:GetUser", "1")
	list := some.List()
	some.Add("iam:GetUser", "2")
	if len(list) != 1 || len(some.List()) != 2 || some.List()[1].ID != "2" {
		t.Errorf("got %v, %v", list, some.List())
	}
}

func TestWrongStateIsAPrecondition(t *testing.T) {
	err := actions.WrongState("it is of door %q", "south")
	if actions.ClassOf(err) != actions.Precondition || !strings.Contains(err.Error(), `load the captured state: it is of door "south"`) || !strings.Contains(err.Error(), "plan the step again") {
		t.Errorf("got %v", err)
	}
}
