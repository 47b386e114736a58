package host_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/engine"
)

// chat is a chat that behaves: it keeps what was posted, finds what it has
// when asked to post it again, and can be slow, fail or say nothing at all.
type chat struct {
	mu      sync.Mutex
	said    []string // in order
	tries   []time.Time
	changed int
	fails   int           // the next so many calls fail, before they do anything
	lost    int           // the next so many calls do it and fail
	slow    time.Duration // every call
	blocked chan struct{} // calls never end; deaf when deaf
	deaf    bool
	looked  []string // statuses of the run that were seen
}

func (c *chat) call(ctx context.Context, look engine.Look, what string) error {
	c.mu.Lock()
	c.tries = append(c.tries, time.Now())
	blocked, slow := c.blocked, c.slow
	fail := c.fails > 0
	if fail {
		c.fails--
	}
	c.mu.Unlock()
	gaveUp := ctx.Done()
	if c.deaf {
		gaveUp = nil
	}
	if blocked != nil {
		select {
		case <-blocked:
		case <-gaveUp:
		}
		return errors.New("nobody answers")
	}
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return ctx.Err()
	}
	if fail {
		return errors.New("the chat is down")
	}
	if err := look(func(i *engine.Incident) {
		run := "no run"
		if r, ok := i.Run("R1"); ok {
			run = string(r.Status)
		}
		c.mu.Lock()
		c.looked = append(c.looked, run)
		c.mu.Unlock()
	}); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.said, what) {
		c.said = append(c.said, what)
	}
	if c.lost > 0 {
		c.lost--
		return errors.New("the answer is lost")
	}
	return nil
}

func (c *chat) OpenChannel(ctx context.Context, look engine.Look) (engine.ChannelBound, error) {
	return engine.ChannelBound{Channel: "C1", Name: "inc-1"}, c.call(ctx, look, "channel")
}

func (c *chat) Post(ctx context.Context, look engine.Look, ref string) (engine.MessagePosted, error) {
	return engine.MessagePosted{Ref: ref, Channel: "C1", TS: "1." + ref}, c.call(ctx, look, "post "+ref)
}

func (c *chat) Close(ctx context.Context, look engine.Look, post engine.Post) error {
	return c.call(ctx, look, "close "+post.Ref)
}

func (c *chat) Changed(string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed++
}

// words are what was said, with the references of questions by their order.
func (c *chat) words() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := map[string]string{}
	var list []string
	for _, what := range c.said {
		verb, ref, _ := strings.Cut(what, " ")
		if id, ok := strings.CutPrefix(ref, "ask:"); ok {
			if names[id] == "" {
				names[id] = string(rune('A' + len(names)))
			}
			ref = "ask:" + names[id]
		}
		list = append(list, strings.TrimSpace(verb+" "+ref))
	}
	return list
}

func chatting(c *chat) func(*rig) { return func(r *rig) { r.options.Chat = c } }

const twoAsks = `
  - {id: a, uses: t.set, needs: [], approval: {from: [group:leads], quorum: 1}}
  - {id: b, uses: t.set, needs: [], approval: {from: [group:leads], quorum: 1}}
`

// Messages come in order, one at a time, each once, whatever the chat does.
func TestMessagesComeInOrder(t *testing.T) {
	for _, c := range []struct {
		name string
		chat *chat
	}{
		{"a chat that works", &chat{}},
		{"a slow chat", &chat{slow: 7 * time.Second}},
		{"a chat that fails", &chat{fails: 5}},
		{"a chat whose answers are lost", &chat{lost: 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, twoAsks, chatting(c.chat))
				r.world.plan("plan", "b", turn{before: time.Second}) // a is asked first
				id := r.start()
				r.reach(id, "b", engine.StepAwaiting)
				r.until("the questions", func() bool { return r.tally(id, "message.posted") == 3 })
				r.approve("bob", id, "a")
				r.reach(id, "a", engine.StepDone)
				r.until("the answer", func() bool { return r.tally(id, "message.closed") == 1 })
				r.approve("bob", id, "b")
				r.until("the end", func() bool { return r.tally(id, "message.posted") == 4 && r.tally(id, "message.closed") == 2 })
				want := []string{"channel", "post card", "post ask:A", "post ask:B", "close ask:A", "close ask:B", "post end:R1"}
				if diff := cmp.Diff(want, c.chat.words()); diff != "" {
					t.Errorf("what was said differs (-want +got):\n%s", diff)
				}
				if n := r.tally(id, "channel.bound"); n != 1 {
					t.Errorf("%d channels", n)
				}
				if c.chat.changed == 0 {
					t.Error("the chat was never told that the incident moved on")
				}
			})
		})
	}
}

