package host_test

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/host"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
)

func openBolt(t testing.TB, path string) *bolt.Log {
	t.Helper()
	signer, err := journal.SignerFromSeed("firebreak/acme", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	l, err := bolt.Open(path, bolt.Options{Signer: signer, Org: "acme", ID: strings.Repeat("ab", 16), InitialMmapSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// The same on the real store: the whole way, a crash in the middle of an
// effect, an orderly end, and a file that proves itself.
func TestOnTheRealStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.probe, approval: {from: [group:leads], quorum: 2}}\n  - {id: b, uses: t.once}\n")
		store := openBolt(t, path)
		reopen := func() {
			t.Helper()
			r.options.Journal = store
			h, err := host.Open(t.Context(), r.options)
			if err != nil {
				t.Fatal(err)
			}
			r.host = h
		}
		host.Kill(r.host)
		reopen()
		r.world.plan("execute", "a", turn{hang: true})
		id := r.start()
		r.reach(id, "a", engine.StepAwaiting)
		r.approve("bob", id, "a")
		r.approve("carol", id, "a")
		r.until("the effect", func() bool { return r.world.count("execute", "a") == 1 })
		host.Kill(r.host)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		store = openBolt(t, path)
		reopen()
		r.reach(id, "b", engine.StepDone)
		if n := r.world.landed("a"); n != 1 {
			t.Errorf("%d effects", n)
		}
		for _, e := range r.events(id) {
			if o, ok := e.Body.(engine.EffectOutcome); ok && o.Epoch != store.Epoch() {
				t.Errorf("outcome of epoch %d, the store is at %d", o.Epoch, store.Epoch())
			}
		}
		r.audit(id)
		r.must("alice", id, "", engine.Resolved{})
		size, root, err := r.host.Head(t.Context(), "")
		if err != nil || len(root) != 12 {
			t.Errorf("head: %d %q %v", size, root, err)
		}
		r.host.Close(t.Context())
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
		report, err := bolt.Verify(t.Context(), path, bolt.VerifyOptions{Key: store.Verifier()})
		if err != nil || report.ExitCode() != bolt.ExitUnanchored {
			t.Errorf("verify: %+v %v", report, err)
		}
	})
}
