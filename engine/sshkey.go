package engine

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// The types of keys with which a vote may be signed. The sk ones live in a
// hardware key that wants to be touched for each signature.
const (
	keyEd25519   = "ssh-ed25519"
	keyECDSA     = "ecdsa-sha2-nistp256"
	keySKEd25519 = "sk-ssh-ed25519@openssh.com"
	keySKECDSA   = "sk-ecdsa-sha2-nistp256@openssh.com"
)

// maxKey is the longest public key, in bytes of its line without the comment.
const maxKey = 1024

// SSHKey is a public SSH key that may sign votes.
type SSHKey struct {
	kind        string
	blob        []byte
	ed          ed25519.PublicKey // of the ed25519 types
	ec          *ecdsa.PublicKey  // of the ecdsa types
	application string            // of the sk types: "ssh:"
}

// ParseSSHKey reads a line as it stands in an .pub file: type, base64, and a
// comment that is not kept. The error says what is wrong with the line and,
// where that helps, what to do.
func ParseSSHKey(line string) (SSHKey, error) {
	words := strings.Fields(line)
	switch {
	case strings.Contains(line, "PRIVATE KEY"):
		return SSHKey{}, errors.New("it is a private key; give the line of the .pub file, and replace the key if this file was ever shared")
	case len(words) < 2:
		return SSHKey{}, errors.New(`it is not a public key, which is written "ssh-ed25519 AAAA... comment", as in the .pub file`)
	}
	if err := usable(words[0]); err != nil {
		return SSHKey{}, err
	}
	if len(words[0])+1+len(words[1]) > maxKey {
		return SSHKey{}, fmt.Errorf("it has more than %d bytes", maxKey)
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(words[1])
	if err != nil {
		return SSHKey{}, errors.New("its second word is not base64; copy the whole line of the .pub file")
	}
	key, err := parseKeyBlob(blob)
	if err != nil {
		return SSHKey{}, err
	}
	if key.kind != words[0] {
		return SSHKey{}, fmt.Errorf("it says %q and holds a key of the type %q", words[0], key.kind)
	}
	return key, nil
}

// usable says why keys of a type are not taken, or nil.
func usable(kind string) error {
	const advice = "make one that is taken: ssh-keygen -t ed25519, or with a hardware key: ssh-keygen -t ed25519-sk"
	switch {
	case kind == keyEd25519, kind == keyECDSA, kind == keySKEd25519, kind == keySKECDSA:
		return nil
	case kind == "ssh-rsa" || strings.HasPrefix(kind, "rsa-sha2-"):
		return errors.New("RSA keys are not taken; " + advice)
	case kind == "ssh-dss":
		return errors.New("DSA keys are broken and not taken; " + advice)
	case strings.HasPrefix(kind, "ecdsa-sha2-nistp"):
		return errors.New("of the ECDSA keys only those of 256 bits are taken; " + advice)
	case strings.Contains(kind, "-cert-v"):
		return errors.New("certificates are not taken; give the key itself")
	}
	return fmt.Errorf("%s is no type of key that is taken; %s", quoted(kind), advice)
}

// quoted shows what a stranger wrote, bounded.
func quoted(s string) string {
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	return fmt.Sprintf("%+q", s)
}

// parseKeyBlob reads the wire form of a public key.
func parseKeyBlob(blob []byte) (SSHKey, error) {
	r := wire{rest: blob}
	k := SSHKey{kind: r.text(), blob: slices.Clone(blob)}
	if r.bad {
		return SSHKey{}, errors.New("the public key is cut off or damaged")
	}
	if err := usable(k.kind); err != nil {
		return SSHKey{}, err
	}
	switch k.kind {
	case keyEd25519, keySKEd25519:
		k.ed = ed25519.PublicKey(slices.Clone(r.bytes()))
		if len(k.ed) != ed25519.PublicKeySize {
			return SSHKey{}, errors.New("the public key is cut off or damaged")
		}
	default:
		curve, point := r.text(), r.bytes()
		if curve != "nistp256" {
			return SSHKey{}, errors.New("the public key is not on the curve that its type names")
		}
		var err error
		if k.ec, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point); err != nil {
			return SSHKey{}, errors.New("the public key is cut off or damaged")
		}
	}
	if k.hardware() {
		k.application = r.text()
		if !strings.HasPrefix(k.application, "ssh:") {
			return SSHKey{}, fmt.Errorf(`the hardware key was made for the application %s, and only those that begin with "ssh:" are taken`, quoted(k.application))
		}
	}
	if r.bad || len(r.rest) > 0 {
		return SSHKey{}, errors.New("the public key is cut off or damaged")
	}
	return k, nil
}

