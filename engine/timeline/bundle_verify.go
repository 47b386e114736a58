package timeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/record"
)

// verifier reads one bundle and believes nothing in it but what leads to the
// signed head.
type verifier struct {
	*archive
	report   *BundleReport
	manifest manifest
	head     journal.Checkpoint
	readable bool // the manifest could be read

	first, last, final int64 // places of the facts; final is of the latest export of a bundle
	made               *engine.ExportMade
}

// VerifyBundle checks a bundle offline: the bytes of the tar, the digests of
// the manifest, the signature under the head, the proof of each record, the
// chain of the incident's records, the engine's rules over them, what the
// export says that it covers, and that the files for people are what the
// records say. What is wrong is in the report; an error means that nothing
// could be said: a malformed key, or the context. size is that of r.
func VerifyBundle(ctx context.Context, r io.ReaderAt, size int64, o BundleOptions) (BundleReport, error) {
	report := BundleReport{Findings: []BundleFinding{}, Proven: []string{}, NotProven: []string{}}
	if err := journal.CheckVerifier(o.Key); err != nil {
		return report, fmt.Errorf("verify the bundle: %w", err)
	}
	v := &verifier{report: &report, first: -1, last: -1, final: -1}
	v.run(ctx, r, size, o)
	if err := ctx.Err(); err != nil {
		return report, fmt.Errorf("verify the bundle: %w", err)
	}
	v.conclude(o)
	return report, nil
}

func (v *verifier) run(ctx context.Context, r io.ReaderAt, size int64, o BundleOptions) {
	a, err := openBundle(r, size)
	v.archive = a
	if b, ok := errors.AsType[*broken](err); ok {
		v.report.add(b.kind, b.file, -1, "%s", b.what)
		return // where the files are is not known
	}
	if v.manifest, err = a.readManifest(); err != nil {
		kind := BundleDamaged
		if errors.Is(err, errAltered) {
			kind = BundleAltered
		}
		v.report.add(kind, bundleManifest, -1, "%v", err)
		return
	}
	v.readable = true
	m := &v.manifest
	v.report.Incident, v.report.Level = m.Incident, m.Level
	if m.Schema != BundleSchema || !slices.Contains(Levels(), m.Level) || m.Facts > engine.FormatVersion {
		v.report.add(BundleDamaged, bundleManifest, -1, "it is of form %q, level %q, facts %d, which this build does not read; use a newer firebreak", m.Schema, m.Level, m.Facts)
		return
	}
	v.files(ctx)
	if !v.checkpoint(o.Key) || ctx.Err() != nil {
		return
	}
	v.records(ctx)
	if ctx.Err() != nil || !v.report.sound() {
		return
	}
	if m.Level != Full {
		v.redacted(o)
		return
	}
	v.facts(ctx)
	v.export()
	if ctx.Err() == nil && v.report.sound() {
		v.again(o)
	}
}

// files compares each file with the manifest.
func (v *verifier) files(ctx context.Context) {
	listed := map[string]bool{}
	for _, f := range v.manifest.Files {
		if ctx.Err() != nil {
			return
		}
		p, ok := v.named[f.Name]
		if !ok || listed[f.Name] || f.Name == bundleManifest {
			v.report.add(BundleDamaged, f.Name, -1, "the manifest names it, and it is not in the bundle, or is named twice")
			continue
		}
		listed[f.Name] = true
		sum := sha256.New()
		if _, err := io.Copy(sum, io.NewSectionReader(v, p.at, p.size)); err != nil {
			v.report.add(BundleDamaged, f.Name, -1, "it cannot be read: %v", err)
			continue
		}
		if got := hex.EncodeToString(sum.Sum(nil)); p.size != f.Size || got != f.SHA256 {
			v.report.add(BundleAltered, f.Name, -1, "it is not what was written: sha256 %s, the manifest says %s", short(got), short(f.SHA256))
		}
	}
	for _, p := range v.parts {
		if !listed[p.name] && p.name != bundleManifest {
			v.report.add(BundleAltered, p.name, -1, "the manifest does not name it")
		}
	}
	for _, name := range []string{bundleCheckpoint, bundleRecords, bundleProofs, bundleEvidence, bundleVerify, "timeline.html", "timeline.json", "timeline.md"} {
		if _, ok := v.named[name]; !ok {
			v.report.add(BundleDamaged, name, -1, "it is not in the bundle")
		}
	}
}

