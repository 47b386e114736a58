package diff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// fields walks the fields of two structs of one type, by the names that they
// have in the program's form. For a field that differs its rule is called; when
// there is none, or it says nothing, the difference is told in general words, so
// that none is ever left out. What does not count in a digest does not count here.
func (c *comparison) fields(path string, old, new any, rules map[string]func()) {
	a, b := reflect.ValueOf(old), reflect.ValueOf(new)
	if a.Kind() == reflect.Pointer {
		a, b = a.Elem(), b.Elem()
	}
	for i := range a.NumField() {
		field := a.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "-" || apart(a.Type(), name) {
			continue
		}
		if reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			continue // only to be quick
		}
		said, rule := len(c.changes), rules[name]
		c.told = false
		list := field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct
		if list && rule != nil { // it matches the entries, and looks at each as is done here
			if rule(); len(c.changes) > said {
				continue
			}
		}
		before, after := meaning(a.Field(i).Interface()), meaning(b.Field(i).Interface())
		if before == after {
			continue
		}
		if !list && rule != nil {
			rule()
		}
		if len(c.changes) == said && !c.told {
			c.add(Neutral, join(path, name), before, after, "%s changes from %s to %s", join(path, name), brief(before), brief(after))
		}
	}
}

// apart names the fields that are not part of the meaning.
func apart(t reflect.Type, name string) bool {
	switch t {
	case reflect.TypeFor[runbooks.Program]():
		return name == "digest" || name == "source"
	case reflect.TypeFor[runbooks.Subrun]():
		return name == "program" // its digest counts
	}
	return name == "pos"
}

// meaning is the form of a value without what does not count in a digest.
func meaning(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%#v", v)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return string(data)
	}
	strip(tree)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(tree); err != nil {
		return string(data)
	}
	return strings.TrimRight(b.String(), "\n")
}

// strip removes the positions, and the programs that are called, which count by
// their digest.
func strip(tree any) {
	switch tree := tree.(type) {
	case map[string]any:
		delete(tree, "pos")
		if _, calls := tree["program"]; calls && tree["digest"] != nil {
			delete(tree, "program")
		}
		for _, v := range tree {
			strip(v)
		}
	case []any:
		for _, v := range tree {
			strip(v)
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// brief keeps a value on a line that can be read. What is not seen is shown by
// its code point: a reviewer must not be told that "a" becomes "a".
func brief(s string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(s), " ") {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		}
	}
	if runes := []rune(b.String()); len(runes) > 160 {
		return string(runes[:159]) + "…"
	}
	return b.String()
}