// Messages come once across a crash, too: the chat finds what it has.
func TestMessagesAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &chat{slow: time.Second}
		r := newRig(t, twoAsks, chatting(c))
		id := r.start()
		for range 12 {
			<-time.After(1300 * time.Millisecond)
			r.crash()
		}
		r.until("the questions", func() bool { return r.tally(id, "message.posted") == 3 })
		if diff := cmp.Diff([]string{"channel", "post card", "post ask:A", "post ask:B"}, c.words()); diff != "" {
			t.Errorf("what was said differs (-want +got):\n%s", diff)
		}
	})
}

// Nothing waits for a chat that is down: people decide by other ways, and the
// run goes on to its end.
func TestNothingWaitsForTheChat(t *testing.T) {
	for _, c := range []struct {
		name string
		chat *chat
	}{
		{"says nothing", &chat{blocked: make(chan struct{})}},
		{"says nothing and does not listen", &chat{blocked: make(chan struct{}), deaf: true}},
		{"is down", &chat{fails: 1 << 30}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if c.chat.blocked != nil { // a channel belongs to the bubble in which it was made
					c.chat.blocked = make(chan struct{})
					t.Cleanup(func() { close(c.chat.blocked) })
				}
				r := newRig(t, twoAsks, chatting(c.chat))
				began := time.Now()
				id := r.start()
				r.reach(id, "b", engine.StepAwaiting)
				r.approve("bob", id, "a")
				r.approve("bob", id, "b")
				r.reach(id, "b", engine.StepDone)
				if took := time.Since(began); took > settle+5*time.Second {
					t.Errorf("the run took %s", took)
				}
				if err := r.host.Idle(t.Context(), id); err != nil {
					t.Error(err)
				}
				// it is tried again, with growing pauses of a minute at most
				<-time.After(30 * time.Minute)
				c.chat.mu.Lock()
				tries := slices.Clone(c.chat.tries)
				c.chat.mu.Unlock()
				if n := len(tries); n < 12 || n > 45 {
					t.Errorf("%d tries in half an hour", n)
				}
				for n := 1; n < len(tries); n++ {
					if pause := tries[n].Sub(tries[n-1]); pause < time.Second || pause > 2*time.Minute {
						t.Errorf("try %d came %s after the one before", n, pause)
					}
				}
				r.must("alice", id, "", engine.Resolved{})
			})
		})
	}
}

// When the chat is back, only what still matters is said.
func TestChatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &chat{fails: 8}
		r := newRig(t, twoAsks, chatting(c))
		id := r.start()
		r.reach(id, "b", engine.StepAwaiting)
		r.approve("bob", id, "a")
		r.reach(id, "a", engine.StepDone)
		r.until("the question", func() bool { return r.tally(id, "message.posted") == 2 })
		<-time.After(10 * time.Minute)
		if diff := cmp.Diff([]string{"channel", "post card", "post ask:A"}, c.words()); diff != "" {
			t.Errorf("what was said differs (-want +got):\n%s", diff)
		}
		for _, status := range c.looked {
			if status == "" {
				t.Error("the chat saw nothing of the incident")
			}
		}
	})
}

// A resolved incident is closed in the journal once its last message is out.
func TestClosedAfterTheLastMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &chat{slow: 20 * time.Second}
		r := newRig(t, "  - {id: a, uses: t.read}\n", chatting(c))
		id := r.start()
		r.reach(id, "a", engine.StepDone)
		r.until("the channel", func() bool { return r.tally(id, "channel.bound") == 1 })
		r.must("alice", id, "", engine.Resolved{Summary: "over"})
		open := func() int {
			streams, err := r.mem.Streams(context.Background(), true)
			if err != nil {
				t.Fatal(err)
			}
			return len(streams)
		}
		if open() != 1 {
			t.Error("the stream is closed although messages are owed")
		}
		r.crash() // and the next host goes on with them
		r.until("the end", func() bool { return r.tally(id, "message.posted") == 2 })
		if n := open(); n != 0 {
			t.Errorf("%d streams are open at the end", n)
		}
		want := []string{"channel", "post card", "post end:R1"}
		if diff := cmp.Diff(want, c.words()); diff != "" {
			t.Errorf("what was said differs (-want +got):\n%s", diff)
		}
	})
}
