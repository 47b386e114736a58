package rehearsal_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
)

// breaking is a chat that panics for one exercise when it is told to.
type breaking struct{ id atomic.Value }

func (b *breaking) OpenChannel(context.Context, engine.Look) (engine.ChannelBound, error) {
	return engine.ChannelBound{Channel: "C1", Name: "c1"}, nil
}

func (b *breaking) Post(_ context.Context, _ engine.Look, ref string) (engine.MessagePosted, error) {
	return engine.MessagePosted{Ref: ref, Channel: "C1", TS: ref}, nil
}

func (*breaking) Close(context.Context, engine.Look, engine.Post) error { return nil }

func (b *breaking) Changed(id string) {
	if id == b.id.Load() {
		panic("out of order")
	}
}

// TestOneThatBreaks panics in the timer of an exercise: it is given up, and
// everything beside it goes on, also what looks at both.
func TestOneThatBreaks(t *testing.T) {
	p := made(t, "  - {id: one, manual: {instructions: Look}}\n")
	s := short(t, p, "injects: [{id: i1, at: 1m, to: channel, say: News}]\nend: {max: 1h}\n")
	chat := &breaking{}
	bubble(t, p, s, rehearsal.Request{}, func(l *live) {
		other, err := l.st.Begin(t.Context(), engine.Request{Actor: l.people["fran"], Verb: "drill start"}, rehearsal.Request{Scenario: s.ID})
		if err != nil {
			t.Fatal(err)
		}
		chat.id.Store(other.Incident)
		l.pass(2 * time.Minute)
		err = l.st.View(t.Context(), other.Incident, func(*engine.Incident) {})
		if err == nil || !strings.Contains(err.Error(), "begin another one") {
			t.Errorf("the broken one answers %v", err)
		}
		delivered := false
		if err := l.st.View(t.Context(), l.id, func(i *engine.Incident) { _, delivered = i.Drill.Delivered["i1"] }); err != nil || !delivered {
			t.Errorf("the other one stood still: %v, %v", delivered, err)
		}
		if err := l.st.View(t.Context(), l.id, func(*engine.Incident) { panic("who looks") }); err == nil {
			t.Error("a panic of who looks is no error")
		}
		list, err := l.st.List(t.Context())
		if err != nil || len(list) != 2 || list[0].ID != other.Incident || list[0].Title != "Something odd" {
			t.Errorf("list %+v, %v", list, err)
		}
		if err := l.st.StopAll(t.Context(), engine.EndLive, "INC-1 was declared"); err == nil || !strings.Contains(err.Error(), other.Incident) || strings.Contains(err.Error(), l.id+":") {
			t.Errorf("stopping gives %v", err)
		}
		if going := l.st.Going(); len(going) != 0 {
			t.Errorf("%s goes on", going)
		}
		chat.id.Store("")
	}, func(l *live) { l.options.Chat = chat })
}
