package ec2

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

func (a isolateSubnet) Execute(ctx context.Context, call actions.Call, p isolateSubnetParams) (isolateSubnetResult, error) {
	c, state, wanted, err := a.resume(ctx, call, p)
	if err != nil {
		return isolateSubnetResult{}, err
	}
	r := isolateSubnetResult{PreviousACL: state.ACL}
	inside, err := c.inSubnet(ctx, p.SubnetID)
	if err != nil {
		return r, err
	}
	if err := c.refuseSubnet(p.SubnetID, inside); err != nil {
		return r, err
	}
	current, association, err := c.aclOf(ctx, p.SubnetID)
	if err != nil {
		return r, err
	}
	if foreign, missing := aclDrift(current, wanted); len(foreign)+len(missing) == 0 && aws.ToString(current.NetworkAclId) == state.ACL {
		r.NetworkACL, r.AssociationID = state.ACL, association // it denied the same before
		return r, nil
	}
	acl, found, err := c.quarantineACL(ctx, call, p.SubnetID, state.VPC)
	if err != nil {
		return r, err
	}
	changed := found
	if now := aws.ToString(current.NetworkAclId); now != state.ACL && (!found || now != aws.ToString(acl.NetworkAclId)) {
		return r, cloud.AfterEffect(changed, aclChanged(p.SubnetID, now, state.ACL))
	}
	if !found {
		if acl, err = c.createACL(ctx, call, p.SubnetID, state.VPC); err != nil {
			return r, err
		}
		changed = true
	}
	r.NetworkACL = aws.ToString(acl.NetworkAclId)
	if err := c.makeExact(ctx, p.SubnetID, acl, wanted); err != nil {
		return r, cloud.AfterEffect(changed, err)
	}
	if aws.ToString(current.NetworkAclId) != r.NetworkACL {
		if err := c.associateACL(ctx, association, r.NetworkACL); err != nil {
			return r, cloud.AfterEffect(changed, err)
		}
	}
	// The id of the new association is read by subnet, so that an attempt whose
	// answer was lost tells the same one.
	if _, r.AssociationID, err = c.aclOf(ctx, p.SubnetID); err != nil {
		return r, cloud.AfterEffect(true, err)
	}
	return r, nil
}

func aclChanged(subnet, now, before string) error {
	return &actions.Error{Class: actions.Precondition, Op: opSubnet, Err: fmt.Errorf("subnet %q has network ACL %q, neither the one it had (%q) nor the quarantine", subnet, now, before),
		Hint: "somebody changed it: look at both, and plan again"}
}

// makeExact gives our ACL exactly the rules that it should have.
func (c *conn) makeExact(ctx context.Context, subnet string, acl types.NetworkAcl, wanted []ec2.CreateNetworkAclEntryInput) error {
	for _, one := range acl.Associations {
		if other := aws.ToString(one.SubnetId); other != subnet {
			return &actions.Error{Class: actions.Precondition, Op: opSubnet, Err: fmt.Errorf("the quarantine ACL %q is also that of subnet %q", aws.ToString(acl.NetworkAclId), other), Hint: "give that subnet its own ACL back first"}
		}
	}
	foreign, missing := aclDrift(acl, wanted)
	for _, e := range foreign {
		if _, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:DeleteNetworkAclEntry", c.ec2.DeleteNetworkAclEntry, &ec2.DeleteNetworkAclEntryInput{NetworkAclId: acl.NetworkAclId, RuleNumber: &e.number, Egress: &e.egress}); err != nil && actions.ClassOf(err) != actions.NotFound {
			return err
		}
	}
	for _, in := range missing {
		in.NetworkAclId = acl.NetworkAclId
		if _, err := cloud.Do(ctx, c.Conn, cloud.Once, "ec2:CreateNetworkAclEntry", c.ec2.CreateNetworkAclEntry, &in); err != nil {
			return err
		}
	}
	return nil
}

func (a isolateSubnet) Verify(ctx context.Context, call actions.Call, p isolateSubnetParams, _ isolateSubnetResult) (actions.Reading, error) {
	c, _, wanted, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	acl, _, err := c.aclOf(ctx, p.SubnetID)
	if err != nil {
		return unreadable(err)
	}
	id := aws.ToString(acl.NetworkAclId)
	foreign, missing := aclDrift(acl, wanted)
	switch {
	case len(foreign) > 0:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("subnet %s has network ACL %s, with a rule that does not belong there: %s", p.SubnetID, id, foreign[0])}, nil
	case len(missing) > 0:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("subnet %s has network ACL %s, which lacks %d rules for what is allowed", p.SubnetID, id, len(missing))}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("subnet %s has network ACL %s, which denies everything but %d allowed networks", p.SubnetID, id, len(p.Allow))}, nil
}

