package timeline_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// shownOutside are the texts of facts that others see. It is written by hand,
// apart from the table that the redaction uses: a new field has to be thought
// about twice.
var shownOutside = words(`Declared.ID Declared.Store Noted.Class MessagePosted.Ref MessageClosed.Ref ExportMade.Format ExportMade.Redact ExportMade.SHA256 Refused.Verb Refused.Code
	RunStarted.Runbook RunStarted.Digest Floor.Effect RunEnded.Status Target.Type Failure.Class ApprovalRequested.ID Vote.Approval Vote.Root ApprovalReminded.ID
	ApprovalEscalated.ID ApprovalClosed.ID ApprovalClosed.Verdict EffectIntent.Key EffectIntent.Action EffectIntent.Effect EffectIntent.Approval EffectProbed.Found
	Request.Operation Reading.Verdict TimerFired.Ref StepHeld.ID StepHeld.Why StepEnded.Status ManualAsked.ID ContainmentDue.ID DrillStarted.Scenario DrillStarted.Digest
	DrillStarted.Runbook DrillStarted.RunbookDigest InjectDelivered.ID InjectDelivered.Why InjectDelivered.Chat InjectSkipped.ID OutcomeSet.Step OutcomeSet.Outcome
	ExpectationJudged.Inject ObjectiveRated.Objective ObjectiveRated.Rating DrillEnded.Why CorrectiveAdded.ID CorrectiveAdded.Due
	CorrectiveClosed.ID Actor.Type GlassBroken.Approval GlassBroken.Root GlassReviewAsked.ID GlassReviewAsked.Approval GlassReviewed.ID RunStarted.Program.title`)

// hiddenInside are the texts of facts that the company does not see either.
var hiddenInside = words(`Actor.Via Actor.Keys Actor.Identities RunStarted.Program RunStarted.Inputs RunEnded.Outputs StepReady.Params StepPlanned.State Preview.State
	EffectOutcome.Result EffectProbed.Result StepEnded.Outputs StepExpanded.Items StepEntered.Inputs Vote.Signature GlassBroken.Signature DrillStarted.File`)

func words(list string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(list) {
		out[w] = true
	}
	return out
}

// plant puts a canary of its own into every text of a body, and notes where.
func plant(v reflect.Value, field string, planted map[string]string) {
	note := func(field string) string {
		word := fmt.Sprintf("canary%05dz", len(planted))
		planted[word] = field
		return word
	}
	mark := func() string { return note(field) }
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		plant(v.Elem(), field, planted)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[engine.Stamp]() {
			return
		}
		if v.Type() == reflect.TypeFor[engine.Large]() {
			v.Set(reflect.ValueOf(engine.Large{Value: json.RawMessage(fmt.Sprintf(`{%q:%q,"title":%q,"steps":[{"id":"disable","say":%q,"with":{"a":%q},"manual":{"say":%q}}]}`, mark(), mark(), note(field+".title"), mark(), mark(), mark()))}))
			return
		}
		for i := range v.NumField() {
			name := v.Type().Name() + "." + v.Type().Field(i).Name
			if v.Type() == reflect.TypeFor[engine.EffectOutcome]() && strings.HasPrefix(field, "EffectLate") {
				name = "EffectOutcome." + v.Type().Field(i).Name
			}
			plant(v.Field(i), name, planted)
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes(fmt.Appendf(nil, `{%q:%q}`, mark(), mark()))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		plant(v.Index(0), field, planted)
		plant(v.Index(1), field, planted)
	case reflect.String:
		v.SetString(mark())
	}
}

// canaries is a record with every kind of fact, and a canary in every text.
func canaries(t testing.TB) (*script, map[string]string) {
	t.Helper()
	planted := map[string]string{}
	s := &script{now: noon}
	for _, kind := range engine.Kinds() {
		body, ok := engine.NewBody(kind)
		if !ok {
			t.Fatal(kind)
		}
		plant(reflect.ValueOf(body).Elem(), "", planted)
		var who engine.Actor
		plant(reflect.ValueOf(&who).Elem(), "Actor", planted)
		who.Type = []engine.ActorType{engine.Person, engine.Stranger}[len(s.facts)%2]
		s.say(time.Second, who, "R1", "disable", reflect.ValueOf(body).Elem().Interface().(engine.Body))
	}
	return s, planted
}

// Nothing that a level must not show comes out in any form.
func TestCanaries(t *testing.T) {
	s, planted := canaries(t)
	for _, level := range timeline.Levels() {
		for _, f := range timeline.Formats() {
			if f.Name == "bundle" { // made of these forms; see TestBundleBelowFull
				continue
			}
			out := write(t, s, f.Name, timeline.Options{Redact: level})
			seen := 0
			for word, field := range planted {
				if !bytes.Contains(out, []byte(word)) {
					continue
				}
				seen++
				if level == timeline.External && !shownOutside[field] || level == timeline.Internal && field != "RunStarted.Program.title" && hiddenInside[strings.TrimSuffix(field, ".title")] {
					t.Errorf("%s at level %s holds what stands in %s", f.Name, level, field)
				}
			}
			if f.Name == "json" && seen < 50 {
				t.Errorf("%s at level %s holds only %d of the %d texts; does the test look at anything?", f.Name, level, seen, len(planted))
			}
		}
	}
}

