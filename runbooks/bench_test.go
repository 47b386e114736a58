package runbooks_test

import (
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// thousand are 1,000 different runbooks, made from the one of the main job.
func thousand(b *testing.B) []runbooks.File {
	b.Helper()
	entry, ok := library.Get("leaked-access-key")
	if !ok {
		b.Fatal("the library has no leaked-access-key")
	}
	files := make([]runbooks.File, 1000)
	for i := range files {
		src := strings.NewReplacer("id: leaked-access-key", fmt.Sprintf("id: leaked-access-key-%d", i), "within: 90s", fmt.Sprintf("within: %ds", 90+i)).Replace(string(entry.Source))
		files[i] = runbooks.File{Name: fmt.Sprintf("%d.yaml", i), Src: []byte(src)}
	}
	return files
}

// BenchmarkLoad1000 parses and compiles 1,000 runbooks. It reports how many
// times as long that takes as reading the same bytes with the YAML library
// alone, which is what no design of ours can do without.
func BenchmarkLoad1000(b *testing.B) {
	files, catalog := thousand(b), runbookstest.Catalog()
	start := processorTime()
	for _, f := range files {
		var tree yaml.Node
		if err := yaml.Unmarshal(f.Src, &tree); err != nil {
			b.Fatal(err)
		}
	}
	alone := processorTime() - start
	start = processorTime()
	b.ReportAllocs()
	for b.Loop() {
		programs, found := runbooks.LoadAll(files, catalog)
		if len(programs) != len(files) {
			b.Fatal(found)
		}
	}
	if alone > 0 {
		b.ReportMetric(float64(processorTime()-start)/float64(b.N)/float64(alone), "x-yaml")
	}
}

// BenchmarkDecode reads a program again, as a restart does for each open run.
func BenchmarkDecode(b *testing.B) {
	files := thousand(b)[:1]
	p, _ := runbooks.Load(files[0].Name, files[0].Src, runbookstest.Catalog())
	data, err := p.Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := runbooks.DecodeProgram(data); err != nil {
			b.Fatal(err)
		}
	}
}
