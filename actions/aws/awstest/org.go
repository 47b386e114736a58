package awstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	storetypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// Organizations is a client that goes around the proxy.
func (w *World) Organizations() *organizations.Client {
	return organizations.NewFromConfig(w.Config)
}

// SSO is a client that goes around the proxy.
func (w *World) SSO() *ssoadmin.Client { return ssoadmin.NewFromConfig(w.Config) }

// IdentityStore is a client that goes around the proxy.
func (w *World) IdentityStore() *identitystore.Client { return identitystore.NewFromConfig(w.Config) }

// Organization is what [World.Organization] makes.
type Organization struct{ ID, Root, Account, Unit string }

// Organization makes an organization with service control policies, whose
// management account is the one of the world, an account "shop" in the root, and
// a unit "quarantine" that denies something.
func (w *World) Organization(t *testing.T) Organization {
	t.Helper()
	w.organization = true
	client := w.Organizations()
	made, err := client.CreateOrganization(t.Context(), &organizations.CreateOrganizationInput{FeatureSet: orgtypes.OrganizationFeatureSetAll})
	if err != nil {
		t.Fatal(err)
	}
	roots, err := client.ListRoots(t.Context(), &organizations.ListRootsInput{})
	if err != nil {
		t.Fatal(err)
	}
	o := Organization{ID: aws.ToString(made.Organization.Id), Root: aws.ToString(roots.Roots[0].Id)}
	if _, err := client.EnablePolicyType(t.Context(), &organizations.EnablePolicyTypeInput{RootId: &o.Root, PolicyType: orgtypes.PolicyTypeServiceControlPolicy}); err != nil {
		t.Fatal(err)
	}
	account, err := client.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("shop"), Email: aws.String("shop@example.com")})
	if err != nil {
		t.Fatal(err)
	}
	o.Account = aws.ToString(account.CreateAccountStatus.AccountId)
	unit, err := client.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &o.Root, Name: aws.String("quarantine")})
	if err != nil {
		t.Fatal(err)
	}
	o.Unit = aws.ToString(unit.OrganizationalUnit.Id)
	w.ControlPolicy(t, "KeepStill", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ec2:RunInstances","Resource":"*"}]}`, o.Unit)
	return o
}

// ControlPolicy makes a service control policy and attaches it, as somebody else
// would. It gives the id.
func (w *World) ControlPolicy(t *testing.T, name, document string, targets ...string) string {
	t.Helper()
	made, err := w.Organizations().CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Name: &name, Content: &document, Description: aws.String("made by a test"), Type: orgtypes.PolicyTypeServiceControlPolicy})
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range targets {
		if _, err := w.Organizations().AttachPolicy(t.Context(), &organizations.AttachPolicyInput{PolicyId: made.Policy.PolicySummary.Id, TargetId: &target}); err != nil {
			t.Fatal(err)
		}
	}
	return aws.ToString(made.Policy.PolicySummary.Id)
}

// DropPolicy takes a policy from a target, as somebody else would.
func (w *World) DropPolicy(t *testing.T, name, target string) {
	t.Helper()
	if _, err := w.Organizations().DetachPolicy(t.Context(), &organizations.DetachPolicyInput{PolicyId: aws.String(w.PolicyNamed(t, name)), TargetId: &target}); err != nil {
		t.Fatal(err)
	}
}

// PolicyNamed gives the id of a service control policy.
func (w *World) PolicyNamed(t *testing.T, name string) string {
	t.Helper()
	list, err := w.Organizations().ListPolicies(t.Context(), &organizations.ListPoliciesInput{Filter: orgtypes.PolicyTypeServiceControlPolicy})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list.Policies {
		if aws.ToString(one.Name) == name {
			return aws.ToString(one.Id)
		}
	}
	t.Fatalf("there is no policy %q", name)
	return ""
}

// MoveAccount moves an account, as somebody else would.
func (w *World) MoveAccount(t *testing.T, account, from, to string) {
	t.Helper()
	if _, err := w.Organizations().MoveAccount(t.Context(), &organizations.MoveAccountInput{AccountId: &account, SourceParentId: &from, DestinationParentId: &to}); err != nil {
		t.Fatal(err)
	}
}

// Center is what [World.Center] makes.
type Center struct{ Instance, Store, User, Group, PermissionSet string }

