package iam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// policySet is all that decides what a principal may do by itself.
type policySet struct {
	Inline   map[string]string `json:"inline,omitempty"` // name to document
	Attached []string          `json:"attached,omitempty"`
	Groups   []string          `json:"groups,omitempty"`
	Boundary string            `json:"boundary,omitempty"`
}

// policies reads the whole set, every page of it.
func (c *conn) policies(ctx context.Context, p cloud.Principal) (policySet, error) {
	set := policySet{Inline: map[string]string{}}
	names, err := c.inlineNames(ctx, p)
	if err != nil {
		return set, err
	}
	for _, name := range names {
		document, found, err := c.inline(ctx, p, name)
		if err != nil {
			return set, err
		}
		if found {
			set.Inline[name] = document
		}
	}
	if set.Attached, err = c.attached(ctx, p); err != nil || p.Kind == cloud.Role {
		return set, err
	}
	set.Groups, err = c.groups(ctx, p)
	return set, err
}

func (c *conn) inlineNames(ctx context.Context, p cloud.Principal) ([]string, error) {
	var names []string
	var marker *string
	for {
		var more bool
		if p.Kind == cloud.Role {
			out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:ListRolePolicies", c.iam.ListRolePolicies, &iam.ListRolePoliciesInput{RoleName: &p.Name, Marker: marker})
			if err != nil {
				return nil, err
			}
			names, more, marker = append(names, out.PolicyNames...), out.IsTruncated, out.Marker
		} else {
			out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:ListUserPolicies", c.iam.ListUserPolicies, &iam.ListUserPoliciesInput{UserName: &p.Name, Marker: marker})
			if err != nil {
				return nil, err
			}
			names, more, marker = append(names, out.PolicyNames...), out.IsTruncated, out.Marker
		}
		if !more || marker == nil {
			slices.Sort(names)
			return names, nil
		}
	}
}

func (c *conn) attached(ctx context.Context, p cloud.Principal) ([]string, error) {
	var arns []string
	var marker *string
	for {
		var more bool
		if p.Kind == cloud.Role {
			out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:ListAttachedRolePolicies", c.iam.ListAttachedRolePolicies, &iam.ListAttachedRolePoliciesInput{RoleName: &p.Name, Marker: marker})
			if err != nil {
				return nil, err
			}
			for _, one := range out.AttachedPolicies {
				arns = append(arns, aws.ToString(one.PolicyArn))
			}
			more, marker = out.IsTruncated, out.Marker
		} else {
			out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:ListAttachedUserPolicies", c.iam.ListAttachedUserPolicies, &iam.ListAttachedUserPoliciesInput{UserName: &p.Name, Marker: marker})
			if err != nil {
				return nil, err
			}
			for _, one := range out.AttachedPolicies {
				arns = append(arns, aws.ToString(one.PolicyArn))
			}
			more, marker = out.IsTruncated, out.Marker
		}
		if !more || marker == nil {
			slices.Sort(arns)
			return arns, nil
		}
	}
}

func (c *conn) groups(ctx context.Context, p cloud.Principal) ([]string, error) {
	var names []string
	var marker *string
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:ListGroupsForUser", c.iam.ListGroupsForUser, &iam.ListGroupsForUserInput{UserName: &p.Name, Marker: marker})
		if err != nil {
			return nil, err
		}
		for _, one := range out.Groups {
			names = append(names, aws.ToString(one.GroupName))
		}
		if marker = out.Marker; !out.IsTruncated || marker == nil {
			slices.Sort(names)
			return names, nil
		}
	}
}

// inline reads one inline policy; found is false when there is none of that
// name. An answer without a document is an error: it proves nothing.
func (c *conn) inline(ctx context.Context, p cloud.Principal, name string) (document string, found bool, err error) {
	var raw *string
	op := "iam:GetUserPolicy"
	if p.Kind == cloud.Role {
		op = "iam:GetRolePolicy"
		var out *iam.GetRolePolicyOutput
		if out, err = cloud.Do(ctx, c.Conn, cloud.Reads, op, c.iam.GetRolePolicy, &iam.GetRolePolicyInput{RoleName: &p.Name, PolicyName: &name}); err == nil {
			raw = out.PolicyDocument
		}
	} else {
		var out *iam.GetUserPolicyOutput
		if out, err = cloud.Do(ctx, c.Conn, cloud.Reads, op, c.iam.GetUserPolicy, &iam.GetUserPolicyInput{UserName: &p.Name, PolicyName: &name}); err == nil {
			raw = out.PolicyDocument
		}
	}
	switch {
	case actions.ClassOf(err) == actions.NotFound && err != nil:
		return "", false, nil
	case err != nil:
		return "", false, err
	case aws.ToString(raw) == "":
		return "", false, &actions.Error{Class: actions.Transient, Op: op, Err: errors.New("the answer holds no document, which proves nothing")}
	}
	document, err = url.PathUnescape(*raw)
	if err != nil {
		return "", false, &actions.Error{Class: actions.Transient, Op: op, Err: fmt.Errorf("the document of policy %q is not readable: %w", name, err)}
	}
	return document, true, nil
}

