package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func TestSignerFiles(t *testing.T) {
	signer, verifier, err := GenerateKey("firebreak/acme")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "signer.key")
	if err := SaveSigner(path, signer); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSigner(path)
	if err != nil || s.Verifier() != verifier || s.Name() != "firebreak/acme" {
		t.Fatalf("load: got %v, %v", s, err)
	}
	if err := CheckVerifier(verifier); err != nil {
		t.Error(err)
	}
	if err := SaveSigner(path, signer); !errors.Is(err, os.ErrExist) {
		t.Errorf("save over a key: got %v", err)
	}

	for _, test := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"group can read", signer, 0o640, "chmod 600"},
		{"others can read", signer, 0o604, "chmod 600"},
		{"public key", verifier, 0o600, "public (verifier) key"},
		{"empty", "", 0o600, "not a signer key"},
		{"cut off", signer[:len(signer)-8], 0o600, "not a signer key"},
		{"changed", strings.Replace(signer, "acme", "evil", 1), 0o600, "not a signer key"},
	} {
		path := filepath.Join(t.TempDir(), "k")
		if err := errors.Join(os.WriteFile(path, []byte(test.text), 0o600), os.Chmod(path, test.mode)); err != nil {
			t.Fatal(err)
		}
		_, err := LoadSigner(path)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error with %q", test.name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), signer[len(signer)-20:]) {
			t.Errorf("%s: the error holds the key", test.name)
		}
	}
	if _, err := LoadSigner(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: got %v", err)
	}
	if err := CheckVerifier(signer); err == nil || !strings.Contains(err.Error(), "secret signer key") {
		t.Errorf("signer as verifier: got %v", err)
	}
	for _, name := range []string{"", "a b", "a+b"} {
		if _, _, err := GenerateKey(name); err == nil {
			t.Errorf("key name %q was taken", name)
		}
	}
}

func TestCheckpoint(t *testing.T) {
	signer, err := SignerFromSeed("firebreak/acme", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	other, err := SignerFromSeed("firebreak/acme", [32]byte{2})
	if err != nil {
		t.Fatal(err)
	}
	origin, err := Origin("acme", strings.Repeat("0f", 16), 1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := SignCheckpoint(signer, origin, 42, [32]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenCheckpoint(c.Note, signer.Verifier())
	if err != nil || got.Origin != origin || got.Size != 42 || got.Root != [32]byte{7} {
		t.Errorf("open: got %+v, %v", got, err)
	}
	if _, err := OpenCheckpoint(c.Note, other.Verifier()); err == nil || !strings.Contains(err.Error(), "not signed by key") {
		t.Errorf("another key: got %v", err)
	}
	forged := []byte(strings.Replace(string(c.Note), "\n42\n", "\n43\n", 1))
	if _, err := OpenCheckpoint(forged, signer.Verifier()); err == nil || !strings.Contains(err.Error(), "is false") {
		t.Errorf("forged: got %v", err)
	}
	for i := range c.Note {
		bad := append([]byte(nil), c.Note...)
		bad[i] ^= 1
		if got, err := OpenCheckpoint(bad, signer.Verifier()); err == nil {
			t.Errorf("byte %d flipped: got %+v", i, got)
		}
	}
	for _, text := range []string{string(c.Note), "42:" + tlog.Hash(c.Root).String(), " 42 " + tlog.Hash(c.Root).String() + "\n"} {
		if a, err := ParseAnchor(text); err != nil || a.Size != 42 || a.Root != c.Root {
			t.Errorf("anchor %q: got %+v, %v", text, a, err)
		}
	}
	for _, text := range []string{"", "42", "x:" + tlog.Hash(c.Root).String(), "42:AAAA", "-1:" + tlog.Hash(c.Root).String()} {
		if _, err := ParseAnchor(text); err == nil {
			t.Errorf("anchor %q was taken", text)
		}
	}
	for _, bad := range [][3]string{{"a b", strings.Repeat("0f", 16)}, {"acme", "0f"}, {"", strings.Repeat("0f", 16)}} {
		if _, err := Origin(bad[0], bad[1], 1); err == nil {
			t.Errorf("origin of %q was taken", bad)
		}
	}
}

// TestFrontier compares the frontier with the tree of tlog itself, hash by hash.
func TestFrontier(t *testing.T) {
	var f Frontier
	var stored []tlog.Hash
	places := map[[2]int64]tlog.Hash{}
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			leaf, place := HashPlace(index)
			out[i] = places[[2]int64{leaf, int64(place)}]
			if out[i] != stored[index] {
				t.Errorf("hash %d is not at place %d of leaf %d", index, place, leaf)
			}
		}
		return out, nil
	})
	for n := range int64(200) {
		want, err := tlog.TreeHash(n, read)
		if err != nil || f.Root() != want {
			t.Fatalf("root of %d: got %x, %v, want %x", n, f.Root(), err, want)
		}
		loaded, err := LoadFrontier(n, read)
		if err != nil || loaded.Root() != want || loaded.Size() != n {
			t.Fatalf("loaded root of %d: %v", n, err)
		}
		leaf := tlog.RecordHash([]byte{byte(n)})
		hashes, err := tlog.StoredHashesForRecordHash(n, leaf, read)
		if err != nil {
			t.Fatal(err)
		}
		added := f.Add(leaf)
		if len(added) != len(hashes) {
			t.Fatalf("leaf %d stores %d hashes, want %d", n, len(added), len(hashes))
		}
		for i, h := range hashes {
			if added[i] != h {
				t.Fatalf("leaf %d: hash %d differs", n, i)
			}
			places[[2]int64{n, int64(i)}] = h
		}
		stored = append(stored, hashes...)
	}
}
