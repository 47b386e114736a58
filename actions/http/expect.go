package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

type expectation struct {
	Pointer string `json:"pointer" doc:"where to look in the JSON of the answer, as RFC 6901 writes it; empty is the whole" example:"/status" pattern:"^(/.*)?$"`
	Equals  string `json:"equals" doc:"what must stand there: a text as it is, anything else as its JSON, such as true or 3" example:"SUSPENDED"`
}

// checkStatuses gives the statuses that are expected, which must be possible.
func checkStatuses(op, where string, given []int, otherwise ...int) ([]int, error) {
	for _, s := range given {
		if s < 200 || s > 599 {
			return nil, &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf("%s: %d is no status of an answer", where, s), Hint: "write a number from 200 to 599"}
		}
	}
	if len(given) == 0 {
		return otherwise, nil
	}
	return given, nil
}

func statusWords(statuses []int) string {
	var b strings.Builder
	for i, s := range statuses {
		if i > 0 {
			b.WriteString(" or ")
		}
		b.WriteString(strconv.Itoa(s))
	}
	return b.String()
}

// document reads the body of an answer as one JSON value.
func document(a answer) (any, error) {
	if len(bytes.TrimSpace(a.body)) == 0 {
		return nil, errors.New("the answer is empty")
	}
	if packed := a.header.Get("Content-Encoding"); packed != "" && !strings.EqualFold(packed, "identity") {
		return nil, errors.New("the answer is compressed, which was not asked for")
	}
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errors.New("the answer is no JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("the answer is not one JSON value: something follows it")
	}
	return v, nil
}

// tokens splits a JSON pointer into its names.
func tokens(pointer string) ([]string, error) {
	if pointer == "" {
		return nil, nil
	}
	if pointer[0] != '/' {
		return nil, fmt.Errorf("the pointer %q does not begin with a slash", pointer)
	}
	parts := strings.Split(pointer[1:], "/")
	for i, one := range parts {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(one), "~") {
			return nil, fmt.Errorf("the pointer %q has a ~ that is followed by neither 0 nor 1", pointer)
		}
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(one, "~1", "/"), "~0", "~")
	}
	return parts, nil
}

// at finds the value that a pointer names, as text.
func at(v any, pointer string) (text string, err error) {
	parts, err := tokens(pointer)
	if err != nil {
		return "", err
	}
	for i, part := range parts {
		here := pointerOf(parts[:i+1])
		switch in := v.(type) {
		case map[string]any:
			next, there := in[part]
			if !there {
				return "", fmt.Errorf("the answer has nothing at %q", here)
			}
			v = next
		case []any:
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 || strconv.Itoa(n) != part || n >= len(in) {
				return "", fmt.Errorf("the answer has nothing at %q: the list there has %d elements", here, len(in))
			}
			v = in[n]
		default:
			return "", fmt.Errorf("the answer has nothing at %q", here)
		}
	}
	if s, ok := v.(string); ok {
		return s, nil
	}
	data, err := json.Marshal(v)
	return string(data), err
}

func pointerOf(parts []string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + strings.ReplaceAll(strings.ReplaceAll(p, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

// holds reads an answer against what a reading expects of it.
func holds(o outgoing, a answer, statuses []int, expected []expectation) actions.Reading {
	say := func(v actions.Verdict, format string, args ...any) actions.Reading {
		return actions.Reading{Verdict: v, Detail: place(o.url) + " " + fmt.Sprintf(format, args...)}
	}
	if !slices.Contains(statuses, a.status) {
		switch {
		case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, a.status >= 300 && a.status < 400:
			return say(actions.CannotVerify, "answered with status %d%s, so it cannot be read", a.status, name(a.status))
		}
		return say(actions.NotVerified, "answered with status %d%s, expected %s", a.status, name(a.status), statusWords(statuses))
	}
	if len(expected) == 0 {
		return say(actions.Verified, "answered with status %d%s", a.status, name(a.status))
	}
	v, err := document(a)
	if err != nil {
		return say(actions.CannotVerify, "answered with status %d, but %v", a.status, err)
	}
	var met []string
	for _, e := range expected {
		got, err := at(v, e.Pointer)
		if err != nil {
			return say(actions.NotVerified, "answered with status %d, but %v", a.status, err)
		}
		if got != e.Equals {
			return say(actions.NotVerified, "has %q at %q, expected %q", o.hidden.word(got, 200), e.Pointer, e.Equals)
		}
		met = append(met, fmt.Sprintf("%q at %q", e.Equals, e.Pointer))
	}
	return say(actions.Verified, "answered with status %d and %s", a.status, strings.Join(met, ", "))
}

// checkExpectations finds wrong pointers before anything is sent.
func checkExpectations(op, where string, expected []expectation) error {
	for _, e := range expected {
		if _, err := tokens(e.Pointer); err != nil {
			return &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf("%s: %w", where, err)}
		}
	}
	return nil
}
