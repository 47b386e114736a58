package org

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Register adds the actions named aws.organizations.* and aws.identitycenter.* to r.
func Register(r *actions.Registry, c *cloud.Cloud) {
	actions.Register(r, quarantine{c})
	actions.Register(r, revokeUser{c})
}

// conn is a session in use for one call of an action.
type conn struct {
	*cloud.Conn
	org   *organizations.Client
	sso   *ssoadmin.Client
	store *identitystore.Client
}

// open opens a session; region is empty for that of the environment.
func open(ctx context.Context, c *cloud.Cloud, call actions.Call, region string) (*conn, error) {
	session, err := c.Open(ctx, call)
	if err != nil {
		return nil, err
	}
	if region != "" {
		session = session.In(region)
	}
	return &conn{session, organizations.NewFromConfig(session.Config), ssoadmin.NewFromConfig(session.Config), identitystore.NewFromConfig(session.Config)}, nil
}

func precondition(op, hint, format string, args ...any) error {
	return &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf(format, args...), Hint: hint}
}

func invalid(op, hint, format string, args ...any) error {
	return &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf(format, args...), Hint: hint}
}

func reading(verdict actions.Verdict, format string, args ...any) (actions.Reading, error) {
	return actions.Reading{Verdict: verdict, Detail: fmt.Sprintf(format, args...)}, nil
}

// organization reads the organization, which has to have all features: others
// know no service control policies.
func (c *conn) organization(ctx context.Context) (master string, err error) {
	const op = "organizations:DescribeOrganization"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.org.DescribeOrganization, &organizations.DescribeOrganizationInput{})
	switch {
	case err != nil:
		return "", err
	case out.Organization == nil || aws.ToString(out.Organization.MasterAccountId) == "":
		return "", cloud.Empty(op, "an organization")
	case out.Organization.FeatureSet != types.OrganizationFeatureSetAll:
		return "", precondition(op, "enable all features of the organization first", "the organization has the feature set %q, without service control policies", out.Organization.FeatureSet)
	}
	return *out.Organization.MasterAccountId, nil
}

// enabled refuses when service control policies are switched off.
func (c *conn) enabled(ctx context.Context) error {
	const op = "organizations:ListRoots"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.org.ListRoots, &organizations.ListRootsInput{})
	if err != nil {
		return err
	}
	for _, root := range out.Roots {
		for _, kind := range root.PolicyTypes {
			if kind.Type == types.PolicyTypeServiceControlPolicy && kind.Status == types.PolicyTypeStatusEnabled {
				return nil
			}
		}
	}
	return precondition(op, "enable the policy type SERVICE_CONTROL_POLICY on the root first; use aws.iam.quarantine_principal meanwhile", "service control policies are not enabled in this organization")
}

// named is the name that a target has, after it was seen that it is there.
func (c *conn) named(ctx context.Context, target string) (string, error) {
	switch {
	case strings.HasPrefix(target, "r-"):
		return "the root of the organization", nil
	case strings.HasPrefix(target, "ou-"):
		const op = "organizations:DescribeOrganizationalUnit"
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.org.DescribeOrganizationalUnit, &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: &target})
		if err != nil {
			return "", err
		}
		if out.OrganizationalUnit == nil || aws.ToString(out.OrganizationalUnit.Id) != target {
			return "", cloud.Empty(op, target)
		}
		return "unit " + target + " (" + aws.ToString(out.OrganizationalUnit.Name) + ")", nil
	}
	const op = "organizations:DescribeAccount"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.org.DescribeAccount, &organizations.DescribeAccountInput{AccountId: &target})
	if err != nil {
		return "", err
	}
	if out.Account == nil || aws.ToString(out.Account.Id) != target {
		return "", cloud.Empty(op, target)
	}
	return "account " + target + " (" + aws.ToString(out.Account.Name) + ")", nil
}

// parent is what an account is in.
func (c *conn) parent(ctx context.Context, account string) (string, error) {
	const op = "organizations:ListParents"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.org.ListParents, &organizations.ListParentsInput{ChildId: &account})
	if err != nil {
		return "", err
	}
	if len(out.Parents) != 1 || aws.ToString(out.Parents[0].Id) == "" {
		return "", cloud.Empty(op, account)
	}
	return *out.Parents[0].Id, nil
}

// policy is a service control policy, without its text.
type policy struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// attached lists the policies on a target. AWS keeps at least one on every target,
// so none at all is no answer.
func (c *conn) attached(ctx context.Context, target string) ([]policy, error) {
	const op = "organizations:ListPoliciesForTarget"
	var found []policy
	var token *string
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.org.ListPoliciesForTarget, &organizations.ListPoliciesForTargetInput{TargetId: &target, Filter: types.PolicyTypeServiceControlPolicy, NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, one := range out.Policies {
			found = append(found, policy{aws.ToString(one.Id), aws.ToString(one.Name)})
		}
		if token = out.NextToken; aws.ToString(token) == "" {
			break
		}
	}
	if len(found) == 0 {
		return nil, cloud.Empty(op, target)
	}
	return found, nil
}

// byName looks for a policy by its name.
func (c *conn) byName(ctx context.Context, name string) (id string, err error) {
	const op = "organizations:ListPolicies"
	var token *string
	seen := false
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.org.ListPolicies, &organizations.ListPoliciesInput{Filter: types.PolicyTypeServiceControlPolicy, NextToken: token})
		if err != nil {
			return "", err
		}
		for _, one := range out.Policies {
			seen = true
			if aws.ToString(one.Name) == name {
				return aws.ToString(one.Id), nil
			}
		}
		if token = out.NextToken; aws.ToString(token) == "" {
			break
		}
	}
	if !seen { // FullAWSAccess is always there
		return "", cloud.Empty(op, name)
	}
	return "", nil
}

// content reads the text of a policy.
func (c *conn) content(ctx context.Context, id string) (string, error) {
	const op = "organizations:DescribePolicy"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.org.DescribePolicy, &organizations.DescribePolicyInput{PolicyId: &id})
	if err != nil {
		return "", err
	}
	if out.Policy == nil || aws.ToString(out.Policy.Content) == "" {
		return "", cloud.Empty(op, id)
	}
	return *out.Policy.Content, nil
}
