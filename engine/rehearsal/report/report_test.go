package report_test

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/report"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

var (
	update = flag.Bool("update", false, "write the golden reports as they are now")
	keep   = flag.String("keep", "", "write the pages with their drawings to this folder, to look at them")
)

// record reads the facts of a story of package score.
func record(t testing.TB, name string) []engine.Event {
	t.Helper()
	data, err := os.ReadFile("../score/testdata/" + name + ".facts")
	if err != nil {
		t.Fatal(err)
	}
	var facts []engine.Event
	for line := range strings.Lines(string(data)) {
		seq, fact, _ := strings.Cut(line, " ")
		e, err := engine.Decode([]byte(fact), nil)
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq, err = strconv.ParseInt(seq, 10, 64); err != nil {
			t.Fatal(err)
		}
		facts = append(facts, e)
	}
	return facts
}

func source(facts []engine.Event) timeline.Source {
	return func() iter.Seq2[engine.Event, error] {
		return func(yield func(engine.Event, error) bool) {
			for _, e := range facts {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

func scored(t testing.TB, facts []engine.Event) *score.Result {
	t.Helper()
	r, err := score.Score(source(facts)(), score.Options{Now: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), Commanders: func(id string) bool { return id == "carol" }})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// drawn stands for the drawing of the course.
func drawn(w io.Writer) error {
	_, err := io.WriteString(w, `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="the course" width="600" height="40" viewBox="0 0 600 40"><style>.lane{fill:#ccc}</style><rect class="lane" x="0" y="10" width="600" height="20"/></svg>`)
	return err
}

func input(t testing.TB, facts []engine.Event) report.Input {
	t.Helper()
	rec, err := timeline.Open(source(facts))
	if err != nil {
		t.Fatal(err)
	}
	return report.Input{
		Result: scored(t, facts), Record: rec, Verify: "firebreak verify --incident " + facts[0].Body.(engine.Declared).ID,
		Head: journal.Checkpoint{Origin: "firebreak/acme/01HSTORE/0", Size: 204, Root: sha256.Sum256([]byte("root")), Note: []byte("firebreak/acme/01HSTORE/0\n204\n")},
	}
}

func made(t testing.TB, in report.Input) *report.Report {
	t.Helper()
	r, err := report.New(in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func written(t testing.TB, r *report.Report, format string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b, format); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// reports are the golden ones.
func reports(t testing.TB) map[string]report.Input {
	messy, kept, live := input(t, record(t, "messy")), input(t, record(t, "kept")), input(t, record(t, "live"))
	messy.Previous, messy.Chart = scored(t, record(t, "kept")), drawn
	return map[string]report.Input{"messy": messy, "kept": kept, "twice": input(t, record(t, "twice")), "live": live, "glass": input(t, record(t, "glass"))}
}

func TestGolden(t *testing.T) {
	for name, in := range reports(t) {
		for _, f := range report.Formats() {
			t.Run(name+"/"+f.Name, func(t *testing.T) {
				got := written(t, made(t, in), f.Name)
				path := "testdata/" + name + f.Ext
				if strings.HasPrefix(f.Name, "evidence") {
					path = "testdata/" + name + "-evidence" + f.Ext
				}
				if *update {
					if err := os.WriteFile(path, got, 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(got)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", path, diff)
				}
			})
		}
	}
}
