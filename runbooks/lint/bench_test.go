package lint_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/lint"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// BenchmarkLint1000 looks for danger in 1,000 runbooks. It reports how many
// times as long that takes as parsing and compiling them.
func BenchmarkLint1000(b *testing.B) {
	entry, ok := library.Get("leaked-access-key")
	if !ok {
		b.Fatal("the library has no leaked-access-key")
	}
	catalog := runbookstest.Catalog()
	var files []runbooks.File
	for i := range 1000 {
		src := strings.Replace(string(entry.Source), "id: leaked-access-key", fmt.Sprintf("id: leaked-access-key-%d", i), 1)
		files = append(files, runbooks.File{Name: fmt.Sprintf("%d.yaml", i), Src: []byte(src)})
	}
	start := time.Now()
	programs, found := runbooks.LoadAll(files, catalog)
	if len(programs) != len(files) {
		b.Fatal(found)
	}
	loading := time.Since(start)
	start = time.Now()
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range programs {
			if found := lint.Check(p, catalog, options()); len(found) > 0 {
				b.Fatal(found)
			}
		}
	}
	b.ReportMetric(float64(time.Since(start))/float64(b.N)/float64(loading), "x-load")
}
