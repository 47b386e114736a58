package timeline

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// Bounds of a line of the timesketch form, in bytes. A longer message goes on in
// details, and what details does not hold is counted.
const (
	maxMessage = 4 << 10
	maxDetails = 30_000
	maxField   = 8 << 10
)

// sketchForm is how datetime is written: the offset in digits, never Z.
const sketchForm = "2006-01-02T15:04:05.000000-07:00"

// sketchYear is the first year that an importer takes in; a time before it is
// not told as one, the zero time among them.
const sketchYear = 1700

// timesketch writes the timesketch form.
type timesketch struct{ telling }

func newTimesketch(i Incident, o Options) (encoder, error) {
	return &timesketch{telling{i, o, runRefs{}}}, nil
}

// timesketchHead writes what a file has before its rows: where the record was
// read, and each key time that came. With the declaration that makes three lines
// of the shortest incident; an importer once failed on fewer.
func timesketchHead(out *bytes.Buffer, r *Record, o Options) error {
	t := &timesketch{telling{r.Incident, o, runRefs{}}}
	text := fmt.Sprintf("%s: %s; %s", r.Incident.ID, r.Incident.Title, count(int(r.Count), "row"))
	if o.Head.Origin != "" {
		text += fmt.Sprintf(", read from journal %s at size %d, root %s", o.Head.Origin, o.Head.Size, base64.StdEncoding.EncodeToString(o.Head.Root[:]))
	}
	m := t.common(r.Incident.DeclaredAt, "timeline.head", text)
	m["timestamp_desc"], m["fb_kind"], m["tag"] = "Record exported", string(Machine), []string{r.Incident.Mode, string(Machine)}
	m["fb_severity"], m["fb_rows"], m["fb_checkpoint"] = r.Incident.Severity, r.Count, string(o.Head.Note)
	m["fb_redactions"] = redactions(o)
	if err := t.write(out, m); err != nil {
		return err
	}
	for _, k := range r.KeyTimes {
		if k.Seq < 0 || k.At.Year() < sketchYear {
			continue
		}
		m := t.common(k.At, "timeline.key_time", strings.TrimSpace(k.Name+" "+k.Text))
		m["timestamp_desc"], m["fb_kind"], m["tag"] = "Observed time", string(Machine), []string{r.Incident.Mode, "key_time"}
		m["fb_seq"], m["fb_key_time"] = k.Seq, k.Name
		if err := t.write(out, m); err != nil {
			return err
		}
	}
	return nil
}

// line writes a row, and once more at the time at which a person saw what it
// tells: a sketch sorts by time, and both belong there.
func (t *timesketch) line(out *bytes.Buffer, row *Row) error {
	m := t.row(row)
	if err := t.write(out, m); err != nil || row.Observed.Year() < sketchYear {
		return err
	}
	for name, value := range t.common(row.Observed, row.Type, row.Text) {
		m[name] = value
	}
	m["timestamp_desc"], m["fb_id"] = "Observed time", m["fb_id"].(string)+"/observed"
	return t.write(out, m)
}

func (t *timesketch) write(out *bytes.Buffer, m map[string]any) error {
	data, err := marshal(m)
	if err != nil {
		return err
	}
	out.Write(data)
	out.WriteByte('\n')
	return nil
}

// common are the fields of every line.
func (t *timesketch) common(at engine.Stamp, typ, text string) map[string]any {
	text = Visible(text)
	message, left := cutBytes(text, maxMessage-64)
	m := map[string]any{
		"datetime": at.UTC().Format(sketchForm), "timestamp": at.UnixMicro(), "data_type": "firebreak:" + Visible(typ),
		"fb_incident": t.incident.ID, "fb_mode": t.incident.Mode, "fb_type": typ,
	}
	if left > 0 {
		m["details"] = clip(text[len(message):], maxDetails)
		message = fmt.Sprintf("%s… (%d more characters in details)", message, left)
	}
	m["message"] = message
	return m
}

// row gives the fields of a row. Each has one JSON type for ever, because an
// index keeps the type that it met first.
func (t *timesketch) row(row *Row) map[string]any {
	m := t.common(row.At, row.Type, row.Text)
	m["timestamp_desc"], m["tag"] = timestampDesc(row), tags(t.incident, row)
	m["fb_seq"], m["fb_id"], m["fb_kind"] = row.Seq, t.id(row), string(row.Kind)
	text := func(name, value string) {
		if value != "" {
			m[name] = clip(Visible(value), maxField)
		}
	}
	text("fb_actor_type", row.Actor.Type)
	text("fb_actor", row.Actor.ID)
	text("fb_actor_name", row.Actor.Name)
	text("fb_actor_via", row.Actor.Via)
	text("fb_run", row.Run)
	text("fb_step", row.Step)
	text("fb_outcome", row.Outcome)
	text("fb_plan_digest", row.Digest)
	text("fb_hash", row.Hash)
	text("fb_prev_hash", row.Prev)
	if run := t.runs[row.Run]; run != nil {
		text("fb_runbook", run.ID)
		text("fb_runbook_digest", run.Digest)
	}
	if row.Corrected != nil {
		text("fb_corrected", row.Corrected.Text)
	}
	if row.Hidden != nil {
		text("fb_hidden", row.Hidden.Reason)
	}
	if row.Attempt > 0 {
		m["fb_attempt"] = row.Attempt
	}
	if row.Millis != 0 {
		m["fb_duration_ms"] = row.Millis
	}
	if len(row.Targets) > 0 {
		m["fb_targets"] = targetList(row.Targets)
	}
	if len(row.Refs) > 0 {
		refs := make([]string, len(row.Refs))
		for n := range row.Refs {
			refs[n] = clip(Visible(requestWords(row.Refs[n:n+1])), maxField)
		}
		m["fb_refs"] = refs
	}
	for name, value := range row.Details {
		text("fb_detail_"+name, value)
	}
	return m
}

func targetList(targets []actions.Target) []string {
	list := make([]string, len(targets))
	for n, target := range targets {
		list[n] = clip(Visible(target.String()), maxField)
	}
	return list
}

// timestampDesc says what the time of a row is the time of.
func timestampDesc(row *Row) string {
	switch row.Type {
	case string(engine.EffectIntent{}.Kind()):
		return "Action started"
	case string(engine.EffectOutcome{}.Kind()), string(engine.EffectLate{}.Kind()), string(engine.StepEnded{}.Kind()), string(engine.ManualDone{}.Kind()):
		return "Action finished"
	case string(engine.ApprovalRequested{}.Kind()), string(engine.ApprovalReminded{}.Kind()), string(engine.ApprovalEscalated{}.Kind()), string(engine.GlassReviewAsked{}.Kind()):
		return "Approval requested"
	case string(engine.Vote{}.Kind()), string(engine.ApprovalClosed{}.Kind()), string(engine.GlassBroken{}.Kind()), string(engine.GlassReviewed{}.Kind()):
		return "Approval decided"
	case string(engine.EffectVerified{}.Kind()), string(engine.EffectProbed{}.Kind()), string(engine.ExportMade{}.Kind()):
		return "Evidence collected"
	case string(engine.InjectDelivered{}.Kind()):
		return "Inject delivered"
	}
	if row.Kind == Note {
		return "Note recorded"
	}
	return "Fact recorded"
}
