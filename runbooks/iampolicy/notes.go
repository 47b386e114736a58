package iampolicy

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxAttached is how many managed policies a role may have unless AWS was asked
// for more.
const maxAttached = 10

// told lists what a person has to know before attaching the documents.
func (c *collector) told(set *Set) []string {
	if c.options.Account == "" {
		c.note("No account is given, so the resources are those of any account: give --account or --env.")
	}
	var sizes []string
	for _, p := range set.Policies {
		size := 0
		for _, d := range p.Documents {
			size += d.Size()
		}
		sizes = append(sizes, string(p.Phase)+" "+strconv.Itoa(size))
		if len(p.Documents) > 1 {
			c.note("%s is split into %d documents, because one may have %d characters; attach all of them to the same role.", p.Phase, len(p.Documents), c.options.Limit)
		}
		if len(p.Documents) > maxAttached {
			c.note("%s has more documents than the %d managed policies that a role may have unless AWS is asked for more.", p.Phase, maxAttached)
		}
		for _, r := range p.Rows {
			c.inline(r)
			c.conflict(r, set.Denies)
		}
		if len(p.Rows) == 0 {
			c.note("No step needs rights for %s: the document holds the denies alone.", p.Phase)
		}
	}
	c.note("The documents are meant as managed policies (%d characters each). Inline, a user's policies may have 2048 characters together, a role's %d; here it would be: %s.", MaxManaged, MaxInlineRole, strings.Join(sizes, ", "))
	c.note("Give each phase a role of its own and name it in environments.<name>.roles; or give the one role of an environment the documents of all phases, and leave release off until something is to be undone (until then undo is refused by AWS).")
	c.note("firebreak's own identity needs sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity on that role, and the role has to trust it: see --trust.")
	c.note("firebreak's own identities and those for breaking the glass are protected by their names: firebreak-* and break-glass-*.")
	return slices.Sorted(maps.Keys(c.notes))
}

// inline warns of rights to write policies.
func (c *collector) inline(r Row) {
	if !slices.Contains([]string{"iam:PutRolePolicy", "iam:PutUserPolicy", "iam:PutGroupPolicy"}, r.Action) {
		return
	}
	for _, resource := range r.Resources {
		more := ""
		if strings.HasSuffix(resource, "/*") || resource == "*" {
			more = " This is close to being an administrator: narrow the path (" + strings.TrimSuffix(resource, "*") + "workloads/*, say) to where your people and workloads live."
		}
		c.note("IAM cannot restrict the content of an inline policy: whoever has %s on %s can give everything to what that is.%s", r.Action, resource, more)
	}
}

// conflict says when a right that is allowed is denied as well.
func (c *collector) conflict(r Row, denied []Deny) {
	for _, d := range denied {
		if !slices.ContainsFunc(d.Statement.Action, func(a string) bool { return covers(a, r.Action) }) {
			continue
		}
		for _, resource := range r.Resources {
			if !slices.ContainsFunc(d.Statement.Resource, func(on string) bool { return covers(on, resource) }) {
				continue
			}
			when := ""
			if d.Statement.Condition != nil {
				when = " if its condition holds"
			}
			c.note("%s of %s needs %s on %s, but %s denies it%s: %s.", r.Step, r.Runbook, r.Action, resource, d.Statement.Sid, when, d.Why)
		}
	}
}
