package awstest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Policies are IAM policies that are attached together, read by IAM's rules:
// what no statement allows is refused, and a deny wins. It knows of them what
// the policies here use; anything else is an error, never a guess.
type Policies []statement

// The answers of [Policies.Decide].
const (
	Allowed    = "allowed"
	NotAllowed = "not allowed" // nobody allows it
	Denied     = "denied"      // somebody denies it
)

type statement struct {
	Sid, Effect      string
	Action, Resource words
	Condition        map[string]map[string]words
}

// words is a string or a list of strings.
type words []string

// UnmarshalJSON reads both forms.
func (w *words) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(w))
}

// ParsePolicies reads documents.
func ParsePolicies(documents ...[]byte) (Policies, error) {
	var all Policies
	for _, text := range documents {
		var d struct {
			Version   string
			Statement []statement
		}
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&d); err != nil {
			return nil, fmt.Errorf("read a policy: %w", err)
		}
		if d.Version != "2012-10-17" || len(d.Statement) == 0 {
			return nil, fmt.Errorf("a policy has the version %q and %d statements", d.Version, len(d.Statement))
		}
		for _, s := range d.Statement {
			if s.Effect != "Allow" && s.Effect != "Deny" || len(s.Action) == 0 || len(s.Resource) == 0 {
				return nil, fmt.Errorf("the statement %+v is not complete", s)
			}
		}
		all = append(all, d.Statement...)
	}
	return all, nil
}

// Decide says whether a call is allowed. context holds the keys that the
// request carries, such as aws:ResourceTag/firebreak:managed.
func (p Policies) Decide(action, resource string, context map[string]string) (string, error) {
	answer := NotAllowed
	for _, s := range p {
		if !slices.ContainsFunc(s.Action, func(a string) bool { return Like(strings.ToLower(a), strings.ToLower(action)) }) ||
			!slices.ContainsFunc(s.Resource, func(r string) bool { return Like(r, resource) }) {
			continue
		}
		meets, err := s.meets(context)
		switch {
		case err != nil:
			return "", err
		case meets != "":
			continue
		case s.Effect == "Deny":
			return Denied, nil
		}
		answer = Allowed
	}
	return answer, nil
}

// meets gives the first condition that does not hold; empty when all do.
func (s statement) meets(context map[string]string) (string, error) {
	for operator, keys := range s.Condition {
		for key, wanted := range keys {
			value, has := context[key]
			var holds bool
			switch operator {
			case "Null":
				holds = slices.Contains(wanted, fmt.Sprint(!has))
			case "StringEquals":
				holds = has && slices.Contains(wanted, value)
			case "StringLike":
				holds = has && slices.ContainsFunc(wanted, func(one string) bool { return Like(one, value) })
			default:
				return "", fmt.Errorf("the operator %q of statement %s is not known here", operator, s.Sid)
			}
			if !holds {
				return operator + " " + key, nil
			}
		}
	}
	return "", nil
}

// Like matches IAM's patterns: * is any text, ? one character, and ${*}, ${?}
// and ${$} are those characters themselves.
func Like(pattern, text string) bool {
	for _, own := range []string{"*", "?", "$"} {
		if rest, ok := strings.CutPrefix(pattern, "${"+own+"}"); ok {
			after, ok := strings.CutPrefix(text, own)
			return ok && Like(rest, after)
		}
	}
	switch {
	case pattern == "":
		return text == ""
	case pattern[0] == '*':
		for i := range len(text) + 1 {
			if Like(pattern[1:], text[i:]) {
				return true
			}
		}
		return false
	case text == "":
		return false
	}
	return (pattern[0] == '?' || pattern[0] == text[0]) && Like(pattern[1:], text[1:])
}
