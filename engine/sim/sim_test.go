package sim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// book compiles a runbook of one step, or of more.
func book(t testing.TB, steps string) *runbooks.Program {
	t.Helper()
	src := "apiVersion: firebreak/v1\nkind: Runbook\nid: made\ntitle: Made up\nowner: {team: t, contact: \"#t\", escalate: group:leads}\nsteps:\n" + steps
	p, found := runbooks.Load("made.yaml", []byte(src), runbookstest.Catalog())
	if p == nil {
		t.Fatal(found)
	}
	return p
}

func person(id string, groups ...string) engine.Actor {
	return engine.Actor{Type: engine.Person, ID: id, Via: "sim", Groups: groups}
}

const (
	signal = `  - id: signal
    uses: test.signal
    with: {target: h, token: secret://env/T}
    verify: {within: 30s}
    timeout: 30s
`
	once = `  - id: once
    uses: test.once
    with: {target: h}
    timeout: 30s
`
	tell = `  - id: tell
    uses: slack.post
    with: {text: x}
    timeout: 30s
`
	lookup = `  - id: lookup
    uses: test.collect
    with: {target: h}
    timeout: 30s
`
)

var (
	signalled = sim.Answer{Outputs: json.RawMessage(`{"target":"h"}`)}
	posted    = sim.Answer{Outputs: json.RawMessage(`{"channel":"C","ts":"1"}`)}
)

func with(a sim.Answer, change func(*sim.Answer)) sim.Answer {
	change(&a)
	return a
}

// play tells a story of one step.
func play(t testing.TB, steps, id string, answers []sim.Answer, acts ...sim.Act) (*sim.Story, *engine.Step) {
	t.Helper()
	story, err := sim.Play(t.Context(), sim.Setup{
		Program: book(t, steps), Requester: person("ann", "leads"), Environment: runbooks.EnvironmentFacts{Name: "test"},
		World: &sim.Script{Steps: map[string][]sim.Answer{id: answers}}, People: &sim.Cast{Acts: acts},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(story.Findings) > 0 {
		t.Errorf("the audit finds %q", story.Findings)
	}
	run, _ := story.Incident.Run("")
	step, ok := run.Step(id)
	if !ok {
		t.Fatalf("no step %q", id)
	}
	replays(t, story)
	return story, step
}

// replays makes sure that the facts alone give the same incident.
func replays(t testing.TB, story *sim.Story) {
	t.Helper()
	again := engine.NewIncident()
	for _, e := range story.Events {
		data, _, err := engine.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind() == (engine.RunStarted{}).Kind() {
			if err := again.Apply(e); err != nil {
				t.Fatal(err)
			}
			continue // the program may be an attachment
		}
		read, err := engine.Decode(data, func(string) ([]byte, error) { return nil, errors.New("no attachments") })
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if err := again.Apply(read); err != nil {
			t.Fatalf("the facts do not follow: %v", err)
		}
	}
	if a, b := states(again), states(story.Incident); a != b {
		t.Errorf("replayed: %s\ntold: %s", a, b)
	}
}

func states(i *engine.Incident) string {
	var b strings.Builder
	for _, r := range i.Runs {
		fmt.Fprintf(&b, "%s %s %q;", r.ID, r.Status, r.Reason)
		for _, s := range r.Steps {
			fmt.Fprintf(&b, " %s=%s %q %d;", s.ID, s.Status, s.Why, len(s.Attempts))
		}
	}
	return b.String()
}

// find gives the first fact of a kind, and its place in time.
func find[B engine.Body](t testing.TB, story *sim.Story) (B, time.Duration) {
	t.Helper()
	for _, e := range story.Events {
		if b, ok := e.Body.(B); ok {
			return b, e.At.Sub(story.Began).Round(time.Millisecond)
		}
	}
	var none B
	t.Fatalf("there is no %T", none)
	return none, 0
}

func count[B engine.Body](story *sim.Story) int {
	n := 0
	for _, e := range story.Events {
		if _, ok := e.Body.(B); ok {
			n++
		}
	}
	return n
}

func TestProof(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answer  sim.Answer
		want    engine.StepStatus
		verdict actions.Verdict
		at      time.Duration // of the proof, from the start
	}{
		// read 0.2 s, effect 1 s, then two readings that agree over the settle time of 5 s
		{"at once", signalled, engine.StepDone, actions.Verified, 7700 * time.Millisecond},
		{"late", with(signalled, func(a *sim.Answer) { a.ProvenIn = 10 * time.Second }), engine.StepDone, actions.Verified, 18700 * time.Millisecond},
		{"never", with(signalled, func(a *sim.Answer) { a.Lies = true }), engine.StepFailed, actions.NotVerified, 31400 * time.Millisecond},
		{"unreadable", with(signalled, func(a *sim.Answer) { a.Unreadable = true }), engine.StepFailed, actions.CannotVerify, 31400 * time.Millisecond},
		{"too late to be believed", with(signalled, func(a *sim.Answer) { a.ProvenIn = 29 * time.Second }), engine.StepFailed, actions.Pending, 31400 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			story, step := play(t, signal, "signal", []sim.Answer{tt.answer})
			proof, at := find[engine.EffectVerified](t, story)
			if step.Status != tt.want || proof.Reading.Verdict != tt.verdict || at != tt.at {
				t.Errorf("%s, %s after %s (%d readings); want %s, %s after %s", step.Status, proof.Reading.Verdict, at, proof.Readings, tt.want, tt.verdict, tt.at)
			}
		})
	}
}

