package org

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	storetypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// userState is what Plan captures: what gives the user access.
type userState struct {
	Asked       string       `json:"asked"`
	Region      string       `json:"region,omitempty"`
	Instance    string       `json:"instance"`
	Store       string       `json:"store"`
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Assignments []assignment `json:"assignments"`
	Groups      []membership `json:"groups"`
}

// assignment lets the user use a permission set in an account.
type assignment struct {
	Account       string `json:"account"`
	PermissionSet string `json:"permission_set"`
}

func (a assignment) String() string {
	return a.PermissionSet[strings.LastIndex(a.PermissionSet, "/")+1:] + " in account " + a.Account
}

// membership puts the user into a group. Its id is another one each time.
type membership struct {
	Group string `json:"group"`
	Name  string `json:"name,omitempty"`
	id    string
}

func (m membership) String() string {
	if m.Name == "" {
		return "group " + m.Group
	}
	return "group " + m.Name + " (" + m.Group + ")"
}

// instance finds the instance of Identity Center, or checks the one that is given.
func (c *conn) instance(ctx context.Context, want string) (arn, store string, err error) {
	const op = "sso:ListInstances"
	var found []types.InstanceMetadata
	var token *string
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.sso.ListInstances, &ssoadmin.ListInstancesInput{NextToken: token})
		if err != nil {
			return "", "", err
		}
		for _, one := range out.Instances {
			if want == "" || aws.ToString(one.InstanceArn) == want {
				found = append(found, one)
			}
		}
		if token = out.NextToken; aws.ToString(token) == "" {
			break
		}
	}
	switch {
	case len(found) == 0:
		return "", "", precondition(op, "give the region of Identity Center, and call this in its management account or a delegated one", "there is no instance of Identity Center to be seen in %s", c.Region)
	case len(found) > 1:
		var all []string
		for _, one := range found {
			all = append(all, aws.ToString(one.InstanceArn))
		}
		slices.Sort(all)
		return "", "", precondition(op, "give the instance that is meant", "there are several instances of Identity Center: %s", strings.Join(all, ", "))
	}
	return aws.ToString(found[0].InstanceArn), aws.ToString(found[0].IdentityStoreId), nil
}

