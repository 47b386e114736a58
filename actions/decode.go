package actions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// decode reads raw strictly into a params struct: every unknown name, wrong
// type and missing value is a Problem, all at once.
func decode[P any](fields []Field, raw json.RawMessage) (P, Problems) {
	var params P
	values := map[string]any{}
	if len(raw) > 0 {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(&values); err != nil {
			return params, Problems{{Message: "the parameters are not a JSON object: " + err.Error()}}
		}
		if _, err := d.Token(); err != io.EOF {
			return params, Problems{{Message: "the parameters are not one JSON object: something follows it"}}
		}
		if values == nil { // null
			values = map[string]any{}
		}
	}
	for i := range fields {
		f := &fields[i]
		if values[f.Name] == nil && f.Default != "" {
			values[f.Name] = defaultValue(f)
		}
	}
	problems := CheckObject(fields, values, "")
	if len(problems) > 0 {
		return params, problems
	}
	data, err := json.Marshal(values)
	if err == nil {
		err = json.Unmarshal(data, &params)
	}
	if err != nil {
		return params, Problems{{Message: fmt.Sprintf("the parameters do not fit %s: %v", reflect.TypeFor[P](), err)}}
	}
	return params, nil
}

func defaultValue(f *Field) any {
	switch f.Kind {
	case Int:
		return json.Number(f.Default)
	case Bool:
		return f.Default == "true"
	}
	return f.Default
}

// CheckObject checks values against fields. Values are as encoding/json gives
// them: string, bool, json.Number, int, int64, []any, map[string]any. Paths in
// the problems start with prefix.
func CheckObject(fields []Field, values map[string]any, prefix string) Problems {
	var problems Problems
	for i := range fields {
		f := &fields[i]
		v, given := values[f.Name]
		if !given || v == nil {
			if f.Required {
				problems = append(problems, Problem{Path: join(prefix, f.Name), Message: "is missing", Hint: f.Doc})
			}
			continue
		}
		problems = append(problems, CheckValue(*f, v, join(prefix, f.Name))...)
	}
	for _, name := range slices.Sorted(keysOf(values)) {
		if _, known := find(fields, name); !known {
			problems = append(problems, Problem{Path: join(prefix, name), Message: fmt.Sprintf("%q is not known here", name), Hint: knownNames(fields)})
		}
	}
	return problems
}

// CheckValue checks one value against one field, with path in the problems.
func CheckValue(f Field, v any, path string) Problems {
	wrong := func(hint string) Problems {
		if f.Secret {
			return Problems{{Path: path, Message: fmt.Sprintf("must be %s, and is something else", f.Kind.withArticle()), Hint: hint}}
		}
		return Problems{{Path: path, Message: fmt.Sprintf("must be %s, not %s", f.Kind.withArticle(), describe(v)), Hint: hint}}
	}
	switch f.Kind {
	case String:
		s, ok := v.(string)
		if !ok {
			return wrong("")
		}
		return checkString(f, s, path)
	case Bool:
		if _, ok := v.(bool); !ok {
			return wrong("write true or false, without quotes")
		}
	case Int:
		if !isInt(v) {
			return wrong("")
		}
	case Duration:
		s, ok := v.(string)
		if !ok {
			return wrong(`write it like "90s"`)
		}
		if d, err := time.ParseDuration(s); err != nil || d < 0 {
			return wrong(`write it like "90s"`)
		}
	case Time:
		s, ok := v.(string)
		if !ok {
			return wrong("write it like 2026-11-22T04:50:24Z")
		}
		if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
			return wrong("write it like 2026-11-22T04:50:24Z")
		}
	case List:
		list, ok := v.([]any)
		if !ok {
			return wrong("")
		}
		var problems Problems
		for i, one := range list {
			problems = append(problems, CheckValue(f.element(), one, join(path, strconv.Itoa(i)))...)
		}
		return problems
	case Map:
		m, ok := v.(map[string]any)
		if !ok {
			return wrong("")
		}
		var problems Problems
		for _, k := range slices.Sorted(keysOf(m)) {
			problems = append(problems, CheckValue(f.element(), m[k], join(path, k))...)
		}
		return problems
	case Object:
		m, ok := v.(map[string]any)
		if !ok {
			return wrong("")
		}
		return CheckObject(f.Fields, m, path)
	}
	return nil
}

func (k Kind) withArticle() string {
	if k == Int || k == Object {
		return "an " + string(k)
	}
	return "a " + string(k)
}

// element is the field of each element of a list or map; those of a secret are
// secret.
func (f Field) element() Field {
	e := *f.Elem
	e.Secret = e.Secret || f.Secret
	return e
}

func checkString(f Field, s, path string) Problems {
	shown := strconv.Quote(s)
	if f.Secret {
		shown = "the value"
	}
	if len(f.Enum) > 0 && !slices.Contains(f.Enum, s) {
		return Problems{{Path: path, Message: fmt.Sprintf("%s is not one of %s", shown, list(f.Enum))}}
	}
	if f.Pattern != "" && !regexp.MustCompile(f.Pattern).MatchString(s) {
		hint := ""
		if f.Example != "" {
			hint = "for example " + f.Example
		}
		return Problems{{Path: path, Message: fmt.Sprintf("%s does not match %s", shown, f.Pattern), Hint: hint}}
	}
	return nil
}

func isInt(v any) bool {
	switch n := v.(type) {
	case int, int64:
		return true
	case json.Number:
		_, err := n.Int64()
		return err == nil
	}
	return false
}

func describe(v any) string {
	switch v := v.(type) {
	case string:
		return "the string " + strconv.Quote(cut(v, 60))
	case bool:
		return strconv.FormatBool(v)
	case []any:
		return "a list"
	case map[string]any:
		return "a map"
	case nil:
		return "nothing"
	}
	return fmt.Sprint(v)
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

func knownNames(fields []Field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	if len(names) == 0 {
		return "it takes none"
	}
	return "known: " + list(names)
}

func list(names []string) string {
	b := ""
	for i, n := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			b += " and "
		default:
			b += ", "
		}
		b += n
	}
	return b
}

func keysOf(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
