package awsfake

import (
	"encoding/json"
	"path"
	"slices"
	"time"
)

// texts is a string or a list of strings, as policies have them.
type texts []string

// UnmarshalJSON reads both forms.
func (t *texts) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

type policyStatement struct {
	Effect    string
	Action    texts
	Resource  texts
	Condition map[string]map[string]texts
}

type statements []policyStatement

// UnmarshalJSON reads one statement or a list.
func (s *statements) UnmarshalJSON(data []byte) error {
	var one policyStatement
	if len(data) > 0 && data[0] == '{' {
		err := json.Unmarshal(data, &one)
		*s = statements{one}
		return err
	}
	return json.Unmarshal(data, (*[]policyStatement)(s))
}

type policyDocument struct {
	Version   string
	Statement statements
}

func parsePolicy(text string) (policyDocument, bool) {
	var d policyDocument
	err := json.Unmarshal([]byte(text), &d)
	return d, err == nil && len(d.Statement) > 0
}

// denied says whether an inline policy of the caller denies an operation.
func (c caller) denied(operation string) bool {
	for _, text := range c.principal.inline {
		d, _ := parsePolicy(text)
		for _, st := range d.Statement {
			if st.Effect == "Deny" && slices.Contains(st.Resource, "*") && anyLike(st.Action, operation) && c.meets(st.Condition) {
				return true
			}
		}
	}
	return false
}

// meets says whether all conditions hold. As with AWS, a key that the request
// does not carry fails the condition.
func (c caller) meets(conditions map[string]map[string]texts) bool {
	for operator, keys := range conditions {
		for key, wanted := range keys {
			value, has := c.context(key)
			if !has || !compare(operator, value, wanted) {
				return false
			}
		}
	}
	return true
}

func (c caller) context(key string) (string, bool) {
	switch {
	case key == "aws:userid":
		return c.userID, true
	case c.session == nil:
	case key == "aws:TokenIssueTime":
		return c.session.Issued.Format(time.RFC3339Nano), true
	case key == "aws:SourceIdentity":
		return c.session.SourceIdentity, c.session.SourceIdentity != ""
	}
	return "", false
}

func compare(operator, value string, wanted texts) bool {
	return slices.ContainsFunc(wanted, func(one string) bool {
		switch operator {
		case "StringEquals":
			return value == one
		case "StringLike":
			return like(one, value)
		case "DateLessThan":
			a, err := time.Parse(time.RFC3339Nano, value)
			b, err2 := time.Parse(time.RFC3339Nano, one)
			return err == nil && err2 == nil && a.Before(b)
		}
		return false
	})
}

func anyLike(patterns texts, value string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return like(p, value) })
}

// like matches * and ?. Operation names hold no slash, so path.Match fits.
func like(pattern, value string) bool {
	ok, err := path.Match(pattern, value)
	return ok && err == nil
}
