package runbooks

import (
	"github.com/firebreak-ir/firebreak/actions"
)

// testCase reads a case, a row of its table, or the defaults.
func (s *source) testCase(n *node, what string, own bool) caseDecl {
	c := caseDecl{pos: n.pos}
	keys := []key{
		{"incident", false, func(n *node) {
			s.object(n, "incident", key{"title", false, s.text(&c.title)}, key{"severity", false, s.count(&c.severity, 1, 4)})
		}},
		{"requester", false, s.word(&c.requester, personID)},
		{"environment", false, c.env.read(s)},
		{"inputs", false, func(n *node) { s.each(n, "inputs", anyWord, func(At[string], *node) {}); c.inputs = n.pairs }},
		{"answers", false, func(n *node) {
			s.each(n, "answers", testStep, func(step At[string], v *node) { c.answers = append(c.answers, s.answers(step, v, own)) })
		}},
		{"people", false, func(n *node) { c.acts, c.actsSet = s.acts(n, own), true }},
		{"expect", false, c.expect.read(s)},
	}
	if own {
		keys = append(keys, key{"name", true, s.text(&c.name)})
	}
	if what == "a case" {
		keys = append(keys, key{"table", false, func(n *node) { c.table = s.table(n) }})
	}
	s.object(n, what, keys...)
	return c
}

func (s *source) table(n *node) []caseDecl {
	const hint = "write a row with a name in each line: - {name: ..., inputs: {...}}"
	if n.kind != listNode {
		s.fail(n.pos, "wrong-type", hint, "a table must be a list of rows, not %s", n.shown())
		return nil
	}
	if len(n.items) == 0 {
		s.fail(n.pos, "missing", hint, "the table has no rows")
	}
	var rows []caseDecl
	first := map[string]Pos{}
	for _, item := range n.items {
		row := s.testCase(item, "a row", true)
		s.onlyOnce(first, row.name, "row")
		rows = append(rows, row)
	}
	return rows
}

func (e *environmentDecl) read(s *source) func(*node) {
	return func(n *node) {
		s.object(n, "environment",
			key{"name", false, s.word(&e.name, environment)},
			key{"account", false, s.text(&e.account)},
			key{"region", false, s.text(&e.region)},
			key{"protected", false, s.words(&e.protected, &e.protectedSet, anyWord)},
			key{"floor", false, func(n *node) {
				e.floor = &floorDecl{}
				s.object(n, "floor",
					key{"effect", true, s.oneOf(&e.floor.effect, string(actions.Read), string(actions.Reversible), string(actions.Destructive))},
					key{"from", true, s.people(&e.floor.from)},
					key{"quorum", true, s.count(&e.floor.quorum, 1, 20)},
					key{"break_glass", false, s.flag(&e.floor.breakGlass)})
			}},
		)
	}
}

func (s *source) answers(step At[string], n *node, own bool) answersDecl {
	d := answersDecl{step: step, own: own}
	items := []*node{n}
	if n.kind == listNode {
		if items = n.items; len(items) == 0 {
			s.fail(n.pos, "missing", "", "there is no answer in the list")
		}
	}
	for _, item := range items {
		d.list = append(d.list, s.answer(item))
	}
	return d
}

func (s *source) answer(n *node) answerDecl {
	a := answerDecl{pos: n.pos}
	before := len(s.found)
	s.object(n, "an answer",
		key{"outputs", false, func(n *node) { a.outputs = n }},
		key{"targets", false, func(n *node) { a.targets = n }},
		key{"then_targets", false, func(n *node) { a.drifts = n }},
		key{"changes", false, s.words(&a.changes, &a.changesSet, anyWord)},
		key{"in_effect", false, s.flag(&a.inEffect)},
		key{"no_undo", false, s.text(&a.noUndo)},
		key{"takes", false, s.span(&a.takes, longestTest)},
		key{"fails", false, s.oneOf(&a.fails, classes(false)...)},
		key{"plan_fails", false, s.oneOf(&a.planFails, classes(true)...)},
		key{"readings", false, func(n *node) { a.readings = n }},
		key{"times", false, s.count(&a.times, 1, 10)},
		key{"message", false, s.text(&a.message)},
		key{"unknown", false, s.flag(&a.unknown)},
		key{"times_out", false, s.flag(&a.timesOut)},
		key{"found", false, s.oneOf(&a.found, string(actions.Applied), string(actions.NotApplied), string(actions.FoundUnknown))},
		key{"lies", false, s.flag(&a.lies)},
		key{"unreadable", false, s.flag(&a.unreadable)},
		key{"verified_after", false, s.span(&a.verifiedAfter, longestTest)},
	)
	a.bad = len(s.found) > before
	return a
}

// readings reads what each reading of a target sees.
func (s *source) readings(n *node) []TestReading {
	if n.kind != listNode || len(n.items) == 0 {
		s.fail(n.pos, "wrong-type", "write [{targets: [...]}, {fails: denied}]", "readings must be a list, not %s", n.shown())
		return nil
	}
	var list []TestReading
	for _, item := range n.items {
		var fails At[string]
		var targets *node
		s.object(item, "a reading", key{"targets", false, func(n *node) { targets = n }}, key{"fails", false, s.oneOf(&fails, classes(true)...)})
		if targets != nil && fails.Set() {
			s.fail(item.pos, "value", "make two readings of it", "targets and fails do not go together")
		}
		list = append(list, TestReading{Targets: s.targets(targets), Fails: actions.Class(fails.Value)})
	}
	return list
}

// classes lists the classes of failures.
func classes(unknown bool) []string {
	var list []string
	for _, c := range actions.Classes() {
		if unknown || c != actions.Unknown {
			list = append(list, string(c))
		}
	}
	return list
}

// targets reads what a plan names: "type:id", "type:account/id", or a map.
func (s *source) targets(n *node) []actions.Target {
	if n == nil {
		return nil
	}
	if n.kind != listNode {
		s.fail(n.pos, "wrong-type", `write ["aws.iam.user:ci-deployer"]`, "targets must be a list, not %s", n.shown())
		return nil
	}
	list := []actions.Target{}
	for _, item := range n.items {
		if item.kind == mapNode {
			var kind, id, account, region At[string]
			s.object(item, "a target", key{"type", true, s.text(&kind)}, key{"id", true, s.text(&id)}, key{"account", false, s.text(&account)}, key{"region", false, s.text(&region)})
			list = append(list, actions.Target{Type: kind.Value, ID: id.Value, Account: account.Value, Region: region.Value})
			continue
		}
		m := targetText.FindStringSubmatch(item.text)
		if m == nil {
			s.fail(item.pos, "value", "write type:id or type:account/id, such as aws.iam.user:ci-deployer", "%s does not name a target", item.shown())
			continue
		}
		list = append(list, actions.Target{Type: m[1], Account: m[2], ID: m[3]})
	}
	return list
}
