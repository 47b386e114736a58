package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Item is one document to keep. Its key is <incident>/<run>/<step>/<name>.
type Item struct {
	Name        string // may hold slashes: "i-0abc/console.txt"
	Body        []byte
	ContentType string // empty: application/octet-stream
	Hold        bool   // put a legal hold on it too, which needs s3:PutObjectLegalHold
}

// Stored is an object of evidence as S3 holds it.
type Stored struct {
	Bucket      string    `json:"bucket" doc:"bucket that holds it"`
	Key         string    `json:"key" doc:"its key"`
	VersionID   string    `json:"version_id" doc:"version of the key that is the evidence"`
	SHA256      string    `json:"sha256" doc:"checksum of its bytes, in hex"`
	Mode        string    `json:"mode" doc:"GOVERNANCE or COMPLIANCE"`
	Size        int       `json:"size" doc:"bytes"`
	RetainUntil time.Time `json:"retain_until" doc:"nobody can delete it before"`
	Hold        bool      `json:"legal_hold,omitempty" doc:"whether a legal hold keeps it beyond that"`
}

// maxItem is what one request may carry and a step may hold in memory, in bytes.
const maxItem = 256 << 20

// conflicts is how often a put is made again after S3 said that another one was
// on its way to the same key.
const conflicts = 3

// Put stores an item under its lock, if its key is free. The same bytes under
// that key are taken for an earlier attempt's, and are success. The error is of
// class precondition when other bytes are there, or when the bucket takes no
// locks; invalid for a place or a name that cannot be.
func Put(ctx context.Context, c *cloud.Conn, call actions.Call, place cloud.Evidence, item Item) (Stored, error) {
	stored, _, err := put(ctx, c, call, place, item)
	return stored, err
}

// put also gives the id of the request that stored the item; empty when an
// earlier attempt did.
func put(ctx context.Context, c *cloud.Conn, call actions.Call, place cloud.Evidence, item Item) (Stored, string, error) {
	const op = "s3:PutObject"
	b, place, err := open(c, place)
	if err != nil {
		return Stored{}, "", err
	}
	key, err := keyOf(call, item.Name)
	if err != nil {
		return Stored{}, "", err
	}
	if len(item.Body) > maxItem {
		return Stored{}, "", &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf("%q has %d bytes, more than the %d that are stored in one piece", item.Name, len(item.Body), maxItem), Hint: "collect it in parts"}
	}
	sum := sha256.Sum256(item.Body)
	want := Stored{Bucket: b.name, Key: key, SHA256: hex.EncodeToString(sum[:]), Mode: place.Mode, Size: len(item.Body), RetainUntil: retainUntil(call, place), Hold: item.Hold}
	in := &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, ExpectedBucketOwner: b.owner, Body: bytes.NewReader(item.Body),
		ContentType: aws.String("application/octet-stream"), IfNoneMatch: aws.String("*"),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])), ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
		ObjectLockMode: types.ObjectLockMode(place.Mode), ObjectLockRetainUntilDate: &want.RetainUntil,
		Metadata: map[string]string{"firebreak-sha256": want.SHA256, "firebreak-incident": cloud.Word(call.Incident, 64),
			"firebreak-run": cloud.Word(call.Run, 64), "firebreak-step": cloud.Word(call.Step, 128)},
	}
	if item.ContentType != "" {
		in.ContentType = &item.ContentType
	}
	if item.Hold {
		in.ObjectLockLegalHoldStatus = types.ObjectLockLegalHoldStatusOn
	}
	if place.KMSKey != "" {
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, &place.KMSKey
	}
	var out *s3.PutObjectOutput
	for range conflicts {
		in.Body = bytes.NewReader(item.Body)
		if out, err = do(ctx, b, cloud.Writes, op, (*s3.Client).PutObject, in); cloud.Code(err) != "ConditionalRequestConflict" {
			break
		}
	}
	switch {
	case cloud.Code(err) == "PreconditionFailed":
		stored, err := b.already(ctx, want)
		return stored, "", err
	case err != nil:
		return Stored{}, "", err
	}
	id, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	want.VersionID = aws.ToString(out.VersionId)
	found, err := b.readBack(ctx, want)
	if err != nil || found.VersionID != want.VersionID {
		// It is stored under that version, even when it cannot be read at once or
		// somebody wrote over it at once. Check looks at it again.
		return want, id, nil
	}
	return want.recorded(found), id, nil
}

// recorded is what S3 shows, under the lock that was asked for where it shows a
// weaker one: else [Check] would hold the weak lock against itself.
func (s Stored) recorded(found Stored) Stored {
	if found.RetainUntil.Before(s.RetainUntil) {
		found.RetainUntil = s.RetainUntil
	}
	found.Hold = found.Hold || s.Hold
	return found
}

