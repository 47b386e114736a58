package timeline

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Heights of the drawing, in pixels.
const (
	laneHeight = 26
	headHeight = 30 // of the line that begins a run
	axisHeight = 20
	keyHeight  = 46
	legendLine = 22
	laneMargin = 16
)

// Lanes draws a record as a picture of its own (SVG): a lane for each step and
// each person over one axis of time. It runs no script and loads nothing, is
// light or dark as the reader has it, and light on paper. What it shows is in
// the tables of the other forms too. It is bounded: loops share a lane, steps
// and people beyond the first dozens are gathered and counted. Errors are those
// of w and of the facts.
func (r *Record) Lanes(w io.Writer, o Options) error {
	r, err := r.at(o.Redact)
	if err != nil {
		return err
	}
	c, err := r.newChart(o)
	if err != nil {
		return fmt.Errorf("draw the timeline: %w", err)
	}
	out := bufio.NewWriter(w)
	d := &drawing{Writer: out, chart: c, id: "fbl"}
	d.svg(c.panels(0)[0], true, "<style>"+laneStyle+"</style>\n")
	if err := out.Flush(); err != nil {
		return fmt.Errorf("draw the timeline: %w", err)
	}
	return nil
}

// panel is what is drawn on one page.
type panel struct {
	keys  bool
	lanes []*lane
}

// panels deals the lanes to pages of at most so many lanes; 0: all to one.
func (c *chart) panels(most int) []panel {
	var all []*lane
	if c.injects != nil {
		all = append(all, c.injects)
	}
	all = append(all, c.people...)
	all = append(all, c.steps...)
	if most <= 0 || len(all) <= most {
		return []panel{{true, all}}
	}
	pages := (len(all) + most - 1) / most
	most = (len(all) + pages - 1) / pages
	var out []panel
	for chunk := range slices.Chunk(all, most) {
		out = append(out, panel{len(out) == 0, chunk})
	}
	return out
}

// drawing writes panels.
type drawing struct {
	*bufio.Writer
	*chart
	id string // begins every id
	n  int    // panels so far
	y  int
}

func (d *drawing) f(format string, args ...any) { fmt.Fprintf(d.Writer, format, args...) }

// markup makes text for an element or an attribute; nothing in it is hidden.
func markup(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(Visible(s))) // a Builder takes everything
	return b.String()
}

// fits cuts a text to a number of columns of a monospaced face.
func fits(s string, columns int) string {
	s = Visible(s)
	used := 0
	for i, r := range s {
		w := 1
		if r >= 0x1100 {
			w = 2
		}
		if used+w > columns {
			for used > columns-1 && i > 0 { // room for the sign of what is cut
				i--
				for i > 0 && s[i]&0xC0 == 0x80 {
					i--
				}
				used--
			}
			return s[:i] + "…"
		}
		used += w
	}
	return s
}

// svg draws one panel.
func (d *drawing) svg(p panel, legend bool, style string) {
	d.n++
	id := fmt.Sprintf("%s%d", d.id, d.n)
	top := laneMargin
	if p.keys && len(d.keys) > 0 {
		top += keyHeight
	}
	axis := top
	top += axisHeight + 6
	if d.zone != nil {
		top += axisHeight
	}
	days := d.days()
	if len(days) > 0 {
		top += axisHeight
	}
	bottom := top
	for _, l := range p.lanes {
		bottom += l.height()
	}
	height := bottom + laneMargin
	var explained string
	if legend {
		var lines int
		explained, lines = d.legend(bottom + laneMargin)
		height += lines*legendLine + 6
	}
	d.f("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ln\" role=\"img\" aria-labelledby=\"%s-t %s-d\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", id, id, laneWidth, height, laneWidth, height)
	d.f("<title id=\"%s-t\">%s</title>\n<desc id=\"%s-d\">%s</desc>\n%s", id, markup(Cut("What happened in "+d.record.Incident.ID+" over time", maxLine)), id, markup(d.describe(p)), style)
	d.f("<defs><pattern id=\"%s-h\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><path class=\"hs\" d=\"M0 0V7\"/></pattern>", id)
	d.f("<pattern id=\"%s-q\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\"><rect class=\"qb\" width=\"6\" height=\"6\"/><rect class=\"qs\" width=\"3\" height=\"6\"/></pattern></defs>\n", id)
	d.f("<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", laneWidth, height)
	d.background(id, axis, top, bottom, days)
	if p.keys {
		d.keyTimes(bottom)
	}
	d.y = top
	for i, l := range p.lanes {
		d.lane(l, id, i)
	}
	d.f("%s</svg>\n", explained)
}

func (l *lane) height() int {
	if l.isRun {
		return headHeight
	}
	return laneHeight
}

