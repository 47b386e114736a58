package actions

import (
	"context"
	"errors"
	"strings"
)

// Class says what an error of the world means for the step. It is given once,
// where the provider's error is first seen.
type Class string

// The classes. Unknown is the only one that leaves the outcome open; every
// other class promises that the call had no effect.
const (
	Transient    Class = "transient"    // refused for now, no effect: may be tried again
	Throttled    Class = "throttled"    // too many calls, no effect: later
	Denied       Class = "denied"       // no permission
	NotFound     Class = "not-found"    // the target does not exist
	Precondition Class = "precondition" // the target is not in a state that allows it
	Invalid      Class = "invalid"      // the request is wrong
	Unknown      Class = "unknown"      // no answer, or one that does not tell: may have taken effect
)

// Classes lists all classes in a fixed order.
func Classes() []Class {
	return []Class{Transient, Throttled, Denied, NotFound, Precondition, Invalid, Unknown}
}

// Error is what went wrong in the world.
type Error struct {
	Class     Class
	Op        string // what was being done: "iam:UpdateAccessKey"
	Hint      string // what a person can do next; may be empty
	RequestID string // the provider's id of the request; may be empty
	Err       error
}

// Error is the sentence for people.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Err != nil {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(e.Err.Error())
	}
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// ClassOf is the class of err: that of the first *Error in its chain, else
// Unknown, because an error nobody classified proves nothing.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok && e.Class != "" {
		return e.Class
	}
	return Unknown
}

// AsError gives err as an *Error, classified by [ClassOf] when it is not one
// yet. A cancelled or expired context is Unknown: the request may have been sent.
func AsError(op string, err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		if e.Class == "" {
			copied := *e
			copied.Class = Unknown
			return &copied
		}
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Class: Unknown, Op: op, Err: errors.New("no answer before the time limit")}
	}
	return &Error{Class: Unknown, Op: op, Err: err}
}

// Problem is a wrong value, named by its path inside the parameters
// ("tags.0.key"; empty for the whole). Whoever knows the file adds the position.
type Problem struct {
	Path    string
	Message string
	Hint    string
}

// Problems are all wrong values of one set of parameters.
type Problems []Problem

// Error joins them into one sentence.
func (p Problems) Error() string {
	parts := make([]string, len(p))
	for i, one := range p {
		parts[i] = one.Message
		if one.Path != "" {
			parts[i] = one.Path + ": " + one.Message
		}
		if one.Hint != "" {
			parts[i] += " (" + one.Hint + ")"
		}
	}
	return strings.Join(parts, "; ")
}
