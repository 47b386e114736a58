package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// exporter writes timelines, of live incidents and of exercises.
type exporter struct {
	incidents engine.Incidents
	head      func(ctx context.Context, incident string) (journal.Checkpoint, error) // of the journal that holds it
}

func (*exporter) Formats() []string { return []string{"md", "json"} }

// Export first writes down that the record is handed out and what it covers,
// so that leaving rows out of it would contradict the journal; then it writes
// the facts up to and with that one, under the head that holds it.
func (x *exporter) Export(ctx context.Context, req engine.Request, incident, format string) (chatops.File, error) {
	if refusal := x.going(ctx, req.Actor, incident); refusal != nil {
		return chatops.File{}, refusal
	}
	body, err := covers(x.incidents.Events(ctx, incident), format)
	if err != nil {
		return chatops.File{}, err
	}
	if _, err := x.incidents.Submit(ctx, req, incident, "", "", body); err != nil {
		return chatops.File{}, err
	}
	head, err := x.head(ctx, incident)
	if err != nil {
		return chatops.File{}, err
	}
	t, err := timeline.Fold(x.incidents.Events(ctx, incident))
	if err != nil {
		return chatops.File{}, err
	}
	var out bytes.Buffer
	switch format {
	case "md":
		err = t.Markdown(&out, head)
	case "json":
		err = t.JSON(&out, head)
	default:
		return chatops.File{}, engine.Refuse(engine.Usage, "format %q is not known; known: %s", format, strings.Join(x.Formats(), ", "))
	}
	if err != nil {
		return chatops.File{}, err
	}
	return chatops.File{Name: fmt.Sprintf("%s-timeline.%s", strings.ToLower(incident), format), Data: out.Bytes()}, nil
}

// going refuses to hand out the record of an exercise that goes on to anybody
// but its facilitators: what only they may see stands in it.
func (x *exporter) going(ctx context.Context, who engine.Actor, incident string) error {
	var refusal error
	err := x.incidents.View(ctx, incident, func(i *engine.Incident) {
		if d := i.Drill; d != nil && !d.Ended && !slices.Contains(d.Facilitators, who.ID) {
			refusal = engine.Refuse(engine.NotAllowed, "the exercise %s goes on, and its record holds what players must not see; its facilitators can export it, everybody else when it is over", incident)
		}
	})
	return errors.Join(err, refusal)
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
