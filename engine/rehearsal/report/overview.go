package report

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
)

// cover is the top of the report.
func (r *Report) cover() *document {
	res := r.in.Result
	d := &document{Banner: bannerOf(res), Kicker: "Review of a live incident", Title: res.Title, Sub: res.ID}
	if t := res.Drill; t != nil {
		v := verdict(res.Outcome)
		d.Kicker, d.Title, d.Verdict, d.Why = "After-action report", t.Title, &v, res.Why
		d.Sub = fmt.Sprintf("%s · rehearsal of runbook %s", res.ID, t.Runbook)
	}
	if !r.ended() {
		d.Kicker += " · draft, it is not over"
	}
	return d
}

// overview is the first section.
func (r *Report) overview() []block {
	res := r.in.Result
	list := []pair{
		named("Began", cell{Text: at(res.DeclaredAt)}),
		named("Ended", cell{Text: at(res.EndedAt)}),
		named("Length", both(res.Length)),
	}
	if t := res.Drill; t != nil {
		if !t.StartedWall.IsZero() {
			list = append(list, named("Played", cell{Text: at(t.StartedWall), Sub: "until " + at(t.EndedWall)}))
		}
		list = append(list, named("Ended because", text(endWords(t.Ended, t.EndText))),
			named("Scenario", with(t.Scenario, "digest "+short(t.Digest))),
			named("Runbook", with(t.Runbook, "digest "+short(t.RunbookDigest))),
			named("Facilitators", text(join(t.Facilitators))))
		if res.Held > 0 {
			list = append(list, named("Held", with(span(res.Held), "outside; counts in no figure")))
		}
		if t.Advanced > 0 {
			list = append(list, named("Let pass at once", text(span(t.Advanced))))
		}
		if len(t.Tests) > 0 {
			list = append(list, named("Is good for", text(join(t.Tests))))
		}
		if t.Scripted {
			list = append(list, named("People", toned("scripted: nobody real took part", toneWarn)))
		}
	}
	list = append(list, named("Severity", text(strconv.Itoa(res.Severity))), named("Took part", text(peopleCount(len(res.People)))))
	blocks := []block{{Kind: kindFigures, Figures: r.keyFigures()}, pairs(list...)}
	if t := res.Drill; t != nil && t.Briefing != "" {
		blocks = append(blocks, block{Kind: kindHead, Text: "Briefing"}, quote(t.Briefing))
	}
	return blocks
}

func endWords(why, said string) string {
	words := map[string]string{
		"": "it goes on", "end": "the scenario's end came", "time": "its time was over", "resolved": "the players resolved it",
		"facilitator": "the facilitator ended it", "stop": "somebody said the stop word", "live": "a live incident was declared",
	}[why]
	if said != "" {
		words += ": " + said
	}
	return cmp.Or(words, why)
}

// keyFigures are the few that are read first.
func (r *Report) keyFigures() []figure {
	res := r.in.Result
	duration := func(name, metric string) figure {
		m, _ := res.Metric(metric)
		f := figure{Name: name, Value: "–", Note: m.Why, Tone: toneMute}
		if m.Came {
			f = figure{Name: name, Value: span(m.Took.MS)}
			if p := span(m.Took.WallMS); p != f.Value {
				f.Note = p + " for people"
			}
		}
		return f
	}
	contained := duration("Contained", "time_to_full_containment")
	if contained.Note != "" && contained.Value == "–" {
		contained.Value = "not fully"
	}
	list := []figure{duration("Acknowledged", "time_to_acknowledge"), contained}
	worst := duration("Slowest approval", "approval_latency_worst")
	if m, _ := res.Metric("approval_latency_median"); m.Came {
		worst.Note = "median " + span(m.Took.MS)
	}
	share, _ := res.Metric("waiting_share")
	waited := figure{Name: "Waited for people", Value: "–", Note: share.Why, Tone: toneMute}
	if share.Came {
		waited = figure{Name: "Waited for people", Value: strconv.FormatInt(share.Value, 10) + " %", Note: "of the time of the runs"}
	}
	list = append(list, worst, waited)
	if res.Exercise {
		met, missed := value(res, "expectations_met"), value(res, "expectations_missed")
		f := figure{Name: "Expectations met", Value: fmt.Sprintf("%d of %d", met, met+missed), Tone: toneGood}
		if missed > 0 {
			f.Tone = toneWarn
		}
		if points := value(res, "points_possible"); points > 0 {
			f.Note = fmt.Sprintf("%d of %d points", value(res, "points"), points)
		}
		list = append(list, f)
	}
	cover := figure{Name: "Steps exercised", Value: fmt.Sprintf("%d of %d", res.Cover.Exercised, res.Cover.Total)}
	if len(res.Cover.Missing) > 0 {
		cover.Note = "not: " + join(first(res.Cover.Missing, 3))
	}
	list = append(list, cover)
	if wrong := len(res.Wrong); wrong > 0 {
		list = append(list, figure{Name: "Wrong decisions", Value: strconv.Itoa(wrong), Tone: toneBad})
	}
	return list
}

// value is that of a metric that counts; 0 when it did not come about.
func value(res *score.Result, name string) int64 {
	m, _ := res.Metric(name)
	return m.Value
}

func first(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(append([]string{}, list[:n]...), fmt.Sprintf("%d more", len(list)-n))
}

// short is the beginning of a digest.
func short(digest string) string {
	if len(digest) > 16 {
		return digest[:16]
	}
	return digest
}
