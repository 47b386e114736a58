package timeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/record"
)

// recordLine is a record, and whether its level shows it as it is.
type recordLine struct {
	entry journal.Entry
	shown bool
}

// recordLines gives the records of the incident. Below full a record is shown
// only when redaction would change nothing of its fact, it has no attachment
// and no nonce of whoever asked; of the others the hash is given.
func (r *Record) recordLines(proofs Proofs) iter.Seq2[recordLine, error] {
	return func(yield func(recordLine, error) bool) {
		x := newRedactor(r.level)
		for e, err := range proofs.Leaves() {
			line := recordLine{entry: e, shown: r.level == Full}
			if err == nil && !line.shown {
				line.shown, err = x.keeps(e, proofs.Blob)
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// keeps says whether redaction leaves a record as it is.
func (x *redactor) keeps(e journal.Entry, blob func(string) ([]byte, error)) (bool, error) {
	fact, err := record.Fact(e, blob)
	if err != nil {
		return false, err
	}
	before, _, err := engine.Encode(fact)
	if err != nil {
		return false, err
	}
	after, _, err := engine.Encode(x.event(fact))
	if err != nil {
		return false, nil // a program that could not be read: not shown
	}
	return bytes.Equal(before, after) && len(e.Blobs) == 0 && e.Nonce == "", nil
}

// evidenceItem is an object of evidence that a step has stored.
type evidenceItem struct {
	Seq     int64  `json:"seq"` // of the outcome that names it
	Run     string `json:"run"`
	Step    string `json:"step"`
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	Version string `json:"version_id,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
	Size    int64  `json:"size,omitempty"`
}

type evidenceIndex struct {
	Note  string         `json:"note"`
	Items []evidenceItem `json:"items"`
}

// pinned gives the programs, the scenario and the index of evidence.
func (r *Record) pinned() ([]bundled, error) {
	var files []bundled
	index := newEvidenceIndex(r.level)
	runs := 0
	for e, err := range r.source() {
		if err != nil {
			return nil, err
		}
		switch b := e.Body.(type) {
		case engine.RunStarted:
			runs++
			if r.level == Full && len(b.Program.Value) > 0 {
				files = append(files, bundled{fmt.Sprintf("plan/run-%d.json", runs), fixed(b.Program.Value)})
			}
		case engine.DrillStarted:
			if r.level == Full && len(b.File.Value) > 0 {
				files = append(files, bundled{bundleScenario, fixed(b.File.Value)})
			}
		case engine.EffectOutcome:
			index.collect(e, b.Result.Value)
		case engine.EffectProbed:
			index.collect(e, b.Result.Value)
		}
	}
	files = append(files, bundled{bundleEvidence, func(w io.Writer) error {
		data, err := index.encode()
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}})
	return files, nil
}

// newEvidenceIndex is an index with nothing in it, as it stays below full.
func newEvidenceIndex(level Level) *evidenceIndex {
	index := &evidenceIndex{Note: "Objects that steps have stored as evidence, as the outcomes of the steps name them. The objects are not in this bundle.", Items: []evidenceItem{}}
	if level != Full {
		index.Note = "The outcomes of steps are left out at this level, and so is what they stored."
	}
	return index
}

func (x *evidenceIndex) encode() ([]byte, error) {
	data, err := json.MarshalIndent(x, "", " ")
	return append(data, '\n'), err
}

// collect finds stored objects in the result of a step: whatever names a
// bucket and a key.
func (x *evidenceIndex) collect(e engine.Event, result json.RawMessage) {
	var value any
	if len(result) == 0 || json.Unmarshal(result, &value) != nil {
		return
	}
	var walk func(v any, deep int)
	walk = func(v any, deep int) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				if deep > 0 {
					walk(one, deep-1)
				}
			}
		case map[string]any:
			word := func(name string) string {
				s, _ := v[name].(string)
				return s
			}
			if word("bucket") != "" && word("key") != "" {
				item := evidenceItem{Seq: e.Seq, Run: e.Run, Step: e.Step, Bucket: word("bucket"), Key: word("key"), Version: word("version_id"), SHA256: word("sha256")}
				if size, ok := v["size"].(float64); ok && size >= 0 && size < 1<<53 {
					item.Size = int64(size)
				}
				x.Items = append(x.Items, item)
			}
			for _, name := range sortedKeys(v) {
				if deep > 0 {
					walk(v[name], deep-1)
				}
			}
		}
	}
	walk(value, 8)
}

// verifyText tells a stranger what the bundle is and how to check it.
func verifyText(m manifest) string {
	var b strings.Builder
	fmt.Fprintf(&b, "This is the record of %s, taken from a journal that cannot be changed unseen.\n\n", Visible(m.Incident))
	b.WriteString(`To check it, with the public key that its owner gave you (not one from this file):

    firebreak verify bundle FILE --key genesis.pub

What that shows, without any network and without the owner:
  - no file of the bundle was changed since it was written (manifest.json);
  - each record in records.jsonl is in the log that the signed checkpoint states,
    at its place (proofs/inclusion.jsonl);
`)
	if m.Level == Full {
		b.WriteString(`  - the records follow one another from the first, and the export itself is the
    last of them: it says what it covers, so leaving one out would contradict it;
  - the records keep the rules of the engine (an effect has an intent, a gated
    effect its approvals);
  - timeline.*, plan/ and evidence/ are what the records say.
`)
	} else {
		fmt.Fprintf(&b, `
This bundle was redacted (%s). Of %d records %d are shown; of the others there
is the hash of the leaf, so that the proofs hold. It does not show that timeline.*
says what the hidden records say, nor that none was left out at the end. A hash
does not hide a short text from somebody who guesses all of the record.
`, m.Level, m.Records, m.Shown)
	}
	b.WriteString(`
What it does not show: that what was written down is true, and that the owner of
the signing key did not write another history. Only a checkpoint that somebody
else kept shows that (--anchor).

A leaf is hashed as SHA-256 of 0x00 and its bytes (one line of records.jsonl
without the line break), two nodes as SHA-256 of 0x01 and both: RFC 6962. The
checkpoint is a signed note of three lines: origin, size, root in base64.
`)
	return b.String()
}
