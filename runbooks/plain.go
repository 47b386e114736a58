package runbooks

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// plain checks a raw value against its declared type and gives it as string,
// int64, bool, []any or map[string]any. Durations and times stay text.
func plain(path string, f actions.Field, raw any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%q is nested deeper than %d", path, maxDepth)
	}
	wrong := func() (any, error) { return nil, fmt.Errorf("%q is %T, not a %s as declared", path, raw, f.Kind) }
	switch f.Kind {
	case actions.Int:
		n, ok := integer(raw)
		if !ok {
			return wrong()
		}
		return n, nil
	case actions.Bool:
		b, ok := raw.(bool)
		if !ok {
			return wrong()
		}
		return b, nil
	case actions.List:
		return plainList(path, f, raw, depth, maxItems)
	case actions.Map, actions.Object:
		m, ok := raw.(map[string]any)
		if !ok {
			return wrong()
		}
		return plainMap(path, f, m, depth)
	case actions.Duration, actions.Time, actions.String:
		s, ok := raw.(string)
		if !ok {
			return wrong()
		}
		if len(s) > maxText {
			return nil, fmt.Errorf("%q has %d bytes; an expression reads at most %d", path, len(s), maxText)
		}
		return s, nil
	}
	return wrong()
}

func plainList(path string, f actions.Field, raw any, depth, most int) (any, error) {
	list, ok := raw.([]any)
	if !ok {
		return nil, fmt.Errorf("%q is %T, not a %s as declared", path, raw, f.Kind)
	}
	if len(list) > most {
		return nil, fmt.Errorf("%q has %d items; an expression reads at most %d", path, len(list), most)
	}
	out := make([]any, len(list))
	for i, one := range list {
		v, err := plain(path, *f.Elem, one, depth+1)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		out[i] = v
	}
	return out, nil
}

func plainMap(path string, f actions.Field, m map[string]any, depth int) (any, error) {
	out := make(map[string]any, len(m))
	put := func(name string, of actions.Field, raw any) error {
		v, err := plain(path+"."+name, of, raw, depth+1)
		out[name] = v
		return err
	}
	if f.Kind == actions.Map {
		if len(m) > maxItems {
			return nil, fmt.Errorf("%q has %d items; an expression reads at most %d", path, len(m), maxItems)
		}
		for name, raw := range m {
			if err := put(name, *f.Elem, raw); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	for _, of := range f.Fields {
		raw, ok := m[of.Name]
		if !ok || raw == nil {
			filled, err := missing(path+"."+of.Name, of)
			if err != nil {
				continue // reading just this field is then an error
			}
			raw = filled
		}
		if err := put(of.Name, of, raw); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func integer(raw any) (int64, bool) {
	switch n := raw.(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	case float64: // decoded JSON
		if n == math.Trunc(n) && math.Abs(n) <= 1<<53 {
			return int64(n), true
		}
	}
	return 0, false
}

// operand turns a plain value into what expressions compute with: a
// duration becomes whole seconds and a time Unix seconds, as now is.
func operand(path string, f actions.Field, v any) (any, error) {
	switch f.Kind {
	case actions.Int:
		return int(v.(int64)), nil
	case actions.Duration:
		d, err := time.ParseDuration(v.(string))
		if err != nil {
			return nil, fmt.Errorf("%q is not a duration: %w", path, err)
		}
		return int(d / time.Second), nil
	case actions.Time:
		t, err := time.Parse(time.RFC3339Nano, v.(string))
		if err != nil {
			return nil, fmt.Errorf("%q is not a time: %w", path, err)
		}
		return int(t.Unix()), nil
	case actions.List:
		out := make([]any, len(v.([]any)))
		for i, one := range v.([]any) {
			c, err := operand(path, *f.Elem, one)
			if err != nil {
				return nil, err
			}
			out[i] = c
		}
		return out, nil
	case actions.Map, actions.Object:
		out := map[string]any{}
		for name, one := range v.(map[string]any) {
			of := f.Elem
			if f.Kind == actions.Object {
				i := slices.IndexFunc(f.Fields, func(g actions.Field) bool { return g.Name == name })
				of = &f.Fields[i]
			}
			c, err := operand(path+"."+name, *of, one)
			if err != nil {
				return nil, err
			}
			out[name] = c
		}
		return out, nil
	}
	return v, nil
}
