package lint

import "github.com/firebreak-ir/firebreak/runbooks"

func noOwner() Rule {
	return Rule{
		Name:     "no-owner",
		Severity: runbooks.SeverityError,
		Doc:      "A runbook has a team that answers for it and a place where they can be reached.",
		Bad: `
owner: {team: cloud-security}
steps:
  - {id: look, uses: aws.iam.lookup_access_key, with: {access_key_id: "${{ inputs.key }}"}}
`,
		Good: `
owner: {team: cloud-security, contact: "#cloud-sec"}
steps:
  - {id: look, uses: aws.iam.lookup_access_key, with: {access_key_id: "${{ inputs.key }}"}}
`,
		Waivable: true,
		Paper:    true,
		check: func(p *pass) {
			switch o := p.program.Owner; {
			case o.Team == "" && o.Contact == "":
				p.runbook("the runbook has no owner", `add owner: {team: ..., contact: "#..."}`)
			case o.Team == "":
				p.runbook("the owner has no team", "add team: to owner:")
			case o.Contact == "":
				p.runbook("the owner has no contact", "add contact: to owner:, a channel or an address")
			}
		},
	}
}