// already takes what is under a key for an earlier attempt's work, when it is.
func (b *bucket) already(ctx context.Context, want Stored) (Stored, error) {
	found, err := b.readBack(ctx, want)
	if err != nil {
		return Stored{}, &actions.Error{Class: actions.Unknown, Op: "s3:PutObject", Err: fmt.Errorf("%q in bucket %q is there already, and cannot be compared: %w", want.Key, b.name, err),
			Hint: "repeat the step once firebreak may read that object"}
	}
	if found.SHA256 != want.SHA256 {
		return Stored{}, &actions.Error{Class: actions.Precondition, Op: "s3:PutObject",
			Err:  fmt.Errorf("%q in bucket %q already holds other bytes: SHA-256 %s, not %s", want.Key, b.name, known(found.SHA256), want.SHA256),
			Hint: "nothing was written; look at that object, and store this one under another name"}
	}
	return want.recorded(found), nil
}

// readBack gives the current object under the key of want as S3 describes it.
func (b *bucket) readBack(ctx context.Context, want Stored) (Stored, error) {
	head, err := do(ctx, b, cloud.Reads, "s3:HeadObject", (*s3.Client).HeadObject, &s3.HeadObjectInput{Bucket: &b.name, Key: &want.Key, ExpectedBucketOwner: b.owner, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return Stored{}, err
	}
	return described(want, head), nil
}

// described is what HeadObject says about the object called want.
func described(want Stored, head *s3.HeadObjectOutput) Stored {
	found := Stored{Bucket: want.Bucket, Key: want.Key, VersionID: aws.ToString(head.VersionId), Mode: string(head.ObjectLockMode), Size: int(aws.ToInt64(head.ContentLength)),
		RetainUntil: aws.ToTime(head.ObjectLockRetainUntilDate).UTC(), Hold: head.ObjectLockLegalHoldStatus == types.ObjectLockLegalHoldStatusOn}
	if sum, err := base64.StdEncoding.DecodeString(aws.ToString(head.ChecksumSHA256)); err == nil && len(sum) == sha256.Size {
		found.SHA256 = hex.EncodeToString(sum)
	}
	return found
}

// open checks a place, fills in what it leaves out, and opens its bucket.
func open(c *cloud.Conn, place cloud.Evidence) (*bucket, cloud.Evidence, error) {
	wrong := func(hint, format string, args ...any) error {
		return &actions.Error{Class: actions.Invalid, Op: "find the evidence bucket", Err: fmt.Errorf(format, args...), Hint: hint}
	}
	if place.Mode == "" {
		place.Mode = string(types.ObjectLockModeGovernance)
	}
	if place.Days == 0 {
		place.Days = 30
	}
	switch {
	case place.Bucket == "":
		return nil, place, wrong("give the environment an evidence bucket in the configuration, or give the step a bucket", "no bucket for evidence is configured")
	case place.Mode != string(types.ObjectLockModeGovernance) && place.Mode != string(types.ObjectLockModeCompliance):
		return nil, place, wrong("write GOVERNANCE or COMPLIANCE", "%q is no mode of Object Lock", place.Mode)
	case place.Days < 1 || place.Days > maxDays:
		return nil, place, wrong("", "evidence is kept from 1 to %d days, not %d", maxDays, place.Days)
	}
	return openBucket(c, place.Bucket, place.Owner), place, nil
}

// maxDays is the longest that S3 lets an object be locked.
const maxDays = 36500

// retainUntil is the same for every attempt of a step. S3 keeps whole seconds.
func retainUntil(call actions.Call, place cloud.Evidence) time.Time {
	return call.Started.UTC().AddDate(0, 0, place.Days).Truncate(time.Second)
}

// keyOf names an item in the bucket.
func keyOf(call actions.Call, name string) (string, error) {
	wrong := func(hint, format string, args ...any) (string, error) {
		return "", &actions.Error{Class: actions.Invalid, Op: "name the evidence", Err: fmt.Errorf(format, args...), Hint: hint}
	}
	if call.Started.IsZero() {
		return wrong("this is a bug: evidence is stored by execute, not by plan", "the step %q has not started", call.Step)
	}
	parts := []string{call.Incident, call.Run, call.Step}
	for _, part := range append(parts, strings.Split(name, "/")...) {
		if part == "" || part == "." || part == ".." {
			return wrong("write it like i-0abc/console.txt", "%q cannot be the name of an object of evidence", name)
		}
	}
	var words []string
	for _, part := range append(parts, strings.Split(name, "/")...) {
		words = append(words, word(part))
	}
	key := strings.Join(words, "/")
	if len(key) > 1000 {
		return wrong("choose a shorter name", "the key %q... is longer than S3 takes", key[:60])
	}
	return key, nil
}

// word writes one part of a key with the characters that every tool takes, and
// keeps different parts different: others become !xx, in hex.
func word(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "!%02x", c)
		}
	}
	return b.String()
}

func known(sum string) string {
	if sum == "" {
		return "not told"
	}
	return sum
}
