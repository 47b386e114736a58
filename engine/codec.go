package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// FormatVersion is the version of the encoded event. It is raised only when an
// old reader would misread a new event.
const FormatVersion = 1

// MaxInline is the largest value, in bytes, that stays inside an event; a
// larger one becomes an attachment that the event names by digest.
const MaxInline = 8 << 10

// MaxInlineDepth is how deep a value that stays inside an event may nest: the
// journal keeps records 16 deep, and the event around a value takes up to 4 of
// these. The program of a run that calls runbooks is deeper.
const MaxInlineDepth = 12

// Stamp is a time in an event: UTC, with microseconds, always.
type Stamp struct{ time.Time }

const stampForm = "2006-01-02T15:04:05.000000Z"

// At cuts a time to what an event keeps.
func At(t time.Time) Stamp { return Stamp{t.UTC().Truncate(time.Microsecond)} }

// MarshalJSON writes the fixed form.
func (s Stamp) MarshalJSON() ([]byte, error) {
	return []byte(`"` + s.UTC().Format(stampForm) + `"`), nil
}

// UnmarshalJSON reads the fixed form only.
func (s *Stamp) UnmarshalJSON(data []byte) error {
	t, err := time.Parse(`"`+stampForm+`"`, string(data))
	if err != nil {
		return fmt.Errorf("time %s is not of the form %s", data, stampForm)
	}
	s.Time = t.UTC()
	return nil
}

// Large is a JSON value that may be too big for a record. Encoded it is either
// {"inline": value} or {"sha256": digest, "size": bytes}; in memory the value
// is always there.
type Large struct {
	Value json.RawMessage

	digest string // of the attachment that Decode has to fetch
}

// IsZero says whether there is no value.
func (l Large) IsZero() bool { return len(l.Value) == 0 && l.digest == "" }

type largeWire struct {
	Inline json.RawMessage `json:"inline,omitempty"`
	SHA256 string          `json:"sha256,omitempty"`
	Size   int             `json:"size,omitempty"`
}

// small says whether the value can stay inside an event.
func (l Large) small() bool {
	return len(l.Value) <= MaxInline && depth(l.Value) <= MaxInlineDepth
}

