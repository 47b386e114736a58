package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

// archive hands out a record of so many bytes, or fails on the way.
type archive struct {
	listener
	bytes  int
	failed bool
}

func (a *archive) Command(_ context.Context, in chatops.Input) chatops.Message {
	if strings.HasPrefix(in.Text, "refuse") {
		return chatops.Message{Title: "no", Failed: true, Seq: -1}
	}
	for n := 0; n < a.bytes; n += 1000 {
		if _, err := in.Sink.Write(bytes.Repeat([]byte("r"), 1000)); err != nil {
			return chatops.Message{Title: "gone", Failed: true, Seq: -1}
		}
	}
	return chatops.Message{Title: "the record — of " + in.Actor.ID, Failed: a.failed, Seq: 9}
}

func TestExportIsPassedOn(t *testing.T) {
	bot := &archive{bytes: 3_000_000}
	client, _ := serve(t, Options{Bot: bot, Directory: directory(me(t))})
	var out bytes.Buffer
	m, err := client.Export(t.Context(), "export csv INC-1", &out)
	if err != nil || m.Title != "the record — of alice" || m.Seq != 9 || m.Failed || out.Len() != bot.bytes {
		t.Errorf("got %+v with %d bytes, %v", m, out.Len(), err)
	}
	out.Reset()
	if m, err := client.Export(t.Context(), "refuse", &out); err != nil || !m.Failed || m.Title != "no" || out.Len() != 0 {
		t.Errorf("a refusal: %+v with %d bytes, %v", m, out.Len(), err)
	}
	bot.failed = true
	if m, err := client.Export(t.Context(), "export", &out); err != nil || !m.Failed {
		t.Errorf("one that fails on the way: %+v, %v", m, err)
	}
	full := errors.New("the disk is full")
	if _, err := client.Export(t.Context(), "export", failing{full}); !errors.Is(err, full) {
		t.Errorf("a disk that is full: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestExportThatStopsHalfWay(t *testing.T) {
	client, _ := listen(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", record)
		_, _ = io.WriteString(w, "half of it")
	})})
	if _, err := client.Export(t.Context(), "export", io.Discard); err == nil || !strings.Contains(err.Error(), "half way") {
		t.Errorf("got %v", err)
	}
}

func TestFollowCarriesBatches(t *testing.T) {
	type request struct {
		Follow
		who engine.Actor
	}
	asked := make(chan request, 10)
	// Each end has a server of its own: one that is left half way may still be
	// at work when the next is asked.
	ending := func(end error) *Client {
		client, _ := serve(t, Options{Bot: &listener{}, Directory: directory(me(t)), Follow: func(_ context.Context, a engine.Actor, f Follow, send func(Batch) error) error {
			asked <- request{f, a}
			for n, lines := range []string{"", "{\"a\":1}\n{\"b\":2}\n", "", "{\"c\":\"\\n\"}\n"} {
				if err := send(Batch{Origin: "o", Next: f.From + int64(n), Lines: []byte(lines)}); err != nil {
					return err
				}
			}
			return end
		}})
		return client
	}
	var lines bytes.Buffer
	last := Batch{}
	take := func(b Batch) error {
		lines.Write(b.Lines)
		last = b
		return nil
	}
	want := Follow{Format: "ocsf", OCSF: "1.9", Incident: "INC-3", From: 7, Origin: "o", Once: true}
	if err := ending(nil).Follow(t.Context(), want, take); err != nil {
		t.Fatal(err)
	}
	if got := <-asked; got.Follow != want || got.who.ID != "alice" || last.Next != 10 || last.Origin != "o" || lines.String() != "{\"a\":1}\n{\"b\":2}\n{\"c\":\"\\n\"}\n" {
		t.Errorf("%s asked for %+v and got %q up to %d", got.who.ID, got.Follow, lines.String(), last.Next)
	}
	full := errors.New("full")
	if err := ending(nil).Follow(t.Context(), want, func(Batch) error { return full }); !errors.Is(err, full) {
		t.Errorf("the reader's own error is %v", err)
	}
	for _, tt := range []struct {
		end  error
		lost bool
		want string
	}{
		{errors.New("record 3 cannot be read"), false, "the server cannot go on: record 3 cannot be read"},
		{context.Canceled, true, "went away"},
		{engine.Refuse(engine.NotAllowed, "no more"), false, "no more"},
	} {
		if err := ending(tt.end).Follow(t.Context(), want, take); errors.Is(err, ErrLost) != tt.lost || !strings.Contains(fmt.Sprint(err), tt.want) {
			t.Errorf("%v: got %v", tt.end, err)
		}
	}
}

func TestFollowRefuses(t *testing.T) {
	refusal := error(engine.Refuse(engine.NotAllowed, "you are no auditor"))
	client, socket := serve(t, Options{Bot: &listener{}, Directory: directory(me(t)), Follow: func(context.Context, engine.Actor, Follow, func(Batch) error) error { return refusal }})
	none := func(Batch) error { t.Error("a batch"); return nil }
	if err := client.Follow(t.Context(), Follow{Format: "jsonl"}, none); err == nil || !strings.Contains(err.Error(), "the server refused: you are no auditor") {
		t.Errorf("got %v", err)
	}
	if err := client.Follow(t.Context(), Follow{Format: "jsonl", From: -1}, none); err == nil || !strings.Contains(err.Error(), "a whole number from 0") {
		t.Errorf("got %v", err)
	}
	if _, err := net.Dial("unix", socket); err != nil {
		t.Error(err)
	}
	client, _ = serve(t, Options{Bot: &listener{}, Directory: directory(me(t))})
	if err := client.Follow(t.Context(), Follow{Format: "jsonl"}, none); err == nil || !strings.Contains(err.Error(), "nothing can be followed here") {
		t.Errorf("got %v", err)
	}
}

// What is no answer of ours is not taken for lines.
func TestFollowOfAnotherServer(t *testing.T) {
	for _, tt := range []struct{ says, want string }{
		{"hello\n", "are both ends the same firebreak"},
		{`{"next":1,"bytes":-5}` + "\n", "are both ends the same firebreak"},
		{`{"next":1,"bytes":999999999}` + "\n", "are both ends the same firebreak"},
		{`{"next":1,"bytes":50}` + "\nshort", ErrLost.Error()},
		{`{"next":1`, ErrLost.Error()},
	} {
		client, _ := listen(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tt.says) })})
		err := client.Follow(t.Context(), Follow{Format: "jsonl"}, func(b Batch) error { t.Errorf("took %+v", b); return nil })
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.says, err, tt.want)
		}
	}
}
