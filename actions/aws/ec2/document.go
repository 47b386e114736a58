package ec2

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// canonical writes v as JSON that is the same for the same state: names in
// order, lists of objects too, since AWS gives them in none, and nothing that is
// empty.
func canonical(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var plain any
	if err := d.Decode(&plain); err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(ordered(plain)); err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	return out.Bytes(), nil
}

func ordered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, one := range v {
			if one = ordered(one); one == nil || name == "ResultMetadata" {
				delete(v, name)
			} else {
				v[name] = one
			}
		}
	case []any:
		objects := len(v) > 0
		for i := range v {
			v[i] = ordered(v[i])
			_, object := v[i].(map[string]any)
			objects = objects && object
		}
		if objects {
			slices.SortFunc(v, func(a, b any) int { return strings.Compare(text(a), text(b)) })
		}
	}
	return v
}

func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}