// depth is how deep objects and arrays of a JSON value nest.
func depth(data []byte) int {
	now, most, quoted := 0, 0, false
	for n := 0; n < len(data); n++ {
		switch c := data[n]; {
		case quoted && c == '\\':
			n++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			most = max(most, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return most
}

// MarshalJSON writes the value itself when it is small, else its digest.
func (l Large) MarshalJSON() ([]byte, error) {
	if l.small() {
		return json.Marshal(largeWire{Inline: l.Value})
	}
	return json.Marshal(largeWire{SHA256: digestOf(l.Value), Size: len(l.Value)})
}

// UnmarshalJSON reads either form; [Decode] then fetches the attachment.
func (l *Large) UnmarshalJSON(data []byte) error {
	var wire largeWire
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	l.Value, l.digest = respell(wire.Inline), wire.SHA256
	return nil
}

// respell writes a value as encoding/json does, which is how the core writes its
// own: the journal spells a line feed \u000a, and not \n. Whatever compares values,
// or works out a digest of them, has to see the same bytes after a restart.
func respell(data json.RawMessage) json.RawMessage {
	if !bytes.Contains(data, []byte(`\u00`)) {
		return data
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return data
	}
	again, err := json.Marshal(v)
	if err != nil {
		return data
	}
	return again
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

type wireEvent struct {
	V     int             `json:"v"`
	Kind  Kind            `json:"kind"`
	At    Stamp           `json:"at"`
	Actor Actor           `json:"actor"`
	Run   string          `json:"run,omitempty"`
	Step  string          `json:"step,omitempty"`
	Body  json.RawMessage `json:"body"`
}

// Encode gives the event as JSON (not yet in canonical order; the journal's
// Canonical does that) and the attachments that must be written with it.
func Encode(e Event) (data []byte, attachments [][]byte, err error) {
	body, err := json.Marshal(e.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("encode %s: %w", e.Kind(), err)
	}
	for _, l := range larges(reflect.ValueOf(e.Body)) {
		if !l.small() {
			attachments = append(attachments, l.Value)
		}
	}
	data, err = json.Marshal(wireEvent{V: FormatVersion, Kind: e.Kind(), At: At(e.At), Actor: e.Actor, Run: e.Run, Step: e.Step, Body: body})
	return data, attachments, err
}

// Decode reads an event written by this or any earlier version. attachment
// fetches what a large value stands for.
func Decode(data []byte, attachment func(digest string) ([]byte, error)) (Event, error) {
	var wire wireEvent
	if err := json.Unmarshal(data, &wire); err != nil {
		return Event{}, fmt.Errorf("decode an event: %w", err)
	}
	if wire.V > FormatVersion {
		return Event{}, fmt.Errorf("decode an event: it has format %d and this build reads up to %d; use a newer firebreak", wire.V, FormatVersion)
	}
	body, ok := NewBody(wire.Kind)
	if !ok {
		return Event{}, fmt.Errorf("decode an event: kind %q is not known to this build; use a newer firebreak", wire.Kind)
	}
	if err := json.Unmarshal(wire.Body, body); err != nil {
		return Event{}, fmt.Errorf("decode %s: %w", wire.Kind, err)
	}
	for _, l := range larges(reflect.ValueOf(body)) {
		if digest := l.digest; digest != "" {
			value, err := attachment(digest)
			if err != nil {
				return Event{}, fmt.Errorf("decode %s: attachment %s: %w", wire.Kind, digest, err)
			}
			if digestOf(value) != digest {
				return Event{}, fmt.Errorf("decode %s: attachment %s does not have its digest", wire.Kind, digest)
			}
			l.Value, l.digest = value, ""
		}
	}
	return Event{At: wire.At.Time, Actor: wire.Actor, Run: wire.Run, Step: wire.Step, Body: reflect.ValueOf(body).Elem().Interface().(Body), Seq: -1}, nil
}

// larges finds the large values of a body. Bodies hold them as direct fields,
// or inside one struct field (EffectLate).
func larges(v reflect.Value) []*Large {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	var found []*Large
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Type() == reflect.TypeFor[Large]() {
			if f.CanAddr() {
				found = append(found, f.Addr().Interface().(*Large))
			} else {
				l := f.Interface().(Large)
				found = append(found, &l)
			}
		} else if f.Type() == reflect.TypeFor[EffectOutcome]() {
			found = append(found, larges(f)...)
		}
	}
	return found
}

// bodies lists one of each body.
func bodies() []Body {
	return []Body{
		&Declared{}, &Resolved{}, &Noted{}, &ChannelBound{}, &MessagePosted{}, &MessageClosed{}, &ExportMade{}, &Refused{}, &ClockAnomaly{},
		&RunStarted{}, &CancelRequested{}, &RunEnded{},
		&StepReady{}, &StepPlanned{}, &PlanFailed{}, &ApprovalRequested{}, &Vote{}, &ApprovalEscalated{}, &ApprovalClosed{},
		&EffectIntent{}, &EffectOutcome{}, &EffectInDoubt{}, &EffectProbed{}, &EffectResolved{}, &EffectLate{}, &EffectVerified{},
		&RetryScheduled{}, &TimerFired{}, &StepHeld{}, &StepEnded{}, &ManualAsked{}, &ManualDone{}, &RetryRequested{}, &SkipRequested{}, &UndoRequested{},
		&ApprovalReminded{}, &StepExpanded{}, &StepEntered{}, &WaitStarted{}, &ContainmentBegan{}, &ContainmentDue{}, &ContainmentExtended{}, &ContainmentKept{},
		&GlassBroken{}, &GlassReviewAsked{}, &GlassReviewed{},
		&DrillStarted{}, &InjectDelivered{}, &InjectSkipped{}, &DrillHeld{}, &DrillResumed{}, &DrillPaced{}, &DrillAdvanced{}, &OutcomeSet{}, &HintGiven{},
		&ExpectationJudged{}, &DrillObserved{}, &ObjectiveRated{}, &DrillEnded{}, &FeedbackGiven{}, &CorrectiveAdded{}, &CorrectiveClosed{},
		&RowCorrected{}, &KeyTimeSet{}, &RowHidden{}, &RowShown{},
	}
}

// NewBody gives a pointer to an empty body of a kind.
func NewBody(kind Kind) (Body, bool) {
	for _, b := range bodies() {
		if b.Kind() == kind {
			return b, true
		}
	}
	return nil, false
}

// Kinds lists every kind, in the order in which they are declared.
func Kinds() []Kind {
	var kinds []Kind
	for _, b := range bodies() {
		kinds = append(kinds, b.Kind())
	}
	return kinds
}