// checkpoint opens the signed head with the key that came from outside.
func (v *verifier) checkpoint(key string) bool {
	note, err := v.small(bundleCheckpoint, maxSmallFile)
	if err != nil {
		return false // said already
	}
	head, err := journal.OpenCheckpoint(note, key)
	if err != nil {
		v.report.add(BundleAltered, bundleCheckpoint, -1, "%v", err)
		return false
	}
	v.head = head
	m, root := &v.manifest, base64.StdEncoding.EncodeToString(head.Root[:])
	v.report.Origin, v.report.Size, v.report.Root = head.Origin, head.Size, root
	if m.Origin != head.Origin || m.Size != head.Size || m.Root != root {
		v.report.add(BundleAltered, bundleManifest, -1, "it names another head than the signed one")
	}
	return true
}

// Leaves gives the records of the bundle again, so that it can be made anew.
func (v *verifier) Leaves() iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		for line, err := range v.lines(bundleRecords) {
			var e journal.Entry
			if err == nil {
				e, err = journal.ParseLeaf(bytes.Clone(line))
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Blob gives an attachment of the bundle.
func (v *verifier) Blob(digest string) ([]byte, error) {
	data, err := v.small(bundleBlobs+digest, journal.MaxBlob)
	if err == nil && journal.BlobDigest(data) != digest {
		err = fmt.Errorf("attachment %s has other content", digest)
	}
	return data, err
}

// events gives the facts of the bundle.
func (v *verifier) events() iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for e, err := range v.Leaves() {
			var fact engine.Event
			if err == nil {
				fact, err = record.Fact(e, v.Blob)
			}
			if !yield(fact, err) || err != nil {
				return
			}
		}
	}
}

// facts folds the facts by the engine's own rules, and audits them.
func (v *verifier) facts(ctx context.Context) {
	incident, audit := engine.NewIncident(), engine.NewAudit()
	for e, err := range v.events() {
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			v.report.add(BundleAltered, bundleRecords, -1, "%v", err)
			return
		}
		if err := incident.Apply(e); err != nil {
			v.report.add(BundleAltered, bundleRecords, e.Seq, "the fact does not follow: %v", err)
			return
		}
		for _, w := range audit.Take(e) {
			v.report.add(BundleAltered, bundleRecords, e.Seq, "the fact breaks a rule: %s", w)
		}
		if b, ok := e.Body.(engine.ExportMade); ok && b.Format == "bundle" {
			v.made, v.final = &b, e.Seq
		}
	}
	for _, what := range audit.Open() {
		v.report.add(BundleOpen, "", v.last, "%s", what)
	}
}

// export checks that the bundle is the one that the record says was made, and
// that it holds all of what that covers.
func (v *verifier) export() {
	switch {
	case v.made == nil || v.final != v.last:
		v.report.add(BundleAltered, bundleRecords, v.last, "the last record does not say that this bundle was made; records were left out or added")
		return
	case v.made.First != v.first:
		v.report.add(BundleAltered, bundleRecords, v.final, "the export covers records from %d on, and the bundle begins at %d", v.made.First, v.first)
		return
	}
	sum, covered := sha256.New(), int64(-1)
	for e, err := range v.events() {
		if err != nil || e.Seq > v.made.Last {
			break
		}
		data, _, err := engine.Encode(e)
		if err != nil {
			break
		}
		sum.Write(data)
		covered = e.Seq
	}
	if covered != v.made.Last || hex.EncodeToString(sum.Sum(nil)) != v.made.SHA256 {
		v.report.add(BundleAltered, bundleRecords, v.final, "the export covers records %d to %d with another digest than those that are here", v.made.First, v.made.Last)
	}
}

