package graph

import (
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// style is the whole style sheet. Every rule is below .fb, so that a page which
// holds the drawing keeps its own looks. Paper is white.
const style = `
.fb{--bg:#fff;--fg:#1b1f24;--mut:#59636e;--line:#d0d7de;--edge:#6e7781;--card:#fff;
--read:#0b5cad;--readbg:#f3f8fd;--rev:#8a5a00;--revbg:#fffaeb;--des:#b3261e;--desbg:#fdf0ef;
--per:#6639ba;--perbg:#f8f5fe;--wait:#57606a;--waitbg:#f6f8fa;--tell:#1a6f3c;--tellbg:#f1f9f4;--run:#3d4650;--runbg:#fafbfc;
font-family:-apple-system,BlinkMacSystemFont,"Segoe UI","Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif;font-size:12px}
@media screen and (prefers-color-scheme:dark){.fb{--bg:#0d1117;--fg:#e6edf3;--mut:#9ba5b0;--line:#3b434d;--edge:#8b949e;--card:#161b22;
--read:#79b8ff;--readbg:#111d2c;--rev:#e3b341;--revbg:#241d0e;--des:#ff8f87;--desbg:#2c1414;
--per:#c4a7ff;--perbg:#1d1730;--wait:#a5afba;--waitbg:#171c23;--tell:#7ee2a8;--tellbg:#10211a;--run:#c3ccd6;--runbg:#12171d}}
.fb .bg{fill:var(--bg)}
.fb text{fill:var(--fg);white-space:pre}
.fb .h{font-size:22px;font-weight:700}
.fb .t{font-size:14px;font-weight:700}
.fb .c{font-size:11px;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
.fb .m{fill:var(--mut)}
.fb .b{font-weight:600}
.fb .p{text-anchor:middle;font-weight:600}
.fb .w{font-size:10px;font-weight:700;letter-spacing:.08em}
.fb .e{fill:none;stroke:var(--edge);stroke-width:1.5}
.fb .a{fill:var(--edge)}
.fb .r{fill:none;stroke:var(--line)}
.fb .i{fill:none;stroke:var(--mut);stroke-width:1.3;stroke-linejoin:round;stroke-linecap:round}
.fb .n .o{fill:var(--f);stroke:var(--k);stroke-width:1.5}
.fb .n .o2{fill:none;stroke:var(--k);stroke-width:1}
.fb .n .k{stroke:var(--k)}
.fb .n text.k{fill:var(--k);stroke:none}
.fb .n .if,.fb .n .approval,.fb .n .evidence,.fb .n .contains,.fb .n .no_undo,.fb .n .unasked,.fb .n .unproved{stroke:var(--fg);stroke-width:1.6}
.fb .n.read{--k:var(--read);--f:var(--readbg)}
.fb .n.reversible{--k:var(--rev);--f:var(--revbg)}
.fb .n.destructive{--k:var(--des);--f:var(--desbg)}
.fb .n.destructive>.o{stroke-width:3}
.fb .n.manual{--k:var(--per);--f:var(--perbg)}
.fb .n.wait{--k:var(--wait);--f:var(--waitbg)}
.fb .n.wait>.o{stroke-dasharray:5 3}
.fb .n.tells{--k:var(--tell);--f:var(--tellbg)}
.fb .n.runbook{--k:var(--run);--f:var(--runbg)}
.fb .n.start,.fb .n.end{--k:var(--edge);--f:var(--card)}
.fb .n.end>.o{stroke-width:3}
.fb .hb{fill:var(--desbg)}
.fb .hs{fill:var(--des)}
.fb .lane{fill:none;stroke:var(--edge);stroke-width:1.5;stroke-dasharray:8 5}
@media print{.fb .n .o,.fb .hs,.fb .hb{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`

// heading is the top of the page.
type heading struct {
	h     int
	lines []line
}

func (s *svg) measureHead(g *Graph, width int) heading {
	var out heading
	y := margin
	room := width - 2*margin
	for _, l := range s.ruler.wrap(visible(g.Title), font{size: 22, bold: true}, room, 2) {
		y += 20
		out.lines = append(out.lines, line{margin, y, "h", l})
		y += 8
	}
	for _, l := range s.ruler.wrap(visible(join("   ", g.ID, cut(g.Digest, 13))), codeFont(), room, 2) {
		y += 14
		out.lines = append(out.lines, line{margin, y, "c m", l})
	}
	budget, where := "", "every environment"
	if g.Budget != "" {
		budget = "contained in " + g.Budget
	}
	if len(g.Environment) > 0 {
		where = "only in " + strings.Join(g.Environment, ", ")
	}
	for _, l := range s.ruler.wrap(visible(join(" · ", g.Owner, budget, where)), textFont(), room, 2) {
		y += 17
		out.lines = append(out.lines, line{margin, y, "m", l})
	}
	out.h = y + 4
	return out
}

func (s *svg) head(h heading) {
	for _, l := range h.lines {
		s.f("<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>\n", l.class, l.x, l.y, escape(l.text))
	}
}

// legend explains the looks and signs that this graph has, and no others.
func (s *svg) legend(g *Graph, width int) (string, int) {
	looks, signs := map[string]*Node{}, map[Sign]bool{}
	many := false
	for _, f := range []*Flow{g.Main, g.Cancel} {
		if f == nil {
			continue
		}
		for n := range f.All() {
			looks[look(n)] = n
			many = many || n.Many
			for _, m := range n.Marks {
				signs[m.Sign] = true
			}
		}
	}
	type entry struct{ class, icon, path, text string }
	var entries []entry
	for _, k := range []struct{ look, path, text string }{
		{string(actions.Read), iconEye, "reads only"},
		{string(actions.Reversible), iconLoop, "reversible: changes, two borders"},
		{string(actions.Destructive), iconDanger, "destructive: cut corners, stripes"},
		{"tells", iconSpeech, "only tells people"},
		{string(Manual), iconPerson, "a person does it"},
		{string(Wait), iconClock, "time passes"},
		{string(Runbook), iconBook, "another runbook, with its steps"},
	} {
		if looks[k.look] != nil {
			entries = append(entries, entry{"n " + k.look, "i k", k.path, k.text})
		}
	}
	for _, k := range []struct {
		sign Sign
		text string
	}{
		{SignEach, "for each item of a list"}, {SignIf, "condition"}, {SignApproval, "people have to say yes"}, {SignUnasked, "changes something with nobody asked"}, {SignEvidence, "collects evidence"},
		{SignVerify, "the effect is proved"}, {SignUndo, "can be taken back"}, {SignNoUndo, "cannot be taken back"}, {SignUnproved, "nothing proves the effect"},
		{SignContains, "is meant to end"}, {SignRetry, "is tried again"}, {SignOnFailure, "what follows when it fails, is refused or cancelled"},
	} {
		if signs[k.sign] {
			entries = append(entries, entry{"n", "i " + string(k.sign), signIcon(k.sign), k.text})
		}
	}
	if len(entries) == 0 {
		return "", 0
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<path class=\"r\" d=\"M%d 0H%d\"/>\n", margin, width-margin)
	x, y := margin, 16
	for _, e := range entries {
		w := iconSize + 7 + s.ruler.width(e.text, textFont()) + 22
		if x+w > width-margin && x > margin {
			x, y = margin, y+24
		}
		fmt.Fprintf(&b, "<g class=\"%s\" transform=\"translate(%d %d)\"><path class=\"%s\" d=\"%s\"/><text x=\"%d\" y=\"11\">%s</text></g>\n", e.class, x, y, e.icon, e.path, iconSize+7, e.text)
		x += w
	}
	return b.String(), y + 16
}
