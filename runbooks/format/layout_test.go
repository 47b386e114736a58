package format_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/runbooks/format"
)

// Whatever the layout of a good file, what comes out means the same, and every
// comment that was put in is there once. A change of layout that changes the
// meaning of the file, or breaks it, is no change of layout and is not made.
func TestAnyLayout(t *testing.T) {
	all, others := good(t), callees(t)
	for _, path := range files(t, "testdata/*.out.yaml") {
		all[path] = read(t, path)
	}
	names := slices.Sorted(maps.Keys(all))
	done := 0
	rapid.Check(t, func(t *rapid.T) {
		src := strings.ReplaceAll(string(all[rapid.SampledFrom(names).Draw(t, "file")]), "\r\n", "\n")
		want := generic([]byte(src))
		marks := 0
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			mark := fmt.Sprintf("#mark%d.", marks)
			changed := changeLayout(t, src, mark)
			if cmp.Equal(want, generic([]byte(changed))) {
				src = changed
				if strings.Contains(src, mark) {
					marks++
				}
			}
		}
		if rapid.Bool().Draw(t, "windows") {
			src = strings.ReplaceAll(src, "\n", "\r\n")
		}
		out := laidOut(t, []byte(src))
		if diff := cmp.Diff(want, generic(out)); diff != "" {
			t.Fatalf("the meaning changed:\n%s\nfrom:\n%s\nto:\n%s", diff, src, out)
		}
		if before, after := digest([]byte(src), others), digest(out, others); before != after {
			t.Fatalf("the digest was %q and is %q, from:\n%s\nto:\n%s", before, after, src, out)
		}
		for i := range marks {
			mark := fmt.Sprintf("#mark%d.", i)
			if before, after := strings.Count(src, mark), bytes.Count(out, []byte(mark)); before != after {
				t.Fatalf("%s was there %d times and is there %d times, from:\n%s\nto:\n%s", mark, before, after, src, out)
			}
		}
		done += marks
	})
	if done == 0 {
		t.Error("no layout was changed, so this shows nothing")
	}
}

// changeLayout does one thing that an editor or an author might do.
func changeLayout(t *rapid.T, src, mark string) string {
	lines := strings.Split(src, "\n")
	n := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
	switch rapid.IntRange(0, 8).Draw(t, "kind") {
	case 0, 1: // a comment of its own
		lines = slices.Insert(lines, n, strings.Repeat(" ", rapid.IntRange(0, 10).Draw(t, "indent"))+mark)
	case 2, 3: // a comment at the end of a line
		lines[n] += strings.Repeat(" ", rapid.IntRange(1, 3).Draw(t, "gap")) + mark
	case 4: // empty lines
		lines = slices.Insert(lines, n, slices.Repeat([]string{strings.Repeat(" ", rapid.IntRange(0, 3).Draw(t, "indent"))}, rapid.IntRange(1, 3).Draw(t, "lines"))...)
	case 5: // every level further in
		for i, line := range lines {
			trimmed := strings.TrimLeft(line, " ")
			lines[i] = strings.Repeat(" ", 2*(len(line)-len(trimmed))) + trimmed
		}
	case 6: // {} and [] over many lines
		at := strings.IndexAny(lines[n], "{[,")
		if at >= 0 {
			lines[n] = lines[n][:at+1] + " " + mark + "\n" + strings.Repeat(" ", rapid.IntRange(0, 10).Draw(t, "indent")) + strings.TrimLeft(lines[n][at+1:], " ")
		}
	case 7: // a value below its key or dash
		at := strings.IndexAny(lines[n], ":-")
		if at >= 0 {
			lines[n] = lines[n][:at+1] + " " + mark + "\n" + strings.Repeat(" ", rapid.IntRange(0, 10).Draw(t, "indent")) + strings.TrimLeft(lines[n][at+1:], " ")
		}
	case 8: // two keys in another order
		if n+1 < len(lines) {
			lines[n], lines[n+1] = lines[n+1], lines[n]
		}
	}
	return strings.Join(lines, "\n")
}

// leaf is a scalar as YAML gives it.
type leaf struct {
	Text   string
	Quoted bool
}

// generic reads a file without this package; maps have no order. Nil: no YAML.
func generic(src []byte) any {
	var document yaml.Node
	loader, err := yaml.NewLoader(bytes.NewReader(src))
	if err != nil || loader.Load(&document) != nil || len(document.Content) != 1 {
		return nil
	}
	return tree(document.Content[0])
}

func tree(n *yaml.Node) any {
	switch n.Kind {
	case yaml.ScalarNode:
		const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
		return leaf{n.Value, n.Style&quoted != 0}
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, tree(c))
		}
		return list
	}
	all := map[leaf]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, _ := tree(n.Content[i]).(leaf)
		all[key] = tree(n.Content[i+1])
	}
	return all
}

// Whatever the bytes: they are refused with a place, or what comes out means the
// same and stays as it is.
func FuzzSource(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "../testdata/ok/*.yaml", "../testdata/err/file-*.yaml", "../library/*.yaml"} {
		for _, path := range files(f, pattern) {
			if src := read(f, path); len(src) < 8<<10 {
				f.Add(src)
			}
		}
	}
	for _, src := range []string{
		"a: {b: , c, ? d : e, f: [g: h, i]}", "- - - a\n    # b\n", "a: |+\n\n\n# b\n", "? a # b\n: c\n", "a: >1-\n  b\n # c\nd: \"e \\\n  f\"", "a:\n# b\n- c\n# d\n", "a: !x b", "a:\n  - # b\n",
	} {
		f.Add([]byte("apiVersion: firebreak/v1\nkind: Runbook\n" + src))
	}
	others := callees(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		out, found := format.Source("a.yaml", src)
		if (out == nil) != (len(found) > 0) {
			t.Fatalf("got %q and %v", out, found)
		}
		if out == nil {
			if d := found[0]; d.Pos.Line < 1 || d.Pos.Col < 1 || d.Message == "" || d.Rule == "" {
				t.Fatalf("%+v is not complete", d)
			}
			return
		}
		if diff := cmp.Diff(generic(src), generic(out)); diff != "" {
			t.Fatalf("the meaning changed:\n%s", diff)
		}
		if before, after := digest(src, others), digest(out, others); before != after {
			t.Fatalf("the digest was %q and is %q", before, after)
		}
		laidOut(t, src)
	})
}
