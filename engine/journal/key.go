package journal

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"

	"golang.org/x/mod/sumdb/note"
)

// Signer signs checkpoints. It is a signed-note signer that can also name its public half.
type Signer interface {
	note.Signer
	// Verifier is the public key in the text form `name+hash+base64` that CheckCheckpoint and verify take.
	Verifier() string
}

const algEd25519 = 1 // of the signed-note format

type ed25519Signer struct {
	note.Signer
	verifier string
}

func (s ed25519Signer) Verifier() string { return s.verifier }

// GenerateKey makes a new Ed25519 key for a store. The name stands in each signature, has no spaces and no plus, and is by custom
// "firebreak/<org>". signer is secret: keep it with SaveSigner. verifier is public: show it once, and keep it where
// whoever writes the store cannot change it, since verify believes nothing else.
func GenerateKey(name string) (signer, verifier string, err error) {
	var seed [ed25519.SeedSize]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	return keyTexts(name, seed)
}

// SignerFromSeed makes the key that follows from a seed. A store with a key that others know proves nothing: it is for tests and simulation.
func SignerFromSeed(name string, seed [32]byte) (Signer, error) {
	text, _, err := keyTexts(name, seed)
	if err != nil {
		return nil, err
	}
	return ParseSigner(text)
}

func keyTexts(name string, seed [32]byte) (signer, verifier string, err error) {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r == '+' || unicode.IsSpace(r) }) {
		return "", "", fmt.Errorf("key name %q: want at least one character, no spaces and no plus", name)
	}
	public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	verifier, err = note.NewEd25519VerifierKey(name, public)
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), append([]byte{algEd25519}, public...)...))
	secret := base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, seed[:]...))
	return fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, binary.BigEndian.Uint32(sum[:]), secret), verifier, nil
}

// ParseSigner reads the text of a secret key. Its errors never hold the text.
func ParseSigner(text string) (Signer, error) {
	text = strings.TrimSpace(text)
	signer, err := note.NewSigner(text)
	if err != nil {
		if _, err := note.NewVerifier(text); err == nil {
			return nil, errors.New("this is a public (verifier) key; the signer key begins with \"PRIVATE+KEY+\"")
		}
		return nil, errors.New("not a signer key: want one line that begins with \"PRIVATE+KEY+\", as made by init")
	}
	encoded := text[strings.LastIndexByte(text, '+')+1:]
	if parts := strings.SplitN(text, "+", 5); len(parts) == 5 {
		encoded = parts[4] // base64 has pluses of its own
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) != 1+ed25519.SeedSize {
		return nil, errors.New("not an Ed25519 signer key")
	}
	public := ed25519.NewKeyFromSeed(key[1:]).Public().(ed25519.PublicKey)
	verifier, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return nil, fmt.Errorf("signer key: %w", err)
	}
	return ed25519Signer{signer, verifier}, nil
}

// CheckVerifier says why text is not a verifier key, or nil.
func CheckVerifier(text string) error {
	if _, err := note.NewVerifier(strings.TrimSpace(text)); err != nil {
		if strings.HasPrefix(text, "PRIVATE+KEY+") {
			return errors.New("this is the secret signer key; verify takes the public one (genesis.pub)")
		}
		return fmt.Errorf("not a verifier key: %w; want one line such as \"firebreak/acme+1a2b3c4d+AbCd\"", err)
	}
	return nil
}

// LoadSigner reads a secret key from a file that only its owner, who must be the user of this process, can read.
func LoadSigner(path string) (Signer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("signer key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("signer key: %w", err)
	}
	if err := CheckPrivate(path, info); err != nil {
		return nil, fmt.Errorf("signer key: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return nil, fmt.Errorf("signer key: %w", err)
	}
	signer, err := ParseSigner(string(text))
	if err != nil {
		return nil, fmt.Errorf("signer key %q: %w", path, err)
	}
	return signer, nil
}

// SaveSigner writes a secret key to a new file that only its owner can read, and syncs it. An existing file is an error: a key that signed
// something must not be lost.
func SaveSigner(path, signer string) error {
	if _, err := ParseSigner(signer); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("save the signer key: %w", err)
	}
	_, err = f.WriteString(strings.TrimSpace(signer) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("save the signer key: %w", err)
	}
	return nil
}

// CheckPrivate says why a file is not private to the user of this process, and the command that makes it so; nil when it is.
func CheckPrivate(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%q is not a regular file", path)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return fmt.Errorf("%q can be read or written by others (mode %#o): run chmod 600 %q", path, info.Mode().Perm(), path)
	}
	return checkOwner(path, info)
}
