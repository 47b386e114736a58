package preflight

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks/iampolicy"
)

// Rights finds out who may do what in the environment of a request. It changes
// nothing.
type Rights interface {
	// Holder is the ARN of who carries a duty; with an error when nobody can act as
	// it. It may be empty then.
	Holder(ctx context.Context, duty iampolicy.Phase) (string, error)
	// Simulate says what a holder may do, one ruling for each ask.
	Simulate(ctx context.Context, holder string, asks []Ask) []Ruling
}

// Ask is a right that is needed.
type Ask struct {
	Action     string
	Resource   string // a * stands for what is not known, unless it is all
	Conditions actions.Conditions
}

// Ruling is the answer to an [Ask]. Without Err it is allowed, denied, or neither:
// nobody allows it.
type Ruling struct {
	Allowed, Denied bool
	By              []string // the statements of policies that decided
	Above           []string // what stands above the policies and does not allow it
	Missing         []string // keys of conditions that decide and that nobody knows yet
	Err             error
}

// asked is what a runbook needs, and what was answered.
type asked struct {
	runbook string
	roles   []Check
	holders map[iampolicy.Phase]string
	rows    map[string][]iampolicy.Row // by path of the step, in the order of phases
	rulings map[string]map[string]Ruling
	ours    map[string]bool // keys of conditions of firebreak's own denies
}

func key(action, resource string, conditions actions.Conditions) string {
	return fmt.Sprint(strings.ToLower(action), "\n", resource, "\n", conditions)
}

// ask assumes every role and asks for every right, each once.
func ask(ctx context.Context, rights Rights, set *iampolicy.Set) *asked {
	a := &asked{roles: []Check{}, holders: map[iampolicy.Phase]string{}, rows: map[string][]iampolicy.Row{}, rulings: map[string]map[string]Ruling{}, ours: map[string]bool{}}
	for _, deny := range set.Denies {
		for _, keys := range deny.Statement.Condition {
			for name := range keys {
				a.ours[strings.ToLower(name)] = true
			}
		}
	}
	asks := map[string][]Ask{} // by holder
	for _, p := range set.Policies {
		for _, row := range p.Rows {
			a.rows[row.Step] = append(a.rows[row.Step], row)
			a.runbook = row.Runbook
		}
	}
	if len(a.rows) == 0 {
		return a // nothing of it is AWS's
	}
	a.assume(ctx, rights, set)
	for _, p := range set.Policies {
		holder := a.holders[p.Phase]
		if holder == "" {
			continue
		}
		if a.rulings[holder] == nil {
			a.rulings[holder] = map[string]Ruling{}
		}
		for _, row := range p.Rows {
			for _, resource := range row.Resources {
				k := key(row.Action, resource, row.Conditions)
				if _, known := a.rulings[holder][k]; !known {
					a.rulings[holder][k] = Ruling{}
					asks[holder] = append(asks[holder], Ask{row.Action, resource, row.Conditions})
				}
			}
		}
	}
	for _, holder := range slices.Sorted(maps.Keys(asks)) {
		for i, ruling := range rights.Simulate(ctx, holder, asks[holder]) {
			one := asks[holder][i]
			a.rulings[holder][key(one.Action, one.Resource, one.Conditions)] = ruling
		}
		a.openQuestions(holder)
	}
	return a
}

// assume tries the role of every duty, those that this runbook does not need too.
func (a *asked) assume(ctx context.Context, rights Rights, set *iampolicy.Set) {
	at := map[string]int{}
	for _, duty := range iampolicy.Phases() {
		holder, err := rights.Holder(ctx, duty)
		a.holders[duty] = holder
		name := holder
		if name == "" {
			name = "identity"
		}
		if i, known := at[name]; known {
			a.roles[i].Detail += ", " + string(duty)
			continue
		}
		at[name] = len(a.roles)
		c := ready(name, "can be used for "+string(duty))
		if err != nil {
			next := ""
			if holder != "" {
				next = "firebreak iam-policy --trust ARN writes the trust policy; its external id is external_id of the environment"
			}
			c = failed(name, actions.ClassOf(err), err.Error()+"; needed for "+string(duty), next)
		}
		a.roles = append(a.roles, c)
	}
}

// openQuestions says once for each role what kept its rights from being found out.
func (a *asked) openQuestions(holder string) {
	n, why, next := 0, "", "try again; without the simulation only dry runs tell of rights"
	for _, k := range slices.Sorted(maps.Keys(a.rulings[holder])) {
		if err := a.rulings[holder][k].Err; err != nil {
			if n++; why == "" {
				why = err.Error()
			}
			if actions.ClassOf(err) == actions.Denied {
				next = "give iam:SimulatePrincipalPolicy on every role of the environment to the role for preflight"
			}
		}
	}
	if n > 0 {
		a.roles = append(a.roles, unknown("rights of "+holder, fmt.Sprintf("%d of %d could not be found out: %s", n, len(a.rulings[holder]), why), next))
	}
}

