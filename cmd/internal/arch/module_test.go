package arch

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// top is all that may stand at the top level; dot files and folders besides.
var top = []string{"LICENSE", "Makefile", "README.md", "actions", "chatops", "cmd", "engine", "go.mod", "go.sum", "runbooks", "testdata"}

// leftovers are what builds leave there; git does not see them.
var leftovers = []string{"demo-out", "dist", "firebreak"}

func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(top, e.Name()) && !slices.Contains(leftovers, e.Name()) {
			t.Errorf("%s stands at the top level, which is full: %v; put it where it belongs", e.Name(), top)
		}
	}
}

func TestGoMod(t *testing.T) {
	for _, name := range []string{"go.mod", ".tools/go.mod"} {
		src, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		report(t, checkGoMod(name, src))
	}
	bad := []byte("module m\n\ngo 1.26.0\n\nreplace a.b/c => ../c\n\nexclude a.b/c v1.0.0\n")
	if got := checkGoMod("bad", bad); len(got) != 2 {
		t.Errorf("of a bad go.mod: got %q, want two faults", got)
	}
}

func checkGoMod(name string, src []byte) []string {
	f, err := modfile.Parse(name, src, nil)
	if err != nil {
		return []string{err.Error()}
	}
	var faults []string
	for _, r := range f.Replace {
		faults = append(faults, fmt.Sprintf("%s: replaces %s; `go install` refuses such a module, and nobody else builds what we built", name, r.Old.Path))
	}
	for _, e := range f.Exclude {
		faults = append(faults, fmt.Sprintf("%s: excludes %s; require the version that is wanted", name, e.Mod))
	}
	return faults
}

type licence struct {
	name, mark string
	shipped    bool // may be part of the binary
}

// licences are what a licence is known by, and where it may be used. The
// product is Apache-2.0: what is in the binary must let it be.
var licences = []licence{
	{"Apache-2.0", "Apache License Version 2.0", true},
	{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy", true},
	{"ISC", "Permission to use, copy, modify, and/or distribute this software for any purpose", true},
	{"BSD", "Redistribution and use in source and binary forms, with or without modification, are permitted", true},
	{"MPL-2.0", "Mozilla Public License Version 2.0", false}, // in tests only: nothing of it is given away
}

// TestLicences reads the licence of every module that is built, from the files
// of the module itself. Another licence is a decision of people: add a row.
func TestLicences(t *testing.T) {
	shipped, tested := modules(t), modules(t, "-test")
	if len(shipped) < 3 {
		t.Fatalf("found only %d modules; the test looks in the wrong place", len(shipped))
	}
	for name, dir := range tested {
		found := ""
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			upper := strings.ToUpper(f.Name())
			if found != "" || f.IsDir() || !strings.HasPrefix(upper, "LICENSE") && !strings.HasPrefix(upper, "LICENCE") && !strings.HasPrefix(upper, "COPYING") {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			found = licenceOf(string(text))
		}
		i := slices.IndexFunc(licences, func(l licence) bool { return l.name == found })
		switch _, inBinary := shipped[name]; {
		case i < 0:
			t.Errorf("%s has no licence that is known here; read it, and add a row or leave the module out", name)
		case inBinary && !licences[i].shipped:
			t.Errorf("%s is %s and would be part of the binary; it is for tests only", name, found)
		}
	}
}

// licenceOf knows a licence by its words, however they are laid out.
func licenceOf(text string) string {
	words := strings.Join(strings.Fields(text), " ")
	for _, l := range licences {
		if strings.Contains(words, l.mark) || strings.Contains(words, strings.Replace(l.mark, " Version", ", Version", 1)) {
			return l.name
		}
	}
	return ""
}

func TestLicenceOf(t *testing.T) {
	for text, want := range map[string]string{
		"   Apache License\n      Version 2.0, January 2004":                                                       "Apache-2.0",
		"Permission is hereby granted, free of charge, to any\nperson obtaining a copy of":                         "MIT",
		"Mozilla Public License, version 1.1":                                                                      "",
		"Mozilla Public License Version 2.0\n====":                                                                 "MPL-2.0",
		"GNU GENERAL PUBLIC LICENSE Version 3":                                                                     "",
		"Redistribution and use in source and binary forms, with or without\nmodification, are permitted provided": "BSD",
	} {
		if got := licenceOf(text); got != want {
			t.Errorf("licenceOf(%q): got %q, want %q", text, got, want)
		}
	}
}

// modules are the modules that the packages of the house are built from, and
// where their files are.
func modules(t *testing.T, flags ...string) map[string]string {
	t.Helper()
	args := slices.Concat([]string{"list", "-e", "-deps"}, flags, []string{"-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}", "./..."})
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	dirs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if name, dir, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			dirs[name] = dir
		}
	}
	return dirs
}
