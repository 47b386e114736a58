package lambda_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/lambda"
)

const (
	name   = "aws.lambda.quarantine_function"
	canary = "a-canary-token"
)

func registry(w *awstest.World) *actions.Registry {
	r := actions.NewRegistry()
	lambda.Register(r, w.Cloud())
	return r
}

// motoIsWrong lists what moto cannot show, with what is done instead.
const motoIsWrong = "moto switches mappings at once and lets functions with zero concurrency run: states on the way are written into its answers by the proxy, and that nothing runs is AWS's promise"

// world has a function that is fed by two queues, one of them switched off
// before we came. concurrency is what is reserved; negative: nothing.
func world(t *testing.T, w *awstest.World, concurrency int32) (on, off string) {
	t.Helper()
	w.Function(t, "resize", canary)
	w.Function(t, "resize-other", canary)
	w.Mapping(t, "resize-other", "others", true)
	if concurrency >= 0 {
		w.SetConcurrency(t, "resize", concurrency)
	}
	return w.Mapping(t, "resize", "uploads", true), w.Mapping(t, "resize", "retired", false)
}

var with = map[string]any{"function": "resize"}

func faults(w *awstest.World, operation string) func(*testing.T, string) {
	return w.Faults(operation, map[string]awstest.Refusal{
		"denied":          {Status: http.StatusForbidden, Code: "AccessDeniedException"},
		"throttled":       {Status: http.StatusTooManyRequests, Code: "TooManyRequestsException"},
		"gone":            {Status: http.StatusNotFound, Code: "ResourceNotFoundException"},
		"denied half way": {Status: http.StatusForbidden, Code: "AccessDeniedException", Of: []string{"lambda:UpdateEventSourceMapping"}},
	})
}

func TestActions(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	t.Log(motoIsWrong)
	for _, concurrency := range []int32{-1, 7} {
		t.Run(fmt.Sprint("reserved ", concurrency), func(t *testing.T) {
			c := actionstest.Case{Action: name, World: func(t *testing.T) actionstest.World {
				w := moto.World(t)
				on, _ := world(t, w, concurrency)
				return actionstest.World{
					Registry: registry(w), Call: awstest.NewCall(), Snapshot: w.Snapshot, Params: with,
					Disturb: func(t *testing.T) {
						if concurrency < 0 {
							w.SetConcurrency(t, "resize", -1)
						} else {
							w.SetMapping(t, on, true)
						}
					},
					LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect("lambda:PutFunctionConcurrency", awstest.EveryAttempt) },
					Fault:      faults(w, "lambda:PutFunctionConcurrency"),
					Canaries:   []string{canary, w.Credentials.SecretAccessKey},
				}
			}}
			if concurrency < 0 {
				c.Errors = map[string]actions.Class{
					"denied": actions.Denied, "throttled": actions.Throttled, "gone": actions.NotFound, "denied half way": actions.Unknown,
					"broken after the effect": actions.Unknown, "cut, then refused": actions.Unknown,
				}
			}
			actionstest.Run(t, c)
		})
	}
}

func TestPermissionsAreExact(t *testing.T) {
	awstest.Hermetic(t)
	way := func(concurrency int32) awstest.Way {
		return func(t *testing.T, w *awstest.World) map[string]any {
			world(t, w, concurrency)
			return with
		}
	}
	awstest.ExactRights(t, awstest.Moto(t), registry, map[string][]awstest.Way{name: {way(-1), way(7)}})
}

// TestLostAnswers loses the answer of every change of the action, and of its
// undo. What is left is what one clean run leaves.
func TestLostAnswers(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	for _, test := range []struct {
		operation   string
		concurrency int32
		undo        bool
	}{
		{"lambda:UpdateEventSourceMapping", -1, false},
		{"lambda:PutFunctionConcurrency", 7, true},
		{"lambda:DeleteFunctionConcurrency", -1, true},
		{"lambda:UpdateEventSourceMapping", -1, true},
	} {
		t.Run(fmt.Sprintf("%s undo %t", test.operation, test.undo), func(t *testing.T) {
			w := moto.World(t)
			world(t, w, test.concurrency)
			before := w.Snapshot(t)
			s := awstest.NewStep(t, registry(w), name, with).Plan()
			if !test.undo {
				w.Proxy.DropAfterEffect(test.operation, awstest.EveryAttempt)
				_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
				awstest.Fails(t, err, actions.Unknown)
			}
			s.Execute()
			s.Is(actions.Verified, "")
			if test.undo {
				w.Proxy.DropAfterEffect(test.operation, awstest.EveryAttempt)
				awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Unknown)
			}
			s.Undo()
			if after := w.Snapshot(t); after != before {
				t.Errorf("before: %s\nafter: %s", before, after)
			}
		})
	}
}

