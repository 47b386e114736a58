package slack

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/chatops"
)

const (
	formCallback = "firebreak"
	fieldPrefix  = "f:" // begins the block_id of a field
	fieldAction  = "v"
	verbAgain    = "open-again"

	maxViewTitle   = 24
	maxPrivate     = 3000
	maxInput       = 3000
	maxLabel       = 150
	maxOptions     = 100
	maxOptionText  = 75
	maxOptionValue = 150
)

// formMeta travels with a form and comes back with the answer.
type formMeta struct {
	Form    string `json:"f"`
	State   string `json:"s,omitempty"`
	Channel string `json:"c,omitempty"`
}

// openedModal is the modal that was opened before it was known what to show.
type openedModal struct {
	view view
	err  error
}

// openEarly opens a modal that says to wait. It runs beside the lanes, because
// the trigger does not wait for the request before.
func (a *Adapter) openEarly(r *request) {
	send := func() {
		<-r.acked
		v, err := a.api.openView(a.ctx, r.trigger, waitView())
		r.opened <- openedModal{v, err}
	}
	if !a.modals.put("view:"+r.nonce, send) {
		r.opened <- openedModal{err: errFull}
	}
}

func waitView() slack.ModalViewRequest {
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: plain("One moment"), Close: plain("Close"), CallbackID: "firebreak-wait",
		Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewSectionBlock(plain("Looking up what this is about …"), nil, nil)}},
	}
}

// answer hands a message to the person who asked.
func (a *Adapter) answer(ctx context.Context, r *request, m chatops.Message) {
	var modal openedModal
	if r.opened != nil {
		modal = <-r.opened
	}
	early := r.opened != nil && modal.err == nil
	switch {
	case m.Form != nil:
		a.showForm(ctx, r, m, modal, early)
	case early:
		err := a.api.updateView(ctx, modal.view, messageView(m))
		if err != nil || m.Public {
			a.reply(r, m, a.publicPlace(ctx, m))
		}
	default:
		a.reply(r, m, a.publicPlace(ctx, m))
	}
	if len(m.Files) > 0 {
		a.handOut(ctx, r, m)
	}
}

func (a *Adapter) showForm(ctx context.Context, r *request, m chatops.Message, modal openedModal, early bool) {
	v, ok := formView(*m.Form, r.channel)
	if !ok {
		a.log.Error("a form is too large for Slack", "form", m.Form.ID)
		m.Parts = append(m.Parts, chatops.Part{Note: "This form is too large for Slack; use a terminal."})
		a.reply(r, m, "")
		return
	}
	var err error
	switch {
	case early:
		err = a.api.updateView(ctx, modal.view, v)
	case r.opened != nil:
		err = modal.err
	default:
		_, err = a.api.openView(ctx, r.trigger, v)
	}
	if err == nil || isCode(err, "not_found", "view_not_found") && early { // closed by the person meanwhile
		return
	}
	a.log.Info("a form could not be opened, a button to open it was offered", "form", m.Form.ID, "err", err)
	a.reply(r, r.offerAgain(), "")
}

// again is what the button that opens a form once more carries.
type again struct {
	Text  string `json:"t,omitempty"`
	Verb  string `json:"v,omitempty"`
	Value string `json:"x,omitempty"`
}

func unpackAgain(s string) (again, bool) {
	var g again
	err := json.Unmarshal([]byte(s), &g)
	return g, err == nil && (g.Verb != "" || g.Text != "")
}

// offerAgain says that the form did not open, with a button that tries again.
func (r *request) offerAgain() chatops.Message {
	m := chatops.Message{
		Title: "The form did not open", Tone: chatops.Warn,
		Parts: []chatops.Part{{Text: "Slack allows three seconds to open a form, and they were over. Nothing was done."}},
	}
	g := again{Verb: r.verb, Value: r.value}
	if r.kind == kindCommand {
		g = again{Text: r.text}
	}
	packed, err := json.Marshal(g)
	if err != nil || len(packed) > maxButtonValue || r.kind == kindAnswer {
		m.Parts = append(m.Parts, chatops.Part{Note: "Please send it once more."})
		return m
	}
	m.Parts = append(m.Parts, chatops.Part{Buttons: []chatops.Button{{Verb: verbAgain, Value: string(packed), Label: "Open the form", Tone: chatops.Good}}})
	return m
}

// messageView shows a message in a modal.
func messageView(m chatops.Message) slack.ModalViewRequest {
	m.Parts = slices.DeleteFunc(slices.Clone(m.Parts), func(p chatops.Part) bool { return len(p.Buttons) > 0 })
	title := "Done"
	if m.Failed || m.Usage {
		title = "Not done"
	}
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: plain(title), Close: plain("Close"), CallbackID: "firebreak-message",
		Blocks: slack.Blocks{BlockSet: draw(m, maxBlocks, maxCard)},
	}
}

// formView draws a form, and says whether Slack can take it.
func formView(f chatops.Form, channel string) (slack.ModalViewRequest, bool) {
	meta, err := json.Marshal(formMeta{f.ID, f.State, channel})
	if err != nil || len(meta) > maxPrivate || len(f.Fields) == 0 || len(f.Fields) > maxBlocks {
		return slack.ModalViewRequest{}, false
	}
	title, submit := line(f.Title, maxViewTitle), line(f.Submit, maxViewTitle)
	if title == "" {
		title = "firebreak"
	}
	if submit == "" {
		submit = "Send"
	}
	v := slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: formCallback, PrivateMetadata: string(meta),
		Title: plain(title), Submit: plain(submit), Close: plain("Cancel"),
	}
	for _, field := range f.Fields {
		v.Blocks.BlockSet = append(v.Blocks.BlockSet, inputBlock(field))
	}
	return v, true
}

