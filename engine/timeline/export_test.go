package timeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"testing"
)

// SealManifest makes a manifest that fits the files, for tests that forge bundles.
func SealManifest(t testing.TB, fields map[string]any, files map[string][]byte) []byte {
	t.Helper()
	data, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	m.Files = nil
	names := sortedKeys(files)
	for _, name := range slices.DeleteFunc(names, func(n string) bool { return n == bundleManifest }) {
		sum := sha256.Sum256(files[name])
		m.Files = append(m.Files, manifestFile{name, int64(len(files[name])), hex.EncodeToString(sum[:])})
	}
	if data, err = m.encode(); err != nil {
		t.Fatal(err)
	}
	return data
}
