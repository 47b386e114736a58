package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
)

// Correction is what a person wants a reader to see beside the words for a
// fact. The record keeps its own words.
type Correction struct {
	Of     int64        `json:"of"` // journal place of the fact
	Text   string       `json:"text"`
	Reason string       `json:"reason"`
	By     Actor        `json:"by"`
	At     engine.Stamp `json:"at"`
	Seq    int64        `json:"seq"` // journal place of the correction
}

// Hiding says who took a fact out of what people are shown first, and why.
type Hiding struct {
	Of     int64        `json:"of"` // journal place of the fact
	Reason string       `json:"reason"`
	By     Actor        `json:"by"`
	At     engine.Stamp `json:"at"`
	Seq    int64        `json:"seq"` // journal place of the hiding
}

// overlay is what people have added to a record. The last word about a place wins.
type overlay struct {
	places    [][2]int64 // of the incident's facts, as ranges in order
	corrected map[int64]Correction
	hidden    map[int64]Hiding
	times     []KeyTime
	strange   []string // what points outside this incident
}

// place notes the journal place of a fact.
func (o *overlay) place(seq int64) {
	if n := len(o.places); n > 0 && o.places[n-1][1]+1 == seq {
		o.places[n-1][1] = seq
		return
	}
	o.places = append(o.places, [2]int64{seq, seq})
}

// has says whether a journal place is one of this incident.
func (o *overlay) has(seq int64) bool {
	_, ok := slices.BinarySearchFunc(o.places, seq, func(r [2]int64, seq int64) int {
		switch {
		case seq < r[0]:
			return 1
		case seq > r[1]:
			return -1
		}
		return 0
	})
	return ok
}

// points says whether a fact of the overlay is about an earlier one of this incident.
func (o *overlay) points(row *Row, of int64, did string) bool {
	if o.has(of) {
		return true
	}
	o.strange = append(o.strange, fmt.Sprintf("journal place %d is no earlier fact of this incident, and %s %s it at %d; that changes nothing here", of, row.Actor.Who(), did, row.Seq))
	return false
}

func (o *overlay) correct(row *Row, b engine.RowCorrected) {
	if !o.points(row, b.Of, "corrected") {
		return
	}
	if o.corrected == nil {
		o.corrected = map[int64]Correction{}
	}
	o.corrected[b.Of] = Correction{Of: b.Of, Text: b.Text, Reason: b.Reason, By: row.Actor, At: row.At, Seq: row.Seq}
}

func (o *overlay) hide(row *Row, b engine.RowHidden) {
	if !o.points(row, b.Of, "hid") {
		return
	}
	if o.hidden == nil {
		o.hidden = map[int64]Hiding{}
	}
	o.hidden[b.Of] = Hiding{Of: b.Of, Reason: b.Reason, By: row.Actor, At: row.At, Seq: row.Seq}
}

func (o *overlay) show(row *Row, b engine.RowShown) {
	if o.points(row, b.Of, "showed") {
		delete(o.hidden, b.Of)
	}
}

// keyTime adds a key time of a person; a later one of the same name takes its place.
func (o *overlay) keyTime(row *Row, b engine.KeyTimeSet) {
	k := KeyTime{
		Name: b.Name, At: b.When, Seq: row.Seq, Source: b.Source, By: row.Actor,
		Text: fmt.Sprintf("added by %s, shown by %s", row.Actor.Who(), b.Source),
	}
	o.times = slices.DeleteFunc(o.times, func(old KeyTime) bool { return old.Name == b.Name })
	o.times = append(o.times, k)
}

// finish puts the overlay into the summary.
func (o *overlay) finish(t *Timeline) {
	for _, c := range o.corrected {
		t.Corrections = append(t.Corrections, c)
	}
	for _, h := range o.hidden {
		t.Hidden = append(t.Hidden, h)
	}
	slices.SortFunc(t.Corrections, func(a, b Correction) int { return cmp.Compare(a.Of, b.Of) })
	slices.SortFunc(t.Hidden, func(a, b Hiding) int { return cmp.Compare(a.Of, b.Of) })
	for _, k := range o.times {
		at := slices.IndexFunc(t.KeyTimes, func(have KeyTime) bool { return !have.At.IsZero() && have.At.After(k.At.Time) })
		if at < 0 {
			at = len(t.KeyTimes)
		}
		t.KeyTimes = slices.Insert(t.KeyTimes, at, k)
	}
}

// curate marks a row with what people have added about it.
func (t *Timeline) curate(row *Row) {
	if row.Derived {
		return
	}
	if n, ok := slices.BinarySearchFunc(t.Corrections, row.Seq, func(c Correction, seq int64) int { return cmp.Compare(c.Of, seq) }); ok {
		row.Corrected = &t.Corrections[n]
	}
	if n, ok := slices.BinarySearchFunc(t.Hidden, row.Seq, func(h Hiding, seq int64) int { return cmp.Compare(h.Of, seq) }); ok {
		row.Hidden = &t.Hidden[n]
	}
}

// Words is the text of a row for people: the corrected words with the mark ✎
// when there are some, then who corrected them and why, then what the record says.
func (r *Row) Words() string {
	if r.Corrected == nil {
		return r.Text
	}
	return "✎ " + r.Corrected.Text + " (" + r.Corrected.why() + ") The record says: " + strings.TrimSpace(r.Text)
}

// why says who corrected a row, when, and for what reason.
func (c *Correction) why() string {
	return fmt.Sprintf("corrected by %s at %s%s", c.By.Who(), stamp(c.At), because(c.Reason))
}
