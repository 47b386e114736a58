package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// exporter writes timelines, of live incidents and of exercises.
type exporter struct {
	incidents engine.Incidents
	journal   func(incident string) journal.Log // that holds it
}

func (*exporter) Formats() []string {
	var names []string
	for _, f := range timeline.Formats() {
		names = append(names, f.Name)
	}
	return names
}

// exportOptions understands what a person wants.
func exportOptions(o chatops.ExportOptions) (timeline.Options, error) {
	out := timeline.Options{Version: Version(), Redact: timeline.Level(o.Redact), OCSF: o.OCSF}
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
	if err := x.going(ctx, req.Actor, incident); err != nil {
		return "", err
	}
	body, err := covers(x.incidents.Events(ctx, incident), o.Format)
	if err != nil {
		return "", err
	}
	if options.Redact != timeline.Full {
		body.Redact = string(options.Redact)
	}
	made, err := x.incidents.Submit(ctx, req, incident, "", "", body)
	if err != nil {
		return "", err
	}
	log := x.journal(incident)
	if options.Head, err = log.Head(ctx); err != nil {
		return "", err
	}
	if options.Proofs, err = timeline.ProofsOf(ctx, log, incident, made.Seq, options.Head); err != nil {
		return "", err
	}
	r, err := timeline.Open(func() iter.Seq2[engine.Event, error] {
		return timeline.UpTo(x.incidents.Events(ctx, incident), made.Seq)
	})
	if err != nil {
		return "", err
	}
	if err := r.Write(w, o.Format, options); err != nil {
		return "", err
	}
	return fileName(incident, o), nil
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

// going refuses to hand out the record of an exercise that goes on to anybody
// but its facilitators: what only they may see stands in it.
func (x *exporter) going(ctx context.Context, who engine.Actor, incident string) error {
	var refusal *engine.Refusal
	err := x.incidents.View(ctx, incident, func(i *engine.Incident) {
		if d := i.Drill; d != nil && !d.Ended && !slices.Contains(d.Facilitators, who.ID) {
			refusal = engine.Refuse(engine.NotAllowed, "the exercise %s goes on, and its record holds what players must not see; its facilitators can export it, everybody else when it is over", incident)
		}
	})
	if err == nil && refusal != nil {
		err = refusal
	}
	return err
}

// covers says what is handed out: all facts of an incident so far.
func covers(facts iter.Seq2[engine.Event, error], format string) (engine.ExportMade, error) {
	body := engine.ExportMade{Format: format, First: -1}
	sum := sha256.New()
	for e, err := range facts {
		if err != nil {
			return body, err
		}
		if body.First < 0 {
			body.First = e.Seq
		}
		body.Last = e.Seq
		data, _, err := engine.Encode(e)
		if err != nil {
			return body, err
		}
		sum.Write(data)
	}
	body.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return body, nil
}

// Timeline gives the last lines. Of an exercise that goes on it leaves out what
// only its facilitators may see.
func (x *exporter) Timeline(ctx context.Context, incident string, last int) ([]chatops.Line, error) {
	t, err := timeline.Fold(x.incidents.Events(ctx, incident))
	if err != nil {
		return nil, err
	}
	if err := x.incidents.View(ctx, incident, func(i *engine.Incident) {
		if i.Drill != nil && !i.Drill.Ended {
			t.Rows = slices.DeleteFunc(t.Rows, func(r timeline.Row) bool { return r.Control })
		}
	}); err != nil {
		return nil, err
	}
	var lines []chatops.Line
	for _, l := range t.Lines(last) {
		lines = append(lines, chatops.Line{Mark: l.Mark, Text: l.Text})
	}
	return lines, nil
}
