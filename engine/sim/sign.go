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
	actor.Keys = []string{KeyOf(actor.ID)}
	ballot, err := step.Ballot(*actor)
	if err != nil {
		return v // the vote itself is refused for the same reason
	}
	v.Signature = SignBallot(actor.ID, ballot)
	return v
}

// keyOf derives a person's key from the name; it stands in no file, and no
// directory of real people can hold it by chance.
func keyOf(person string) (ed25519.PrivateKey, []byte) {
	seed := sha256.Sum256([]byte("firebreak sim key of " + person))
	key := ed25519.NewKeyFromSeed(seed[:])
	return key, wire([]byte("ssh-ed25519"), key.Public().(ed25519.PublicKey))
}

// KeyOf is the public SSH key that a person has in a story or an exercise.
func KeyOf(person string) string {
	_, public := keyOf(person)
	return "ssh-ed25519 " + base64.StdEncoding.EncodeToString(public)
}

// SignBallot is the armored SSH signature of a person over a vote, with the key
// of [KeyOf].
func SignBallot(person string, ballot engine.Ballot) string {
	key, public := keyOf(person)
	sum := sha512.Sum512(engine.VoteMessage(ballot))
	namespace, hash := []byte(engine.VoteNamespace), []byte("sha512")
	signed := ed25519.Sign(key, append([]byte("SSHSIG"), wire(namespace, nil, hash, sum[:])...))
	blob := append([]byte("SSHSIG\x00\x00\x00\x01"), wire(public, namespace, nil, hash, wire([]byte("ssh-ed25519"), signed))...)
	return "-----BEGIN SSH SIGNATURE-----\n" + base64.StdEncoding.EncodeToString(blob) + "\n-----END SSH SIGNATURE-----\n"
}

// wire writes texts as SSH does: each behind its length.
func wire(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(p))), p...)
	}
	return out
}
