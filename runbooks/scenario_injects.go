package runbooks

import (
	"strings"
	"time"
)

// capabilities are what an objective can be about.
func capabilities() []string {
	return []string{"detection", "analysis", "containment", "eradication", "recovery", "communication", "coordination"}
}

// scenarioVerbs are what players can do that a scenario looks at.
func scenarioVerbs() []string {
	return []string{"run", "approve", "deny", "note", "cancel", "retry", "skip", "done", "undo", "extend", "keep", "break_glass", "review", "applied", "not_applied", "export"}
}

// inWords is "a, b or c".
func inWords(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " or " + list[len(list)-1]
}

func (f *ScenarioFile) readObjectives(n *node) {
	s := f.source
	f.aims = true
	first := map[string]Pos{}
	s.list(n, "objectives", "- {id: o1, text: ...}", maxObjectives, func(n *node) {
		d := objectiveDecl{pos: n.pos}
		s.object(n, "an objective",
			key{"id", true, s.word(&d.id, plainName)},
			key{"text", true, s.text(&d.text)},
			key{"capability", false, s.oneOf(&d.capability, capabilities()...)},
			key{"check", false, s.formula(&d.check, "check")},
		)
		s.onlyOnce(first, d.id, "objective")
		f.objectives = append(f.objectives, d)
	})
}

func (f *ScenarioFile) readFacts(n *node) {
	s := f.source
	if len(n.pairs) > maxFacts {
		s.fail(n.pairs[maxFacts].key.pos, "size", "", "there are %d facts; at most %d are allowed", len(n.pairs), maxFacts)
		return
	}
	s.each(n, "facts", factName, func(name At[string], v *node) {
		var t At[string]
		if s.text(&t)(v); t.Set() {
			f.facts = append(f.facts, ScenarioPair{name.Value, t.Value})
		}
	})
}

// readFacilitator reads the name of somebody in people, or a person.
func (f *ScenarioFile) readFacilitator(n *node) {
	s, d := f.source, &f.facilitator
	if n.kind != mapNode {
		s.word(&d.name, personID)(n)
		return
	}
	var set bool
	s.object(n, "facilitator",
		key{"id", true, s.word(&d.person.id, personID)},
		key{"groups", false, s.words(&d.person.groups, &set, personID)},
		key{"identities", false, s.words(&d.person.identities, &set, anyWord)},
	)
}

// triggerKeys are the keys that say when, without the delay.
func triggerKeys() []string { return []string{"at", "after", "asked", "when", "hand"} }

// keys reads when something happens. Hand is a key only of injects.
func (t *triggerDecl) keys(s *source) []key {
	return []key{
		{"at", false, s.moment(&t.at)},
		{"after", false, s.word(&t.after, testStep)},
		{"asked", false, s.word(&t.asked, testStep)},
		{"when", false, s.formula(&t.when, "when")},
		{"delay", false, s.moment(&t.delay)},
	}
}

// fits makes sure that there is one trigger.
func (t *triggerDecl) fits(s *source, n *node, what string, keys ...string) {
	if n.kind != mapNode {
		return
	}
	t.which = n.chosen(triggerKeys()...)
	s.exactly(t.which, n.pos, what, keys...)
	if at := n.at("delay"); at.Line > 0 && len(t.which) == 1 && t.which[0].Value == "hand" {
		s.fail(at, "value", "leave it out", "what is delivered by hand has no delay")
	}
}

// moment reads a time since the start, or a delay: from 0s on.
func (s *source) moment(into *At[Span]) func(*node) {
	most := s.span(into, longestScenario)
	return func(n *node) {
		if d, err := time.ParseDuration(n.text); n.kind == scalarNode && err == nil && d == 0 {
			*into = At[Span]{0, n.pos}
			return
		}
		most(n)
	}
}

// marked reads hand: true.
func (s *source) marked(n *node) {
	if v, ok := n.boolean(); !ok || !v {
		s.fail(n.pos, "wrong-type", "write hand: true, or leave it out", "this must be true, not %s", n.shown())
	}
}

func (f *ScenarioFile) readInjects(n *node) {
	s := f.source
	first := map[string]Pos{}
	s.list(n, "injects", "- {id: i1, at: 0m, to: channel, say: ...}", maxInjects, func(n *node) {
		d := injectDecl{pos: n.pos}
		var set bool
		s.object(n, "an inject", append([]key{
			{"id", true, s.word(&d.id, plainName)},
			{"to", true, s.word(&d.to, audience)},
			{"say", true, s.text(&d.say)},
			{"hand", false, s.marked},
			{"red_flag", false, s.words(&d.redFlag, &set, testStep)},
			{"chat", false, s.oneOf(&d.chat, "down", "up")},
			{"away", false, s.words(&d.away, &set, personID)},
			{"back", false, s.words(&d.got, &set, personID)},
			{"answers", false, func(n *node) { d.answers = s.answersOf(n) }},
			{"expect", false, func(n *node) { d.expect = s.expected(n) }},
		}, d.trigger.keys(s)...)...)
		d.trigger.fits(s, n, "it is not said when the inject is delivered", triggerKeys()...)
		s.onlyOnce(first, d.id, "inject")
		for _, who := range d.got {
			for _, gone := range d.away {
				if gone.Value == who.Value {
					s.fail(who.Pos, "value", "make two injects of it", "%s is away and back at once", word(who.Value))
				}
			}
		}
		f.injects = append(f.injects, d)
	})
}

// expectedKeys are the keys that say what is expected.
func expectedKeys() []string { return []string{"verb", "step", "note", "when", "hand"} }

func (s *source) expected(n *node) []expectedDecl {
	var list []expectedDecl
	s.list(n, "expectations", "- {verb: approve, target: STEP, within: 5m}", maxExpected, func(n *node) {
		d := expectedDecl{pos: n.pos}
		s.object(n, "an expectation",
			key{"verb", false, s.oneOf(&d.verb, scenarioVerbs()...)},
			key{"target", false, s.text(&d.target)},
			key{"step", false, s.word(&d.step, testStep)},
			key{"status", false, s.oneOf(&d.status, Statuses()...)},
			key{"note", false, s.text(&d.note)},
			key{"when", false, s.formula(&d.when, "when")},
			key{"hand", false, s.marked},
			key{"text", false, s.text(&d.text)},
			key{"by", false, s.people(&d.by)},
			key{"within", true, s.span(&d.within, longestScenario)},
			key{"points", false, s.count(&d.points, 0, mostPoints)},
		)
		if n.kind == mapNode {
			d.which = n.chosen(expectedKeys()...)
			s.exactly(d.which, n.pos, "it is not said what is expected", expectedKeys()...)
			d.belongs(s, n)
		}
		list = append(list, d)
	})
	return list
}

// belongs makes sure that each key goes with the kind of the expectation.
func (d *expectedDecl) belongs(s *source, n *node) {
	if len(d.which) != 1 {
		return
	}
	kind := d.which[0].Value
	if at := n.at("target"); at.Line > 0 && kind != "verb" {
		s.fail(at, "value", "leave it out", "target belongs to a verb")
	}
	if at := n.at("status"); at.Line > 0 && kind != "step" {
		s.fail(at, "value", "leave it out", "status belongs to a step")
	}
	if at := n.at("by"); at.Line > 0 && kind != "verb" && kind != "note" {
		s.fail(at, "value", "leave it out", "only a verb and a note are somebody's; %s is nobody's", kind)
	}
	if kind == "hand" && n.at("text").Line == 0 {
		s.fail(n.pos, "missing", "add text: ... for the facilitator", "what is judged by hand needs a text")
	}
}
