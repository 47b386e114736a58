package awstest

import (
	"net/http"
	"testing"
)

// Refusal is how a service says no.
type Refusal struct {
	Status int
	Code   string
	Of     []string // operations that are refused; none: the one that the faults are about
}

// Faults prepares faults of one operation by name, for actionstest: the refusals
// that are given, "denied" among them, and those of the wire, which are the same
// for every service.
//
//	broken after the effect   answered with 500, every attempt
//	cut before the effect     never arrives, every attempt
//	cut, then refused         takes effect without an answer, and is denied when it is sent again
func (w *World) Faults(operation string, refusals map[string]Refusal) func(*testing.T, string) {
	refuse := func(r Refusal) {
		for _, one := range r.Of {
			w.Proxy.Refuse(one, r.Status, r.Code)
		}
		if len(r.Of) == 0 {
			w.Proxy.Refuse(operation, r.Status, r.Code)
		}
	}
	return func(t *testing.T, name string) {
		switch said, known := refusals[name]; {
		case known:
			refuse(said)
		case name == "broken after the effect":
			w.Proxy.BreakAfterEffect(operation, EveryAttempt, http.StatusInternalServerError, "InternalError")
		case name == "cut before the effect":
			w.Proxy.DropBeforeEffect(operation, EveryAttempt)
		case name == "cut, then refused":
			w.Proxy.DropAfterEffect(operation, 1)
			refuse(refusals["denied"])
		default:
			t.Fatalf("no fault is called %q", name)
		}
	}
}
