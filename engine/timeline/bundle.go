package timeline

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// BundleSchema names the form of a bundle; see the package documentation.
const BundleSchema = "firebreak/bundle/v1"

// Names of the files of a bundle.
const (
	bundleManifest   = "manifest.json"
	bundleCheckpoint = "checkpoint"
	bundleRecords    = "records.jsonl"
	bundleProofs     = "proofs/inclusion.jsonl"
	bundleEvidence   = "evidence/index.json"
	bundleVerify     = "VERIFY.txt"
	bundleScenario   = "plan/scenario.json"
	bundleBlobs      = "blobs/"
)

// manifest says what a bundle holds.
type manifest struct {
	Schema   string         `json:"schema"`
	Incident string         `json:"incident"`
	Mode     string         `json:"mode"`
	Level    Level          `json:"level"`
	Zone     string         `json:"zone,omitempty"`
	Version  string         `json:"version,omitempty"` // of the program that wrote it
	Timeline string         `json:"timeline"`          // form of timeline.json
	Facts    int            `json:"facts"`             // version of the encoded facts
	Origin   string         `json:"origin"`
	Size     int64          `json:"size"`
	Root     string         `json:"root"`
	Records  int64          `json:"records"` // of the incident
	Shown    int64          `json:"shown"`   // of these as they are, and not by their hash alone
	First    int64          `json:"first"`   // journal places
	Last     int64          `json:"last"`
	Files    []manifestFile `json:"files"`
	Digest   string         `json:"digest"` // of the manifest with this empty
}

type manifestFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// encode gives the bytes of a manifest, with its digest.
func (m manifest) encode() ([]byte, error) {
	m.Digest = ""
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, err
	}
	m.Digest = digestOf(data)
	data, err = json.MarshalIndent(m, "", " ")
	return append(data, '\n'), err
}

// bundled is one file of a bundle. It writes the same bytes each time.
type bundled struct {
	name  string
	write func(w io.Writer) error
}

