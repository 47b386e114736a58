package chatops

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/engine"
)

// What is handed out goes where the caller wants it, or into the answer.
func TestExportGoesToTheSink(t *testing.T) {
	l := newLedger(t)
	b := newBot(l, Policy{})
	if m := b.Command(t.Context(), Input{Actor: actor(t, "carl"), Text: `declare "x" --sev 2`}); m.Failed || m.Usage {
		t.Fatalf("%+v", m)
	}
	var sink bytes.Buffer
	m := b.Command(t.Context(), Input{Actor: actor(t, "carl"), Text: "export md INC-1 --redact external --tz Europe/Zurich", Sink: &sink})
	if m.Failed || m.Usage || len(m.Files) != 0 || sink.String() != "the record of INC-1" {
		t.Errorf("got %+v, and the sink has %q", m, sink.String())
	}
	if l.exported != (ExportOptions{Format: "md", Redact: "external", Zone: "Europe/Zurich"}) {
		t.Errorf("the exporter was asked for %+v", l.exported)
	}
	m = b.Command(t.Context(), Input{Actor: actor(t, "carl"), Text: "export md INC-1"})
	if len(m.Files) != 1 || string(m.Files[0].Data) != "the record of INC-1" || m.Files[0].Name != "INC-1.md" {
		t.Errorf("got %+v", m)
	}
	if m := b.Command(t.Context(), Input{Actor: actor(t, "carl"), Text: "export md INC-1 --redact nobody", Sink: &sink}); !m.Usage {
		t.Errorf("a level that there is not: %+v", m)
	}
}

// A record that is too large for an answer is refused, and not cut.
func TestExportTooLargeForAnAnswer(t *testing.T) {
	var f counted
	f.w = &f.kept
	_, err := f.Write(make([]byte, MaxHandout))
	_, again := f.Write([]byte("x"))
	refusal, ok := errors.AsType[*engine.Refusal](again)
	if err != nil || !ok || !strings.Contains(refusal.Message, "firebreak export INCIDENT --out FILE") {
		t.Errorf("got %v, %v", err, again)
	}
}
