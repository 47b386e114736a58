package runbooks

import (
	"slices"
	"strings"
)

func (s *source) acts(n *node, own bool) []actDecl {
	if n.kind != listNode {
		s.fail(n.pos, "wrong-type", "write what each person does: - {approve: STEP, by: PERSON}", "what people do must be a list, not %s", n.shown())
		return nil
	}
	var list []actDecl
	for _, item := range n.items {
		list = append(list, s.act(item, own))
	}
	return list
}

func (s *source) act(n *node, own bool) actDecl {
	a := actDecl{pos: n.pos, own: own}
	var doing []string
	verb := func(name string) func(*node) {
		return func(n *node) {
			doing = append(doing, name)
			a.verb = At[string]{name, n.pos}
			if name != "cancel" {
				s.word(&a.step, testStep)(n)
				return
			}
			if v, ok := n.boolean(); !ok || !v {
				s.fail(n.pos, "wrong-type", "write cancel: true", "this must be true, not %s", n.shown())
			}
		}
	}
	keys := []key{
		{"by", true, s.word(&a.by, personID)},
		{"after", false, s.span(&a.after, longestTest)},
		{"at", false, s.span(&a.at, longestTest)},
		{"reason", false, s.text(&a.reason)},
		{"with", false, func(n *node) { a.with = n }},
		{"confirm", false, s.oneOf(&a.confirm, "not_applied")},
		{"for", false, s.span(&a.forSpan, longestTest)},
		{"unsigned", false, s.flag(&a.unsigned)},
		{"refused", false, s.text(&a.refused)},
	}
	var verbs []key
	for _, name := range testVerbs() {
		verbs = append(verbs, key{name, false, verb(name)})
	}
	s.object(n, "what a person does", append(keys, verbs...)...)
	if n.kind != mapNode {
		return a
	}
	switch {
	case len(doing) == 0 && !slices.ContainsFunc(n.pairs, func(p pair) bool { return !slices.ContainsFunc(keys, func(k key) bool { return k.name == p.key.text }) }):
		s.fail(n.pos, "missing", "add one of "+strings.Join(testVerbs(), ", "), "the person does nothing")
	case len(doing) > 1:
		s.fail(n.pos, "value", "make a line of each", "a person does one thing, not %s", strings.Join(doing, " and "))
	}
	if a.after.Set() && a.at.Set() {
		s.fail(a.at.Pos, "value", "after counts from the question, at from the start of the run", "after and at do not go together")
	}
	only := func(set bool, pos Pos, key string, verbs ...string) {
		if set && a.verb.Set() && !slices.Contains(verbs, a.verb.Value) {
			s.fail(pos, "value", "leave it out", "%s has no %q", a.verb.Value, key)
		}
	}
	only(a.with != nil, placeOf(a.with), "with", "answer", "review")
	only(a.confirm.Set(), a.confirm.Pos, "confirm", "retry")
	only(a.unsigned.Set(), a.unsigned.Pos, "unsigned", "approve")
	only(a.forSpan.Set(), a.forSpan.Pos, "for", "extend")
	if slices.Contains([]string{"deny", "skip", "cancel", "extend", "keep", "break_glass"}, a.verb.Value) && !a.reason.Set() && !a.refused.Set() {
		s.fail(n.pos, "missing", `add reason: "..."`, "nobody can %s without a reason", strings.Replace(a.verb.Value, "_glass", " the glass", 1))
	}
	if a.verb.Value == "extend" && !a.forSpan.Set() {
		s.fail(n.pos, "missing", "add for: 24h", "it does not say how much longer")
	}
	switch review := a.verb.Value == "review"; {
	case review && a.with == nil:
		s.fail(n.pos, "missing", "add with: justified, or with: unjustified", "it does not say whether it was right")
	case review:
		s.oneOf(&a.verdict, "justified", "unjustified")(a.with)
	}
	return a
}

// placeOf is where a node stands; nothing stands nowhere.
func placeOf(n *node) Pos {
	if n == nil {
		return Pos{}
	}
	return n.pos
}

// testStatuses are the words for where a step stands at the end of a story.
func testStatuses() []string { return append(Statuses(), "held", "manual", "waiting", "in progress") }

func (e *expectDecl) read(s *source) func(*node) {
	return func(n *node) {
		e.Pos = n.pos
		before := len(s.found)
		defer func() { e.bad = len(s.found) > before }()
		names := func(into *At[[]string], f form) func(*node) {
			return func(n *node) {
				var list []At[string]
				var set bool
				s.words(&list, &set, f)(n)
				*into = At[[]string]{values(list), n.pos}
			}
		}
		s.object(n, "expect",
			key{"run", false, s.oneOf(&e.Run, "done", "failed", "refused", "cancelled", "active")},
			key{"reason", false, s.text(&e.Reason)},
			key{"path", false, names(&e.Path, testStep)},
			key{"steps", false, func(n *node) {
				s.each(n, "steps", testStep, func(step At[string], v *node) {
					var status At[string]
					s.oneOf(&status, testStatuses()...)(v)
					e.Steps = append(e.Steps, TestPair[string]{step.Value, step.Pos, status.Value})
				})
			}},
			key{"because", false, func(n *node) {
				s.each(n, "because", testStep, func(step At[string], v *node) {
					var why At[string]
					s.text(&why)(v)
					e.Because = append(e.Because, TestPair[string]{step.Value, step.Pos, why.Value})
				})
			}},
			key{"attempts", false, func(n *node) {
				s.each(n, "attempts", testStep, func(step At[string], v *node) {
					var many At[int]
					s.count(&many, 0, 1000)(v)
					e.Attempts = append(e.Attempts, TestPair[int]{step.Value, step.Pos, many.Value})
				})
			}},
			key{"outputs", false, func(n *node) { s.each(n, "outputs", anyWord, func(At[string], *node) {}); e.outputs = n.pairs }},
			key{"step_outputs", false, func(n *node) {
				s.each(n, "step_outputs", testStep, func(At[string], *node) {})
				e.stepOutputs = n.pairs
			}},
			key{"approvals", false, func(n *node) {
				s.each(n, "approvals", testStep, func(step At[string], v *node) {
					e.Approvals = append(e.Approvals, TestPair[TestApproval]{step.Value, step.Pos, s.testApproval(v, names)})
				})
			}},
			key{"undone", false, names(&e.Undone, testStep)},
			key{"evidence", false, names(&e.Evidence, testStep)},
			key{"within", false, s.span(&e.Within, longestTest)},
			key{"timeline", false, func(n *node) { var set bool; s.words(&e.Timeline, &set, anyWord)(n) }},
		)
	}
}

func (s *source) testApproval(n *node, names func(*At[[]string], form) func(*node)) TestApproval {
	var a TestApproval
	if n.kind == scalarNode {
		var none At[string]
		s.oneOf(&none, "none")(n)
		a.None = none.Set()
		return a
	}
	s.object(n, "an approval",
		key{"quorum", false, s.count(&a.Quorum, 1, 20)},
		key{"from", false, names(&a.From, principal)},
		key{"verdict", false, s.oneOf(&a.Verdict, "granted", "denied", "expired", "voided", "withdrawn", "open")},
		key{"by", false, names(&a.By, personID)},
		key{"asked", false, s.count(&a.Asked, 1, 100)},
	)
	return a
}
