package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/cmd/internal/local"
	"github.com/firebreak-ir/firebreak/engine"
)

// folder lists what is in a folder.
func folder(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestSaveIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "t.csv")
	broken := errors.New("the record cannot be read")
	err := save(path, func(w io.Writer) error {
		if _, err := io.WriteString(w, strings.Repeat("half ", 100_000)); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) || len(folder(t, dir)) != 0 {
		t.Errorf("got %v, and the folder holds %q", err, folder(t, dir))
	}
	for _, text := range []string{"first", "second"} { // and replaces what is there
		if err := save(path, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		info, _ := os.Stat(path)
		if err != nil || string(data) != text || info.Mode().Perm() != 0o600 || len(folder(t, dir)) != 1 {
			t.Errorf("got %q with mode %v, %v; the folder holds %q", data, info.Mode(), err, folder(t, dir))
		}
	}
	// What was there stays when the new one does not come about.
	if err := save(path, func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "second" {
		t.Errorf("the old file holds %q, %v", data, err)
	}
}

// What is there already is somebody's, and stays.
func TestSaveNewReplacesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.yaml")
	if err := saveNew(path, 0o644, []byte("first"), "name another file"); err != nil {
		t.Fatal(err)
	}
	err := saveNew(path, 0o644, []byte("second"), "name another file")
	if want := path + " is there already and was not replaced; name another file"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "first" {
		t.Errorf("the file holds %q, %v", data, err)
	}
	err = saveNew(filepath.Join(path, "below"), 0o644, nil, "name another file")
	if err == nil || !strings.HasPrefix(err.Error(), "write "+path) {
		t.Errorf("got %v", err)
	}
}

// A disk that is full is named, and leaves nothing behind.
func TestSaveOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "t.csv")
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 100_000, Max: old.Max}); err != nil {
		t.Skip("the size of files cannot be limited here:", err)
	}
	defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old) }()
	err := save(path, func(w io.Writer) error {
		for range 100 {
			if _, err := io.WriteString(w, strings.Repeat("x", 10_000)); err != nil {
				return fmt.Errorf("write the record: %w", err)
			}
		}
		return nil
	})
	if err == nil || !strings.HasPrefix(err.Error(), "write "+path+": ") || !strings.Contains(err.Error(), "nothing of it was left there") || len(folder(t, dir)) != 0 {
		t.Errorf("got %v, and the folder holds %q", err, folder(t, dir))
	}
	err = saveNew(path, 0o600, []byte(strings.Repeat("x", 200_000)), "name another file")
	if err == nil || !strings.Contains(err.Error(), "nothing of it was left there") || len(folder(t, dir)) != 0 {
		t.Errorf("a new file: got %v, and the folder holds %q", err, folder(t, dir))
	}
	if got := disk("t.csv", syscall.ENOSPC).Error(); got != "write t.csv: no space left on device; nothing of it was left there: make room, or name another place" {
		t.Errorf("got %q", got)
	}
}

func TestPlaceIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "place")
	f := local.Follow{Format: "jsonl"}
	if err := placeOf(path, &f); err != nil || f.From != 0 || f.Origin != "" {
		t.Errorf("a state that is not there: %+v, %v", f, err)
	}
	f.From, f.Origin = 41, "firebreak/acme/1/1"
	if err := keepPlace(path, f); err != nil {
		t.Fatal(err)
	}
	var back local.Follow
	if err := placeOf(path, &back); err != nil || back.From != 41 || back.Origin != f.Origin {
		t.Errorf("got %+v, %v", back, err)
	}
	for _, bad := range []string{"", "{}", `{"version":2,"origin":"a","next":1}`, `{"version":1,"origin":"","next":1}`, `{"version":1,"origin":"a","next":-1}`, "seq,id"} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := placeOf(path, &back); err == nil || !strings.Contains(err.Error(), "take it away to begin at 0") {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

// sinkhole takes so many lines and no more.
type sinkhole struct {
	bytes.Buffer
	room int
}

var errFull = errors.New("nobody reads any more")

func (s *sinkhole) Write(p []byte) (int, error) {
	if s.room--; s.room < 0 {
		return 0, errFull
	}
	return s.Buffer.Write(p)
}

// A place is remembered once its lines are out, never before; so what could not
// be written comes again.
func TestPlaceFollowsTheLines(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "fb") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := local.NewServer(local.Options{
		Directory: func() *chatops.Directory { return &chatops.Directory{} },
		Follow: func(_ context.Context, _ engine.Actor, f local.Follow, send func(local.Batch) error) error {
			for n := f.From; n < 5; n++ {
				if err := send(local.Batch{Origin: "o", Next: n + 1, Lines: fmt.Appendf(nil, "%d\n", n)}); err != nil {
					return err
				}
			}
			return nil
		},
	})
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	state := filepath.Join(dir, "place")
	cfg := &config.Config{Socket: socket}
	follow := func(room int) (string, error) {
		out := &sinkhole{room: room}
		p := &program{streams: streams{out: out, err: io.Discard}}
		err := p.follow(t.Context(), cfg, local.Follow{Format: "jsonl", Once: true}, state)
		return out.String(), err
	}
	if got, err := follow(2); !errors.Is(err, errFull) || got != "0\n1\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := follow(9); err != nil || got != "2\n3\n4\n" {
		t.Errorf("after that: %q, %v", got, err)
	}
	if got, err := follow(9); err != nil || got != "" {
		t.Errorf("at the end: %q, %v", got, err)
	}
}