// background draws the axis, the silences, the cuts and the days.
func (d *drawing) background(id string, axis, top, bottom int, days []tick) {
	for _, g := range d.silences {
		x0, x1 := d.x(g.from), d.x(g.to)
		if x1-x0 >= 3 {
			d.f("<g><title>%s</title><rect class=\"sil\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/><rect fill=\"url(#%s-h)\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/></g>\n",
				"silence of "+span(g.to.Sub(g.from)), x0, top-4, x1-x0, bottom-top+4, id, x0, top-4, x1-x0, bottom-top+4)
		}
	}
	for _, g := range d.gaps {
		x0, x1 := d.x(g.from), d.x(g.to)
		if label := lengthWords(g.to.Sub(g.from)); x1-x0 >= 6*len(label) {
			d.f("<text class=\"s m c\" x=\"%d\" y=\"%d\">%s</text>\n", (x0+x1)/2, bottom+11, label)
		}
	}
	for _, p := range d.parts {
		if p.cut {
			d.f("<path class=\"brk\" d=\"%s\"/>\n", zigzag((p.x0+p.x1)/2, top-8, bottom))
		}
	}
	y := axis + 13
	if len(days) > 0 {
		first := true
		for _, day := range days {
			if first && day.x-plotLeft >= tickRoom {
				d.f("<text class=\"d\" x=\"%d\" y=\"%d\">%s</text>\n", plotLeft, y, d.start.UTC().Format("Mon 2 Jan"))
			}
			first = false
			d.f("<path class=\"day\" d=\"M%d %dV%d\"/><text class=\"d\" x=\"%d\" y=\"%d\">%s</text>\n", day.x, axis, bottom, day.x+4, y, day.at.UTC().Format("Mon 2 Jan"))
		}
		y += axisHeight
	}
	ticks, step := d.ticks()
	form := "15:04"
	if step < time.Minute {
		form = time.TimeOnly
	}
	d.f("<text class=\"m\" x=\"%d\" y=\"%d\">%s UTC</text>\n", laneMargin, y, d.start.UTC().Format("2 January 2006,"))
	for _, t := range ticks {
		d.f("<path class=\"tk\" d=\"M%d %dV%d\"/><text class=\"a\" x=\"%d\" y=\"%d\">%s</text>\n", t.x, y+4, bottom, t.x+3, y, t.at.UTC().Format(form))
	}
	if d.zone != nil {
		y += axisHeight
		d.f("<text class=\"m\" x=\"%d\" y=\"%d\">%s</text>\n", laneMargin, y, markup(d.zone.String()))
		for _, t := range ticks {
			d.f("<text class=\"a m\" x=\"%d\" y=\"%d\">%s</text>\n", t.x+3, y, t.at.In(d.zone).Format(form))
		}
	}
	d.f("<path class=\"ax\" d=\"M%d %dH%d\"/>\n", plotLeft, y+5, plotRight)
}

// lengthWords is a length of time in one short word: "13h", "2d 4h", "14m".
func lengthWords(t time.Duration) string {
	switch {
	case t >= 48*time.Hour:
		return fmt.Sprintf("%dd %dh", t/(24*time.Hour), t%(24*time.Hour)/time.Hour)
	case t >= 10*time.Hour:
		return fmt.Sprintf("%dh", t/time.Hour)
	case t >= time.Hour:
		return fmt.Sprintf("%dh %dm", t/time.Hour, t%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dm", t/time.Minute)
}

// zigzag is the sign of time that is cut short.
func zigzag(x, top, bottom int) string {
	var b strings.Builder
	for _, off := range []int{-3, 3} {
		fmt.Fprintf(&b, "M%d %d", x+off, top)
		for y, side := top, 3; y < bottom; side = -side {
			y = min(y+8, bottom)
			fmt.Fprintf(&b, "L%d %d", x+off+side, y)
		}
	}
	return b.String()
}

// keyTimes draws the moments that a review asks for, with their names in up to
// two lines, and a line through all lanes.
func (d *drawing) keyTimes(bottom int) {
	free := [2]int{}
	for _, k := range d.keys {
		d.f("<g class=\"key\"><title>%s</title>", markup(Cut(k.words, maxLine)))
		from := laneMargin + 2*18
		name := fits(k.text, 22)
		width := 7*len([]rune(name)) + 14
		for line := range free {
			x := k.x + 8
			anchor := ""
			if x+width > laneWidth-laneMargin {
				x, anchor = k.x-8, " e"
			}
			left := min(x, k.x)
			if anchor != "" {
				left = x - width
			}
			if left < free[line] {
				continue
			}
			y := laneMargin + 8 + line*18
			d.f("<path class=\"kd\" d=\"M%d %dl5 5l-5 5l-5 -5z\"/><text class=\"kt%s\" x=\"%d\" y=\"%d\">%s</text>", k.x, y-9, anchor, x, y, markup(name))
			free[line], from = left+width, y
			break
		}
		d.f("<path class=\"kl\" d=\"M%d %dV%d\"/></g>\n", k.x, from, bottom)
	}
}

// describe says in words what a panel shows.
func (d *drawing) describe(p panel) string {
	var b strings.Builder
	fmt.Fprintf(&b, "From %s to %s UTC.", d.start.UTC().Format(time.DateTime), d.end.UTC().Format(time.DateTime))
	if n := len(d.silences); n > 0 {
		fmt.Fprintf(&b, " %s.", count(n, "silence"))
	}
	for _, l := range p.lanes {
		status := l.status
		if status == "" {
			status = count(len(l.marks), "mark")
		}
		fmt.Fprintf(&b, " %s: %s.", Cut(Visible(l.label), 80), Cut(Visible(status), 80))
	}
	b.WriteString(" The tables below hold the same facts.")
	return b.String()
}
