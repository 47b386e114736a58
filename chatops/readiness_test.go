package chatops

import (
	"context"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/engine"
)

// shelfOf is a ledger that says what it was asked.
type shelfOf struct{ asked []string }

func (s *shelfOf) Ledger(_ context.Context, runbook string) (Message, error) {
	s.asked = append(s.asked, runbook)
	if runbook == "" {
		return Message{Title: "Readiness of runbooks", Seq: 7, Public: true, Parts: []Part{{Code: "leaked-key  NEVER"}}}, nil
	}
	return Message{}, engine.Refuse(engine.NoRunbook, "there is no runbook %q", runbook)
}

// Anybody of the directory may ask, nobody else is told, and nothing is changed.
func TestReadiness(t *testing.T) {
	ledger := &shelfOf{}
	d := people()
	bot := NewBot(Options{Incidents: newLedger(t), Directory: func() *Directory { return d }, Readiness: ledger})
	say := func(who, text string) Message {
		return bot.Command(t.Context(), Input{Actor: actor(t, who), Text: text})
	}
	if m := say("rob", "readiness"); m.Title != "Readiness of runbooks" || m.Public || m.Seq != -1 || m.Failed || len(ledger.asked) != 1 {
		t.Errorf("got %+v", m)
	}
	if m := say("stranger", "readiness"); !m.Failed || len(ledger.asked) != 1 {
		t.Errorf("a stranger is told %+v", m)
	}
	if m := say("rob", "readiness no-such-runbook"); !m.Failed || m.Code != engine.NoRunbook || len(ledger.asked) != 1 {
		t.Errorf("got %+v", m)
	}
	bot = NewBot(Options{Incidents: newLedger(t), Directory: func() *Directory { return d }})
	if m := say("rob", "ready"); !m.Failed || !strings.Contains(m.Parts[0].Text, "not kept here") {
		t.Errorf("got %+v", m)
	}
}
