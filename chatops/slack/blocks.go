package slack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/chatops"
)

// Slack's limits, in characters, and our own below them. Slack refuses a whole
// message when one of them is passed, so they are kept by construction.
const (
	maxBlocks      = 50
	maxHeader      = 150
	maxSection     = 2900 // of 3000
	maxContext     = 1900 // of 2000
	maxButtons     = 25   // in one row
	maxButtonText  = 75
	maxButtonValue = 2000
	maxConfirmText = 300
	maxFallback    = 3000
	maxCard        = 10_000 // of the JSON of all blocks; Slack gives up somewhere above 13,000
	maxCardButtons = 5_000  // of maxCard
)

// buttonPrefix begins the action_id of every button that is ours; the verb and
// a number that makes it unique follow.
const buttonPrefix = "fb:"

// Blocks draws a message: the blocks, and the text that notifications, screen
// readers and old clients show instead. Whatever the message holds, the result
// keeps Slack's limits; what is cut is seen to be cut. Text stands only in
// plain_text and rich_text, where Slack reads no mentions and no links.
func Blocks(m chatops.Message) (blocks []slack.Block, fallback string) {
	return draw(m, maxBlocks, maxCard), fallbackText(m)
}

func draw(m chatops.Message, most, budget int) []slack.Block {
	all := pieces(m)
	var fixed int // what the buttons take; they are kept whatever happens to the text
	for _, p := range all {
		if p.kind == pieceButtons {
			fixed += size(p.block())
			most--
		}
	}
	left := budget - fixed - 200 // for the note about what is not shown
	var blocks []slack.Block
	cutOff := false
	for _, p := range all {
		if p.kind == pieceButtons {
			blocks = append(blocks, p.block())
			continue
		}
		if cutOff || most == 1 {
			cutOff = true
			continue
		}
		fitted, whole := p.fit(left)
		cutOff = !whole
		if fitted != nil {
			left -= size(fitted)
			most--
			blocks = append(blocks, fitted)
		}
	}
	if cutOff {
		blocks = append(blocks, piece{kind: pieceNote, runs: []run{{text: "… the rest does not fit in Slack; a terminal shows all of it"}}}.block())
	}
	if len(blocks) == 0 {
		blocks = append(blocks, piece{kind: pieceText, runs: []run{{text: "(nothing to show)"}}}.block())
	}
	return blocks
}

// piece is one block before it is one: still text that can be cut.
type piece struct {
	kind    pieceKind
	runs    []run
	buttons []slack.BlockElement
}

type run struct {
	text string
	bold bool
}

type pieceKind int

const (
	pieceHeader pieceKind = iota
	pieceText
	pieceRich
	pieceCode
	pieceNote
	pieceButtons
)

func pieces(m chatops.Message) []piece {
	var all []piece
	if title := line(m.Title, maxHeader-3); title != "" {
		all = append(all, piece{kind: pieceHeader, runs: []run{{text: toneMark(m.Tone) + title}}})
	}
	row, taken := 0, 0
	for _, part := range m.Parts {
		switch {
		case part.Text != "":
			for _, s := range chunks(visible(part.Text), maxSection) {
				all = append(all, piece{kind: pieceText, runs: []run{{text: s}}})
			}
		case len(part.Fields) > 0:
			all = append(all, fieldPieces(part.Fields)...)
		case len(part.Lines) > 0:
			for _, s := range chunks(joinLines(part.Lines), maxSection) {
				all = append(all, piece{kind: pieceRich, runs: []run{{text: s}}})
			}
		case part.Code != "":
			for _, s := range chunks(visible(part.Code), maxSection) {
				all = append(all, piece{kind: pieceCode, runs: []run{{text: s}}})
			}
		case part.Note != "":
			all = append(all, piece{kind: pieceNote, runs: []run{{text: cut(visible(part.Note), maxContext)}}})
		case len(part.Buttons) > 0:
			all = append(all, buttonPieces(part.Buttons, &row, &taken)...)
		}
	}
	return slices.DeleteFunc(all, func(p piece) bool {
		return p.kind != pieceButtons && strings.TrimSpace(p.text()) == ""
	})
}

func fieldPieces(fields []chatops.Field) []piece {
	var all []piece
	now := piece{kind: pieceRich}
	n := 0
	for _, f := range fields {
		label, value := line(f.Label, 150), cut(visible(f.Value), 2000)
		if n > 0 && n+runes(label)+runes(value) > maxSection {
			all, now, n = append(all, now), piece{kind: pieceRich}, 0
		}
		if n > 0 {
			now.runs[len(now.runs)-1].text += "\n"
		}
		if label != "" {
			now.runs = append(now.runs, run{label + ": ", true})
		}
		if value == "" {
			value = "–"
		}
		now.runs = append(now.runs, run{value, false})
		n += runes(label) + runes(value) + 3
	}
	return append(all, now)
}

func joinLines(lines []chatops.Line) string {
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.Repeat("    ", min(max(l.Depth, 0), 6)))
		if mark := line(l.Mark, 8); mark != "" {
			b.WriteString(mark + " ")
		}
		b.WriteString(strings.ReplaceAll(cut(visible(l.Text), 1000), "\n", "\n    "))
	}
	return b.String()
}

