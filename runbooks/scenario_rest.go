package runbooks

func (f *ScenarioFile) readClocks(n *node) {
	s := f.source
	first := map[string]Pos{}
	s.list(n, "clocks", `- {id: gdpr, text: ..., within: 72h, note: ...}`, maxClocks, func(n *node) {
		d := clockDecl{pos: n.pos}
		s.object(n, "a clock",
			key{"id", true, s.word(&d.id, plainName)},
			key{"text", true, s.text(&d.text)},
			key{"from", false, s.word(&d.from, plainName)},
			key{"within", true, s.span(&d.within, longestEffect)},
			key{"note", true, s.text(&d.note)},
		)
		s.onlyOnce(first, d.id, "clock")
		f.clocks = append(f.clocks, d)
	})
}

// forbiddenKeys are the keys that say what is forbidden.
func forbiddenKeys() []string { return []string{"action", "step", "target", "verb"} }

func (f *ScenarioFile) readForbidden(n *node) {
	s := f.source
	s.list(n, "forbidden", "- {step: STEP, why: ...}", maxForbidden, func(n *node) {
		d := forbiddenDecl{pos: n.pos}
		s.object(n, "what is forbidden",
			key{"action", false, s.word(&d.action, actionName)},
			key{"step", false, s.word(&d.step, testStep)},
			key{"target", false, s.word(&d.target, targetPattern)},
			key{"verb", false, s.oneOf(&d.verb, scenarioVerbs()...)},
			key{"of", false, s.word(&d.of, testStep)},
			key{"why", true, s.text(&d.why)},
		)
		if n.kind == mapNode {
			d.which = n.chosen(forbiddenKeys()...)
			s.exactly(d.which, n.pos, "it is not said what is forbidden", forbiddenKeys()...)
			if at := n.at("of"); at.Line > 0 && n.at("verb").Line == 0 {
				s.fail(at, "value", "add verb: ..., or write step:", "of says which step a verb is about")
			}
		}
		f.forbidden = append(f.forbidden, d)
	})
}

func (f *ScenarioFile) readEnd(n *node) {
	s := f.source
	f.end.pos = n.pos
	s.object(n, "end", key{"when", false, s.formula(&f.end.when, "when")}, key{"max", true, s.span(&f.end.max, longestScenario)})
}

func (f *ScenarioFile) readScript(n *node) {
	s := f.source
	s.list(n, "script", `- {by: PERSON, at: 1m, type: "approve STEP"}`, maxScript, func(n *node) {
		d := lineDecl{pos: n.pos}
		s.object(n, "a line of the script", append([]key{
			{"by", true, s.word(&d.by, personID)},
			{"type", true, s.text(&d.line)},
			{"via", false, s.oneOf(&d.via, "chat")},
			{"each", false, s.flag(&d.each)},
			{"refused", false, s.text(&d.refuse)},
		}, d.trigger.keys(s)...)...)
		d.trigger.fits(s, n, "it is not said when the line is typed", triggerKeys()[:4]...)
		if d.each.Value && n.at("asked").Line == 0 {
			s.fail(d.each.Pos, "value", "add asked: STEP, or leave it out", "each is for each question, and so belongs to asked")
		}
		f.script = append(f.script, d)
	})
}
