package rehearsal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/runbooks"
)

const busy = `  - id: find
    uses: aws.iam.lookup_access_key
    with: {access_key_id: AKIAIOSFODNN7EXAMPLE}
  - id: each
    uses: test.signal
    for_each: {in: steps.find.outputs.other_keys, max_parallel: 2}
    with: {target: "${{ item }}", token: secret://env/T}
    approval: {from: [group:leads], quorum: 1, expires: 15m}
    verify: {within: 60s}
    retry: {attempts: 3, backoff: 2s}
    timeout: 30s
  - id: nap
    wait: 2m
  - id: once
    uses: test.once
    with: {target: h}
    approval: {from: [group:leads], quorum: 2, expires: 15m}
    timeout: 30s
  - id: look
    manual: Look.
`

const busyScenario = `answers:
  find: {outputs: {user: u, principal_arn: p, account: "1", status: Active, created: 2026-01-05T10:00:00Z, last_used: "", last_used_service: s, last_used_region: r, other_keys: [a, b, c]}}
  each: {outputs: {target: h}, verified_after: 10s}
  each.2: [{fails: throttled}, {outputs: {target: h}}]
  once: [{unknown: true}, {outputs: {target: h}}]
injects:
  - {id: i1, at: 20s, to: channel, say: one}
  - {id: i2, after: nap, delay: 5s, to: channel, say: two}
  - {id: i3, when: elapsed > 60 && steps.each.done, delay: 3s, to: channel, say: three}
  - {id: i4, asked: look, to: "person:bob", say: four, answers: {once: {fails: denied}}}
end: {max: 10h}
`

// A server that is killed at any moment changes nothing of what an exercise
// comes to: every inject is delivered once, every attempt is answered as it
// would have been, and no fact contradicts another.
func TestCrash(t *testing.T) {
	p := made(t, busy)
	s := short(t, p, busyScenario)
	want := ""
	for k := range 40 {
		bubble(t, p, s, rehearsal.Request{}, func(l *live) {
			l.types("ann", "run made", "")
			for n := range 100 {
				if k > 0 && (n == k || n == 2*k+1) {
					l.pass(time.Duration(k) * 137 * time.Millisecond)
					l.crash()
					l.types("fran", "go", "")
				}
				l.pass(4 * time.Second)
				l.answer()
			}
			var got []string
			l.view(func(i *engine.Incident) {
				run, _ := i.Run("")
				got = append(got, string(run.Status), fmt.Sprint(len(i.Drill.Delivered)))
				for step := range run.All() {
					line := fmt.Sprintf("%s %s %d:", step.ID, step.Status, len(step.Attempts))
					for _, a := range step.Attempts {
						if a.Outcome != nil && a.Outcome.Failure != nil {
							line += " " + string(a.Outcome.Failure.Class)
						}
					}
					got = append(got, line)
				}
			})
			if text := strings.Join(got, "\n"); want == "" {
				want = text
				t.Log(want)
			} else if text != want {
				t.Errorf("killed at %d it comes to:\n%s\nwant:\n%s\n%s", k, text, want, strings.Join(l.told(), "\n"))
			}
			folded(t, l.events())
			l.wants("injects", l.count(engine.InjectDelivered{}, ""), 4)
		})
	}
	if !strings.HasPrefix(want, "done\n4\n") {
		t.Errorf("the run comes to %s", want)
	}
}

// answer lets people do what they are asked for.
func (l *live) answer() {
	l.t.Helper()
	var todo [][2]string
	l.view(func(i *engine.Incident) {
		for _, a := range i.Asks {
			switch {
			case a.Closed:
			case a.Type == engine.AskApproval:
				todo = append(todo, [2]string{"bob", "approve " + a.Step.ID}, [2]string{"cat", "approve " + a.Step.ID})
			case a.Type == engine.AskManual:
				todo = append(todo, [2]string{"bob", "done " + a.Step.ID + " nothing"})
			case a.Type == engine.AskHeld:
				todo = append(todo, [2]string{"bob", "retry " + a.Step.ID + " --confirm-not-applied"})
			}
		}
	})
	for _, one := range todo {
		_ = typed(l.t.Context(), l.st, l.id, runbooks.ScriptLine{Type: one[1]}, l.people[one[0]]) // the second yes may come too late
	}
}

// A store that fails is given up at once: nothing that it may not have is acted
// upon, and the next process goes on with what it has.
func TestPoison(t *testing.T) {
	p := made(t, twoApprove)
	for _, applied := range []bool{true, false} {
		bubble(t, p, short(t, p, onceWorks), rehearsal.Request{}, func(l *live) {
			l.types("ann", "run made", "")
			l.pass(5 * time.Second)
			l.types("bob", "approve once", "")
			l.log.FailNextAppend(io.ErrUnexpectedEOF, applied)
			err := typed(t.Context(), l.st, l.id, runbooks.ScriptLine{Type: "approve once"}, l.people["cat"])
			if _, poisoned := errors.AsType[*journal.PoisonedError](err); !poisoned || len(l.fatal) != 1 {
				t.Errorf("%v, fatal %v", err, l.fatal)
			}
			if _, err := l.st.List(t.Context()); err == nil {
				t.Error("a poisoned stage answers")
			}
			l.crash()
			l.types("fran", "go", "")
			if !applied {
				l.types("cat", "approve once", "")
			}
			l.pass(10 * time.Second)
			l.wants("votes", l.count(engine.Vote{}, ""), 2)
			l.wants("the step", l.status("once"), engine.StepDone)
		})
	}
}