// Every field of every fact and of every export has a class, and no class is
// about a field that is not there.
func TestEveryFieldIsClassified(t *testing.T) {
	for _, tt := range []struct {
		name  string
		table map[string]map[string]string
		roots []reflect.Type
	}{
		{"facts", timeline.FactClasses(), append(bodyTypes(t), reflect.TypeFor[engine.Actor]())},
		{"export", timeline.SummaryClasses(), []reflect.Type{reflect.TypeFor[timeline.Timeline]()}},
	} {
		seen := map[string]bool{}
		var walk func(reflect.Type)
		walk = func(of reflect.Type) {
			for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
				of = of.Elem()
			}
			if of.Kind() != reflect.Struct || seen[of.String()] || of == reflect.TypeFor[engine.Stamp]() || tt.name == "export" && !strings.HasPrefix(of.String(), "timeline.") {
				return
			}
			seen[of.String()] = true
			fields := map[string]bool{}
			for i := range of.NumField() {
				f := of.Field(i)
				if !f.IsExported() {
					continue
				}
				fields[f.Name] = true
				if tt.table[of.String()][f.Name] == "" {
					t.Errorf("%s.%s has no class in redact_fields.go; say who may see it", of, f.Name)
				}
				walk(f.Type)
			}
			for name := range tt.table[of.String()] {
				if !fields[name] {
					t.Errorf("redact_fields.go has a class for %s.%s, which is no field", of, name)
				}
			}
		}
		for _, of := range tt.roots {
			walk(of)
		}
		for name := range tt.table {
			if !seen[name] {
				t.Errorf("redact_fields.go has classes for %s, which nothing holds", name)
			}
		}
	}
}

func bodyTypes(t *testing.T) []reflect.Type {
	var list []reflect.Type
	for _, kind := range engine.Kinds() {
		b, ok := engine.NewBody(kind)
		if !ok {
			t.Fatal(kind)
		}
		list = append(list, reflect.TypeOf(b).Elem())
	}
	return list
}

// Stand-ins are the same for the same person and target, and the story stays whole.
func TestStandIns(t *testing.T) {
	page := string(write(t, told(t), "md", timeline.Options{Redact: timeline.External}))
	for _, want := range []string{
		`person 1 declared INC-12, severity 2: \[left out\]`, `person 3 approved step "disable" (2 of 2), plan no.2: \[left out\]`,
		`on target 1 (aws.iam.user)`, `started, attempt 1, on authority of person 3`, `2 approvals of step "disable" asked from group 2`,
		`a stranger asked for "run" and was refused`, "external", `the answer does not tell: \[left out\]`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
	for _, secret := range []string{"alice", "bob", "carol", "Alice", "svc-deploy", "AKIA", "111122223333", "U01", "C0123", "CloudTrail", "security-leads", "prod", "dave", "commanders", "auditors", "checkout", "plane", "SSH SIGNATURE"} {
		if strings.Contains(page, secret) {
			t.Errorf("the page holds %q", secret)
		}
	}
	inside := string(write(t, told(t), "md", timeline.Options{Redact: timeline.Internal}))
	for _, want := range []string{"alice", "svc-deploy", "seen it in CloudTrail"} {
		if !strings.Contains(inside, want) {
			t.Errorf("the page for the company has no %q", want)
		}
	}
	for _, secret := range []string{"slack:T01", "uid/1000", "access\\_key\\_id ="} {
		if strings.Contains(inside, secret) {
			t.Errorf("the page for the company holds %q", secret)
		}
	}
	full, out := told(t).record(t), told(t).record(t)
	var b bytes.Buffer
	if err := out.Write(&b, "json", timeline.Options{Redact: "secret", Head: head()}); err == nil || !strings.Contains(err.Error(), "not known") {
		t.Errorf("an unknown level: got %v", err)
	}
	if full.Count != out.Count {
		t.Error("rows are lost")
	}
	// What cannot be taken apart is still told, and the rows are as many.
	var got struct {
		Rows      []timeline.Row `json:"rows"`
		Redaction struct {
			Level  timeline.Level `json:"level"`
			Fields []string       `json:"fields"`
		} `json:"redaction"`
	}
	if err := json.Unmarshal(write(t, told(t), "json", timeline.Options{Redact: timeline.External}), &got); err != nil {
		t.Fatal(err)
	}
	if int64(len(got.Rows)) != full.Count || got.Redaction.Level != timeline.External || !slices.Contains(got.Redaction.Fields, "Row.Text") {
		t.Errorf("got %d rows of %d, %+v", len(got.Rows), full.Count, got.Redaction)
	}
	for _, r := range got.Rows {
		for _, target := range r.Targets {
			if target.Type != user.Type || target.ID != "target 1" || target.Account != "" {
				t.Errorf("got target %+v", target)
			}
		}
	}
}

// Redaction takes nothing from the facts that it is given.
func TestRedactionLeavesTheFacts(t *testing.T) {
	s := told(t)
	before := string(write(t, s, "json", timeline.Options{}))
	write(t, s, "md", timeline.Options{Redact: timeline.External})
	write(t, s, "md", timeline.Options{Redact: timeline.Internal})
	if after := string(write(t, s, "json", timeline.Options{})); before != after {
		t.Error("the facts are others after a redacted export")
	}
}

// cramped is a disk that is full.
type cramped struct{ room int }

func (f *cramped) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	for _, f := range timeline.Formats() {
		if f.Name == "bundle" {
			continue
		}
		for _, room := range []int{0, 5000} {
			if err := told(t).record(t).Write(&cramped{room}, f.Name, timeline.Options{Head: head()}); err == nil || !strings.Contains(err.Error(), "no space left") {
				t.Errorf("%s with room for %d bytes: got %v", f.Name, room, err)
			}
		}
	}
	if err := told(t).record(t).Write(io.Discard, "bundle", timeline.Options{Head: head()}); err == nil || !strings.Contains(err.Error(), "needs the proofs") {
		t.Errorf("a bundle without proofs: got %v", err)
	}
	if err := told(t).record(t).Write(io.Discard, "pdf", timeline.Options{}); err == nil || !strings.Contains(err.Error(), "known: bundle, ") {
		t.Errorf("an unknown form: got %v", err)
	}
}
