// Package library holds the ready runbooks that come with firebreak.
//
// A runbook in it is an ordinary file: copy it, change the owner and the
// groups, and keep it in git with your own.
package library

import (
	"embed"
	"path"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Entry is one ready runbook.
type Entry struct {
	ID     string // "leaked-access-key"
	Name   string // of the file: "leaked-access-key.yaml"
	Source []byte
}

// List gives all of them, sorted by id.
func List() []Entry {
	found, err := files.ReadDir(".")
	if err != nil {
		panic("library: " + err.Error()) // the files are part of the binary
	}
	var list []Entry
	for _, f := range found {
		src, err := files.ReadFile(f.Name())
		if err != nil {
			panic("library: " + err.Error())
		}
		list = append(list, Entry{ID: strings.TrimSuffix(f.Name(), path.Ext(f.Name())), Name: f.Name(), Source: src})
	}
	return list
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
