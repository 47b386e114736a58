package report

import (
	"fmt"
	"slices"

	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
)

// bars is the drawing of where the time of each step went. Everything in it is
// a whole number of pixels, so that it is the same everywhere.
type bars struct {
	W, H  int
	Rows  []bar
	Marks []mark // of the axis
	Desc  string // the same in words
	Left  string // what is not drawn; empty: everything is
	Base  int    // where the axis stands
}

type bar struct {
	Name, Words, Full     string // Full is for a reader who cannot see it
	LabelX, TextY, WordsX int
	BarY, BarH            int
	PeopleX, PeopleW      int
	MachineX, MachineW    int
	HasP, HasM            bool
}

type mark struct {
	X     int
	TextY int
	Text  string
}

const (
	barLeft  = 190
	barRoom  = 400
	barRight = 170
	barTop   = 10
	barStep  = 26
	barHigh  = 14
	maxBars  = 30
)

// barsOf draws the steps that took any time, the longest of them when there are
// many, in their order. Nil: none did.
func barsOf(res *score.Result) *bars {
	type timed struct {
		score.Step
		place int
	}
	var all []timed
	for n, s := range res.Steps {
		if s.People.MS+s.Machine.MS > 0 {
			all = append(all, timed{s, n})
		}
	}
	if len(all) == 0 {
		return nil
	}
	left := 0
	if len(all) > maxBars {
		left = len(all) - maxBars
		slices.SortStableFunc(all, func(a, b timed) int {
			return int((b.People.MS + b.Machine.MS) - (a.People.MS + a.Machine.MS))
		})
		all = all[:maxBars]
		slices.SortFunc(all, func(a, b timed) int { return a.place - b.place })
	}
	longest := int64(1)
	for _, s := range all {
		longest = max(longest, s.People.MS+s.Machine.MS)
	}
	unit := niceStep(longest)
	scale := func(ms int64) int { return int(ms * barRoom / longest) }
	out := &bars{W: barLeft + barRoom + barRight, Desc: "For each step: how long it waited for people, and how long the machine was at work."}
	runs := map[string]bool{}
	for _, s := range all {
		runs[s.Run] = true
	}
	y := barTop
	for _, s := range all {
		name := s.ID
		if len(runs) > 1 {
			name = s.Run + " " + s.ID
		}
		people, machine := scale(s.People.MS), scale(s.Machine.MS)
		if s.People.MS > 0 {
			people = max(people, 2)
		}
		if s.Machine.MS > 0 {
			machine = max(machine, 2)
		}
		b := bar{
			Name: tail(shown(name), 26), LabelX: barLeft - 10, PeopleX: barLeft, PeopleW: people, MachineX: barLeft + people, MachineW: machine,
			BarY: y + 4, TextY: y + 15, BarH: barHigh, HasP: s.People.MS > 0, HasM: s.Machine.MS > 0, WordsX: barLeft + people + machine + 8,
		}
		switch {
		case b.HasP && b.HasM:
			b.Words = span(s.People.MS) + " + " + span(s.Machine.MS)
		case b.HasP:
			b.Words = span(s.People.MS)
		default:
			b.Words = span(s.Machine.MS)
		}
		b.Full = fmt.Sprintf("%s: people %s, machine %s", shown(name), span(s.People.MS), span(s.Machine.MS))
		out.Rows = append(out.Rows, b)
		y += barStep
	}
	out.Base = y + 2
	for ms := int64(0); ms <= longest; ms += unit {
		out.Marks = append(out.Marks, mark{barLeft + scale(ms), y + 18, span(ms)})
	}
	out.H = y + 26
	if left > 0 {
		out.Left = fmt.Sprintf("The %d longest are drawn; %d more are in the table.", maxBars, left)
	}
	return out
}

// niceStep is the distance between the marks of an axis: at most six of them.
func niceStep(longest int64) int64 {
	for _, s := range []int64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800} {
		if longest/(s*1000) <= 5 {
			return s * 1000
		}
	}
	return longest/5 + 1
}

// tail keeps the end of a long name: that is where steps differ.
func tail(s string, limit int) string {
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	return "…" + string(r[len(r)-limit+1:])
}
