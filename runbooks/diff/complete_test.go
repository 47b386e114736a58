package diff

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// digestForm is what a digest is over, told here a second time and in another
// way than in the package. It is false for a program that cannot be written
// down, such as one whose output has lost its expression.
func digestForm(p *runbooks.Program) (form string, ok bool) {
	defer func() { ok = ok && recover() == nil }()
	bare := *p
	bare.Digest, bare.Source = "", runbooks.Source{}
	bare.Steps, bare.OnCancel = slices.Clone(p.Steps), slices.Clone(p.OnCancel)
	for s := range bare.All() {
		if s.Runbook != nil {
			s.Runbook = &runbooks.Subrun{ID: s.Runbook.ID, Digest: s.Runbook.Digest}
		}
	}
	data, err := json.Marshal(&bare)
	return regexp.MustCompile(`,?"pos":\{[^}]*\}`).ReplaceAllString(string(data), ""), err == nil
}

// mutator changes the place of a value that has a number. Places are counted
// in the order of the fields.
type mutator struct {
	at, seen int
	done     string // how it was changed, and where
}

func (m *mutator) try(path, how string, apply func()) {
	if m.seen == m.at && m.done == "" {
		m.done = path + " " + how
		apply()
	}
	m.seen++
}

func (m *mutator) walk(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		m.try(path, "text", func() { v.SetString(v.String() + "x") })
		m.try(path, "empty", func() { v.SetString("") })
	case reflect.Bool:
		m.try(path, "flip", func() { v.SetBool(!v.Bool()) })
	case reflect.Int, reflect.Int64:
		m.try(path, "more", func() { v.SetInt(v.Int() + 1) })
		m.try(path, "less", func() { v.SetInt(v.Int() - 1) })
	case reflect.Pointer:
		if v.IsNil() {
			m.try(path, "new", func() { v.Set(reflect.New(v.Type().Elem())) })
			return
		}
		m.walk(path, v.Elem())
		m.try(path, "nil", func() { v.SetZero() })
	case reflect.Interface:
		m.try(path, "value", func() { v.Set(reflect.ValueOf(any("other"))) })
		m.try(path, "nil", func() { v.SetZero() })
	case reflect.Slice:
		n := v.Len()
		for i := range n {
			m.walk(path+"[]", v.Index(i))
		}
		m.try(path, "longer", func() { v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem())) })
		if n > 0 {
			m.try(path, "shorter", func() { v.Set(v.Slice(0, n-1)) })
			m.try(path, "headless", func() { v.Set(v.Slice(1, n)) })
			m.try(path, "twice", func() { v.Set(reflect.Append(v, v.Index(0))) })
			m.try(path, "turned", func() { reflect.Swapper(v.Interface())(0, n-1) })
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Type != reflect.TypeFor[*runbooks.Program]() {
				m.walk(path+"."+f.Name, v.Field(i))
			}
		}
	}
}

// mutate changes place number at and says how many there are.
func mutate(p *runbooks.Program, at int) (string, int) {
	m := mutator{at: at}
	m.walk("", reflect.ValueOf(p).Elem())
	return m.done, m.seen
}

// Whatever is changed in a program: there are changes exactly when the digest
// is another one.
func TestEveryFieldIsCompared(t *testing.T) {
	old := runbookstest.Whole()
	old.Digest = "a"
	form, _ := digestForm(old)
	_, n := mutate(old, -1)
	if n < 900 {
		t.Fatalf("found only %d places to change", n)
	}
	told := 0
	for i := range n {
		new := runbookstest.Whole()
		how, _ := mutate(new, i)
		changed, ok := digestForm(new)
		if !ok {
			continue
		}
		new.Digest = "b"
		for _, changes := range [][]Change{Compare(old, new), Compare(new, old)} {
			if got := len(changes) > 0; got != (changed != form) {
				t.Errorf("%s: the digests differ: %v, and there are the changes %v", how, changed != form, changes)
			}
			for _, c := range changes {
				if c.Text == "" || c.Field == "" || c.Weight.rank() < 0 {
					t.Errorf("%s: an empty change: %+v", how, c)
				}
			}
		}
		if changed != form {
			told++
		}
	}
	if told < n/2 {
		t.Errorf("only %d of %d places changed the digest", told, n)
	}
}

