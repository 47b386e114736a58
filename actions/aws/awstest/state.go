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
		parts = append(parts, w.ec2State, w.s3State, w.secretsState, w.rdsState, w.lambdaState, w.orgState)
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
// in this world fails the test. sts:GetCallerIdentity needs none.
func (w *World) Needs(t *testing.T, call Call) []Need {
	t.Helper()
	service, _, _ := strings.Cut(call.Operation, ":")
	switch service {
	case "sts":
		return nil
	case "iam":
		return w.iamNeeds(t, call)
	case "ec2", "autoscaling", "elasticloadbalancing", "ssm":
		return w.ec2Needs(t, call)
	case "s3":
		return w.s3Needs(t, call)
	case "secretsmanager", "kms":
		return w.secretsNeeds(t, call)
	case "rds":
		return w.rdsNeeds(t, call)
	case "lambda":
		return w.lambdaNeeds(t, call)
	case "organizations", "sso", "identitystore":
		return w.orgNeeds(t, call)
	}
	t.Fatalf("nobody here knows which rights %s needs; teach World.Needs", call.Operation)
	return nil
}

func (w *World) iamNeeds(t *testing.T, call Call) []Need {
	t.Helper()
	for _, way := range []struct{ field, prefix string }{{"UserName", "user/"}, {"RoleName", "role/"}, {"AccessKeyId", "key/"}} {
		if name := call.Form.Get(way.field); name != "" {
			arn, ok := w.arns[way.prefix+name]
			if !ok {
				t.Fatalf("%s is about %s%s, which this world does not have", call.Operation, way.prefix, name)
			}
			return []Need{{call.Operation, arn}}
		}
	}
	t.Fatalf("%s names nothing that has an ARN: %v; teach World.iamNeeds where it stands", call.Operation, call.Form)
	return nil
}
