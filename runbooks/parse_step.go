package runbooks

import (
	"fmt"
	"strings"
	"time"
)

// StepDecl is a step as written.
type StepDecl struct {
	Pos       Pos
	ID        At[string]
	Title     At[string]
	Uses      At[string]
	Calls     At[string] // runbook:, the id
	Digest    At[string] // of the runbook that is called, as far as written
	If        At[string]
	Needs     []At[string]
	NeedsSet  bool // needs: was written, maybe as []
	Answer    *InputDecl
	ForEach   *ForEachDecl
	Approval  *ApprovalDecl
	Within    At[Span]
	Verify    Pos // of verify:
	Attempts  At[int]
	Backoff   At[Span]
	Timeout   At[Span] // of one attempt
	Total     At[Span]
	OnFailure At[string]
	OnRefused At[string]
	Critical  At[bool]
	Evidence  At[bool]
	Contains  *ContainsDecl
	Undo      *UndoDecl

	node         *node
	with         *node
	instructions *node
	condition    *node
	waits        bool // has wait:
	waitFor      At[Span]
	waitUntil    *node
	bad          bool // does not say in a usable way what it does
}

// ForEachDecl is a for_each as written.
type ForEachDecl struct {
	Pos         Pos
	MaxParallel At[int]
	MaxErrors   At[int]
	MaxPercent  At[int]
	in          *node
}

// ApprovalDecl is an approval as written.
type ApprovalDecl struct {
	Pos      Pos
	From     []At[string]
	Quorum   At[int]
	Expires  At[Span]
	Remind   At[Span]
	StepUp   At[bool]
	Escalate Pos
	After    At[Span]
	To       []At[string]

	BreakGlass *BreakGlassDecl
}

// BreakGlassDecl is a break_glass as written.
type BreakGlassDecl struct {
	Pos        Pos
	By, Review []At[string]
	Within     At[Span]
}

// ContainsDecl is a contains as written.
type ContainsDecl struct {
	Pos     Pos
	Expires At[Span]
	Ask     []At[string]
	askSet  bool // ask: was written, maybe with a fault
}

// UndoDecl is an undo as written.
type UndoDecl struct {
	Pos      Pos
	Approval *ApprovalDecl
	Verify   Pos // of verify:
	Within   At[Span]
	manual   *node
}

func (s *source) steps(n *node, what string) []StepDecl {
	switch {
	case n.kind != listNode:
		s.fail(n.pos, "wrong-type", "begin each step with a dash: - id: name", "%s must be a list, not %s", what, n.shown())
		return nil
	case len(n.items) == 0:
		s.fail(n.pos, "missing", "", "there are no steps")
		return nil
	case len(n.items) > maxSteps:
		s.fail(n.items[maxSteps].pos, "size", "split the runbook", "there are %d steps; at most %d are allowed", len(n.items), maxSteps)
		return nil
	}
	steps := make([]StepDecl, len(n.items))
	for i, item := range n.items {
		steps[i].read(s, item)
	}
	return steps
}

// read reads one step. A new key of the language is one more line here, a word
// in [keysOf] and one more method of the compiler.
func (d *StepDecl) read(s *source, n *node) {
	d.Pos, d.node = n.pos, n
	reactions := []string{string(Stop), string(Continue), string(Undo), string(Ask)}
	s.object(n, "a step",
		key{"id", true, s.word(&d.ID, plainName)},
		key{"title", false, s.text(&d.Title)},
		key{"uses", false, s.word(&d.Uses, actionName)},
		key{"with", false, func(n *node) { d.with = n }},
		key{"manual", false, d.readManual(s)},
		key{"wait", false, d.readWait(s)},
		key{"runbook", false, d.readCall(s)},
		key{"for_each", false, d.readForEach(s)},
		key{"if", false, d.readCondition(s)},
		key{"needs", false, s.words(&d.Needs, &d.NeedsSet, plainName)},
		key{"approval", false, func(n *node) { d.Approval = s.approval(n) }},
		key{"verify", false, s.verify(&d.Verify, &d.Within)},
		key{"retry", false, func(n *node) {
			s.object(n, "retry", key{"attempts", true, s.count(&d.Attempts, 1, 10)}, key{"backoff", false, s.span(&d.Backoff, time.Hour)})
		}},
		key{"timeout", false, d.readTimeout(s, n)},
		key{"on_failure", false, s.oneOf(&d.OnFailure, reactions...)},
		key{"on_refused", false, s.oneOf(&d.OnRefused, reactions...)},
		key{"critical", false, s.flag(&d.Critical)},
		key{"evidence", false, s.flag(&d.Evidence)},
		key{"contains", false, d.readContains(s)},
		key{"undo", false, d.readUndo(s)},
	)
	if n.kind == mapNode {
		d.whatItDoes(s, n)
	}
	if at := n.at("for_each"); at.Line > 0 && d.ForEach == nil {
		d.ForEach = &ForEachDecl{Pos: at} // without a value
	}
}

