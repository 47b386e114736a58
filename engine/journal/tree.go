package journal

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Frontier is the right edge of a Merkle tree: all that is needed to append to it and to know its root. The zero Frontier is the
// empty tree.
type Frontier struct {
	size  int64
	nodes []tlog.Hash // roots of the complete subtrees, left (largest) to right
}

// LoadFrontier reads the right edge of a stored tree of this size.
func LoadFrontier(size int64, r tlog.HashReader) (*Frontier, error) {
	var indexes []int64
	for level := 62; level >= 0; level-- {
		if size>>level&1 == 1 {
			indexes = append(indexes, tlog.StoredHashIndex(level, size>>level-1))
		}
	}
	nodes, err := r.ReadHashes(indexes)
	if err != nil {
		return nil, fmt.Errorf("tree of size %d: %w", size, err)
	}
	return &Frontier{size: size, nodes: nodes}, nil
}

// Size is the number of leaves.
func (f *Frontier) Size() int64 { return f.size }

// Add appends one leaf hash and returns the hashes to store with it: the leaf's, then those of the subtrees that it completes,
// smallest first. That is what tlog.StoredHashes returns, without reading anything.
func (f *Frontier) Add(leaf [32]byte) []tlog.Hash {
	hash := tlog.Hash(leaf)
	done := []tlog.Hash{hash}
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.nodes) - 1
		hash = tlog.NodeHash(f.nodes[last], hash)
		f.nodes = f.nodes[:last]
		done = append(done, hash)
	}
	f.nodes = append(f.nodes, hash)
	f.size++
	return done
}

// Root is the RFC 6962 root.
func (f *Frontier) Root() [32]byte {
	if f.size == 0 {
		root, err := tlog.TreeHash(0, nil)
		if err != nil {
			panic("journal: the empty tree has no root: " + err.Error())
		}
		return root
	}
	root := f.nodes[len(f.nodes)-1]
	for i := len(f.nodes) - 2; i >= 0; i-- {
		root = tlog.NodeHash(f.nodes[i], root)
	}
	return root
}

// HashPlace says where a store finds the hash with this index, when it keeps together what Add returned for one leaf: under which leaf,
// and at which place in that list.
func HashPlace(index int64) (leaf int64, place int) {
	level, n := tlog.SplitStoredHashIndex(index)
	return (n+1)<<level - 1, level
}
