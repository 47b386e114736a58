package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/plan"
)

// glassStory is one step at which leads can break the glass, for the ciso to review.
const glassStory = head + `
  - id: disable
    uses: t.disable
    with: {user: svc}
    approval: {from: [group:leads], quorum: 2, break_glass: {by: [group:leads], review: [group:ciso], within: 48h}}
    verify: {within: 60s}
`

// Who starts the run may break the glass and may not review it; who is a target
// may neither, and without a key nobody breaks it.
func TestBreakGlass(t *testing.T) {
	for _, tt := range []struct {
		name           string
		request        func(r *plan.Request)
		can, reviewers []string
		blind          []string
		text, warning  string
	}{
		{"with the requester", nil, []string{"alice", "bob", "carol"}, []string{"bob", "dave"}, nil,
			"can break the glass now: alice, bob, carol; can review it: bob, dave", ""},
		{"with a key only", func(r *plan.Request) { r.Signs = func(who string) bool { return who == "carol" } }, []string{"carol"}, []string{"bob", "dave"}, nil,
			"can break the glass now: carol; can review it: bob, dave", ""},
		{"nobody has a key", func(r *plan.Request) { r.Signs = func(string) bool { return false } }, []string{}, []string{"bob", "dave"}, nil,
			"can break the glass now: nobody with a key to sign with", ""},
		{"who is a target", func(r *plan.Request) {
			r.Identities = func(who string) []string {
				return map[string][]string{"carol": {"aws.iam.user:svc"}, "dave": {"aws.iam.user:svc"}}[who]
			}
		}, []string{"alice", "bob"}, []string{"bob"}, []string{"bob"},
			"can break the glass now: alice, bob; nobody is left to review it if bob does", `step "disable": nobody is left to review a broken glass if bob does, and the incident could not be resolved`},
		{"the requester reviews nothing", func(r *plan.Request) {
			r.Requester = "dave"
			r.Members = func(from []string) []string {
				return slices.DeleteFunc(members(from), func(who string) bool { return who != "dave" && who != "bob" })
			}
		}, []string{"bob"}, []string{"bob"}, []string{"bob"},
			"can break the glass now: bob; nobody is left to review it if any of them does", `step "disable": nobody is left to review a broken glass if any of them does`},
		{"nobody knows", func(r *plan.Request) { r.Members = nil }, []string{}, []string{}, nil, "can break the glass now: not known", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			req := request(load(t, w, glassStory))
			if tt.request != nil {
				tt.request(&req)
			}
			p := makePlan(t, w, req)
			g := step(t, p, "disable").Approval.BreakGlass
			if g == nil {
				t.Fatal("the plan does not say who may break the glass")
			}
			if diff := cmp.Diff([][]string{tt.can, tt.reviewers, tt.blind}, [][]string{g.Can, g.Reviewers, g.Blind()}); diff != "" {
				t.Errorf("people differ (-want +got):\n%s", diff)
			}
			if !g.StepUp {
				t.Error("no signature is asked for")
			}
			text := outputs(t, p)["text"]
			for _, want := range []string{"break-glass: one of group:leads alone, always with a signature; group:ciso review it within 48h\n", tt.text + "\n"} {
				if !strings.Contains(text, want) {
					t.Errorf("the plan does not say %q:\n%s", want, text)
				}
			}
			warnings := strings.Join(p.Warnings, "\n")
			if !strings.Contains(warnings, tt.warning) || tt.warning == "" && strings.Contains(warnings, "glass") {
				t.Errorf("got warnings %q, want %q", warnings, tt.warning)
			}
		})
	}
}

// The plan offers what the engine would: a floor may leave nobody.
func TestBreakGlassUnderAFloor(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		w := newWorld()
		req := request(load(t, w, glassStory))
		req.Floor = &engine.Floor{Effect: actions.Reversible, From: []string{"group:ciso"}, Quorum: 3, BreakGlass: allowed}
		p := makePlan(t, w, req)
		rule := engine.EffectiveApproval(&req.Program.Steps[0], req.Floor)
		got := step(t, p, "disable").Approval.BreakGlass != nil
		if want := rule.BreakGlass != nil; got != want || allowed && !got {
			t.Errorf("allowed %v: the plan offers it: %v, the engine: %v", allowed, got, want)
		}
		if said := strings.Contains(outputs(t, p)["text"], "break-glass"); said != got {
			t.Errorf("allowed %v: the text says so: %v", allowed, said)
		}
	}
}