// at is where a key of a map stands, or the zero Pos.
func (n *node) at(name string) Pos {
	for _, p := range n.pairs {
		if p.key.text == name {
			return p.key.pos
		}
	}
	return Pos{}
}

// valueOf is what a map has under a key, or nil.
func (n *node) valueOf(name string) *node {
	for _, p := range n.pairs {
		if p.key.text == name {
			return p.value
		}
	}
	return nil
}

func (d *StepDecl) readCondition(s *source) func(*node) {
	return func(n *node) {
		if s.scalarIn(n, "if must be an expression") {
			d.If, d.condition = At[string]{n.text, n.pos}, n
		}
	}
}

func (s *source) approval(n *node) *ApprovalDecl {
	a := &ApprovalDecl{Pos: n.pos}
	s.object(n, "approval",
		key{"from", true, s.people(&a.From)},
		key{"quorum", false, s.count(&a.Quorum, 1, 20)},
		key{"expires", false, s.span(&a.Expires, longest)},
		key{"remind", false, s.span(&a.Remind, longest)},
		key{"step_up", false, s.flag(&a.StepUp)},
		key{"escalate", false, func(n *node) {
			a.Escalate = n.pos
			s.object(n, "escalate", key{"after", true, s.span(&a.After, longest)}, key{"to", true, s.people(&a.To)})
		}},
		key{"break_glass", false, func(n *node) { a.BreakGlass = s.breakGlass(n) }},
	)
	return a
}

func (s *source) breakGlass(n *node) *BreakGlassDecl {
	g := &BreakGlassDecl{Pos: n.pos}
	s.object(n, "break_glass",
		key{"by", true, s.people(&g.By)},
		key{"review", true, s.people(&g.Review)},
		key{"within", false, s.span(&g.Within, longestReview)},
	)
	return g
}

func (s *source) verify(at *Pos, within *At[Span]) func(*node) {
	return func(n *node) {
		*at = n.pos
		s.object(n, "verify", key{"within", true, s.span(within, longest)})
	}
}

// readTimeout reads the short form and the long one. A person has no attempts,
// and more time than an action.
func (d *StepDecl) readTimeout(s *source, step *node) func(*node) {
	manual := step.kind == mapNode && step.at("manual").Line > 0
	attempt, total := s.span(&d.Timeout, longest), s.span(&d.Total, longest)
	if manual {
		total = s.span(&d.Total, longestPatient)
		attempt = func(n *node) {
			s.fail(n.pos, "value", "write timeout: 2h", "a manual step has no attempts, only a time for all of it")
		}
	}
	return func(n *node) {
		switch {
		case n.kind == mapNode:
			s.object(n, "timeout", key{"attempt", false, attempt}, key{"total", false, total})
			if len(n.pairs) == 0 {
				s.fail(n.pos, "missing", `write timeout: 30s, or timeout: {attempt: 30s, total: 10m}`, "timeout does not say how long")
			}
		case manual:
			total(n)
		default:
			attempt(n)
		}
	}
}

func (d *StepDecl) readContains(s *source) func(*node) {
	return func(n *node) {
		if n.kind == scalarNode {
			s.fail(n.pos, "wrong-type", "write contains: {expires: 72h}", "contains must be a map of keys and values, not %s", n.shown())
			return
		}
		c := &ContainsDecl{Pos: n.pos}
		s.object(n, "contains", key{"expires", true, s.span(&c.Expires, longestEffect)}, key{"ask", false, func(n *node) {
			c.askSet = true
			s.people(&c.Ask)(n)
		}})
		d.Contains = c
	}
}

func (d *StepDecl) readUndo(s *source) func(*node) {
	return func(n *node) {
		u := &UndoDecl{Pos: n.pos}
		s.object(n, "undo",
			key{"approval", false, func(n *node) { u.Approval = s.approval(n) }},
			key{"verify", false, s.verify(&u.Verify, &u.Within)},
			key{"manual", false, func(n *node) {
				if s.scalarIn(n, "undo: manual must be a text that says how a person takes it back") {
					u.manual = n
				}
			}},
		)
		switch d.Undo = u; {
		case n.kind != mapNode:
			d.Undo = nil
		case len(n.pairs) == 0:
			s.fail(n.pos, "missing", "say approval, verify or manual; or leave undo out, then the step is taken back as its action does", "undo says nothing")
		case n.at("manual").Line == 0:
			return
		}
		for _, name := range []string{"approval", "verify"} {
			if at := n.at(name); at.Line > 0 {
				s.fail(at, "value", fmt.Sprintf("leave %s out; a person takes it back and says so", name), "an undo is either manual or by the action, and only the action's has %s", withArticle(name))
			}
		}
	}
}

func withArticle(name string) string {
	if strings.ContainsRune("aeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}
