package runbooks

import (
	"time"
)

// What the head of a file must say.
const (
	apiVersion  = "firebreak/v1"
	kindRunbook = "Runbook"
)

// Limits on a runbook.
const (
	maxSteps       = 500
	maxInputs      = 100
	maxExpressions = 2000
	longest        = 24 * time.Hour
)

// The forms of names. Names that stand in expressions have no dash, which
// would read as minus.
var (
	runbookID   = matching(`[a-z0-9]+(-[a-z0-9]+)*`, "use lower-case letters, digits and single dashes, such as leaked-access-key")
	plainName   = matching(`[a-z][a-z0-9_]{0,62}`, "use lower-case letters, digits and underscores, starting with a letter; a dash would read as minus in an expression")
	environment = matching(`[a-z][a-z0-9_-]{0,62}`, "use lower-case letters, digits, dashes and underscores, starting with a letter")
	principal   = matching(`(group|person):[A-Za-z0-9][A-Za-z0-9._@-]{0,99}`, "write group:NAME or person:NAME")
	actionName  = matching(`[a-z][a-z0-9]*(\.[a-z][a-z0-9_]*)+`, "an action is named like aws.iam.deactivate_access_key")
	anyWord     = matching(`(?s).*`, "")
)

// Runbook is a parsed file: a typed tree in which every value knows its place.
// What needs to know the actions is checked by [Compile].
type Runbook struct {
	ID           At[string]
	Title        At[string]
	Description  At[string]
	Owner        OwnerDecl
	Environments []At[string]
	Budget       At[Span]
	ReviewBy     At[string]
	Inputs       []InputDecl
	Steps        []StepDecl

	source *source
}

// OwnerDecl is the owner as written.
type OwnerDecl struct {
	Pos                     Pos
	Team, Contact, Escalate At[string]
}

// InputDecl is an input as written.
type InputDecl struct {
	Name        At[string]
	Type        At[string]
	Description At[string]
	Pattern     At[string]
	Enum        []At[string]
	fallback    *node // default
}

// StepDecl is a step as written.
type StepDecl struct {
	Pos       Pos
	ID        At[string]
	Title     At[string]
	Uses      At[string]
	If        At[string]
	Needs     []At[string]
	NeedsSet  bool // needs: was written, maybe as []
	Approval  *ApprovalDecl
	Within    At[Span]
	Verify    Pos // of verify:
	Attempts  At[int]
	Backoff   At[Span]
	Timeout   At[Span]
	OnFailure At[string]
	OnRefused At[string]

	with         *node
	instructions *node
	manual       Pos
	condition    *node
	bad          bool // has neither uses nor manual
}

// ApprovalDecl is an approval as written.
type ApprovalDecl struct {
	Pos      Pos
	From     []At[string]
	Quorum   At[int]
	Expires  At[Span]
	Escalate Pos
	After    At[Span]
	To       []At[string]
}

// Parse reads YAML into a typed tree and reports every fault at once. With
// faults the tree may still be there, so that [Compile] can find more; it is
// nil when the file is no runbook at all.
func Parse(name string, src []byte) (*Runbook, Diagnostics) {
	s := newSource(name, src)
	rb := &Runbook{source: s}
	if root := s.read(); root == nil || !s.head(root) {
		rb = nil
	} else {
		rb.read(root)
	}
	s.found.Sort()
	return rb, s.found
}

// head makes sure that this is meant to be a runbook before every key of some
// other file is called unknown.
func (s *source) head(root *node) bool {
	start := "start with: apiVersion: " + apiVersion + " and kind: " + kindRunbook
	if root.kind != mapNode {
		s.fail(root.pos, "not-a-runbook", start, "this is not a runbook: it is %s", root.kind)
		return false
	}
	var version, kind *node
	for _, p := range root.pairs {
		switch p.key.text {
		case "apiVersion":
			version = p.value
		case "kind":
			kind = p.value
		}
	}
	switch {
	case version == nil && kind == nil:
		s.fail(root.pos, "not-a-runbook", start, "this is not a runbook: it has no apiVersion and no kind")
		return false
	case version != nil && version.text != apiVersion:
		s.fail(version.pos, "not-a-runbook", "this build reads "+apiVersion, "the apiVersion is %s", version.shown())
		return false
	case kind != nil && kind.text != kindRunbook:
		hint := didYouMean(kind.text, []string{kindRunbook})
		if hint == "" {
			hint = "the only kind is " + kindRunbook
		}
		s.fail(kind.pos, "not-a-runbook", hint, "the kind is %s", kind.shown())
		return false
	}
	return true
}

func (rb *Runbook) read(root *node) {
	s := rb.source
	var version, kind At[string]
	var set bool
	s.object(root, "a runbook",
		key{"apiVersion", true, s.text(&version)},
		key{"kind", true, s.text(&kind)},
		key{"id", true, s.word(&rb.ID, runbookID)},
		key{"title", true, s.text(&rb.Title)},
		key{"description", false, s.text(&rb.Description)},
		key{"owner", false, rb.owner},
		key{"environments", false, s.words(&rb.Environments, &set, environment)},
		key{"budget", false, s.span(&rb.Budget, longest)},
		key{"review_by", false, s.date(&rb.ReviewBy)},
		key{"inputs", false, rb.inputs},
		key{"steps", true, rb.steps},
	)
}

func (rb *Runbook) owner(n *node) {
	s := rb.source
	rb.Owner.Pos = n.pos
	s.object(n, "owner",
		key{"team", false, s.text(&rb.Owner.Team)},
		key{"contact", false, s.text(&rb.Owner.Contact)},
		key{"escalate", false, s.word(&rb.Owner.Escalate, principal)},
	)
}

