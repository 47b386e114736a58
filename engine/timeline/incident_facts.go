package timeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// tellIncident finds the words for facts of the incident and of a run.
func (f *fold) tellIncident(row *Row, e engine.Event) bool {
	who := row.Actor.Who()
	switch b := e.Body.(type) {
	case engine.Declared:
		f.declared(row, b)
	case engine.Resolved:
		f.resolved = moment{e.At, e.Seq, true}
		f.t.Incident.ResolvedAt, f.t.Incident.Summary = row.At, b.Summary
		f.did(row.Actor, "resolved the incident")
		row.Kind, row.Outcome = Lifecycle, "resolved"
		row.Text = who + " resolved " + f.t.Incident.ID + because(b.Summary)
	case engine.Noted:
		f.noted(row, b)
	case engine.ChannelBound:
		f.t.Incident.Channel = b.Channel
		if b.Name != "" {
			f.t.Incident.Channel = "#" + b.Name + " (" + b.Channel + ")"
		}
		row.Kind = Comms
		row.Text = "the channel of the incident is " + f.t.Incident.Channel
		row.detail("channel", b.Channel)
		row.detail("channel_name", b.Name)
	case engine.MessagePosted:
		row.Kind, row.Minor = Comms, true
		row.Text = fmt.Sprintf("message %q was posted in channel %s", b.Ref, b.Channel)
		row.detail("ref", b.Ref)
		row.detail("channel", b.Channel)
		row.detail("ts", b.TS)
	case engine.MessageClosed:
		row.Kind, row.Minor = Comms, true
		row.Text = fmt.Sprintf("the buttons of message %q were taken away", b.Ref)
		row.detail("ref", b.Ref)
	case engine.ExportMade:
		f.did(row.Actor, "exported the record")
		row.Kind = Evidence
		level := ""
		if b.Redact != "" {
			level = " (" + b.Redact + ")"
		}
		row.Text = fmt.Sprintf("%s exported the record as %s%s, journal places %d to %d, sha256 %s", who, b.Format, level, b.First, b.Last, b.SHA256)
		row.detail("format", b.Format)
		row.detail("redact", b.Redact)
		row.detail("sha256", b.SHA256)
		row.detail("first", strconv.FormatInt(b.First, 10))
		row.detail("last", strconv.FormatInt(b.Last, 10))
	case engine.Refused:
		f.did(row.Actor, "was refused")
		row.Kind, row.Outcome = Machine, "refused"
		row.Control = strings.HasPrefix(b.Verb, "drill") // what a facilitator wanted, and what the scenario has in its place
		row.Text = fmt.Sprintf("%s asked for %q and was refused (%s): %s", who, b.Verb, b.Code, b.Message)
		row.detail("verb", b.Verb)
		row.detail("code", string(b.Code))
		f.refuse(Refusal{Seq: row.Seq, At: row.At, Actor: row.Actor, Verb: b.Verb, Code: string(b.Code), Text: b.Message})
	case engine.ClockAnomaly:
		row.Kind = Machine
		row.Text = fmt.Sprintf("the clock of the server went back by %s; journal times did not", span(time.Duration(b.BackMillis)*time.Millisecond))
		row.detail("back_ms", strconv.FormatInt(b.BackMillis, 10))
	case engine.RunStarted:
		f.started(row, e, b)
	case engine.CancelRequested:
		f.did(row.Actor, "asked to cancel a run")
		row.Kind = Lifecycle
		row.Text = fmt.Sprintf("%s asked to cancel run %s%s; an effect in flight is not cut", who, e.Run, because(b.Reason))
		row.detail("reason", b.Reason)
	case engine.RunEnded:
		row.Kind, row.Outcome = Lifecycle, string(b.Status)
		row.Text = fmt.Sprintf("run %s ended: %s%s", e.Run, b.Status, because(b.Reason))
		if outputs := inputWords(outputsOf(b.Outputs)); outputs != "" {
			row.Text += "; it gave back " + outputs
		}
		row.detail("reason", b.Reason)
		row.detail("outputs", string(b.Outputs))
		if r := f.byRun[e.Run]; r != nil {
			r.Status, r.Reason, r.EndedAt, r.Outputs = string(b.Status), b.Reason, row.At, outputsOf(b.Outputs)
			row.Millis = e.At.Sub(r.start).Milliseconds()
		}
	default:
		return false
	}
	return true
}

