package runbooks

import (
	"strconv"
	"strings"
)

// whatItDoes makes sure that a step is one thing, and has only the keys of it.
func (d *StepDecl) whatItDoes(s *source, n *node) {
	d.bad = d.instructions == nil && !d.Uses.Set() && !d.Calls.Set() && !d.waits
	var is []string
	for _, kind := range []string{"uses", "manual", "wait", "runbook"} {
		if n.at(kind).Line > 0 {
			is = append(is, kind)
		}
	}
	switch len(is) {
	case 0:
		s.fail(n.pos, "missing", "add uses: with an action, manual: with what a person has to do, wait: with a time, or runbook: with an id", "the step does nothing")
		return
	case 1:
	default:
		s.fail(n.at(is[1]), "value", "make two steps of it", "a step does one thing; this one has %s", strings.Join(is, " and "))
		return
	}
	say, hint, keys := keysOf(is[0])
	for _, name := range keys {
		if at := n.at(name); at.Line > 0 {
			s.fail(at, "value", hint, "%s has no %s", say, name)
		}
	}
	if at := n.at("on_refused"); is[0] == "manual" && at.Line > 0 && n.at("approval").Line == 0 {
		s.fail(at, "value", "leave it out, or add an approval", "nobody is asked before this step, so it is never refused")
	}
}

// keysOf says for a kind of step which keys it has not, and why.
func keysOf(kind string) (say, hint string, without []string) {
	switch kind {
	case "manual":
		return "a manual step", "leave it out; a person does this step", []string{"with", "verify", "retry", "undo", "contains"}
	case "wait":
		return "a wait", "leave it out; a wait only lets time pass", []string{
			"with", "for_each", "approval", "verify", "retry", "timeout", "on_failure", "on_refused", "critical", "evidence", "contains", "undo",
		}
	case "runbook":
		return "a step that calls a runbook", "leave it out; the steps of that runbook have their own", []string{
			"approval", "verify", "retry", "timeout", "on_refused", "evidence", "contains", "undo",
		}
	}
	return "a step that uses an action", "", nil
}

func (d *StepDecl) readManual(s *source) func(*node) {
	text := func(n *node) {
		if s.scalarIn(n, "the instructions must be a text") {
			d.instructions = n
		}
	}
	return func(n *node) {
		if n.kind == mapNode {
			s.object(n, "manual",
				key{"instructions", true, text},
				key{"answer", false, func(n *node) { d.Answer = s.typed(n, "answer") }},
			)
			return
		}
		text(n)
	}
}

func (d *StepDecl) readWait(s *source) func(*node) {
	return func(n *node) {
		length := s.span(&d.waitFor, longestPatient)
		switch {
		case n.kind == mapNode && len(n.pairs) > 1 && n.at("for").Line > 0 && n.at("until").Line > 0:
			s.fail(n.at("until"), "value", "make two steps of it", "a wait is either for a time or until a moment, not both")
			return
		case n.kind == mapNode:
			s.object(n, "wait",
				key{"for", false, length},
				key{"until", false, func(n *node) {
					if s.scalarIn(n, "until must be an expression that gives Unix seconds") {
						d.waitUntil = n
					}
				}},
			)
			if len(n.pairs) == 0 {
				s.fail(n.pos, "missing", `write wait: 10m, or wait: {until: now + 600}`, "wait does not say how long")
			}
		case n.kind == scalarNode && (strings.HasPrefix(n.text, "${{") || strings.Contains(n.text, "inputs.") || strings.Contains(n.text, "steps.")):
			s.fail(n.pos, "wrong-type", "write wait: {until: now + inputs.NAME}, or a number and a unit such as 10m", "a wait for a time is written out, and %s is an expression", n.shown())
		default:
			length(n)
		}
		d.waits = d.waitFor.Set() || d.waitUntil != nil
	}
}

func (d *StepDecl) readCall(s *source) func(*node) {
	return func(n *node) {
		id := s.word(&d.Calls, runbookID)
		switch n.kind {
		case listNode:
			s.fail(n.pos, "wrong-type", "make a step for each", "a step calls one runbook, not a list of them")
			return
		case scalarNode:
			id(n)
			return
		}
		s.object(n, "runbook", key{"id", true, id}, key{"digest", false, s.word(&d.Digest, hexDigits)})
	}
}

func (d *StepDecl) readForEach(s *source) func(*node) {
	return func(n *node) {
		f := &ForEachDecl{Pos: n.pos}
		in := func(n *node) {
			if n.kind != scalarNode {
				s.fail(n.pos, "wrong-type", `name a list: inputs.NAME or steps.ID.outputs.NAME; or write it in quotes: '["a", "b"]'`, "for_each must be an expression, such as inputs.NAME, not %s", n.shown())
				return
			}
			if s.scalarIn(n, "for_each must be an expression that gives a list") {
				f.in = n
			}
		}
		if n.kind == mapNode {
			s.object(n, "for_each",
				key{"in", true, in},
				key{"max_parallel", false, s.count(&f.MaxParallel, 1, 100)},
				key{"max_errors", false, f.readMaxErrors(s)},
			)
		} else {
			in(n)
		}
		d.ForEach = f
	}
}

// readMaxErrors reads a number of items, or a share of them: 3, 10%.
func (f *ForEachDecl) readMaxErrors(s *source) func(*node) {
	return func(n *node) {
		share, percent := strings.CutSuffix(n.text, "%")
		if _, number := n.number(); number {
			s.count(&f.MaxErrors, 0, maxPathItems)(n)
			return
		} else if n.kind != scalarNode || !percent {
			s.fail(n.pos, "wrong-type", "write a number of items, or a share of them such as 10%", "this must be a number of items, not %s", n.shown())
			return
		}
		v, err := strconv.Atoi(share)
		if err != nil || v < 1 || v > 100 || share != strconv.Itoa(v) {
			s.fail(n.pos, "value", "write a number of items, or a share of them such as 10%", "%s is not between 1%% and 100%%", word(n.text))
			return
		}
		f.MaxPercent = At[int]{v, n.pos}
	}
}
