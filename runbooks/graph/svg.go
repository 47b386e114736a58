package graph

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// Sizes of the page, in pixels.
const (
	margin    = 32
	laneGap   = 48
	lanePad   = 24
	corner    = 8 // radius of an edge's corners
	cardRound = 8
	leastPage = 560
)

// SVG writes the graph as a picture of its own: no script, nothing loaded,
// light or dark as the reader has it, and light on paper. Errors are those of w.
func SVG(w io.Writer, g *Graph) error {
	d := &drafter{newRuler()}
	main := d.draft(g.Main)
	var cancel *drawing
	width := main.w + 2*margin
	if g.Cancel != nil {
		cancel = d.draft(g.Cancel)
		width += laneGap + cancel.w + 2*lanePad
	}
	width = max(width, leastPage)
	s := &svg{Writer: bufio.NewWriter(w), ruler: d.ruler}
	head := s.measureHead(g, width)
	legend, legendHeight := s.legend(g, width)
	body := main.h
	if cancel != nil {
		body = max(body, cancel.h+lanePad+44)
	}
	height := head.h + body + legendHeight + 3*margin
	id := "fb" + cut(strings.Map(hexOnly, g.Digest), 12)
	s.f(`<svg xmlns="http://www.w3.org/2000/svg" class="fb" role="img" aria-labelledby="%s-t %s-d" width="%d" height="%d" viewBox="0 0 %d %d">`, id, id, width, height, width, height)
	s.f("\n<title id=\"%s-t\">%s</title>\n<desc id=\"%s-d\">%s</desc>\n", id, escape(visible(g.Title)), id, escape(describe(g)))
	s.f("<style>%s</style>\n", style)
	s.f("<defs><pattern id=\"%s-h\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect class=\"hb\" width=\"8\" height=\"8\"/><rect class=\"hs\" width=\"4\" height=\"8\"/></pattern></defs>\n", id)
	s.hazard = id + "-h"
	s.f("<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", width, height)
	s.head(head)
	left := margin
	if cancel == nil {
		left = (width - main.w) / 2
	}
	s.drawing(main, left, head.h+margin, "")
	if cancel != nil {
		x := margin + main.w + laneGap
		s.f("<rect class=\"lane\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"10\"/>\n", x, head.h+margin-lanePad/2, cancel.w+2*lanePad, cancel.h+lanePad+44)
		s.f("<text class=\"w m\" x=\"%d\" y=\"%d\">ON CANCEL</text>\n", x+lanePad, head.h+margin+12)
		s.drawing(cancel, x+lanePad, head.h+margin+30, "")
	}
	s.f("<g transform=\"translate(0 %d)\">\n%s</g>\n</svg>\n", head.h+body+2*margin, legend)
	return s.Flush()
}

type svg struct {
	*bufio.Writer
	ruler  *ruler
	hazard string // id of the pattern of what is destructive
}

func (s *svg) f(format string, args ...any) {
	fmt.Fprintf(s.Writer, format, args...) // the first error of a bufio.Writer stays until Flush
}

func hexOnly(r rune) rune {
	if r >= '0' && r <= '9' || r >= 'a' && r <= 'f' {
		return r
	}
	return -1
}

// escape makes text for an element or an attribute.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// describe says in words what the picture shows.
func describe(g *Graph) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Runbook %s.", g.ID)
	list := func(f *Flow) {
		for n := range f.All() {
			if n.ID != "" {
				fmt.Fprintf(&b, " %s: %s (%s).", visible(n.ID), visible(n.Title), n.word())
			}
		}
	}
	list(g.Main)
	if g.Cancel != nil {
		b.WriteString(" When the run is cancelled:")
		list(g.Cancel)
	}
	return b.String()
}

func (s *svg) drawing(d *drawing, x, y int, indent string) {
	s.f("%s<g transform=\"translate(%d %d)\">\n", indent, x, y)
	var paths, arrows strings.Builder
	for _, seg := range d.segments {
		trace(&paths, seg.points)
		if end := seg.points[len(seg.points)-1]; seg.to >= 0 {
			fmt.Fprintf(&arrows, "M%d %dl-4 -8h8z", end.x, end.y)
		}
	}
	if paths.Len() > 0 {
		s.f("%s<path class=\"e\" d=\"%s\"/>\n%s<path class=\"a\" d=\"%s\"/>\n", indent, &paths, indent, &arrows)
	}
	for _, c := range d.cards {
		s.card(c, indent)
	}
	s.f("%s</g>\n", indent)
}

