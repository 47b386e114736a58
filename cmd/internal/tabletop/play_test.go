package tabletop

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/chatops/console"
	"github.com/firebreak-ir/firebreak/engine"
)

// heard notes what is typed.
type heard struct{ lines []string }

func (h *heard) Command(_ context.Context, in chatops.Input) chatops.Message {
	h.lines = append(h.lines, in.Actor.ID+": "+in.Text)
	return chatops.Message{Title: "ok", Seq: -1}
}

// TestLiveEndsTheTable declares a live incident while the table waits: it is
// told within seconds, and not when its waiting is over.
func TestLiveEndsTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, typed := io.Pipe()
		defer typed.Close()
		var out strings.Builder
		began := time.Now()
		bot := &heard{}
		o := Options{
			Bot: bot, Incident: "DRL-1", Players: []engine.Actor{{ID: "bob"}}, Facilitator: engine.Actor{ID: "fran"},
			In: in, Terminal: NewTerminal(&out, console.Style{}), Over: func() bool { return false },
			Stopped: func() (string, bool) { return "INC-7", time.Since(began) > 30*time.Second },
		}
		go func() { _, _ = io.WriteString(typed, "wait\n") }()
		if _, err := Play(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 35*time.Second {
			t.Errorf("the table was told after %s", took)
		}
		if got := strings.Join(bot.lines, "\n"); got != "fran: drill stop DRL-1" || !strings.Contains(out.String(), "INC-7") {
			t.Errorf("typed %q, and said\n%s", got, out.String())
		}
	})
}

// TestWaitForAStep goes on when that step asks, and not when anything else is said.
func TestWaitForAStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, typed := io.Pipe()
		var out strings.Builder
		bot := &heard{}
		terminal := NewTerminal(&out, console.Style{})
		began, at := time.Now(), time.Duration(0)
		say := func(step string) {
			terminal.mu.Lock()
			terminal.asked[step] = true
			terminal.mu.Unlock()
			terminal.news <- struct{}{}
		}
		go func() {
			_, _ = io.WriteString(typed, "wait look\n")
			<-time.After(time.Minute)
			say("") // news that asks nobody
			<-time.After(time.Minute)
			say("look")
			_, _ = io.WriteString(typed, "bob: done look\n")
			at = time.Since(began)
			_ = typed.Close()
		}()
		o := Options{
			Bot: bot, Incident: "DRL-1", Players: []engine.Actor{{ID: "bob"}}, Facilitator: engine.Actor{ID: "fran"},
			In: in, Terminal: terminal, Over: func() bool { return true },
		}
		if _, err := Play(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if at < 2*time.Minute || at > 3*time.Minute || strings.Join(bot.lines, "\n") != "bob: done DRL-1 look" {
			t.Errorf("after %s typed %q", at, bot.lines)
		}
	})
}
