package awstest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// Destination makes a secret with two versions, current and previous, and gives
// its ARN. Without values it has none.
func (w *World) Destination(t *testing.T, name string, values ...string) string {
	t.Helper()
	client := secretsmanager.NewFromConfig(w.Config)
	out, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	for i, value := range values {
		if _, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &value, ClientRequestToken: aws.String(fmt.Sprintf("00000000-0000-0000-0000-%012d", i))}); err != nil {
			t.Fatal(err)
		}
	}
	w.arns["secret/"+name], w.arns["secret/"+aws.ToString(out.ARN)] = aws.ToString(out.ARN), aws.ToString(out.ARN)
	return aws.ToString(out.ARN)
}

// SecretLabels reads which versions of a secret carry labels, sorted: AWS lists
// no others, moto does.
func (w *World) SecretLabels(t *testing.T, name string) string {
	t.Helper()
	out, err := secretsmanager.NewFromConfig(w.Config).DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &name})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for version, stages := range out.VersionIdsToStages {
		for _, stage := range stages {
			lines = append(lines, stage+" "+version)
		}
	}
	slices.Sort(lines)
	return "secret " + name + " " + strings.Join(lines, ", ") + "\n"
}

// SecretValue reads the current value of a secret.
func (w *World) SecretValue(t *testing.T, name string) string {
	t.Helper()
	out, err := secretsmanager.NewFromConfig(w.Config).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.SecretString)
}

// destinationNeeds are the rights of calls about a secret that [World.Destination]
// made. All of them have the secret's ARN as their resource.
func (w *World) destinationNeeds(call Call) ([]Need, bool) {
	id, _ := call.Body["SecretId"].(string)
	arn, ok := w.arns["secret/"+id]
	return []Need{{call.Operation, arn}}, ok
}

// WriteSecret writes a new current value, as somebody else would.
func (w *World) WriteSecret(t *testing.T, name, value string) {
	t.Helper()
	if _, err := secretsmanager.NewFromConfig(w.Config).PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &value}); err != nil {
		t.Fatal(err)
	}
}
