package main

import (
	"fmt"
	"strings"

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
		}
	}
	if wanted > 0 && len(list) == 0 {
		list = append(list, finding{"signatures", true, "whoever is asked to sign has a key, enough of them each time"})
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
