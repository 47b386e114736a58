package timeline

import (
	"fmt"
	"strings"
)

// lane draws one line: its name, its bars, its marks and how it ended.
func (d *drawing) lane(l *lane, id string, n int) {
	y, h := d.y, l.height()
	d.y += h
	mid := y + h/2
	if l.isRun {
		d.f("<rect class=\"run\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\"/><text class=\"rt\" x=\"%d\" y=\"%d\">%s</text>", laneMargin-6, y+6, laneWidth-2*laneMargin+12, h-8, laneMargin, mid+6, markup(fits(l.label, 60)))
		if l.status != "" {
			d.f("<text class=\"st %s\" x=\"%d\" y=\"%d\">%s</text>", l.look, plotRight+10, mid+6, markup(fits(l.status, 15)))
		}
		d.f("\n")
		return
	}
	if n > 0 {
		d.f("<path class=\"sep\" d=\"M%d %dH%d\"/>", laneMargin, y, laneWidth-laneMargin)
	}
	label := fits(l.label, 30)
	d.f("<g><title>%s</title><text class=\"lb\" x=\"%d\" y=\"%d\">%s</text>", markup(Cut(strings.TrimSpace(l.label+"  "+l.sub), maxLine)), laneMargin, mid+4-sub(l), markup(label))
	if l.sub != "" {
		d.f("<text class=\"sb\" x=\"%d\" y=\"%d\">%s</text>", laneMargin, mid+10, markup(fits(l.sub, 36)))
	}
	d.f("</g>")
	if l.status != "" {
		d.f("<text class=\"st %s\" x=\"%d\" y=\"%d\">%s</text>", l.look, plotRight+10, mid+4, markup(fits(l.status, 17)))
	} else if l.unshown > 0 {
		d.f("<text class=\"st\" x=\"%d\" y=\"%d\">%d not shown</text>", plotRight+10, mid+4, l.unshown)
	}
	d.f("\n")
	for _, k := range lookOrder {
		for _, b := range l.bars {
			if b.look == k {
				d.bar(b, mid, id)
			}
		}
		for _, b := range l.runs(k) {
			d.bar(b, mid, id)
		}
	}
	for i, m := range l.marks {
		next := plotRight + 90
		if i+1 < len(l.marks) {
			next = l.marks[i+1].x
		}
		d.mark(m, mid, next)
	}
}

// sub is how far a name moves up for a second line.
func sub(l *lane) int {
	if l.sub == "" {
		return 0
	}
	return 5
}

// runs turns what is covered into bars.
func (l *lane) runs(k look) []bar {
	covered := l.covered[k]
	if covered == nil {
		return nil
	}
	var out []bar
	for x := 0; x < plotWidth; x++ {
		if !covered[x] {
			continue
		}
		from := x
		for x < plotWidth && covered[x] {
			x++
		}
		out = append(out, bar{plotLeft + from, plotLeft + x, k, ""})
	}
	return out
}

// bar draws a stretch; every look has a shape of its own, so that no color is needed.
func (d *drawing) bar(b bar, mid int, id string) {
	h := 14
	switch b.look {
	case lookProof, lookNo:
		h = 6
	case lookWait:
		h = 10
	case lookHeld: // below what it is about
		h, mid = 4, mid+9
	}
	w := max(b.x1-b.x0, 2)
	d.f("<g class=\"%s\">", b.look)
	if b.words != "" {
		d.f("<title>%s</title>", markup(Cut(b.words, maxLine)))
	}
	fill := ""
	if b.look == lookDoubt {
		fill = fmt.Sprintf(" fill=\"url(#%s-q)\"", id)
	}
	d.f("<rect class=\"b\"%s x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"%d\"/>", fill, b.x0, mid-h/2, w, h, min(3, w/2))
	switch {
	case b.look == lookFail:
		d.f("<path class=\"x\" d=\"M%d %dl6 6m0 -6l-6 6\"/>", b.x1-min(w/2, 8)-3, mid-3)
	case b.look == lookDoubt && w >= 12:
		d.f("<text class=\"q\" x=\"%d\" y=\"%d\">?</text>", (b.x0+b.x1)/2, mid+4)
	case b.look == lookNo && w >= 8:
		d.f("<path class=\"x\" d=\"M%d %dl6 6m0 -6l-6 6\"/>", b.x1-3, mid-3)
	}
	d.f("</g>\n")
}

// mark draws a moment, with its text when there is room before the next one.
func (d *drawing) mark(m mark, mid, next int) {
	d.f("<g class=\"p %s\"><title>%s</title>", m.look, markup(Cut(m.words, 4*maxLine)))
	d.f("%s", sign(m.look, m.x, mid))
	if m.n > 1 {
		d.f("<text class=\"n\" x=\"%d\" y=\"%d\">%d</text>", m.x+7, mid-3, m.n)
	} else if text := fits(m.text, 18); text != "" && m.x+10+7*len([]rune(text)) < next-6 {
		d.f("<text class=\"pt\" x=\"%d\" y=\"%d\">%s</text>", m.x+9, mid+4, markup(text))
	}
	d.f("</g>\n")
}

