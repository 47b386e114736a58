package timeline_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/mem"
	"github.com/firebreak-ir/firebreak/engine/record"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// keptLog is a log with the facts of an incident among those of others.
type keptLog struct {
	*mem.Log
	key string
}

func keep(t testing.TB, c *core) *keptLog {
	t.Helper()
	signer, err := journal.SignerFromSeed("firebreak/acme", [32]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	log, err := mem.New(mem.Options{Org: "acme", Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	k := &keptLog{log, signer.Verifier()}
	for n, e := range c.facts {
		if n%3 == 0 {
			k.append(t, "INC-99", engine.Event{At: e.At, Actor: alice, Body: engine.Noted{Text: fmt.Sprint("elsewhere ", n)}})
		}
		k.append(t, c.inc.ID, e)
	}
	return k
}

func (k *keptLog) append(t testing.TB, stream string, e engine.Event) int64 {
	t.Helper()
	b, err := record.Batch(stream, -1, []engine.Event{e}, "")
	if err != nil {
		t.Fatal(err)
	}
	done, err := k.Append(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return done.First
}

func (k *keptLog) events(t testing.TB, stream string) timeline.Source {
	return func() iter.Seq2[engine.Event, error] { return record.Read(t.Context(), k, stream) }
}

// bundle exports the incident as the program does: first it is written down.
func (k *keptLog) bundle(t testing.TB, c *core, o timeline.Options) []byte {
	t.Helper()
	made := engine.ExportMade{Format: "bundle", First: -1}
	sum := sha256.New()
	for e, err := range k.events(t, c.inc.ID)() {
		if err != nil {
			t.Fatal(err)
		}
		if made.First < 0 {
			made.First = e.Seq
		}
		made.Last = e.Seq
		data, _, err := engine.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		sum.Write(data)
	}
	made.SHA256 = hex.EncodeToString(sum.Sum(nil))
	last := k.append(t, c.inc.ID, engine.Event{At: c.now.Add(time.Second), Actor: alice, Body: made})
	return k.tar(t, c.inc.ID, last, o)
}

func (k *keptLog) tar(t testing.TB, incident string, last int64, o timeline.Options) []byte {
	t.Helper()
	var err error
	if o.Head, err = k.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.append(t, "INC-99", engine.Event{At: noon, Actor: alice, Body: engine.Noted{Text: "the log goes on"}})
	r, err := timeline.Open(func() iter.Seq2[engine.Event, error] { return timeline.UpTo(k.events(t, incident)(), last) })
	if err != nil {
		t.Fatal(err)
	}
	if o.Proofs, err = timeline.ProofsOf(t.Context(), k, incident, last, o.Head); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Write(&b, "bundle", o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func verify(t testing.TB, data []byte, o timeline.BundleOptions) timeline.BundleReport {
	t.Helper()
	r, err := timeline.VerifyBundle(t.Context(), bytes.NewReader(data), int64(len(data)), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// files reads a tar, and pack writes one as bundles are written.
func files(t testing.TB, data []byte) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	in := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := in.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if out[h.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
	}
}

func pack(t testing.TB, of map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	out := tar.NewWriter(&b)
	var names []string
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(of[name])), Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(of[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// forged is a bundle with other files and a manifest that fits them, as
// somebody without the signing key can make it.
func forged(t testing.TB, data []byte, change func(of map[string][]byte, manifest map[string]any)) []byte {
	t.Helper()
	of := files(t, data)
	var m map[string]any
	in := json.NewDecoder(bytes.NewReader(of["manifest.json"]))
	in.UseNumber()
	if err := in.Decode(&m); err != nil {
		t.Fatal(err)
	}
	change(of, m)
	of["manifest.json"] = timeline.SealManifest(t, m, of)
	return pack(t, of)
}

func TestBundle(t *testing.T) {
	c := leaked(t)
	k := keep(t, c)
	data := k.bundle(t, c, timeline.Options{Version: "v1"})
	r := verify(t, data, timeline.BundleOptions{Key: k.key, Version: "v1"})
	if r.ExitCode() != 3 || len(r.Findings) != 1 || r.Records != int64(len(c.facts)+1) || r.Shown != r.Records {
		t.Fatalf("got %+v, want all of it proven and no anchor", r)
	}
	head, err := journal.OpenCheckpoint(files(t, data)["checkpoint"], k.key)
	if err != nil {
		t.Fatal(err)
	}
	if r := verify(t, data, timeline.BundleOptions{Key: k.key, Version: "v1", Anchors: []journal.Checkpoint{head}}); r.ExitCode() != 0 {
		t.Errorf("with an anchor: got %+v", r)
	}
	other := head
	other.Note, other.Root = nil, [32]byte{1}
	if r := verify(t, data, timeline.BundleOptions{Key: k.key, Version: "v1", Anchors: []journal.Checkpoint{other}}); r.ExitCode() != 21 {
		t.Errorf("with an anchor of another history: got %d, want 21", r.ExitCode())
	}
	if _, err := timeline.VerifyBundle(t.Context(), bytes.NewReader(data), int64(len(data)), timeline.BundleOptions{Key: "no key"}); err == nil {
		t.Error("it is verified without a key")
	}
	var names []string
	for name := range files(t, data) {
		names = append(names, name)
	}
	slices.Sort(names)
	want := "VERIFY.txt checkpoint evidence/index.json manifest.json plan/run-1.json proofs/inclusion.jsonl records.jsonl timeline.html timeline.json timeline.md"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got files %s, want %s", got, want)
	}
}

// An effect in doubt is true and complete, and somebody has to look.
func TestBundleOfWhatIsOpen(t *testing.T) {
	c := leaked(t)
	n := slices.IndexFunc(c.facts, func(e engine.Event) bool {
		b, ok := e.Body.(engine.EffectOutcome)
		return ok && e.Step == "disable" && b.Attempt == 1
	})
	c.facts = c.facts[:n]
	k := keep(t, c)
	if r := verify(t, k.bundle(t, c, timeline.Options{}), timeline.BundleOptions{Key: k.key}); r.ExitCode() != 4 {
		t.Errorf("got %+v, want exit code 4", r)
	}
}

// An export that says that it covers something else is no proof, even when the
// key has signed it.
func TestWhatTheExportCovers(t *testing.T) {
	c := leaked(t)
	for _, tt := range []struct {
		name string
		made engine.ExportMade
		want string
	}{
		{"another digest", engine.ExportMade{Format: "bundle", SHA256: digest1, First: 1, Last: 5}, "with another digest"},
		{"another end", engine.ExportMade{Format: "bundle", SHA256: digest1, First: 1, Last: 4000}, "with another digest"},
		{"another beginning", engine.ExportMade{Format: "bundle", SHA256: digest1, First: 3, Last: 5}, "the bundle begins at 1"},
		{"another form", engine.ExportMade{Format: "md", SHA256: digest1, First: 1, Last: 5}, "does not say that this bundle was made"},
	} {
		k := keep(t, c)
		last := k.append(t, c.inc.ID, engine.Event{At: c.now.Add(time.Second), Actor: alice, Body: tt.made})
		r := verify(t, k.tar(t, c.inc.ID, last, timeline.Options{}), timeline.BundleOptions{Key: k.key})
		if r.ExitCode() != 20 || !strings.Contains(r.Findings[0].What, tt.want) {
			t.Errorf("%s: got %+v, want %q", tt.name, r.Findings, tt.want)
		}
	}
}

// A record with a nonce of whoever asked, or with attachments, is not shown
// below full, whatever its fact says.
func TestNoncesStayInside(t *testing.T) {
	c := leaked(t)
	k := keep(t, c)
	data, _, err := engine.Encode(engine.Event{At: c.now, Actor: engine.TheEngine, Body: engine.ClockAnomaly{BackMillis: 5}})
	if err != nil {
		t.Fatal(err)
	}
	record, err := journal.Canonical(json.RawMessage(data))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Append(t.Context(), journal.Batch{Stream: c.inc.ID, Expect: -1, Records: []journal.Record{{Data: record, Nonce: "slack/U0SECRET"}}}); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(k.bundle(t, c, timeline.Options{Redact: timeline.External}), []byte("U0SECRET")) {
		t.Error("the bundle for others holds the nonce of a request")
	}
}

func TestBundleBelowFull(t *testing.T) {
	for _, level := range []timeline.Level{timeline.Internal, timeline.External} {
		c := leaked(t)
		k := keep(t, c)
		data := k.bundle(t, c, timeline.Options{Redact: level})
		r := verify(t, data, timeline.BundleOptions{Key: k.key})
		if r.ExitCode() != 3 || r.Records != int64(len(c.facts)+1) || r.Shown == 0 || r.Shown == r.Records {
			t.Errorf("%s: got %+v, want all of it proven and some of it shown", level, r)
		}
		if !strings.Contains(strings.Join(r.NotProven, "\n"), "not shown") {
			t.Errorf("%s: it is not said what is not proven: %v", level, r.NotProven)
		}
		if level == timeline.External {
			for _, secret := range []string{"alice", "svc-deploy", "AKIAEXAMPLE", "111122223333", "slack:T01", "seen in"} {
				if bytes.Contains(data, []byte(secret)) {
					t.Errorf("%s holds %q", level, secret)
				}
			}
		}
	}
}

// Whatever byte of a bundle is another, it is seen.
func TestEveryByteOfABundle(t *testing.T) {
	c := leaked(t)
	k := keep(t, c)
	data := k.bundle(t, c, timeline.Options{})
	for at := 0; at < len(data); at += 1 + len(data)/700 {
		for _, bit := range []byte{1, 0x20, 0x80} {
			bad := bytes.Clone(data)
			bad[at] ^= bit
			if r := verify(t, bad, timeline.BundleOptions{Key: k.key}); r.ExitCode() != 10 && r.ExitCode() != 20 {
				t.Fatalf("byte %d with bit %#x: got %+v", at, bit, r)
			}
		}
	}
	for _, n := range []int{0, 1, 511, 512, 1024, len(data) / 2, len(data) - 1024, len(data) - 1} {
		if r := verify(t, data[:n], timeline.BundleOptions{Key: k.key}); r.ExitCode() != 10 {
			t.Errorf("cut off after %d bytes: got %+v, want damaged", n, r)
		}
	}
	if r := verify(t, append(bytes.Clone(data), 0), timeline.BundleOptions{Key: k.key}); r.ExitCode() != 20 {
		t.Errorf("with a byte more: got %+v", r)
	}
}
