package runbooks

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/firebreak-ir/firebreak/actions"
)

// Encode gives the program as canonical JSON: sorted keys, no floats, no
// spaces, keys of letters, digits and _ . : / - only.
func (p *Program) Encode() ([]byte, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode program %q: %w", p.ID, err)
	}
	return canonical(data)
}

// DecodeProgram reads what Encode wrote and compiles its expressions again. It
// refuses a program of newer semantics and one that does not have its digest.
func DecodeProgram(data []byte) (*Program, error) {
	var head struct {
		Semantics int `json:"semantics"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("decode a program: %w", err)
	}
	if head.Semantics > Semantics || head.Semantics < 1 {
		return nil, fmt.Errorf("decode a program: it has semantics %d and this build runs 1 to %d; use a newer firebreak", head.Semantics, Semantics)
	}
	p := &Program{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("decode a program: %w", err)
	}
	digest, err := p.digest()
	if err != nil {
		return nil, err
	}
	if digest != p.Digest {
		return nil, fmt.Errorf("decode program %q: its digest is %s, not %s as it says; it was changed", p.ID, digest, p.Digest)
	}
	sc := programScope(p)
	for i := range p.Steps {
		for e := range p.Steps[i].Expressions() {
			fresh, faults := compileExpression(e.Source, sc, nil)
			if len(faults) > 0 {
				return nil, fmt.Errorf("decode program %q: step %q: expression %q: %s", p.ID, p.Steps[i].ID, e.Source, faults[0].message)
			}
			fresh.Pos = e.Pos
			*e = *fresh
		}
	}
	return p, nil
}

// Expressions walks every expression of a step: its condition, its parameters
// and its instructions.
func (s *Step) Expressions() iter.Seq[*Expression] {
	return func(yield func(*Expression) bool) {
		if s.If != nil && !yield(s.If) {
			return
		}
		if !s.With.walk(yield) {
			return
		}
		if s.Manual != nil {
			s.Manual.Instructions.walk(yield)
		}
	}
}

// digest is the hex SHA-256 of the canonical form without digest, source and
// positions.
func (p *Program) digest() (string, error) {
	bare := *p
	bare.Digest, bare.Source = "", Source{}
	data, err := json.Marshal(&bare)
	if err != nil {
		return "", fmt.Errorf("digest of program %q: %w", p.ID, err)
	}
	tree, err := decodeTree(data)
	if err != nil {
		return "", fmt.Errorf("digest of program %q: %w", p.ID, err)
	}
	dropPositions(tree)
	if data, err = encodeTree(tree); err != nil {
		return "", fmt.Errorf("digest of program %q: %w", p.ID, err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// dropPositions removes every "pos". No other key of the form has this name:
// names that authors choose are values, never keys.
func dropPositions(tree any) {
	switch tree := tree.(type) {
	case map[string]any:
		delete(tree, "pos")
		for _, v := range tree {
			dropPositions(v)
		}
	case []any:
		for _, v := range tree {
			dropPositions(v)
		}
	}
}

func canonical(data []byte) ([]byte, error) {
	tree, err := decodeTree(data)
	if err != nil {
		return nil, err
	}
	return encodeTree(tree)
}

func decodeTree(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var tree any
	err := d.Decode(&tree)
	return tree, err
}

// encodeTree relies on encoding/json, which sorts the keys of a map.
func encodeTree(tree any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(tree); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
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
	v, err := scalar(w.Default)
	in.Default = v
	return err
}

// pinned keeps of a field what expressions need of it.
func pinned(f actions.Field) actions.Field {
	out := actions.Field{Name: f.Name, Kind: f.Kind, Enum: f.Enum, Required: f.Required, Secret: f.Secret}
	if f.Elem != nil {
		elem := pinned(*f.Elem)
		out.Elem = &elem
	}
	for _, of := range f.Fields {
		out.Fields = append(out.Fields, pinned(of))
	}
	return out
}
