package http

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// access says whether a request changes something: it decides what a missing
// answer means.
type access int

const (
	reads access = iota
	writes
)

// outgoing is one request, ready to be sent.
type outgoing struct {
	op     string // "http:POST"
	how    access
	method string
	url    *url.URL
	header http.Header
	body   []byte
	hidden veil
}

// answer is what came back, whole.
type answer struct {
	status int
	header http.Header
	body   []byte
	id     string // the server's id of the request
}

func (a answer) digest() string {
	sum := sha256.Sum256(a.body)
	return hex.EncodeToString(sum[:])
}

const (
	dialTimeout   = 5 * time.Second
	maxAddresses  = 4 // of one name that are tried
	maxHeaderSize = 64 << 10
)

// send makes one request, once, and reads its answer. An answer of any status
// is no error; the caller knows what it expects.
func (p *Provider) send(ctx context.Context, call actions.Call, o outgoing) (answer, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, &actions.Error{Class: actions.Transient, Op: o.op, Err: fmt.Errorf("nothing was sent: %w", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	r, err := http.NewRequestWithContext(traced, o.method, o.url.String(), bytes.NewReader(o.body))
	if err != nil {
		return answer{}, &actions.Error{Class: actions.Invalid, Op: o.op, Err: errors.New("the request cannot be written")}
	}
	if len(o.body) == 0 {
		r.Body, r.GetBody, r.ContentLength = nil, nil, 0
	}
	r.Header = o.header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", agent(call))
	}
	transport := p.transport(o.url)
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		call.Requests.Add(o.op, "")
		return answer{}, p.classify(o, connected.Load(), err)
	}
	defer func() { _ = response.Body.Close() }()
	a := answer{status: response.StatusCode, header: response.Header, id: requestID(response.Header, o.hidden)}
	call.Requests.Add(o.op, a.id)
	if a.body, err = io.ReadAll(io.LimitReader(response.Body, p.options.MaxAnswer+1)); err != nil {
		return a, p.classify(o, true, fmt.Errorf("the answer (status %d) broke off: %w", a.status, bare(err)))
	}
	if int64(len(a.body)) > p.options.MaxAnswer {
		e := &actions.Error{Class: actions.Invalid, Op: o.op, RequestID: a.id, Err: fmt.Errorf("the answer is larger than %d bytes, so it was not read to its end", p.options.MaxAnswer), Hint: "ask for less"}
		if o.how == writes {
			e.Class = actions.Unknown
		}
		return a, e
	}
	return a, nil
}

// transport is for one request. It has no proxy, no pool and no unpacking, and
// its dial is checked. See the package comment for why.
func (p *Provider) transport(u *url.URL) *http.Transport {
	return &http.Transport{
		Proxy:                  nil,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaderSize,
		TLSHandshakeTimeout:    dialTimeout,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.options.Roots},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return p.dial(ctx, network, address, u.Scheme == "http")
		},
	}
}

// refusal is an address that must not be dialled.
type refusal struct{ host, addr, why string }

func (r *refusal) Error() string {
	if r.host == r.addr {
		return fmt.Sprintf("the address %s %s", r.addr, r.why)
	}
	return fmt.Sprintf("the host %q leads to %s, which %s", r.host, r.addr, r.why)
}

// dial looks the host up and connects to what was found, and to nothing else.
func (p *Provider) dial(ctx context.Context, network, address string, plain bool) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	var found []netip.Addr
	if addr, err := netip.ParseAddr(host); err == nil {
		found = []netip.Addr{addr}
	} else if found, err = p.options.Resolve(ctx, "ip", host); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("the name %q has no address", host)
	}
	check := func(addr netip.Addr) error {
		if why := Refused(addr, p.options.Private); why != "" {
			return &refusal{host, addr.String(), why}
		}
		if plain && !addr.Unmap().IsLoopback() {
			return &refusal{host, addr.String(), "is not this machine, so the request must be encrypted"}
		}
		return nil
	}
	dialer := net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		// The last word: this is the address of the socket, after all look-ups.
		target, err := netip.ParseAddrPort(address)
		if err != nil {
			return &refusal{host, address, "is no address that can be checked"}
		}
		return check(target.Addr())
	}}
	var failed error
	for _, addr := range found[:min(len(found), maxAddresses)] {
		if !addr.IsValid() || addr.Zone() != "" { // the dialer would take it for a name, and look it up
			return nil, &refusal{host, addr.String(), Refused(addr, nil)}
		}
		conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(addr.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = err
		if _, no := errors.AsType[*refusal](err); no || ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// agent names us, and on whose behalf.
func agent(call actions.Call) string {
	name := "firebreak"
	if call.Incident != "" && strings.Trim(call.Incident, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == "" {
		name += " (" + call.Incident + ")"
	}
	return name
}

// requestID is the server's own id of the request, for its log.
func requestID(h http.Header, hidden veil) string {
	for _, name := range []string{"X-Okta-Request-Id", "X-GitHub-Request-Id", "X-Request-Id", "Request-Id"} {
		if id := h.Get(name); id != "" {
			return hidden.word(id, 100)
		}
	}
	return ""
}
