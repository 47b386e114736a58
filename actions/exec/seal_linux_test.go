package exec

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
)

func pin(t *testing.T, text string, mode os.FileMode) File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return File{Path: path, SHA256: sumOf([]byte(text))}
}

// What was checked stays as it was, whatever happens to the file, and cannot
// be written to by anybody.
func TestSealedCopyCannotChange(t *testing.T) {
	f := pin(t, "the right words", 0o500)
	sealed, err := seal("tool", f, true)
	if err != nil {
		t.Fatal(err)
	}
	defer sealed.Close()
	for name, change := range map[string]func() error{
		"in place": func() error {
			if err := os.Chmod(f.Path, 0o700); err != nil {
				return err
			}
			return os.WriteFile(f.Path, []byte("other words"), 0o700)
		},
		"by another file": func() error {
			other := pin(t, "another file", 0o700)
			return os.Rename(other.Path, f.Path)
		},
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 15)
		if _, err := sealed.ReadAt(got, 0); err != nil || string(got) != "the right words" {
			t.Errorf("after a change %s: got %q, %v", name, got, err)
		}
	}
	if _, err := sealed.WriteAt([]byte("x"), 0); !errors.Is(err, syscall.EPERM) {
		t.Errorf("write: got %v, want EPERM", err)
	}
	if err := sealed.Truncate(0); !errors.Is(err, syscall.EPERM) {
		t.Errorf("truncate: got %v, want EPERM", err)
	}
	again, err := os.OpenFile("/proc/self/fd/"+strconv.Itoa(int(sealed.Fd())), os.O_RDWR, 0)
	if err == nil {
		defer again.Close()
		if _, err := again.Write([]byte("x")); !errors.Is(err, syscall.EPERM) {
			t.Errorf("write after opening it again: got %v, want EPERM", err)
		}
	}
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestSealRefuses(t *testing.T) {
	directory := t.TempDir()
	pipe := filepath.Join(directory, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := pin(t, "words", 0o500)
	wrong.SHA256 = sumOf([]byte("other words"))
	foreign := pin(t, "words", 0o500)
	if os.Geteuid() == 0 {
		if err := os.Chown(foreign.Path, 1234, 1234); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name  string
		file  File
		class actions.Class
		says  string
	}{
		{"missing", File{Path: filepath.Join(directory, "nothing")}, actions.NotFound, "does not exist"},
		{"directory", File{Path: directory}, actions.Precondition, "no regular file"},
		{"pipe", File{Path: pipe}, actions.Precondition, "no regular file"},
		{"group can write", pin(t, "words", 0o570), actions.Precondition, "chmod go-w"},
		{"all can write", pin(t, "words", 0o507), actions.Precondition, "others can write"},
		{"not executable", pin(t, "words", 0o600), actions.Precondition, "chmod +x"},
		{"script", pin(t, "#!/bin/sh\nexit 0\n", 0o500), actions.Precondition, "name the interpreter"},
		{"other content", wrong, actions.Precondition, "the configuration says"},
		{"of another user", foreign, actions.Precondition, "belongs to another user"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.file == foreign && os.Geteuid() != 0 {
				t.Skip("only root can give a file away")
			}
			f, err := seal("tool", test.file, true)
			if err == nil {
				f.Close()
			}
			if err == nil || actions.ClassOf(err) != test.class || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got class %s, error %v; want %s, %q", actions.ClassOf(err), err, test.class, test.says)
			}
		})
	}
	if f, err := seal("tool", pin(t, "#!/bin/sh\n", 0o400), false); err != nil {
		t.Errorf("a script with an interpreter: %v", err)
	} else {
		f.Close()
	}
}