// buttonPieces makes rows of buttons until the room for buttons is full; row
// numbers the buttons of a message, taken counts their characters.
func buttonPieces(buttons []chatops.Button, row, taken *int) []piece {
	var all []piece
	missing := 0
	for chunk := range slices.Chunk(buttons, maxButtons) {
		p := piece{kind: pieceButtons}
		for _, b := range chunk {
			e := button(b, *row)
			n := size(slack.NewActionBlock("", e))
			if *taken+n > maxCardButtons || len(b.Value) > maxButtonValue || b.Verb == "" {
				missing++
				continue
			}
			*row++
			*taken += n
			p.buttons = append(p.buttons, e)
		}
		if len(p.buttons) > 0 {
			all = append(all, p)
		}
	}
	if missing > 0 {
		all = append(all, piece{kind: pieceNote, runs: []run{{text: fmt.Sprintf("… %d more buttons do not fit; type the words instead", missing)}}})
	}
	return all
}

func button(b chatops.Button, n int) *slack.ButtonBlockElement {
	label := line(b.Label, maxButtonText)
	if label == "" {
		label = line(b.Verb, maxButtonText)
	}
	e := &slack.ButtonBlockElement{
		Type:     slack.METButton,
		Text:     plain(label),
		ActionID: buttonPrefix + cut(b.Verb, 200) + ":" + strconv.Itoa(n),
		Value:    b.Value,
	}
	switch b.Tone {
	case chatops.Good:
		e.Style = slack.StylePrimary
	case chatops.Danger:
		e.Style = slack.StyleDanger
	}
	if sentence := line(b.Confirm, maxConfirmText); sentence != "" {
		e.Confirm = &slack.ConfirmationBlockObject{
			Title: plain(cut(label, 75)), Text: plain(sentence),
			Confirm: plain(cut(label, 30)), Deny: plain("Cancel"),
		}
	}
	return e
}

func (p piece) text() string {
	var b strings.Builder
	for _, r := range p.runs {
		b.WriteString(r.text)
	}
	return b.String()
}

func (p piece) block() slack.Block {
	switch p.kind {
	case pieceHeader:
		return slack.NewHeaderBlock(plain(p.text()))
	case pieceText:
		return slack.NewSectionBlock(plain(p.text()), nil, nil)
	case pieceNote:
		return slack.NewContextBlock("", plain(p.text()))
	case pieceButtons:
		return slack.NewActionBlock("", p.buttons...)
	}
	var parts []slack.RichTextSectionElement
	for _, r := range p.runs {
		if r.text == "" {
			continue
		}
		e := slack.NewRichTextSectionTextElement(r.text, nil)
		if r.bold {
			e.Style = &slack.RichTextSectionTextStyle{Bold: true}
		}
		parts = append(parts, e)
	}
	if p.kind == pieceCode {
		return slack.NewRichTextBlock("", &slack.RichTextPreformatted{Type: slack.RTEPreformatted, Elements: parts})
	}
	return slack.NewRichTextBlock("", slack.NewRichTextSection(parts...))
}

// fit gives the block, cut to at most n characters of JSON, and whether all of
// it is there; nil when not even a part worth reading fits.
func (p piece) fit(n int) (b slack.Block, whole bool) {
	b = p.block()
	if size(b) <= n {
		return b, true
	}
	for keep := runes(p.text()); keep > 200; keep -= max(100, keep/8) {
		if b := p.keep(keep).block(); size(b) <= n {
			return b, false
		}
	}
	return nil, false
}

// keep cuts the runs to n characters together.
func (p piece) keep(n int) piece {
	out := piece{kind: p.kind}
	for _, r := range p.runs {
		if n <= 0 {
			break
		}
		r.text = cut(r.text, n)
		n -= runes(r.text)
		out.runs = append(out.runs, r)
	}
	return out
}

// chunks splits text into parts of at most n characters, at line breaks where
// there are any.
func chunks(s string, n int) []string {
	var parts []string
	for runes(s) > n {
		end, seen, brk := 0, 0, -1
		for i, r := range s {
			if seen == n {
				end = i
				break
			}
			if r == '\n' {
				brk = i
			}
			seen++
		}
		if brk > 0 {
			parts, s = append(parts, s[:brk]), s[brk+1:]
			continue
		}
		parts, s = append(parts, s[:end]), s[end:]
	}
	return append(parts, s)
}

func plain(s string) *slack.TextBlockObject {
	off := false
	return &slack.TextBlockObject{Type: slack.PlainTextType, Text: s, Emoji: &off}
}

func toneMark(t chatops.Tone) string {
	switch t {
	case chatops.Good:
		return "✅ "
	case chatops.Warn:
		return "⚠️ "
	case chatops.Danger:
		return "🛑 "
	}
	return ""
}

// size is the length of a block's JSON in characters.
func size(b slack.Block) int {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(b); err != nil {
		panic("slack: a block that cannot be written: " + err.Error())
	}
	return runes(buf.String())
}

// fallbackText is the message as plain lines, inert in Slack's markup.
func fallbackText(m chatops.Message) string {
	var out []string
	if title := line(m.Title, maxHeader); title != "" {
		out = append(out, toneMark(m.Tone)+title)
	}
	for _, p := range m.Parts {
		switch {
		case p.Text != "":
			out = append(out, visible(p.Text))
		case len(p.Fields) > 0:
			for _, f := range p.Fields {
				out = append(out, line(f.Label, 150)+": "+visible(f.Value))
			}
		case len(p.Lines) > 0:
			out = append(out, joinLines(p.Lines))
		case p.Code != "":
			out = append(out, visible(p.Code))
		case p.Note != "":
			out = append(out, visible(p.Note))
		}
	}
	text := strings.TrimSpace(strings.Join(out, "\n"))
	if text == "" {
		text = "(nothing to show)"
	}
	// Escaping makes text longer, and a cut must not fall into an escape.
	for n := maxFallback; ; n -= max(100, n/8) {
		if s := escape(cut(text, n)); runes(s) <= maxFallback {
			return s
		}
	}
}
