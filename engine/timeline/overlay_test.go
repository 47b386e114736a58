package timeline_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

func jsonRows(t testing.TB, s *script) []timeline.Row {
	t.Helper()
	var got struct {
		Rows []timeline.Row `json:"rows"`
	}
	if err := json.Unmarshal(jsonOf(t, s), &got); err != nil {
		t.Fatal(err)
	}
	return got.Rows
}

func TestOverlay(t *testing.T) {
	s := declared("INC-1")
	s.say(time.Minute, bob, "", "", engine.Noted{Text: "the key of alice", Class: engine.Observation})
	s.say(time.Minute, bob, "", "", engine.Noted{Text: "a personal remark", Class: engine.Observation})
	note, personal := s.facts[1].Seq, s.facts[2].Seq
	s.say(time.Minute, carol, "", "", engine.RowCorrected{Of: note, Text: "the key of carl", Reason: "a slip"})
	s.say(time.Minute, bob, "", "", engine.RowCorrected{Of: note, Text: "the key of carol", Reason: "looked again"})
	s.say(time.Minute, carol, "", "", engine.RowHidden{Of: personal, Reason: "personal"})
	s.say(time.Minute, carol, "", "", engine.RowHidden{Of: note, Reason: "a mistake"})
	s.say(time.Minute, carol, "", "", engine.RowShown{Of: note})
	s.say(time.Minute, carol, "", "", engine.KeyTimeSet{Name: "detected", When: engine.At(noon.Add(-2 * time.Hour)), Source: "a guess"})
	s.say(time.Minute, carol, "", "", engine.KeyTimeSet{Name: "detected", When: engine.At(noon.Add(-time.Hour)), Source: "https://example.com/alert"})
	s.say(time.Minute, carol, "", "", engine.RowCorrected{Of: 7, Text: "of another incident", Reason: "a typo"})

	page := string(markdown(t, s))
	for _, want := range []string{
		`✎ the key of carol (corrected by bob at 2026-11-22 12:04:00: looked again) The record says: bob noted (observation): the key of alice`,
		"| detected | 2026-11-22 11:00:00 | added by carol, shown by https:&#47;/example.com/alert |",
		"1 row that people have hidden", "| 42 | carol | 2026-11-22 12:05:00 | personal |",
		"**record**: journal place 7 is no earlier fact of this incident, and carol corrected it at 50",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
	for _, gone := range []string{"a personal remark"} {
		if strings.Contains(page, gone) {
			t.Errorf("the page holds %q", gone)
		}
	}
	if strings.Index(page, "| detected |") > strings.Index(page, "| declared |") {
		t.Error("the key time of a person does not stand where its time is")
	}
	rows := jsonRows(t, s)
	if c := rows[1].Corrected; c == nil || c.Text != "the key of carol" || rows[1].Text != "bob noted (observation): the key of alice" || rows[1].Hidden != nil {
		t.Errorf("got %+v, want the record and the last correction", rows[1])
	}
	if h := rows[2].Hidden; h == nil || h.Reason != "personal" || !strings.Contains(rows[2].Text, "a personal remark") {
		t.Errorf("got %+v: the form for machines has what is hidden", rows[2])
	}
	if len(rows) != len(s.facts) {
		t.Errorf("got %d rows, want one for each of %d facts", len(rows), len(s.facts))
	}
	html := string(write(t, s, "html", timeline.Options{}))
	if !strings.Contains(html, "<ins>✎ the key of carol</ins>") || !strings.Contains(html, "<del>bob noted (observation): the key of alice</del>") {
		t.Error("the HTML does not show both texts")
	}
	if strings.Contains(html, "a personal remark") || strings.Contains(html, `href="#e42"`) {
		t.Error("the HTML shows or links to what is hidden")
	}
}

// Whatever people add, the rows of the record stay what they were.
func TestTheOverlayChangesNoRecord(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := declared("INC-1")
		n := rapid.IntRange(1, 12).Draw(rt, "notes")
		for k := range n {
			s.say(time.Duration(rapid.IntRange(0, 1200).Draw(rt, "after"))*time.Second, bob, "", "", engine.Noted{Text: fmt.Sprint("note ", k), Class: engine.Observation})
		}
		before := jsonRows(t, s)
		keys := len(s.fold(t).KeyTimes)
		added := rapid.IntRange(0, 12).Draw(rt, "added")
		visible := map[int64]bool{}
		last := map[int64]string{}
		for k := range added {
			of := rapid.Int64Range(35, 60).Draw(rt, "of")
			inside := of >= 40 && of < 40+int64(len(s.facts))
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				text := fmt.Sprint("better ", k)
				s.say(time.Second, carol, "", "", engine.RowCorrected{Of: of, Text: text, Reason: "r"})
				if inside {
					last[of] = text
				}
			case 1:
				s.say(time.Second, carol, "", "", engine.RowHidden{Of: of, Reason: "r"})
				if inside {
					visible[of] = false
				}
			case 2:
				s.say(time.Second, carol, "", "", engine.RowShown{Of: of})
				if inside {
					visible[of] = true
				}
			case 3:
				s.say(time.Second, carol, "", "", engine.KeyTimeSet{Name: fmt.Sprint("t", of), When: engine.At(noon), Source: "s"})
			}
		}
		after := jsonRows(t, s)
		if len(after) < len(before) {
			rt.Fatalf("%d rows became %d", len(before), len(after))
		}
		for i, row := range after {
			if row.Corrected != nil && row.Corrected.Text != last[row.Seq] {
				rt.Fatalf("row %d is corrected to %q, want %q", row.Seq, row.Corrected.Text, last[row.Seq])
			}
			if hidden, said := visible[row.Seq]; !row.Derived && (row.Hidden != nil) != (said && !hidden) {
				rt.Fatalf("row %d: hidden %v, and the last word was shown: %v", row.Seq, row.Hidden, hidden)
			}
			if i < len(before) {
				row.Corrected, row.Hidden = nil, nil
				if diff := cmp.Diff(before[i], row); diff != "" {
					rt.Fatalf("row %d is another:\n%s", i, diff)
				}
			}
		}
		tl := s.fold(t)
		derived := slices.DeleteFunc(slices.Clone(tl.KeyTimes), func(k timeline.KeyTime) bool { return k.Source != "" })
		if len(derived) != keys {
			rt.Fatalf("%d key times of the record became %d", keys, len(derived))
		}
	})
}
