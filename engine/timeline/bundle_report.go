package timeline

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// The kinds of findings about a bundle.
const (
	BundleDamaged    = "damaged"     // bytes are missing or cannot be read
	BundleAltered    = "altered"     // readable, and not what was signed or written
	BundleRolledBack = "rolled_back" // contradicts an anchor
	BundleOpen       = "open"        // true and complete, and somebody has something left to do
	BundleUnanchored = "unanchored"  // consistent, and nothing outside vouches for the head
	BundleUnproven   = "unproven"    // cannot be compared by this build
)

// BundleFinding is one thing that the verification of a bundle has to say.
type BundleFinding struct {
	File string `json:"file,omitempty"` // inside the bundle; empty: the bundle as a whole
	Seq  int64  `json:"seq"`            // journal place; -1: none
	Kind string `json:"kind"`
	What string `json:"what"`
}

// BundleReport is what the verification of a bundle found out.
type BundleReport struct {
	Path      string          `json:"path"`
	Incident  string          `json:"incident,omitempty"`
	Level     Level           `json:"level,omitempty"`
	Origin    string          `json:"origin,omitempty"` // as signed
	Size      int64           `json:"size"`             // of the log, as signed
	Root      string          `json:"root,omitempty"`
	Records   int64           `json:"records"` // that are proven to be in the log
	Shown     int64           `json:"shown"`   // of these, those that are shown as they are
	Findings  []BundleFinding `json:"findings"`
	Omitted   int             `json:"omitted,omitempty"`
	Proven    []string        `json:"proven"`
	NotProven []string        `json:"not_proven"`

	counts map[string]int
}

// maxBundleFindings of one kind are kept.
const maxBundleFindings = 50

func (r *BundleReport) add(kind, file string, seq int64, format string, args ...any) {
	if r.counts == nil {
		r.counts = map[string]int{}
	}
	if r.counts[kind]++; r.counts[kind] > maxBundleFindings {
		r.Omitted++
		return
	}
	r.Findings = append(r.Findings, BundleFinding{File: file, Seq: seq, Kind: kind, What: Cut(Visible(fmt.Sprintf(format, args...)), maxCell)})
}

// sound says that nothing is damaged or altered so far.
func (r *BundleReport) sound() bool {
	return r.counts[BundleDamaged] == 0 && r.counts[BundleAltered] == 0
}

// ExitCode is that of the worst finding, as of a journal: 21 contradicts an
// anchor, 20 altered, 10 damaged, 4 open, 3 consistent but not anchored or not
// all compared, 0 consistent and anchored.
func (r BundleReport) ExitCode() int {
	code := 0
	for _, f := range r.Findings {
		code = max(code, map[string]int{BundleRolledBack: 21, BundleAltered: 20, BundleDamaged: 10, BundleOpen: 4, BundleUnanchored: 3, BundleUnproven: 3}[f.Kind])
	}
	return code
}

// BundleOptions say what a bundle is verified against. Nothing in them may come
// from the bundle itself.
type BundleOptions struct {
	Key     string               // the verifier key of the store
	Anchors []journal.Checkpoint // that were kept outside
	Version string               // of this program; a bundle of the same one has to be made of its records again
}

// conclude says in words what is proven and what is not.
func (v *verifier) conclude(o BundleOptions) {
	r, m := v.report, &v.manifest
	v.anchors(o)
	if r.sound() {
		r.Proven = append(r.Proven,
			fmt.Sprintf("Each of the %d records is in the log of %d that key %q signed, at its place.", r.Records, r.Size, keyWord(o.Key)),
			"No file of the bundle is another than its manifest says.")
		if m.Level == Full {
			r.Proven = append(r.Proven,
				"The records follow one another from the first of the incident to the export of this bundle; none is left out between.",
				"The records keep the engine's own rules.")
			if r.counts[BundleUnproven] == 0 {
				r.Proven = append(r.Proven, "The timelines, the plans and the index of evidence are what the records say.")
			}
		}
	}
	if m.Level != Full && v.readable {
		r.NotProven = append(r.NotProven,
			fmt.Sprintf("That the timelines say what the %d records say that are not shown (the bundle was made for %s).", r.Records-r.Shown, m.Level),
			"That the records that are not shown are of this incident, that none was left out after the last one, and that they keep the engine's rules: that takes the whole records.")
	}
	if r.counts[BundleUnproven] > 0 && m.Level == Full {
		r.NotProven = append(r.NotProven, "That the timelines say what the records say: another version of firebreak wrote them. Take the records for what happened.")
	}
	if r.counts[BundleUnanchored] > 0 {
		r.NotProven = append(r.NotProven, "That whoever holds the signing key did not write another history: only a checkpoint that was kept elsewhere shows that (--anchor).")
	}
	r.NotProven = append(r.NotProven,
		"What happened in the incident after this bundle was made.",
		"That the objects of evidence are what was stored: they are not in the bundle; compare their digests.",
		"That what the records say is true: only that it is what was written, and in which order.")
}

// anchors compares the head with what was kept outside.
func (v *verifier) anchors(o BundleOptions) {
	r := v.report
	if v.head.Size == 0 {
		return
	}
	confirmed := false
	for i, a := range o.Anchors {
		if len(a.Note) > 0 {
			opened, err := journal.OpenCheckpoint(a.Note, o.Key)
			if err != nil {
				r.add(BundleUnanchored, "", -1, "anchor %d: %v", i+1, err)
				continue
			}
			a = opened
		}
		switch {
		case a.Origin != "" && a.Origin != v.head.Origin:
			r.add(BundleRolledBack, "", -1, "the anchor at size %d is of %q, the bundle of %q", a.Size, a.Origin, v.head.Origin)
		case a.Size != v.head.Size:
			r.NotProven = append(r.NotProven, fmt.Sprintf("The anchor at size %d could not be compared: the head of the bundle is at size %d; give an anchor of that size, or verify the journal.", a.Size, v.head.Size))
		case a.Root != v.head.Root:
			r.add(BundleRolledBack, "", -1, "an anchor saw another history at size %d", a.Size)
		default:
			confirmed = true
		}
	}
	if confirmed {
		r.Proven = append(r.Proven, "The head is the one that an anchor saw.")
		return
	}
	r.add(BundleUnanchored, "", -1, "no anchor confirms the head of the bundle (size %d)", v.head.Size)
}
