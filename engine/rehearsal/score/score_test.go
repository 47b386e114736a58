package score_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
	"github.com/firebreak-ir/firebreak/runbooks"
)

var update = flag.Bool("update", false, "write the golden results as they are now")

// read plays a file of testdata: a runbook, a scenario unless it is live, and
// the story. What was worked out by hand stands in it as well.
func read(t testing.TB, path string) (*tape, map[string]string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq("\n"+string(data), "\n=== ") {
		name, body, _ := strings.Cut(part, "\n")
		parts[name] = body
	}
	program := compile(t, parts["runbook"])
	var s *runbooks.Scenario
	if parts["scenario"] != "" {
		s = scenario(t, parts["scenario"], program)
	}
	return story(t, program, s, parts["story"]), parts
}

func scored(t testing.TB, p *tape) *score.Result {
	t.Helper()
	r, err := score.Score(p.events(), score.Options{Commanders: func(id string) bool { return id == "carol" }})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestStories compares each metric with the value that a person worked out on
// paper, and the whole result with what it was.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d stories, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			p, parts := read(t, path)
			r := scored(t, p)
			byHand(t, r, parts["by hand"])
			var out bytes.Buffer
			e := json.NewEncoder(&out)
			e.SetEscapeHTML(false)
			e.SetIndent("", " ")
			if err := e.Encode(r); err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(path, ".txt")+".json", out.Bytes())
			golden(t, strings.TrimSuffix(path, ".txt")+".facts", encoded(t, p))
		})
	}
}

// encoded is the record, one fact a line, for the tests of those who read
// results. It shows as well that facts of today decode tomorrow.
func encoded(t *testing.T, p *tape) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, e := range p.facts {
		data, attachments, err := engine.Encode(e)
		if err != nil || len(attachments) > 0 {
			t.Fatalf("%s: %v, %d attachments", e.Kind(), err, len(attachments))
		}
		fmt.Fprintf(&out, "%d %s\n", e.Seq, data)
	}
	return out.Bytes()
}

// byHand reads the lines "NAME VALUE [WALL] comment"; a value "none" did not
// come about. Every metric has one line.
func byHand(t *testing.T, r *score.Result, table string) {
	t.Helper()
	seen := map[string]bool{}
	for line := range strings.Lines(table) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		name, want := words[0], words[1]
		seen[name] = true
		if name == "outcome" {
			if string(r.Outcome) != or(want, "") && !(want == "none" && r.Outcome == "") {
				t.Errorf("outcome: by hand %s, got %s: %s", want, r.Outcome, r.Why)
			}
			continue
		}
		m, ok := r.Metric(name)
		got := "none"
		if m.Came {
			got = strconv.FormatInt(m.Value, 10)
		}
		if !ok || got != want {
			t.Errorf("%s: by hand %s, got %s %s", name, want, got, m.Why)
		}
		if len(words) > 2 {
			if wall := strconv.FormatInt(m.Took.WallMS/1000, 10); wall != words[2] {
				t.Errorf("%s: by hand %s s for the people, got %s", name, words[2], wall)
			}
		}
	}
	for _, m := range runbooks.Metrics() {
		if !seen[m.Name] {
			t.Errorf("%s was not worked out by hand", m.Name)
		}
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
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
}
