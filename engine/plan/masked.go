package plan

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/firebreak-ir/firebreak/actions"
)

// object reads a JSON object with whole numbers kept as they are.
func object(data json.RawMessage) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, err
	}
	if m == nil {
		m = map[string]any{}
	}
	return m, nil
}

const secret = "[secret]"

// masked gives the arguments for people. A secret is given by reference and
// shown so; anything else in its place is not shown.
func masked(spec actions.Spec, params json.RawMessage) json.RawMessage {
	values, err := object(params)
	if err != nil {
		return nil
	}
	for _, f := range spec.Params {
		if ref, ok := values[f.Name].(string); holdsSecret(f) && values[f.Name] != nil && (!ok || actions.CheckSecretRef(ref) != nil) {
			values[f.Name] = secret
		}
	}
	return encoded(values)
}

// shown gives the outputs for people, without the secret ones.
func shown(fields []actions.Field, outputs map[string]any) json.RawMessage {
	out := make(map[string]any, len(outputs))
	for _, f := range fields {
		switch v, there := outputs[f.Name]; {
		case !there:
		case holdsSecret(f):
			out[f.Name] = secret
		default:
			out[f.Name] = v
		}
	}
	return encoded(out)
}

func holdsSecret(f actions.Field) bool {
	return f.Secret || f.Elem != nil && holdsSecret(*f.Elem) || slices.ContainsFunc(f.Fields, holdsSecret)
}

func encoded(values map[string]any) json.RawMessage {
	data, err := json.Marshal(values)
	if err != nil {
		return nil
	}
	return data
}
