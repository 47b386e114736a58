package awsfake

import (
	"slices"
	"strconv"
)

// simulate answers by the same rules as the fake's own: what no inline policy of
// the user or role denies is allowed.
func (s *Server) simulate(q *request) (element, *failure) {
	arn := q.form.Get("PolicySourceArn")
	p := s.principalByARN(q.account, arn)
	if p == nil {
		return element{}, missing("entity", arn)
	}
	results := group("EvaluationResults")
	for i := 1; q.form.Get("ActionNames.member."+strconv.Itoa(i)) != ""; i++ {
		action := q.form.Get("ActionNames.member." + strconv.Itoa(i))
		one := group("member", leaf("EvalActionName", action), leaf("EvalResourceName", "*"))
		decision, statements := "allowed", group("MatchedStatements")
		if name := p.denies(action); name != "" {
			decision = "explicitDeny"
			statements.children = append(statements.children, group("member", leaf("SourcePolicyId", name), leaf("SourcePolicyType", "IAM Policy")))
		}
		one.children = append(one.children, leaf("EvalDecision", decision), statements)
		results.children = append(results.children, one)
	}
	return group("", results, leaf("IsTruncated", "false")), nil
}

// denies names the inline policy that denies an operation to a new session; empty:
// there is none.
func (p *principal) denies(operation string) string {
	var names []string
	for name, text := range p.inline {
		c := caller{principal: &principal{inline: map[string]string{name: text}}}
		if c.denied(operation) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return slices.Min(names)
}

func (s *Server) principalByARN(a *account, arn string) *principal {
	for _, kind := range []string{"user", "role"} {
		for _, p := range a.of(kind) {
			if p.arn() == arn {
				return p
			}
		}
	}
	return nil
}