var userID = regexp.MustCompile(`^([0-9a-f]{10}-)?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// user finds a user by id, name or e-mail address.
func (c *conn) user(ctx context.Context, store, asked string) (id, name string, err error) {
	const op = "identitystore:DescribeUser"
	if id = asked; !userID.MatchString(asked) {
		if id, err = c.lookup(ctx, store, asked); err != nil {
			return "", "", err
		}
	}
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.store.DescribeUser, &identitystore.DescribeUserInput{IdentityStoreId: &store, UserId: &id})
	if err != nil {
		return "", "", err
	}
	if aws.ToString(out.UserId) != id {
		return "", "", cloud.Empty(op, asked)
	}
	return id, aws.ToString(out.UserName), nil
}

// lookup finds the id behind a name or an address. A name may look like an
// address, and be that of somebody else.
func (c *conn) lookup(ctx context.Context, store, asked string) (string, error) {
	byName, err := c.by(ctx, store, "userName", asked)
	if err != nil && actions.ClassOf(err) != actions.NotFound {
		return "", err
	}
	if !strings.Contains(asked, "@") {
		return byName, err
	}
	byMail, mailErr := c.by(ctx, store, "emails.value", asked)
	switch {
	case mailErr != nil && actions.ClassOf(mailErr) != actions.NotFound:
		return "", mailErr
	case byName != "" && byMail != "" && byName != byMail:
		return "", precondition("identitystore:GetUserId", "give the id of the one that is meant", "%q is the name of user %s and the address of user %s", asked, byName, byMail)
	case byName != "":
		return byName, nil
	}
	return byMail, mailErr
}

func (c *conn) by(ctx context.Context, store, path, value string) (string, error) {
	const op = "identitystore:GetUserId"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.store.GetUserId, &identitystore.GetUserIdInput{IdentityStoreId: &store, AlternateIdentifier: &storetypes.AlternateIdentifierMemberUniqueAttribute{
		Value: storetypes.UniqueAttribute{AttributePath: &path, AttributeValue: document.NewLazyDocument(value)},
	}})
	if err != nil {
		return "", err
	}
	if aws.ToString(out.UserId) == "" {
		return "", cloud.Empty(op, value)
	}
	return *out.UserId, nil
}

// access lists what the user has of its own. AWS lists what comes by a group with
// it; inherited counts that.
func (c *conn) access(ctx context.Context, s userState) (own []assignment, inherited int, err error) {
	const op = "sso:ListAccountAssignmentsForPrincipal"
	own = []assignment{}
	var token *string
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.sso.ListAccountAssignmentsForPrincipal, &ssoadmin.ListAccountAssignmentsForPrincipalInput{
			InstanceArn: &s.Instance, PrincipalId: &s.ID, PrincipalType: types.PrincipalTypeUser, NextToken: token})
		if err != nil {
			return nil, 0, err
		}
		if out.AccountAssignments == nil {
			return nil, 0, cloud.Empty(op, s.Name)
		}
		for _, one := range out.AccountAssignments {
			if one.PrincipalType == types.PrincipalTypeUser && aws.ToString(one.PrincipalId) == s.ID {
				own = append(own, assignment{aws.ToString(one.AccountId), aws.ToString(one.PermissionSetArn)})
			} else {
				inherited++
			}
		}
		if token = out.NextToken; aws.ToString(token) == "" {
			slices.SortFunc(own, func(a, b assignment) int {
				return strings.Compare(a.Account+a.PermissionSet, b.Account+b.PermissionSet)
			})
			return slices.Compact(own), inherited, nil
		}
	}
}

// groups lists the groups that the user is in, by id.
func (c *conn) groups(ctx context.Context, s userState) ([]membership, error) {
	const op = "identitystore:ListGroupMembershipsForMember"
	found := []membership{}
	var token *string
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.store.ListGroupMembershipsForMember, &identitystore.ListGroupMembershipsForMemberInput{
			IdentityStoreId: &s.Store, MemberId: &storetypes.MemberIdMemberUserId{Value: s.ID}, NextToken: token})
		if err != nil {
			return nil, err
		}
		if out.GroupMemberships == nil {
			return nil, cloud.Empty(op, s.Name)
		}
		for _, one := range out.GroupMemberships {
			found = append(found, membership{Group: aws.ToString(one.GroupId), id: aws.ToString(one.MembershipId)})
		}
		if token = out.NextToken; aws.ToString(token) == "" {
			slices.SortFunc(found, func(a, b membership) int { return strings.Compare(a.Group, b.Group) })
			return found, nil
		}
	}
}

// groupName is what people call a group.
func (c *conn) groupName(ctx context.Context, store, group string) (string, error) {
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "identitystore:DescribeGroup", c.store.DescribeGroup, &identitystore.DescribeGroupInput{IdentityStoreId: &store, GroupId: &group})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.DisplayName), nil
}

// unassign asks for the removal of an assignment, once: AWS has no token for it.
// That it is gone, or on its way out, is no error.
func (c *conn) unassign(ctx context.Context, s userState, a assignment) error {
	const op = "sso:DeleteAccountAssignment"
	out, err := cloud.Do(ctx, c.Conn, cloud.Once, op, c.sso.DeleteAccountAssignment, &ssoadmin.DeleteAccountAssignmentInput{
		InstanceArn: &s.Instance, PermissionSetArn: &a.PermissionSet, PrincipalId: &s.ID, PrincipalType: types.PrincipalTypeUser, TargetId: &a.Account, TargetType: types.TargetTypeAwsAccount})
	if code := cloud.Code(err); code == "ResourceNotFoundException" || code == "ConflictException" {
		return nil
	}
	if err == nil {
		return failed(op, a, out.AccountAssignmentDeletionStatus)
	}
	return err
}

// assign asks for an assignment, once.
func (c *conn) assign(ctx context.Context, s userState, a assignment) error {
	const op = "sso:CreateAccountAssignment"
	out, err := cloud.Do(ctx, c.Conn, cloud.Once, op, c.sso.CreateAccountAssignment, &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: &s.Instance, PermissionSetArn: &a.PermissionSet, PrincipalId: &s.ID, PrincipalType: types.PrincipalTypeUser, TargetId: &a.Account, TargetType: types.TargetTypeAwsAccount})
	if cloud.Code(err) == "ConflictException" {
		return nil
	}
	if err == nil {
		return failed(op, a, out.AccountAssignmentCreationStatus)
	}
	return err
}

// failed is the error of a request that AWS took and gave up at once.
func failed(op string, a assignment, status *types.AccountAssignmentOperationStatus) error {
	if status != nil && status.Status == types.StatusValuesFailed {
		return precondition(op, "look at the account in Identity Center", "%s: %s", a, aws.ToString(status.FailureReason))
	}
	return nil
}

// leave takes the user out of a group. That this is so already is no error.
func (c *conn) leave(ctx context.Context, s userState, m membership) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "identitystore:DeleteGroupMembership", c.store.DeleteGroupMembership, &identitystore.DeleteGroupMembershipInput{IdentityStoreId: &s.Store, MembershipId: &m.id})
	if cloud.Code(err) == "ResourceNotFoundException" {
		return nil
	}
	return err
}

// join puts the user into a group, once.
func (c *conn) join(ctx context.Context, s userState, m membership) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Once, "identitystore:CreateGroupMembership", c.store.CreateGroupMembership, &identitystore.CreateGroupMembershipInput{
		IdentityStoreId: &s.Store, GroupId: &m.Group, MemberId: &storetypes.MemberIdMemberUserId{Value: s.ID}})
	if cloud.Code(err) == "ConflictException" {
		return nil
	}
	return err
}

// underway lists what AWS still does with assignments of the user: it takes the
// request, and works on it later. A removal is no removal before that ended.
func (c *conn) underway(ctx context.Context, s userState, creation bool) ([]string, error) {
	ids, err := c.requests(ctx, s, creation)
	if err != nil {
		return nil, err
	}
	var ours []string
	for _, id := range ids {
		status, err := c.request(ctx, s, id, creation)
		if err != nil {
			return nil, err
		}
		if status != nil && aws.ToString(status.PrincipalId) == s.ID && status.Status == types.StatusValuesInProgress {
			ours = append(ours, assignment{aws.ToString(status.TargetId), aws.ToString(status.PermissionSetArn)}.String())
		}
	}
	slices.Sort(ours)
	return ours, nil
}

// requests lists the ids of requests that are in progress, of anybody.
func (c *conn) requests(ctx context.Context, s userState, creation bool) (ids []string, err error) {
	var token *string
	filter := &types.OperationStatusFilter{Status: types.StatusValuesInProgress}
	for {
		var page []types.AccountAssignmentOperationStatusMetadata
		if creation {
			out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "sso:ListAccountAssignmentCreationStatus", c.sso.ListAccountAssignmentCreationStatus, &ssoadmin.ListAccountAssignmentCreationStatusInput{InstanceArn: &s.Instance, Filter: filter, NextToken: token})
			if err != nil {
				return nil, err
			}
			page, token = out.AccountAssignmentsCreationStatus, out.NextToken
		} else {
			out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "sso:ListAccountAssignmentDeletionStatus", c.sso.ListAccountAssignmentDeletionStatus, &ssoadmin.ListAccountAssignmentDeletionStatusInput{InstanceArn: &s.Instance, Filter: filter, NextToken: token})
			if err != nil {
				return nil, err
			}
			page, token = out.AccountAssignmentsDeletionStatus, out.NextToken
		}
		for _, one := range page {
			ids = append(ids, aws.ToString(one.RequestId))
		}
		if aws.ToString(token) == "" {
			return ids, nil
		}
	}
}

// request reads one request.
func (c *conn) request(ctx context.Context, s userState, id string, creation bool) (*types.AccountAssignmentOperationStatus, error) {
	if creation {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "sso:DescribeAccountAssignmentCreationStatus", c.sso.DescribeAccountAssignmentCreationStatus, &ssoadmin.DescribeAccountAssignmentCreationStatusInput{InstanceArn: &s.Instance, AccountAssignmentCreationRequestId: &id})
		if err != nil {
			return nil, err
		}
		return out.AccountAssignmentCreationStatus, nil
	}
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "sso:DescribeAccountAssignmentDeletionStatus", c.sso.DescribeAccountAssignmentDeletionStatus, &ssoadmin.DescribeAccountAssignmentDeletionStatusInput{InstanceArn: &s.Instance, AccountAssignmentDeletionRequestId: &id})
	if err != nil {
		return nil, err
	}
	return out.AccountAssignmentDeletionStatus, nil
}

// refuse says why the user must not be cut off from here: it is who firebreak is.
func (c *conn) refuse(s userState) error {
	through := slices.ContainsFunc(c.Selves, func(self cloud.Principal) bool { return strings.HasPrefix(self.Name, "AWSReservedSSO_") })
	if through && slices.ContainsFunc(c.Sessions, func(session string) bool { return strings.EqualFold(session, s.Name) }) {
		return precondition(revokeUserOp, "firebreak would lock itself out; use another identity for firebreak", "user %s is the one whose session firebreak itself works with", s.Name)
	}
	return nil
}

func list[T fmt.Stringer](all []T) string {
	var words []string
	for _, one := range all {
		words = append(words, one.String())
	}
	return strings.Join(words, ", ")
}
