package awstest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// Proxy stands between the SDK and an emulator.
type Proxy struct {
	URL    string
	target string

	mu          sync.Mutex
	faults      []*fault
	calls       []Call
	corrections []correction
}

// correction makes the emulator's answers what AWS's would be.
type correction struct {
	operation string
	watch     func(Call)
	rewrite   func(body []byte) []byte
}

// Call is one request that came through.
type Call struct {
	Operation string // "iam:UpdateAccessKey"
	Region    string // that it was signed for
	UserAgent string
	Form      url.Values     // of the query protocol, or of a URL
	Body      map[string]any // of the JSON protocols
	Path      string         // of the REST protocols
	Header    http.Header
}

type fault struct {
	operation string
	times     int // zero: until Heal
	forward   bool
	drop      bool
	hold      *Hold
	before    bool // the call is held before it goes through
	status    int
	code      string
	answer    http.HandlerFunc
	rewrite   func(body []byte) []byte
}

// Hold keeps calls waiting.
type Hold struct {
	reached, released chan struct{}
	once, twice       sync.Once
}

// Reached is closed when a call waits: for its answer, or before its effect.
func (h *Hold) Reached() <-chan struct{} { return h.reached }

// Release lets the answers go.
func (h *Hold) Release() { h.twice.Do(func() { close(h.released) }) }

// wait says whether the call was released before its client went away.
func (h *Hold) wait(r *http.Request) bool {
	h.once.Do(func() { close(h.reached) })
	select {
	case <-h.released:
		return true
	case <-r.Context().Done():
		return false
	}
}

// NewProxy starts a proxy in front of target. It ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	p := &Proxy{target: target}
	server := httptest.NewServer(p)
	t.Cleanup(func() {
		p.Heal()
		server.CloseClientConnections()
		server.Close()
	})
	p.URL = server.URL
	return p
}

// DropAfterEffect loses the answers of the next calls of an operation.
func (p *Proxy) DropAfterEffect(operation string, times int) {
	p.add(&fault{operation: operation, times: times, forward: true, drop: true})
}

// DropBeforeEffect cuts the connection of the next calls before they arrive.
func (p *Proxy) DropBeforeEffect(operation string, times int) {
	p.add(&fault{operation: operation, times: times, drop: true})
}

// Refuse answers an operation with an error until Heal, and lets nothing through.
func (p *Proxy) Refuse(operation string, status int, code string) {
	p.add(&fault{operation: operation, status: status, code: code})
}

// BreakAfterEffect answers the next calls with an error after their effect.
func (p *Proxy) BreakAfterEffect(operation string, times, status int, code string) {
	p.add(&fault{operation: operation, times: times, forward: true, status: status, code: code})
}

// Answer answers an operation in the emulator's place until Heal.
func (p *Proxy) Answer(operation string, answer http.HandlerFunc) {
	p.add(&fault{operation: operation, answer: answer})
}

// Rewrite changes the answers of the next calls of an operation; zero times
// means until Heal.
func (p *Proxy) Rewrite(operation string, times int, rewrite func(body []byte) []byte) {
	p.add(&fault{operation: operation, times: times, forward: true, rewrite: rewrite})
}

// HoldAnswer keeps back the answer of the next call of an operation.
func (p *Proxy) HoldAnswer(operation string) *Hold {
	h := &Hold{reached: make(chan struct{}), released: make(chan struct{})}
	p.add(&fault{operation: operation, times: 1, forward: true, hold: h})
	return h
}

// HoldCall keeps back the next call of an operation before it has any effect.
// When the client goes away it never has one.
func (p *Proxy) HoldCall(operation string) *Hold {
	h := &Hold{reached: make(chan struct{}), released: make(chan struct{})}
	p.add(&fault{operation: operation, times: 1, forward: true, before: true, hold: h})
	return h
}

// Correct makes up for something that the emulator lacks: watch is told of each
// call of an operation that goes through, and rewrite changes each answer of it.
// Either may be nil. Heal does not take a correction away, and faults come on
// top of it.
func (p *Proxy) Correct(operation string, watch func(Call), rewrite func(body []byte) []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.corrections = append(p.corrections, correction{operation, watch, rewrite})
}

// corrected tells the watchers of a call that goes through, and gives what
// changes its answer.
func (p *Proxy) corrected(call Call) []func([]byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	var rewrites []func([]byte) []byte
	for _, c := range p.corrections {
		if c.operation != call.Operation {
			continue
		}
		if c.watch != nil {
			c.watch(call)
		}
		if c.rewrite != nil {
			rewrites = append(rewrites, c.rewrite)
		}
	}
	return rewrites
}

func (p *Proxy) add(f *fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, f)
}

// Heal takes all faults away and releases what is held.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		if f.hold != nil {
			f.hold.Release()
		}
	}
	p.faults = nil
}

// Calls lists what came through, in order of arrival.
func (p *Proxy) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// Count says how often an operation came.
func (p *Proxy) Count(operation string) int {
	n := 0
	for _, call := range p.Calls() {
		if call.Operation == operation {
			n++
		}
	}
	return n
}

// Operations lists the different operations that came since the last Forget,
// sorted.
func (p *Proxy) Operations() []string {
	var names []string
	for _, call := range p.Calls() {
		names = append(names, call.Operation)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Forget empties the record of calls.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = nil
}

// ServeHTTP passes one call on, or lets the fault that is meant for it strike.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	call, f := p.arrive(r, body)
	if f != nil && !f.forward {
		f.strike(w, r, call, body)
		return
	}
	if f != nil && f.before && !f.hold.wait(r) {
		return
	}
	request, err := http.NewRequestWithContext(r.Context(), r.Method, p.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	request.Header = r.Header.Clone()
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = answer.Body.Close() }()
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	if rewrites := p.corrected(call); len(rewrites) > 0 && answer.StatusCode < 300 {
		data, err := io.ReadAll(answer.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		for _, rewrite := range rewrites {
			data = rewrite(data)
		}
		answer.Body = io.NopCloser(bytes.NewReader(data))
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	}
	switch {
	case f == nil || f.before:
	case f.rewrite != nil:
		data, err := io.ReadAll(answer.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		data = f.rewrite(data)
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.WriteHeader(answer.StatusCode)
		_, _ = w.Write(data)
		return
	case f.hold == nil:
		clear(w.Header())
		f.strike(w, r, call, body)
		return
	case !f.hold.wait(r):
		return
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body) // a client that has gone needs no answer
}

func (p *Proxy) arrive(r *http.Request, body []byte) (Call, *fault) {
	call := readCall(r, body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call)
	for i, f := range p.faults {
		if f.operation != call.Operation {
			continue
		}
		if f.times > 0 {
			if f.times--; f.times == 0 {
				p.faults = slices.Delete(p.faults, i, i+1)
			}
		}
		return call, f
	}
	return call, nil
}

func (f *fault) strike(w http.ResponseWriter, r *http.Request, call Call, body []byte) {
	switch {
	case f.drop:
		panic(http.ErrAbortHandler) // cuts the connection, without a trace in the log
	case f.answer != nil:
		r.Body = io.NopCloser(bytes.NewReader(body))
		f.answer(w, r)
	default:
		call.refuse(w, f.status, f.code)
	}
}
