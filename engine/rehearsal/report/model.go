package report

import "strings"

// document is a report before it is written down: the same for every form, so
// that a page and a text cannot say different things.
type document struct {
	Banner   string // on every page of an exercise
	Kicker   string // above the title
	Title    string
	Sub      string
	Verdict  *badge
	Why      []string // of the verdict, the worst first
	Pairs    []pair
	Sections []section
}

type section struct {
	N      int // from 1; 0: not counted
	ID     string
	Title  string
	Break  bool // begins a page
	Blocks []block
}

// block is one part of a section; Kind says which of the fields is meant.
type block struct {
	Kind    string
	Title   string // a small heading above it, or the caption of a table
	Text    string
	Items   []item
	Table   *table
	Figures []figure
	Pairs   []pair
	Badge   *badge
	Bars    *bars
	Picture picture
}

// The kinds of blocks.
const (
	kindText    = "text"    // a paragraph
	kindQuote   = "quote"   // somebody's words, with line breaks
	kindHead    = "head"    // a heading within the section, with a badge
	kindList    = "list"    // Items
	kindTable   = "table"   // Table
	kindFigures = "figures" // Figures, large
	kindPairs   = "pairs"   // Pairs
	kindBars    = "bars"    // Bars, drawn
	kindPicture = "picture" // a drawing that is brought along
	kindSign    = "sign"    // lines to sign on
)

type item struct {
	Mark string // "+" a strength, "-" something to improve, "" neither
	Text string
}

type pair struct {
	Name string
	cell
}

type figure struct {
	Name  string
	Value string
	Note  string
	Tone  string
}

type badge struct {
	Text string
	Tone string
}

type table struct {
	Heads []head
	Rows  [][]cell
	Empty string // is said in place of a table without rows
}

type head struct {
	Text string
	Num  bool // right-aligned
	Wide bool // takes the room that is left
	Line bool // on one line
}

type cell struct {
	Text string
	Sub  string // below, smaller
	Tone string
	Code bool
}

// The tones. Each is shown by more than its color: by the word itself.
const (
	toneGood = "good"
	toneWarn = "warn"
	toneBad  = "bad"
	toneMute = "mute"
	toneDim  = "dim" // a dash, a remark
)

// heads makes the heads of a table: "#" before a name for numbers, "*" for the
// column that takes the room, "!" for one that stays on one line.
func heads(names ...string) []head {
	var list []head
	for _, n := range names {
		h := head{Text: n}
		for ; strings.ContainsRune("#*!", rune(h.Text[0])); h.Text = h.Text[1:] {
			switch h.Text[0] {
			case '#':
				h.Num = true
			case '*':
				h.Wide = true
			case '!':
				h.Line = true
			}
		}
		list = append(list, h)
	}
	return list
}

func text(s string) cell          { return cell{Text: s} }
func code(s string) cell          { return cell{Text: s, Code: true} }
func toned(s, tone string) cell   { return cell{Text: s, Tone: tone} }
func with(s, sub string) cell     { return cell{Text: s, Sub: sub} }
func para(s string) block         { return block{Kind: kindText, Text: s} }
func quote(s string) block        { return block{Kind: kindQuote, Text: s} }
func list(items ...item) block    { return block{Kind: kindList, Items: items} }
func pairs(list ...pair) block    { return block{Kind: kindPairs, Pairs: list} }
func named(n string, c cell) pair { return pair{n, c} }

func tableOf(title, empty string, heads []head, rows [][]cell) block {
	return block{Kind: kindTable, Title: title, Table: &table{heads, rows, empty}}
}
