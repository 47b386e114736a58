package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"strings"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// exporter writes timelines.
type exporter struct{ app *App }

func (*exporter) Formats() []string {
	var names []string
	for _, f := range timeline.Formats() {
		names = append(names, f.Name)
	}
	return names
}

// Export first writes down that the record is handed out and what it covers,
// so that leaving rows out of it would contradict the journal; then it writes
// the facts up to and with that one, under a head that holds it.
func (x *exporter) Export(ctx context.Context, req engine.Request, incident, format string) (chatops.File, error) {
	form, ok := timeline.FormatOf(format)
	if !ok {
		return chatops.File{}, engine.Refuse(engine.Usage, "format %q is not known; known: %s", format, strings.Join(x.Formats(), ", "))
	}
	body := engine.ExportMade{Format: format, First: -1}
	sum := sha256.New()
	for e, err := range x.app.Host.Events(ctx, incident) {
		if err != nil {
			return chatops.File{}, err
		}
		if body.First < 0 {
			body.First = e.Seq
		}
		body.Last = e.Seq
		data, _, err := engine.Encode(e)
		if err != nil {
			return chatops.File{}, err
		}
		sum.Write(data)
	}
	body.SHA256 = hex.EncodeToString(sum.Sum(nil))
	made, err := x.app.Host.Submit(ctx, req, incident, "", "", body)
	if err != nil {
		return chatops.File{}, err
	}
	head, err := x.app.Journal.Head(ctx)
	if err != nil {
		return chatops.File{}, err
	}
	record, err := timeline.Open(func() iter.Seq2[engine.Event, error] {
		return timeline.UpTo(x.app.Host.Events(ctx, incident), made.Seq)
	})
	if err != nil {
		return chatops.File{}, err
	}
	proofs, err := timeline.ProofsOf(ctx, x.app.Journal, incident, made.Seq, head)
	if err != nil {
		return chatops.File{}, err
	}
	var out bytes.Buffer
	if err := record.Write(&out, format, timeline.Options{Head: head, Proofs: proofs, Version: Version()}); err != nil {
		return chatops.File{}, err
	}
	return chatops.File{Name: strings.ToLower(incident) + "-timeline" + form.Ext, Data: out.Bytes()}, nil
}

func (x *exporter) Timeline(ctx context.Context, incident string, last int) ([]chatops.Line, error) {
	t, err := timeline.Fold(x.app.Host.Events(ctx, incident))
	if err != nil {
		return nil, err
	}
	var lines []chatops.Line
	for _, l := range t.Lines(last) {
		lines = append(lines, chatops.Line{Mark: l.Mark, Text: l.Text})
	}
	return lines, nil
}
