package runbookstest

import (
	"os"
	"path/filepath"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// Compiled compiles the good files of the tests of the language, by the name of
// the file, for tests that want real programs. Folder is the path to them,
// runbooks/testdata. A file that cannot be read or compiled is left out; the
// tests of the language say why.
func Compiled(folder string) map[string]*runbooks.Program {
	called, _ := runbooks.LoadAll(files(filepath.Join(folder, "callees", "*.yaml")), Catalog())
	out := map[string]*runbooks.Program{}
	for _, f := range files(filepath.Join(folder, "ok", "*.yaml")) {
		if p, found := runbooks.Load(f.Name, f.Src, Catalog(), called...); !found.HasErrors() {
			out[f.Name] = p
		}
	}
	return out
}

func files(pattern string) []runbooks.File {
	var out []runbooks.File
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	for _, path := range paths {
		if src, err := os.ReadFile(path); err == nil {
			out = append(out, runbooks.File{Name: filepath.Base(path), Src: src})
		}
	}
	return out
}
