package runbooks

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

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
	if err := p.revive(newTools(), 0); err != nil {
		return nil, err
	}
	return p, nil
}

// revive makes a decoded program usable: it compiles the expressions again, of
// the runbooks that are called too, whose digests it checks.
func (p *Program) revive(tools *tools, depth int) error {
	sc := programScope(p)
	again := func(what string, list iter.Seq[*Expression]) error {
		for e := range list {
			fresh, faults := tools.compile(e.Source, sc, nil)
			if len(faults) > 0 {
				return fmt.Errorf("decode program %q: %s: expression %q: %s", p.ID, what, e.Source, faults[0].message)
			}
			fresh.Pos = e.Pos
			*e = *fresh
		}
		return nil
	}
	for s := range p.All() {
		what := fmt.Sprintf("step %q", s.ID)
		err := again(what, s.outside)
		if err == nil {
			without := sc.withItem(s.ForEach)
			err = again(what, s.inside)
			without()
		}
		if err == nil && s.Runbook != nil {
			err = s.Runbook.revive(tools, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return again("outputs", func(yield func(*Expression) bool) {
		for _, out := range p.Outputs {
			if out.Value != nil && !yield(out.Value) {
				return
			}
		}
	})
}

func (r *Subrun) revive(tools *tools, depth int) error {
	p := r.Program
	if p == nil || depth > maxCalls {
		return fmt.Errorf("decode the runbook %q that is called: it is not there, or it is too deep", r.ID)
	}
	digest, err := p.digest()
	switch {
	case err != nil:
		return err
	case p.Semantics < 1 || p.Semantics > Semantics:
		return fmt.Errorf("decode program %q: it has semantics %d and this build runs 1 to %d; use a newer firebreak", p.ID, p.Semantics, Semantics)
	case digest != p.Digest || digest != r.Digest || p.ID != r.ID:
		return fmt.Errorf("decode program %q: its digest is %s, not %s as it says; it was changed", p.ID, digest, r.Digest)
	}
	return p.revive(tools, depth)
}

// Expressions walks every expression of a step: its condition, the list it is
// repeated for, the moment it waits for, its parameters, its instructions, and
// those of its undo. The runbook that a step calls has its own.
func (s *Step) Expressions() iter.Seq[*Expression] {
	return func(yield func(*Expression) bool) {
		goOn := true
		for _, part := range []iter.Seq[*Expression]{s.outside, s.inside} {
			part(func(e *Expression) bool {
				goOn = yield(e)
				return goOn
			})
			if !goOn {
				return
			}
		}
	}
}

// outside walks the expressions that decide for all items of a for_each.
func (s *Step) outside(yield func(*Expression) bool) {
	if s.If != nil && !yield(s.If) {
		return
	}
	if s.ForEach != nil && s.ForEach.In != nil && !yield(s.ForEach.In) {
		return
	}
	if s.Wait != nil && s.Wait.Until != nil {
		yield(s.Wait.Until)
	}
}

// inside walks the expressions that may read the item.
func (s *Step) inside(yield func(*Expression) bool) {
	if !s.With.walk(yield) {
		return
	}
	if s.Manual != nil && !s.Manual.Instructions.walk(yield) {
		return
	}
	if s.Undo != nil {
		s.Undo.Manual.walk(yield)
	}
}

// digest is the hex SHA-256 of the canonical form without digest, source and
// positions. A runbook that is called counts by its digest alone.
func (p *Program) digest() (string, error) {
	bare := *p
	bare.Digest, bare.Source = "", Source{}
	bare.Steps, bare.OnCancel = byDigest(p.Steps), byDigest(p.OnCancel)
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

// byDigest leaves out the programs that steps call.
func byDigest(steps []Step) []Step {
	if !slices.ContainsFunc(steps, func(s Step) bool { return s.Runbook != nil }) {
		return steps
	}
	steps = slices.Clone(steps)
	for i := range steps {
		if r := steps[i].Runbook; r != nil {
			steps[i].Runbook = &Subrun{ID: r.ID, Digest: r.Digest}
		}
	}
	return steps
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