// TestPlan says what people have to know, and fails for what is not there.
func TestPlan(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	on, off := world(t, w, 7)
	s := awstest.NewStep(t, registry(w), name, with).Plan()
	said := strings.Join(slices.Concat(s.Preview.Changes, s.Preview.Warnings), "\n")
	for _, word := range []string{"it has 7 now", on, "role/resize-role", "s3.amazonaws.com", "authentication NONE", "15 minutes"} {
		if !strings.Contains(said, word) {
			t.Errorf("the preview does not say %q:\n%s", word, said)
		}
	}
	for _, word := range []string{off, canary} {
		if strings.Contains(said, word) {
			t.Errorf("the preview says %q:\n%s", word, said)
		}
	}
	// What may not be read holds up nothing.
	w.Proxy.Refuse("lambda:GetPolicy", http.StatusForbidden, "AccessDeniedException")
	w.Proxy.Refuse("lambda:GetFunctionUrlConfig", http.StatusNotFound, "ResourceNotFoundException")
	s.Plan()
	if said := strings.Join(s.Preview.Warnings, "\n"); !strings.Contains(said, "policy could not be read") || strings.Contains(said, "URL") {
		t.Errorf("got warnings %s", said)
	}
	w.Proxy.Heal()
	_, err := s.Handler.Plan(t.Context(), s.Call, awstest.Params(t, map[string]any{"function": "nowhere"}))
	awstest.Fails(t, err, actions.NotFound, "ResourceNotFoundException")

	w.SetConcurrency(t, "resize", 0)
	w.SetMapping(t, on, false)
	if s.Plan(); !s.Preview.InEffect || s.Preview.NoUndo == "" {
		t.Errorf("it is stopped already: got %+v", s.Preview)
	}
	if err := s.Handler.Undo(t.Context(), s.Call, s.Params, s.Execute().Result); err != nil {
		t.Error(err)
	}
	s.Is(actions.Verified, "reserved concurrency of 0")
}

// TestWhatOthersDo changes the function between plan, verify and undo.
func TestWhatOthersDo(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	on, off := world(t, w, -1)
	s := awstest.NewStep(t, registry(w), name, with).Plan().Execute()
	s.Is(actions.Verified, "2 looked at")
	if n := w.Proxy.Count("lambda:UpdateEventSourceMapping"); n != 1 || !strings.Contains(string(s.Result), `"disabled":["`+on+`"]`) {
		t.Errorf("%d mappings were touched: %s; want the enabled one alone", n, s.Result)
	}

	w.SetMapping(t, off, true)
	s.Is(actions.NotVerified, off)
	w.SetMapping(t, off, false)
	added := w.Mapping(t, "resize", "added", true)
	s.Is(actions.NotVerified, "new since the plan")
	w.SetMapping(t, added, false)
	s.Is(actions.Verified, "3 looked at")

	state := func(operation, from, to string) {
		w.Proxy.Rewrite(operation, 1, func(body []byte) []byte { return []byte(strings.ReplaceAll(string(body), from, to)) })
	}
	state("lambda:ListEventSourceMappings", `"Disabled"`, `"Disabling"`)
	s.Is(actions.Pending, "is Disabling")
	state("lambda:ListEventSourceMappings", `"Disabled"`, `""`)
	s.Is(actions.NotVerified, "event source mapping")
	state("lambda:GetFunctionConcurrency", "0", "null")
	s.Is(actions.NotVerified, "reserved concurrency of none")
	empty := func(operation string) { w.Proxy.Rewrite(operation, 1, func([]byte) []byte { return []byte("{}") }) }
	empty("lambda:GetFunctionConcurrency")
	s.Is(actions.NotVerified, "reserved concurrency of none")
	empty("lambda:ListEventSourceMappings")
	s.Is(actions.CannotVerify, "proves nothing")
	w.Proxy.Rewrite("lambda:ListEventSourceMappings", 1, func([]byte) []byte { return []byte(`{"EventSourceMappings":[]}`) })
	s.Is(actions.CannotVerify, "does not list")
	w.Proxy.Refuse("lambda:GetFunctionConcurrency", http.StatusForbidden, "AccessDeniedException")
	s.Is(actions.CannotVerify, "AccessDenied")
	w.Proxy.Heal()

	w.SetConcurrency(t, "resize", 3)
	awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, "concurrency of 3", "neither 0", "by hand")
	w.SetConcurrency(t, "resize", 0)
	if _, err := w.Lambda().DeleteEventSourceMapping(t.Context(), &sdk.DeleteEventSourceMappingInput{UUID: aws.String(on)}); err != nil {
		t.Fatal(err)
	}
	awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, on, "not there any more", "it was none")
}

// TestAnotherFunctionsState: a state that is not of this function is refused.
func TestAnotherFunctionsState(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	world(t, w, -1)
	s := awstest.NewStep(t, registry(w), name, with).Plan()
	_, err := s.Handler.Execute(t.Context(), s.Call, awstest.Params(t, map[string]any{"function": "resize-other"}))
	awstest.Fails(t, err, actions.Precondition, "plan the step again")
	_, err = s.Handler.Execute(t.Context(), awstest.NewCall(), s.Params)
	awstest.Fails(t, err, actions.Precondition, "captured no state")
}
