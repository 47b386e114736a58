package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// change checks a request that changes something and makes it ready, without
// its headers. In front of the names of parameters stands at: "" or "undo.".
func (p *Provider) change(at string, c reversal) (outgoing, []int, error) {
	o := outgoing{op: "http:" + c.Method, how: writes, method: c.Method}
	u, err := p.find(opRequest, where{at + "url", c.URL, c.Path, c.Query})
	if err != nil {
		return o, nil, err
	}
	o.url = u
	if err := p.checkHeaders(opRequest, at+"headers", c.Headers, u); err != nil {
		return o, nil, err
	}
	if o.body, err = body(c); err != nil {
		return o, nil, &actions.Error{Class: actions.Invalid, Op: opRequest, Err: fmt.Errorf("%sbody: %w", at, err)}
	}
	statuses, err := checkStatuses(opRequest, at+"expect_status", c.ExpectStatus, http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent)
	if len(c.JSON)+len(c.Literals) > 0 {
		o.header = http.Header{"Content-Type": {"application/json"}}
	}
	return o, statuses, err
}

// maxBody bounds what is sent: it stands in a runbook, so more is a mistake.
const maxBody = 256 << 10

// body is what is sent. Secrets do not go there, because whole bodies are
// echoed by services more often than headers.
func body(c reversal) ([]byte, error) {
	for _, text := range slices.Concat([]string{c.Body}, slices.Collect(maps.Values(c.JSON)), slices.Collect(maps.Values(c.Literals))) {
		if strings.Contains(text, refMark) {
			return nil, errors.New("it holds a secret reference, which is resolved in headers only")
		}
	}
	data := []byte(c.Body)
	if len(c.JSON)+len(c.Literals) > 0 {
		if c.Body != "" {
			return nil, errors.New("body is given, and json or literals too; choose one")
		}
		object, err := object(c.JSON, c.Literals)
		if err != nil {
			return nil, err
		}
		if data, err = json.Marshal(object); err != nil {
			return nil, err
		}
	}
	if len(data) > maxBody {
		return nil, fmt.Errorf("it has %d bytes, at most %d are sent", len(data), maxBody)
	}
	return data, nil
}

// object builds JSON from texts and literals by name or pointer. A text is
// always a text, whatever it holds.
func object(texts, literals map[string]string) (map[string]any, error) {
	values := map[string]any{}
	for _, n := range slices.Sorted(maps.Keys(texts)) {
		values[n] = texts[n]
	}
	for _, n := range slices.Sorted(maps.Keys(literals)) {
		if _, twice := values[n]; twice {
			return nil, fmt.Errorf("%q is given in json and in literals", n)
		}
		if !json.Valid([]byte(literals[n])) {
			return nil, fmt.Errorf("the literal %q is no JSON; texts go into json", n)
		}
		values[n] = json.RawMessage(literals[n])
	}
	whole := map[string]any{}
	for _, n := range slices.Sorted(maps.Keys(values)) {
		parts := []string{n}
		if strings.HasPrefix(n, "/") {
			var err error
			if parts, err = tokens(n); err != nil {
				return nil, err
			}
		}
		in := whole
		for _, part := range parts[:len(parts)-1] {
			if in[part] == nil {
				in[part] = map[string]any{}
			}
			next, ok := in[part].(map[string]any)
			if !ok {
				return nil, fmt.Errorf("%q lies inside a value that is no object", n)
			}
			in = next
		}
		last := parts[len(parts)-1]
		if _, twice := in[last]; twice {
			return nil, fmt.Errorf("%q is given twice", n)
		}
		in[last] = values[n]
	}
	return whole, nil
}

// make sends a request that changes something, and is content with the
// statuses that mean success.
func (p *Provider) make(ctx context.Context, call actions.Call, o outgoing, statuses []int, headers, more map[string]string) error {
	resolved, hidden, err := p.resolve(ctx, opRequest, headers)
	if err != nil {
		return err
	}
	for n, v := range more {
		resolved.Set(n, v)
	}
	if resolved.Get("Content-Type") == "" && o.header.Get("Content-Type") != "" {
		resolved.Set("Content-Type", o.header.Get("Content-Type"))
	}
	o.header, o.hidden = resolved, hidden
	got, err := p.send(ctx, call, o)
	if err != nil {
		return err
	}
	if !slices.Contains(statuses, got.status) {
		return p.unexpected(o, got, statusWords(statuses))
	}
	return nil
}

// lookup checks a reading and makes it ready, without its headers.
func (p *Provider) lookup(at string, r reading) (outgoing, []int, error) {
	o := outgoing{op: "http:GET", how: reads, method: http.MethodGet}
	u, err := p.find(opRequest, where{at + ".url", r.URL, r.Path, r.Query})
	if err != nil {
		return o, nil, err
	}
	o.url = u
	if len(r.ExpectStatus)+len(r.Expect) == 0 {
		return o, nil, &actions.Error{Class: actions.Invalid, Op: opRequest, Err: fmt.Errorf("%s: it expects nothing, so any answer would prove it", at), Hint: "add expect, or expect_status"}
	}
	if err := p.checkHeaders(opRequest, at+".headers", r.Headers, u); err != nil {
		return o, nil, err
	}
	if err := checkExpectations(opRequest, at+".expect", r.Expect); err != nil {
		return o, nil, err
	}
	statuses, err := checkStatuses(opRequest, at+".expect_status", r.ExpectStatus, http.StatusOK)
	return o, statuses, err
}

// read makes one reading. Trouble of the service is an error, so that it is
// read again; what the service says about the target is a verdict.
func (p *Provider) read(ctx context.Context, call actions.Call, at string, r reading) (actions.Reading, error) {
	o, statuses, err := p.lookup(at, r)
	if err != nil {
		return actions.Reading{}, err
	}
	if o.header, o.hidden, err = p.resolve(ctx, opRequest, r.Headers); err != nil {
		return actions.Reading{}, err
	}
	got, err := p.send(ctx, call, o)
	if err != nil {
		return actions.Reading{}, err
	}
	if class := p.classOf(reads, got); !slices.Contains(statuses, got.status) && (class == actions.Throttled || class == actions.Transient) {
		return actions.Reading{}, p.unexpected(o, got, statusWords(statuses))
	}
	return holds(o, got, statuses, r.Expect), nil
}