// redacted checks what can be told of a bundle that does not show all records.
// Its timelines cannot be made again, so it is never as good as one that can.
func (v *verifier) redacted(o BundleOptions) {
	m := &v.manifest
	v.report.add(BundleUnproven, "", -1, "it was made for %s, so the timelines cannot be compared with the records that are not shown", m.Level)
	if mode := modeOf(m.Incident); m.Mode != mode {
		v.report.add(BundleAltered, bundleManifest, -1, "it says that the incident is %s, and it is %s", m.Mode, mode)
	}
	for _, p := range v.parts {
		if strings.HasPrefix(p.name, bundleBlobs) || strings.HasPrefix(p.name, "plan/") {
			v.report.add(BundleAltered, p.name, -1, "a bundle that was made for %s does not hold it", m.Level)
		}
	}
	index, err := newEvidenceIndex(m.Level).encode()
	if have, failed := v.small(bundleEvidence, maxSmallFile); err != nil || failed != nil || !bytes.Equal(have, index) {
		v.report.add(BundleAltered, bundleEvidence, -1, "a bundle that was made for %s names no evidence, and this one does", m.Level)
	}
	if have, err := v.small(bundleVerify, maxSmallFile); m.Version == o.Version && (err != nil || string(have) != verifyText(*m)) {
		v.report.add(BundleAltered, bundleVerify, -1, "it is not what is written")
	}
}

// worded says whether what stands in a file depends on the words of the version
// that wrote it. Records, plans, evidence and attachments do not.
func worded(name string) bool { return name == bundleVerify || strings.HasPrefix(name, "timeline.") }

// again makes the bundle anew from its own records and compares each file.
func (v *verifier) again(o BundleOptions) {
	kindOf := func(name string) string {
		if v.manifest.Version != o.Version && worded(name) {
			return BundleUnproven
		}
		return BundleAltered
	}
	zone := time.UTC
	if v.manifest.Zone != "" {
		var err error
		if zone, err = time.LoadLocation(v.manifest.Zone); err != nil {
			v.report.add(BundleUnproven, bundleManifest, -1, "time zone %q is not known here, so the timelines cannot be compared", v.manifest.Zone)
			return
		}
	}
	r, err := Open(v.events)
	if err != nil {
		v.report.add(BundleAltered, bundleRecords, -1, "%v", err)
		return
	}
	want, _, err := r.bundle(Options{Head: v.head, Zone: zone, Version: v.manifest.Version, Proofs: v})
	if err != nil {
		v.report.add(BundleAltered, bundleRecords, -1, "the bundle cannot be made of its records: %v", err)
		return
	}
	have := map[string]manifestFile{}
	for _, f := range v.manifest.Files {
		have[f.Name] = f
	}
	for _, f := range want.Files {
		if f.Name != bundleProofs && have[f.Name] != f {
			kind := kindOf(f.Name)
			v.report.add(kind, f.Name, -1, "it is not what the records say%s", otherVersion(kind, v.manifest.Version, o.Version))
		}
		delete(have, f.Name)
	}
	for _, name := range sortedKeys(have) {
		kind := kindOf(name)
		v.report.add(kind, name, -1, "nothing in the records is the reason for it%s", otherVersion(kind, v.manifest.Version, o.Version))
	}
	if want.Mode != v.manifest.Mode {
		v.report.add(BundleAltered, bundleManifest, -1, "it says that the incident is %s, and it is %s", v.manifest.Mode, want.Mode)
	}
}

func otherVersion(kind, wrote, reads string) string {
	if kind == BundleAltered {
		return ""
	}
	return fmt.Sprintf("; it was written by version %q and this is %q, which may word it otherwise", wrote, reads)
}

// Prove is asked for the proofs only to write them again, which the comparison
// leaves out: each of them was checked.
func (v *verifier) Prove(int64) ([][32]byte, error) { return nil, nil }

// keyWord is the name and the hash of a verifier key.
func keyWord(verifier string) string {
	name, rest, _ := strings.Cut(strings.TrimSpace(verifier), "+")
	hash, _, _ := strings.Cut(rest, "+")
	return name + " " + hash
}
