package main

import (
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// examineSigners looks whether each approval that counts signatures only can
// be given: by people of the directory who have a key there. No runbook that
// wants signatures, no finding.
func examineSigners(programs []*runbooks.Program, d *chatops.Directory, floors []*engine.Floor) []finding {
	var list []finding
	wanted := 0
	for _, p := range programs {
		for path, s := range p.Deep() {
			wants := []*runbooks.Approval{s.Approval}
			for _, floor := range floors {
				wants = append(wants, engine.EffectiveApproval(s, floor))
			}
			if s.Undo != nil {
				wants = append(wants, s.Undo.Approval)
			}
			short := ""
			for _, a := range wants {
				if a == nil || !a.StepUp {
					continue
				}
				wanted++
				if can := signers(d, a.From); can < a.Quorum {
					short = fmt.Sprintf("step %q of runbook %q wants %s from %s, and %s a key there; add ssh_keys to them in the directory",
						path, p.ID, count(a.Quorum, "signature"), strings.Join(a.From, ", "), having(can))
				}
			}
			if short != "" {
				list = append(list, finding{"signatures", false, short})
			}
			for _, by := range breakers(s, floors) {
				wanted++
				if signers(d, by) == 0 {
					list = append(list, finding{"signatures", false, fmt.Sprintf("nobody can break the glass at step %q of runbook %q: it takes a signature, and nobody of %s has a key; add ssh_keys to them in the directory",
						path, p.ID, strings.Join(by, ", "))})
				}
			}
		}
	}
	if wanted > 0 && len(list) == 0 {
		list = append(list, finding{"signatures", true, "whoever is asked to sign has a key, enough of them each time"})
	}
	return list
}

// breakers lists who may break the glass at a step and at its undo, where the
// floor of an environment leaves it.
func breakers(s *runbooks.Step, floors []*engine.Floor) [][]string {
	if len(floors) == 0 {
		floors = []*engine.Floor{nil}
	}
	steps := []*runbooks.Step{s}
	if s.Undo != nil && s.Undo.Approval != nil {
		undo := *s
		undo.Approval, undo.Effect = s.Undo.Approval, actions.Reversible
		steps = append(steps, &undo)
	}
	var list [][]string
	for _, one := range steps {
		for _, floor := range floors {
			if a := engine.EffectiveApproval(one, floor); a != nil && a.BreakGlass != nil {
				list = append(list, a.BreakGlass.By)
				break
			}
		}
	}
	return list
}

// signers counts the people among those asked who have a key.
func signers(d *chatops.Directory, from []string) int {
	n := 0
	for _, id := range d.Members(from) {
		if p, ok := d.Person(id); ok && len(p.SSHKeys) > 0 {
			n++
		}
	}
	return n
}

func having(n int) string {
	switch n {
	case 0:
		return "nobody has"
	case 1:
		return "only 1 person has"
	}
	return fmt.Sprintf("only %d people have", n)
}
