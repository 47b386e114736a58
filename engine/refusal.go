package engine

import "fmt"

// Code names why a request was refused, for machines and for the help texts.
type Code string

// The codes.
const (
	NoIncident      Code = "E_NO_INCIDENT"
	NoRun           Code = "E_NO_RUN"
	NoStep          Code = "E_NO_STEP"
	NoRunbook       Code = "E_NO_RUNBOOK"
	NotAllowed      Code = "E_NOT_ALLOWED" // no right to do this
	NotKnown        Code = "E_NOT_KNOWN"   // a stranger, a guest, a bot
	NotApprover     Code = "E_NOT_APPROVER"
	SelfApproval    Code = "E_SELF_APPROVAL"
	SubjectConflict Code = "E_SUBJECT_CONFLICT"
	AlreadyDecided  Code = "E_ALREADY_DECIDED"
	AlreadyVoted    Code = "E_ALREADY_VOTED"
	Expired         Code = "E_EXPIRED"
	PlanChanged     Code = "E_PLAN_CHANGED"
	StepUpRequired  Code = "E_STEP_UP_REQUIRED" // a yes without the signature it needs
	BadSignature    Code = "E_BAD_SIGNATURE"    // a signature that does not hold, or by a key of somebody else
	NoBreakGlass    Code = "E_BG_NOT_ALLOWED"   // the runbook or the environment lets nobody break the glass here
	ConfirmMismatch Code = "E_CONFIRM_MISMATCH" // the target that was typed out is none of the plan's
	Unreviewed      Code = "E_UNREVIEWED_BREAK_GLASS"
	ReasonRequired  Code = "E_REASON_REQUIRED"
	NotRetryable    Code = "E_NOT_RETRYABLE"
	OutcomeUnknown  Code = "E_OUTCOME_UNKNOWN"
	NotManual       Code = "E_NOT_MANUAL"
	NotSkippable    Code = "E_NOT_SKIPPABLE"
	NotUndoable     Code = "E_NOT_UNDOABLE"
	NotContained    Code = "E_NOT_CONTAINED"
	NotRunning      Code = "E_NOT_RUNNING"
	AlreadyRunning  Code = "E_ALREADY_RUNNING"
	OpenSteps       Code = "E_OPEN_STEPS"
	IsResolved      Code = "E_RESOLVED"
	InputInvalid    Code = "E_INPUT_INVALID"
	WrongPlace      Code = "E_WRONG_ENVIRONMENT"
	Duplicate       Code = "E_DUPLICATE" // the same request came before
	FutureTime      Code = "E_FUTURE_TIME"
	NotADrill       Code = "E_NOT_A_DRILL"  // a word for an exercise, and the incident is live
	OutOfReach      Code = "E_OUT_OF_REACH" // the exercise is held, or says that this person or the chat cannot be reached
	Usage           Code = "E_USAGE"
)

// Refusal is a request that is not followed, with a sentence for the person
// who made it: what, and what to do next.
type Refusal struct {
	Code    Code
	Message string
}

// Error is the sentence.
func (r *Refusal) Error() string { return r.Message }

// Refuse makes a Refusal.
func Refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}
