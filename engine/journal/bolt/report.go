package bolt

import "fmt"

// Kind of a Finding.
type Kind string

const (
	// KindDamaged: bytes are missing or cannot be read as a store.
	KindDamaged Kind = "damaged"
	// KindAltered: readable, but not what was signed.
	KindAltered Kind = "altered"
	// KindRolledBack: contradicts an anchor; an older copy, or another history.
	KindRolledBack Kind = "rolled_back"
	// KindUnanchored: consistent, but nothing outside the store vouches for it.
	KindUnanchored Kind = "unanchored"
	// KindOpen: true and complete, but a person has something left to do.
	KindOpen Kind = "open"
)

// Exit codes of verify.
const (
	ExitConsistent = 0
	ExitUnanchored = 3
	ExitOpen       = 4
	ExitDamaged    = 10
	ExitAltered    = 20
	ExitRolledBack = 21
)

// Finding is one thing that verify has to say. As an error, a Deep hook returns it to choose the kind.
type Finding struct {
	Seq  int64  `json:"seq"` // first record concerned, -1 when it is the store as a whole
	Kind Kind   `json:"kind"`
	What string `json:"what"` // a sentence
}

func (f *Finding) Error() string {
	if f.Seq < 0 {
		return fmt.Sprintf("%s: %s", f.Kind, f.What)
	}
	return fmt.Sprintf("%s at record %d: %s", f.Kind, f.Seq, f.What)
}

// maxFindings of one kind are kept; a store that is wrong everywhere need not say so a million times.
const maxFindings = 100

// Report is what verify found out.
type Report struct {
	Path      string    `json:"path"`
	Origin    string    `json:"origin,omitempty"` // as signed
	Size      int64     `json:"size"`             // number of records, as signed
	Root      string    `json:"root,omitempty"`   // base64, recomputed from the records
	Anchored  int64     `json:"anchored"`         // the first so many records are confirmed by an anchor
	Findings  []Finding `json:"findings"`
	Omitted   int       `json:"omitted,omitempty"` // findings left out, beyond the first hundred of each kind
	Proven    []string  `json:"proven"`            // sentences for people
	NotProven []string  `json:"not_proven"`

	counts map[Kind]int
}

// ExitCode is that of the worst finding: 21 contradicts an anchor, 20 altered, 10 damaged, 4 open findings, 3 consistent but not
// anchored to its end, 0 consistent and anchored to its end.
func (r Report) ExitCode() int {
	code := ExitConsistent
	for _, f := range r.Findings {
		code = max(code, f.Kind.exitCode())
	}
	return code
}

// exitCode of a kind; one that this program does not know counts as damage.
func (k Kind) exitCode() int {
	switch k {
	case KindRolledBack:
		return ExitRolledBack
	case KindAltered:
		return ExitAltered
	case KindOpen:
		return ExitOpen
	case KindUnanchored:
		return ExitUnanchored
	}
	return ExitDamaged
}

func (r *Report) add(f Finding) {
	if r.counts == nil {
		r.counts = map[Kind]int{}
	}
	if r.counts[f.Kind]++; r.counts[f.Kind] > maxFindings {
		r.Omitted++
		return
	}
	r.Findings = append(r.Findings, f)
}

// intact says that nothing before record seq was found wrong.
func (r *Report) intact(seq int64) bool {
	for _, f := range r.Findings {
		if (f.Kind == KindDamaged || f.Kind == KindAltered) && f.Seq < seq {
			return false
		}
	}
	return true
}
