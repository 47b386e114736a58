package sim

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"

	"github.com/firebreak-ir/firebreak/engine"
)

// Sign makes a yes count where the approval asks for a signature: with a key
// that is derived from the person's name and stands in no file. It gives the
// vote as it is where none is asked for, or where it would be refused anyway.
func Sign(actor *engine.Actor, step *engine.Step, v engine.Vote) engine.Vote {
	if step.Approval == nil || !step.Approval.StepUp {
		return v
	}
	seed := sha256.Sum256([]byte("firebreak sim key of " + actor.ID))
	key := ed25519.NewKeyFromSeed(seed[:])
	public := wire([]byte("ssh-ed25519"), key.Public().(ed25519.PublicKey))
	actor.Keys = []string{"ssh-ed25519 " + base64.StdEncoding.EncodeToString(public)}
	ballot, err := step.Ballot(*actor)
	if err != nil {
		return v // the vote itself is refused for the same reason
	}
	sum := sha512.Sum512(engine.VoteMessage(ballot))
	namespace, hash := []byte(engine.VoteNamespace), []byte("sha512")
	signed := ed25519.Sign(key, append([]byte("SSHSIG"), wire(namespace, nil, hash, sum[:])...))
	blob := append([]byte("SSHSIG\x00\x00\x00\x01"), wire(public, namespace, nil, hash, wire([]byte("ssh-ed25519"), signed))...)
	v.Signature = "-----BEGIN SSH SIGNATURE-----\n" + base64.StdEncoding.EncodeToString(blob) + "\n-----END SSH SIGNATURE-----\n"
	return v
}

// wire writes texts as SSH does: each behind its length.
func wire(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(p))), p...)
	}
	return out
}
