package awsfake_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
)

// A simulation says what the fake itself would do.
func TestSimulation(t *testing.T) {
	cloud := start(t, awsfake.Options{})
	cloud.AddRole("111122223333", "fb/contain", "")
	cloud.SetInlinePolicy("role", "contain", "never", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":["iam:Update*"],"Resource":"*"}}`)
	client := iamClient(cloud, cloud.Operator(), "")
	out, err := client.SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String("arn:aws:iam::111122223333:role/fb/contain"), ActionNames: []string{"iam:UpdateAccessKey", "iam:GetUser"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.EvaluationResults) != 2 {
		t.Fatalf("got %d results", len(out.EvaluationResults))
	}
	no, yes := out.EvaluationResults[0], out.EvaluationResults[1]
	if no.EvalDecision != types.PolicyEvaluationDecisionTypeExplicitDeny || len(no.MatchedStatements) != 1 || aws.ToString(no.MatchedStatements[0].SourcePolicyId) != "never" {
		t.Errorf("what is denied: got %s by %v", no.EvalDecision, no.MatchedStatements)
	}
	if yes.EvalDecision != types.PolicyEvaluationDecisionTypeAllowed || aws.ToString(yes.EvalActionName) != "iam:GetUser" {
		t.Errorf("what is not: got %s of %s", yes.EvalDecision, aws.ToString(yes.EvalActionName))
	}
	_, err = client.SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::111122223333:role/contain"), ActionNames: []string{"iam:GetUser"}})
	fails(t, "a role by its name without the path", err, "NoSuchEntity")
}