// modeOf is "exercise" for what was made up, and else "live".
func modeOf(incident string) string {
	if engine.IsExercise(incident) {
		return "exercise"
	}
	return "live"
}

func (f *fold) declared(row *Row, b engine.Declared) {
	if f.told == 0 {
		f.t.Incident = Incident{
			ID: b.ID, Title: b.Title, Severity: b.Severity, Private: b.Private, Mode: modeOf(b.ID), Store: b.Store,
			DeclaredAt: row.At, DeclaredBy: row.Actor,
		}
	}
	f.did(row.Actor, "declared the incident")
	row.Kind = Lifecycle
	row.Text = fmt.Sprintf("%s declared %s, severity %d: %s", row.Actor.Who(), b.ID, b.Severity, b.Title)
	if b.Private {
		row.Text += " (private)"
	}
}

func (f *fold) noted(row *Row, b engine.Noted) {
	f.did(row.Actor, "wrote notes")
	row.Kind, row.Outcome, row.Observed = Note, string(b.Class), b.Observed
	row.Text = fmt.Sprintf("%s noted (%s)", row.Actor.Who(), b.Class)
	if !b.Observed.IsZero() {
		row.Text += ", seen at " + clock(b.Observed, row.At)
	}
	row.Text += ": " + b.Text
	row.detail("note", b.Text)
	if b.Class == engine.Observation && !b.Observed.IsZero() && (f.observed.IsZero() || b.Observed.Before(f.observed.Time)) {
		f.observed, f.observing = b.Observed, row.Seq
	}
}

func (f *fold) started(row *Row, e engine.Event, b engine.RunStarted) {
	r := &run{
		Run:   Run{Run: e.Run, Runbook: b.Runbook, Digest: b.Digest, Environment: b.Environment.Name, By: row.Actor, StartedAt: row.At, Status: string(engine.RunActive)},
		start: e.At, byID: map[string]*step{},
	}
	if err := json.Unmarshal(b.Program.Value, &r.program); err != nil {
		f.odd(fmt.Sprintf("the program of run %s could not be read, so its budget and what can be undone are not told: %v", e.Run, err))
	}
	r.Title, r.budget = r.program.Title, time.Duration(r.program.Budget)
	r.BudgetMS = r.budget.Milliseconds()
	f.runs = append(f.runs, r)
	f.byRun[e.Run] = r
	f.did(row.Actor, "started a run")

	row.Kind, row.Outcome = Lifecycle, "started"
	row.Text = fmt.Sprintf("%s started run %s of runbook %q", row.Actor.Who(), e.Run, b.Runbook)
	if r.Environment != "" {
		row.Text += fmt.Sprintf(" in environment %q", r.Environment)
	}
	row.Text += ", program " + short(b.Digest)
	if inputs := inputWords(b.Inputs); inputs != "" {
		row.Text += ", with " + inputs
	}
	if b.Floor != nil {
		row.Text += fmt.Sprintf("; the environment demands %s from %s for %s steps and worse",
			count(b.Floor.Quorum, "approval"), strings.Join(b.Floor.From, ", "), b.Floor.Effect)
		if b.Floor.BreakGlass {
			row.Text += ", and lets a runbook say who may break the glass"
		}
	}
	if b.Extra != nil {
		row.Text += fmt.Sprintf("; each question needs %s more: %s", count(b.Extra.Approvers, "approval"), b.Extra.Why)
		row.detail("extra_approvers", fmt.Sprintf("%d: %s", b.Extra.Approvers, b.Extra.Why))
	}
	row.detail("runbook", b.Runbook)
	row.detail("program_digest", b.Digest)
	row.detail("environment", r.Environment)
	row.detail("inputs", string(b.Inputs))
	row.detail("protected", strings.Join(b.Protected, ", "))
}

// outputsOf is what a runbook gave back, when it is JSON.
func outputsOf(data json.RawMessage) json.RawMessage {
	if !json.Valid(data) {
		return nil
	}
	return data
}

// inputWords gives the inputs of a run by name.
func inputWords(data json.RawMessage) string {
	var values map[string]json.RawMessage
	if len(data) == 0 {
		return ""
	}
	if json.Unmarshal(data, &values) != nil {
		return string(data)
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		value := string(values[name])
		var text string
		if json.Unmarshal(values[name], &text) == nil {
			value = text
		}
		names[i] = name + " = " + value
	}
	return strings.Join(names, ", ")
}
