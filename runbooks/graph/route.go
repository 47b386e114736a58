package graph

import (
	"cmp"
	"slices"
)

// Room between two layers, in pixels.
const (
	gapEnds  = 24 // above the first and below the last track
	gapTrack = 14 // between tracks
	gapMost  = 420
	gapPorts = 18 // between edges that end at one card
	clear    = 10 // between two edges that would look like one
)

// point is a place in a drawing.
type point struct{ x, y int }

// segment is a piece of an edge: from a node, or a place where the edge passes
// a layer, to the next one.
type segment struct {
	from, to int // nodes; -1: the edge passes
	points   []point
}

// drawing is a flow with places.
type drawing struct {
	w, h     int
	cards    []placedCard // by node
	segments []segment
}

type placedCard struct {
	*card
	x, y int
}

// drafter makes drawings.
type drafter struct{ ruler *ruler }

// draft lays a flow out.
func (d *drafter) draft(f *Flow) *drawing {
	cards := make([]*card, len(f.Nodes))
	for i := range f.Nodes {
		cards[i] = d.newCard(&f.Nodes[i])
	}
	s := layered(f, cards)
	s.arrange()
	s.place()
	out := &drawing{cards: make([]placedCard, len(cards))}
	s.route(out)
	for i, c := range cards {
		v := &s.vertices[i]
		out.cards[i] = placedCard{c, v.x - c.w/2, v.y}
		out.w, out.h = max(out.w, v.x-c.w/2+c.w), max(out.h, v.y+c.h)
	}
	for _, v := range s.vertices {
		out.w = max(out.w, v.x+1)
	}
	return out
}

// wire is one piece of an edge between two layers.
type wire struct {
	top, bottom int // vertices
	x0, x1      int
}

// bus is the wires between two layers that share a track.
type bus struct {
	wires  []wire
	lo, hi int
	track  int
}

// route gives the layers their y and the edges their way between them.
func (s *sheet) route(out *drawing) {
	y := 0
	for i, layer := range s.layers {
		height := 0
		for _, v := range layer {
			s.vertices[v].y = y
			if c := s.vertices[v].card; c != nil {
				height = max(height, c.h)
			}
		}
		if i+1 == len(s.layers) {
			return
		}
		buses := s.buses(layer)
		tracks := assignTracks(buses)
		step := gapTrack
		if tracks > 1 {
			step = max(2, min(gapTrack, gapMost/(tracks-1)))
		}
		bottom := y + height
		y = bottom + 2*gapEnds + step*max(0, tracks-1)
		for _, b := range buses {
			at := bottom + gapEnds + step*b.track
			for _, w := range b.wires {
				out.segments = append(out.segments, s.segment(w, at, y))
			}
		}
	}
}

func (s *sheet) segment(w wire, track, end int) segment {
	top := &s.vertices[w.top]
	seg := segment{-1, -1, nil}
	start := top.y
	if top.card != nil {
		seg.from, start = w.top, top.y+top.card.h
	}
	if s.vertices[w.bottom].card != nil {
		seg.to = w.bottom
	}
	seg.points = []point{{w.x0, start}}
	if w.x0 != w.x1 {
		seg.points = append(seg.points, point{w.x0, track}, point{w.x1, track})
	}
	seg.points = append(seg.points, point{w.x1, end})
	return seg
}

// buses collects the wires below a layer: those from one node share a track,
// and so do those that come together.
func (s *sheet) buses(layer []int) []*bus {
	var buses []*bus
	find := map[[2]int]*bus{}
	into := map[int][]*bus{} // by lower vertex
	for _, a := range layer {
		for _, b := range s.vertices[a].down {
			low := &s.vertices[b]
			key := [2]int{a, -1}
			if s.joined[[2]int{a, b}] {
				key = [2]int{-1, b}
			}
			g := find[key]
			if g == nil {
				g = &bus{}
				find[key] = g
				buses = append(buses, g)
			}
			g.wires = append(g.wires, wire{a, b, s.vertices[a].x, low.x})
			if !slices.Contains(into[b], g) {
				into[b] = append(into[b], g)
			}
		}
	}
	s.ports(buses, into)
	for _, b := range buses {
		b.lo, b.hi = b.wires[0].x0, b.wires[0].x0
		for _, w := range b.wires {
			b.lo, b.hi = min(b.lo, w.x0, w.x1), max(b.hi, w.x0, w.x1)
		}
	}
	return buses
}

// ports parts the edges that end at one card, in the order in which they come.
func (s *sheet) ports(buses []*bus, into map[int][]*bus) {
	for _, g := range buses {
		for i := range g.wires {
			w := &g.wires[i]
			all, c := into[w.bottom], s.vertices[w.bottom].card
			if len(all) < 2 || c == nil {
				continue
			}
			place := 0
			for _, other := range all {
				if other != g && (other.wires[0].x0 < g.wires[0].x0 || other.wires[0].x0 == g.wires[0].x0 && slices.Index(all, other) < slices.Index(all, g)) {
					place++
				}
			}
			gap := max(1, min(gapPorts, (c.w-60)/(len(all)-1)))
			w.x1 += place*gap - (len(all)-1)*gap/2
		}
	}
}

// assignTracks gives each bus that turns a track and says how many there are. A
// bus that leaves a card above the place where another one enters lies higher,
// so that the two never share a line.
func assignTracks(buses []*bus) int {
	type port struct{ x, bus int }
	var tops, bottoms []port
	for i, b := range buses {
		if b.lo == b.hi {
			continue
		}
		for _, w := range b.wires {
			tops = append(tops, port{w.x0, i})
			bottoms = append(bottoms, port{w.x1, i})
		}
	}
	byX := func(a, b port) int { return cmp.Or(a.x-b.x, a.bus-b.bus) }
	slices.SortFunc(tops, byX)
	slices.SortFunc(bottoms, byX)
	tops, bottoms = slices.Compact(tops), slices.Compact(bottoms)
	above := make([][]int, len(buses)) // which buses must lie higher
	from := 0
	for _, low := range bottoms {
		for from < len(tops) && tops[from].x <= low.x-clear {
			from++
		}
		for k := from; k < len(tops) && tops[k].x < low.x+clear; k++ {
			if tops[k].bus != low.bus {
				above[low.bus] = append(above[low.bus], tops[k].bus)
			}
		}
	}
	var tracks [][]*bus
	for _, i := range order(above) {
		b := buses[i]
		if b.lo == b.hi {
			continue
		}
		t := 0
		for _, j := range above[i] {
			if buses[j].lo != buses[j].hi {
				t = max(t, buses[j].track+1)
			}
		}
		for t < len(tracks) && slices.ContainsFunc(tracks[t], func(o *bus) bool { return b.lo < o.hi+clear && o.lo < b.hi+clear }) {
			t++
		}
		for t >= len(tracks) {
			tracks = append(tracks, nil)
		}
		b.track = t
		tracks[t] = append(tracks[t], b)
	}
	return len(tracks)
}