func fixed(data []byte) func(w io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// writeBundle writes a record with everything that a stranger needs to verify
// it, as one tar. Each file is made twice, once for its digest and once into
// the tar, so that none has to be kept.
func (r *Record) writeBundle(w io.Writer, o Options) error {
	if o.Proofs == nil {
		return errors.New("a bundle needs the proofs of the journal; this record was opened without")
	}
	m, files, err := r.bundle(o)
	if err != nil {
		return fmt.Errorf("make the bundle: %w", err)
	}
	data, err := m.encode()
	if err != nil {
		return fmt.Errorf("make the bundle: %w", err)
	}
	sizes := map[string]int64{bundleManifest: int64(len(data))}
	for _, f := range m.Files {
		sizes[f.Name] = f.Size
	}
	files = append(files, bundled{bundleManifest, fixed(data)})
	slices.SortFunc(files, func(a, b bundled) int { return cmp.Compare(a.name, b.name) })
	out := tar.NewWriter(w)
	for _, f := range files {
		if err := out.WriteHeader(tarHeader(f.name, sizes[f.name])); err != nil {
			return fmt.Errorf("write the bundle: %s: %w", f.name, err)
		}
		if err := f.write(out); err != nil {
			return fmt.Errorf("write the bundle: %s: %w", f.name, err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	return nil
}

// tarHeader is the header of every file of a bundle.
func tarHeader(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
}

// bundle lays out the files of a bundle but its manifest, and fills that.
func (r *Record) bundle(o Options) (manifest, []bundled, error) {
	m := manifest{
		Schema: BundleSchema, Incident: r.Incident.ID, Mode: r.Incident.Mode, Level: r.level, Version: o.Version, Timeline: Schema, Facts: engine.FormatVersion,
		Origin: o.Head.Origin, Size: o.Head.Size, Root: base64.StdEncoding.EncodeToString(o.Head.Root[:]), First: -1, Last: -1,
	}
	if o.Zone != nil && o.Zone != time.UTC {
		m.Zone = o.Zone.String()
	}
	o.Redact, o.Progress = r.level, nil
	blobs, err := r.survey(&m, o)
	if err != nil {
		return m, nil, err
	}
	files := []bundled{
		{bundleCheckpoint, fixed(o.Head.Note)},
		{bundleRecords, func(w io.Writer) error { return r.writeRecords(w, o) }},
		{bundleProofs, func(w io.Writer) error { return writeProofs(w, o.Proofs) }},
		{bundleVerify, fixed([]byte(verifyText(m)))},
		{"timeline.html", func(w io.Writer) error { return r.writeHTML(w, o) }},
		{"timeline.json", func(w io.Writer) error { return r.writeJSON(w, o) }},
		{"timeline.md", func(w io.Writer) error { return r.writeMarkdown(w, o) }},
	}
	for _, digest := range blobs {
		files = append(files, bundled{bundleBlobs + digest, func(w io.Writer) error {
			data, err := o.Proofs.Blob(digest)
			if err != nil {
				return err
			}
			_, err = w.Write(data)
			return err
		}})
	}
	more, err := r.pinned()
	if err != nil {
		return m, nil, err
	}
	files = append(files, more...)
	slices.SortFunc(files, func(a, b bundled) int { return cmp.Compare(a.name, b.name) })
	for _, f := range files {
		sum := &counter{Hash: sha256.New()}
		if err := f.write(sum); err != nil {
			return m, nil, fmt.Errorf("%s: %w", f.name, err)
		}
		m.Files = append(m.Files, manifestFile{f.name, sum.n, hex.EncodeToString(sum.Sum(nil))})
	}
	return m, files, nil
}

// survey counts the records, and lists the attachments that go into the bundle.
func (r *Record) survey(m *manifest, o Options) ([]string, error) {
	var blobs []string
	for line, err := range r.recordLines(o.Proofs) {
		if err != nil {
			return nil, err
		}
		if m.Records == 0 {
			m.First = line.entry.Seq
		}
		m.Last = line.entry.Seq
		m.Records++
		if line.shown {
			m.Shown++
			blobs = append(blobs, line.entry.Blobs...)
		}
	}
	facts := int64(0)
	for _, err := range r.source() {
		if err != nil {
			return nil, err
		}
		facts++
	}
	if facts != m.Records {
		return nil, fmt.Errorf("the record has %d facts and the journal gives %d records of it; read both up to the same place", facts, m.Records)
	}
	slices.Sort(blobs)
	return slices.Compact(blobs), nil
}

// counter is a hash that counts what it is given.
type counter struct {
	Hash interface {
		io.Writer
		Sum(b []byte) []byte
	}
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.Hash.Write(p)
}

func (c *counter) Sum(b []byte) []byte { return c.Hash.Sum(b) }

// hashLine stands in the place of a record that a level does not show.
type hashLine struct {
	LeafHash string `json:"leaf_hash"`
	N        int64  `json:"n"`
	Seq      int64  `json:"seq"`
}

// proofLine is the proof of one record.
type proofLine struct {
	Seq  int64    `json:"seq"`
	Path []string `json:"path"` // hashes in base64, from the leaf to the root
}

func writeProofs(w io.Writer, proofs Proofs) error {
	for e, err := range proofs.Leaves() {
		if err != nil {
			return err
		}
		path, err := proofs.Prove(e.Seq)
		if err != nil {
			return err
		}
		line := proofLine{Seq: e.Seq, Path: make([]string, len(path))}
		for i, h := range path {
			line.Path[i] = base64.StdEncoding.EncodeToString(h[:])
		}
		data, err := json.Marshal(line)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(data, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func (r *Record) writeRecords(w io.Writer, o Options) error {
	for line, err := range r.recordLines(o.Proofs) {
		if err != nil {
			return err
		}
		data := line.entry.Leaf
		if !line.shown {
			if data, err = json.Marshal(hashLine{hex.EncodeToString(line.entry.Hash[:]), line.entry.N, line.entry.Seq}); err != nil {
				return err
			}
		}
		if _, err := w.Write(append(bytes.Clone(data), '\n')); err != nil {
			return err
		}
	}
	return nil
}