// trace writes a line with round corners.
func trace(b *strings.Builder, p []point) {
	fmt.Fprintf(b, "M%d %d", p[0].x, p[0].y)
	for i := 1; i < len(p)-1; i++ {
		r := min(corner, length(p[i-1], p[i])/2, length(p[i], p[i+1])/2)
		from, to := towards(p[i], p[i-1], r), towards(p[i], p[i+1], r)
		fmt.Fprintf(b, "L%d %dQ%d %d %d %d", from.x, from.y, p[i].x, p[i].y, to.x, to.y)
	}
	last := p[len(p)-1]
	fmt.Fprintf(b, "L%d %d", last.x, last.y)
}

func length(a, b point) int { return max(a.x-b.x, b.x-a.x) + max(a.y-b.y, b.y-a.y) }

func towards(a, b point, r int) point {
	step := func(from, to int) int {
		switch {
		case to > from:
			return from + r
		case to < from:
			return from - r
		}
		return from
	}
	return point{step(a.x, b.x), step(a.y, b.y)}
}

// look is the class of a card: what it does to the world.
func look(n *Node) string {
	switch {
	case n.Kind == Action && n.Tells:
		return "tells"
	case n.Kind == Action && n.Effect.Valid():
		return string(n.Effect)
	case n.Kind == Action:
		return string(actions.Destructive) // not known: fear the worst
	}
	return string(n.Kind)
}

func (s *svg) card(c placedCard, indent string) {
	n := c.node
	w, face := c.w, c.face
	if n.Many {
		w -= stackCards * stackShift
	}
	if n.Inside != nil {
		face = c.h
		if n.Many {
			face -= stackCards * stackShift
		}
	}
	s.f("%s<g class=\"n %s\" transform=\"translate(%d %d)\"", indent, look(n), c.x, c.y)
	if n.ID != "" {
		s.f(" data-step=\"%s\"", escape(visible(n.ID)))
	}
	s.f("><title>%s</title>", escape(strings.Join(n.full(), "\n")))
	if n.Many {
		for i := stackCards; i > 0; i-- {
			s.f("<path class=\"o\" d=\"%s\"/>", outline(n, i*stackShift, i*stackShift, w, face))
		}
	}
	s.f("<path class=\"o\" d=\"%s\"/>", outline(n, 0, 0, w, face))
	switch look(n) {
	case string(actions.Reversible):
		s.f("<path class=\"o2\" d=\"%s\"/>", outline(n, 4, 4, w-8, face-8))
	case string(actions.Destructive):
		s.f("<path fill=\"url(#%s)\" d=\"M10 1.5H%dL%d 8H3.5z\"/>", s.hazard, w-10, w-4)
	}
	if c.rule > 0 {
		s.f("<path class=\"r\" d=\"M%d %dH%d\"/>", padding+4, c.rule, w-padding-4)
	}
	for _, i := range c.icons {
		s.f("<path class=\"%s\" transform=\"translate(%d %d)\" d=\"%s\"/>", i.class, i.x, i.y, i.path)
	}
	for _, l := range c.lines {
		s.f("<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>", l.class, l.x, l.y, escape(l.text))
	}
	if c.inner != nil {
		s.f("\n")
		s.drawing(c.inner, c.innX, c.innY, indent+" ")
		s.f("%s", indent)
	}
	s.f("</g>\n")
}

// outline is the border of a card: cut corners where something is destroyed,
// half circles for waiting, start and end, else round corners.
func outline(n *Node, x, y, w, h int) string {
	r := cardRound
	switch {
	case look(n) == string(actions.Destructive):
		return fmt.Sprintf("M%d %dH%dL%d %dV%dL%d %dH%dL%d %dV%dz", x+12, y, x+w-12, x+w, y+12, y+h-12, x+w-12, y+h, x+12, x, y+h-12, y+12)
	case n.Kind == Start || n.Kind == End:
		r = h / 2
	case n.Kind == Wait:
		r = min(28, h/2)
	case n.Kind == Manual:
		return fmt.Sprintf("M%d %dH%dV%dL%d %dH%dz", x, y, x+w, y+h-16, x+w-16, y+h, x)
	}
	return fmt.Sprintf("M%d %dH%dQ%d %d %d %dV%dQ%d %d %d %dH%dQ%d %d %d %dV%dQ%d %d %d %dz",
		x+r, y, x+w-r, x+w, y, x+w, y+r, y+h-r, x+w, y+h, x+w-r, y+h, x+r, x, y+h, x, y+h-r, y+r, x, y, x+r, y)
}
