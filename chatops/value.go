package chatops

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// plain is a value as somebody would type it: a text as it is, anything else
// as JSON.
func plain(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

// simple is a text that can stand in a,b,c and k=v,k2=v2 as it is.
var simple = regexp.MustCompile(`^[A-Za-z0-9_.:/@+-]+$`)

// typed is a value as the words of a form or a line give it back: a list of
// plain words as a,b,c, and JSON where that would be misread.
func typed(v any) string {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return plain(v)
	}
	var words []string
	for _, one := range list {
		word, ok := one.(string)
		if !ok || !simple.MatchString(word) {
			return plain(v)
		}
		words = append(words, word)
	}
	return strings.Join(words, ",")
}

// kindOf says in words what a value has to be: "a whole number from 1 to 5".
func kindOf(in *runbooks.Input) string {
	if in == nil {
		return "any text"
	}
	if len(in.Enum) > 0 && in.Type != actions.List && in.Type != actions.Map {
		return "one of " + enough(shown(in.Enum), 12)
	}
	if in.Sensitive {
		return "a reference to a secret, never the secret: secret://env/NAME"
	}
	switch in.Type {
	case actions.Bool:
		return "true or false"
	case actions.Int:
		return "a whole number" + bounds(in, "")
	case actions.Duration:
		return "a time span, such as 30m or 2h"
	case actions.List:
		return "a list" + bounds(in, " items") + ": " + plural(in.Of) + ", written a,b,c or as JSON"
	case actions.Map:
		return "a map" + bounds(in, " entries") + " of names to " + plural(in.Of) + ", written k=v,k2=v2 or as JSON"
	}
	switch {
	case in.Format != "":
		if f, ok := runbooks.FindFormat(in.Format); ok {
			return f.Doc + ", such as " + f.Example
		}
		return "a text of the form " + line(in.Format, 60)
	case in.Pattern != "":
		return "a text that matches " + line(in.Pattern, 120)
	}
	return "a text"
}

func plural(in *runbooks.Input) string {
	if in == nil {
		return "any texts"
	}
	if len(in.Enum) > 0 {
		return "each " + kindOf(in)
	}
	switch {
	case in.Format != "":
		return "each " + kindOf(in)
	case in.Type == actions.Int:
		return "whole numbers" + bounds(in, "")
	case in.Type == actions.Bool:
		return "true or false"
	case in.Pattern != "":
		return "each " + kindOf(in)
	}
	return "texts"
}

func bounds(in *runbooks.Input, what string) string {
	switch {
	case in.Min != nil && in.Max != nil:
		return fmt.Sprintf(" of %d to %d%s", *in.Min, *in.Max, what)
	case in.Min != nil:
		return fmt.Sprintf(" of at least %d%s", *in.Min, what)
	case in.Max != nil:
		return fmt.Sprintf(" of at most %d%s", *in.Max, what)
	}
	return ""
}

// choices are the values to choose from, when there are few enough to name.
func choices(in *runbooks.Input) []string {
	switch {
	case in == nil || in.Type == actions.List || in.Type == actions.Map:
		return nil
	case len(in.Enum) > 0:
		return in.Enum
	case in.Type == actions.Bool:
		return []string{"true", "false"}
	}
	return nil
}

// oneLine reads a field of a form: a list that was written one item a line is put into one.
func oneLine(in *runbooks.Input, v string) string {
	if in == nil || in.Type != actions.List && in.Type != actions.Map || !strings.ContainsAny(v, "\r\n") {
		return v
	}
	bare := strings.TrimSpace(v)
	if strings.HasPrefix(bare, "[") || strings.HasPrefix(bare, "{") {
		return strings.Join(strings.Fields(bare), " ")
	}
	var parts []string
	for l := range strings.Lines(strings.ReplaceAll(bare, "\r", "\n")) {
		if l = strings.Trim(l, ", \t\n"); l != "" {
			parts = append(parts, l)
		}
	}
	return strings.Join(parts, ",")
}
