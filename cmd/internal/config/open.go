package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// fileKind says what a file named in the config must and must not be.
type fileKind int

const (
	openFile    fileKind = iota // others may read it; it may be missing here
	runbookFile                 // a folder or a file; must be there
	secretFile                  // others may not read it; may be missing here
	journalFile                 // as a secret, and its folder belongs to us alone
	socketFile                  // its folder belongs to us alone
	ourFolder                   // the folder of the last two
)

// maxSocketPath is what every system can bind to; Linux takes 107 bytes, macOS 103.
const maxSocketPath = 103

// look checks a named file on disk. What is missing and may be, is fine.
func (c *config) look(f named) {
	info, err := os.Stat(f.path)
	missing := err != nil
	switch {
	case f.kind == socketFile && len(f.path) > maxSocketPath:
		c.warn(f.node, "give a shorter path, such as /run/firebreak/firebreak.sock", "%s is a path of %d bytes; some systems take only %d", f.at, len(f.path), maxSocketPath)
	case f.kind == runbookFile && missing:
		c.fault(f.node, "check the path; it is relative to the folder of the config", "%s names %q, which cannot be found", f.at, f.path)
		return
	case f.kind != runbookFile && !missing && info.IsDir():
		c.fault(f.node, "name a file in it", "%s names %q, which is a folder", f.at, f.path)
		return
	}
	if f.kind == journalFile || f.kind == socketFile {
		folder := filepath.Dir(f.path)
		if what, next := tooOpen(folder, ourFolder); what != "" {
			c.fault(f.node, next, "the folder %q of %s %s", folder, f.at, what)
		}
	}
	switch f.kind {
	case runbookFile:
		c.lookInside(f)
		return
	case socketFile:
		return // whoever may come in is known by the kernel's word, and judged by the directory
	}
	if what, next := tooOpen(f.path, f.kind); what != "" {
		c.fault(f.node, next, "%s names %q, which %s", f.at, f.path, what)
	}
}

// lookInside checks a folder of runbooks with all that is in it: whoever may
// write there decides what is run.
func (c *config) lookInside(f named) {
	root, err := filepath.EvalSymlinks(f.path)
	if err == nil {
		err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case path == root:
			case entry.IsDir() && strings.HasPrefix(entry.Name(), "."):
				return fs.SkipDir
			case !entry.IsDir() && filepath.Ext(path) != ".yaml" && filepath.Ext(path) != ".yml":
				return nil
			}
			shown := f.path + strings.TrimPrefix(path, root)
			if what, next := tooOpen(shown, runbookFile); what != "" {
				c.fault(f.node, next, "%s names %q, which %s", f.at, shown, what)
			}
			return nil
		})
	}
	if err != nil {
		c.fault(f.node, "make it readable, or take it out", "%s names %q, which cannot be read: %v", f.at, f.path, err)
	}
}

// tooOpen says who else may write (and for what is secret, read) a file, and
// the command that ends it. A folder like /tmp, where each may only touch their
// own files, will do for the journal and the socket. A missing file is fine.
func tooOpen(path string, kind fileKind) (what, next string) {
	info, err := os.Stat(path)
	if err != nil {
		return "", ""
	}
	mode := info.Mode().Perm()
	secret := kind == secretFile || kind == journalFile
	switch {
	case secret && mode&0o077 != 0:
		return fmt.Sprintf("can be read or written by others (mode %04o)", mode), "run: chmod 600 " + quoted(path)
	case kind == ourFolder && info.Mode()&fs.ModeSticky != 0:
		return "", ""
	case mode&0o022 != 0:
		return fmt.Sprintf("can be written by others (mode %04o)", mode), "run: chmod go-w " + quoted(path)
	}
	return "", ""
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	safe := func(r rune) bool {
		return r == '/' || r == '.' || r == '-' || r == '_' || r == '+' || r == ',' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	if strings.ContainsFunc(path, func(r rune) bool { return !safe(r) }) {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
