package awstest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// secretsState reads what there is in Secrets Manager and KMS: of secrets the
// rotation, the policy byte for byte, and the versions that have labels, with
// digests of their values; of customer managed keys the state, aliases and
// grants. Versions without labels are left out, as AWS leaves them out: it
// deletes them by itself.
func (w *World) secretsState(t *testing.T) string {
	t.Helper()
	var lines []string
	secrets := secretsmanager.NewFromConfig(w.Config)
	for pages := secretsmanager.NewListSecretsPaginator(secrets, &secretsmanager.ListSecretsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page.SecretList {
			lines = append(lines, secretState(t, secrets, aws.ToString(one.ARN)))
		}
	}
	keys := kms.NewFromConfig(w.Config)
	for pages := kms.NewListKeysPaginator(keys, &kms.ListKeysInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page.Keys {
			if line := keyState(t, keys, aws.ToString(one.KeyId)); line != "" {
				lines = append(lines, line)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func secretState(t *testing.T, client *secretsmanager.Client, id string) string {
	t.Helper()
	s, err := client.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		t.Fatal(err)
	}
	policy, err := client.GetResourcePolicy(t.Context(), &secretsmanager.GetResourcePolicyInput{SecretId: &id})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "secret %s rotates=%t function=%q owner=%q key=%q policy=%q\n", aws.ToString(s.Name), aws.ToBool(s.RotationEnabled), aws.ToString(s.RotationLambdaARN),
		aws.ToString(s.OwningService), aws.ToString(s.KmsKeyId), aws.ToString(policy.ResourcePolicy))
	for _, version := range slices.Sorted(maps.Keys(s.VersionIdsToStages)) {
		labels := slices.Sorted(slices.Values(s.VersionIdsToStages[version]))
		if len(labels) == 0 {
			continue
		}
		value, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id, VersionId: &version})
		digest := "no value"
		if err == nil {
			sum := sha256.Sum256([]byte(aws.ToString(value.SecretString)))
			digest = hex.EncodeToString(sum[:6])
		} else if _, none := errors.AsType[*types.ResourceNotFoundException](err); !none {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "  version %s %v %s\n", version, labels, digest)
	}
	return b.String()
}

func keyState(t *testing.T, client *kms.Client, id string) string {
	t.Helper()
	k, err := client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		t.Fatal(err)
	}
	if k.KeyMetadata.KeyManager != kmstypes.KeyManagerTypeCustomer {
		return "" // moto makes them when they are first asked for
	}
	var parts []string
	aliases, err := client.ListAliases(t.Context(), &kms.ListAliasesInput{KeyId: &id})
	if err != nil {
		t.Fatal(err)
	}
	for _, alias := range aliases.Aliases {
		parts = append(parts, "  alias "+aws.ToString(alias.AliasName)+"\n")
	}
	grants, err := client.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: &id})
	if err != nil {
		t.Fatal(err)
	}
	for _, grant := range grants.Grants {
		parts = append(parts, fmt.Sprintf("  grant %s %s %v\n", aws.ToString(grant.GrantId), aws.ToString(grant.GranteePrincipal), grant.Operations))
	}
	slices.Sort(parts)
	return fmt.Sprintf("key %s %s\n%s", id, k.KeyMetadata.KeyState, strings.Join(parts, ""))
}

// secretsNeeds are the rights of calls to Secrets Manager and KMS, by the tables
// of the Service Authorization Reference. GetRandomPassword and ListAliases know
// no resource. Whoever starts a rotation also needs leave for the rotation
// function, and whoever stores a value leave for the key that a secret has of
// its own.
func (w *World) secretsNeeds(t *testing.T, call Call) []Need {
	t.Helper()
	switch call.Operation {
	case "secretsmanager:GetRandomPassword", "kms:ListAliases":
		return []Need{{call.Operation, "*"}}
	}
	if strings.HasPrefix(call.Operation, "kms:") {
		return []Need{{call.Operation, w.keyARN(t, call)}}
	}
	id, _ := call.Body["SecretId"].(string)
	s, err := secretsmanager.NewFromConfig(w.Config).DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		t.Fatalf("%s is about secret %q, which this world does not have: %v", call.Operation, id, err)
	}
	needs := []Need{{call.Operation, aws.ToString(s.ARN)}}
	switch function, key := aws.ToString(s.RotationLambdaARN), aws.ToString(s.KmsKeyId); {
	case call.Operation == "secretsmanager:RotateSecret" && function != "":
		needs = append(needs, Need{"lambda:InvokeFunction", function})
	case call.Operation == "secretsmanager:PutSecretValue" && key != "":
		needs = append(needs, Need{"kms:GenerateDataKey", key}, Need{"kms:Decrypt", key})
	}
	return needs
}

// keyARN is the key that a call is about: rights are on keys, not on aliases.
func (w *World) keyARN(t *testing.T, call Call) string {
	t.Helper()
	id, _ := call.Body["KeyId"].(string)
	if arn.IsARN(id) && !strings.Contains(id, ":alias/") {
		return id
	}
	out, err := kms.NewFromConfig(w.Config).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		t.Fatalf("%s is about key %q, which this world does not have: %v", call.Operation, id, err)
	}
	return aws.ToString(out.KeyMetadata.Arn)
}
