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
	maxOutputs     = 100
	maxWaivers     = 100
	maxEnum        = 100
	maxWords       = 500 // in one list of words
	maxExpressions = 1000

	longest        = 24 * time.Hour       // of what the engine does
	longestPatient = 7 * 24 * time.Hour   // of what a person does, and of a wait
	longestReview  = 30 * 24 * time.Hour  // of people who look at something afterwards
	longestEffect  = 366 * 24 * time.Hour // of an effect that is meant to end
)

// The forms of names. Names that stand in expressions have no dash, which
// would read as minus.
var (
	runbookID   = matching(`[a-z0-9]+(-[a-z0-9]+)*`, "use lower-case letters, digits and single dashes, such as leaked-access-key")
	plainName   = matching(`[a-z][a-z0-9_]{0,62}`, "use lower-case letters, digits and underscores, starting with a letter; a dash would read as minus in an expression")
	environment = matching(`[a-z][a-z0-9_-]{0,62}`, "use lower-case letters, digits, dashes and underscores, starting with a letter")
	principal   = matching(`(group|person):[A-Za-z0-9][A-Za-z0-9._@-]{0,99}`, "write group:NAME or person:NAME")
	actionName  = matching(`[a-z][a-z0-9]*(\.[a-z][a-z0-9_]*)+`, "an action is named like aws.iam.deactivate_access_key")
	ruleName    = matching(`[a-z][a-z0-9]*(-[a-z0-9]+)*`, "a rule is named like destructive-without-undo")
	hexDigits   = matching(`[0-9a-f]{12,64}`, "write the first 12 or more hex digits of the digest that firebreak lint shows")
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
	Outputs      []OutputDecl
	Steps        []StepDecl
	OnCancel     []StepDecl
	Waivers      []WaiverDecl

	source *source
}

// OutputDecl is an output as written.
type OutputDecl struct {
	Name  At[string]
	value *node
}

// WaiverDecl is a waiver as written.
type WaiverDecl struct {
	Pos                                Pos
	Rule, Step, Reason, Owner, Expires At[string]
}

// OwnerDecl is the owner as written.
type OwnerDecl struct {
	Pos                     Pos
	Team, Contact, Escalate At[string]
}

func (d OwnerDecl) owner() Owner {
	return Owner{Team: d.Team.Value, Contact: d.Contact.Value, Escalate: d.Escalate.Value}
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
		switch {
		case kind.text == kindTests:
			hint = "this file holds tests; play them with: firebreak test"
		case kind.text == kindScenario:
			hint = "this file is a scenario; play it with: firebreak rehearse"
		case hint == "":
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
		key{"owner", false, s.owner(&rb.Owner)},
		key{"environments", false, s.words(&rb.Environments, &set, environment)},
		key{"budget", false, s.span(&rb.Budget, longest)},
		key{"review_by", false, s.date(&rb.ReviewBy)},
		key{"inputs", false, rb.inputs},
		key{"outputs", false, rb.outputs},
		key{"steps", true, func(n *node) { rb.Steps = s.steps(n, "steps") }},
		key{"on_cancel", false, func(n *node) { rb.OnCancel = s.steps(n, "on_cancel") }},
		key{"waivers", false, rb.waivers},
	)
}

func (s *source) owner(into *OwnerDecl) func(*node) {
	return func(n *node) {
		into.Pos = n.pos
		s.object(n, "owner",
			key{"team", false, s.text(&into.Team)},
			key{"contact", false, s.text(&into.Contact)},
			key{"escalate", false, s.word(&into.Escalate, principal)},
		)
	}
}

func (rb *Runbook) outputs(n *node) {
	s := rb.source
	if n.kind != mapNode {
		s.fail(n.pos, "wrong-type", `write name: expression, such as disabled: steps.disable.status == "done"`, "outputs must be a map of names, not %s", n.shown())
		return
	}
	for _, p := range n.pairs {
		if len(rb.Outputs) == maxOutputs {
			s.fail(p.key.pos, "size", "", "there are more than %d outputs", maxOutputs)
			return
		}
		var out OutputDecl
		s.word(&out.Name, plainName)(p.key)
		if p.value.kind == mapNode {
			s.fail(p.value.pos, "wrong-type", "write name: expression, such as "+out.Name.Value+": inputs.NAME", "an output must be an expression, not %s", p.value.shown())
		} else if s.scalarIn(p.value, "an output must be an expression") {
			out.value = p.value
		}
		if out.Name.Set() && out.value != nil {
			rb.Outputs = append(rb.Outputs, out)
		}
	}
}

func (rb *Runbook) waivers(n *node) {
	s := rb.source
	switch {
	case n.kind != listNode:
		s.fail(n.pos, "wrong-type", "begin each waiver with a dash: - rule: name", "waivers must be a list, not %s", n.shown())
		return
	case len(n.items) > maxWaivers:
		s.fail(n.items[maxWaivers].pos, "size", "", "there are more than %d waivers", maxWaivers)
		return
	}
	for _, item := range n.items {
		d := WaiverDecl{Pos: item.pos}
		s.object(item, "a waiver",
			key{"rule", true, s.word(&d.Rule, ruleName)},
			key{"step", false, s.word(&d.Step, plainName)},
			key{"reason", true, s.text(&d.Reason)},
			key{"owner", true, s.word(&d.Owner, principal)},
			key{"expires", true, s.date(&d.Expires)},
		)
		rb.Waivers = append(rb.Waivers, d)
	}
}
