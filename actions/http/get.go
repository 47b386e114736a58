package http

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/actions"
)

type get struct{ provider *Provider }

type getParams struct {
	URL          string            `json:"url" doc:"what to read; its host must be one of http.hosts in the configuration" example:"https://api.example.com/v1/users"`
	Path         []string          `json:"path,omitempty" doc:"parts to add to the path of the URL, each as one part whatever it holds: the place for values from outside"`
	Query        map[string]string `json:"query,omitempty" doc:"parameters to add to the URL, written correctly whatever they hold; no secrets"`
	Headers      map[string]string `json:"headers,omitempty" doc:"headers by name; a secret is a reference that ends the value, like Bearer secret://env/TOKEN"`
	ExpectStatus []int             `json:"expect_status,omitempty" doc:"the statuses that are right; 200 when not given"`
	Expect       []expectation     `json:"expect,omitempty" doc:"what the JSON of the answer must hold, or the step fails"`
	Select       map[string]string `json:"select,omitempty" doc:"values to keep from the JSON of the answer: a name, and the JSON pointer of the value"`
}

type getResult struct {
	Status int               `json:"status" doc:"HTTP status of the answer"`
	Values map[string]string `json:"values" doc:"what was selected, by name; anything but text as its JSON"`
	SHA256 string            `json:"sha256" doc:"SHA-256 of the body, which itself is not kept"`
	Size   int               `json:"size" doc:"bytes of the body"`
}

// maxSelected bounds one selected value, so that a record stays small.
const maxSelected = 4096

func (get) Spec() actions.Spec {
	return actions.Spec{
		Name: "http.get", Version: 1,
		Title:  "Read from a web service",
		Doc:    "Sends one GET request to a host that the configuration lists, checks the status and, when asked, values in the JSON of the answer, and keeps the values that are selected. The body is not kept. Redirects are not followed, and private addresses are not dialled unless the configuration opens them.",
		Effect: actions.Read, Repeat: actions.Idempotent,
		BlastRadius: "Nobody feels it, unless the service does more on a GET than to answer.",
		Permissions: []actions.Permission{{Phase: actions.PhaseExecute, Action: "http:GET", Resource: "{url}", Why: "read the answer"}},
	}
}

const opGet = "http.get"

func (a get) prepare(p getParams) (outgoing, []int, error) {
	o := outgoing{op: "http:GET", how: reads, method: http.MethodGet}
	u, err := a.provider.find(opGet, where{"url", p.URL, p.Path, p.Query})
	if err != nil {
		return o, nil, err
	}
	o.url = u
	if err := a.provider.checkHeaders(opGet, "headers", p.Headers, u); err != nil {
		return o, nil, err
	}
	statuses, err := checkStatuses(opGet, "expect_status", p.ExpectStatus, http.StatusOK)
	if err != nil {
		return o, nil, err
	}
	for _, n := range slices.Sorted(maps.Keys(p.Select)) {
		if _, err := tokens(p.Select[n]); err != nil {
			return o, nil, &actions.Error{Class: actions.Invalid, Op: opGet, Err: fmt.Errorf("select: %q: %w", n, err)}
		}
	}
	return o, statuses, checkExpectations(opGet, "expect", p.Expect)
}

func (a get) Plan(_ context.Context, _ actions.Call, p getParams) (actions.Preview, error) {
	o, _, err := a.prepare(p)
	if err != nil {
		return actions.Preview{}, err
	}
	return actions.Preview{
		Targets: []actions.Target{{Type: "http.url", ID: place(o.url)}},
		Changes: []string{fmt.Sprintf("Nothing changes; %s is read.", o.url)},
		Calls:   []string{o.op},
	}, nil
}

func (a get) Execute(ctx context.Context, call actions.Call, p getParams) (getResult, error) {
	var r getResult
	o, statuses, err := a.prepare(p)
	if err != nil {
		return r, err
	}
	if o.header, o.hidden, err = a.provider.resolve(ctx, opGet, p.Headers); err != nil {
		return r, err
	}
	got, err := a.provider.send(ctx, call, o)
	if err != nil {
		return r, err
	}
	if !slices.Contains(statuses, got.status) {
		return r, a.provider.unexpected(o, got, statusWords(statuses))
	}
	fail := func(err error, hint string) error {
		return &actions.Error{Class: actions.Precondition, Op: o.op, RequestID: got.id, Err: err, Hint: hint}
	}
	if reading := holds(o, got, statuses, p.Expect); reading.Verdict != actions.Verified {
		return r, fail(fmt.Errorf("%s", reading.Detail), "")
	}
	r = getResult{Status: got.status, Values: map[string]string{}, SHA256: got.digest(), Size: len(got.body)}
	if len(p.Select) == 0 {
		return r, nil
	}
	v, err := document(got)
	if err != nil {
		return r, fail(err, "select needs JSON")
	}
	for _, n := range slices.Sorted(maps.Keys(p.Select)) {
		text, err := at(v, p.Select[n])
		switch {
		case err != nil:
			return r, fail(fmt.Errorf("select: %q: %w", n, err), "")
		case len(text) > maxSelected || !utf8.ValidString(text):
			return r, fail(fmt.Errorf("select: %q: the value has %d bytes, at most %d are kept", n, len(text), maxSelected), "point at something smaller")
		}
		r.Values[n] = o.hidden.over(text)
	}
	return r, nil
}
