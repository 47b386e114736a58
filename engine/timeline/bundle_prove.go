package timeline

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// lines gives the lines of a file; one that is too long, or that has no end, is
// an error.
func (v *verifier) lines(name string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		r, _ := v.open(name)
		in := bufio.NewReaderSize(r, maxBundleLine)
		for n := 1; ; n++ {
			line, err := in.ReadSlice('\n')
			switch {
			case errors.Is(err, io.EOF) && len(line) == 0:
				return
			case err != nil:
				yield(nil, fmt.Errorf("line %d does not end, or has more than %d bytes", n, maxBundleLine))
				return
			}
			if !yield(line[:len(line)-1], nil) {
				return
			}
		}
	}
}

// records proves each record, and that they follow one another.
func (v *verifier) records(ctx context.Context) {
	next, stop := iter.Pull2(v.lines(bundleProofs))
	defer stop()
	var prev [32]byte
	before := int64(-1)
	m, n := &v.manifest, int64(0)
	for line, err := range v.lines(bundleRecords) {
		if n%512 == 0 && ctx.Err() != nil {
			return
		}
		if err != nil {
			v.report.add(BundleDamaged, bundleRecords, -1, "%v", err)
			return
		}
		proof, err, more := next()
		if !more || err != nil {
			v.report.add(BundleDamaged, bundleProofs, -1, "record %d of the file has no proof", n)
			return
		}
		seq, hash, shown, wrong := v.record(line, n, before, prev)
		if wrong != "" {
			v.report.add(BundleAltered, bundleRecords, seq, "%s", wrong)
			return
		}
		if wrong := v.prove(proof, seq, hash); wrong != "" {
			v.report.add(BundleAltered, bundleProofs, seq, "%s", wrong)
			return
		}
		if n == 0 {
			v.first = seq
		}
		if shown {
			v.report.Shown++
		}
		v.report.Records++
		prev, before, v.last = hash, seq, seq
		n++
	}
	if _, _, more := next(); more {
		v.report.add(BundleAltered, bundleProofs, -1, "there are more proofs than records")
	}
	if n == 0 || n != m.Records || v.report.Shown != m.Shown || v.first != m.First || v.last != m.Last {
		v.report.add(BundleAltered, bundleRecords, -1, "the manifest counts %d records (%d shown) from %d to %d, the file has %d (%d shown) from %d to %d", m.Records, m.Shown, m.First, m.Last, n, v.report.Shown, v.first, v.last)
	}
}

// record reads one line of the records.
func (v *verifier) record(line []byte, n, before int64, prev [32]byte) (seq int64, hash [32]byte, shown bool, wrong string) {
	if bytes.HasPrefix(line, []byte(`{"leaf_hash":`)) {
		var h hashLine
		raw, err := []byte(nil), json.Unmarshal(line, &h)
		if err == nil {
			raw, err = hex.DecodeString(h.LeafHash)
		}
		again, _ := json.Marshal(h)
		switch {
		case err != nil || len(raw) != 32 || !bytes.Equal(again, line):
			return -1, hash, false, fmt.Sprintf("line %d is neither a record nor the hash of one", n+1)
		case v.manifest.Level == Full:
			return h.Seq, hash, false, "a record is left out, and the bundle says that it is full"
		case h.N != n || h.Seq <= before:
			return h.Seq, hash, false, fmt.Sprintf("record %d of the incident stands where %d is due: one is missing, or they are out of order", h.N, n)
		}
		return h.Seq, [32]byte(raw), false, ""
	}
	e, err := journal.ParseLeaf(line)
	switch {
	case err != nil:
		return -1, hash, true, fmt.Sprintf("line %d is no record: %v", n+1, err)
	case e.Stream != v.manifest.Incident:
		return e.Seq, hash, true, fmt.Sprintf("the record is of %s, and the bundle is of %s", e.Stream, v.manifest.Incident)
	case e.N != n || e.Seq <= before:
		return e.Seq, hash, true, fmt.Sprintf("record %d of the incident stands where %d is due: one is missing, or they are out of order", e.N, n)
	case e.Prev != prev:
		return e.Seq, hash, true, "the record does not follow the one before it"
	}
	return e.Seq, e.Hash, true, ""
}

// prove checks the proof of one record.
func (v *verifier) prove(line []byte, seq int64, hash [32]byte) string {
	var p proofLine
	if err := json.Unmarshal(line, &p); err != nil {
		return "the proof cannot be read"
	}
	if again, _ := json.Marshal(p); !bytes.Equal(again, line) || p.Seq != seq {
		return fmt.Sprintf("the proof is of record %d, or is not in the form that is written", p.Seq)
	}
	path := make([][32]byte, len(p.Path))
	for i, word := range p.Path {
		raw, err := base64.StdEncoding.DecodeString(word)
		if err != nil || len(raw) != 32 {
			return "the proof holds something else than hashes"
		}
		path[i] = [32]byte(raw)
	}
	if err := journal.CheckPath(v.head, seq, hash, path); err != nil {
		return err.Error()
	}
	return ""
}
