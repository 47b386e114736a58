package graph

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func TestLayout(t *testing.T) {
	for name, p := range everyProgram(t) {
		t.Run(name, func(t *testing.T) {
			g := New(p)
			for _, f := range []*Flow{g.Main, g.Cancel} {
				if f != nil {
					for _, fault := range checkDrawing(f, (&drafter{newRuler()}).draft(f)) {
						t.Error(fault)
					}
				}
			}
		})
	}
}

func TestAnyLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &runbooks.Program{ID: "any", Title: "Any"}
		n := rapid.IntRange(1, 40).Draw(t, "steps")
		for i := range n {
			s := read(fmt.Sprintf("s%d", i), "Step")
			if rapid.Bool().Draw(t, "changes") {
				s = change(s.ID, "Change something with a long title that wraps")
			}
			if i > 0 {
				for _, j := range rapid.SliceOfN(rapid.IntRange(0, i-1), 0, 4).Draw(t, "needs") {
					s.Needs = append(s.Needs, fmt.Sprintf("s%d", j))
				}
			}
			p.Steps = append(p.Steps, s)
		}
		f := New(p).Main
		if faults := checkDrawing(f, (&drafter{newRuler()}).draft(f)); len(faults) > 0 {
			t.Fatal(faults)
		}
	})
}

// checkDrawing says where cards overlap, edges do not meet their cards, edges
// run through a card, or an edge is not drawn.
func checkDrawing(f *Flow, d *drawing) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for i, a := range d.cards {
		if a.x < 0 || a.y < 0 || a.x+a.w > d.w || a.y+a.h > d.h {
			fault("card %d is outside of the drawing", i)
		}
		for j, b := range d.cards[:i] {
			if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
				fault("cards %d and %d overlap", i, j)
			}
		}
		for _, l := range a.lines {
			f := map[string]font{"t": titleFont(), "c b": codeFont(), "c m": codeFont(), "c": codeFont(), "s": textFont(), "w k": wordFont()}[l.class]
			if l.class != "p" && (f.size == 0 || l.x+newRuler().width(l.text, f) > a.w || l.y > a.face) {
				fault("%q of class %q is not inside its card %d", l.text, l.class, i)
			}
		}
		if a.inner != nil {
			if a.innX < 0 || a.innX+a.inner.w > a.w || a.innY < a.face || a.innY+a.inner.h > a.h {
				fault("the inside of %d is not inside", i)
			}
			faults = append(faults, checkDrawing(a.node.Inside, a.inner)...)
		}
	}
	next := map[point][]segment{} // segments that go on where an edge passes
	for _, s := range d.segments {
		first, last := s.points[0], s.points[len(s.points)-1]
		if s.from >= 0 {
			if c := d.cards[s.from]; first.y != c.y+c.h || first.x < c.x || first.x > c.x+c.w {
				fault("an edge from %d starts at %v", s.from, first)
			}
		} else {
			next[first] = append(next[first], s)
		}
		if s.to >= 0 {
			if c := d.cards[s.to]; last.y != c.y || last.x < c.x || last.x > c.x+c.w {
				fault("an edge to %d ends at %v", s.to, last)
			}
		}
		for i := 1; i < len(s.points); i++ {
			for j, c := range d.cards {
				if through(s.points[i-1], s.points[i], c) {
					fault("an edge from %d to %d runs through %d", s.from, s.to, j)
				}
			}
		}
	}
	var drawn []Edge
	for _, s := range d.segments {
		if s.from < 0 {
			continue
		}
		for todo := []segment{s}; len(todo) > 0; todo = todo[1:] {
			if todo[0].to >= 0 {
				drawn = append(drawn, Edge{s.from, todo[0].to})
				continue
			}
			todo = append(todo, next[todo[0].points[len(todo[0].points)-1]]...)
		}
	}
	sortEdges(drawn)
	if drawn = slices.Compact(drawn); !slices.Equal(drawn, f.Edges) {
		fault("drawn are %v, not %v", drawn, f.Edges)
	}
	return faults
}

func through(a, b point, c placedCard) bool {
	lo, hi := point{min(a.x, b.x), min(a.y, b.y)}, point{max(a.x, b.x), max(a.y, b.y)}
	return lo.x < c.x+c.w && hi.x > c.x && lo.y < c.y+c.h && hi.y > c.y
}

func BenchmarkSVG500(b *testing.B) {
	p := &runbooks.Program{ID: "big", Title: "Big"}
	for i := range 500 {
		s := change(fmt.Sprintf("s%d", i), fmt.Sprintf("Step %d", i))
		for _, j := range []int{i - 7, i - 11, i * 5 % (i + 1)} {
			if j >= 0 && j < i {
				s.Needs = append(s.Needs, fmt.Sprintf("s%d", j))
			}
		}
		p.Steps = append(p.Steps, s)
	}
	for b.Loop() {
		draw(b, p, SVG)
	}
}
