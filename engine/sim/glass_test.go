package sim_test

import (
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// broken tells a story of a step whose glass can be broken.
func broken(t testing.TB, steps, id string, answers []sim.Answer, acts ...sim.Act) (*sim.Story, *engine.Step, *sim.Cast) {
	t.Helper()
	cast := &sim.Cast{Acts: acts}
	story, err := sim.Play(t.Context(), sim.Setup{
		Program: book(t, steps), Requester: person("ann", "leads"), Environment: runbooks.EnvironmentFacts{Name: "test"},
		World: &sim.Script{Steps: map[string][]sim.Answer{id: answers}}, People: cast,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(story.Findings) > 0 {
		t.Errorf("the audit finds %q", story.Findings)
	}
	replays(t, story)
	run, _ := story.Incident.Run("")
	step, ok := run.Step(id)
	if !ok {
		t.Fatalf("no step %q", id)
	}
	return story, step, cast
}

// twoLeads is an approval by two leads, without whom one of the commanders can go on.
const twoLeads = "    approval: {from: [group:leads], quorum: 2, break_glass: {by: [group:commanders], review: [group:ciso], within: 24h}}\n"

// One person breaks the glass with a signature and the first target typed out,
// and somebody else reviews it.
func TestGlass(t *testing.T) {
	carol := sim.Act{Verb: sim.BreakGlass, Step: "once", By: person("carol", "commanders"), After: 2 * time.Minute, Reason: "nobody answers"}
	frank := sim.Act{Verb: sim.Review, Step: "once", By: person("frank", "ciso"), After: 2 * time.Hour, With: sim.Unjustified, Reason: "bob could be reached"}
	hosts := with(signalled, func(a *sim.Answer) {
		a.Targets = []actions.Target{{Type: "host", ID: "h1"}, {Type: "host", ID: "h2"}}
	})
	story, step, _ := broken(t, once+twoLeads, "once", []sim.Answer{hosts}, carol, frank)
	if step.Status != engine.StepDone || len(step.Glasses()) != 1 || count[engine.Refused](story) != 0 {
		t.Fatalf("%s (%s), %d glasses, %d refused", step.Status, step.Why, len(step.Glasses()), count[engine.Refused](story))
	}
	g := step.Glasses()[0]
	if g.Broken.Target != "h1" || g.Broken.Reason != "nobody answers" || g.Key == "" || g.By.ID != "carol" {
		t.Errorf("broken: %+v, key %q, by %s", g.Broken, g.Key, g.By.ID)
	}
	if g.Review == nil || g.Review.Justified || g.Review.Text != "bob could be reached" || g.Reviewer.ID != "frank" || g.ReviewedAt.Sub(g.At).Round(time.Second) != 2*time.Hour {
		t.Errorf("review: %+v by %s after %s", g.Review, g.Reviewer.ID, g.ReviewedAt.Sub(g.At))
	}
	if _, at := find[engine.GlassBroken](t, story); at.Round(time.Second) != 2*time.Minute {
		t.Errorf("broken after %s", at)
	}

	frank.With, frank.Reason, carol.Bare = sim.Justified, "", true // a glass is never broken without a signature
	_, step, _ = broken(t, once+twoLeads, "once", []sim.Answer{signalled}, carol, frank)
	if g := step.Glasses(); len(g) != 1 || g[0].Broken.Target != "once" || g[0].Review == nil || !g[0].Review.Justified || g[0].Review.Text != sim.DefaultFinding {
		t.Errorf("%+v", g)
	}
}

// Nobody reviews: the story ends all the same, when the time for it is over.
func TestGlassNotReviewed(t *testing.T) {
	carol := sim.Act{Verb: sim.BreakGlass, Step: "once", By: person("carol", "commanders"), Reason: "nobody answers"}
	story, _, _ := broken(t, once+twoLeads, "once", []sim.Answer{signalled}, carol)
	if list := story.Incident.Unreviewed(); len(list) != 1 || !list[0].Overdue() || story.Took().Round(time.Minute) != 24*time.Hour+time.Minute {
		t.Errorf("%d not reviewed after %s", len(list), story.Took())
	}
}

// Who may not is refused, and the story goes on.
func TestGlassRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		acts []sim.Act
		want engine.Code
	}{
		{"no commander", []sim.Act{{Verb: sim.BreakGlass, Step: "once", By: person("bob", "leads"), Reason: "x"}}, engine.NoBreakGlass},
		{"own review", []sim.Act{
			{Verb: sim.BreakGlass, Step: "once", By: person("carol", "commanders", "ciso"), Reason: "x"},
			{Verb: sim.Review, Step: "once", By: person("carol", "commanders", "ciso"), With: sim.Justified},
		}, engine.SelfApproval},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, cast := broken(t, once+twoLeads, "once", []sim.Answer{signalled}, tt.acts...)
			did := cast.Happened()
			if len(did) != len(tt.acts) || did[len(did)-1].Refusal == nil || did[len(did)-1].Refusal.Code != tt.want {
				t.Errorf("did %+v", did)
			}
		})
	}
}

// The review of a glass hides no other question about its step, and is none for
// those who retry, skip, lift or keep.
func TestReviewIsAQuestionOfItsOwn(t *testing.T) {
	carol := sim.Act{Verb: sim.BreakGlass, Step: "once", By: person("carol", "commanders"), Reason: "nobody answers"}
	ask := once + twoLeads + "    on_failure: ask\n"
	denied := with(signalled, func(a *sim.Answer) { a.Outputs, a.Fails = nil, &engine.Failure{Class: actions.Denied, Message: "no"} })

	skip := sim.Act{Verb: sim.Skip, Step: "once", By: person("ann", "leads"), After: time.Hour, Reason: "x"}
	story, step, _ := broken(t, ask, "once", []sim.Answer{denied}, carol, skip)
	if _, at := find[engine.SkipRequested](t, story); step.Status != engine.StepSkipped || at.Round(time.Minute) != 61*time.Minute {
		t.Errorf("%s, skipped after %s", step.Status, at)
	}
	// The step is done, so that nothing but the review is open.
	_, _, cast := broken(t, ask, "once", []sim.Answer{signalled}, carol,
		sim.Act{Verb: sim.Skip, Step: "once", By: person("ann", "leads"), After: time.Hour, Reason: "x"},
		sim.Act{Verb: sim.Lift, Step: "once", By: person("ann", "leads"), After: time.Hour, Reason: "x"},
		sim.Act{Verb: sim.Keep, Step: "once", By: person("ann", "leads"), After: time.Hour, Reason: "x"},
		sim.Act{Verb: sim.Extend, Step: "once", By: person("ann", "leads"), After: time.Hour, Reason: "x", For: time.Hour},
	)
	if did := cast.Happened(); len(did) != 1 {
		t.Errorf("a review was taken for something to do: %+v", did[1:])
	}
}
