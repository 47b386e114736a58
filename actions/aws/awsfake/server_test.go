package awsfake_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
)

func start(t *testing.T, options awsfake.Options) *awsfake.Server {
	t.Helper()
	cloud, err := awsfake.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	return cloud
}

func iamClient(cloud *awsfake.Server, c awsfake.Credentials, token string) *iam.Client {
	return iam.New(iam.Options{Region: "us-east-1", BaseEndpoint: aws.String(cloud.URL()), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, token)})
}

func stsClient(cloud *awsfake.Server, c awsfake.Credentials) *sts.Client {
	return sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: aws.String(cloud.URL()), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, "")})
}

// fails checks the code of an answer.
func fails(t *testing.T, what string, err error, code string) {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != code {
		t.Errorf("%s: got %v, want code %s", what, err, code)
	}
}

func Example() {
	cloud, err := awsfake.New(awsfake.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = cloud.Close() }()
	cloud.AddUser("ci-deploy")
	cloud.AddAccessKey("ci-deploy", "AKIAIOSFODNN7EXAMPLE", "secret")
	fmt.Println(cloud.KeyStatus("AKIAIOSFODNN7EXAMPLE"))
	// Output: Active
}

func TestKeys(t *testing.T) {
	cloud := start(t, awsfake.Options{})
	cloud.AddUser("team/alice")
	first := cloud.NewAccessKey("alice")
	operator, alice, ctx := iamClient(cloud, cloud.Operator(), ""), iamClient(cloud, first, ""), t.Context()

	user, err := alice.GetUser(ctx, &iam.GetUserInput{})
	if err != nil || *user.User.Arn != "arn:aws:iam::111122223333:user/team/alice" {
		t.Fatalf("got %+v, %v", user, err)
	}
	second, err := operator.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = operator.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	fails(t, "a third key", err, "LimitExceeded")

	used, err := operator.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &first.AccessKeyID})
	if err != nil || *used.UserName != "alice" || *used.AccessKeyLastUsed.ServiceName != "iam" || *used.AccessKeyLastUsed.Region != "us-east-1" {
		t.Errorf("got %+v, %v", used, err)
	}
	never, err := operator.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: second.AccessKey.AccessKeyId})
	if err != nil || never.AccessKeyLastUsed.LastUsedDate != nil || *never.AccessKeyLastUsed.ServiceName != "N/A" {
		t.Errorf("got %+v, %v", never, err)
	}
	at := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	cloud.SetLastUsed(*second.AccessKey.AccessKeyId, at, "s3", "eu-central-1")
	if told, err := operator.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: second.AccessKey.AccessKeyId}); err != nil || !told.AccessKeyLastUsed.LastUsedDate.Equal(at) {
		t.Errorf("got %+v, %v", told, err)
	}

	update := func(id string, status types.StatusType) error {
		_, err := operator.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: aws.String("alice"), AccessKeyId: &id, Status: status})
		return err
	}
	fails(t, "a status that does not exist", update(first.AccessKeyID, "Asleep"), "ValidationError")
	fails(t, "a key that does not exist", update("AKIANOTHINGNOTHING00", "Inactive"), "NoSuchEntity")
	if err := update(first.AccessKeyID, "Inactive"); err != nil {
		t.Fatal(err)
	}
	if got := cloud.KeyStatus(first.AccessKeyID); got != "Inactive" {
		t.Errorf("got %s", got)
	}
	_, err = alice.GetUser(ctx, &iam.GetUserInput{})
	fails(t, "an inactive key", err, "InvalidClientTokenId")
	_, err = iamClient(cloud, awsfake.Credentials{AccessKeyID: "AKIANOBODYNOBODY0000", SecretAccessKey: "x"}, "").GetUser(ctx, &iam.GetUserInput{})
	fails(t, "an unknown key", err, "InvalidClientTokenId")
	if _, err := operator.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("alice"), AccessKeyId: &first.AccessKeyID}); err != nil || cloud.KeyStatus(first.AccessKeyID) != "" {
		t.Errorf("got %q, %v", cloud.KeyStatus(first.AccessKeyID), err)
	}
}

