// Package library holds the ready runbooks that come with firebreak.
//
// A runbook in it is an ordinary file: copy it, change the owner and the
// groups, and keep it in git with your own. Its tests stand beside it, in a file
// that is named like it and ends in _test.yaml; the folder scenarios holds exercises.
package library

import (
	"embed"
	"path"
	"strings"
)

// The page and the picture of each runbook stand beside it.
//
//go:generate go run ../../cmd/firebreak docs leaked-access-key.yaml --out leaked-access-key.md
//go:generate go run ../../cmd/firebreak graph leaked-access-key.yaml --out leaked-access-key.svg
//go:generate go run ../../cmd/firebreak docs compromised-instance.yaml --out compromised-instance.md
//go:generate go run ../../cmd/firebreak graph compromised-instance.yaml --out compromised-instance.svg
//go:generate go run ../../cmd/firebreak docs exposed-bucket.yaml --out exposed-bucket.md
//go:generate go run ../../cmd/firebreak graph exposed-bucket.yaml --out exposed-bucket.svg
//go:generate go run ../../cmd/firebreak docs compromised-employee.yaml --out compromised-employee.md
//go:generate go run ../../cmd/firebreak graph compromised-employee.yaml --out compromised-employee.svg
//go:generate go run ../../cmd/firebreak docs leaked-secret.yaml --out leaked-secret.md
//go:generate go run ../../cmd/firebreak graph leaked-secret.yaml --out leaked-secret.svg
//go:generate go run ../../cmd/firebreak docs credential-rotation.yaml --out credential-rotation.md
//go:generate go run ../../cmd/firebreak graph credential-rotation.yaml --out credential-rotation.svg

//go:generate env CGO_ENABLED=0 go test -run ^TestScenariosTable$ -count=1 ../../cmd/internal/app -update

//go:embed *.yaml scenarios/*.yaml
var files embed.FS

// Entry is one ready runbook.
type Entry struct {
	ID     string // "leaked-access-key"
	Name   string // of the file: "leaked-access-key.yaml"
	Source []byte
}

// List gives all of them, sorted by id.
func List() []Entry { return list(false) }

// Tests gives the files of their tests, sorted by name; ID is that of the runbook.
func Tests() []Entry { return list(true) }

const testSuffix = "_test.yaml"

func list(tests bool) []Entry {
	return folder(".", func(name string) bool { return strings.HasSuffix(name, testSuffix) == tests })
}

// Scenarios gives the scenarios to rehearse these runbooks with, sorted by id;
// Name is "scenarios/leaked-access-key-friday.yaml".
func Scenarios() []Entry { return folder("scenarios", func(string) bool { return true }) }

func folder(dir string, want func(name string) bool) []Entry {
	found, err := files.ReadDir(dir)
	if err != nil {
		panic("library: " + err.Error()) // the files are part of the binary
	}
	var entries []Entry
	for _, f := range found {
		if f.IsDir() || !want(f.Name()) {
			continue
		}
		name := path.Join(dir, f.Name())
		src, err := files.ReadFile(name)
		if err != nil {
			panic("library: " + err.Error())
		}
		entries = append(entries, Entry{ID: strings.TrimSuffix(strings.TrimSuffix(f.Name(), testSuffix), path.Ext(f.Name())), Name: name, Source: src})
	}
	return entries
}

// Get finds one by id.
func Get(id string) (Entry, bool) {
	for _, e := range List() {
		if e.ID == id {
			return e, true
		}
	}
	return Entry{}, false
}
