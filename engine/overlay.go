package engine

import "time"

// Facts of the curated overlay: what people want a reader of the timeline to
// see beside the record. They change no other fact, and an export names both.
type (
	// RowCorrected gives better words for a fact.
	RowCorrected struct {
		Of     int64  `json:"of"` // journal place of the fact
		Text   string `json:"text"`
		Reason string `json:"reason"`
	}
	// KeyTimeSet says when something happened that the record has no fact of,
	// and what proves it.
	KeyTimeSet struct {
		Name   string `json:"name"` // "detected"
		When   Stamp  `json:"when"`
		Source string `json:"source"` // a link or a place: what proves it
	}
	// RowHidden takes a fact out of what people are shown first.
	RowHidden struct {
		Of     int64  `json:"of"`
		Reason string `json:"reason"`
	}
	// RowShown takes that back.
	RowShown struct {
		Of int64 `json:"of"`
	}
)

func (RowCorrected) Kind() Kind { return "timeline.corrected" }
func (KeyTimeSet) Kind() Kind   { return "timeline.key_time" }
func (RowHidden) Kind() Kind    { return "timeline.hidden" }
func (RowShown) Kind() Kind     { return "timeline.shown" }

// curate checks a fact of the overlay. Whether a place belongs to this incident
// is known to who reads the record.
func (i *Incident) curate(e Event) (known bool, err error) {
	at := func(place int64) error {
		if place < 0 || place > i.LastSeq {
			return Refuse(NoStep, "%s has no fact at journal place %d; timeline shows the places", i.ID, place)
		}
		return nil
	}
	reason := func(s string) error {
		if err := shortText("a reason", s); err != nil {
			return Refuse(ReasonRequired, "say why; it is written down")
		}
		return nil
	}
	switch b := e.Body.(type) {
	case RowCorrected:
		if err := at(b.Of); err != nil {
			return true, err
		}
		if err := shortText("a correction", b.Text); err != nil {
			return true, err
		}
		return true, reason(b.Reason)
	case KeyTimeSet:
		if b.When.After(e.At) {
			return true, Refuse(FutureTime, "%s is in the future; a key time tells what happened", b.When.Format(time.RFC3339))
		}
		if err := shortText("a key time", b.Name); err != nil {
			return true, err
		}
		if err := shortText("its source", b.Source); err != nil {
			return true, Refuse(ReasonRequired, "a key time needs what proves it: --source https://... or a place")
		}
		return true, nil
	case RowHidden:
		if err := at(b.Of); err != nil {
			return true, err
		}
		return true, reason(b.Reason)
	case RowShown:
		return true, at(b.Of)
	}
	return false, nil
}