func (k SSHKey) hardware() bool { return strings.HasPrefix(k.kind, "sk-") }

// String is the key as it stands in an .pub file, without a comment.
func (k SSHKey) String() string { return k.kind + " " + base64.StdEncoding.EncodeToString(k.blob) }

// Fingerprint names the key as ssh-keygen -l does: "SHA256:...".
func (k SSHKey) Fingerprint() string {
	sum := sha256.Sum256(k.blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// Equal says whether two keys are the same.
func (k SSHKey) Equal(other SSHKey) bool { return bytes.Equal(k.blob, other.blob) }

// flagPresent is set by a hardware key that was touched for the signature.
const flagPresent = 0x01

// verify checks the signature part of an SSHSIG over the bytes signed.
func (k SSHKey) verify(signed, signature []byte) error {
	r := wire{rest: signature}
	kind, raw := r.text(), r.bytes()
	if r.bad {
		return errDamaged
	}
	if kind != k.kind {
		return fmt.Errorf("it was made as %s with a key of the type %q", quoted(kind), k.kind)
	}
	if k.hardware() {
		flags, counter := r.take(1), r.take(4)
		if r.bad {
			return errDamaged
		}
		if flags[0]&flagPresent == 0 {
			return errors.New("the hardware key was not touched for it; make the key without -O no-touch-required")
		}
		application, message := sha256.Sum256([]byte(k.application)), sha256.Sum256(signed)
		signed = slices.Concat(application[:], flags, counter, message[:])
	}
	if len(r.rest) > 0 {
		return errDamaged
	}
	good := false
	if k.ec == nil {
		good = len(raw) == ed25519.SignatureSize && ed25519.Verify(k.ed, signed, raw)
	} else {
		pair := wire{rest: raw}
		a, b := pair.number(), pair.number()
		if pair.bad || len(pair.rest) > 0 {
			return errDamaged
		}
		sum := sha256.Sum256(signed)
		good = ecdsa.Verify(k.ec, sum[:], a, b)
	}
	if !good {
		return errors.New("it is not over what was to be signed, or not by the key that it names")
	}
	return nil
}

// wire reads the encoding of SSH (RFC 4251). After the first read that does
// not fit, bad is set and all further ones give nothing.
type wire struct {
	rest []byte
	bad  bool
}

func (w *wire) take(n int) []byte {
	if w.bad || n < 0 || n > len(w.rest) {
		w.bad = true
		return nil
	}
	var out []byte
	out, w.rest = w.rest[:n], w.rest[n:]
	return out
}

func (w *wire) bytes() []byte {
	head := w.take(4)
	if w.bad {
		return nil
	}
	n := binary.BigEndian.Uint32(head)
	if n > maxArmor {
		w.bad = true
		return nil
	}
	return w.take(int(n))
}

func (w *wire) text() string { return string(w.bytes()) }

// number reads a positive mpint in its only form.
func (w *wire) number() *big.Int {
	b := w.bytes()
	if len(b) == 0 || b[0]&0x80 != 0 || b[0] == 0 && (len(b) == 1 || b[1]&0x80 == 0) {
		w.bad = true
	}
	return new(big.Int).SetBytes(b)
}

// framed writes values in the encoding of SSH, each with its length in front.
func framed(values ...[]byte) []byte {
	var out []byte
	for _, v := range values {
		out = binary.BigEndian.AppendUint32(out, uint32(len(v)))
		out = append(out, v...)
	}
	return out
}
