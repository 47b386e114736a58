package timeline_test

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

func svg(t testing.TB, s *script) string { return string(write(t, s, "svg", timeline.Options{})) }

func TestGoldenPages(t *testing.T) {
	for name, s := range map[string]*script{"told": told(t), "played": played(t), "doubt": doubtful(t)} {
		golden(t, name+".svg", write(t, s, "svg", timeline.Options{Zone: zone(t)}))
	}
	golden(t, "played.html", write(t, played(t), "html", timeline.Options{Zone: zone(t)}))
	golden(t, "played.zone.md", write(t, played(t), "md", timeline.Options{Zone: zone(t)}))
	golden(t, "full.external.md", write(t, told(t), "md", timeline.Options{Redact: timeline.External}))
}

func TestLanesShow(t *testing.T) {
	for _, tt := range []struct {
		name  string
		story *script
		want  []string
	}{
		{"a doubt and a decision", played(t), []string{`class="doubt"`, `class="held"`, ">bob-leaves<", ">Injects<", ">refused<", ">skipped<", ">done, proven<", ">detected<"}},
		{"what goes on", doubtful(t), []string{">IN DOUBT<", ">a person does it<", ">waits for people<", "when this was written"}},
		{"nights", long(t, 24), []string{"silence of 13h0m0s", ">13h<", "time is cut short here", ">Mon 23 Nov<", ">Sun 22 Nov<"}},
		{"a long loop", wide(t, 300), []string{">revoke ×300<", ">1 of 300 failed<", ">undo of revoke ×2<"}},
		{"many steps", long(t, 300), []string{">and 241 more steps<", ">host-292<", "241 done"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			page := svg(t, tt.story)
			for _, want := range tt.want {
				if !strings.Contains(page, want) {
					t.Errorf("the drawing has no %q", want)
				}
			}
		})
	}
	if page := string(write(t, played(t), "svg", timeline.Options{Zone: zone(t)})); !strings.Contains(page, ">Europe/Berlin<") || !strings.Contains(page, ">13:04<") {
		t.Error("the drawing has no axis of the second zone")
	}
}

// Everything that is drawn is on the paper, and the bars run forwards.
func TestLanesStayInside(t *testing.T) {
	for name, s := range stories(t) {
		page := svg(t, s)
		for _, g := range tags(t, page) {
			at := map[string]int{}
			for _, a := range g.attrs {
				if n, err := strconv.Atoi(a[1]); err == nil {
					at[a[0]] = n
				}
			}
			if g.name == "rect" && (at["x"] < 0 || at["width"] < 0 || at["x"]+at["width"] > 1280) || g.name == "text" && (at["x"] < 0 || at["x"] > 1280) {
				t.Errorf("%s: %s at %v lies outside", name, g.name, at)
			}
		}
	}
}

// However long a record is, the drawing stays small.
func TestLanesAreBounded(t *testing.T) {
	s := declared("INC-1").start(t, 0, 0)
	people := 0
	for k := range 3000 {
		who := bob
		if k%10 == 0 {
			people++
			who.ID = "person" + strconv.Itoa(people)
		}
		s.say(11*time.Minute, who, "", "", engine.Noted{Text: "note", Class: engine.Observation})
		step := "step" + strconv.Itoa(k)
		s.it(0, step, intent(1, disable, actions.Reversible, "", "alice"))
		s.it(time.Second, step, engine.EffectOutcome{Attempt: 1, Failure: &engine.Failure{Class: actions.Denied, Message: "no"}})
		s.it(0, step, engine.StepEnded{Status: engine.StepFailed, Reason: "no"})
	}
	if n := len(svg(t, s)); n > 400_000 {
		t.Errorf("the drawing of %d facts has %d bytes", len(s.facts), n)
	}
}

// The same facts, head and options give the same bytes, on whatever machine.
func TestEveryFormIsIdentical(t *testing.T) {
	if where := os.Getenv("FIREBREAK_TEST_FORMS"); where != "" {
		for _, format := range []string{"html", "json", "md", "svg"} {
			for _, level := range timeline.Levels() {
				if _, err := os.Stdout.Write(write(t, told(t), format, timeline.Options{Redact: level, Zone: zone(t)})); err != nil {
					t.Fatal(err)
				}
			}
		}
		return
	}
	c := leaked(t)
	k := keep(t, c)
	first := map[string][]byte{}
	for _, f := range timeline.Formats() {
		if f.Name != "bundle" {
			first[f.Name] = write(t, wide(t, 3), f.Name, timeline.Options{Zone: zone(t)})
		}
	}
	bundle := k.bundle(t, c, timeline.Options{Version: "v1"})
	for _, procs := range []int{1, 2, 7} {
		before := runtime.GOMAXPROCS(procs)
		for name, want := range first {
			if got := write(t, wide(t, 3), name, timeline.Options{Zone: zone(t)}); !bytes.Equal(got, want) {
				t.Errorf("%s differs with %d processors", name, procs)
			}
		}
		runtime.GOMAXPROCS(before)
	}
	again := keep(t, c).bundle(t, c, timeline.Options{Version: "v1"})
	if !bytes.Equal(bundle, again) {
		t.Error("two bundles of the same journal differ")
	}
	var want []byte
	for _, tz := range []string{"UTC", "America/New_York", "Asia/Kathmandu"} {
		self := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEveryFormIsIdentical$")
		self.Env = append(os.Environ(), "TZ="+tz, "FIREBREAK_TEST_FORMS=1")
		out, err := self.Output()
		if err != nil {
			t.Fatal(err)
		}
		out, _, _ = bytes.Cut(out, []byte("PASS\nok"))
		out = bytes.TrimSuffix(out, []byte("PASS\n"))
		if want == nil {
			want = out
		}
		if len(out) < 10_000 || !bytes.Equal(out, want) {
			t.Errorf("the forms differ in time zone %s", tz)
		}
	}
}
