package format

import (
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"
)

// same makes sure that what was laid out means what was read, and has the same
// comments.
func same(t *tree, out []byte) error {
	back, err := read(out)
	if err != nil {
		return fmt.Errorf("the file cannot be laid out without harm to it: %w", err)
	}
	if !equal(t.root, back.root) {
		return errors.New("the file cannot be laid out without a change of its meaning")
	}
	before, after := slices.Sorted(slices.Values(t.kept)), slices.Sorted(slices.Values(back.kept))
	if !slices.Equal(before, after) {
		return errors.New("the file cannot be laid out without a change of its comments")
	}
	return nil
}

// equal compares values as the language reads them: a scalar is its text and
// whether it has quotes; the keys of a map have no order.
func equal(a, b *value) bool {
	if a.kind != b.kind || a.text != b.text || a.plain != b.plain || len(a.entries) != len(b.entries) {
		return false
	}
	if a.kind == yaml.ScalarNode {
		return true
	}
	byKey := map[string]*entry{}
	for _, e := range b.entries {
		if e.key != nil {
			byKey[e.key.text] = e
		}
	}
	for i, e := range a.entries {
		other := b.entries[i]
		if e.key != nil {
			other = byKey[e.key.text]
		}
		if other == nil || e.key != nil && e.key.plain != other.key.plain || !equal(e.value, other.value) {
			return false
		}
	}
	return true
}
