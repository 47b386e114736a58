package awstest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
)

// World is the content of an emulator during one test.
type World struct {
	*Emulator
	Proxy       *Proxy
	Credentials awsfake.Credentials
	Config      aws.Config  // independent: it goes around the proxy
	IAM         *iam.Client // of Config

	databases    bool // there are some: reading them takes time
	functions    bool // the same for Lambda
	organization bool // there is one, with Identity Center
	users, roles []string
	launched     bool              // there is something in EC2
	idle         map[string]string // idle timeouts of interfaces, which moto forgets
	beside       *beside           // what moto does not have; nil: nothing
	lost         string            // operation whose answer the first attempt of a way loses
	arns         map[string]string // by "user/name", "role/name", "group/name" and "key/id"
}

func newWorld(e *Emulator, proxy *Proxy, target string, keys, auditor awsfake.Credentials) *World {
	cfg := aws.Config{Region: Region, BaseEndpoint: &target, Credentials: credentials.NewStaticCredentialsProvider(auditor.AccessKeyID, auditor.SecretAccessKey, "")}
	return &World{Emulator: e, Proxy: proxy, Credentials: keys, Config: cfg, arns: map[string]string{}, IAM: iam.NewFromConfig(cfg)}
}

// Region is where everything here is.
const Region = "us-east-1"

// User makes a user and gives its ARN.
func (w *World) User(t *testing.T, path, name string) string {
	t.Helper()
	out, err := w.IAM.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name, Path: &path})
	if err != nil {
		t.Fatal(err)
	}
	w.users = append(w.users, name)
	w.arns["user/"+name] = aws.ToString(out.User.Arn)
	return aws.ToString(out.User.Arn)
}

// Role makes a role and gives its ARN.
func (w *World) Role(t *testing.T, path, name string) string {
	t.Helper()
	return w.RoleTrusting(t, path, name, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)
}

// RoleTrusting makes a role with a trust policy of its own.
func (w *World) RoleTrusting(t *testing.T, path, name, trust string) string {
	t.Helper()
	out, err := w.IAM.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, Path: &path, AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatal(err)
	}
	w.roles = append(w.roles, name)
	w.arns["role/"+name] = aws.ToString(out.Role.Arn)
	return aws.ToString(out.Role.Arn)
}

// AccessKey makes a key for a user, and gives its id and its secret.
func (w *World) AccessKey(t *testing.T, user string) (id, secret string) {
	t.Helper()
	out, err := w.IAM.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &user})
	if err != nil {
		t.Fatal(err)
	}
	w.arns["key/"+aws.ToString(out.AccessKey.AccessKeyId)] = w.arns["user/"+user]
	return aws.ToString(out.AccessKey.AccessKeyId), aws.ToString(out.AccessKey.SecretAccessKey)
}

// SetKey sets the status of a key, as somebody else would.
func (w *World) SetKey(t *testing.T, user, id string, active bool) {
	t.Helper()
	status := types.StatusTypeInactive
	if active {
		status = types.StatusTypeActive
	}
	if _, err := w.IAM.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: &user, AccessKeyId: &id, Status: status}); err != nil {
		t.Fatal(err)
	}
}

// PutPolicy puts an inline policy; kind is user or role.
func (w *World) PutPolicy(t *testing.T, kind, name, policy, document string) {
	t.Helper()
	var err error
	if kind == "role" {
		_, err = w.IAM.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &policy, PolicyDocument: &document})
	} else {
		_, err = w.IAM.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: &policy, PolicyDocument: &document})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// DeletePolicy deletes an inline policy.
func (w *World) DeletePolicy(t *testing.T, kind, name, policy string) {
	t.Helper()
	var err error
	if kind == "role" {
		_, err = w.IAM.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &policy})
	} else {
		_, err = w.IAM.DeleteUserPolicy(t.Context(), &iam.DeleteUserPolicyInput{UserName: &name, PolicyName: &policy})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Policies reads the inline policies of a user or role, as compact JSON by name.
func (w *World) Policies(t *testing.T, kind, name string) map[string]string {
	t.Helper()
	found := map[string]string{}
	add := func(policy string, document *string) {
		found[policy] = compact(t, policy+" of "+name, document)
	}
	if kind == "role" {
		var names []string
		for pages := iam.NewListRolePoliciesPaginator(w.IAM, &iam.ListRolePoliciesInput{RoleName: &name}); pages.HasMorePages(); {
			list, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, list.PolicyNames...)
		}
		for _, policy := range names {
			out, err := w.IAM.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: &name, PolicyName: &policy})
			if err != nil {
				t.Fatal(err)
			}
			add(policy, out.PolicyDocument)
		}
		return found
	}
	var names []string
	for pages := iam.NewListUserPoliciesPaginator(w.IAM, &iam.ListUserPoliciesInput{UserName: &name}); pages.HasMorePages(); {
		list, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, list.PolicyNames...)
	}
	for _, policy := range names {
		out, err := w.IAM.GetUserPolicy(t.Context(), &iam.GetUserPolicyInput{UserName: &name, PolicyName: &policy})
		if err != nil {
			t.Fatal(err)
		}
		add(policy, out.PolicyDocument)
	}
	return found
}

// compact is a document as IAM gives it, as compact JSON.
func compact(t *testing.T, what string, document *string) string {
	t.Helper()
	text, err := url.PathUnescape(aws.ToString(document))
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("the policy %s: %v", what, err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// iamState reads the users and roles that were made here: keys with their
// status, and inline policies.
func (w *World) iamState(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	slices.Sort(w.users)
	slices.Sort(w.roles)
	for _, user := range w.users {
		fmt.Fprintf(&b, "user %s %v\n", user, w.Policies(t, "user", user))
		var keys []string
		for pages := iam.NewListAccessKeysPaginator(w.IAM, &iam.ListAccessKeysInput{UserName: &user}); pages.HasMorePages(); {
			list, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range list.AccessKeyMetadata {
				keys = append(keys, "  key "+aws.ToString(key.AccessKeyId)+" "+string(key.Status)+"\n")
			}
		}
		slices.Sort(keys)
		b.WriteString(strings.Join(keys, ""))
	}
	for _, role := range w.roles {
		fmt.Fprintf(&b, "role %s %v\n", role, w.Policies(t, "role", role))
	}
	if w.Name == "moto" {
		b.WriteString(w.identityState(t))
	}
	return b.String()
}