// sign is the shape of a mark.
func sign(k look, x, y int) string {
	switch k {
	case lookYes:
		return fmt.Sprintf("<circle class=\"o\" cx=\"%d\" cy=\"%d\" r=\"6\"/><path class=\"i\" d=\"M%d %dl2.4 2.6l4.2 -5\"/>", x, y, x-3, y)
	case lookNo:
		return fmt.Sprintf("<circle class=\"o\" cx=\"%d\" cy=\"%d\" r=\"6\"/><path class=\"i\" d=\"M%d %dl5 5m0 -5l-5 5\"/>", x, y, x-2, y-2)
	case lookNote:
		return fmt.Sprintf("<path class=\"o\" d=\"M%d %dh10v7h-5l-3 3v-3h-2z\"/>", x-5, y-5)
	case lookGlass:
		return fmt.Sprintf("<path class=\"o\" d=\"M%d %dl8 14h-16z\"/><path class=\"i\" d=\"M%d %dv4m0 2.6v.4\"/>", x, y-8, x, y-3)
	case lookGone:
		return fmt.Sprintf("<path class=\"i\" d=\"M%d %dh10\"/>", x-5, y)
	case lookTold:
		return fmt.Sprintf("<path class=\"o\" d=\"M%d %dh12v8l-6 5l-6 -5z\"/>", x-6, y-7)
	}
	return fmt.Sprintf("<path class=\"o\" d=\"M%d %dl5 5l-5 5l-5 -5z\"/>", x, y-5)
}

// legend explains the looks that the drawing has, and no others.
func (d *drawing) legend(top int) (string, int) {
	have := map[look]bool{}
	marks := map[look]bool{}
	for _, l := range d.panels(0)[0].lanes {
		for _, b := range l.bars {
			have[b.look] = true
		}
		for k := range l.covered {
			have[k] = true
		}
		for _, m := range l.marks {
			marks[m.look] = true
		}
	}
	type entry struct {
		look look
		mark bool
		text string
	}
	var list []entry
	for _, e := range []entry{
		{lookAsk, false, "people are asked"}, {lookRead, false, "attempt: reads"}, {lookRev, false, "attempt: reversible"}, {lookDes, false, "attempt: destructive"},
		{lookFail, false, "attempt: failed"}, {lookDoubt, false, "in doubt"}, {lookHeld, false, "waits for a decision"}, {lookProof, false, "reading back: proven"},
		{lookNo, false, "reading back: not proven"}, {lookHand, false, "by hand"}, {lookWait, false, "time passes"},
		{lookYes, true, "approved"}, {lookNo, true, "denied, refused, failed"}, {lookNote, true, "note"}, {lookDid, true, "did something"}, {lookGone, true, "skipped, cancelled, request refused"}, {lookTold, true, "inject"}, {lookGlass, true, "went on without its quorum"},
	} {
		if e.mark && marks[e.look] || !e.mark && have[e.look] {
			list = append(list, e)
		}
	}
	var b strings.Builder
	keep := d.Writer
	x, lines := laneMargin, 1
	put := func(width int) (int, int) {
		if x+width > laneWidth-laneMargin && x > laneMargin {
			x, lines = laneMargin, lines+1
		}
		at := x
		x += width
		return at, top + (lines-1)*legendLine + 12
	}
	for _, e := range list {
		at, y := put(34 + 7*len(e.text) + 14)
		if e.mark {
			fmt.Fprintf(&b, "<g class=\"p %s\">%s<text class=\"lt\" x=\"%d\" y=\"%d\">%s</text></g>\n", e.look, sign(e.look, at+12, y), at+26, y+4, e.text)
			continue
		}
		h := 12
		switch e.look {
		case lookProof, lookNo:
			h = 6
		case lookHeld:
			h = 4
		}
		fill := ""
		if e.look == lookDoubt {
			fill = fmt.Sprintf(" fill=\"url(#%s%d-q)\"", d.id, d.n)
		}
		fmt.Fprintf(&b, "<g class=\"%s\"><rect class=\"b\"%s x=\"%d\" y=\"%d\" width=\"22\" height=\"%d\" rx=\"3\"/><text class=\"lt\" x=\"%d\" y=\"%d\">%s</text></g>\n", e.look, fill, at, y-h/2, h, at+29, y+4, e.text)
	}
	if len(d.silences) > 0 {
		at, y := put(170)
		fmt.Fprintf(&b, "<g><rect class=\"sil\" x=\"%d\" y=\"%d\" width=\"22\" height=\"14\"/><rect fill=\"url(#%s%d-h)\" x=\"%d\" y=\"%d\" width=\"22\" height=\"14\"/><text class=\"lt\" x=\"%d\" y=\"%d\">silence</text></g>\n", at, y-7, d.id, d.n, at, y-7, at+29, y+4)
	}
	for _, p := range d.parts {
		if p.cut {
			at, y := put(190)
			fmt.Fprintf(&b, "<path class=\"brk\" d=\"%s\"/><text class=\"lt\" x=\"%d\" y=\"%d\">time is cut short here</text>\n", zigzag(at+11, y-8, y+8), at+29, y+4)
			break
		}
	}
	d.Writer = keep
	return b.String(), lines
}
