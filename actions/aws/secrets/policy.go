package secrets

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// blockSid names our statement in a resource policy.
const blockSid = "FirebreakBlockReads"

// policyLimit is how long a secret's resource policy may be.
const policyLimit = 20480

// blocking is the statement that lets nobody but some read the value.
type blocking struct {
	Sid       string
	Effect    string
	Principal string
	Action    string
	Resource  string
	Condition map[string]map[string][]string
}

// block denies reading the value to all but those whose ARNs fit the patterns.
// Whoever has no ARN, such as an anonymous caller, is denied as well.
func block(except []string) blocking {
	return blocking{blockSid, "Deny", "*", "secretsmanager:GetSecretValue", "*", map[string]map[string][]string{"ArnNotLike": {"aws:PrincipalArn": except}}}
}

// exemptions are the patterns for all who may go on reading: firebreak in every
// role it takes, the rotation function's role, and those named in the runbook.
func exemptions(c *cloud.Conn, others ...string) []string {
	var list []string
	for _, self := range slices.Concat(c.Selves, c.Duties) { // a duty's role is a self in another phase, which does not know its path
		list = append(list, exemption(self)...)
	}
	list = append(list, c.DutyARNs()...)
	list = append(list, slices.DeleteFunc(slices.Clone(others), func(arn string) bool { return arn == "" })...)
	slices.Sort(list)
	return slices.Compact(list)
}

// exemption is one identity of ours. AWS does not tell a session the path of its
// role, but a name is there only once in an account, whatever its path.
func exemption(self cloud.Principal) []string {
	start := "arn:" + self.Partition + ":iam::" + self.Account + ":"
	if self.Name == "root" && self.Kind == cloud.User {
		return []string{start + "root"}
	}
	start += string(self.Kind) + "/"
	return []string{start + self.Name, start + "*/" + self.Name}
}

var errPolicy = errors.New("its resource policy is not a JSON document with statements")

// withBlock is a policy with our statement beside those it has; one of ours
// that is there already is replaced, and replaced says so.
func withBlock(policy string, statement blocking) (document string, replaced bool, err error) {
	own, err := json.Marshal(statement)
	if err != nil {
		return "", false, err
	}
	parsed := map[string]json.RawMessage{"Version": json.RawMessage(`"2012-10-17"`)}
	var statements []json.RawMessage
	if policy != "" {
		if json.Unmarshal([]byte(policy), &parsed) != nil || len(parsed["Statement"]) == 0 {
			return "", false, errPolicy
		}
		if bytes.HasPrefix(bytes.TrimSpace(parsed["Statement"]), []byte("{")) {
			statements = []json.RawMessage{parsed["Statement"]}
		} else if json.Unmarshal(parsed["Statement"], &statements) != nil {
			return "", false, errPolicy
		}
	}
	before := len(statements)
	statements = slices.DeleteFunc(statements, func(one json.RawMessage) bool {
		var named struct{ Sid string }
		return json.Unmarshal(one, &named) == nil && named.Sid == blockSid
	})
	replaced = len(statements) < before
	if parsed["Statement"], err = json.Marshal(append(statements, own)); err != nil {
		return "", false, err
	}
	data, err := json.Marshal(parsed)
	return string(data), replaced, err
}

// samePolicy compares two documents by meaning; two that are empty are the same.
func samePolicy(a, b string) bool {
	if a == "" || b == "" {
		return a == b
	}
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	first, errFirst := json.Marshal(x)
	second, errSecond := json.Marshal(y)
	return errFirst == nil && errSecond == nil && bytes.Equal(first, second)
}

// exempts says whether our statement in a document leaves an identity alone.
func exempts(document string, self cloud.Principal) bool {
	var parsed struct{ Statement []blocking }
	var list struct{ Statement []json.RawMessage }
	if json.Unmarshal([]byte(document), &list) != nil {
		return false
	}
	for _, one := range list.Statement {
		var b blocking
		if json.Unmarshal(one, &b) == nil && b.Sid == blockSid {
			parsed.Statement = append(parsed.Statement, b)
		}
	}
	if len(parsed.Statement) != 1 {
		return false
	}
	arns := parsed.Statement[0].Condition["ArnNotLike"]["aws:PrincipalArn"]
	for _, pattern := range exemption(self) {
		if !slices.Contains(arns, pattern) {
			return false
		}
	}
	return true
}
