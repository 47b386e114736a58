package arch

import (
	"fmt"
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// bans are imports of the standard library that a package must not have.
var bans = []struct{ pkg, imports, why string }{
	{"engine", "net net/http net/url os os/exec os/user io/fs syscall runtime unsafe", "the core has no outside world: the same facts must give the same answer on every machine"},
	{"engine", "log log/slog", "the journal is the record; a fact that is only logged is lost"},
	{"engine", "math/rand math/rand/v2 crypto/rand", "ids and keys arrive in facts or are derived; chance cannot be replayed"},
	{"engine", "sync sync/atomic os/signal", "one goroutine owns an incident; the core starts none"},
	{"runbooks", "net net/http os/exec math/rand math/rand/v2 crypto/rand log log/slog", "compiling a file must not reach out, and must give the same program each time"},
	{"runbooks/iampolicy", "net net/http os os/exec", "rights are worked out from what is declared; nobody is asked and nothing is run"},
	{"chatops", "net net/http os os/exec log/slog math/rand math/rand/v2", "grammar, policy and replies are the same in every chat and in a test"},
	{"engine/journal", "net net/http os/exec", "a log knows its store and its keys, nothing else"},
	{"engine/plan", "net net/http os os/exec", "a plan reads through actions only"},
	{"engine/timeline", "net net/http os os/exec", "a timeline is worked out from facts; where it is written is the caller's business"},
}

// never are names that must not stand in any file, tests included.
var never = []struct{ name, why string }{
	{"NoSync", "an answer is given only after the sync; without it a crash loses what was promised"},
	{"NoGrowSync", "the file must be whole after a crash while it grows"},
	{"InsecureSkipVerify", "there is no reason to talk to somebody who cannot say who they are"},
}

var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)

func TestRules(t *testing.T) { report(t, checkRules(house(t))) }

func checkRules(files []*source) []string {
	var faults []string
	comments := map[string][]string{} // files with a package comment, by package
	names := map[string]string{}      // of the packages
	for _, s := range files {
		fault := func(n ast.Node, format string, args ...any) {
			faults = append(faults, s.at(n)+": "+fmt.Sprintf(format, args...))
		}
		if !s.test {
			names[s.pkg] = s.tree.Name.Name
			if s.tree.Doc != nil {
				comments[s.pkg] = append(comments[s.pkg], s.name)
				checkComment(s, fault)
			}
			checkImports(s, fault)
		}
		for _, group := range s.tree.Comments {
			if word := unfinished.FindString(group.Text()); word != "" {
				fault(group, "%s: finish it, or say in the package doc what is not there", word)
			}
		}
		checkNames(s, fault)
	}
	for pkg := range names {
		if n := len(comments[pkg]); n != 1 {
			slices.Sort(comments[pkg])
			faults = append(faults, fmt.Sprintf("%s: has %d package comments %v; one place says what a package is", pkg, n, comments[pkg]))
		}
	}
	slices.Sort(faults)
	return faults
}

func checkComment(s *source, fault func(ast.Node, string, ...any)) {
	want := "Package " + s.tree.Name.Name + " "
	if s.tree.Name.Name == "main" {
		want = "Command "
		if strings.HasPrefix(s.tree.Doc.Text(), "Firebreak ") {
			return
		}
	}
	if !strings.HasPrefix(s.tree.Doc.Text(), want) {
		fault(s.tree.Doc, "the package comment begins with %q, so that go doc reads well", want)
	}
}

func checkImports(s *source, fault func(ast.Node, string, ...any)) {
	for _, p := range s.imports() {
		if (p == "testing" || strings.HasPrefix(p, "testing/") && p != "testing/fstest") && !isTest(s.pkg) {
			fault(s.tree, "imports %q; only packages named ...test may: it brings test flags into the binary", p)
		}
		for _, ban := range bans {
			if ban.pkg == s.pkg && slices.Contains(strings.Fields(ban.imports), p) {
				fault(s.tree, "must not import %q: %s", p, ban.why)
			}
		}
	}
}

func checkNames(s *source, fault func(ast.Node, string, ...any)) {
	ast.Inspect(s.tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				fault(n, "init() runs whether it is wanted or not; let the wiring call a function")
			}
			if r := n.Type.Results; n.Name.IsExported() && r != nil && len(r.List) == 2 && isIdent(r.List[0].Type, "bool") && isIdent(r.List[1].Type, "error") {
				fault(n, "%s returns (bool, error): nobody remembers what the bool says; return a value, or an error with a kind", n.Name.Name)
			}
		case *ast.SelectorExpr:
			if s.test && isIdent(n.X, "time") && n.Sel.Name == "Sleep" {
				fault(n, "sleeps; wait for the thing itself, or use testing/synctest")
			}
		case *ast.Ident:
			for _, row := range never {
				if n.Name == row.name {
					fault(n, "%s: %s", n.Name, row.why)
				}
			}
		}
		return true
	})
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

func TestRulesFind(t *testing.T) {
	const doc = "// Package engine is it.\n"
	for _, tt := range []struct {
		name  string
		files []string
		want  string
	}{
		{"clean", []string{"engine/a.go", doc + "package engine"}, ""},
		{"clock of the machine", []string{"engine/a.go", doc + `package engine; import _ "os"`}, `engine/a.go:2: must not import "os"`},
		{"chance", []string{"engine/a.go", doc + `package engine; import _ "math/rand/v2"`}, "chance cannot be replayed"},
		{"the same in a leaf", []string{"engine/host/a.go", "// Package host is it.\npackage host; import _ \"os\""}, ""},
		{"testing", []string{"engine/a.go", doc + `package engine; import _ "testing"`}, `imports "testing"`},
		{"testing in a test package", []string{"x/atest/a.go", "// Package atest is it.\npackage atest; import _ \"testing\""}, ""},
		{"no comment", []string{"engine/a.go", "package engine"}, "engine: has 0 package comments"},
		{"two comments", []string{"engine/a.go", doc + "package engine", "engine/b.go", doc + "package engine"}, "has 2 package comments [engine/a.go engine/b.go]"},
		{"a comment that does not say the name", []string{"engine/a.go", "// It is.\npackage engine"}, `begins with "Package engine "`},
		{"init", []string{"engine/a.go", doc + "package engine\nfunc init() {}"}, "engine/a.go:3: init()"},
		{"a method called init", []string{"engine/a.go", doc + "package engine\ntype T int\nfunc (T) init() {}"}, ""},
		{"no sync", []string{"engine/a_test.go", "package engine\nvar o = options{NoSync: true}"}, "engine/a_test.go:2: NoSync"},
		{"no sync in words", []string{"engine/a_test.go", "package engine // NoSync\nvar o = \"NoSync\""}, ""},
		{"no check of the other end", []string{"engine/a_test.go", "package engine\nfunc f() { c.InsecureSkipVerify = b }"}, "InsecureSkipVerify"},
		{"sleep", []string{"engine/a_test.go", "package engine\nfunc f() { time.Sleep(1) }"}, "sleeps"},
		{"unfinished", []string{"engine/a.go", doc + "package engine\n\n// TO" + "DO: more\n"}, "engine/a.go:4: TO"},
		{"bool and error", []string{"engine/a.go", doc + "package engine\nfunc F() (bool, error) { return false, nil }"}, "F returns (bool, error)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(checkRules(pieces(t, tt.files...)), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
