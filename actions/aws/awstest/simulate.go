package awstest

import (
	"context"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// Simulates answers iam:SimulatePrincipalPolicy in the emulator's place, which
// moto does not have, until Heal: by the inline policies that the user or role has
// at that moment, read by the rules of [Policies], with the keys that the call
// gives. The resources of a call are patterns to nobody: a * in one is that
// character.
func (w *World) Simulates() {
	w.Proxy.Answer("iam:SimulatePrincipalPolicy", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/xml")
		answer, err := w.simulate(r)
		if err != nil {
			rw.WriteHeader(http.StatusNotFound)
			answer = "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>" + escaped(err.Error()) + "</Message></Error><RequestId>simulated</RequestId></ErrorResponse>"
		}
		_, _ = fmt.Fprint(rw, answer)
	})
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}

func (w *World) simulate(r *http.Request) (string, error) {
	if err := r.ParseForm(); err != nil {
		return "", err
	}
	documents, err := w.inline(r.Context(), r.Form.Get("PolicySourceArn"))
	if err != nil {
		return "", err
	}
	given := map[string]string{}
	for i := range 100 {
		at := fmt.Sprintf("ContextEntries.member.%d.", i+1)
		if name := r.Form.Get(at + "ContextKeyName"); name != "" {
			given[name] = r.Form.Get(at + "ContextKeyValues.member.1")
		}
	}
	var results strings.Builder
	for _, action := range members(r.Form, "ActionNames") {
		for _, resource := range members(r.Form, "ResourceArns") {
			decision, by, missing, err := judged(documents, action, resource, given)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&results, "<member><EvalActionName>%s</EvalActionName><EvalResourceName>*</EvalResourceName><EvalDecision>%s</EvalDecision><ResourceSpecificResults><member><EvalResourceName>%s</EvalResourceName><EvalResourceDecision>%s</EvalResourceDecision><MatchedStatements>",
				action, decision, escaped(resource), decision)
			for _, name := range by {
				fmt.Fprintf(&results, "<member><SourcePolicyId>%s</SourcePolicyId><StartPosition><Line>1</Line><Column>1</Column></StartPosition></member>", escaped(name))
			}
			results.WriteString("</MatchedStatements><MissingContextValues>")
			for _, name := range missing {
				results.WriteString("<member>" + escaped(name) + "</member>")
			}
			results.WriteString("</MissingContextValues></member></ResourceSpecificResults></member>")
		}
	}
	return `<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>` +
		results.String() + `</EvaluationResults></SimulatePrincipalPolicyResult><ResponseMetadata><RequestId>simulated</RequestId></ResponseMetadata></SimulatePrincipalPolicyResponse>`, nil
}

func members(form url.Values, list string) []string {
	var all []string
	for i := 1; form.Has(fmt.Sprintf("%s.member.%d", list, i)); i++ {
		all = append(all, form.Get(fmt.Sprintf("%s.member.%d", list, i)))
	}
	return all
}

// judged decides by all documents together, and names those that decide.
func judged(documents map[string]Policies, action, resource string, given map[string]string) (decision string, by, missing []string, err error) {
	allowing, denying := []string(nil), []string(nil)
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		one, err := documents[name].Decide(action, resource, given)
		if err != nil {
			return "", nil, nil, err
		}
		switch one {
		case Denied:
			denying = append(denying, name)
		case Allowed:
			allowing = append(allowing, name)
		}
		for _, s := range documents[name] {
			for _, keys := range s.Condition {
				for key := range keys {
					if _, has := given[key]; !has && !slices.Contains(missing, key) {
						missing = append(missing, key)
					}
				}
			}
		}
	}
	slices.Sort(missing)
	switch {
	case len(denying) > 0:
		return "explicitDeny", denying, missing, nil
	case len(allowing) > 0:
		return "allowed", allowing, missing, nil
	}
	return "implicitDeny", nil, missing, nil
}

// inline reads the inline policies of a user or role, by name.
func (w *World) inline(ctx context.Context, arn string) (map[string]Policies, error) {
	name := arn[strings.LastIndex(arn, "/")+1:]
	documents := map[string]Policies{}
	add := func(policy string, document *string) error {
		text, err := url.PathUnescape(aws.ToString(document))
		if err == nil {
			documents[policy], err = ParsePolicies([]byte(text))
		}
		return err
	}
	if strings.Contains(arn, ":role/") {
		role, err := w.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
		if err != nil || aws.ToString(role.Role.Arn) != arn {
			return nil, fmt.Errorf("there is no %s", arn)
		}
		list, err := w.IAM.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &name})
		if err != nil {
			return nil, err
		}
		for _, policy := range list.PolicyNames {
			out, err := w.IAM.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &name, PolicyName: &policy})
			if err != nil {
				return nil, err
			}
			if err := add(policy, out.PolicyDocument); err != nil {
				return nil, err
			}
		}
		return documents, nil
	}
	list, err := w.IAM.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: &name})
	if err != nil {
		return nil, err
	}
	for _, policy := range list.PolicyNames {
		out, err := w.IAM.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: &name, PolicyName: &policy})
		if err != nil {
			return nil, err
		}
		if err := add(policy, out.PolicyDocument); err != nil {
			return nil, err
		}
	}
	return documents, nil
}