func (c *conn) putInline(ctx context.Context, p cloud.Principal, name, document string) error {
	if p.Kind == cloud.Role {
		_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "iam:PutRolePolicy", c.iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: &p.Name, PolicyName: &name, PolicyDocument: &document})
		return err
	}
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "iam:PutUserPolicy", c.iam.PutUserPolicy, &iam.PutUserPolicyInput{UserName: &p.Name, PolicyName: &name, PolicyDocument: &document})
	return err
}

// deleteInline deletes an inline policy; one that is gone already is fine.
func (c *conn) deleteInline(ctx context.Context, p cloud.Principal, name string) error {
	var err error
	if p.Kind == cloud.Role {
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:DeleteRolePolicy", c.iam.DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: &p.Name, PolicyName: &name})
	} else {
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:DeleteUserPolicy", c.iam.DeleteUserPolicy, &iam.DeleteUserPolicyInput{UserName: &p.Name, PolicyName: &name})
	}
	if err != nil && actions.ClassOf(err) == actions.NotFound {
		return nil
	}
	return err
}

// restoreInline brings back what stood under name before: a document, or none
// when before is empty. It acts only while the document there is the one that
// ours accepts; somebody else's later change is not overwritten.
func (c *conn) restoreInline(ctx context.Context, op string, p cloud.Principal, name, before string, ours func(document string) bool) error {
	document, found, err := c.inline(ctx, p, name)
	switch {
	case err != nil:
		return err
	case !found && before == "", found && before != "" && sameDocument(document, before):
		return nil
	case found && !ours(document):
		return &actions.Error{Class: actions.Precondition, Op: op,
			Err:  fmt.Errorf("policy %q of %s was changed after firebreak put it", name, p),
			Hint: "look at it, and remove it by hand if that is right"}
	case before == "":
		return c.deleteInline(ctx, p, name)
	}
	return c.putInline(ctx, p, name, before)
}

// restored reads whether what stood under name before stands there again.
func (c *conn) restored(ctx context.Context, p cloud.Principal, name, before string) (actions.Reading, error) {
	document, found, err := c.inline(ctx, p, name)
	switch {
	case err != nil:
		return cloud.Unreadable(err)
	case before == "" && found:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("policy %s is still there", name)}, nil
	case before == "":
		return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("policy %s is gone", name)}, nil
	case !found || !sameDocument(document, before):
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("policy %s is not what it was before", name)}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("policy %s is what it was before", name)}, nil
}

// differences lists what was added or removed between two sets, except the
// one called own, by its name or ARN.
func (before policySet) differences(after policySet, own string) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(after.Inline)) {
		old, was := before.Inline[name]
		switch {
		case name == own:
		case !was:
			found = append(found, "inline policy "+name+" was added")
		case !sameDocument(old, after.Inline[name]):
			found = append(found, "inline policy "+name+" was changed")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before.Inline)) {
		if _, is := after.Inline[name]; !is && name != own {
			found = append(found, "inline policy "+name+" was removed")
		}
	}
	for _, list := range []struct {
		what          string
		before, after []string
	}{{"policy ", before.Attached, after.Attached}, {"group ", before.Groups, after.Groups}} {
		for _, one := range list.after {
			if !slices.Contains(list.before, one) && one != own {
				found = append(found, list.what+one+" was added")
			}
		}
		for _, one := range list.before {
			if !slices.Contains(list.after, one) {
				found = append(found, list.what+one+" was removed")
			}
		}
	}
	if before.Boundary != after.Boundary && after.Boundary != own {
		found = append(found, fmt.Sprintf("the permissions boundary was %q and is %q", before.Boundary, after.Boundary))
	}
	return found
}

// sameDocument compares two policy documents by meaning: white space and the
// order of keys do not count.
func sameDocument(a, b string) bool {
	x, y := canonical(a), canonical(b)
	return x != "" && x == y
}

// canonical is a document with sorted keys and no white space, or "" when it
// is not JSON.
func canonical(document string) string {
	var v any
	if json.Unmarshal([]byte(document), &v) != nil {
		return ""
	}
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}
