package journal

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"
)

// leafVersion is the "v" of every leaf. It changes only together with the meaning of a member.
const leafVersion = 1

var streamName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// ValidStream reports whether name may name a stream.
func ValidStream(name string) bool { return streamName.MatchString(name) }

// encodeLeaf fills e.Leaf and e.Hash from the rest of e. The members are in the order of their names; optional ones are absent
// when unset:
//
//	{"blobs":["<hex>",…],"close":true,"data":{…},"epoch":7,"n":17,"nonce":"…","prev":"<hex>","seq":1042,"stream":"INC-12","v":1}
func encodeLeaf(e *Entry) {
	out := make([]byte, 0, len(e.Data)+256+68*len(e.Blobs)+len(e.Nonce))
	out = append(out, '{')
	for i, digest := range e.Blobs {
		if i == 0 {
			out = append(out, `"blobs":[`...)
		} else {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = append(out, digest...)
		out = append(out, '"')
	}
	if len(e.Blobs) > 0 {
		out = append(out, `],`...)
	}
	if e.Close {
		out = append(out, `"close":true,`...)
	}
	out = append(out, `"data":`...)
	out = append(out, e.Data...)
	out = append(out, `,"epoch":`...)
	out = strconv.AppendInt(out, e.Epoch, 10)
	out = append(out, `,"n":`...)
	out = strconv.AppendInt(out, e.N, 10)
	if e.Nonce != "" {
		out = append(out, `,"nonce":`...)
		out = appendText(out, []byte(e.Nonce))
	}
	out = append(out, `,"prev":"`...)
	out = hex.AppendEncode(out, e.Prev[:])
	out = append(out, `","seq":`...)
	out = strconv.AppendInt(out, e.Seq, 10)
	out = append(out, `,"stream":"`...)
	out = append(out, e.Stream...)
	out = append(out, `","v":`...)
	out = strconv.AppendInt(out, leafVersion, 10)
	out = append(out, '}')
	e.Leaf, e.Hash = out, tlog.RecordHash(out)
}

// ParseLeaf reads stored bytes back. It accepts only what a store writes: canonical form, these members and no others.
// The entry's slices are parts of leaf.
func ParseLeaf(leaf []byte) (Entry, error) {
	e := Entry{Leaf: leaf, Hash: tlog.RecordHash(leaf)}
	s := scanner{src: leaf}
	if !s.literal("{") {
		return Entry{}, s.fail("a leaf is an object")
	}
	if s.literal(`"blobs":[`) {
		for {
			digest, err := s.hash()
			if err != nil {
				return Entry{}, err
			}
			e.Blobs = append(e.Blobs, hex.EncodeToString(digest[:]))
			if s.literal(`],`) {
				break
			}
			if !s.literal(`,`) {
				return Entry{}, s.fail("no comma or bracket after a digest")
			}
		}
	}
	e.Close = s.literal(`"close":true,`)
	if !s.literal(`"data":`) || s.peek() != '{' {
		return Entry{}, s.fail(`no "data" object`)
	}
	start := s.i
	if err := s.value(MaxDepth); err != nil {
		return Entry{}, err
	}
	e.Data = leaf[start:s.i]

	var err error
	if e.Epoch, err = s.natural(`,"epoch":`); err != nil {
		return Entry{}, err
	}
	if e.N, err = s.natural(`,"n":`); err != nil {
		return Entry{}, err
	}
	if s.literal(`,"nonce":`) {
		raw, err := s.text()
		if err != nil {
			return Entry{}, err
		}
		if e.Nonce = unescape(raw); e.Nonce == "" || len(e.Nonce) > MaxNonce {
			return Entry{}, s.fail("nonce is empty or too long")
		}
	}
	if !s.literal(`,"prev":`) {
		return Entry{}, s.fail(`no "prev"`)
	}
	if e.Prev, err = s.hash(); err != nil {
		return Entry{}, err
	}
	if e.Seq, err = s.natural(`,"seq":`); err != nil {
		return Entry{}, err
	}
	if !s.literal(`,"stream":`) {
		return Entry{}, s.fail(`no "stream"`)
	}
	name, err := s.text()
	if err != nil {
		return Entry{}, err
	}
	if e.Stream = string(name); !ValidStream(e.Stream) {
		return Entry{}, s.fail("malformed stream name")
	}
	version, err := s.natural(`,"v":`)
	if err != nil {
		return Entry{}, err
	}
	if version != leafVersion {
		return Entry{}, fmt.Errorf("leaf version %d is newer than this program (%d): use the version that wrote it", version, leafVersion)
	}
	if !s.literal(`}`) || s.i != len(leaf) {
		return Entry{}, s.fail("something after the last member")
	}
	return e, nil
}

// natural reads `label<integer>`, not negative.
func (s *scanner) natural(label string) (int64, error) {
	if !s.literal(label) {
		return 0, s.fail("no " + label[1:len(label)-1])
	}
	n, err := s.integer()
	if err == nil && n < 0 {
		return 0, s.fail("negative " + label[1:len(label)-1])
	}
	return n, err
}

// hash reads a quoted hash of 64 lower-case hex digits.
func (s *scanner) hash() (h [32]byte, err error) {
	raw, err := s.text()
	if err != nil {
		return h, err
	}
	if len(raw) != 64 || bytes.ContainsAny(raw, "ABCDEF") {
		return h, s.fail("malformed hash")
	}
	if _, err := hex.Decode(h[:], raw); err != nil {
		return h, s.fail("malformed hash")
	}
	return h, nil
}

func checkNonce(nonce string) error {
	if len(nonce) > MaxNonce || !utf8.ValidString(nonce) {
		return fmt.Errorf("nonce of %d bytes: want valid UTF-8 of at most %d: %w", len(nonce), MaxNonce, ErrInvalid)
	}
	return nil
}
