package org

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type quarantine struct{ cloud *cloud.Cloud }

type quarantineParams struct {
	Target    string   `json:"target" doc:"account or organizational unit; for principal_scp the root too" example:"444455556666" pattern:"^([0-9]{12}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32})$" subject:"true"`
	Mode      string   `json:"mode" doc:"principal_scp denies everything to one principal, account_scp to everybody in the target, move_to_ou moves the account under other policies" enum:"principal_scp,account_scp,move_to_ou"`
	Principal string   `json:"principal,omitempty" doc:"for principal_scp: ARN of the user, the role or an account's root user" example:"arn:aws:iam::444455556666:role/web" pattern:"^arn:aws[a-z-]*:iam::[0-9]{12}:(root|(user|role)/[A-Za-z0-9+=,.@_/-]+)$"`
	UserID    string   `json:"user_id,omitempty" doc:"for principal_scp instead of principal: id of a user of IAM Identity Center" example:"9067642ac7-1b2c3d4e-5f60-7182-93a4-b5c6d7e8f901" pattern:"^([0-9a-f]{10}-)?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"`
	Exempt    []string `json:"exempt,omitempty" doc:"for account_scp: ARNs of roles that go on working, for log delivery, backups and responders; firebreak's own are always exempt"`
	To        string   `json:"to,omitempty" doc:"for move_to_ou: the unit to move the account to" example:"ou-ab12-quarantn" pattern:"^ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}$"`
}

type quarantineResult struct {
	Policy   string `json:"policy" doc:"id of the policy; empty for move_to_ou"`
	Name     string `json:"name" doc:"name of the policy; empty for move_to_ou"`
	Previous string `json:"previous" doc:"for move_to_ou: what the account was in before"`
}

// quarantineState is what Plan captures.
type quarantineState struct {
	Target   string   `json:"target"`
	Mode     string   `json:"mode"`
	Name     string   `json:"name,omitempty"`     // of our policy
	Document string   `json:"document,omitempty"` // of our policy
	Attached []policy `json:"attached,omitempty"` // what was there before
	Parent   string   `json:"parent,omitempty"`
	To       string   `json:"to,omitempty"`
	Before   bool     `json:"before,omitempty"` // it was in effect already
}

const (
	quarantineOp  = "aws.organizations.quarantine"
	principalMode = "principal_scp"
	accountMode   = "account_scp"
	moveMode      = "move_to_ou"
)

func (quarantine) Spec() actions.Spec {
	return actions.Spec{
		Name: quarantineOp, Version: 1,
		Title: "Contain an account or principal from the organization",
		Doc: "Denies everything by a service control policy of its own: to one principal, or to everybody in an account or unit but exempt roles. Or moves an account to another organizational unit. " +
			"Nobody in the account can lift it, whatever rights they have there. It is called in the management account or a delegated one.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "principal_scp: all that acts as the principal. account_scp: everything in the account, with its workloads, log delivery and backups, except roles that are exempt. move_to_ou: as the policies of the new unit say, and the guardrails of the old one are gone.",
		StaysAlive: []string{
			"The management account, which no service control policy binds.",
			"Service-linked roles, and what services do with them.",
			"Access that resource policies give to principals of other organizations.",
			"What runs goes on running: instances, containers and open connections that need no call to AWS.",
			"For up to a minute everything, until AWS has spread the change.",
		},
		Permissions: quarantineRights(),
		Timeout:     time.Minute, Settle: 15 * time.Second,
	}
}

// The resources of AWS Organizations belong to the management account.
const ofOrganization = "arn:{partition}:organizations::{management}:"

func quarantineRights() []actions.Permission {
	var rows []actions.Permission
	add := func(modes []string, phases []actions.Phase, action, why string, kinds ...string) {
		for _, phase := range phases {
			for _, kind := range kinds {
				row := actions.Permission{Phase: phase, Action: "organizations:" + action, Why: why, Resource: map[string]string{
					"":        "*", // AWS knows nothing smaller
					"policy":  ofOrganization + "policy/{organization}/service_control_policy/{policy}",
					"account": ofOrganization + "account/{organization}/{target}",
					"unit":    ofOrganization + "ou/{organization}/{unit}",
					"root":    ofOrganization + "root/{organization}/{root}",
				}[kind]}
				if modes != nil {
					row.When = actions.When{"mode": modes}
				}
				rows = append(rows, row)
			}
		}
	}
	plan, execute, verify, undo := actions.PhasePlan, actions.PhaseExecute, actions.PhaseVerify, actions.PhaseUndo
	deny, move := []string{principalMode, accountMode}, []string{moveMode}
	add(nil, []actions.Phase{plan}, "DescribeOrganization", "see which account is never bound", "")
	add(nil, []actions.Phase{plan}, "DescribeAccount", "show its name", "account")
	add(nil, []actions.Phase{plan}, "DescribeOrganizationalUnit", "show its name", "unit")
	add(nil, []actions.Phase{plan}, "ListPoliciesForTarget", "read what is attached", "account", "unit", "root")
	add(deny, []actions.Phase{plan}, "ListRoots", "see that such policies are in force", "")
	add(deny, []actions.Phase{plan, execute, undo}, "ListPolicies", "find our policy by its name", "")
	add(deny, []actions.Phase{plan, execute, verify, undo}, "DescribePolicy", "compare its text with what we put", "policy")
	add(deny, []actions.Phase{verify, undo}, "ListPoliciesForTarget", "read what is attached", "account", "unit", "root")
	add(deny, []actions.Phase{execute}, "CreatePolicy", "make our policy", "")
	add(deny, []actions.Phase{execute}, "TagResource", "mark our policy", "policy")
	add(deny, []actions.Phase{execute}, "AttachPolicy", "put our policy in force", "policy", "account", "unit", "root")
	add(deny, []actions.Phase{undo}, "ListTargetsForPolicy", "see whether somebody else uses our policy", "policy")
	add(deny, []actions.Phase{undo}, "DetachPolicy", "take our policy out of force", "policy", "account", "unit", "root")
	add(deny, []actions.Phase{undo}, "DeletePolicy", "delete our policy", "policy")
	add(move, []actions.Phase{plan, execute, verify, undo}, "ListParents", "read what the account is in", "account")
	add(move, []actions.Phase{execute, undo}, "MoveAccount", "move the account, there and back", "account", "unit", "root")
	return rows
}

