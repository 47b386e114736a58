package journal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var originForm = regexp.MustCompile(`^firebreak/[A-Za-z0-9._-]{1,64}/[0-9a-f]{32}/[1-9][0-9]{0,8}$`)

// Origin names a store: its organization, its id (32 hex digits, chosen at creation) and its lineage, which is 1 for a new store and one
// more each time it is restored from a copy.
func Origin(org, id string, lineage int) (string, error) {
	origin := fmt.Sprintf("firebreak/%s/%s/%d", org, id, lineage)
	if !originForm.MatchString(origin) {
		return "", fmt.Errorf("origin %q: want an organization of [A-Za-z0-9._-], an id of 32 hex digits and a lineage from 1", origin)
	}
	return origin, nil
}

// SignCheckpoint makes the signed checkpoint of one root.
func SignCheckpoint(signer Signer, origin string, size int64, root [32]byte) (Checkpoint, error) {
	text := origin + "\n" + strconv.FormatInt(size, 10) + "\n" + base64.StdEncoding.EncodeToString(root[:]) + "\n"
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("sign the checkpoint: %w", err)
	}
	return Checkpoint{Origin: origin, Size: size, Root: root, Note: signed}, nil
}

// OpenCheckpoint reads a signed note and checks that the key signed it. Signatures by other keys are ignored.
func OpenCheckpoint(signed []byte, verifier string) (Checkpoint, error) {
	v, err := note.NewVerifier(strings.TrimSpace(verifier))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("verifier key: %w", err)
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		if _, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
			return Checkpoint{}, fmt.Errorf("the checkpoint is not signed by key %q (%08x)", v.Name(), v.KeyHash())
		}
		if _, ok := errors.AsType[*note.InvalidSignatureError](err); ok {
			return Checkpoint{}, fmt.Errorf("the signature of key %q under the checkpoint is false", v.Name())
		}
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	c, err := parseCheckpoint(n.Text)
	c.Note = signed
	return c, err
}

func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, errors.New("checkpoint: want three lines")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("checkpoint: malformed size %q", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: malformed root %q", lines[2])
	}
	if !originForm.MatchString(lines[0]) {
		return Checkpoint{}, fmt.Errorf("checkpoint: malformed origin %q", lines[0])
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

// ParseAnchor reads what an outside place kept about a log: a whole signed checkpoint, or "size root" (or "size:root") with the root
// in base64, as printed beside a message. A signature is not checked here; verify does that.
func ParseAnchor(text string) (Checkpoint, error) {
	if body, _, ok := strings.Cut(text, "\n\n"); ok {
		c, err := parseCheckpoint(body + "\n")
		c.Note = []byte(text)
		return c, err
	}
	size, root, ok := strings.Cut(strings.TrimSpace(text), ":")
	if !ok {
		size, root, ok = strings.Cut(strings.TrimSpace(text), " ")
	}
	n, err := strconv.ParseInt(size, 10, 64)
	hash, rootErr := tlog.ParseHash(strings.TrimSpace(root))
	if !ok || err != nil || n < 0 || rootErr != nil {
		return Checkpoint{}, fmt.Errorf("anchor %q: want a signed checkpoint, or a size and a root such as \"42:base64\"", text)
	}
	return Checkpoint{Size: n, Root: hash}, nil
}
