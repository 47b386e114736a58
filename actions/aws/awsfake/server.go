package awsfake

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options configure a Server. The zero value is a good start.
type Options struct {
	Account  string           // twelve digits; empty: 111122223333
	Now      func() time.Time // nil: time.Now
	Lag      int              // so many reads after a write still see the state before it
	PageSize int              // longest page of a list; zero: no limit
}

// Server is a running fake. Its methods are safe for concurrent use.
type Server struct {
	options  Options
	http     *http.Server
	url      string
	operator Credentials
	auditor  Credentials

	mu       sync.Mutex
	accounts map[string]*account
	stale    map[string]*account // what lagging reads see
	lag      int                 // reads that still lag
	sessions []*Session
	calls    []Call
	faults   []*Fault
	serial   int
}

// Credentials are what a client signs with.
type Credentials struct{ AccessKeyID, SecretAccessKey string }

// Call is one request that was received.
type Call struct {
	Operation   string // "iam:UpdateAccessKey"
	Caller      string // ARN; empty when the key was refused
	AccessKeyID string
	UserAgent   string
	RequestID   string
	Status      int // HTTP status of the answer; zero while held, and when the connection was cut
}

// New starts a fake on a free loopback port, with one account and an operator
// in it. Close it after use.
func New(options Options) (*Server, error) {
	if options.Account == "" {
		options.Account = "111122223333"
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the simulated AWS: %w", err)
	}
	s := &Server{options: options, url: "http://" + listener.Addr().String(), accounts: map[string]*account{}}
	s.AddUser("firebreak-operator")
	s.operator = s.NewAccessKey("firebreak-operator")
	s.AddUser(auditorName)
	s.auditor = s.NewAccessKey(auditorName)
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.http.Serve(listener) }() // ends with Close
	return s, nil
}

// URL is the base URL to give the SDK as its endpoint.
func (s *Server) URL() string { return s.url }

// Account is the id of the account that New made.
func (s *Server) Account() string { return s.options.Account }

// Operator are the credentials of a user that may do everything.
func (s *Server) Operator() Credentials { return s.operator }

// Auditor are the credentials of a user for whom nothing lags: neither do its
// reads, nor do others' reads lag behind what it writes. Tests prepare and
// inspect with it.
func (s *Server) Auditor() Credentials { return s.auditor }

const auditorName = "auditor"

// Close stops the server and lets go of every held call.
func (s *Server) Close() error {
	s.mu.Lock()
	for _, fault := range s.faults {
		if fault.Hold != nil {
			fault.Hold.Release()
		}
	}
	s.mu.Unlock()
	return s.http.Close()
}

// Calls lists the requests so far, in order of arrival.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Count says how often an operation such as "iam:UpdateAccessKey" was called.
func (s *Server) Count(operation string) int {
	n := 0
	for _, call := range s.Calls() {
		if call.Operation == operation {
			n++
		}
	}
	return n
}

// ForgetCalls empties the list of calls.
func (s *Server) ForgetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// request is one call on its way through the fake.
type request struct {
	operation string // "UpdateAccessKey"
	service   string // "iam"
	region    string
	form      url.Values
	caller    caller
	account   *account // what this call reads or writes
	id        string
	now       time.Time
	index     int // in Server.calls
}

// failure is an answer that says no.
type failure struct {
	status        int
	code, message string
}

// ServeHTTP answers one call of the IAM or STS query protocol.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		http.Error(w, "not a query request", http.StatusBadRequest)
		return
	}
	keyID, region, service := credentialScope(r.Header.Get("Authorization"))
	q := &request{operation: form.Get("Action"), service: service, region: region, form: form, now: s.options.Now().UTC()}
	fault := s.arrive(q, Call{Operation: service + ":" + q.operation, AccessKeyID: keyID, UserAgent: r.UserAgent()})
	if fault != nil && !fault.After {
		if !fault.wait(r) || fault.strike(s, w, q) {
			return
		}
	}
	answer, failed := s.perform(q, keyID, r.Header.Get("X-Amz-Security-Token"))
	if fault != nil && fault.After {
		if !fault.wait(r) || fault.strike(s, w, q) {
			return
		}
	}
	if failed != nil {
		s.refuse(w, q, *failed)
		return
	}
	s.answer(w, q, answer)
}

// arrive notes the call and takes the fault that is meant for it, if any.
func (s *Server) arrive(q *request, call Call) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	q.id = fmt.Sprintf("00000000-0000-4000-8000-%012d", s.serial)
	call.RequestID = q.id
	q.index = len(s.calls)
	s.calls = append(s.calls, call)
	for i, fault := range s.faults {
		if fault.Operation != "" && fault.Operation != call.Operation {
			continue
		}
		if fault.Times > 0 {
			if fault.Times--; fault.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return fault
	}
	return nil
}

