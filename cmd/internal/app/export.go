package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

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

// exportOptions understands what a person wants.
func exportOptions(o chatops.ExportOptions) (timeline.Options, error) {
	out := timeline.Options{Redact: timeline.Level(o.Redact), OCSF: o.OCSF}
	if err := timeline.Check(o.Format, out); err != nil {
		return out, engine.Refuse(engine.Usage, "%v", err)
	}
	if o.Zone != "" {
		zone, err := time.LoadLocation(o.Zone)
		if err != nil || o.Zone == "Local" {
			return out, engine.Refuse(engine.Usage, "there is no time zone %q; name one as Europe/Zurich or America/New_York", o.Zone)
		}
		out.Zone = zone
	}
	return out, nil
}

// Export first writes down that the record is handed out and what it covers,
// so that leaving rows out of it would contradict the journal; then it writes
// the facts up to and with that one, under the head that holds it. Facts that
// come while it is written are not in it.
func (x *exporter) Export(ctx context.Context, req engine.Request, incident string, o chatops.ExportOptions, w io.Writer) (string, error) {
	options, err := exportOptions(o)
	if err != nil {
		return "", err
	}
	body := engine.ExportMade{Format: o.Format, First: -1}
	if options.Redact != timeline.Full {
		body.Redact = string(options.Redact)
	}
	sum := sha256.New()
	for e, err := range x.app.Host.Events(ctx, incident) {
		if err != nil {
			return "", err
		}
		if body.First < 0 {
			body.First = e.Seq
		}
		body.Last = e.Seq
		data, _, err := engine.Encode(e)
		if err != nil {
			return "", err
		}
		sum.Write(data)
	}
	body.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if _, err := x.app.Host.Submit(ctx, req, incident, "", "", body); err != nil {
		return "", err
	}
	if options.Head, err = x.app.Journal.Head(ctx); err != nil {
		return "", err
	}
	r, err := timeline.Open(upTo(options.Head.Size, func() iter.Seq2[engine.Event, error] { return x.app.Host.Events(ctx, incident) }))
	if err != nil {
		return "", err
	}
	if err := r.Write(w, o.Format, options); err != nil {
		return "", err
	}
	return fileName(incident, o), nil
}

// upTo gives the facts of source that stand below a size of the journal, so
// that it gives the same ones each time while more are written.
func upTo(size int64, source timeline.Source) timeline.Source {
	return func() iter.Seq2[engine.Event, error] {
		return func(yield func(engine.Event, error) bool) {
			for e, err := range source() {
				if err == nil && e.Seq >= size || !yield(e, err) {
					return
				}
			}
		}
	}
}

// fileName is what the file of an export is called.
func fileName(incident string, o chatops.ExportOptions) string {
	name := strings.ToLower(incident) + "-timeline"
	if o.Redact != "" && o.Redact != string(timeline.Full) {
		name += "-" + o.Redact
	}
	for _, f := range timeline.Formats() {
		if f.Name == o.Format {
			return name + f.Ext
		}
	}
	return fmt.Sprintf("%s.%s", name, o.Format)
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