func (rb *Runbook) inputs(n *node) {
	s := rb.source
	if n.kind != mapNode {
		s.fail(n.pos, "wrong-type", "write name: {type: string}", "inputs must be a map of names, not %s", n.shown())
		return
	}
	for _, p := range n.pairs {
		if len(rb.Inputs) == maxInputs {
			s.fail(p.key.pos, "size", "", "there are more than %d inputs", maxInputs)
			return
		}
		var in InputDecl
		s.word(&in.Name, plainName)(p.key)
		var set bool
		s.object(p.value, "an input",
			key{"type", true, s.oneOf(&in.Type, "string", "int", "bool", "duration")},
			key{"description", false, s.text(&in.Description)},
			key{"pattern", false, s.text(&in.Pattern)},
			key{"enum", false, s.words(&in.Enum, &set, anyWord)},
			key{"default", false, func(n *node) { in.fallback = n }},
		)
		if in.Name.Set() && in.Type.Set() {
			rb.Inputs = append(rb.Inputs, in)
		}
	}
}

func (rb *Runbook) steps(n *node) {
	s := rb.source
	switch {
	case n.kind != listNode:
		s.fail(n.pos, "wrong-type", "begin each step with a dash: - id: name", "steps must be a list, not %s", n.shown())
		return
	case len(n.items) == 0:
		s.fail(n.pos, "missing", "", "there are no steps")
		return
	case len(n.items) > maxSteps:
		s.fail(n.items[maxSteps].pos, "size", "split the runbook", "there are %d steps; at most %d are allowed", len(n.items), maxSteps)
		return
	}
	for _, item := range n.items {
		rb.Steps = append(rb.Steps, rb.step(item))
	}
}

// step reads one step. A new key of the language is one more line here, and
// its meaning one more method of the compiler.
func (rb *Runbook) step(n *node) StepDecl {
	s := rb.source
	d := StepDecl{Pos: n.pos}
	reactions := []string{string(Stop), string(Continue), string(Undo), string(Ask)}
	s.object(n, "a step",
		key{"id", true, s.word(&d.ID, plainName)},
		key{"title", false, s.text(&d.Title)},
		key{"uses", false, s.word(&d.Uses, actionName)},
		key{"with", false, func(n *node) { d.with = n }},
		key{"manual", false, d.readManual(s)},
		key{"if", false, d.readCondition(s)},
		key{"needs", false, s.words(&d.Needs, &d.NeedsSet, plainName)},
		key{"approval", false, d.readApproval(s)},
		key{"verify", false, func(n *node) {
			d.Verify = n.pos
			s.object(n, "verify", key{"within", true, s.span(&d.Within, longest)})
		}},
		key{"retry", false, func(n *node) {
			s.object(n, "retry", key{"attempts", true, s.count(&d.Attempts, 1, 10)}, key{"backoff", false, s.span(&d.Backoff, time.Hour)})
		}},
		key{"timeout", false, s.span(&d.Timeout, longest)},
		key{"on_failure", false, s.oneOf(&d.OnFailure, reactions...)},
		key{"on_refused", false, s.oneOf(&d.OnRefused, reactions...)},
	)
	if n.kind == mapNode {
		d.whatItDoes(s, n)
	}
	return d
}

// whatItDoes makes sure that a step is one thing, and has only the keys of it.
func (d *StepDecl) whatItDoes(s *source, n *node) {
	has := map[string]Pos{}
	for _, p := range n.pairs {
		has[p.key.text] = p.key.pos
	}
	_, uses := has["uses"]
	at, manual := has["manual"]
	d.bad = d.instructions == nil && !d.Uses.Set()
	switch {
	case uses && manual:
		s.fail(at, "value", "make two steps of it", "a step either uses an action or is manual, not both")
	case !uses && !manual:
		s.fail(n.pos, "missing", "add uses: with an action, or manual: with what a person has to do", "the step does nothing")
	case manual:
		for _, name := range []string{"with", "approval", "verify", "retry", "timeout", "on_refused"} {
			if at, ok := has[name]; ok {
				s.fail(at, "value", "leave it out; a person does this step", "a manual step has no %s", name)
			}
		}
	}
}

func (d *StepDecl) readManual(s *source) func(*node) {
	text := func(n *node) {
		if s.scalarIn(n, "the instructions must be a text") {
			d.instructions = n
		}
	}
	return func(n *node) {
		d.manual = n.pos
		if n.kind == mapNode {
			s.object(n, "manual", key{"instructions", true, text})
			return
		}
		text(n)
	}
}

func (d *StepDecl) readCondition(s *source) func(*node) {
	return func(n *node) {
		if s.scalarIn(n, "if must be an expression") {
			d.If, d.condition = At[string]{n.text, n.pos}, n
		}
	}
}

func (d *StepDecl) readApproval(s *source) func(*node) {
	return func(n *node) {
		a := &ApprovalDecl{Pos: n.pos}
		s.object(n, "approval",
			key{"from", true, s.people(&a.From)},
			key{"quorum", false, s.count(&a.Quorum, 1, 20)},
			key{"expires", false, s.span(&a.Expires, longest)},
			key{"escalate", false, func(n *node) {
				a.Escalate = n.pos
				s.object(n, "escalate", key{"after", true, s.span(&a.After, longest)}, key{"to", true, s.people(&a.To)})
			}},
		)
		d.Approval = a
	}
}
