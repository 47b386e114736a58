package engine

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// The parts of an SSH signature, as PROTOCOL.sshsig of OpenSSH gives them.
const (
	armorBegin = "-----BEGIN SSH SIGNATURE-----"
	armorEnd   = "-----END SSH SIGNATURE-----"
	sigMagic   = "SSHSIG"
	sigVersion = 1

	maxArmor = 8 << 10 // bytes; real ones have about 300 to 500
)

var errDamaged = errors.New("it is cut off or damaged; take the whole text, from BEGIN SSH SIGNATURE to END SSH SIGNATURE")

// VerifySSH checks an armored SSH signature, as ssh-keygen -Y sign makes it,
// over a message, and gives the key that made it. Whose key that is, is not
// judged here. The error says in words for people why it does not hold.
func VerifySSH(armored, namespace string, message []byte) (SSHKey, error) {
	sig, err := parseSSHSig(armored)
	if err != nil {
		return SSHKey{}, err
	}
	if sig.namespace != namespace {
		return SSHKey{}, fmt.Errorf("it was made for %s, not for %q; sign with: ssh-keygen -Y sign -n %s", quoted(sig.namespace), namespace, namespace)
	}
	if err := sig.key.verify(sig.signed(message), sig.signature); err != nil {
		return SSHKey{}, err
	}
	return sig.key, nil
}

// sshSig is an SSH signature taken apart. Nothing about it was verified yet.
type sshSig struct {
	key       SSHKey
	namespace string
	reserved  []byte
	hash      string
	signature []byte
}

func parseSSHSig(armored string) (*sshSig, error) {
	blob, err := unarmor(armored)
	if err != nil {
		return nil, err
	}
	r := wire{rest: blob}
	if magic := r.take(len(sigMagic)); string(magic) != sigMagic {
		return nil, errDamaged
	}
	version := r.take(4)
	if r.bad {
		return nil, errDamaged
	}
	if n := binary.BigEndian.Uint32(version); n != sigVersion {
		return nil, fmt.Errorf("it is of version %d of the format, and only version %d is known", n, sigVersion)
	}
	public := r.bytes()
	s := &sshSig{namespace: r.text(), reserved: r.bytes(), hash: r.text(), signature: r.bytes()}
	if r.bad || len(r.rest) > 0 {
		return nil, errDamaged
	}
	if s.hash != "sha256" && s.hash != "sha512" {
		return nil, fmt.Errorf("it uses the hash %s, and only sha256 and sha512 are taken", quoted(s.hash))
	}
	if s.key, err = parseKeyBlob(public); err != nil {
		return nil, err
	}
	return s, nil
}

// unarmor takes the bytes out of the text around them.
func unarmor(armored string) ([]byte, error) {
	if len(armored) > maxArmor {
		return nil, fmt.Errorf("it has %d bytes, and a signature has at most %d", len(armored), maxArmor)
	}
	body, ok := strings.CutPrefix(strings.TrimSpace(armored), armorBegin)
	if !ok {
		return nil, errors.New("it does not begin with " + armorBegin)
	}
	if body, ok = strings.CutSuffix(body, armorEnd); !ok {
		return nil, errDamaged
	}
	body = strings.NewReplacer("\r\n", "", "\n", "").Replace(body)
	blob, err := base64.StdEncoding.Strict().DecodeString(body)
	if err != nil {
		return nil, errDamaged
	}
	return blob, nil
}

// signed is what the key signs: the message only by its hash.
func (s *sshSig) signed(message []byte) []byte {
	var sum []byte
	if s.hash == "sha256" {
		h := sha256.Sum256(message)
		sum = h[:]
	} else {
		h := sha512.Sum512(message)
		sum = h[:]
	}
	return append([]byte(sigMagic), framed([]byte(s.namespace), s.reserved, []byte(s.hash), sum)...)
}

// SignSSH signs as ssh-keygen -Y sign does, with a key in memory. It is for
// rehearsals and tests, whose people have no keys of their own; a person's key
// stays with the person.
func SignSSH(key ed25519.PrivateKey, namespace string, message []byte) string {
	s := &sshSig{key: ed25519Key(key), namespace: namespace, hash: "sha512"}
	signature := framed([]byte(keyEd25519), ed25519.Sign(key, s.signed(message)))
	return s.armor(signature)
}

func (s *sshSig) armor(signature []byte) string {
	blob := binary.BigEndian.AppendUint32([]byte(sigMagic), sigVersion)
	blob = append(blob, framed(s.key.blob, []byte(s.namespace), s.reserved, []byte(s.hash), signature)...)
	text := base64.StdEncoding.EncodeToString(blob)
	var b strings.Builder
	b.WriteString(armorBegin + "\n")
	for len(text) > 0 {
		n := min(len(text), 70)
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	b.WriteString(armorEnd + "\n")
	return b.String()
}

// ed25519Key is the public half of a key in memory.
func ed25519Key(key ed25519.PrivateKey) SSHKey {
	public := key.Public().(ed25519.PublicKey)
	return SSHKey{kind: keyEd25519, blob: framed([]byte(keyEd25519), public), ed: public}
}

// PublicSSH is the public half of a key in memory, as a directory holds it.
func PublicSSH(key ed25519.PrivateKey) string { return ed25519Key(key).String() }