// An exercise that cannot be read back keeps no other from going on.
func TestUnreadable(t *testing.T) {
	p := made(t, waits)
	s := short(t, p, "answers: {}\nend: {max: 10h}\n")
	bubble(t, p, s, rehearsal.Request{}, func(l *live) {
		if _, err := l.log.Append(t.Context(), journal.Batch{Stream: "DRL-2", Records: []journal.Record{{Data: []byte(`{"kind":"of.tomorrow","v":9}`)}}}); err != nil {
			t.Fatal(err)
		}
		l.crash()
		l.types("fran", "go", "")
		list, err := l.st.List(t.Context())
		if err != nil || len(list) != 2 || !strings.Contains(list[0].Title, "cannot be read") {
			t.Errorf("%+v, %v", list, err)
		}
		if err := l.st.View(t.Context(), "DRL-2", func(*engine.Incident) {}); err == nil {
			t.Error("it can be read after all")
		}
		receipt, err := l.st.Begin(t.Context(), engine.Request{Actor: l.people["fran"]}, rehearsal.Request{Scenario: "short"})
		if err != nil || receipt.Incident != "DRL-3" {
			t.Errorf("%+v, %v", receipt, err)
		}
	})
}

// board is a chat that takes its time and fails now and then.
type board struct {
	mu    sync.Mutex
	fails int // how many of the next tries
	slow  time.Duration
	shown []string
	tries int
}

func (b *board) try(what string) error {
	<-time.After(b.slow)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries++
	if b.fails > 0 {
		if b.fails--; b.fails%2 == 0 {
			panic("a bug of the chat")
		}
		return errors.New("the chat does not answer")
	}
	b.shown = append(b.shown, what)
	return nil
}

func (b *board) OpenChannel(_ context.Context, look engine.Look) (engine.ChannelBound, error) {
	err := look(func(*engine.Incident) {})
	return engine.ChannelBound{Channel: "C1"}, errors.Join(err, b.try("channel"))
}

func (b *board) Post(_ context.Context, look engine.Look, ref string) (engine.MessagePosted, error) {
	err := look(func(*engine.Incident) {})
	kind, _, _ := strings.Cut(ref, ":")
	if kind == "inject" {
		kind = ref
	}
	return engine.MessagePosted{Ref: ref, Channel: "C1", TS: "1"}, errors.Join(err, b.try(kind))
}

func (b *board) Close(_ context.Context, _ engine.Look, _ engine.Post) error { return b.try("close") }
func (b *board) Changed(string)                                              {}

// What players are told is tried until it succeeds, in order, once, whatever is
// killed in between; the exercise does not wait for it.
func TestChat(t *testing.T) {
	p := made(t, twoApprove)
	s := short(t, p, onceWorks+`injects:
  - {id: i1, at: 1s, to: channel, say: one}
  - {id: i2, at: 2s, to: "person:bob", say: two}
`)
	chat := &board{fails: 7, slow: 3 * time.Second}
	bubble(t, p, s, rehearsal.Request{}, func(l *live) {
		l.types("ann", "run made", "")
		l.pass(5 * time.Second)
		l.types("bob", "approve once", "")
		l.types("cat", "approve once", "")
		l.pass(5 * time.Second)
		l.wants("the step, before anybody was told", l.status("once"), engine.StepDone)
		if len(chat.shown) > 0 {
			t.Fatalf("%q", chat.shown)
		}
		l.pass(time.Minute)
		l.crash()
		l.pass(5 * time.Minute) // messages go on while it is held
		l.types("fran", "end", "")
		l.pass(5 * time.Minute)
		got := strings.Join(chat.shown, " ")
		for _, once := range []string{"channel", "card", "control", "inject:i1", "inject:i2", "end", "drill"} {
			if strings.Count(" "+got+" ", " "+once+" ") != 1 {
				t.Errorf("%s was not shown once: %s", once, got)
			}
		}
		if strings.Index(got, "inject:i1") > strings.Index(got, "inject:i2") {
			t.Errorf("out of order: %s", got)
		}
		streams, err := l.log.Streams(t.Context(), true)
		if err != nil || len(streams) > 0 {
			t.Errorf("%+v is open, %v", streams, err)
		}
		if list, err := l.st.List(t.Context()); err != nil || list[0].Channel != "C1" || list[0].Control != "C1" {
			t.Errorf("%+v, %v", list, err)
		}
		l.crash() // nothing is open, so it is read when somebody asks
		if list, err := l.st.List(t.Context()); err != nil || list[0].Channel != "C1" || list[0].Title != "Something odd" || !list[0].Resolved {
			t.Errorf("%+v, %v", list, err)
		}
		l.view(func(i *engine.Incident) { l.wants("ended", i.Drill.Ended, true) })
		synctest.Wait()
	}, func(l *live) { l.options.Chat = chat })
}

// What was said while something more urgent came up is not said again.
func TestToldOnce(t *testing.T) {
	p := made(t, twoApprove)
	s := short(t, p, onceWorks+`injects:
  - {id: i1, asked: once, delay: 1s, to: channel, say: one}
`)
	chat := &board{slow: 3 * time.Second}
	bubble(t, p, s, rehearsal.Request{}, func(l *live) {
		l.pass(time.Minute) // the channel, the card, the console
		l.types("ann", "run made", "")
		l.pass(time.Minute)
		got := strings.Join(chat.shown, " ")
		if n := strings.Count(got, "ask"); n != 1 || !strings.Contains(got, "inject:i1") {
			t.Errorf("the question was shown %d times: %s", n, got)
		}
		synctest.Wait()
	}, func(l *live) { l.options.Chat = chat })
}
