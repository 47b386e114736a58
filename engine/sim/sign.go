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

// SignGlass signs that somebody breaks the glass at a step, as [Sign] signs a
// yes. It is never done without a signature.
func SignGlass(actor *engine.Actor, step *engine.Step, b engine.GlassBroken) engine.GlassBroken {
	actor.Keys = []string{KeyOf(actor.ID)}
	ballot, err := step.GlassBallot(*actor, b.Target, b.Reason)
	if err != nil {
		return b // it is refused for the same reason
	}
	b.Signature = SignBallot(actor.ID, ballot)
	return b
}

// Signed signs what a person does about a step where that has to be signed and
// is not, and gives everything else as it is.
func Signed(actor *engine.Actor, step *engine.Step, body engine.Body) engine.Body {
	switch b := body.(type) {
	case engine.Vote:
		if b.Approve && b.Signature == "" {
			return Sign(actor, step, b)
		}
	case engine.GlassBroken:
		if b.Signature == "" {
			return SignGlass(actor, step, b)
		}
	}
	return body
}

// keyOf derives a person's key from the name; it stands in no file, and no
// directory of real people can hold it by chance.
func keyOf(person string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("firebreak sim key of " + person))
	return ed25519.NewKeyFromSeed(seed[:])
}

// KeyOf is the public SSH key that a person has in a story or an exercise.
func KeyOf(person string) string { return engine.PublicSSH(keyOf(person)) }

// SignBallot is the armored SSH signature of a person over a vote, or over a
// glass that is broken, with the key of [KeyOf].
func SignBallot(person string, ballot engine.Ballot) string {
	return engine.SignSSH(keyOf(person), ballot.Namespace(), engine.VoteMessage(ballot))
}
