package iam

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// The ways to deny everything to a principal.
const (
	modeInline   = "inline"   // a policy of our own on the principal itself
	modeManaged  = "managed"  // AWS's AWSDenyAll, attached
	modeBoundary = "boundary" // AWS's AWSDenyAll, as the permissions boundary
)

// denyAll is the document of a quarantine without exemptions.
const denyAll = `{"Statement":[{"Action":"*","Effect":"Deny","Resource":"*","Sid":"FirebreakQuarantine"}],"Version":"2012-10-17"}`

// denyExcept is the document that denies everything but some actions.
func denyExcept(exempt []string) string {
	if len(exempt) == 0 {
		return denyAll
	}
	type statement struct {
		Effect    string
		NotAction []string
		Resource  string
		Sid       string
	}
	data, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []statement{{"Deny", exempt, "*", "FirebreakQuarantine"}}})
	if err != nil {
		panic("aws: " + err.Error()) // strings always marshal
	}
	return string(data)
}

var exemptForm = regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z0-9*?]+$`)

// checkExempt refuses exemptions that would let the principal out again.
func checkExempt(mode string, exempt []string) error {
	if len(exempt) > 0 && mode != modeInline {
		return fmt.Errorf("exempt_actions need the mode inline: AWSDenyAll denies all of them")
	}
	for _, action := range exempt {
		service, _, _ := strings.Cut(action, ":")
		switch {
		case !exemptForm.MatchString(action):
			return fmt.Errorf("%q is no action; write it like s3:GetObject", action)
		case slices.Contains([]string{"iam", "sts", "organizations", "sso"}, strings.ToLower(service)):
			return fmt.Errorf("%q cannot be exempt: with it the principal could lift its own quarantine or become another", action)
		}
	}
	return nil
}

// document is the policy of the mode inline.
func (s quarantineState) document() string { return denyExcept(s.Exempt) }

// managed is the ARN of AWS's policy that denies everything.
func (s quarantineState) managed() string {
	return "arn:" + s.Principal.Partition + ":iam::aws:policy/AWSDenyAll"
}

// before is what stood in the place of our deny; empty when nothing did.
func (s quarantineState) before() string {
	switch {
	case s.Mode == modeBoundary:
		return s.Policies.Boundary
	case s.Mode == modeManaged && slices.Contains(s.Policies.Attached, s.managed()):
		return s.managed()
	case s.Mode == modeManaged:
		return ""
	}
	return s.Policies.Inline[s.PolicyName]
}

// same says whether text, a document or an ARN, is the deny.
func (s quarantineState) same(text string) bool {
	if s.Mode == modeManaged || s.Mode == modeBoundary {
		return text == s.managed()
	}
	return sameDocument(text, s.document())
}

// put names the call that puts the deny.
func (s quarantineState) put() string {
	kind := titled(s.Principal.Kind)
	switch s.Mode {
	case modeManaged:
		return "iam:Attach" + kind + "Policy"
	case modeBoundary:
		return "iam:Put" + kind + "PermissionsBoundary"
	}
	return "iam:Put" + kind + "Policy"
}

// take names the call that takes the deny away.
func (s quarantineState) take() string {
	kind := titled(s.Principal.Kind)
	switch {
	case s.Mode == modeManaged:
		return "iam:Detach" + kind + "Policy"
	case s.before() != "":
		return s.put()
	case s.Mode == modeBoundary:
		return "iam:Delete" + kind + "PermissionsBoundary"
	}
	return "iam:Delete" + kind + "Policy"
}

// what names the deny for people.
func (s quarantineState) what() string {
	switch s.Mode {
	case modeManaged:
		return "attached policy " + s.PolicyName
	case modeBoundary:
		return "permissions boundary " + s.PolicyName
	}
	return "policy " + s.PolicyName
}

// longWhat is what, with "inline" in front of a policy of our own.
func (s quarantineState) longWhat() string {
	if s.Mode == modeManaged || s.Mode == modeBoundary {
		return s.what()
	}
	return "inline " + s.what()
}

// own is the name of our inline policy, whose change is no drift.
func (s quarantineState) own() string {
	if s.Mode == modeManaged || s.Mode == modeBoundary {
		return s.managed()
	}
	return s.PolicyName
}

// inPlace reads what stands in the place of the deny; empty when nothing does.
func (c *conn) inPlace(ctx context.Context, s quarantineState) (string, error) {
	switch s.Mode {
	case modeManaged:
		arns, err := c.attached(ctx, s.Principal)
		if err != nil || !slices.Contains(arns, s.managed()) {
			return "", err
		}
		return s.managed(), nil
	case modeBoundary:
		return c.confirm(ctx, opQuarantine, s.Principal)
	}
	document, _, err := c.inline(ctx, s.Principal, s.PolicyName)
	return document, err
}

// sameBoundary refuses to replace a boundary that is not the captured one, in the
// mode boundary: an undo would bring back the old one over somebody's newer one.
// The other modes replace nothing of others.
func (c *conn) sameBoundary(ctx context.Context, s quarantineState) error {
	if s.Mode != modeBoundary {
		return nil
	}
	now, err := c.inPlace(ctx, s)
	if err != nil || now == s.before() || s.same(now) {
		return err
	}
	return &actions.Error{Class: actions.Precondition, Op: opQuarantine, Err: fmt.Errorf("the permissions boundary of %s was changed since the plan: it is %q, it was %q", s.Principal, now, s.before()),
		Hint: "plan the step again, or use the mode inline, which replaces nothing"}
}

// putDeny puts the deny. It is a state: a second time changes nothing.
func (c *conn) putDeny(ctx context.Context, s quarantineState) error {
	switch s.Mode {
	case modeManaged:
		return c.attach(ctx, s.Principal, s.managed())
	case modeBoundary:
		return c.bound(ctx, s.Principal, s.managed())
	}
	return c.putInline(ctx, s.Principal, s.PolicyName, s.document())
}

// liftDeny brings back what stood there before, as restoreInline does.
func (c *conn) liftDeny(ctx context.Context, s quarantineState) error {
	if s.Mode != modeManaged && s.Mode != modeBoundary {
		return c.restoreInline(ctx, opQuarantine, s.Principal, s.PolicyName, s.before(), s.same)
	}
	now, err := c.inPlace(ctx, s)
	switch {
	case err != nil, now == s.before():
		return err
	case !s.same(now):
		return &actions.Error{Class: actions.Precondition, Op: opQuarantine, Err: fmt.Errorf("the permissions boundary of %s was changed after firebreak put it: it is %q", s.Principal, now),
			Hint: "look at it, and put it right by hand if that is right"}
	case s.Mode == modeManaged:
		return gone(c.detach(ctx, s.Principal, s.managed()))
	case s.before() != "":
		return c.bound(ctx, s.Principal, s.before())
	}
	return gone(c.unbound(ctx, s.Principal))
}

func (c *conn) attach(ctx context.Context, p cloud.Principal, arn string) error {
	var err error
	if p.Kind == cloud.Role {
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:AttachRolePolicy", c.iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: &p.Name, PolicyArn: &arn})
	} else {
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:AttachUserPolicy", c.iam.AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: &p.Name, PolicyArn: &arn})
	}
	return err
}

func (c *conn) detach(ctx context.Context, p cloud.Principal, arn string) error {
	var err error
	if p.Kind == cloud.Role {
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:DetachRolePolicy", c.iam.DetachRolePolicy, &iam.DetachRolePolicyInput{RoleName: &p.Name, PolicyArn: &arn})
	} else {
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:DetachUserPolicy", c.iam.DetachUserPolicy, &iam.DetachUserPolicyInput{UserName: &p.Name, PolicyArn: &arn})
	}
	return err
}

func (c *conn) bound(ctx context.Context, p cloud.Principal, arn string) error {
	var err error
	if p.Kind == cloud.Role {
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:PutRolePermissionsBoundary", c.iam.PutRolePermissionsBoundary, &iam.PutRolePermissionsBoundaryInput{RoleName: &p.Name, PermissionsBoundary: aws.String(arn)})
	} else {
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:PutUserPermissionsBoundary", c.iam.PutUserPermissionsBoundary, &iam.PutUserPermissionsBoundaryInput{UserName: &p.Name, PermissionsBoundary: aws.String(arn)})
	}
	return err
}

func (c *conn) unbound(ctx context.Context, p cloud.Principal) error {
	var err error
	if p.Kind == cloud.Role {
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:DeleteRolePermissionsBoundary", c.iam.DeleteRolePermissionsBoundary, &iam.DeleteRolePermissionsBoundaryInput{RoleName: &p.Name})
	} else {
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:DeleteUserPermissionsBoundary", c.iam.DeleteUserPermissionsBoundary, &iam.DeleteUserPermissionsBoundaryInput{UserName: &p.Name})
	}
	return err
}
