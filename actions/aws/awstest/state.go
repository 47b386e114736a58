package awstest

import (
	"strings"
	"testing"
)

// Snapshot reads all of the world that an action can touch, service by service.
// Equal text means equal state. awsfake knows IAM alone.
func (w *World) Snapshot(t *testing.T) string {
	t.Helper()
	parts := []func(*testing.T) string{w.iamState}
	if w.Name == "moto" {
		parts = append(parts, w.ec2State, w.s3State, w.secretsState, w.rdsState, w.lambdaState, w.cloudtrailState, w.orgState)
	}
	var b strings.Builder
	for _, part := range parts {
		b.WriteString(part(t))
	}
	return b.String()
}

// Need is a right that a call needs, as IAM would check it.
type Need struct {
	Action   string // "iam:UpdateAccessKey"
	Resource string // an ARN, or "*" where AWS knows nothing smaller
}

// Needs are the rights that a call needs: most need one of their own name, some
// need others, and some need several. A call about something that was not made
// in this world fails the test. sts:GetCallerIdentity needs none, and neither does
// what nobody signed.
func (w *World) Needs(t *testing.T, call Call) []Need {
	t.Helper()
	service, _, _ := strings.Cut(call.Operation, ":")
	if call.Operation == "ec2:DescribeRegions" { // asked by services that are in many regions
		return anywhere(call)
	}
	switch service {
	case "sts", Anonymous:
		return nil
	case "iam":
		if arn, ok := w.arns["instance-profile/"+call.Form.Get("InstanceProfileName")]; ok {
			return []Need{{call.Operation, arn}}
		}
		return w.iamNeeds(t, call)
	case "ec2", "autoscaling", "elasticloadbalancing", "ssm":
		return w.ec2Needs(t, call)
	case "s3":
		return w.s3Needs(t, call)
	case "secretsmanager", "kms":
		if needs, ok := w.destinationNeeds(call); ok {
			return needs
		}
		return w.secretsNeeds(t, call)
	case "rds":
		return w.rdsNeeds(t, call)
	case "lambda":
		return w.lambdaNeeds(t, call)
	case "cloudtrail":
		return w.cloudtrailNeeds(t, call)
	case "organizations", "sso", "identitystore":
		return w.orgNeeds(t, call)
	}
	t.Fatalf("nobody here knows which rights %s needs; teach World.Needs", call.Operation)
	return nil
}

func (w *World) iamNeeds(t *testing.T, call Call) []Need {
	t.Helper()
	if !call.signedBy(w.Credentials.AccessKeyID) {
		return nil // in the name of a key that is tried out: it needs no right of ours
	}
	for _, way := range []struct{ field, prefix string }{{"GroupName", "group/"}, {"UserName", "user/"}, {"RoleName", "role/"}, {"AccessKeyId", "key/"}, {"InstanceProfileName", "instance-profile/"}} {
		if name := call.Form.Get(way.field); name != "" {
			arn, ok := w.arns[way.prefix+name]
			if !ok && way.field == "AccessKeyId" && len(w.users) == 1 {
				arn, ok = w.arns["user/"+w.users[0]], true // a key that the action made: there is one user only
			}
			if !ok {
				t.Fatalf("%s is about %s%s, which this world does not have", call.Operation, way.prefix, name)
			}
			return []Need{{call.Operation, arn}}
		}
	}
	if arn := call.Form.Get("PolicyArn"); arn != "" {
		return []Need{{call.Operation, arn}}
	}
	t.Fatalf("%s names nothing that has an ARN: %v; teach World.iamNeeds where it stands", call.Operation, call.Form)
	return nil
}

// signedBy says whether a call was signed with this access key.
func (c Call) signedBy(key string) bool {
	return strings.Contains(c.Header.Get("Authorization"), "Credential="+key+"/")
}
