package graph

import "math"

// Room between neighbours in a layer, in pixels.
const (
	gapCards = 34
	gapPass  = 22
)

// both is the sweep from which on a vertex looks up and down at once.
const both = 10

// place gives every vertex its x: as near to its neighbours above and below as
// the order and the widths allow. Each sweep solves one layer exactly (least
// squares under an order); where an edge passes counts more, so that long edges
// are straight.
func (s *sheet) place() {
	for _, layer := range s.layers {
		x := 0
		for i, v := range layer {
			if i > 0 {
				x += s.apart(layer[i-1], v)
			}
			s.vertices[v].x = x
		}
		for _, v := range layer { // around the middle
			s.vertices[v].x -= x / 2
		}
	}
	for sweep := range both + 6 {
		for k := range s.layers {
			i := k
			if sweep%2 == 1 {
				i = len(s.layers) - 1 - k
			}
			s.settle(s.layers[i], sweep)
		}
	}
	for range 4 {
		s.straighten()
	}
	left := math.MaxInt
	for i := range s.vertices {
		left = min(left, s.vertices[i].x-s.vertices[i].width()/2)
	}
	for i := range s.vertices {
		s.vertices[i].x -= left
	}
}

// apart is how far the middles of two neighbours are from each other at least.
func (s *sheet) apart(a, b int) int {
	gap := gapCards
	if s.vertices[a].card == nil || s.vertices[b].card == nil {
		gap = gapPass
	}
	return (s.vertices[a].width()+1)/2 + (s.vertices[b].width()+1)/2 + gap
}

// wish is where a vertex would like to be, and how much it weighs. An edge that
// passes follows itself, so that it is straight; a card looks at the card where
// a passing edge comes from, so that rows which wrap stay below each other.
func (s *sheet) wish(v, sweep int) (int, int) {
	me := &s.vertices[v]
	var near []int
	if sweep >= both || sweep%2 == 0 {
		near = append(near, me.up...)
	}
	if sweep >= both || sweep%2 == 1 {
		near = append(near, me.down...)
	}
	sum, n, passing := 0, 0, 0
	for _, u := range near {
		other := &s.vertices[u]
		switch {
		case me.card != nil && other.card == nil:
			other = &s.vertices[other.owner]
		case me.card == nil && other.card == nil:
			if passing == 0 {
				sum, n = 0, 0
			}
			passing++
		case passing > 0:
			continue
		}
		sum += other.x
		n++
	}
	switch {
	case n == 0:
		return me.x, 1
	case passing > 0:
		return sum / n, 8
	case me.card == nil:
		return sum / n, 1
	}
	return sum / n, 2
}

// settle places one layer: neighbours that would overlap are pooled, and a
// pool stands at the weighted mean of what its members wish.
func (s *sheet) settle(layer []int, sweep int) {
	type pool struct{ sum, weight, n int }
	offset, pools := make([]int, len(layer)), make([]pool, 0, len(layer))
	for i, v := range layer {
		if i > 0 {
			offset[i] = offset[i-1] + s.apart(layer[i-1], v)
		}
		x, weight := s.wish(v, sweep)
		p := pool{(x - offset[i]) * weight, weight, 1}
		for len(pools) > 0 && pools[len(pools)-1].sum*p.weight >= p.sum*pools[len(pools)-1].weight {
			last := pools[len(pools)-1]
			pools = pools[:len(pools)-1]
			p = pool{p.sum + last.sum, p.weight + last.weight, p.n + last.n}
		}
		pools = append(pools, p)
	}
	i := 0
	for _, p := range pools {
		for range p.n {
			s.vertices[layer[i]].x = floorDiv(p.sum, p.weight) + offset[i]
			i++
		}
	}
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// jog is the longest sidestep that is taken out of an edge, in pixels.
const jog = 40

// straighten moves what follows its only neighbour, or is almost under it, quite
// under it, where there is room.
func (s *sheet) straighten() {
	for _, layer := range s.layers {
		for i, v := range layer {
			me := &s.vertices[v]
			x := me.x
			switch {
			case len(me.up) == 1 && len(s.vertices[me.up[0]].down) == 1, // a chain is straight
				len(me.up) == 1 && me.card == nil && near(x, s.vertices[me.up[0]].x):
				x = s.vertices[me.up[0]].x
			case len(me.down) == 1 && near(x, s.vertices[me.down[0]].x) && len(me.up) != 1:
				x = s.vertices[me.down[0]].x
			}
			free := (i == 0 || x-s.vertices[layer[i-1]].x >= s.apart(layer[i-1], v)) &&
				(i == len(layer)-1 || s.vertices[layer[i+1]].x-x >= s.apart(v, layer[i+1]))
			if free {
				me.x = x
			}
		}
	}
}

func near(a, b int) bool { return a-b <= jog && b-a <= jog }
