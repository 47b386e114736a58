package timeline_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// chained gives each fact a record's hash, as if it had been read from a journal.
func (s *script) chained() *script {
	var prev [32]byte
	for n := range s.facts {
		s.facts[n].Prev = prev
		prev = sha256.Sum256([]byte{byte(n), byte(n >> 8)})
		s.facts[n].Hash = prev
	}
	return s
}

func (s *script) written(t testing.TB, format string, o timeline.Options) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := s.record(t).Write(&out, format, o); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// machines are the forms for machines, by the end of a golden file's name.
var machines = []struct {
	name, format string
	o            timeline.Options
}{
	{"csv", "csv", timeline.Options{}},
	{"jsonl", "jsonl", timeline.Options{}},
	{"timesketch.jsonl", "timesketch", timeline.Options{}},
	{"ocsf18.jsonl", "ocsf", timeline.Options{}},
	{"ocsf19.jsonl", "ocsf", timeline.Options{OCSF: "1.9"}},
}

func TestGoldenForMachines(t *testing.T) {
	for _, tt := range []struct {
		name  string
		story *script
	}{
		{"full", told(t)},
		{"tiny", declared("DRL-3")},
		{"drill", rehearsed()},
		{"wide", wide(t, 3)},
	} {
		tt.story.chained()
		for _, form := range machines {
			t.Run(tt.name+"/"+form.name, func(t *testing.T) {
				form.o.Head = head()
				golden(t, tt.name+"."+form.name, tt.story.written(t, form.format, form.o))
			})
		}
	}
}

// What a form is made of depends on nothing but the record: not on how many
// processors there are, not on the zone of the machine.
func TestSameBytesEverywhere(t *testing.T) {
	s := told(t).chained()
	if where := os.Getenv("TIMELINE_WRITES"); where != "" {
		for _, form := range machines {
			form.o.Head = head()
			if _, err := os.Stdout.Write(s.written(t, form.format, form.o)); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	var want bytes.Buffer
	for _, form := range machines {
		form.o.Head = head()
		want.Write(s.written(t, form.format, form.o))
		if again := s.written(t, form.format, form.o); !bytes.HasSuffix(want.Bytes(), again) {
			t.Errorf("%s: the second time gives other bytes", form.name)
		}
	}
	for _, env := range [][]string{{"TZ=Pacific/Kiritimati", "GOMAXPROCS=1"}, {"TZ=America/St_Johns", "GOMAXPROCS=8"}} {
		c := exec.Command(os.Args[0], "-test.run=^TestSameBytesEverywhere$")
		c.Env = append(env, "TIMELINE_WRITES=yes")
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(out, want.Bytes()) {
			t.Errorf("with %v the bytes are others", env)
		}
	}
}

func TestWriteRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, tt := range []struct {
		format string
		o      timeline.Options
		want   string
	}{
		{"pdf", timeline.Options{}, "jsonl, "},
		{"ocsf", timeline.Options{OCSF: "2.0"}, `version "2.0" of the OCSF schema is not known; known: 1.8, 1.9`},
	} {
		err := told(t).record(t).Write(io.Discard, tt.format, tt.o)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.format, err, tt.want)
		}
	}
	names := map[string]bool{}
	last := ""
	for _, f := range timeline.Formats() {
		if f.Name <= last || f.Ext == "" || f.Doc == "" {
			t.Errorf("%+v: formats are sorted and each says what it is", f)
		}
		last = f.Name
		names[f.Name] = true
	}
	for _, name := range timeline.FeedFormats() {
		if !names[name] {
			t.Errorf("%s can be followed and not exported", name)
		}
	}
}

// A feed tells the lines that the export of the same incident has for its rows,
// from any fact on.
func TestFeedTellsWhatTheExportTells(t *testing.T) {
	s := told(t).chained()
	for _, form := range machines[1:] {
		t.Run(form.name, func(t *testing.T) {
			o := form.o
			o.Head.Origin = "firebreak/acme/01HSTORE/0"
			want := s.written(t, form.format, o)
			for _, from := range []int{0, 1, 17, len(s.facts) - 1, len(s.facts)} {
				f, err := timeline.NewFeed(form.format, o)
				if err != nil {
					t.Fatal(err)
				}
				var out bytes.Buffer
				for n, e := range s.facts {
					to := &out
					if n < from {
						to = nil
					}
					if err := f.Take(e, to); err != nil {
						t.Fatal(err)
					}
				}
				if !bytes.HasSuffix(want, out.Bytes()) || from < len(s.facts) && out.Len() == 0 {
					t.Errorf("from fact %d: the feed tells other lines than the export", from)
				}
				if got := f.Incident().ID; got != "INC-12" {
					t.Errorf("the feed is of %q", got)
				}
			}
		})
	}
}

func TestFeedRefuses(t *testing.T) {
	for _, tt := range []struct {
		format string
		o      timeline.Options
		want   string
	}{
		{"csv", timeline.Options{}, "jsonl, ocsf, timesketch"},
		{"jsonl", timeline.Options{Redact: timeline.External}, "write an export"},
		{"ocsf", timeline.Options{OCSF: "3"}, "known: 1.8, 1.9"},
	} {
		if _, err := timeline.NewFeed(tt.format, tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.format, err, tt.want)
		}
	}
	f, err := timeline.NewFeed("jsonl", timeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Take(engine.Event{Body: engine.Noted{}}, nil); err == nil {
		t.Error("a feed begins in the middle of an incident")
	}
}

// Progress is told now and then, and at the end.
func TestProgress(t *testing.T) {
	s := declared("INC-1")
	for range 2500 {
		s.say(0, bob, "", "", engine.Noted{Text: "n", Class: engine.Observation})
	}
	var heard []int64
	s.written(t, "csv", timeline.Options{Progress: func(done, total int64) {
		if total != 2501 {
			t.Errorf("a total of %d", total)
		}
		heard = append(heard, done)
	}})
	if len(heard) != 3 || heard[2] != 2501 {
		t.Errorf("heard %v", heard)
	}
	runtime.KeepAlive(s)
}

// lines cuts a form of lines into its objects.
func objects(t testing.TB, data []byte) []map[string]any {
	t.Helper()
	if len(data) > 0 && data[len(data)-1] != '\n' {
		t.Error("the last line has no end")
	}
	var list []map[string]any
	for line := range bytes.Lines(data) {
		var m map[string]any
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&m); err != nil {
			t.Fatalf("line %d: %v", len(list)+1, err)
		}
		if d.More() {
			t.Errorf("line %d holds more than one object", len(list)+1)
		}
		list = append(list, m)
	}
	return list
}

// A source that grows while it is read is cut at the place that is named.
func TestUpTo(t *testing.T) {
	last := int64(-1)
	for e, err := range timeline.UpTo(told(t).events(), 44) {
		if err != nil {
			t.Fatal(err)
		}
		last = e.Seq
	}
	if last != 44 {
		t.Errorf("the last fact is %d, want 44", last)
	}
}
