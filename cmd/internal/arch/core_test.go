package arch

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// clocks are functions whose answer depends on when they are called.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer"}

// The core gives the same answer to the same facts, on every machine and in
// every year. It is checked with types, because only types tell a loop over a
// map from one over a list.
func TestCore(t *testing.T) {
	var core []*source
	for _, s := range house(t) {
		if s.pkg == "engine" && !s.test {
			core = append(core, s)
		}
	}
	exports := exportData(t, "./engine")
	report(t, checkCore(t, core, importer.ForCompiler(token.NewFileSet(), "gc", func(p string) (io.ReadCloser, error) {
		if exports[p] == "" {
			return nil, errors.New("no export data of " + p)
		}
		return os.Open(exports[p])
	})))
}

// exportData is the compiled form of all that a package imports, by path.
func exportData(t *testing.T, pkg string) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", pkg)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		p, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		exports[p] = file
	}
	return exports
}

func checkCore(t *testing.T, files []*source, imp types.Importer) []string {
	t.Helper()
	if len(files) == 0 {
		t.Fatal("the core has no files; the test looks in the wrong place")
	}
	fset, trees := token.NewFileSet(), []*ast.File{}
	for _, s := range files { // once more, into one file set
		tree, err := parser.ParseFile(fset, s.name, s.text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		trees = append(trees, tree)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	if _, err := (&types.Config{Importer: imp}).Check(module+"/"+files[0].pkg, fset, trees, info); err != nil {
		t.Fatal(err)
	}
	var faults []string
	fault := func(n ast.Node, format string, args ...any) {
		p := fset.Position(n.Pos())
		faults = append(faults, fmt.Sprintf("%s:%d: %s", p.Filename, p.Line, fmt.Sprintf(format, args...)))
	}
	for _, tree := range trees {
		sorted := map[ast.Node]bool{} // calls whose order does not matter any more
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				fault(n, "starts a goroutine; the host does that")
			case *ast.SelectStmt:
				fault(n, "selects; what comes first is chance, and belongs into a fact")
			case *ast.RangeStmt:
				if _, isMap := info.TypeOf(n.X).Underlying().(*types.Map); isMap && !eachOnItsOwn(n) {
					fault(n, "loops over a map, whose order is chance; loop over slices.Sorted(maps.Keys(m)), or keep a list")
				}
			case *ast.CallExpr:
				pkg, name := callee(info, n)
				switch {
				case pkg == "time" && slices.Contains(clocks, name):
					fault(n, "calls time.%s; the time is that of the last event", name)
				case pkg == "slices" && strings.HasPrefix(name, "Sorted") && len(n.Args) > 0:
					sorted[n.Args[0]] = true
				case pkg == "maps" && slices.Contains([]string{"Keys", "Values", "All"}, name) && !sorted[n]:
					fault(n, "maps.%s gives an order of chance; put it straight into slices.Sorted", name)
				}
			}
			return true
		})
	}
	slices.Sort(faults)
	return faults
}

// eachOnItsOwn is true of a loop that does nothing but write m[k] for each k.
func eachOnItsOwn(loop *ast.RangeStmt) bool {
	if len(loop.Body.List) != 1 {
		return false
	}
	assign, ok := loop.Body.List[0].(*ast.AssignStmt)
	if !ok || len(assign.Lhs) != 1 {
		return false
	}
	index, ok := assign.Lhs[0].(*ast.IndexExpr)
	return ok && types.ExprString(index.X) == types.ExprString(loop.X) && loop.Key != nil &&
		types.ExprString(index.Index) == types.ExprString(loop.Key)
}

// callee names the package function that is called, if it is one.
func callee(info *types.Info, call *ast.CallExpr) (pkg, name string) {
	fun := ast.Unparen(call.Fun)
	if index, ok := fun.(*ast.IndexExpr); ok {
		fun = index.X
	}
	sel, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	f, ok := info.Uses[sel.Sel].(*types.Func)
	if !ok || f.Pkg() == nil || f.Signature().Recv() != nil {
		return "", ""
	}
	return f.Pkg().Path(), f.Name()
}

func TestCoreFinds(t *testing.T) {
	exports := exportData(t, "./engine")
	for _, tt := range []struct{ name, text, want string }{
		{"clean", `import "time"; func f(l []int, at time.Time) time.Time { for range l {}; for range 3 {}; return at.Add(time.Hour) }`, ""},
		{"clock", `import "time"; var at = time.Now()`, "calls time.Now"},
		{"clock by another name", `import clock "time"; func f(a clock.Time) clock.Duration { return clock.Since(a) }`, "calls time.Since"},
		{"map", `func f(m map[string]int) { for range m {} }`, "loops over a map"},
		{"map, each on its own", `func f(m map[string]int) { for k := range m { m[k] = m[k] + 1 } }`, ""},
		{"map, last one wins", `func f(m map[string]int) (n int) { for k := range m { n = m[k] }; return }`, "loops over a map"},
		{"named map", `type M map[string]int; func f(m M) { for k := range m { _ = k } }`, "loops over a map"},
		{"keys", `import "maps"; func f(m map[string]int) { for k := range maps.Keys(m) { _ = k } }`, "maps.Keys gives an order of chance"},
		{"sorted keys", `import ("maps"; "slices"); func f(m map[string]int) { for _, k := range slices.Sorted(maps.Keys(m)) { _ = k } }`, ""},
		{"goroutine", `func f() { go f() }`, "starts a goroutine"},
		{"select", `func f(c chan int) { select { case <-c: default: } }`, "selects"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := pieces(t, "engine/a.go", "package engine\n"+tt.text)
			got := strings.Join(checkCore(t, files, importer.ForCompiler(token.NewFileSet(), "gc", func(p string) (io.ReadCloser, error) {
				return os.Open(exports[p])
			})), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
