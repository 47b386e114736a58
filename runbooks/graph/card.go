package graph

import (
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// Sizes of a card, in pixels.
const (
	cardWidth  = 264
	padding    = 14
	stackShift = 5 // of each card behind a card that is done for many items
	stackCards = 2
	pillHeight = 30
	framePad   = 22
	iconSize   = 14
)

func titleFont() font { return font{size: 14, bold: true} }
func codeFont() font  { return font{size: 11, mono: true} }
func textFont() font  { return font{size: 12} }
func wordFont() font  { return font{size: 10, bold: true} }

// card is a node with its text broken into lines.
type card struct {
	node  *Node
	w, h  int // the whole box, with the stack and the inside of a frame
	face  int // height of the card itself; of a frame, of its head
	lines []line
	icons []icon
	rule  int // y of the line between head and marks; 0: none
	inner *drawing
	innX  int
	innY  int
}

// line is a piece of text at a place inside its card; y is its base.
type line struct {
	x, y  int
	class string
	text  string
}

// icon is a sign at a place inside its card.
type icon struct {
	x, y  int
	class string
	path  string
}

// newCard measures a node.
func (d *drafter) newCard(n *Node) *card {
	c := &card{node: n}
	if n.Kind == Start || n.Kind == End {
		text := d.ruler.wrap(visible(n.Title), textFont(), 220, 1)[0]
		c.w, c.h, c.face = d.ruler.width(text, textFont())+36, pillHeight, pillHeight
		c.lines = []line{{c.w / 2, pillHeight/2 + 4, "p", text}}
		return c
	}
	c.w = cardWidth
	if n.Inside != nil {
		c.inner = d.draft(n.Inside)
		c.w = max(c.w, c.inner.w+2*framePad)
	}
	d.fill(c)
	c.h = c.face
	if c.inner != nil {
		c.innX, c.innY = (c.w-c.inner.w)/2, c.face+6
		c.h = c.innY + c.inner.h + framePad
	}
	if n.Many {
		c.w += stackCards * stackShift
		c.h += stackCards * stackShift
	}
	return c
}

// fill writes the head and the marks.
func (d *drafter) fill(c *card) {
	n, room, x := c.node, c.w-2*padding-4, padding+4
	y := 24
	c.icons = append(c.icons, icon{x, y - 12, "i k", kindIcon(n)})
	c.lines = append(c.lines, line{x + iconSize + 7, y, "w k", strings.ToUpper(n.word())})
	y += 4
	put := func(text, class string, f font, left, most, step int) {
		for _, l := range d.ruler.wrap(text, f, room-(left-x), most) {
			y += step
			c.lines = append(c.lines, line{left, y, class, l})
		}
	}
	put(visible(n.Title), "t", titleFont(), x, 3, 18)
	y += 1
	if visible(n.Title) != n.ID {
		put(visible(n.ID), "c b", codeFont(), x, 2, 15)
	}
	if n.Does != "" {
		put(visible(n.Does), "c m", codeFont(), x, 2, 15)
	}
	if len(n.Marks) > 0 {
		y += 11
		c.rule = y
		y += 4
	}
	for _, m := range n.Marks {
		top := y
		left := x + iconSize + 7
		put(visible(m.Text), "s", textFont(), left, 3, 16)
		if m.Code != "" {
			put(visible(m.Code), "c", codeFont(), left, 4, 15)
		}
		c.icons = append(c.icons, icon{x, top + 5, "i " + string(m.Sign), signIcon(m.Sign)})
		y += 2
	}
	c.face = y + 13
}

// kindIcon tells what a step is without words or color.
func kindIcon(n *Node) string {
	switch {
	case n.Kind == Manual:
		return iconPerson
	case n.Kind == Wait:
		return iconClock
	case n.Kind == Runbook:
		return iconBook
	case n.Tells:
		return iconSpeech
	case n.Effect == actions.Destructive:
		return iconDanger
	case n.Effect == actions.Reversible:
		return iconLoop
	}
	return iconEye
}

func signIcon(s Sign) string {
	switch s {
	case SignEach:
		return iconStack
	case SignIf:
		return iconDiamond
	case SignApproval:
		return iconLock
	case SignEvidence:
		return iconGlass
	case SignAnswer:
		return iconPerson
	case SignVerify:
		return iconCheck
	case SignUndo:
		return iconBack
	case SignUnasked:
		return iconOpen
	case SignNoUndo, SignUnproved:
		return iconNo
	case SignContains:
		return iconHourglass
	case SignRetry:
		return iconAgain
	case SignOnFailure:
		return iconFlag
	}
	return iconClock
}

// The icons are lines on a square of 14.
const (
	iconEye       = "M1 7C3 3.6 5 2.6 7 2.6S11 3.6 13 7C11 10.4 9 11.4 7 11.4S3 10.4 1 7ZM7 5.2A1.8 1.8 0 1 1 7 8.8A1.8 1.8 0 1 1 7 5.2Z"
	iconLoop      = "M2.7 5.2A4.9 4.9 0 1 1 2.2 8.6M2.5 1.8V5.4H6.1"
	iconDanger    = "M7 1.4L13.2 12.6H0.8ZM7 5.4V8.6M7 10.5V10.7"
	iconPerson    = "M7 1.2A2.7 2.7 0 1 1 7 6.6A2.7 2.7 0 1 1 7 1.2ZM1.8 13C2 9.6 4 8.4 7 8.4S12 9.6 12.2 13"
	iconClock     = "M7 1.2A5.8 5.8 0 1 1 7 12.8A5.8 5.8 0 1 1 7 1.2ZM7 3.8V7L9.4 8.6"
	iconBook      = "M2 1.5H12V12.5H2ZM4.6 1.5V12.5M7 4.6H10M7 7.2H10"
	iconSpeech    = "M1.4 2H12.6V9.4H7.2L4 12.4V9.4H1.4Z"
	iconLock      = "M2.6 6.4H11.4V12.6H2.6ZM4.5 6.4V4.2A2.5 2.5 0 0 1 9.5 4.2V6.4"
	iconOpen      = "M2.6 6.4H11.4V12.6H2.6ZM4.5 6.4V3.6A2.5 2.5 0 0 1 9.3 2.6"
	iconDiamond   = "M7 1L13 7L7 13L1 7ZM5.6 5.7C5.6 4.2 8.4 4.2 8.4 5.8C8.4 6.9 7 6.8 7 8M7 9.6V9.8"
	iconGlass     = "M6 1.4A4.4 4.4 0 1 1 6 10.2A4.4 4.4 0 1 1 6 1.4ZM9.2 9L13 12.8"
	iconCheck     = "M7 1.2A5.8 5.8 0 1 1 7 12.8A5.8 5.8 0 1 1 7 1.2ZM4.2 7.2L6.3 9.3L10 5"
	iconBack      = "M5 1.8L1.8 5L5 8.2M1.8 5H9A3.6 3.6 0 0 1 9 12.2H4.4"
	iconNo        = "M7 1.2A5.8 5.8 0 1 1 7 12.8A5.8 5.8 0 1 1 7 1.2ZM2.9 2.9L11.1 11.1"
	iconHourglass = "M2.6 1.4H11.4M2.6 12.6H11.4M3.8 1.4C3.8 5.4 10.2 8.6 10.2 12.6M10.2 1.4C10.2 5.4 3.8 8.6 3.8 12.6"
	iconStack     = "M1.4 4.4H9.6V12.6H1.4ZM4.2 4.4V1.6H12.6V9.8H9.6"
	iconAgain     = "M11.6 5A5 5 0 0 0 2.4 5.4M2.4 9A5 5 0 0 0 11.6 8.6M12 2V5.2H8.8M2 12V8.8H5.2"
	iconFlag      = "M3 13.2V1.4H11.6L9.4 4.4L11.6 7.4H3"
)