// Center fills Identity Center with a user "alice" (alice@example.com), who is
// assigned to an account and is in the group "admins".
func (w *World) Center(t *testing.T, account string) Center {
	t.Helper()
	w.organization = true
	instances, err := w.SSO().ListInstances(t.Context(), &ssoadmin.ListInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	c := Center{Instance: aws.ToString(instances.Instances[0].InstanceArn), Store: aws.ToString(instances.Instances[0].IdentityStoreId)}
	c.User = w.CenterUser(t, c, "alice", "alice@example.com")
	group, err := w.IdentityStore().CreateGroup(t.Context(), &identitystore.CreateGroupInput{IdentityStoreId: &c.Store, DisplayName: aws.String("admins")})
	if err != nil {
		t.Fatal(err)
	}
	c.Group = aws.ToString(group.GroupId)
	set, err := w.SSO().CreatePermissionSet(t.Context(), &ssoadmin.CreatePermissionSetInput{InstanceArn: &c.Instance, Name: aws.String("Operators"), SessionDuration: aws.String("PT8H")})
	if err != nil {
		t.Fatal(err)
	}
	c.PermissionSet = aws.ToString(set.PermissionSet.PermissionSetArn)
	w.JoinGroup(t, c, c.User)
	w.Assign(t, c, account, ssotypes.PrincipalTypeUser, c.User)
	w.Assign(t, c, account, ssotypes.PrincipalTypeGroup, c.Group)
	return c
}

// CenterUser makes a user with an address, and gives the id.
func (w *World) CenterUser(t *testing.T, c Center, name, mail string) string {
	t.Helper()
	out, err := w.IdentityStore().CreateUser(t.Context(), &identitystore.CreateUserInput{
		IdentityStoreId: &c.Store, UserName: &name, DisplayName: &name, Name: &storetypes.Name{GivenName: &name, FamilyName: &name},
		Emails: []storetypes.Email{{Value: &mail, Primary: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.UserId)
}

// JoinGroup puts a user into the group, as an identity provider would.
func (w *World) JoinGroup(t *testing.T, c Center, user string) {
	t.Helper()
	if _, err := w.IdentityStore().CreateGroupMembership(t.Context(), &identitystore.CreateGroupMembershipInput{IdentityStoreId: &c.Store, GroupId: &c.Group, MemberId: &storetypes.MemberIdMemberUserId{Value: user}}); err != nil {
		t.Fatal(err)
	}
}

// Assign lets a user or a group use the permission set in an account.
func (w *World) Assign(t *testing.T, c Center, account string, kind ssotypes.PrincipalType, principal string) {
	t.Helper()
	if _, err := w.SSO().CreateAccountAssignment(t.Context(), &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: &c.Instance, PermissionSetArn: &c.PermissionSet, PrincipalId: &principal, PrincipalType: kind, TargetId: &account, TargetType: ssotypes.TargetTypeAwsAccount,
	}); err != nil {
		t.Fatal(err)
	}
}

// Requests are the requests for assignments that AWS works on. Moto is done at
// once and lists none, so a world answers these calls from here.
type Requests struct {
	mu   sync.Mutex
	list []string
	of   Center
	user string
}

// UnderWay makes the world answer what AWS works on, none at first.
func (w *World) UnderWay(c Center) *Requests {
	r := &Requests{of: c}
	for _, kind := range []string{"Creation", "Deletion"} {
		w.Proxy.Answer("sso:ListAccountAssignment"+kind+"Status", func(rw http.ResponseWriter, _ *http.Request) {
			r.mu.Lock()
			defer r.mu.Unlock()
			page := []map[string]string{}
			for _, id := range r.list {
				page = append(page, map[string]string{"RequestId": id, "Status": "IN_PROGRESS"})
			}
			answerJSON(rw, map[string]any{"AccountAssignments" + kind + "Status": page})
		})
		w.Proxy.Answer("sso:DescribeAccountAssignment"+kind+"Status", func(rw http.ResponseWriter, _ *http.Request) {
			r.mu.Lock()
			defer r.mu.Unlock()
			answerJSON(rw, map[string]any{"AccountAssignment" + kind + "Status": map[string]string{
				"RequestId": r.list[0], "Status": "IN_PROGRESS", "PrincipalId": r.user, "PrincipalType": "USER", "TargetId": "444455556666", "TargetType": "AWS_ACCOUNT", "PermissionSetArn": r.of.PermissionSet,
			}})
		})
	}
	return r
}

// Set says which requests there are, and whose.
func (r *Requests) Set(user string, ids ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.user, r.list = user, ids
}

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(v) // a client that has gone needs no answer
}

// orgState reads where accounts are, the policies with their targets, and who has
// access by Identity Center. Ids that are drawn by lot again are left out.
func (w *World) orgState(t *testing.T) string {
	t.Helper()
	if !w.organization {
		return ""
	}
	var lines []string
	note := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format+"\n", args...)) }
	fatal := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	accounts, err := w.Organizations().ListAccounts(t.Context(), &organizations.ListAccountsInput{})
	if err == nil { // a world may have Identity Center alone
		for _, account := range accounts.Accounts {
			parents, err := w.Organizations().ListParents(t.Context(), &organizations.ListParentsInput{ChildId: account.Id})
			fatal(err)
			note("account %s in %s", aws.ToString(account.Id), aws.ToString(parents.Parents[0].Id))
		}
		policies, err := w.Organizations().ListPolicies(t.Context(), &organizations.ListPoliciesInput{Filter: orgtypes.PolicyTypeServiceControlPolicy})
		fatal(err)
		for _, one := range policies.Policies {
			full, err := w.Organizations().DescribePolicy(t.Context(), &organizations.DescribePolicyInput{PolicyId: one.Id})
			fatal(err)
			on, err := w.Organizations().ListTargetsForPolicy(t.Context(), &organizations.ListTargetsForPolicyInput{PolicyId: one.Id})
			fatal(err)
			var targets []string
			for _, target := range on.Targets {
				targets = append(targets, aws.ToString(target.TargetId))
			}
			slices.Sort(targets)
			note("policy %s on %v: %s", aws.ToString(one.Name), targets, aws.ToString(full.Policy.Content))
		}
	}
	instances, err := w.SSO().ListInstances(t.Context(), &ssoadmin.ListInstancesInput{})
	fatal(err)
	for _, instance := range instances.Instances {
		groups, err := w.IdentityStore().ListGroups(t.Context(), &identitystore.ListGroupsInput{IdentityStoreId: instance.IdentityStoreId})
		fatal(err)
		users, err := w.IdentityStore().ListUsers(t.Context(), &identitystore.ListUsersInput{IdentityStoreId: instance.IdentityStoreId})
		fatal(err)
		for _, user := range users.Users {
			note("person %s", aws.ToString(user.UserName))
			lines = append(lines, w.assignments(t, instance.InstanceArn, "USER", user.UserId)...)
		}
		for _, group := range groups.Groups {
			lines = append(lines, w.assignments(t, instance.InstanceArn, "GROUP", group.GroupId)...)
			members, err := w.IdentityStore().ListGroupMemberships(t.Context(), &identitystore.ListGroupMembershipsInput{IdentityStoreId: instance.IdentityStoreId, GroupId: group.GroupId})
			fatal(err)
			for _, m := range members.GroupMemberships {
				if user, ok := m.MemberId.(*storetypes.MemberIdMemberUserId); ok {
					note("member %s of %s", user.Value, aws.ToString(group.DisplayName))
				}
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func (w *World) assignments(t *testing.T, instance *string, kind ssotypes.PrincipalType, id *string) []string {
	t.Helper()
	out, err := w.SSO().ListAccountAssignmentsForPrincipal(t.Context(), &ssoadmin.ListAccountAssignmentsForPrincipalInput{InstanceArn: instance, PrincipalId: id, PrincipalType: kind})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, one := range out.AccountAssignments {
		lines = append(lines, fmt.Sprintf("assignment of %s %s: %s in %s\n", one.PrincipalType, aws.ToString(one.PrincipalId), aws.ToString(one.PermissionSetArn), aws.ToString(one.AccountId)))
	}
	return lines
}

// orgNeeds are the rights of calls to Organizations and Identity Center. Resources
// of an organization carry its id, which here is any: a call does not tell it. AWS
// lists policies and roots, describes the organization and makes policies for
// nothing smaller than everything, and so it is with instances of Identity Center.
func (w *World) orgNeeds(t *testing.T, call Call) []Need {
	t.Helper()
	text := func(field string) string { s, _ := call.Body[field].(string); return s }
	var needs []Need
	on := func(resource string) { needs = append(needs, Need{call.Operation, resource}) }
	switch call.Operation {
	case "organizations:DescribeOrganization", "organizations:ListRoots", "organizations:ListPolicies", "sso:ListInstances":
		return []Need{{call.Operation, "*"}}
	case "organizations:CreatePolicy":
		on("*")
		if call.Body["Tags"] != nil {
			needs = append(needs, Need{"organizations:TagResource", "arn:aws:organizations::" + w.Account + ":policy/o-any/service_control_policy/p-new"})
		}
		return needs
	}
	service, _, _ := strings.Cut(call.Operation, ":")
	switch service {
	case "organizations":
		for _, field := range []string{"AccountId", "TargetId", "ChildId", "SourceParentId", "DestinationParentId", "OrganizationalUnitId", "PolicyId"} {
			id := text(field)
			kind := "account/o-any/"
			switch {
			case id == "":
				continue
			case strings.HasPrefix(id, "p-"):
				kind = "policy/o-any/service_control_policy/"
			case strings.HasPrefix(id, "ou-"):
				kind = "ou/o-any/"
			case strings.HasPrefix(id, "r-"):
				kind = "root/o-any/"
			}
			on("arn:aws:organizations::" + w.Account + ":" + kind + id)
		}
	case "sso":
		on(text("InstanceArn"))
		if account := text("TargetId"); account != "" {
			on("arn:aws:sso:::account/" + account)
			on(text("PermissionSetArn"))
		}
	case "identitystore":
		on("arn:aws:identitystore::" + w.Account + ":identitystore/" + text("IdentityStoreId"))
		for field, kind := range map[string]string{"GroupId": "group", "UserId": "user", "MembershipId": "membership"} {
			if id := text(field); id != "" {
				on("arn:aws:identitystore:::" + kind + "/" + id)
			}
		}
		if call.Operation == "identitystore:ListGroupMembershipsForMember" {
			on("arn:aws:identitystore:::membership/*")
		}
	}
	if len(needs) == 0 {
		t.Fatalf("%s names nothing: %v", call.Operation, call.Body)
	}
	return needs
}
