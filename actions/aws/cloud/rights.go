package cloud

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions"
)

// Duty is what a role of an environment is for; see [Roles].
type Duty string

// The duties.
const (
	DutyPreflight Duty = "preflight"
	DutyContain   Duty = "contain"
	DutyEvidence  Duty = "evidence"
	DutyRelease   Duty = "release"
)

// of is call as one that the duty carries out.
func (d Duty) of(call actions.Call) actions.Call {
	call.Phase, call.Effect, call.Evidence = actions.PhaseExecute, actions.Reversible, d == DutyEvidence
	switch d {
	case DutyPreflight:
		call.Phase = actions.PhasePlan
	case DutyRelease:
		call.Phase = actions.PhaseUndo
	}
	return call
}

// Holder is the ARN of the user or role that carries a duty, and an error when
// nobody can act as it: the role cannot be assumed, or is of another account. The
// ARN is empty when it is not known.
func (c *Cloud) Holder(ctx context.Context, call actions.Call, duty Duty) (string, error) {
	call = duty.of(call)
	role := c.options.Environments[call.Environment].roleFor(call)
	conn, err := c.Open(ctx, call)
	if role != "" || err != nil {
		return role, err
	}
	return conn.Selves[len(conn.Selves)-1].ARN(), nil
}

// Ask is a right that somebody will need.
type Ask struct {
	Action     string
	Resource   string             // ARN, in which what is not known is a *
	Conditions actions.Conditions // that the request will meet
}

// Decision is what IAM says of a right, in its own words.
type Decision string

// The decisions.
const (
	Allowed        Decision = "allowed"
	DeniedByPolicy Decision = "explicitDeny"
	NotAllowed     Decision = "implicitDeny"
)

// Ruling is the answer to an [Ask].
type Ruling struct {
	Decision Decision // empty: it was not found out
	By       []string // the statements that decided
	Above    []string // what stands above the policies and does not allow it
	Missing  []string // keys that the policies look at and that were not given, sorted
	Err      error    // why there is no decision
}

// Simulate asks IAM what a user or role may do, with iam:SimulatePrincipalPolicy
// in the session of the preflight duty, and gives a ruling for each ask. It
// changes nothing. IAM judges by the policies of the identity, its boundary and
// those of the organization; the policies of resources are not looked at.
func (c *Cloud) Simulate(ctx context.Context, call actions.Call, holder string, asks []Ask) []Ruling {
	rulings := make([]Ruling, len(asks))
	all := func(err error) []Ruling {
		for i := range rulings {
			if rulings[i].Decision == "" && rulings[i].Err == nil {
				rulings[i].Err = err
			}
		}
		return rulings
	}
	conn, err := c.Open(ctx, DutyPreflight.of(call))
	if err != nil {
		return all(err)
	}
	s := &simulation{Conn: conn, client: iam.NewFromConfig(conn.Config), holder: holder, call: call}
	for _, alike := range alike(asks) {
		err := s.ask(ctx, asks, alike, rulings)
		if err != nil && actions.ClassOf(err) == actions.Invalid && Code(err) != noSuchOperation && len(alike) > 1 {
			for _, i := range alike { // one of the actions is wrong; the others can be judged
				if err = s.ask(ctx, asks, []int{i}, rulings); err != nil && actions.ClassOf(err) == actions.Invalid {
					rulings[i].Err, err = err, nil
				}
				if err != nil {
					break
				}
			}
		}
		if err != nil {
			return all(err)
		}
	}
	return all(fmt.Errorf("iam:SimulatePrincipalPolicy does not say"))
}

// noSuchOperation is how the query protocol says that a service cannot do it.
const noSuchOperation = "InvalidAction"

// alike groups asks, by index, that differ in the action alone: IAM takes them
// together. Each resource is asked about by itself, so that there is one answer
// for an action.
func alike(asks []Ask) [][]int {
	groups := map[string][]int{}
	var order []string
	for i, ask := range asks {
		key := fmt.Sprint(ask.Resource, "\n", ask.Conditions) // fmt sorts maps
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], i)
	}
	var list [][]int
	for _, key := range order {
		list = append(list, groups[key])
	}
	return list
}

type simulation struct {
	*Conn
	client *iam.Client
	holder string
	call   actions.Call
	named  bool // the path of a session's role was looked up
}

