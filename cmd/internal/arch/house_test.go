package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/firebreak-ir/firebreak"
	root   = "../../.."
)

// source is one parsed Go file.
type source struct {
	name string // "engine/event.go"
	text string
	pkg  string // "engine"
	test bool   // a _test.go file
	fset *token.FileSet
	tree *ast.File
}

// at is a place in the file, for people.
func (s *source) at(n ast.Node) string {
	return s.name + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// imports are the paths the file imports; packages of ours without the module.
func (s *source) imports() []string {
	var paths []string
	for _, spec := range s.tree.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has refused it already
		}
		if rest, ours := strings.CutPrefix(p, module+"/"); ours {
			p = "./" + rest
		}
		paths = append(paths, p)
	}
	return paths
}

// house parses every Go file of the module, for whatever system it is.
func house(t *testing.T) []*source {
	t.Helper()
	var files []*source
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || entry.Name() == "demo-out"):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		s, err := parse(filepath.ToSlash(rel), string(text))
		files = append(files, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("found only %d files; the test looks in the wrong place", len(files))
	}
	return files
}

func parse(name, text string) (*source, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return &source{name: name, text: text, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), fset: fset, tree: tree}, err
}

// pieces parses the small files of a test of these tests: name and text, in turn.
func pieces(t *testing.T, nameText ...string) []*source {
	t.Helper()
	var files []*source
	for i := 0; i < len(nameText); i += 2 {
		s, err := parse(nameText[i], nameText[i+1])
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, s)
	}
	return files
}

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, fault := range faults {
		t.Error(fault)
	}
}
