package awsfake

import (
	"fmt"
	"net/http"
	"sync"
)

// Fault is something that goes wrong with the next calls of an operation.
// Without Drop, Code or Hold it does nothing.
type Fault struct {
	Operation string // "iam:UpdateAccessKey"; empty: every operation
	Times     int    // how many calls it strikes; zero: all, until Heal
	After     bool   // it strikes after the effect took place; else instead of it
	Hold      *Hold  // the call waits here first
	Drop      bool   // the connection is cut without an answer
	Status    int    // with Code: the HTTP status of the answer
	Code      string // such as "Throttling"
	Message   string // empty: AWS's wording for the code
}

// Hold keeps calls waiting until it is released. Make it with NewHold.
type Hold struct {
	reached, released chan struct{}
	once, twice       sync.Once
}

// NewHold gives a hold that nobody has reached.
func NewHold() *Hold {
	return &Hold{reached: make(chan struct{}), released: make(chan struct{})}
}

// Reached is closed when a call waits here.
func (h *Hold) Reached() <-chan struct{} { return h.reached }

// Release lets the waiting calls and all later ones go on.
func (h *Hold) Release() { h.twice.Do(func() { close(h.released) }) }

// DropAfterEffect cuts the connection after the effect: the answer is lost.
func DropAfterEffect(operation string, times int) Fault {
	return Fault{Operation: operation, Times: times, After: true, Drop: true}
}

// Throttled refuses calls because there are too many.
func Throttled(operation string, times int) Fault {
	return Fault{Operation: operation, Times: times, Status: http.StatusBadRequest, Code: "Throttling"}
}

// Denied refuses calls for lack of permission, until Heal.
func Denied(operation string) Fault {
	return Fault{Operation: operation, Status: http.StatusForbidden, Code: "AccessDenied"}
}

// Broken answers with an internal error, before the effect or after it.
func Broken(operation string, times int, after bool) Fault {
	return Fault{Operation: operation, Times: times, After: after, Status: http.StatusInternalServerError, Code: "ServiceFailure"}
}

// Inject adds a fault. Of several that fit a call, the oldest strikes.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal takes all faults away.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// wait holds the call; it answers false when the client has gone meanwhile.
func (f *Fault) wait(r *http.Request) bool {
	if f.Hold == nil {
		return true
	}
	f.Hold.once.Do(func() { close(f.Hold.reached) })
	select {
	case <-f.Hold.released:
		return true
	case <-r.Context().Done():
		return false
	}
}

// strike does the harm. It answers false when the call goes on as usual.
func (f *Fault) strike(s *Server, w http.ResponseWriter, q *request) bool {
	switch {
	case f.Drop:
		panic(http.ErrAbortHandler) // cuts the connection, without a trace in the log
	case f.Code == "":
		return false
	}
	message := f.Message
	if message == "" {
		message = s.wording(f.Code, q)
	}
	s.refuse(w, q, failure{f.Status, f.Code, message})
	return true
}

// wording is how AWS puts it.
func (s *Server) wording(code string, q *request) string {
	switch code {
	case "Throttling":
		return "Rate exceeded"
	case "ServiceFailure":
		return "The request processing has failed because of an unknown error, exception or failure."
	case "AccessDenied":
		name := q.service + ":" + q.operation
		who := q.caller.arn
		if who == "" {
			who = "arn:aws:iam::" + s.options.Account + ":user/firebreak-operator"
		}
		return fmt.Sprintf("User: %s is not authorized to perform: %s because no identity-based policy allows the %s action", who, name, name)
	}
	return code
}