// One reading is no proof, even where nothing has to settle.
func TestTwoReadings(t *testing.T) {
	story, _ := play(t, "  - id: end\n    uses: test.terminate\n    with: {target: h}\n    verify: {within: 30s}\n", "end", []sim.Answer{signalled})
	if proof, at := find[engine.EffectVerified](t, story); proof.Readings != 2 || at != 1700*time.Millisecond {
		t.Errorf("%d readings, %s", proof.Readings, at)
	}
}

// An effect that is slower than its limit, and the grace after it, is unknown.
// Its answer is kept when it comes.
func TestTimeLimit(t *testing.T) {
	slow := func(d time.Duration) []sim.Answer {
		return []sim.Answer{{Outputs: json.RawMessage(`{"target":"h"}`), Takes: d}}
	}
	t.Run("in time", func(t *testing.T) {
		story, step := play(t, once, "once", slow(34*time.Second))
		if step.Status != engine.StepDone || count[engine.EffectInDoubt](story) > 0 {
			t.Errorf("%s (%s)", step.Status, step.Why)
		}
	})
	t.Run("late", func(t *testing.T) {
		story, step := play(t, once, "once", slow(40*time.Second))
		outcome, at := find[engine.EffectOutcome](t, story)
		_, late := find[engine.EffectLate](t, story)
		if step.Held != engine.HeldDoubt || outcome.Failure == nil || outcome.Failure.Class != actions.Unknown || at != 35200*time.Millisecond || late != 40200*time.Millisecond {
			t.Errorf("%s, %+v after %s, late after %s", step.Status, outcome.Failure, at, late)
		}
	})
	t.Run("never", func(t *testing.T) {
		story, step := play(t, once, "once", []sim.Answer{{Never: true}})
		if step.Held != engine.HeldDoubt || count[engine.EffectLate](story) > 0 || len(story.Open) != 1 {
			t.Errorf("%s, open: %q", step.Status, story.Open)
		}
	})
	t.Run("a reading", func(t *testing.T) {
		story, step := play(t, lookup, "lookup", []sim.Answer{{Never: true}})
		if step.Status != engine.StepFailed || count[engine.EffectInDoubt](story) > 0 {
			t.Errorf("a read is never in doubt: %s (%s)", step.Status, step.Why)
		}
	})
}

// What becomes of an attempt whose answer was lost.
func TestDoubt(t *testing.T) {
	lost := func(found actions.Found) sim.Answer {
		return with(posted, func(a *sim.Answer) { a.Unknown, a.Found = true, found })
	}
	for _, tt := range []struct {
		name     string
		steps    string
		id       string
		answers  []sim.Answer
		acts     []sim.Act
		want     engine.StepStatus
		attempts int
	}{
		{"found", tell, "tell", []sim.Answer{lost(actions.Applied)}, nil, engine.StepDone, 1},
		{"not found, then tried again", tell, "tell", []sim.Answer{lost(actions.NotApplied), posted}, nil, engine.StepDone, 2},
		{"nobody knows", tell, "tell", []sim.Answer{lost(actions.FoundUnknown)}, nil, engine.StepOnHold, 1},
		{"a person knows that it worked", once, "once", []sim.Answer{{Unknown: true}}, []sim.Act{{Verb: sim.Applied, Step: "once", By: person("bob")}}, engine.StepDone, 1},
		{"a person knows that it did not", once, "once", []sim.Answer{{Unknown: true}}, []sim.Act{{Verb: sim.NotApplied, Step: "once", By: person("bob")}}, engine.StepFailed, 1},
		{"a person lets it be tried again", once, "once", []sim.Answer{{Unknown: true}, signalled}, []sim.Act{{Verb: sim.Retry, Step: "once", By: person("bob"), Confirm: true}}, engine.StepDone, 2},
		{"it may be repeated", signal, "signal", []sim.Answer{{Unknown: true}, signalled}, nil, engine.StepDone, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.steps == "" {
				tt.steps = tell
			}
			_, step := play(t, tt.steps, tt.id, tt.answers, tt.acts...)
			if step.Status != tt.want || len(step.Attempts) != tt.attempts {
				t.Errorf("%s (%s) after %d attempts, want %s after %d", step.Status, step.Why, len(step.Attempts), tt.want, tt.attempts)
			}
		})
	}
}