// of gives the checks of one step, by duty.
func (a *asked) of(path string) []Check {
	var checks []Check
	for _, phase := range iampolicy.Phases() {
		var rows []iampolicy.Row
		for _, row := range a.rows[path] {
			if row.Phase == phase {
				rows = append(rows, row)
			}
		}
		if len(rows) > 0 {
			checks = append(checks, a.duty(phase, rows)...)
		}
	}
	return checks
}

func (a *asked) duty(phase iampolicy.Phase, rows []iampolicy.Row) []Check {
	name := "rights for " + string(phase)
	holder := a.holders[phase]
	if holder == "" {
		return []Check{unknown(name, "nobody knows who does it; see the identity above", "")}
	}
	var checks []Check
	allowed, open, seen := 0, 0, map[string]bool{}
	for _, row := range rows {
		k := key(row.Action, strings.Join(row.Resources, "\n"), row.Conditions)
		if seen[k] {
			continue
		}
		seen[k] = true
		found := a.row(holder, phase, row)
		switch {
		case found == nil:
			allowed++
		case found.Name == "":
			open++
		default:
			checks = append(checks, *found)
		}
	}
	if open > 0 {
		checks = append(checks, unknown(name, fmt.Sprintf("%d of %d could not be found out; see the rights of %s above", open, len(seen), short(holder)), ""))
	}
	if len(checks) == 0 {
		return []Check{ready(name, fmt.Sprintf("%s has all of them (%d)", short(holder), allowed))}
	}
	return checks
}

// short is the last word of an ARN.
func short(arn string) string {
	_, name, _ := strings.Cut(arn[strings.LastIndex(arn, ":")+1:], "/")
	return name[strings.LastIndex(name, "/")+1:]
}

// row judges one right; nil is allowed, and a check without a name was not found
// out.
func (a *asked) row(holder string, phase iampolicy.Phase, row iampolicy.Row) *Check {
	next := fmt.Sprintf("allow it to %s; firebreak iam-policy %s --phase %s writes the policy", short(holder), a.runbook, phase)
	name := row.Action + " for " + string(phase)
	var maybe *Check
	for _, resource := range row.Resources {
		ruling, plainOne := a.rulings[holder][key(row.Action, resource, row.Conditions)], exact(resource)
		bare, what := strings.Replace(resource, "/*/", "/", 1), fmt.Sprintf("%s may not do it on %s", short(holder), resource)
		switch {
		case ruling.Err != nil:
			return &Check{}
		case ruling.Allowed:
		case ruling.Denied:
			by := slices.Concat(ruling.By, ruling.Above)
			if len(by) == 0 {
				by = []string{"a policy that IAM does not name"}
			}
			c := notReady(name, what+": it is denied by "+strings.Join(by, ", "), "take the deny away, or give "+string(phase)+" another role")
			return &c
		case len(a.unknownKeys(ruling)) > 0:
			c := unknown(name, what+" as far as IAM can tell: policies look at "+strings.Join(a.unknownKeys(ruling), ", ")+", which is known only when the run is there", "")
			maybe = &c
		case plainOne && !a.withPath(holder, row, resource):
			why := "no policy of it allows that"
			if len(ruling.Above) > 0 {
				why = strings.Join(ruling.Above, " and ") + " must allow it as well"
			}
			c := notReady(name, what+": "+why, next)
			return &c
		case maybe != nil:
		case plainOne:
			c := unknown(name, what+"; on one with a path it is allowed", "")
			maybe = &c
		case bare != resource && slices.Contains(row.Resources, bare):
			c := unknown(name, what+"; on one without a path it is allowed", "")
			maybe = &c
		default:
			c := unknown(name, what+" in general; whether on what the run will name is known only then", next)
			maybe = &c
		}
	}
	return maybe
}

// exact says whether a resource is all known; * alone is, since AWS knows no
// smaller one there.
func exact(resource string) bool {
	return resource == "*" || !strings.Contains(strings.ReplaceAll(resource, "${*}", ""), "*")
}

// withPath says whether a right is allowed on a user or role of that name under
// any path: names in a runbook do not have one.
func (a *asked) withPath(holder string, row iampolicy.Row, resource string) bool {
	return slices.ContainsFunc(row.Resources, func(other string) bool {
		return other != resource && strings.Replace(other, "/*/", "/", 1) == resource && a.rulings[holder][key(row.Action, other, row.Conditions)].Allowed
	})
}

// unknownKeys are the keys that a ruling lacks, without those that firebreak's
// own denies look at: where they are not there, those do not deny.
func (a *asked) unknownKeys(r Ruling) []string {
	return slices.DeleteFunc(slices.Clone(r.Missing), func(name string) bool { return a.ours[strings.ToLower(name)] })
}
