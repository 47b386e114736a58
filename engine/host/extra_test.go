package host_test

import (
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Whoever wires the host says whether a run needs more people; what it says is
// pinned, so that saying something else later changes no run that has begun.
func TestExtraIsPinned(t *testing.T) {
	n, why := 1, strings.Repeat("never rehearsed ", 100)
	r := newRig(t, `  - id: a
    uses: t.set
    with: {target: h1}
    approval: {from: [group:leads], quorum: 1}
`, func(r *rig) {
		r.options.Extra = func(p *runbooks.Program, env string) (int, string) {
			if p.ID != "test" || env != "prod" {
				t.Errorf("asked about %s in %s", p.ID, env)
			}
			return n, why
		}
	})
	id := r.start()
	r.reach(id, "a", engine.StepAwaiting)
	n = 0
	r.crash()
	r.step(id, "a", func(s *engine.Step) {
		if x := s.Run().Extra; x == nil || x.Approvers != 1 || !strings.HasPrefix(x.Why, "never rehearsed") || len(x.Why) > 600 {
			t.Errorf("pinned: %+v", x)
		}
		if s.Approval.Quorum != 2 || s.Approval.Extra != 1 {
			t.Errorf("asks for %d, of which %d more", s.Approval.Quorum, s.Approval.Extra)
		}
	})
	r.audit(id)
}

// However much is demanded, the fact stays one that can follow.
func TestExtraHasLimits(t *testing.T) {
	for n, want := range map[int]int{0: 0, -3: 0, 99: engine.MaxExtra} {
		r := newRig(t, "  - id: a\n    uses: t.read\n", func(r *rig) {
			r.options.Extra = func(*runbooks.Program, string) (int, string) { return n, "" }
		})
		id := r.start()
		r.view(id, func(i *engine.Incident) {
			got := 0
			if x := i.Runs[0].Extra; x != nil {
				got = x.Approvers
			}
			if got != want {
				t.Errorf("of %d become %d, want %d", n, got, want)
			}
		})
	}
}