// A word about a doubt waits for one.
func TestNoDoubt(t *testing.T) {
	for _, verb := range []sim.Verb{sim.Applied, sim.NotApplied} {
		story, step := play(t, once+"    on_failure: ask\n", "once", []sim.Answer{{Fails: &engine.Failure{Class: actions.Denied, Message: "no"}}}, sim.Act{Verb: verb, Step: "once", By: person("bob")})
		if step.Held != engine.HeldFailed || count[engine.Refused](story) > 0 {
			t.Errorf("%s: %s, %d refused", verb, step.Status, count[engine.Refused](story))
		}
	}
}

// The plan that was approved is read again before the effect.
func TestPlans(t *testing.T) {
	approval := "    approval: {from: [group:leads]}\n"
	at, moved := []actions.Target{{Type: "host", ID: "h"}}, []actions.Target{{Type: "host", ID: "i"}}
	yes := sim.Act{Verb: sim.Approve, Step: "once", By: person("bob", "leads"), Each: true}
	t.Run("it moved", func(t *testing.T) {
		story, step := play(t, once+approval, "once", []sim.Answer{with(signalled, func(a *sim.Answer) { a.Readings = []sim.Sight{{Targets: at}, {Targets: moved}} })}, yes)
		if step.Status != engine.StepDone || count[engine.ApprovalRequested](story) != 2 {
			t.Errorf("%s, asked %d times", step.Status, count[engine.ApprovalRequested](story))
		}
	})
	t.Run("it cannot be read", func(t *testing.T) {
		story, step := play(t, once+approval, "once", []sim.Answer{{Readings: []sim.Sight{{Fails: &engine.Failure{Class: actions.Denied, Message: "no"}}}}}, yes)
		if step.Status != engine.StepFailed || count[engine.EffectIntent](story) > 0 {
			t.Errorf("%s (%s)", step.Status, step.Why)
		}
	})
	t.Run("it can be read later", func(t *testing.T) {
		story, step := play(t, once+approval, "once", []sim.Answer{with(signalled, func(a *sim.Answer) {
			slow := sim.Sight{Fails: &engine.Failure{Class: actions.Throttled, Message: "slow"}}
			a.Readings = []sim.Sight{slow, slow, {Targets: at}}
		})}, yes)
		if step.Status != engine.StepDone || count[engine.PlanFailed](story) != 2 {
			t.Errorf("%s (%s)", step.Status, step.Why)
		}
	})
	t.Run("nobody answers", func(t *testing.T) {
		story, step := play(t, once+approval, "once", []sim.Answer{signalled})
		if step.Status != engine.StepRefused || story.Took() < 15*time.Minute || story.Took() > 16*time.Minute {
			t.Errorf("%s after %s", step.Status, story.Took())
		}
	})
}

// Where a yes has to be signed it is, and without a signature it does not count.
func TestSignature(t *testing.T) {
	approval := "    approval: {from: [group:leads], step_up: true}\n"
	bob := sim.Act{Verb: sim.Approve, Step: "once", By: person("bob", "leads")}
	if story, step := play(t, once+approval, "once", []sim.Answer{signalled}, bob); step.Status != engine.StepDone {
		t.Errorf("%s (%s), %d refused", step.Status, step.Why, count[engine.Refused](story))
	}
	bob.Bare = true
	if story, step := play(t, once+approval, "once", []sim.Answer{signalled}, bob); step.Status != engine.StepRefused || count[engine.Refused](story) != 1 {
		t.Errorf("%s (%s)", step.Status, step.Why)
	}
}

// A refusal is a fact, and the person hears of it.
func TestRefusal(t *testing.T) {
	cast := &sim.Cast{Acts: []sim.Act{{Verb: sim.Approve, Step: "once", By: person("ann", "leads")}}}
	story, err := sim.Play(t.Context(), sim.Setup{
		Program: book(t, once+"    approval: {from: [group:leads]}\n"), Requester: person("ann", "leads"),
		World: &sim.Script{Steps: map[string][]sim.Answer{"once": {signalled}}}, People: cast,
	})
	if err != nil {
		t.Fatal(err)
	}
	did := cast.Happened()
	if len(did) != 1 || did[0].Refusal == nil || did[0].Refusal.Code != engine.SelfApproval || count[engine.Refused](story) != 1 {
		t.Errorf("did %+v", did)
	}
}

