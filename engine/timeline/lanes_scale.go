package timeline

import (
	"cmp"
	"slices"
	"time"
)

// Sizes of the drawing, in pixels. At these it fills a page of A4 across.
const (
	laneWidth  = 1280
	plotLeft   = 252
	plotRight  = 1148
	plotWidth  = plotRight - plotLeft
	breakWidth = 46 // of a stretch of time that is cut short
	maxBreaks  = 40
)

// scale maps time to places. Time runs evenly, but long stretches in which
// nothing was written down are cut short, so that what happened has the room.
type scale struct {
	start, end time.Time
	gaps       []gap // in order
	parts      []part
	perSecond  float64
}

// gap is a stretch of time without a row.
type gap struct{ from, to time.Time }

// part is a stretch of the scale.
type part struct {
	from, to time.Time
	x0, x1   int
	cut      bool // it is cut short
}

// note takes in the moments of rows, in order.
func (s *scale) note(at time.Time) {
	switch {
	case s.start.IsZero():
		s.start, s.end = at, at
	case at.Sub(s.end) >= Silence:
		s.gaps = append(s.gaps, gap{s.end, at})
		if len(s.gaps) > 4*maxBreaks {
			s.longest()
		}
	}
	if at.After(s.end) {
		s.end = at
	}
}

// longest keeps the longest gaps.
func (s *scale) longest() {
	slices.SortStableFunc(s.gaps, func(a, b gap) int { return cmp.Compare(b.to.Sub(b.from), a.to.Sub(a.from)) })
	s.gaps = s.gaps[:min(len(s.gaps), maxBreaks)]
	slices.SortFunc(s.gaps, func(a, b gap) int { return a.from.Compare(b.from) })
}

// fit lays the time out over the width. A gap is cut short only when it would
// be wider than its mark.
func (s *scale) fit() {
	s.longest()
	if s.end.Sub(s.start) < time.Second {
		s.end = s.start.Add(time.Second)
	}
	cut := make([]bool, len(s.gaps))
	mark := breakWidth
	for range len(s.gaps) + 1 {
		active, breaks := s.end.Sub(s.start).Seconds(), 0
		for i, g := range s.gaps {
			if cut[i] {
				active -= g.to.Sub(g.from).Seconds()
				breaks++
			}
		}
		if mark = breakWidth; breaks*mark > plotWidth/2 {
			mark = plotWidth / 2 / breaks
		}
		s.perSecond = float64(plotWidth-breaks*mark) / max(active, 1e-3)
		widest, at := float64(mark)*1.6, -1
		for i, g := range s.gaps {
			if w := g.to.Sub(g.from).Seconds() * s.perSecond; !cut[i] && w > widest {
				widest, at = w, i
			}
		}
		if at < 0 {
			break
		}
		cut[at] = true
	}
	x, from := float64(plotLeft), s.start
	add := func(to time.Time, short bool) {
		width := to.Sub(from).Seconds() * s.perSecond
		if short {
			width = float64(mark)
		}
		if to.After(from) {
			s.parts = append(s.parts, part{from, to, int(x), int(x + width), short})
		}
		x, from = x+width, to
	}
	for i, g := range s.gaps {
		if cut[i] {
			add(g.from, false)
			add(g.to, true)
		}
	}
	add(s.end, false)
	if n := len(s.parts); n > 0 {
		s.parts[n-1].x1 = plotRight
	}
}

// x is the place of a moment, within the plot.
func (s *scale) x(at time.Time) int {
	for _, p := range s.parts {
		if at.Before(p.from) {
			return p.x0
		}
		if !at.After(p.to) {
			return p.x0 + int(float64(p.x1-p.x0)*(float64(at.Sub(p.from))/float64(p.to.Sub(p.from))))
		}
	}
	return plotRight
}

// tick is a labelled moment of the axis.
type tick struct {
	at time.Time
	x  int
}

// steps between ticks.
var tickSteps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour,
}

// tickRoom is the least distance of two ticks.
const tickRoom = 62

// ticks gives the moments to label, and how far they are apart.
func (s *scale) ticks() ([]tick, time.Duration) {
	step := tickSteps[len(tickSteps)-1]
	for _, d := range tickSteps {
		if d.Seconds()*s.perSecond >= tickRoom {
			step = d
			break
		}
	}
	var list []tick
	last := -tickRoom
	put := func(at time.Time, x int) {
		if x-last >= tickRoom && x <= plotRight-10 {
			list = append(list, tick{at, x})
			last = x
		}
	}
	for _, p := range s.parts {
		if p.cut {
			continue
		}
		put(p.from, p.x0) // what comes after a cut has its time
		first := p.from.Truncate(step)
		for n := 0; n < 2*plotWidth/tickRoom; n++ {
			at := first.Add(time.Duration(n) * step)
			if at.After(p.to) {
				break
			}
			if at.After(p.from) {
				put(at, s.x(at))
			}
		}
	}
	return list, step
}

// days gives the changes of the day in UTC that have room to be shown.
func (s *scale) days() []tick {
	var list []tick
	last := -tickRoom
	for _, p := range s.parts { // the last change within a part that is cut, every one with room within others
		day := p.from.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
		if p.cut {
			day = p.to.UTC().Truncate(24 * time.Hour)
			if !day.After(p.from) {
				continue
			}
		}
		for n := 0; n < plotWidth && !day.After(p.to); n++ {
			if x := s.x(day); x-last >= tickRoom {
				list = append(list, tick{day, x})
				last = x
			}
			day = day.Add(24 * time.Hour)
		}
	}
	return list
}