func TestPolicies(t *testing.T) {
	cloud := start(t, awsfake.Options{PageSize: 1})
	operator, ctx := iamClient(cloud, cloud.Operator(), ""), t.Context()
	const document = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":["s3:*","iam:GetU?er"],"Resource":"*"}}`
	if _, err := operator.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("bob")}); err != nil {
		t.Fatal(err)
	}
	_, err := operator.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("bob")})
	fails(t, "a second bob", err, "EntityAlreadyExists")
	for _, name := range []string{"b", "a"} {
		if _, err := operator.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: &name, PolicyDocument: aws.String(document)}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = operator.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("c"), PolicyDocument: aws.String("{")})
	fails(t, "a broken document", err, "MalformedPolicyDocument")
	var names []string
	for pages := iam.NewListUserPoliciesPaginator(operator, &iam.ListUserPoliciesInput{UserName: aws.String("bob")}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.PolicyNames) != 1 {
			t.Errorf("got a page of %d", len(page.PolicyNames))
		}
		names = append(names, page.PolicyNames...)
	}
	if diff := cmp.Diff([]string{"a", "b"}, names); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if got, err := operator.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("a")}); err != nil || !strings.HasPrefix(*got.PolicyDocument, "%7B%22Version%22") {
		t.Errorf("got %+v, %v; want the document percent-encoded, as IAM gives it", got, err)
	}
	bob := iamClient(cloud, cloud.NewAccessKey("bob"), "")
	_, err = bob.GetUser(ctx, &iam.GetUserInput{})
	fails(t, "a denied action", err, "AccessDenied")
	if _, err := bob.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: aws.String("bob")}); err != nil {
		t.Errorf("an action that is not denied: %v", err)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := operator.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: aws.String("bob"), PolicyName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = operator.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("a")})
	fails(t, "a policy that is gone", err, "NoSuchEntity")

	arn := "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"
	if _, err := operator.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("bob"), PolicyArn: &arn}); err != nil {
		t.Fatal(err)
	}
	if got, err := operator.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: aws.String("bob")}); err != nil || len(got.AttachedPolicies) != 1 || *got.AttachedPolicies[0].PolicyName != "AWSCompromisedKeyQuarantineV3" {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, code := range []string{"", "NoSuchEntity"} {
		if _, err := operator.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: aws.String("bob"), PolicyArn: &arn}); code != "" {
			fails(t, "detach twice", err, code)
		} else if err != nil {
			t.Error(err)
		}
	}
	if _, err := operator.TagUser(ctx, &iam.TagUserInput{UserName: aws.String("bob"), Tags: []types.Tag{{Key: aws.String("env"), Value: aws.String("prod")}}}); err != nil {
		t.Fatal(err)
	}
	if got, err := operator.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: aws.String("bob")}); err != nil || len(got.Tags) != 1 || *got.Tags[0].Value != "prod" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := operator.ListGroupsForUser(ctx, &iam.ListGroupsForUserInput{UserName: aws.String("bob")}); err != nil || len(got.Groups) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAssumeRole(t *testing.T) {
	now := time.Date(2026, 11, 22, 4, 50, 24, 0, time.UTC)
	cloud := start(t, awsfake.Options{Now: func() time.Time { return now }})
	cloud.AddRole("444455556666", "ops/contain", "installation-7")
	client, ctx := stsClient(cloud, cloud.Operator()), t.Context()
	input := func(change func(*sts.AssumeRoleInput)) *sts.AssumeRoleInput {
		in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::444455556666:role/ops/contain"), RoleSessionName: aws.String("fb-1"), ExternalId: aws.String("installation-7"),
			SourceIdentity: aws.String("grace@example.com"), DurationSeconds: aws.Int32(900), Tags: []ststypes.Tag{{Key: aws.String("run"), Value: aws.String("R1")}}}
		change(in)
		return in
	}
	for what, test := range map[string]struct {
		code   string
		change func(*sts.AssumeRoleInput)
	}{
		"no external id":         {"AccessDenied", func(in *sts.AssumeRoleInput) { in.ExternalId = nil }},
		"a wrong external id":    {"AccessDenied", func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("guess") }},
		"no such role":           {"AccessDenied", func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::444455556666:role/contain") }},
		"no such account":        {"AccessDenied", func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::999999999999:role/contain") }},
		"a bad session name":     {"ValidationError", func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("fb 1") }},
		"a bad source identity":  {"ValidationError", func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("grace hopper") }},
		"a session that's long":  {"ValidationError", func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(43200) }},
		"a session that's short": {"ValidationError", func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(60) }},
	} {
		_, err := client.AssumeRole(ctx, input(test.change))
		fails(t, what, err, test.code)
	}
	out, err := client.AssumeRole(ctx, input(func(*sts.AssumeRoleInput) {}))
	if err != nil {
		t.Fatal(err)
	}
	session := awsfake.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey}
	inside := iamClient(cloud, session, *out.Credentials.SessionToken)
	if got, err := inside.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("contain")}); err != nil || *got.Role.Arn != "arn:aws:iam::444455556666:role/ops/contain" {
		t.Errorf("inside the other account: got %+v, %v", got, err)
	}
	_, err = iamClient(cloud, session, "forged").GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("contain")})
	fails(t, "a forged token", err, "InvalidClientTokenId")
	want := awsfake.Session{AccessKeyID: session.AccessKeyID, Role: "arn:aws:iam::444455556666:role/ops/contain", Name: "fb-1", SourceIdentity: "grace@example.com",
		Tags: map[string]string{"run": "R1"}, Issued: now, Expires: now.Add(15 * time.Minute)}
	got := cloud.Sessions()
	if len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	now = now.Add(16 * time.Minute)
	_, err = inside.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("contain")})
	fails(t, "an old session", err, "ExpiredToken")
}