func (a isolateSubnet) PlanUndo(ctx context.Context, call actions.Call, p isolateSubnetParams, r isolateSubnetResult) (actions.Preview, error) {
	c, state, _, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{c.target("subnet", p.SubnetID)}}
	if r.NetworkACL == state.ACL {
		preview.NoUndo = fmt.Sprintf("the ACL %s denied the same before this step; it stays", state.ACL)
		return preview, nil
	}
	current, _, err := c.aclOf(ctx, p.SubnetID)
	if err != nil {
		return preview, err
	}
	acl, found, err := c.quarantineACL(ctx, call, p.SubnetID, state.VPC)
	if err != nil {
		return preview, err
	}
	now := aws.ToString(current.NetworkAclId)
	switch {
	case now == state.ACL:
		preview.InEffect = !found
		preview.Changes = []string{fmt.Sprintf("Subnet %s has network ACL %s again; what is left of the quarantine is deleted.", p.SubnetID, state.ACL)}
		preview.Calls = []string{"ec2:DeleteNetworkAcl"}
		return preview, nil
	case !found || now != aws.ToString(acl.NetworkAclId):
		preview.NoUndo = fmt.Sprintf("the subnet has network ACL %s, neither the one it had (%s) nor the quarantine; look at both", now, state.ACL)
		return preview, nil
	}
	preview.Changes = []string{fmt.Sprintf("Subnet %s gets network ACL %s again, and the quarantine ACL %s is deleted.", p.SubnetID, state.ACL, now)}
	preview.Calls = []string{"ec2:ReplaceNetworkAclAssociation", "ec2:DeleteNetworkAcl"}
	preview.Warnings = []string{"Connections that did not time out meanwhile go on at once."}
	return preview, nil
}

func (a isolateSubnet) Undo(ctx context.Context, call actions.Call, p isolateSubnetParams, r isolateSubnetResult) error {
	c, state, _, err := a.resume(ctx, call, p)
	if err != nil || r.NetworkACL == state.ACL {
		return err
	}
	current, association, err := c.aclOf(ctx, p.SubnetID)
	if err != nil {
		return err
	}
	acl, found, err := c.quarantineACL(ctx, call, p.SubnetID, state.VPC)
	if err != nil {
		return err
	}
	changed := false
	if now := aws.ToString(current.NetworkAclId); now != state.ACL {
		if !found || now != aws.ToString(acl.NetworkAclId) {
			return aclChanged(p.SubnetID, now, state.ACL)
		}
		if err := c.associateACL(ctx, association, state.ACL); err != nil {
			if actions.ClassOf(err) == actions.NotFound {
				return &actions.Error{Class: actions.Precondition, Op: opSubnet, Err: fmt.Errorf("the network ACL %q that subnet %q had is gone: %w", state.ACL, p.SubnetID, err), Hint: "choose another one for the subnet by hand; that of the VPC allows everything unless it was changed"}
			}
			return err
		}
		changed = true
	}
	if !found {
		return nil
	}
	_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:DeleteNetworkAcl", c.ec2.DeleteNetworkAcl, &ec2.DeleteNetworkAclInput{NetworkAclId: acl.NetworkAclId})
	if err != nil && actions.ClassOf(err) == actions.NotFound {
		return nil
	}
	return cloud.AfterEffect(changed, err)
}

func (a isolateSubnet) VerifyUndo(ctx context.Context, call actions.Call, p isolateSubnetParams, r isolateSubnetResult) (actions.Reading, error) {
	c, state, _, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	acl, _, err := c.aclOf(ctx, p.SubnetID)
	if err != nil {
		return unreadable(err)
	}
	if now := aws.ToString(acl.NetworkAclId); now != state.ACL {
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("subnet %s has network ACL %s, it had %s", p.SubnetID, now, state.ACL)}, nil
	}
	left, found, err := c.quarantineACL(ctx, call, p.SubnetID, state.VPC)
	switch {
	case err != nil:
		return unreadable(err)
	case found && r.NetworkACL != state.ACL:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("subnet %s has network ACL %s again, but the quarantine ACL %s is still there", p.SubnetID, state.ACL, aws.ToString(left.NetworkAclId))}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("subnet %s has network ACL %s again", p.SubnetID, state.ACL)}, nil
}
