package iam

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// revocationName is one name for each scope, so that revocations of different
// scopes stand side by side and one of the same scope is moved forward.
func revocationName(scope, value string) string {
	const name = "FirebreakRevokeSessions"
	if scope == "all" {
		return name
	}
	sum := sha256.Sum256([]byte(scope + "\x00" + value))
	return name + "-" + hex.EncodeToString(sum[:6])
}

type statement struct {
	Sid       string                       `json:"Sid"`
	Effect    string                       `json:"Effect"`
	Action    string                       `json:"Action"`
	Resource  string                       `json:"Resource"`
	Condition map[string]map[string]string `json:"Condition"`
}

type document struct {
	Version   string      `json:"Version"`
	Statement []statement `json:"Statement"`
}

// sidPrefix begins the name of our statement; incident and run follow, so that
// an undo can tell its own revocation from one that a later run wrote.
const sidPrefix = "FirebreakRevoke"

var notSid = regexp.MustCompile(`[^A-Za-z0-9]+`)

func revocationSid(call actions.Call) string {
	return sidPrefix + notSid.ReplaceAllString(call.Incident+call.Run, "")
}

// revocation is the deny for sessions issued before cutoff. EC2 names the
// sessions of an instance after the instance.
func revocation(sid, roleID, scope, value string, cutoff time.Time) string {
	conditions := map[string]map[string]string{"DateLessThan": {"aws:TokenIssueTime": cutoff.UTC().Format(time.RFC3339)}}
	switch scope {
	case "session_name", "instance":
		conditions["StringEquals"] = map[string]string{"aws:userid": roleID + ":" + value}
	case "source_identity":
		conditions["StringEquals"] = map[string]string{"aws:SourceIdentity": value}
	}
	data, err := json.Marshal(document{Version: "2012-10-17", Statement: []statement{{
		Sid: sid, Effect: "Deny", Action: "*", Resource: "*", Condition: conditions,
	}}})
	if err != nil {
		panic("aws: " + err.Error()) // strings and maps of strings always marshal
	}
	return string(data)
}

// readRevocation reads the cutoff out of a document, if it is exactly one that
// revocation makes for this scope, in whatever run.
func readRevocation(text, roleID, scope, value string) (cutoff time.Time, ours bool) {
	var d document
	if text == "" || json.Unmarshal([]byte(text), &d) != nil || len(d.Statement) != 1 || !strings.HasPrefix(d.Statement[0].Sid, sidPrefix) {
		return time.Time{}, false
	}
	cutoff, err := time.Parse(time.RFC3339, d.Statement[0].Condition["DateLessThan"]["aws:TokenIssueTime"])
	if err != nil {
		return time.Time{}, false
	}
	return cutoff.UTC(), sameDocument(text, revocation(d.Statement[0].Sid, roleID, scope, value, cutoff))
}
