package runbooks

import (
	"fmt"
	"slices"
	"strings"
)

// warn notes what may be meant, and most often is not.
func (s *source) warn(pos Pos, rule, hint, format string, args ...any) {
	if s.full() {
		return
	}
	s.found = append(s.found, Diagnostic{File: s.name, Pos: pos, Rule: rule, Severity: SeverityWarning, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// warnings finds what makes a scenario that fits one that shows nothing.
func (c *scenarioCheck) warnings(s *Scenario) {
	f := c.file
	if !f.aims {
		c.warn(f.root, "no-objective", "add objectives: [{id: o1, text: ...}]", "the scenario has no objective, so it cannot show whether it went well")
	}
	switch o := f.owner; {
	case o.Team.Value == "" && o.Contact.Value == "":
		c.warn(f.root, "no-owner", `add owner: {team: ..., contact: "#..."}`, "the scenario has no owner")
	case o.Team.Value == "":
		c.warn(o.Pos, "no-owner", "add team: to owner:", "the owner has no team")
	case o.Contact.Value == "":
		c.warn(o.Pos, "no-owner", "add contact: to owner:, a channel or an address", "the owner has no contact")
	}
	c.late(s)
	c.ownDelivery()
	c.nobodyLeft(s)
}

// earliest is the soonest that each inject can be delivered, since the start.
func (c *scenarioCheck) earliest() map[string]Span {
	soonest, open := map[string]Span{}, map[string]bool{}
	for _, start := range c.ids {
		var trail []*injectDecl
		for id := start; c.injects[id] != nil && !open[id]; id = c.injects[id].trigger.after.Value {
			open[id] = true
			trail = append(trail, c.injects[id])
		}
		for _, d := range slices.Backward(trail) {
			soonest[d.id.Value] = d.trigger.at.Value + d.trigger.delay.Value + soonest[d.trigger.after.Value]
		}
	}
	return soonest
}

// late finds what can only happen when the exercise is over.
func (c *scenarioCheck) late(s *Scenario) {
	most := s.End.Max
	if most == 0 {
		return // it was said
	}
	soonest := c.earliest()
	for i, d := range c.file.injects {
		at := soonest[d.id.Value]
		if at >= most {
			c.warn(d.pos, "never-delivered", "deliver it earlier, or make end.max longer", "inject %s comes after %s at the earliest, when the exercise is over (%s)", word(d.id.Value), SpanText(at), SpanText(most))
			continue
		}
		for _, e := range s.Injects[i].Expect {
			if at+e.Within > most && e.Within > 0 {
				c.warn(e.Pos, "late-expectation", "make within shorter, or end.max longer", "this can be expected until %s, and the exercise is over after %s", SpanText(at+e.Within), SpanText(most))
			}
		}
	}
	for _, d := range c.file.script {
		if at := d.trigger.at.Value + d.trigger.delay.Value + soonest[d.trigger.after.Value]; at >= most {
			c.warn(d.pos, "never-typed", "let it come earlier, or make end.max longer", "this is typed after %s at the earliest, when the exercise is over (%s)", SpanText(at), SpanText(most))
		}
	}
}

// ownDelivery finds an inject whose condition reads its own delivery.
func (c *scenarioCheck) ownDelivery() {
	for _, d := range c.file.injects {
		n := d.trigger.when
		if n == nil || !d.id.Set() {
			continue
		}
		e, _ := c.tools.compile(strings.TrimSpace(n.text), c.when, nil)
		if e != nil && slices.Contains(e.Paths(), "injects."+d.id.Value+".delivered") {
			c.warn(n.pos, "never-delivered", "read another inject, or a step", "inject %s waits for its own delivery", word(d.id.Value))
		}
	}
}

// nobodyLeft finds the injects after which nobody of people may approve a step
// any more, because all are away and none comes back. As long as somebody is there
// who may break the glass there is a way on, and it may be what is exercised.
func (c *scenarioCheck) nobodyLeft(s *Scenario) {
	back := map[string]bool{}
	for _, d := range c.file.injects {
		for _, who := range d.got {
			back[who.Value] = true
		}
	}
	able, here, of := map[string]int{}, map[string]int{}, map[string][]string{} // by step, by step, by person
	need, alone, glass := map[string]int{}, map[string]int{}, map[string][]string{}
	for _, path := range c.names {
		approval := c.approvalOf(c.steps[path])
		if approval != nil {
			need[path] = approval.Quorum
		}
		for _, p := range s.People {
			if approval != nil && approval.asks(p) {
				able[path]++
				here[path]++
				of[p.ID] = append(of[p.ID], path)
			}
			if approval != nil && approval.BreakGlass != nil && among(approval.BreakGlass.By, p) {
				alone[path]++
				glass[p.ID] = append(glass[p.ID], path)
			}
		}
	}
	gone, said := map[string]bool{}, map[string]bool{}
	for _, d := range c.file.injects {
		for _, who := range d.away {
			if back[who.Value] || gone[who.Value] {
				continue
			}
			gone[who.Value] = true
			for _, path := range of[who.Value] {
				here[path]--
			}
			for _, path := range glass[who.Value] {
				alone[path]--
			}
			for _, path := range slices.Concat(of[who.Value], glass[who.Value]) {
				if gone := able[path] - here[path]; gone > 0 && here[path] < need[path] && alone[path] == 0 && !said[path] {
					said[path] = true
					c.warn(who.Pos, "nobody-left", "let somebody come back: back: [...] in another inject", "from here on nobody can approve step %s: of the people who may, %d of %d are away for good, and it needs %d", word(path), gone, able[path], need[path])
				}
			}
		}
	}
}

// asks says whether a person is among those who are asked, at first or later.
func (a *Approval) asks(p TestPerson) bool {
	return among(a.From, p) || a.Escalate != nil && among(a.Escalate.To, p)
}

// among says whether a person is one of "group:x" and "person:y".
func among(list []string, p TestPerson) bool {
	return slices.ContainsFunc(list, func(who string) bool {
		kind, name, _ := strings.Cut(who, ":")
		return kind == "person" && name == p.ID || kind == "group" && slices.Contains(p.Groups, name)
	})
}
