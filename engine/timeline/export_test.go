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

// FactClasses and SummaryClasses show the tables of redaction.
func FactClasses() map[string]map[string]string { return plain(factFields) }

// SummaryClasses is the table of the fields of an export.
func SummaryClasses() map[string]map[string]string { return plain(summaryFields) }

func plain(table map[string]map[string]class) map[string]map[string]string {
	out := map[string]map[string]string{}
	for name, of := range table {
		out[name] = map[string]string{}
		for field, c := range of {
			out[name][field] = string(c)
		}
	}
	return out
}
