package rehearsal_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// glassStep asks two leads, and lets one of the ciso's people go on alone.
const glassStep = `  - id: once
    uses: test.once
    with: {target: h}
    timeout: 30s
    approval: {from: [group:leads], quorum: 2, break_glass: {by: [group:ciso], review: [group:leads], within: 24h}}
    on_failure: ask
`

const glassScenario = `answers:
  once: {targets: ["host:a host"], outputs: {target: h}}
injects:
  - {id: i1, asked: once, delay: 30m, to: channel, say: Nobody answers.}
end: {max: 8h}
`

// The people of a script break the glass and review it: each line waits for its
// own question, and the signature is made up.
func TestScriptOfBrokenGlass(t *testing.T) {
	p := made(t, glassStep)
	s := short(t, p, glassScenario+`script:
  - {by: ann, at: 1m, type: run made}
  - {by: bob, asked: once, delay: 2m, type: 'break-glass once --target "a host" --reason "nobody answers"', refused: you are not among them}
  - {by: cat, asked: once, delay: 5m, type: 'break-glass once --target "another" --reason "nobody answers"', refused: is not what step}
  - {by: cat, asked: once, delay: 6m, type: 'break-glass once --target "a host" --reason "nobody answers"'}
  - {by: cat, asked: once, delay: 1h, type: 'justified once --reason "it was me"', refused: you broke it}
  - {by: bob, asked: once, delay: 2h, type: 'unjustified once --reason "bob was there"'}
`)
	out := played(t, p, s, memory(t))
	if len(out.Faults) > 0 {
		t.Errorf("%q", out.Faults)
	}
	lines := strings.Join(told(out.Events), "\n")
	for _, want := range []string{"7m0.187s cat   glass.broken once", "2h7m0.187s bob   glass.reviewed once false \"bob was there\"", "step.ended once done"} {
		if !strings.Contains(lines, want) {
			t.Errorf("there is no %q in\n%s", want, lines)
		}
	}
	// The step went on, so that for half an hour nobody was waited for.
	if strings.Contains(lines, "i1 to channel") {
		t.Errorf("a review was taken for a question that the step waits for:\n%s", lines)
	}
}

// The review of a glass is nothing to skip; a skip waits for what it is about.
func TestScriptSkipsNoReview(t *testing.T) {
	p := made(t, glassStep)
	s := short(t, p, glassScenario+`script:
  - {by: ann, at: 1m, type: run made}
  - {by: cat, asked: once, delay: 6m, type: 'break-glass once --target "a host" --reason "nobody answers"'}
  - {by: ann, asked: once, delay: 1h, type: skip once --reason "no"}
`)
	out := played(t, p, s, memory(t))
	if len(out.Unused) != 1 || out.Unused[0].By != "ann" {
		t.Errorf("unused: %+v\n%s", out.Unused, strings.Join(told(out.Events), "\n"))
	}
}

// While nothing but a review is open the exercise runs on at its pace, and
// conditions do not take it for a question about the step.
func TestReviewIsNotWaitedFor(t *testing.T) {
	p := made(t, glassStep+"  - id: nap\n    wait: 2h\n")
	s := short(t, p, strings.Replace(glassScenario, "injects:\n", "injects:\n  - {id: i2, when: steps.once.asked >= 2, to: channel, say: Again.}\n", 1)+`script:
  - {by: ann, at: 1m, type: run made}
  - {by: cat, asked: once, delay: 6m, type: 'break-glass once --target "a host" --reason "nobody answers"'}
`)
	out := played(t, p, s, memory(t))
	inc := engine.NewIncident()
	for n, e := range out.Events {
		if b, ok := e.Body.(engine.DrillStarted); ok {
			b.Pace = 30
			e.Body, out.Events[n].Body = b, b
		}
		if err := inc.Apply(e); err != nil {
			t.Fatal(err)
		}
		if _, ok := e.Body.(engine.WaitStarted); ok && rehearsal.Pace(inc) != 30 {
			t.Errorf("the pace is %d while only a review is open", rehearsal.Pace(inc))
		}
	}
	if len(inc.Glasses) != 1 || strings.Contains(strings.Join(told(out.Events), "\n"), "i2 to channel") {
		t.Errorf("%d glasses\n%s", len(inc.Glasses), strings.Join(told(out.Events), "\n"))
	}
}

// An incident in which a glass was broken can be played again as a scenario,
// and an exercise by its own lines; each takes the same course.
func TestBrokenGlassAgain(t *testing.T) {
	p := made(t, glassStep)
	target := actions.Target{Type: "host", ID: "canary-host", Account: "777788889999"}
	story, err := sim.Play(t.Context(), sim.Setup{
		Program: p, Requester: house("canary-ann", "leads"), Environment: runbooks.EnvironmentFacts{Name: "prod"},
		World: &sim.Script{Steps: map[string][]sim.Answer{"once": {{Targets: []actions.Target{target}, Outputs: raw(t, map[string]any{"target": "canary"})}}}},
		People: &sim.Cast{Acts: []sim.Act{
			{Verb: sim.BreakGlass, Step: "once", By: house("canary-cat", "ciso"), After: 4 * time.Minute, Reason: "canary reason"},
			{Verb: sim.Review, Step: "once", By: house("canary-bob", "leads"), After: 3 * time.Hour, With: sim.Justified, Reason: "canary finding"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := rehearsal.FromIncident(story.Events, "", runbookstest.Catalog())
	if err != nil {
		t.Fatal(err)
	}
	text := string(out.Text)
	if strings.Contains(text, "canary") || len(out.Notes) > 0 {
		t.Errorf("notes %q\n%s", out.Notes, text)
	}
	golden(t, "testdata/from_glass.yaml", text)
	again := played(t, p, scenario(t, p, text), memory(t))
	course := rehearsal.Course(story.Events)
	if diff := cmp.Diff(course, rehearsal.Course(again.Events)); diff != "" || len(again.Faults) > 0 {
		t.Errorf("it takes another course (+): %q\n%s\n%s", again.Faults, diff, text)
	}
	if !slices.Contains(course, "R1 once: the glass is broken") || !slices.Contains(course, "R1 once: the broken glass is justified") {
		t.Errorf("the course does not tell of it: %q", course)
	}

	third, err := rehearsal.FromDrill(again.Events, p, runbookstest.Catalog())
	if err != nil || len(third.Notes) > 0 {
		t.Fatal(err, third.Notes)
	}
	for _, want := range []string{`break-glass once --target `, `justified once --reason \"a reason\"`, `asked: once, delay: 3h`} {
		if !strings.Contains(string(third.Text), want) {
			t.Errorf("there is no %s in\n%s", want, third.Text)
		}
	}
	played := played(t, p, scenario(t, p, string(third.Text)), memory(t))
	if diff := cmp.Diff(course, rehearsal.Course(played.Events)); diff != "" || len(played.Faults) > 0 {
		t.Errorf("it takes another course (+): %q\n%s\n%s", played.Faults, diff, third.Text)
	}
}
