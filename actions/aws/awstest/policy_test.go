package awstest_test

import (
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

func TestPoliciesDecide(t *testing.T) {
	policies, err := awstest.ParsePolicies(
		[]byte(`{"Version":"2012-10-17","Statement":[
			{"Sid":"A","Effect":"Allow","Action":["iam:Get*","s3:PutObject"],"Resource":["arn:aws:iam::1:user/*","arn:aws:s3:::b/${*}?"]},
			{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}]}`),
		[]byte(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Deny","Action":"iam:*","Resource":"arn:aws:iam::*:user/boss"},
			{"Effect":"Allow","Action":"ec2:*","Resource":"*"},
			{"Effect":"Deny","Action":"ec2:Delete*","Resource":"*","Condition":{"Null":{"tag":"false"}}},
			{"Effect":"Deny","Action":"ec2:Stop*","Resource":"*","Condition":{"StringLike":{"tag":["x*","y"]}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		action, resource string
		context          map[string]string
		want             string
	}{
		{"iam:GetUser", "arn:aws:iam::1:user/team/alice", nil, awstest.Allowed},
		{"IAM:getuser", "arn:aws:iam::1:user/alice", nil, awstest.Allowed},
		{"iam:GetUser", "arn:aws:iam::2:user/alice", nil, awstest.NotAllowed},
		{"iam:PutUserPolicy", "arn:aws:iam::1:user/alice", nil, awstest.NotAllowed},
		{"iam:GetUser", "arn:aws:iam::1:user/boss", nil, awstest.Denied},
		{"s3:PutObject", "arn:aws:s3:::b/*x", nil, awstest.Allowed},
		{"s3:PutObject", "arn:aws:s3:::b/xx", nil, awstest.NotAllowed},
		{"iam:PassRole", "arn:aws:iam::1:role/x", map[string]string{"iam:PassedToService": "ec2.amazonaws.com"}, awstest.Allowed},
		{"iam:PassRole", "arn:aws:iam::1:role/x", nil, awstest.NotAllowed},
		{"ec2:DeleteSnapshot", "x", nil, awstest.Allowed},
		{"ec2:DeleteSnapshot", "x", map[string]string{"tag": ""}, awstest.Denied},
		{"ec2:StopInstances", "x", map[string]string{"tag": "xyz"}, awstest.Denied},
		{"ec2:StopInstances", "x", map[string]string{"tag": "z"}, awstest.Allowed},
	} {
		if got, err := policies.Decide(test.action, test.resource, test.context); err != nil || got != test.want {
			t.Errorf("%s on %s %v: got %s, %v; want %s", test.action, test.resource, test.context, got, err, test.want)
		}
	}
}

// What it does not know is an error, and never taken for a yes or a no.
func TestPoliciesThatAreNotKnown(t *testing.T) {
	for text, want := range map[string]string{
		`{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`:                             "version",
		`{"Version":"2012-10-17","Statement":[]}`:                                                                           "0 statements",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"*","Resource":"*"}]}`:                          "NotAction",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*"}]}`:                                            "not complete",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps","Action":"*","Resource":"*"}]}`:                           "not complete",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"X":{"k":"v"}}}]}`: `operator "X"`,
	} {
		p, err := awstest.ParsePolicies([]byte(text))
		if err == nil {
			_, err = p.Decide("a:B", "c", nil)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
