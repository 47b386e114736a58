package runbooks

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/firebreak-ir/firebreak/actions"
)

// named is one entry of a map as it is written down. Names that authors choose
// are values and never keys: a canonical form does not take every key, and
// some of its keys have a meaning.
type named struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// MarshalJSON writes a default that is a map as a list of names and values.
func (in Input) MarshalJSON() ([]byte, error) {
	type wire Input
	in.Default = outOfMaps(in.Default)
	return json.Marshal(wire(in))
}

func outOfMaps(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = outOfMaps(one)
		}
		return out
	case map[string]any:
		out := make([]named, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out = append(out, named{name, outOfMaps(v[name])})
		}
		return out
	}
	return v
}

// UnmarshalJSON gives the default its type back.
func (in *Input) UnmarshalJSON(data []byte) error {
	type wire Input
	var w struct {
		wire
		Default json.RawMessage `json:"default"`
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*in = Input(w.wire)
	if len(w.Default) == 0 {
		return nil
	}
	v, err := in.fromWire(w.Default)
	in.Default = v
	return err
}

func (in *Input) fromWire(data []byte) (any, error) {
	if in.Of == nil || in.Type != actions.List && in.Type != actions.Map {
		return scalar(data)
	}
	var items []json.RawMessage
	if err := json.Unmarshal(data, &items); err != nil {
		return nil, fmt.Errorf("the default of the input %q: %w", in.Name, err)
	}
	if in.Type == actions.List {
		list := make([]any, len(items))
		for i, item := range items {
			v, err := in.Of.fromWire(item)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	}
	m := make(map[string]any, len(items))
	for _, item := range items {
		var one struct {
			Name  string          `json:"name"`
			Value json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal(item, &one); err != nil {
			return nil, fmt.Errorf("the default of the input %q: %w", in.Name, err)
		}
		v, err := in.Of.fromWire(one.Value)
		if err != nil {
			return nil, err
		}
		m[one.Name] = v
	}
	return m, nil
}