func inputBlock(f chatops.FormField) *slack.InputBlock {
	label := line(f.Label, maxLabel)
	if label == "" {
		label = line(f.ID, maxLabel)
	}
	b := &slack.InputBlock{Type: slack.MBTInput, BlockID: fieldPrefix + f.ID, Label: plain(label), Optional: f.Optional}
	hint := f.Hint
	if selectable(f.Options) {
		b.Element = selectOf(f)
	} else {
		if len(f.Options) > 0 {
			hint = strings.TrimSpace(hint + " One of: " + strings.Join(f.Options, ", "))
		}
		b.Element = &slack.PlainTextInputBlockElement{
			Type: slack.METPlainTextInput, ActionID: fieldAction, Multiline: f.Long,
			InitialValue: cut(f.Value, maxInput), MaxLength: maxInput,
		}
	}
	if h := line(hint, 500); h != "" {
		b.Hint = plain(h)
	}
	return b
}

// selectable says whether a select can hold the options; if not, they are
// named in the hint and typed.
func selectable(options []string) bool {
	return len(options) > 0 && len(options) <= maxOptions && !slices.ContainsFunc(options, func(o string) bool {
		return o == "" || runes(o) > maxOptionText || len(o) > maxOptionValue || visible(o) != o
	})
}

func selectOf(f chatops.FormField) *slack.SelectBlockElement {
	e := &slack.SelectBlockElement{Type: slack.OptTypeStatic, ActionID: fieldAction}
	for _, o := range f.Options {
		option := slack.NewOptionBlockObject(o, plain(o), nil)
		e.Options = append(e.Options, option)
		if o == f.Value {
			e.InitialOption = option
		}
	}
	return e
}

// blanks finds the fields of an answer that must be filled in and are not:
// Slack itself lets a space through.
func (r *request) blanks() map[string]string {
	problems := map[string]string{}
	for _, b := range r.inputs() {
		id := strings.TrimPrefix(b.BlockID, fieldPrefix)
		if !b.Optional && strings.TrimSpace(r.values[id]) == "" {
			problems[id] = "Please fill this in."
		}
	}
	return problems
}

// inputs reads the fields of an answered form from the payload.
func (r *request) inputs() []*slack.InputBlock {
	var blocks slack.Blocks
	if r.kind != kindAnswer || len(r.view.blocks) == 0 || json.Unmarshal(r.view.blocks, &blocks) != nil {
		return nil
	}
	var inputs []*slack.InputBlock
	for _, b := range blocks.BlockSet {
		if in, ok := b.(*slack.InputBlock); ok && strings.HasPrefix(in.BlockID, fieldPrefix) {
			inputs = append(inputs, in)
		}
	}
	return inputs
}

func (r *request) firstField() string {
	if in := r.inputs(); len(in) > 0 {
		return strings.TrimPrefix(in[0].BlockID, fieldPrefix)
	}
	return ""
}

// fieldErrors is the acknowledgement that keeps a form open.
func fieldErrors(problems map[string]string) any {
	byBlock := map[string]string{}
	for id, text := range problems {
		byBlock[fieldPrefix+id] = line(text, 500)
	}
	return map[string]any{"response_action": "errors", "errors": byBlock}
}

// askAgain shows a form that was answered wrongly once more, with what was
// typed and what is wrong with it.
func (a *Adapter) askAgain(ctx context.Context, r *request, problems map[string]string) {
	lines := []chatops.Line{}
	for _, id := range slices.Sorted(maps.Keys(problems)) {
		label := id
		for _, in := range r.inputs() {
			if in.BlockID == fieldPrefix+id && in.Label != nil {
				label = in.Label.Text
			}
		}
		lines = append(lines, chatops.Line{Mark: "✗", Text: label + ": " + problems[id]})
	}
	m := chatops.Message{Title: "Nothing was done yet", Tone: chatops.Warn, Failed: true, Seq: -1, Parts: []chatops.Part{{Lines: lines}}}
	if v, ok := r.formAgain(m); ok {
		if _, err := a.api.openView(ctx, r.trigger, v); err == nil {
			return
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.values)) {
		if r.values[id] != "" {
			m.Parts = append(m.Parts, chatops.Part{Fields: []chatops.Field{{Label: "You wrote as " + id, Value: r.values[id]}}})
		}
	}
	a.reply(r, m, "")
}

func (r *request) formAgain(m chatops.Message) (slack.ModalViewRequest, bool) {
	inputs := r.inputs()
	meta, err := json.Marshal(r.form)
	if len(inputs) == 0 || err != nil || r.trigger == "" {
		return slack.ModalViewRequest{}, false
	}
	blocks := draw(m, maxBlocks, 3000)
	for _, in := range inputs {
		value := r.values[strings.TrimPrefix(in.BlockID, fieldPrefix)]
		switch e := in.Element.(type) {
		case *slack.PlainTextInputBlockElement:
			e.InitialValue = cut(value, maxInput)
		case *slack.SelectBlockElement:
			for _, o := range e.Options {
				if o.Value == value {
					e.InitialOption = o
				}
			}
		}
		blocks = append(blocks, in)
	}
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: formCallback, PrivateMetadata: string(meta),
		Title: plain(line(r.view.title, maxViewTitle)), Submit: plain(line(r.view.submit, maxViewTitle)), Close: plain("Cancel"),
		Blocks: slack.Blocks{BlockSet: blocks},
	}, true
}