func (s *simulation) ask(ctx context.Context, asks []Ask, group []int, rulings []Ruling) error {
	const op = "iam:SimulatePrincipalPolicy"
	in := &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: &s.holder, ResourceArns: []string{plainText(asks[group[0]].Resource)}, ContextEntries: s.context(asks[group[0]].Conditions),
	}
	for _, i := range group {
		if !slices.Contains(in.ActionNames, asks[i].Action) {
			in.ActionNames = append(in.ActionNames, asks[i].Action)
		}
	}
	for {
		out, err := Do(ctx, s.Conn, Reads, op, s.client.SimulatePrincipalPolicy, in)
		if err != nil && actions.ClassOf(err) == actions.NotFound && s.rename(ctx) {
			continue
		}
		if err != nil {
			return explain(err, s.holder)
		}
		for _, one := range out.EvaluationResults {
			for _, i := range group {
				if strings.EqualFold(asks[i].Action, aws.ToString(one.EvalActionName)) {
					rulings[i] = rulingOf(one)
				}
			}
		}
		if in.Marker = out.Marker; !out.IsTruncated || aws.ToString(in.Marker) == "" {
			return nil
		}
	}
}

// rename looks up the path of a role that we only know by the name of its session.
func (s *simulation) rename(ctx context.Context) bool {
	p, err := ParsePrincipal(s.holder)
	if err != nil || p.Kind != Role || s.named {
		return false
	}
	s.named = true
	out, err := Do(ctx, s.Conn, Reads, "iam:GetRole", s.client.GetRole, &iam.GetRoleInput{RoleName: &p.Name})
	if err != nil || out.Role == nil || aws.ToString(out.Role.Arn) == s.holder || aws.ToString(out.Role.Arn) == "" {
		return false
	}
	s.holder = *out.Role.Arn
	return true
}

func explain(err error, holder string) error {
	e := *actions.AsError("iam:SimulatePrincipalPolicy", err)
	if e.Class == actions.Denied {
		e.Hint = "the right is needed on " + holder
	}
	return &e
}

// context is what the request will carry: what meets its conditions, and what
// our sessions bring along.
func (s *simulation) context(conditions actions.Conditions) []types.ContextEntry {
	values := map[string]string{"aws:RequestedRegion": s.Region}
	if strings.Contains(s.holder, ":role/") {
		values["aws:SourceIdentity"] = Word(s.call.Actor, 64)
		values["aws:PrincipalTag/incident"], values["aws:PrincipalTag/run"], values["aws:PrincipalTag/step"] = s.call.Incident, s.call.Run, s.call.Step
	}
	for _, operator := range slices.Sorted(maps.Keys(conditions)) {
		if operator != "StringEquals" && operator != "StringLike" {
			continue // it says of a key only whether it is there
		}
		for key, list := range conditions[operator] {
			if len(list) > 0 {
				values[key] = plainText(strings.ReplaceAll(strings.ReplaceAll(list[0], "${*}", "\x00"), "*", s.Region))
			}
		}
	}
	var entries []types.ContextEntry
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if values[key] != "" {
			entries = append(entries, types.ContextEntry{ContextKeyName: aws.String(key), ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: []string{values[key]}})
		}
	}
	return entries
}

// plainText takes the escapes of a policy off: what is asked about is no pattern.
func plainText(pattern string) string {
	return strings.NewReplacer("\x00", "*", "${*}", "*", "${?}", "?", "${$}", "$").Replace(pattern)
}

func rulingOf(result types.EvaluationResult) Ruling {
	decision, matched, missing, boundary := result.EvalDecision, result.MatchedStatements, result.MissingContextValues, result.PermissionsBoundaryDecisionDetail
	if len(result.ResourceSpecificResults) == 1 { // the one that was asked about
		one := result.ResourceSpecificResults[0]
		decision, matched = one.EvalResourceDecision, one.MatchedStatements
		missing = append(slices.Clone(missing), one.MissingContextValues...)
		if one.PermissionsBoundaryDecisionDetail != nil {
			boundary = one.PermissionsBoundaryDecisionDetail
		}
	}
	r := Ruling{Decision: Decision(decision), Missing: missing}
	slices.Sort(r.Missing)
	r.Missing = slices.Compact(r.Missing)
	for _, one := range matched {
		text := cmp.Or(aws.ToString(one.SourcePolicyId), "a policy")
		if one.StartPosition != nil {
			text += fmt.Sprintf(" line %d", one.StartPosition.Line)
		}
		r.By = append(r.By, text)
	}
	if d := result.OrganizationsDecisionDetail; d != nil && !d.AllowedByOrganizations {
		r.Above = append(r.Above, "a policy of the organization")
	}
	if boundary != nil && !boundary.AllowedByPermissionsBoundary {
		r.Above = append(r.Above, "the permissions boundary")
	}
	return r
}
