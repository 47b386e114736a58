package tabletop

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/chatops/console"
	"github.com/firebreak-ir/firebreak/engine"
)

// Terminal prints what an exercise owes to its people. It is an [engine.Chat].
type Terminal struct {
	Style console.Style

	mu    sync.Mutex
	out   io.Writer
	posts int
	asked map[string]bool // steps about which a question was printed
	news  chan struct{}   // something was said; capacity 1
	over  chan struct{}   // closed when the exercise is over
	ended sync.Once
}

// NewTerminal prints to out.
func NewTerminal(out io.Writer, style console.Style) *Terminal {
	return &Terminal{Style: style, out: out, asked: map[string]bool{}, news: make(chan struct{}, 1), over: make(chan struct{})}
}

var _ engine.Chat = (*Terminal)(nil)

// OpenChannel needs nothing: the terminal is there.
func (t *Terminal) OpenChannel(context.Context, engine.Look) (engine.ChannelBound, error) {
	return engine.ChannelBound{Channel: "terminal", Name: "terminal"}, nil
}

// Post prints a message. The facilitators' console is printed when it is asked for.
func (t *Terminal) Post(_ context.Context, look engine.Look, ref string) (engine.MessagePosted, error) {
	var m chatops.Message
	var known bool
	to := "channel"
	asked := ""
	err := look(func(i *engine.Incident) {
		m, to, known = message(i, ref)
		for _, a := range i.Asks {
			if "ask:"+a.ID == ref {
				asked = a.Step.ID
			}
		}
	})
	if err != nil {
		return engine.MessagePosted{}, err
	}
	if known {
		m.Parts = chatops.WithoutButtons(m.Parts)
		if person, ok := strings.CutPrefix(to, "person:"); ok {
			m.Title += " · only to " + person
		}
		if err := t.Print(m); err != nil {
			return engine.MessagePosted{}, err
		}
	}
	if ref == engine.DrillEndRef {
		t.ended.Do(func() { close(t.over) })
	}
	if known {
		t.mu.Lock()
		t.asked[asked] = true
		t.mu.Unlock()
		select {
		case t.news <- struct{}{}:
		default:
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.posts++
	return engine.MessagePosted{Ref: ref, Channel: "terminal", TS: fmt.Sprint(t.posts)}, nil
}

// asks says whether a question about a step was printed.
func (t *Terminal) asks(step string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked[step]
}

// Close has nothing to do: there are no buttons.
func (t *Terminal) Close(context.Context, engine.Look, engine.Post) error { return nil }

// Changed has nothing to do: the card is printed when it is asked for.
func (t *Terminal) Changed(string) {}

// Print writes a message, whole.
func (t *Terminal) Print(m chatops.Message) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := io.WriteString(t.out, "\n"); err != nil {
		return err
	}
	return console.Print(t.out, m, t.Style)
}

// message finds what a reference means; not known are those that are not
// printed by themselves.
func message(i *engine.Incident, ref string) (m chatops.Message, to string, known bool) {
	kind, id, _ := strings.Cut(ref, ":")
	switch kind {
	case "ask":
		for _, a := range i.Asks {
			if a.ID == id && !a.Closed {
				return chatops.AskMessage(i, a), "channel", true
			}
		}
	case "remind":
		if a, n, ok := chatops.Reminded(i, ref); ok {
			return chatops.ReminderMessage(i, a, n), "channel", true
		}
	case "inject", "hint", "drill":
		return chatops.SaidMessage(i, ref)
	case "end":
		id, _, _ = strings.Cut(id, ".")
		if run, ok := i.Run(id); ok && id != "" {
			return chatops.EndMessage(i, run), "channel", true
		}
	}
	return m, to, false
}