// perform checks who calls and does what is asked.
func (s *Server) perform(q *request, keyID, token string) (element, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	who, failed := s.authenticate(keyID, token)
	if failed != nil {
		return element{}, failed
	}
	q.caller = who
	if q.index < len(s.calls) && s.calls[q.index].RequestID == q.id {
		s.calls[q.index].Caller = who.arn
	}
	who.used(q)
	name := q.service + ":" + q.operation
	if name != "sts:GetCallerIdentity" && who.denied(name) {
		return element{}, &failure{http.StatusForbidden, "AccessDenied", fmt.Sprintf("User: %s is not authorized to perform: %s with an explicit deny in an identity-based policy", who.arn, name)}
	}
	op, known := operations[name]
	if !known {
		return element{}, &failure{http.StatusBadRequest, "InvalidAction", fmt.Sprintf("Could not find operation %s; this fake does not know it", name)}
	}
	q.account = s.account(who.account)
	if who.principal.name == auditorName {
		return op.do(s, q)
	}
	if op.writes {
		return s.write(q, op)
	}
	if s.lag > 0 && s.stale[who.account] != nil && q.service == "iam" {
		s.lag--
		q.account = s.stale[who.account]
	}
	return op.do(s, q)
}

// write does a change; reads lag behind it if that was asked for.
func (s *Server) write(q *request, op operation) (element, *failure) {
	if s.options.Lag > 0 {
		if s.lag == 0 {
			s.stale = map[string]*account{}
		}
		if s.stale[q.account.id] == nil {
			s.stale[q.account.id] = q.account.clone()
		}
		s.lag = s.options.Lag
	}
	return op.do(s, q)
}

func (s *Server) answer(w http.ResponseWriter, q *request, result element) {
	namespace := "https://iam.amazonaws.com/doc/2010-05-08/"
	if q.service == "sts" {
		namespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	}
	result.name = q.operation + "Result"
	s.send(w, q, http.StatusOK, element{name: q.operation + "Response", namespace: namespace, children: []element{
		result, group("ResponseMetadata", leaf("RequestId", q.id)),
	}})
}

func (s *Server) refuse(w http.ResponseWriter, q *request, f failure) {
	who := "Sender"
	if f.status >= http.StatusInternalServerError {
		who = "Receiver"
	}
	s.send(w, q, f.status, group("ErrorResponse",
		group("Error", leaf("Type", who), leaf("Code", f.code), leaf("Message", f.message)), leaf("RequestId", q.id)))
}

func (s *Server) send(w http.ResponseWriter, q *request, status int, root element) {
	s.mu.Lock()
	if q.index < len(s.calls) && s.calls[q.index].RequestID == q.id {
		s.calls[q.index].Status = status
	}
	s.mu.Unlock()
	var b strings.Builder
	root.write(&b)
	h := w.Header()
	h.Set("Content-Type", "text/xml")
	h.Set("X-Amzn-Requestid", q.id)
	h.Set("Date", q.now.Format(http.TimeFormat))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, b.String()) // a client that has gone needs no answer
}

// credentialScope reads key id, region and service out of
// "AWS4-HMAC-SHA256 Credential=AKIA.../20261122/us-east-1/iam/aws4_request, ...".
func credentialScope(authorization string) (keyID, region, service string) {
	_, rest, _ := strings.Cut(authorization, "Credential=")
	scope, _, _ := strings.Cut(rest, ",")
	parts := strings.Split(scope, "/")
	if len(parts) != 5 {
		return "", "", ""
	}
	return parts[0], parts[2], parts[3]
}

// element is a piece of an XML answer.
type element struct {
	name, namespace, text string
	children              []element
}

func leaf(name, text string) element { return element{name: name, text: text} }

func group(name string, children ...element) element {
	return element{name: name, children: children}
}

func (e element) write(b *strings.Builder) {
	b.WriteString("<" + e.name)
	if e.namespace != "" {
		b.WriteString(` xmlns="` + e.namespace + `"`)
	}
	b.WriteString(">")
	if err := xml.EscapeText(b, []byte(e.text)); err != nil {
		panic(errors.Join(errors.New("awsfake: a string builder failed"), err))
	}
	for _, child := range e.children {
		child.write(b)
	}
	b.WriteString("</" + e.name + ">")
}
