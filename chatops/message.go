package chatops

import (
	"slices"

	"github.com/firebreak-ir/firebreak/engine"
)

// Message is what a person is shown, without any chat's own format in it. All
// text is plain text: an adapter escapes it for its chat. Mentions and links
// exist only as their own fields.
type Message struct {
	Title  string // one line; may be empty
	Tone   Tone
	Public bool // everybody in the incident's channel sees it; else only who asked
	Parts  []Part
	Form   *Form // ask for more before anything is done; then the rest is only a fallback text
	Sign   *Sign // ask a terminal for a signature before anything is done
	Files  []File
	Seq    int64 // journal place of the change this answers; -1: nothing was changed
	Failed bool  // the request was not followed; a terminal exits with 1
	Usage  bool  // the words were not understood; a terminal exits with 2

	Incident string      // the incident it is about; empty: none
	Code     engine.Code // why the request was not followed; empty: it was, or nobody knows
	Notify   []string    // whose attention is wanted: "group:security-leads", "person:alice"
}

// Tone is the color of a message.
type Tone string

// The tones.
const (
	Neutral Tone = ""
	Good    Tone = "good"
	Warn    Tone = "warn"
	Danger  Tone = "danger"
)

// Part is one block of a message. Exactly one of its fields is set.
type Part struct {
	Text    string   // a paragraph
	Fields  []Field  // label and value pairs, in order
	Lines   []Line   // a list, one line each
	Code    string   // fixed width, kept as it is
	Note    string   // small print
	Buttons []Button // in one row
}

// WithoutButtons is the parts that are to be read and not clicked.
func WithoutButtons(parts []Part) []Part {
	return slices.DeleteFunc(slices.Clone(parts), func(p Part) bool { return len(p.Buttons) > 0 })
}

// Field is a labelled value.
type Field struct{ Label, Value string }

// Line is one line of a list, with a mark in front ("✓", "…", "✗").
type Line struct {
	Mark, Text string
	Depth      int // how far it is set in: 1 stands below the line before it
}

// Button is something to click. Verb says what it does; Value is an opaque
// reference of at most 200 bytes, from which everything else is looked up.
type Button struct {
	Verb    string // "approve", "deny", "done", "retry", "skip", "extend", "keep", "undo", "justified", "unjustified"
	Value   string
	Label   string
	Tone    Tone
	Confirm string // a sentence to agree to first; empty: none
}

// Form asks a person for values.
type Form struct {
	ID     string // which form, the verb it is for: "declare", "run", "plan", "deny", "done", "skip", "cancel", "undo", "extend", "keep", "justified", "unjustified"
	State  string // opaque, comes back with the answer
	Title  string // at most 24 characters
	Submit string // label of the button
	Fields []FormField
}

// FormField is one value asked for.
type FormField struct {
	ID       string
	Label    string
	Hint     string
	Value    string   // what stands there at first
	Options  []string // choose one of these; empty: free text
	Long     bool     // several lines
	Optional bool
}

// File is something to hand out with a message.
type File struct {
	Name string
	Data []byte
}
