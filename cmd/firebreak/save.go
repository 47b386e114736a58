package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// save writes a file whole or not at all: under another name in the same
// folder, and in its own place once all of it is on the disk. What write gives
// as its own error comes back as it is.
func save(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close() // it may be closed already
			_ = os.Remove(f.Name())
		}
	}()
	out := &writing{w: f}
	buffered := bufio.NewWriterSize(out, 64<<10)
	err = write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		out.err = f.Sync()
		err = out.err
	}
	if err == nil {
		out.err = f.Close()
		err = out.err
	}
	if err == nil {
		out.err = os.Rename(f.Name(), path)
		err = out.err
	}
	if out.err != nil {
		return disk(path, out.err)
	}
	return err
}

// saveNew writes a file that is not there yet, whole or not at all. One that is
// there is left as it is, and instead says what to do then.
func saveNew(path string, mode os.FileMode, data []byte, instead string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and was not replaced; %s", path, instead)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path) // ours since it was made
		return disk(path, err)
	}
	return nil
}

// disk says that a file could not be written.
func disk(path string, err error) error {
	hint := "name another place"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		hint = "make room, or " + hint
	}
	return fmt.Errorf("write %s: %w; nothing of it was left there: %s", path, err, hint)
}

// writing remembers the error of the file, to tell it from those of the content.
type writing struct {
	w   io.Writer
	err error
}

func (w *writing) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}
