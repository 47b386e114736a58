package app

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// noisy writes a note into the incident whenever some of its record is written.
type noisy struct {
	bytes.Buffer
	note  func()
	heard int
}

func (n *noisy) Write(p []byte) (int, error) {
	if n.heard++; n.heard < 3 {
		n.note()
	}
	return n.Buffer.Write(p)
}

// What is handed out is written down first, in which form and for whom, and the
// record holds just that and what came before, however much comes meanwhile.
func TestExportHoldsWhatItSays(t *testing.T) {
	a := newsroom(t)
	say(t, a, "alice", `declare "busy" --sev 2`)
	for range 400 {
		say(t, a, "bob", `note INC-1 "`+strings.Repeat("seen ", 50)+`"`)
	}
	x := &exporter{a.sides(), a.journalOf}
	req := engine.Request{Actor: person(t, a, "alice"), Verb: "export"}
	for _, f := range timeline.Formats() {
		out := &noisy{note: func() { say(t, a, "bob", `note INC-1 "while `+f.Name+` was written"`) }}
		name, err := x.Export(t.Context(), req, "INC-1", chatops.ExportOptions{Format: f.Name, Redact: "internal"}, out)
		if err != nil {
			t.Fatal(err)
		}
		if want := "inc-1-timeline-internal" + f.Ext; name != want {
			t.Errorf("%s: the file is called %q, want %q", f.Name, name, want)
		}
		if out.heard == 0 {
			t.Errorf("%s: nothing was written", f.Name)
		}
		if bytes.Contains(out.Bytes(), []byte("while "+f.Name+" was written")) {
			t.Errorf("%s: the record holds what came after it", f.Name)
		}
		if f.Name != "jsonl" {
			continue
		}
		lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
		var last struct {
			Type       string
			Details    map[string]string
			Redactions []string
			Prev       string `json:"prev_hash"`
			Hash       string
		}
		hash := strings.Repeat("0", 64)
		for n, line := range lines {
			if err := json.Unmarshal(line, &last); err != nil {
				t.Fatal(err)
			}
			if last.Prev != hash {
				t.Fatalf("line %d follows %q, want %q", n, last.Prev, hash)
			}
			hash = last.Hash
		}
		if last.Type != "export.made" || last.Details["format"] != "jsonl" || last.Details["redact"] != "internal" || len(last.Redactions) != 1 {
			t.Errorf("the record ends with %+v", last)
		}
	}
}

// What cannot be handed out is not written down as handed out.
func TestExportRefusesFirst(t *testing.T) {
	a := newsroom(t)
	say(t, a, "alice", `declare "x" --sev 2`)
	x := &exporter{a.sides(), a.journalOf}
	req := engine.Request{Actor: person(t, a, "alice"), Verb: "export"}
	for _, o := range []chatops.ExportOptions{
		{Format: "pdf"}, {Format: "md", Redact: "nobody"}, {Format: "md", Zone: "Mars/Olympus"}, {Format: "md", Zone: "Local"}, {Format: "md", Zone: "../etc/passwd"}, {Format: "ocsf", OCSF: "2"},
	} {
		var out bytes.Buffer
		if _, err := x.Export(t.Context(), req, "INC-1", o, &out); err == nil || out.Len() != 0 {
			t.Errorf("%+v: %v, %d bytes", o, err, out.Len())
		}
	}
	for e, err := range a.Host.Events(context.Background(), "INC-1") {
		if _, made := e.Body.(engine.ExportMade); err != nil || made {
			t.Errorf("%v %v", e, err)
		}
	}
}