// check finds parameters that do not go together.
func (p quarantineParams) check() error {
	switch {
	case p.Mode == principalMode && (p.Principal == "") == (p.UserID == ""):
		return invalid(quarantineOp, "give principal, or user_id for a user of Identity Center", "principal_scp needs one principal to deny")
	case p.Mode != principalMode && (p.Principal != "" || p.UserID != ""):
		return invalid(quarantineOp, "leave them out, or use the mode principal_scp", "principal and user_id are for principal_scp, not for %s", p.Mode)
	case p.Mode != accountMode && len(p.Exempt) > 0:
		return invalid(quarantineOp, "leave it out", "exempt is for account_scp, not for %s", p.Mode)
	case (p.Mode == moveMode) != (p.To != ""):
		return invalid(quarantineOp, "give the unit to move to for move_to_ou, and only then", "the mode is %s and to is %q", p.Mode, p.To)
	case p.Mode == moveMode && !account(p.Target):
		return invalid(quarantineOp, "give an account; AWS does not move units", "%q is no account", p.Target)
	case p.Mode == accountMode && strings.HasPrefix(p.Target, "r-"):
		return invalid(quarantineOp, "give the accounts or units that are meant, one step each", "%q is the whole organization", p.Target)
	}
	for _, arn := range p.Exempt {
		if kind, _, _ := strings.Cut(resourceOf(arn), "/"); kind != "role" || strings.ContainsAny(arn, "*?$") {
			return invalid(quarantineOp, "write it like arn:aws:iam::444455556666:role/log-delivery, one a line", "%q in exempt is not the ARN of one role", arn)
		}
	}
	return nil
}

func account(target string) bool {
	return len(target) == 12 && strings.Trim(target, "0123456789") == ""
}

// accountOf and resourceOf read an ARN of IAM.
func accountOf(arn string) string { return part(arn, 4) }

func resourceOf(arn string) string { return part(arn, 5) }

func part(arn string, i int) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[0] == "arn" && parts[2] == "iam" {
		return parts[i]
	}
	return ""
}

// refuse says why the target must not be contained from here.
func (a quarantine) refuse(c *conn, p quarantineParams, master string) error {
	own := a.own(c)
	switch {
	case p.Target == master:
		return precondition(quarantineOp, "contain its principals with aws.iam.quarantine_principal", "%s is the management account, which no service control policy binds", p.Target)
	case p.Principal != "" && accountOf(p.Principal) == master:
		return precondition(quarantineOp, "use aws.iam.quarantine_principal", "%s is in the management account, which no service control policy binds", p.Principal)
	case p.Principal != "" && account(p.Target) && accountOf(p.Principal) != p.Target:
		return precondition(quarantineOp, "give the principal's own account as target", "%s is not in account %s", p.Principal, p.Target)
	case strings.HasPrefix(resourceOf(p.Principal), "role/aws-service-role/"):
		return precondition(quarantineOp, "stop it in the service that owns it", "%s is a service-linked role, which no service control policy binds", p.Principal)
	case p.Principal != "" && slices.ContainsFunc(own, func(pattern string) bool { return same(pattern, p.Principal) }):
		return precondition(quarantineOp, "firebreak would lock itself out; use another identity for firebreak", "%s is an identity that firebreak itself uses", p.Principal)
	case p.Mode != principalMode && p.Target == c.Account:
		return precondition(quarantineOp, "use principal_scp, or call this from another account", "account %s is the one that firebreak works from", p.Target)
	}
	return nil
}

// own lists the ARNs that firebreak acts as, in all accounts it knows: the same
// whatever the duty of the session. The path of a role is not told by a session,
// so any path will do where the configuration does not have the role.
func (a quarantine) own(c *conn) []string {
	own := a.cloud.OwnRoles()
	for _, self := range c.Selves {
		configured := slices.ContainsFunc(a.cloud.OwnRoles(), func(arn string) bool {
			return self.Kind == cloud.Role && accountOf(arn) == self.Account && strings.HasSuffix(strings.ToLower(arn), "/"+strings.ToLower(self.Name))
		})
		if configured {
			continue
		}
		own = append(own, self.ARN())
		if self.Kind == cloud.Role && self.Path == "/" {
			own = append(own, fmt.Sprintf("arn:%s:iam::%s:role/*/%s", self.Partition, self.Account, self.Name))
		}
	}
	slices.Sort(own)
	return slices.Compact(own)
}

// same says whether a principal is meant by one of our ARNs. IAM does not tell
// names apart by case.
func same(own, arn string) bool {
	before, after, pattern := strings.Cut(strings.ToLower(own), "*")
	arn = strings.ToLower(arn)
	return arn == before && !pattern || pattern && strings.HasPrefix(arn, before) && strings.HasSuffix(arn, after)
}