// The same for two programs with many differences.
func TestManyDifferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := func(name string) *runbooks.Program {
			p := runbookstest.Whole()
			for range rapid.IntRange(0, 4).Draw(t, name) {
				_, n := mutate(p, -1)
				mutate(p, rapid.IntRange(0, n-1).Draw(t, name+" place"))
			}
			p.Digest = name
			return p
		}
		old, new := pick("a"), pick("b")
		before, ok := digestForm(old)
		after, ok2 := digestForm(new)
		if !ok || !ok2 {
			return
		}
		changes := Compare(old, new)
		if differ := before != after; differ != (len(changes) > 0) {
			t.Fatalf("the digests differ: %v, changes: %v", differ, changes)
		}
		if !slices.IsSortedFunc(changes, func(a, b Change) int { return a.Weight.rank() - b.Weight.rank() }) {
			t.Fatalf("not sorted: %v", changes)
		}
		if diff := cmp.Diff(changes, Compare(old, new)); diff != "" {
			t.Fatalf("a second time it is something else: %s", diff)
		}
	})
}

func TestEqualDigests(t *testing.T) {
	old, new := runbookstest.Whole(), runbookstest.Whole()
	new.Source.Name = "elsewhere.yaml"
	for i := range new.Steps {
		new.Steps[i].Pos.Line = i + 7
	}
	if got := Compare(old, new); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	old.Digest, new.Digest = "", ""
	if got := Compare(old, new); len(got) > 0 {
		t.Errorf("without digests: got %v", got)
	}
}

// Files that mean the same have no differences, whatever they look like.
func TestLayoutIsNoChange(t *testing.T) {
	entry, _ := library.Get("leaked-access-key")
	compile := func(src string) *runbooks.Program {
		p, found := runbooks.Load("x.yaml", []byte(src), runbookstest.Catalog())
		if found.HasErrors() {
			t.Fatal(found)
		}
		return p
	}
	old := compile(string(entry.Source))
	same := compile("# a comment\n" + strings.Replace(string(entry.Source), "quorum: 1", "quorum: 1   # one", 1))
	if old.Digest != same.Digest {
		t.Fatal("the digests differ, so this shows nothing")
	}
	if got := Compare(old, same); got != nil {
		t.Errorf("got %v", got)
	}
	other := compile(strings.Replace(string(entry.Source), "quorum: 1", "quorum: 2", 1))
	got := Compare(old, other)
	want := []Change{{Stronger, "quarantine", "approval.quorum", "1", "2", `the quorum of the approval of step "quarantine" is raised from 1 to 2`}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNarrowed(t *testing.T) {
	for _, tt := range []struct {
		before, after string
		want          bool
	}{
		{"a == 1", "a == 1 && b", true},
		{"a == 1", "a == 1&&b", true},
		{"a || b", "(a || b) && c", true},
		{"a || b", "a || b && c", false},
		{"a or b", "a or b && c", false},
		{"a == 1", "a == 1 && b || c", false},
		{"a == 1", "a == 1 && b\tor c", false},
		{"a == 1", "a == 1 && b ? true : true", false},
		{"a == 1", "a == 1 && b ?? true", false},
		{"a == 1", "a == 1 && b; true", false},
		{"a == 1", "a == 1 /* && */ || true", false},
		{"a == 1", "a == 10 && b", false},
		{"a == 1", "b && a == 1", false}, // it is, and is not seen
		{"a == 1", "a == 1", false},
	} {
		if got := narrowed(tt.before, tt.after); got != tt.want {
			t.Errorf("from %q to %q: got %v", tt.before, tt.after, got)
		}
	}
}
