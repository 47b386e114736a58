package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

// A server that wants something else signed than was typed gets nothing, and
// the terminal that has no ssh-keygen says so. PATH is empty, so nothing could
// be signed here by mistake.
func TestSigned(t *testing.T) {
	t.Setenv("PATH", "")
	good := engine.Ballot{Store: "s", Incident: "INC-1", Run: "R1", Step: "disable", Approval: "0011223344556677", Plan: strings.Repeat("ab", 32), Person: "bob"}
	with := func(change func(*engine.Ballot)) engine.Ballot {
		b := good
		change(&b)
		return b
	}
	for _, tt := range []struct {
		name, text string
		ballot     engine.Ballot
		want       string
	}{
		{"as it was typed", "approve R1/disable INC-1 --digest abababababab --sign k", good, "apt-get install openssh-client"},
		{"in short, by another word for it", "yes disable --sign k", good, "apt-get install openssh-client"},
		{"another step", "approve disable INC-1 --sign k", with(func(b *engine.Ballot) { b.Step = "delete" }), `you typed step "disable" and the server wants a signature for "delete"`},
		{"another run", "approve R1/disable INC-1 --sign k", with(func(b *engine.Ballot) { b.Run = "R2" }), `you typed run "R1"`},
		{"another incident", "approve disable INC-1 --sign k", with(func(b *engine.Ballot) { b.Incident = "INC-2" }), `you typed incident "INC-1"`},
		{"another plan", "approve disable INC-1 --digest 0123456789ab --sign k", good, "something else than you typed"},
		{"another verb", "deny disable INC-1 --reason r", good, "something else than you typed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			p := &program{streams: streams{strings.NewReader(""), &out, &out}}
			send := func(context.Context, string, string) (chatops.Message, error) {
				t.Error("it is sent")
				return chatops.Message{}, nil
			}
			_, err := p.signed(t.Context(), talk{command: send}, tt.text, chatops.Message{Title: "To be signed", Seq: -1, Sign: &chatops.Sign{Ballot: tt.ballot}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}
