package ec2

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// association is the instance profile of an instance, as EC2 has it.
type association struct {
	id      string
	profile string // ARN
	state   types.IamInstanceProfileAssociationState
}

// associations reads those of an instance: none, one, or two while one takes the
// place of the other. None may also be an answer that holds nothing, so it proves
// nothing by itself.
func (c *conn) associations(ctx context.Context, instance string) ([]association, error) {
	const op = "ec2:DescribeIamInstanceProfileAssociations"
	var found []association
	in := &ec2.DescribeIamInstanceProfileAssociationsInput{Filters: []types.Filter{{Name: aws.String("instance-id"), Values: []string{instance}}}}
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.ec2.DescribeIamInstanceProfileAssociations, in)
		if err != nil {
			return nil, err
		}
		for _, one := range out.IamInstanceProfileAssociations {
			if one.IamInstanceProfile == nil || aws.ToString(one.InstanceId) != instance || one.State == types.IamInstanceProfileAssociationStateDisassociated {
				continue
			}
			found = append(found, association{aws.ToString(one.AssociationId), aws.ToString(one.IamInstanceProfile.Arn), one.State})
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return found, nil
		}
	}
}

// holding is the association that the instance has now or is getting, out of
// those that were read.
func holding(all []association) (association, bool) {
	for _, one := range all {
		if one.state != types.IamInstanceProfileAssociationStateDisassociating {
			return one, true
		}
	}
	return association{}, false
}

// nameIn is the name at the end of the ARN of a profile.
func nameIn(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// profileRole reads an instance profile by its name: its ARN, and the name of its
// role, which often is another one; empty: it has none.
func (c *conn) profileRole(ctx context.Context, name string) (arn, role string, err error) {
	const op = "iam:GetInstanceProfile"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, iam.NewFromConfig(c.Config).GetInstanceProfile, &iam.GetInstanceProfileInput{InstanceProfileName: &name})
	if err != nil {
		return "", "", err
	}
	if out.InstanceProfile == nil || aws.ToString(out.InstanceProfile.Arn) == "" {
		return "", "", cloud.Without(op, "instance profile "+name)
	}
	if len(out.InstanceProfile.Roles) > 0 {
		role = aws.ToString(out.InstanceProfile.Roles[0].RoleName)
	}
	return aws.ToString(out.InstanceProfile.Arn), role, nil
}

// None of these three calls has a token or a dry run: each is sent once.

func (c *conn) associateProfile(ctx context.Context, instance, profile string) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Once, "ec2:AssociateIamInstanceProfile", c.ec2.AssociateIamInstanceProfile, &ec2.AssociateIamInstanceProfileInput{
		InstanceId: &instance, IamInstanceProfile: &types.IamInstanceProfileSpecification{Arn: &profile}})
	return err
}

func (c *conn) replaceProfile(ctx context.Context, association, profile string) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Once, "ec2:ReplaceIamInstanceProfileAssociation", c.ec2.ReplaceIamInstanceProfileAssociation, &ec2.ReplaceIamInstanceProfileAssociationInput{
		AssociationId: &association, IamInstanceProfile: &types.IamInstanceProfileSpecification{Arn: &profile}})
	return err
}

func (c *conn) disassociateProfile(ctx context.Context, association string) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Once, "ec2:DisassociateIamInstanceProfile", c.ec2.DisassociateIamInstanceProfile, &ec2.DisassociateIamInstanceProfileInput{AssociationId: &association})
	return err
}

// profileChanged is the error for an instance whose profile is neither what it
// was nor what a step made it.
func profileChanged(instance, now, want string) error {
	if now == "" {
		now = "none"
	}
	return &actions.Error{Class: actions.Precondition, Op: opRole, Err: fmt.Errorf("instance %q has the instance profile %q, not %q", instance, now, want),
		Hint: "somebody changed it: look at both, and plan again"}
}
