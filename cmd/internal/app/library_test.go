package app

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks/library"
)

// tale is the life of one ready runbook in a real world: played by the engine
// with approvals, held against what an independent client reads, and taken back
// by its release path.
type tale struct {
	id    string
	world func(t *testing.T, w *awstest.World) (inputs []string)
	cfg   func(t *testing.T, w *awstest.World, c *config.Config) // may be nil
	lines []string                                               // "bob: approve INC-1 quarantine", in order; "grace: !approve ..." is refused
	done  []string                                               // steps that have to be done and proven, or done where there is no proof
	after func(t *testing.T, w *awstest.World, state string)     // what has to be true in between
	undo  []string                                               // "bob: ..." lines that take it back
	adds  []string                                               // beginnings of lines of the state that stay: evidence, snapshots
}

// tales has one for each runbook of the library; a missing one is a failure.
func tales() []tale {
	return []tale{
		leakedAccessKeyTale(),
		compromisedInstanceTale(),
		exposedBucketTale(),
		compromisedEmployeeTale(),
		leakedSecretTale(),
		credentialRotationTale(),
	}
}

// TestLibraryEndToEnd plays every ready runbook against moto.
func TestLibraryEndToEnd(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	told := tales()
	for _, entry := range library.List() {
		if !slices.ContainsFunc(told, func(one tale) bool { return one.id == entry.ID }) {
			t.Errorf("nobody tells how %s runs in a real world; add a tale", entry.ID)
		}
	}
	for _, one := range told {
		t.Run(one.id, func(t *testing.T) { one.play(t, moto.World(t)) })
	}
}

func (one tale) play(t *testing.T, w *awstest.World) {
	inputs := one.world(t, w)
	before := w.Snapshot(t)
	cfg := house(t, w.Proxy.URL)
	cfg.Environments[0].Account, cfg.Environments[0].Region = w.Account, awstest.Region
	if one.cfg != nil {
		one.cfg(t, w, cfg)
	}
	a, err := Open(t.Context(), cfg, Options{Create: true, AWS: aws.Options{
		Credentials: aws.StaticCredentials(w.Credentials.AccessKeyID, actions.NewSecret(w.Credentials.SecretAccessKey)), MaxBackoff: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	tell := func(lines []string) {
		t.Helper()
		for _, line := range lines {
			who, text, _ := strings.Cut(line, ": ")
			if text, refused := strings.CutPrefix(text, "!"); refused {
				refuse(t, a, who, text)
				continue
			}
			say(t, a, who, text)
		}
	}
	tell([]string{`alice: declare "from the library" --sev 2`, "alice: run INC-1 " + one.id + " " + strings.Join(inputs, " ")})
	tell(one.lines)
	one.check(t, a)
	state := w.Snapshot(t)
	if state == before {
		t.Fatal("nothing was changed, so this shows nothing")
	}
	if one.after != nil {
		one.after(t, w, state)
	}
	tell(one.undo)
	if diff := cmp.Diff(one.without(before), one.without(w.Snapshot(t))); diff != "" {
		t.Errorf("the release path does not bring it back: before -, after +\n%s", diff)
	}
}

// check looks at the steps that have to be done, and proven where their action
// can prove itself.
func (one tale) check(t *testing.T, a *App) {
	t.Helper()
	err := a.Host.View(t.Context(), "INC-1", func(i *engine.Incident) {
		r, ok := i.Run("")
		if !ok {
			t.Fatal("no run was started")
		}
		for s := range r.All() {
			t.Logf("%s: %s %s", s.ID, s.Status, s.Why)
		}
		for _, id := range one.done {
			s, ok := r.Step(id)
			if !ok || s.Status != engine.StepDone || s.Reading != nil && s.Reading.Verdict != actions.Verified {
				t.Errorf("step %s is not done and proven: %+v", id, s)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// without is a state without what the runbook only adds to the record.
func (one tale) without(state string) []string {
	return slices.DeleteFunc(strings.Split(state, "\n"), func(line string) bool {
		return slices.ContainsFunc(one.adds, func(prefix string) bool { return strings.HasPrefix(strings.TrimSpace(line), prefix) })
	})
}
