package mem

import (
	"bytes"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// transaction collects the writes of one batch, so that they can be dropped. One batch never reads what it wrote itself.
type transaction struct {
	disk    *disk
	entries []journal.Entry
	hashes  [][]tlog.Hash
	state   journal.StreamState
	digests []string
	blobs   [][]byte
	head    journal.Checkpoint
}

func (t *transaction) Stream(name string) (journal.StreamState, error) {
	if s := t.disk.streams[name]; s != nil {
		return s.StreamState, nil
	}
	return journal.StreamState{StreamInfo: journal.StreamInfo{Name: name}}, nil
}

func (t *transaction) Nonce(nonce string) (*journal.DuplicateError, error) {
	return t.disk.nonces[nonce], nil
}

func (t *transaction) PutEntry(e journal.Entry, hashes []tlog.Hash) error {
	t.entries, t.hashes = append(t.entries, e), append(t.hashes, hashes)
	return nil
}

func (t *transaction) PutStream(s journal.StreamState) error {
	t.state = s
	return nil
}

func (t *transaction) PutBlob(digest string, data []byte) error {
	t.digests, t.blobs = append(t.digests, digest), append(t.blobs, data)
	return nil
}

func (t *transaction) PutHead(head journal.Checkpoint) error {
	t.head = head
	return nil
}

func (t *transaction) commit() {
	d := t.disk
	s := d.streams[t.state.Name]
	if s == nil {
		s = &stream{}
		d.streams[t.state.Name] = s
	}
	s.StreamState = t.state
	for i, e := range t.entries {
		d.leaves = append(d.leaves, e.Leaf)
		d.tree = append(d.tree, t.hashes[i])
		s.seqs = append(s.seqs, e.Seq)
		if e.Nonce != "" {
			d.nonces[e.Nonce] = &journal.DuplicateError{Nonce: e.Nonce, Stream: e.Stream, Seq: e.Seq}
		}
	}
	for i, digest := range t.digests {
		d.blobs[digest] = bytes.Clone(t.blobs[i])
	}
	d.head = t.head
}