// A story that cannot go on says why, and is there as far as it came.
func TestErrors(t *testing.T) {
	setup := func(steps string) sim.Setup {
		return sim.Setup{Program: book(t, steps), Requester: person("ann"), World: &sim.Script{}}
	}
	t.Run("missing", func(t *testing.T) {
		story, err := sim.Play(t.Context(), setup(once))
		missing, ok := errors.AsType[*sim.Missing](err)
		if !ok || missing.Step != "once" || missing.Action != "test.once" || story == nil || len(story.Events) < 3 {
			t.Errorf("%v", err)
		}
	})
	t.Run("limit", func(t *testing.T) {
		s := setup("  - id: w\n    wait: 20h\n")
		s.Limit = time.Hour
		story, err := sim.Play(t.Context(), s)
		limit, ok := errors.AsType[*sim.LimitError](err)
		if !ok || !strings.Contains(limit.Error(), "the timer wait") || story.Took() > time.Hour {
			t.Errorf("%v", err)
		}
	})
}

// Whatever happens, the core keeps its promises, the facts can be replayed, and
// the same seed tells the same story.
func TestSeeded(t *testing.T) {
	folder := "../cases/testdata/ok"
	catalog := runbookstest.Catalog()
	var files []runbooks.File
	for _, name := range []string{"constructs.yaml", "child.yaml"} {
		src, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, runbooks.File{Name: name, Src: src})
	}
	programs, found := runbooks.LoadAll(files, catalog)
	if len(programs) != 2 {
		t.Fatal(found)
	}
	pinned, err := sim.Pin(programs[0])
	if err != nil {
		t.Fatal(err)
	}
	tell := func(seed uint64, pinned *sim.Pinned) *sim.Story {
		inputs, problems := programs[0].CheckInputs(map[string]any{"strict": seed%2 == 0})
		if problems != nil {
			t.Fatal(problems)
		}
		var acts []sim.Act
		for _, id := range []string{"signal", "child.signal", "kill", "kill~undo", "signal~undo"} {
			for _, who := range []string{"bob", "cat"} {
				acts = append(acts, sim.Act{Verb: sim.Approve, Step: id, By: person(who, "leads"), After: time.Duration(len(who)+len(id)) * 10 * time.Second, Each: true})
			}
		}
		acts = append(acts, sim.Act{Verb: sim.AnswerStep, Step: "look", By: person("bob"), With: "nothing"},
			sim.Act{Verb: sim.Applied, Step: "kill", By: person("bob")}, sim.Act{Verb: sim.Retry, Step: "signal", By: person("bob"), Confirm: true},
			sim.Act{Verb: sim.Lift, Step: "signal", By: person("ann", "leads")}, sim.Act{Verb: sim.Skip, Step: "child", By: person("ann"), Reason: "x", After: time.Hour})
		if seed%5 == 0 {
			at := time.Duration(seed) * 10 * time.Second
			acts = append(acts, sim.Act{Verb: sim.Cancel, By: person("ann"), At: &at, Reason: "enough"})
		}
		story, err := sim.Play(t.Context(), sim.Setup{
			Program: programs[0], Pinned: pinned, Inputs: inputs, Requester: person("ann", "leads"), Environment: runbooks.EnvironmentFacts{Name: "test"},
			World: &sim.Seeded{Seed: seed, Spec: catalog.Spec, Trouble: int(seed % 40)}, People: &sim.Cast{Acts: acts},
		})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		return story
	}
	ends := map[engine.RunStatus]int{}
	for seed := range uint64(100) {
		story := tell(seed, pinned)
		if len(story.Findings) > 0 {
			t.Errorf("seed %d: %q", seed, story.Findings)
		}
		replays(t, story)
		run, _ := story.Incident.Run("")
		ends[run.Status]++
		if seed%25 == 0 {
			if diff := cmp.Diff(encoded(t, story), encoded(t, tell(seed, nil))); diff != "" {
				t.Errorf("seed %d tells two stories:\n%s", seed, diff)
			}
		}
	}
	for _, status := range []engine.RunStatus{engine.RunDone, engine.RunFailed, engine.RunRefused, engine.RunCancelled} {
		if ends[status] == 0 {
			t.Errorf("no story ends %s: %v", status, ends)
		}
	}
}

func encoded(t testing.TB, story *sim.Story) []string {
	t.Helper()
	var list []string
	for _, e := range story.Events {
		data, _, err := engine.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(data))
	}
	return list
}