// GetCallerIdentity works for a principal that is denied everything.
func TestCallerIdentityCannotBeDenied(t *testing.T) {
	cloud := start(t, awsfake.Options{})
	cloud.AddUser("alice")
	key := cloud.NewAccessKey("alice")
	cloud.SetInlinePolicy("user", "alice", "no", `{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`)
	if got, err := stsClient(cloud, key).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil || *got.Account != "111122223333" {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err := iamClient(cloud, key, "").GetUser(t.Context(), &iam.GetUserInput{})
	fails(t, "anything else", err, "AccessDenied")
}

func TestLag(t *testing.T) {
	cloud := start(t, awsfake.Options{Lag: 2})
	cloud.AddUser("alice")
	key := cloud.NewAccessKey("alice")
	operator, ctx := iamClient(cloud, cloud.Operator(), ""), t.Context()
	if _, err := operator.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: aws.String("alice"), AccessKeyId: &key.AccessKeyID, Status: "Inactive"}); err != nil {
		t.Fatal(err)
	}
	read := func(c *iam.Client) string {
		t.Helper()
		out, err := c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: aws.String("alice")})
		if err != nil {
			t.Fatal(err)
		}
		return string(out.AccessKeyMetadata[0].Status)
	}
	auditor := iamClient(cloud, cloud.Auditor(), "")
	got := []string{read(auditor), read(operator), read(operator), read(operator), cloud.KeyStatus(key.AccessKeyID)}
	if diff := cmp.Diff([]string{"Inactive", "Active", "Active", "Inactive", "Inactive"}, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestFaults(t *testing.T) {
	cloud := start(t, awsfake.Options{})
	cloud.AddUser("alice")
	key := cloud.NewAccessKey("alice")
	operator, ctx := iamClient(cloud, cloud.Operator(), ""), t.Context()
	set := func(status types.StatusType) error {
		_, err := operator.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: aws.String("alice"), AccessKeyId: &key.AccessKeyID, Status: status})
		return err
	}
	const op = "iam:UpdateAccessKey"

	cloud.Inject(awsfake.Throttled(op, 1))
	fails(t, "throttled", set("Inactive"), "Throttling")
	cloud.Inject(awsfake.Broken(op, 1, false))
	fails(t, "broken before", set("Inactive"), "ServiceFailure")
	cloud.Inject(awsfake.Denied(op))
	for range 2 {
		err := set("Inactive")
		fails(t, "denied", err, "AccessDenied")
		if err == nil || !strings.Contains(err.Error(), "User: arn:aws:iam::111122223333:user/firebreak-operator is not authorized to perform: iam:UpdateAccessKey") {
			t.Errorf("got %v", err)
		}
	}
	if got := cloud.KeyStatus(key.AccessKeyID); got != "Active" {
		t.Errorf("a refused call made the key %s", got)
	}
	cloud.Heal()
	cloud.Inject(awsfake.DropAfterEffect(op, 1))
	if err := set("Inactive"); err == nil || cloud.KeyStatus(key.AccessKeyID) != "Inactive" {
		t.Errorf("dropped after the effect: got %v, key %s", err, cloud.KeyStatus(key.AccessKeyID))
	}
	cloud.Inject(awsfake.Broken(op, 1, true))
	fails(t, "broken after", set("Active"), "ServiceFailure")
	if got := cloud.KeyStatus(key.AccessKeyID); got != "Active" {
		t.Errorf("broken after the effect: the key is %s", got)
	}

	hold := awsfake.NewHold()
	cloud.Inject(awsfake.Fault{Operation: op, Times: 1, Hold: hold})
	done := make(chan error, 1)
	go func() { done <- set("Inactive") }()
	<-hold.Reached()
	if got := cloud.KeyStatus(key.AccessKeyID); got != "Active" {
		t.Errorf("while held before the effect the key is %s", got)
	}
	hold.Release()
	if err := <-done; err != nil || cloud.KeyStatus(key.AccessKeyID) != "Inactive" {
		t.Errorf("after the release: got %v, key %s", err, cloud.KeyStatus(key.AccessKeyID))
	}
	if got, want := cloud.Count(op), 7; got != want {
		t.Errorf("got %d calls, want %d", got, want)
	}
	last := cloud.Calls()[len(cloud.Calls())-1]
	if last.Status != 200 || last.Caller != "arn:aws:iam::111122223333:user/firebreak-operator" || last.RequestID == "" {
		t.Errorf("got %+v", last)
	}
	cloud.ForgetCalls()
	if cloud.Count(op) != 0 {
		t.Error("the calls are not forgotten")
	}
}

func TestUnknownOperation(t *testing.T) {
	cloud := start(t, awsfake.Options{})
	_, err := iamClient(cloud, cloud.Operator(), "").ListVirtualMFADevices(t.Context(), &iam.ListVirtualMFADevicesInput{})
	fails(t, "an operation that the fake does not know", err, "InvalidAction")
}
