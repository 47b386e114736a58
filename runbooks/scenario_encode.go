package runbooks

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Encode gives the scenario as canonical JSON, in the form of [Program.Encode].
// Positions are not in it, and neither is the digest.
func (s *Scenario) Encode() (json.RawMessage, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode scenario %q: %w", s.ID, err)
	}
	return canonical(data)
}

// pin sets the digest: the hex SHA-256 of the canonical form.
func (s *Scenario) pin() error {
	data, err := s.Encode()
	if err == nil {
		s.Digest = digestOf(data)
	}
	return err
}

func digestOf(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

// DecodeScenario reads what Encode wrote and sets the digest, which is that of
// the bytes as they were written: a later build that knows more keys gives the
// same. A key that this build does not know is an error, and so is a scenario
// that could not have been written: without an id or a runbook, or with a
// trigger that is none or more than one. Whether its conditions compile is told
// by [CompileScenario].
func DecodeScenario(data []byte) (*Scenario, error) {
	s := &Scenario{}
	if err := strictly(data, s); err != nil {
		return nil, fmt.Errorf("decode a scenario: %w; it was changed, or written by a newer firebreak", err)
	}
	if err := s.sound(); err != nil {
		return nil, fmt.Errorf("decode scenario %q: %w; it was changed", s.ID, err)
	}
	plain, err := canonical(data)
	if err != nil {
		return nil, fmt.Errorf("decode scenario %q: %w", s.ID, err)
	}
	s.Digest = digestOf(plain)
	return s, nil
}

// strictly decodes one JSON value without unknown keys and nothing after it.
func strictly(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after its end")
	}
	return nil
}

// sound makes sure of what whoever plays a scenario relies on.
func (s *Scenario) sound() error {
	if s.ID == "" || s.Runbook == "" {
		return errors.New("it has no id or no runbook")
	}
	if s.End.Max <= 0 {
		return errors.New("it has no end")
	}
	for _, in := range s.Injects {
		if n := in.Trigger.count(); n != 1 {
			return fmt.Errorf("inject %q has %d triggers", in.ID, n)
		}
		for i, e := range in.Expect {
			if n := e.count(); n != 1 {
				return fmt.Errorf("number %d of what inject %q expects is %d things", i+1, in.ID, n)
			}
		}
	}
	for i, l := range s.Script {
		if n := l.Trigger.count(); n != 1 || l.Trigger.Hand {
			return fmt.Errorf("line %d of the script has %d triggers, or is delivered by hand", i+1, n)
		}
	}
	for i, f := range s.Forbidden {
		if n := count(f.Action != "", f.Step != "", f.Target != "", f.Verb != ""); n != 1 {
			return fmt.Errorf("number %d of what is forbidden is %d things", i+1, n)
		}
	}
	return nil
}

// count says how many of the conditions hold.
func count(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

func (t Trigger) count() int {
	return count(t.At != nil, t.After != "", t.Asked != "", t.When != "", t.Hand)
}

func (e Expectation) count() int {
	return count(e.Verb != "", e.Step != "", e.Note != "", e.When != "", e.Hand)
}

// bareAnswer is a TestAnswer without its methods.
type bareAnswer TestAnswer

type answerWire struct {
	bareAnswer
	Outputs string `json:"outputs,omitempty"`
}

// MarshalJSON writes the outputs as text.
func (a TestAnswer) MarshalJSON() ([]byte, error) {
	wire := answerWire{bareAnswer: bareAnswer(a)}
	if a.Outputs != nil {
		text, err := encodeTree(a.Outputs)
		if err != nil {
			return nil, err
		}
		wire.Outputs = string(text)
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads what MarshalJSON wrote. Unknown keys and fractions are
// errors.
func (a *TestAnswer) UnmarshalJSON(data []byte) error {
	var wire answerWire
	if err := strictly(data, &wire); err != nil {
		return err
	}
	*a = TestAnswer(wire.bareAnswer)
	if wire.Outputs == "" {
		return nil
	}
	if !json.Valid([]byte(wire.Outputs)) {
		return errors.New("the outputs of an answer are no JSON")
	}
	tree, err := decodeTree([]byte(wire.Outputs))
	if err != nil {
		return fmt.Errorf("the outputs of an answer: %w", err)
	}
	if tree, err = wholeNumbers(tree, 0); err != nil {
		return fmt.Errorf("the outputs of an answer: %w", err)
	}
	m, ok := tree.(map[string]any)
	if !ok {
		return errors.New("the outputs of an answer are no object")
	}
	a.Outputs = m
	return nil
}

// wholeNumbers gives numbers their type; the outputs of a step have no others.
func wholeNumbers(v any, depth int) (any, error) {
	if depth > 2*maxNesting {
		return nil, errors.New("they are nested too deep")
	}
	var err error
	switch v := v.(type) {
	case json.Number:
		n, err := v.Int64()
		if err != nil {
			return nil, fmt.Errorf("%s is no whole number", v)
		}
		return n, nil
	case nil:
		return nil, errors.New("a value is null")
	case []any:
		for i := range v {
			if v[i], err = wholeNumbers(v[i], depth+1); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for name := range v {
			if v[name], err = wholeNumbers(v[name], depth+1); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}
