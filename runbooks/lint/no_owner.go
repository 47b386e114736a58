package lint

import "github.com/firebreak-ir/firebreak/runbooks"

func noOwner() Rule {
	return Rule{
		Name:     "no-owner",
		Severity: runbooks.SeverityError,
		Doc:      "A runbook has a team that answers for it and a place where they can be reached.",
		check: func(p *pass) {
			switch o := p.program.Owner; {
			case o.Team == "" && o.Contact == "":
				p.report(runbooks.Pos{}, "the runbook has no owner", `add owner: {team: ..., contact: "#..."}`)
			case o.Team == "":
				p.report(runbooks.Pos{}, "the owner has no team", "add team: to owner:")
			case o.Contact == "":
				p.report(runbooks.Pos{}, "the owner has no contact", "add contact: to owner:, a channel or an address")
			}
		},
	}
}
