package timeline_test

import (
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// repeated is an incident of n facts that are made while they are read, so that
// what is measured is the reader alone.
func repeated(n int, fact func(i int) engine.Event) timeline.Source {
	return func() iter.Seq2[engine.Event, error] {
		return func(yield func(engine.Event, error) bool) {
			now := noon
			first := engine.Event{At: now, Actor: alice, Body: engine.Declared{ID: "INC-7", Title: "A long one", Severity: 2, Store: "S"}}
			if !yield(first, nil) {
				return
			}
			for i := 1; i < n; i++ {
				now = now.Add(time.Second)
				e := fact(i)
				e.At, e.Seq = now, int64(i)
				e.Hash[0], e.Hash[1], e.Hash[2] = byte(i), byte(i>>8), byte(i>>16)
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// chatter is what people write, what an exercise tells, and what is refused: no
// two of them are alike.
func chatter(i int) engine.Event {
	switch i % 4 {
	case 0:
		return engine.Event{Actor: engine.Actor{Type: engine.Stranger, Via: fmt.Sprintf("slack:T99/U%d", i)}, Body: engine.Refused{Verb: "run", Code: engine.NotKnown, Message: fmt.Sprintf("stranger %d is not in the directory", i)}}
	case 1:
		return engine.Event{Actor: engine.TheEngine, Body: engine.InjectDelivered{ID: fmt.Sprintf("i%d", i), To: "channel", Text: fmt.Sprintf("alert %d", i), Why: "time"}}
	case 2:
		return engine.Event{Actor: engine.TheEngine, Body: engine.MessagePosted{Ref: fmt.Sprint(i), Channel: "C1", TS: fmt.Sprint(i)}}
	}
	return engine.Event{Actor: bob, Body: engine.Noted{Text: fmt.Sprintf("note %d: %s", i, strings.Repeat("word ", 20)), Class: engine.Observation}}
}

// again is one run whose few steps are planned, asked for, tried and held again
// and again, each time with other words.
func again(t testing.TB) func(i int) engine.Event {
	start := (&script{}).start(t, 0, time.Hour).facts[0]
	return func(i int) engine.Event {
		if i == 1 {
			return start
		}
		e := engine.Event{Actor: engine.TheEngine, Run: "R1", Step: []string{"disable", "lift", "wipe"}[i/8%3]}
		id := fmt.Sprintf("a%d", i/8)
		switch i % 8 {
		case 0:
			e.Body = engine.StepReady{}
		case 1:
			e.Body = engine.StepPlanned{N: i, Digest: digest1, Preview: actions.Preview{Targets: []actions.Target{user}, Warnings: []string{fmt.Sprintf("session %d stays alive", i)}}}
		case 2:
			e.Body = engine.ApprovalRequested{ID: id, Digest: digest1, From: []string{"group:leads"}, Quorum: 1, Expires: engine.At(noon)}
		case 3:
			e.Actor, e.Body = bob, engine.Vote{Approval: fmt.Sprintf("a%d", i/8), Approve: true}
		case 4:
			e.Body = engine.ApprovalClosed{ID: id, Verdict: engine.ApprovalGranted}
		case 5:
			e.Body = intent(i, disable, actions.Reversible, id, "bob")
		case 6:
			e.Body = engine.EffectOutcome{Attempt: i, Failure: &engine.Failure{Class: actions.Transient, Message: fmt.Sprintf("no answer to call %d", i)}, Requests: []actions.Request{{Operation: "iam:UpdateAccessKey", ID: fmt.Sprint(i)}}}
		default:
			e.Body = engine.StepHeld{ID: id, Why: engine.HeldFailed, Message: fmt.Sprintf("call %d failed", i)}
		}
		return e
	}
}

func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// peak exports n facts and gives the most bytes that were alive at ten places of
// the stream, above those before it.
func peak(t testing.TB, n int, fact func(int) engine.Event, format string, o timeline.Options) (most uint64, rows int64) {
	t.Helper()
	before := liveHeap()
	look := func() {
		if now := liveHeap(); now > before {
			most = max(most, now-before)
		}
	}
	r, err := timeline.Open(repeated(n, fact))
	if err != nil {
		t.Fatal(err)
	}
	look()
	o.Progress = func(done, total int64) {
		if rows = done; done%max(total/10/1000*1000, 1000) == 0 {
			look()
		}
	}
	if err := r.Write(io.Discard, format, o); err != nil {
		t.Fatal(err)
	}
	look()
	runtime.KeepAlive(r)
	return most, rows
}

// An incident of ten times as many rows takes no more memory, whatever the rows
// are: only what grows with the steps may grow.
func TestExportIsFlat(t *testing.T) {
	few := 10_000
	if underRace { // it takes ten times as long there; make check runs all of it without
		few = 1_000
	}
	for _, story := range []struct {
		name  string
		fact  func(int) engine.Event
		forms []string
	}{{"chatter", chatter, []string{"csv", "timesketch.jsonl", "ocsf19.jsonl"}}, {"again", again(t), []string{"jsonl"}}} {
		for _, form := range machines {
			if !slices.Contains(story.forms, form.name) {
				continue
			}
			t.Run(story.name+"/"+form.name, func(t *testing.T) {
				form.o.Head = head()
				short, _ := peak(t, few, story.fact, form.format, form.o)
				tall, rows := peak(t, 10*few, story.fact, form.format, form.o)
				if rows < int64(10*few) {
					t.Errorf("only %d rows were told", rows)
				}
				t.Logf("%d rows: %d KiB, %d rows: %d KiB", few, short>>10, 10*few, tall>>10)
				if tall > 2*short+1<<20 { // kept rows would be ten times that
					t.Errorf("%d rows take %d bytes and %d take %d", few, short, 10*few, tall)
				}
			})
		}
	}
}

// What a summary does not keep it counts.
func TestSummaryCountsTheRest(t *testing.T) {
	r, err := timeline.Open(repeated(10_000, chatter))
	if err != nil {
		t.Fatal(err)
	}
	words := func(r *timeline.Record) string {
		var b strings.Builder
		for _, o := range r.Timeline.Open {
			b.WriteString(o.Text + "\n")
		}
		return b.String()
	}
	kept := len(r.Refused)
	if want := fmt.Sprintf("%d more requests were not followed", 2499-kept); kept == 0 || kept > 1000 || !strings.Contains(words(r), want) {
		t.Errorf("%d refusals are kept, want %q in:\n%s", kept, want, words(r))
	}
	if len(r.People) > 1000 || !strings.Contains(words(r), "of people whom the list of people leaves out") {
		t.Errorf("%d people are kept:\n%s", len(r.People), words(r))
	}
	r, err = timeline.Open(repeated(10_000, again(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"more approvals were asked", "more warnings stand in plans", "more request ids belong to actions"} {
		if !strings.Contains(words(r), want) {
			t.Errorf("want %q in:\n%s", want, words(r))
		}
	}
	if last := slices.MaxFunc(r.Approvals, func(a, b timeline.Approval) int { return a.AskedAt.Compare(b.AskedAt.Time) }); last.AskedAt.Before(noon.Add(9_900 * time.Second)) {
		t.Errorf("the latest approval that is kept was asked at %s", last.AskedAt)
	}
	if latest := r.Approvals[len(r.Approvals)-1]; latest.Verdict == string(engine.ApprovalOpen) && len(latest.Votes) == 0 {
		t.Error("the latest approval does not know its answer")
	}
}

// BenchmarkExport says how long each form takes, in time, and as a multiple of
// walking the facts and telling their rows without writing them, and how much
// memory is alive at its peak.
func BenchmarkExport(b *testing.B) {
	const rows = 100_000
	fact := again(b)
	mixed := func(i int) engine.Event {
		if i > 1 && i%2 == 0 {
			return chatter(i + i/2%4)
		}
		return fact(i)
	}
	for _, form := range machines {
		b.Run(strings.TrimSuffix(form.name, ".jsonl"), func(b *testing.B) {
			form.o.Head = head()
			r, err := timeline.Open(repeated(rows, mixed))
			if err != nil {
				b.Fatal(err)
			}
			start := time.Now()
			walks := 0
			for ; walks < 3 || time.Since(start) < 200*time.Millisecond; walks++ {
				for _, err := range r.Each() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			walk := time.Since(start) / time.Duration(walks)
			var size counter
			for b.Loop() {
				size = 0
				if err := r.Write(&size, form.format, form.o); err != nil {
					b.Fatal(err)
				}
			}
			took := b.Elapsed() / time.Duration(b.N)
			b.ReportMetric(float64(size)/1e6/took.Seconds(), "MB/s")
			b.ReportMetric(float64(took)/float64(walk), "x-walk")
			most, _ := peak(b, rows, mixed, form.format, form.o)
			b.ReportMetric(float64(most)/1e6, "peak-MB")
		})
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
