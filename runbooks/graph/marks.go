package graph

import (
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// marks says what is to be known about a step, in the order of the signs.
func marks(s *runbooks.Step) []Mark {
	var out []Mark
	add := func(sign Sign, code, format string, args ...any) {
		out = append(out, Mark{sign, fmt.Sprintf(format, args...), code})
	}
	if e := s.ForEach; e != nil {
		limit := "none may fail"
		switch {
		case e.MaxPercent > 0:
			limit = fmt.Sprintf("%d%% may fail", e.MaxPercent)
		case e.MaxErrors > 0:
			limit = fmt.Sprintf("%d may fail", e.MaxErrors)
		}
		add(SignEach, source(e.In), "for each, %d at once, %s:", max(e.MaxParallel, 1), limit)
	}
	if s.If != nil {
		add(SignIf, s.If.Source, "only if")
	}
	switch {
	case s.Approval != nil:
		add(SignApproval, "", "%s", asks(s.Approval))
	case s.Changes():
		add(SignUnasked, "", "nobody is asked")
	}
	if s.Evidence {
		add(SignEvidence, "", "evidence: taken before anything is changed")
	}
	if w := s.Wait; w != nil {
		if w.Until != nil {
			add(SignWait, w.Until.Source, "until")
		} else {
			add(SignWait, "", "for %s", runbooks.SpanText(w.For))
		}
	}
	if m := s.Manual; m != nil {
		answer := "a person does it and reports"
		if m.Answer != nil {
			answer = "a person answers: " + answerWords(m.Answer)
		}
		if s.Total > 0 {
			answer += ", within " + runbooks.SpanText(s.Total)
		}
		add(SignAnswer, "", "%s", answer)
	}
	switch {
	case s.Verify != nil:
		add(SignVerify, "", "proved within %s", runbooks.SpanText(s.Verify.Within))
	case s.Changes():
		add(SignUnproved, "", "nothing proves the effect")
	}
	undoMark(s, add)
	if c := s.Contains; c != nil {
		add(SignContains, "", "ends after %s: %s decide", runbooks.SpanText(c.Expires), strings.Join(c.Ask, ", "))
	}
	if s.Retry.Attempts > 1 {
		add(SignRetry, "", "up to %d attempts, first pause %s", s.Retry.Attempts, runbooks.SpanText(s.Retry.Backoff))
	}
	reactionMark(s, add)
	if s.Runbook != nil && s.Runbook.Program != nil && len(s.Runbook.Program.OnCancel) > 0 {
		add(SignOnFailure, "", "cancelled: its own on_cancel runs before it ends")
	}
	if s.Uses != "" && s.Total > 0 {
		add(SignLimit, "", "at most %s in all", runbooks.SpanText(s.Total))
	}
	return out
}

func undoMark(s *runbooks.Step, add func(Sign, string, string, ...any)) {
	switch {
	case s.Undo != nil && s.Undo.Manual != nil:
		add(SignUndo, "", "taken back by a person")
	case s.Undo != nil && s.Undo.Approval != nil:
		add(SignUndo, "", "can be taken back; %s", asks(s.Undo.Approval))
	case s.CanUndo && s.Changes():
		add(SignUndo, "", "can be taken back")
	case s.Changes():
		add(SignNoUndo, "", "cannot be taken back")
	}
}

func reactionMark(s *runbooks.Step, add func(Sign, string, string, ...any)) {
	failure, refused := reaction(s.OnFailure), ""
	if s.Approval != nil {
		refused = reaction(s.OnRefused)
	}
	switch {
	case failure != "" && failure == refused:
		add(SignOnFailure, "", "failed or refused: %s", failure)
	case failure != "" && refused != "":
		add(SignOnFailure, "", "failed: %s; refused: %s", failure, refused)
	case failure != "":
		add(SignOnFailure, "", "failed: %s", failure)
	case refused != "":
		add(SignOnFailure, "", "refused: %s", refused)
	}
}

// reaction is what follows, in words; nothing for what is usual.
func reaction(r runbooks.Reaction) string {
	switch r {
	case runbooks.Continue:
		return "go on"
	case runbooks.Undo:
		return "take everything back"
	case runbooks.Ask:
		return "ask a person"
	}
	return ""
}

// asks says who has to say yes.
func asks(a *runbooks.Approval) string {
	text := fmt.Sprintf("%d yes from %s within %s", a.Quorum, strings.Join(a.From, ", "), runbooks.SpanText(a.Expires))
	if a.StepUp {
		text += ", signed by SSH key"
	}
	if e := a.Escalate; e != nil {
		text += fmt.Sprintf("; after %s also %s", runbooks.SpanText(e.After), strings.Join(e.To, ", "))
	}
	if g := a.BreakGlass; g != nil {
		text += fmt.Sprintf("; break-glass: %s", strings.Join(g.By, ", "))
	}
	return text
}

func answerWords(in *runbooks.Input) string {
	switch {
	case len(in.Enum) > 0:
		return strings.Join(in.Enum, ", ")
	case in.Format != "":
		return in.Format
	}
	return string(in.Type)
}

func source(e *runbooks.Expression) string {
	if e == nil {
		return ""
	}
	return e.Source
}
