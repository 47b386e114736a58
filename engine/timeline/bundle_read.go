package timeline

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// The most that a part of a bundle may take; a bundle can come from anybody.
const (
	maxBundleFiles  = 200_000
	maxSmallFile    = 32 << 20 // manifest, checkpoint: read at once
	maxBundleLine   = 128 << 10
	tarBlock        = 512
	maxBundleOfName = 100
)

// bundleNames are the files that a bundle may have.
var bundleNames = regexp.MustCompile(`^(VERIFY\.txt|checkpoint|manifest\.json|records\.jsonl|proofs/inclusion\.jsonl|evidence/index\.json|timeline\.(html|json|md)|plan/(run-[1-9][0-9]{0,8}|scenario)\.json|blobs/[0-9a-f]{64})$`)

// part is where a file stands in a bundle.
type bundlePart struct {
	name string
	at   int64
	size int64
}

// archive is an opened bundle.
type archive struct {
	io.ReaderAt
	parts []bundlePart
	named map[string]bundlePart
}

// broken is an error about the tar itself.
type broken struct {
	kind, file, what string
}

func (b *broken) Error() string { return b.what }

// openBundle lists the files of a tar. It takes only what writeBundle writes,
// byte for byte, so that no byte of it can be another unseen.
func openBundle(r io.ReaderAt, size int64) (*archive, error) {
	a := &archive{ReaderAt: r, named: map[string]bundlePart{}}
	last := ""
	var block [tarBlock]byte
	for at := int64(0); ; {
		if _, err := r.ReadAt(block[:], at); err != nil {
			return a, &broken{BundleDamaged, "", fmt.Sprintf("the tar ends after %d bytes, in the middle", size)}
		}
		if block == ([tarBlock]byte{}) {
			return a, a.ends(at, size)
		}
		name, length, err := parseHeader(block[:])
		if err != nil {
			return a, &broken{BundleAltered, name, fmt.Sprintf("the header at byte %d is not one that firebreak writes: %v", at, err)}
		}
		switch {
		case !bundleNames.MatchString(name):
			return a, &broken{BundleAltered, "", fmt.Sprintf("file %q does not belong into a bundle", Cut(name, maxBundleOfName))}
		case name <= last:
			return a, &broken{BundleAltered, name, "the files are not in the order of their names, or one is there twice"}
		case len(a.parts) >= maxBundleFiles:
			return a, &broken{BundleDamaged, "", fmt.Sprintf("more than %d files", maxBundleFiles)}
		case length > size-at-tarBlock:
			return a, &broken{BundleDamaged, name, fmt.Sprintf("it should have %d bytes and the tar ends before", length)}
		}
		p := bundlePart{name, at + tarBlock, length}
		a.parts, a.named[name], last = append(a.parts, p), p, name
		padded := (length + tarBlock - 1) / tarBlock * tarBlock
		padding := make([]byte, padded-length)
		if _, err := r.ReadAt(padding, p.at+length); err != nil && len(padding) > 0 {
			return a, &broken{BundleDamaged, name, "the tar ends in the middle of it"}
		}
		if strings.Trim(string(padding), "\x00") != "" {
			return a, &broken{BundleAltered, name, "there is something between its end and the next file"}
		}
		at = p.at + padded
	}
}

// ends checks the end of the tar: two empty blocks and nothing else.
func (a *archive) ends(at, size int64) error {
	var block [tarBlock]byte
	if _, err := a.ReadAt(block[:], at+tarBlock); err != nil && !errors.Is(err, io.EOF) || size < at+2*tarBlock {
		return &broken{BundleDamaged, "", "the end of the tar is missing"}
	}
	if block != ([tarBlock]byte{}) || size != at+2*tarBlock {
		return &broken{BundleAltered, "", "there is something after the end of the tar"}
	}
	return nil
}

// parseHeader reads a tar header, and refuses one with other bytes than ours.
func parseHeader(block []byte) (string, int64, error) {
	h, err := tar.NewReader(bytes.NewReader(block)).Next()
	if err != nil {
		return "", 0, err
	}
	if h.Size < 0 {
		return h.Name, 0, errors.New("a size below zero")
	}
	var want bytes.Buffer
	if err := tar.NewWriter(&want).WriteHeader(tarHeader(h.Name, h.Size)); err != nil {
		return h.Name, 0, err
	}
	if !bytes.Equal(want.Bytes(), block) {
		return h.Name, 0, errors.New("another kind of file, owner, mode or time")
	}
	return h.Name, h.Size, nil
}

func (a *archive) open(name string) (io.Reader, bool) {
	p, ok := a.named[name]
	return io.NewSectionReader(a, p.at, p.size), ok
}

// small reads a file at once.
func (a *archive) small(name string, most int64) ([]byte, error) {
	p, ok := a.named[name]
	switch {
	case !ok:
		return nil, fmt.Errorf("%s is not in the bundle", name)
	case p.size > most:
		return nil, fmt.Errorf("%s has %d bytes; it may have %d", name, p.size, most)
	}
	data := make([]byte, p.size)
	if _, err := a.ReadAt(data, p.at); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	return data, nil
}

// readManifest reads what the bundle says of itself; it takes only the bytes
// that are written for what it says.
func (a *archive) readManifest() (manifest, error) {
	var m manifest
	data, err := a.small(bundleManifest, maxSmallFile)
	if err != nil {
		return m, err
	}
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(&m); err != nil {
		return m, fmt.Errorf("the manifest cannot be read: %w", err)
	}
	again, err := m.encode()
	if err != nil || !bytes.Equal(again, data) {
		return m, errAltered
	}
	return m, nil
}

var errAltered = errors.New("the manifest is not what was written: its digest differs")
