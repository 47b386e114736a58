package graph

import (
	"cmp"
	"slices"
)

// across is how many cards stand side by side at most.
const across = 6

// vertex is a node in its layer, or a place where an edge passes one.
type vertex struct {
	layer int
	card  *card // nil: an edge passes
	owner int   // of an edge that passes: the node whose edges share this place
	up    []int // vertices of the layer above, by index
	down  []int
	pos   int // in its layer
	x     int // of the middle
	y     int // of the top
}

func (v *vertex) width() int {
	if v.card == nil {
		return 0
	}
	return v.card.w
}

// sheet is a flow on its way to a drawing.
type sheet struct {
	vertices []vertex
	layers   [][]int         // vertices by layer, from left to right
	joined   map[[2]int]bool // links of edges that come from many nodes and go to one
}

// layered gives every node a layer below all that it waits for. A layer holds
// at most as many cards as stand across.
func layered(f *Flow, cards []*card) *sheet {
	n := len(f.Nodes)
	needs, rank := make([][]int, n), make([]int, n)
	for _, e := range f.Edges {
		needs[e.To] = append(needs[e.To], e.From)
	}
	sequence := order(needs)
	for _, i := range sequence {
		for _, j := range needs[i] {
			rank[i] = max(rank[i], rank[j]+1)
		}
	}
	slices.SortStableFunc(sequence, func(a, b int) int { return cmp.Or(rank[a]-rank[b], a-b) })
	s := &sheet{vertices: make([]vertex, n), joined: map[[2]int]bool{}}
	var load []int
	for _, i := range sequence {
		at, wide := 0, max(1, (cards[i].w+cardWidth-1)/(cardWidth+2*stackCards*stackShift))
		for _, j := range needs[i] {
			at = max(at, s.vertices[j].layer+1)
		}
		for at < len(load) && load[at] > 0 && load[at]+wide > across {
			at++
		}
		for at >= len(load) {
			load = append(load, 0)
		}
		load[at] += wide
		s.vertices[i] = vertex{layer: at, card: cards[i]}
	}
	s.layers = make([][]int, len(load))
	for i := range n {
		s.layers[s.vertices[i].layer] = append(s.layers[s.vertices[i].layer], i)
	}
	s.edges(f)
	return s
}

// edges joins the vertices layer by layer. Edges from one node share the places
// where they pass a layer, and so do the edges to one node for which more nodes
// wait than their own have successors.
func (s *sheet) edges(f *Flow) {
	out, in := make([]int, len(f.Nodes)), make([]int, len(f.Nodes))
	for _, e := range f.Edges {
		out[e.From]++
		in[e.To]++
	}
	passes := map[[2]int]int{} // by owner and layer; an owner of edges into it is negative
	pass := func(node, layer int) int {
		key := [2]int{node, layer}
		v, ok := passes[key]
		if !ok {
			v = len(s.vertices)
			passes[key] = v
			s.vertices = append(s.vertices, vertex{layer: layer, owner: max(node, -1-node)})
			middle := len(s.layers[layer]) / 2
			s.layers[layer] = slices.Insert(s.layers[layer], middle, v)
		}
		return v
	}
	link := func(a, b int, into bool) {
		if into {
			s.joined[[2]int{a, b}] = true
		}
		if !slices.Contains(s.vertices[a].down, b) {
			s.vertices[a].down = append(s.vertices[a].down, b)
			s.vertices[b].up = append(s.vertices[b].up, a)
		}
	}
	for _, e := range f.Edges {
		from, to, owner := s.vertices[e.From].layer, s.vertices[e.To].layer, e.From
		into := in[e.To] > max(out[e.From], 2) || f.Nodes[e.To].Kind == End
		if into {
			owner = -1 - e.To
		}
		at := e.From
		for layer := from + 1; layer < to; layer++ {
			next := pass(owner, layer)
			link(at, next, into)
			at = next
		}
		if from < to { // not in a cycle
			link(at, e.To, into)
		}
	}
}

// arrange orders the layers so that few edges cross: sweeps by barycenter, of
// which the best is kept.
func (s *sheet) arrange() {
	s.number()
	best, least := s.copyLayers(), s.crossings()
	for sweep := 0; sweep < 12 && least > 0; sweep++ {
		down := sweep%2 == 0
		for k := range s.layers {
			i := k
			if !down {
				i = len(s.layers) - 1 - k
			}
			s.sort(s.layers[i], down)
		}
		if n := s.crossings(); n < least {
			best, least = s.copyLayers(), n
		}
	}
	s.layers = best
	s.number()
}

func (s *sheet) copyLayers() [][]int {
	out := make([][]int, len(s.layers))
	for i, l := range s.layers {
		out[i] = slices.Clone(l)
	}
	return out
}

func (s *sheet) number() {
	for _, layer := range s.layers {
		for i, v := range layer {
			s.vertices[v].pos = i
		}
	}
}

func (s *sheet) sort(layer []int, down bool) {
	key := make(map[int]int, len(layer))
	for _, v := range layer {
		near := s.vertices[v].up
		if !down {
			near = s.vertices[v].down
		}
		key[v] = s.vertices[v].pos * 1000
		if len(near) > 0 {
			sum := 0
			for _, u := range near {
				sum += s.vertices[u].pos
			}
			key[v] = sum * 1000 / len(near)
		}
	}
	slices.SortStableFunc(layer, func(a, b int) int { return key[a] - key[b] })
	for i, v := range layer {
		s.vertices[v].pos = i
	}
}

// crossings counts pairs of edges that cross, with a tree of sums.
func (s *sheet) crossings() int {
	total := 0
	for i := 0; i+1 < len(s.layers); i++ {
		size := len(s.layers[i+1])
		tree := make([]int, size+1)
		seen := 0
		for _, v := range s.layers[i] {
			down := make([]int, len(s.vertices[v].down))
			for k, w := range s.vertices[v].down {
				down[k] = s.vertices[w].pos
			}
			for _, pos := range down {
				left := 0
				for k := pos + 1; k > 0; k -= k & -k {
					left += tree[k]
				}
				total += seen - left
			}
			for _, pos := range down {
				for k := pos + 1; k <= size; k += k & -k {
					tree[k]++
				}
			}
			seen += len(down)
		}
	}
	return total
}
