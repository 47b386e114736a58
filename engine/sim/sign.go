package sim

import (
	"crypto/ed25519"
	"crypto/sha256"

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
func keyOf(person string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("firebreak sim key of " + person))
	return ed25519.NewKeyFromSeed(seed[:])
}

// KeyOf is the public SSH key that a person has in a story or an exercise.
func KeyOf(person string) string { return engine.PublicSSH(keyOf(person)) }

// SignBallot is the armored SSH signature of a person over a vote, with the key
// of [KeyOf].
func SignBallot(person string, ballot engine.Ballot) string {
	return engine.SignSSH(keyOf(person), engine.VoteNamespace, engine.VoteMessage(ballot))
}
