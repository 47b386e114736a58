package timeline

import (
	"bytes"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// canonicalRow is one line of the jsonl form. Its members keep this order, this
// type and this meaning; new ones are optional.
type canonicalRow struct {
	Seq        int64             `json:"seq"`
	ID         string            `json:"id"`
	Incident   string            `json:"incident"`
	Mode       string            `json:"mode"`
	OccurredAt engine.Stamp      `json:"occurred_at"`
	RecordedAt engine.Stamp      `json:"recorded_at"`
	TimeSource string            `json:"time_source"`
	Kind       Kind              `json:"kind"`
	Type       string            `json:"type"`
	Actor      Actor             `json:"actor"`
	OnBehalfOf string            `json:"on_behalf_of,omitempty"`
	Runbook    *runRef           `json:"runbook,omitempty"`
	Run        string            `json:"run,omitempty"`
	Step       string            `json:"step,omitempty"`
	Attempt    int               `json:"attempt,omitempty"`
	Targets    []actions.Target  `json:"targets,omitempty"`
	Outcome    string            `json:"outcome,omitempty"`
	Reason     string            `json:"reason,omitempty"`
	Text       string            `json:"text"`
	DurationMS int64             `json:"duration_ms,omitempty"`
	PlanDigest string            `json:"plan_digest,omitempty"`
	Evidence   []evidenceRef     `json:"evidence"`
	Refs       []requestRef      `json:"refs"`
	Redactions []string          `json:"redactions"`
	Tags       []string          `json:"tags"`
	Details    map[string]string `json:"details,omitempty"`
	Corrected  *Correction       `json:"corrected,omitempty"`
	Hidden     *Hiding           `json:"hidden,omitempty"`
	Prev       string            `json:"prev_hash,omitempty"`
	Hash       string            `json:"hash,omitempty"`
}

// evidenceRef is something outside of the record whose digest the row holds.
type evidenceRef struct {
	ID     string `json:"id"`
	SHA256 string `json:"sha256"`
}

// requestRef is a provider's own name for a call.
type requestRef struct {
	Kind string `json:"kind"` // the operation: "iam:UpdateAccessKey"
	ID   string `json:"id"`
}

// canonical writes the jsonl form.
type canonical struct{ telling }

func newCanonical(i Incident, o Options) (encoder, error) {
	return &canonical{telling{i, o, runRefs{}}}, nil
}

func (c *canonical) line(out *bytes.Buffer, row *Row) error {
	data, err := marshal(&canonicalRow{
		Seq: row.Seq, ID: c.id(row), Incident: c.incident.ID, Mode: c.incident.Mode,
		OccurredAt: row.occurred(), RecordedAt: row.At, TimeSource: timeSource(row),
		Kind: row.Kind, Type: row.Type, Actor: row.Actor, OnBehalfOf: row.Details["on_authority"], Runbook: c.runs[row.Run],
		Run: row.Run, Step: row.Step, Attempt: row.Attempt, Targets: row.Targets,
		Outcome: row.Outcome, Reason: row.Details["reason"], Text: row.Text, DurationMS: row.Millis, PlanDigest: row.Digest,
		Evidence: evidenceOf(row), Refs: refsOf(row), Redactions: redactions(c.o), Tags: tags(c.incident, row), Details: row.Details,
		Corrected: row.Corrected, Hidden: row.Hidden, Prev: row.Prev, Hash: row.Hash,
	})
	if err != nil {
		return err
	}
	out.Write(data)
	out.WriteByte('\n')
	return nil
}

// timeSource says whose clock the time of a row is from.
func timeSource(row *Row) string {
	switch {
	case !row.Observed.IsZero():
		return "human"
	case row.Type == string(engine.InjectDelivered{}.Kind()):
		return "scenario"
	}
	return "engine"
}

func evidenceOf(row *Row) []evidenceRef {
	list := []evidenceRef{}
	for _, name := range []string{"result_sha256", "items_sha256", "sha256", "scenario_digest", "program_digest"} {
		if sum := row.Details[name]; sum != "" {
			list = append(list, evidenceRef{ID: name, SHA256: sum})
		}
	}
	return list
}

func refsOf(row *Row) []requestRef {
	list := make([]requestRef, len(row.Refs))
	for n, r := range row.Refs {
		list[n] = requestRef{Kind: r.Operation, ID: r.ID}
	}
	return list
}

// redactions names the level below full at which the rows are told.
func redactions(o Options) []string {
	if o.Redact == "" || o.Redact == Full {
		return []string{}
	}
	return []string{string(o.Redact)}
}
