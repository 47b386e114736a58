package chatops

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/firebreak-ir/firebreak/engine"
)

// planned are the children of a loop that a question is, or was, about.
func (v asking) planned() []*engine.Step {
	if !looped(v.s) {
		return nil
	}
	open := v.a == nil || v.a.Appr == nil || v.a.Appr.State == engine.ApprovalOpen
	var list []*engine.Step
	for _, c := range v.s.Children() {
		if open && c.AskedForAll() || !open && c.Digest != "" {
			list = append(list, c)
		}
	}
	return list
}

// items shows what a loop is about to do: how many items there are, the first
// of them, and the arguments of one. The hash is over the arguments of all, so
// that two lists that differ far down do not look the same.
func (v asking) items(m *Message) (odd []string) {
	kids := v.planned()
	if len(kids) == 0 {
		return nil
	}
	var items []string
	all := sha256.New()
	for _, c := range kids {
		params := c.Params
		if c.Undoes != nil {
			params = c.Undoes.Params
		}
		fmt.Fprintf(all, "%s %s\n", c.ID, params)
		text := c.ID
		if c.Item != nil {
			text += ": " + line(plain(c.Item), askValue)
		}
		items = append(items, text)
		if f := foreign(texts(params)); f != "" && len(odd) < 5 {
			odd = append(odd, fmt.Sprintf("the arguments of %s hold characters outside ASCII: %s", c.ID, f))
		}
	}
	m.text("One answer is for all %d items.", len(kids))
	heading := fmt.Sprintf("Items: %d (SHA-256 of all their arguments %s)", len(items), short(hex.EncodeToString(all.Sum(nil))))
	if len(items) > askTargets {
		heading = fmt.Sprintf("Items: %d (the first %d; SHA-256 of all their arguments %s)", len(items), askTargets, short(hex.EncodeToString(all.Sum(nil))))
	}
	m.list(heading, "•", items, askTargets)
	m.Parts = append(m.Parts, Part{Text: "Arguments of " + kids[0].ID}, Part{Code: arguments(kids[0])})
	return odd
}
