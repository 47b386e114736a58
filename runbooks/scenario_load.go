package runbooks

import (
	"cmp"
	"slices"
)

// LoadScenarios parses files of scenarios and checks each against the program of
// its runbook. The scenarios come sorted by id; a file with errors gives none. Two
// files with one id are an error of the second. Every diagnostic of all files
// comes at once, sorted.
func LoadScenarios(files []File, programs []*Program, cat Catalog) ([]*Scenario, Diagnostics) {
	var found Diagnostics
	var ids []string
	byID := map[string]*Program{}
	for _, p := range programs {
		byID[p.ID] = p
		ids = append(ids, p.ID)
	}
	slices.Sort(ids)
	var scenarios []*Scenario
	first := map[string]string{}
	for _, one := range files {
		f, faults := ParseScenario(one.Name, one.Src)
		found = append(found, faults...)
		if f == nil {
			continue
		}
		fail := func(at At[string], rule, hint, message string) {
			found = append(found, Diagnostic{File: one.Name, Pos: at.Pos, Rule: rule, Severity: SeverityError, Message: message, Hint: hint})
		}
		before, twice := first[f.ID.Value]
		if f.ID.Set() && twice {
			fail(f.ID, "duplicate-id", "give it an id of its own", "another scenario has the id "+word(f.ID.Value)+": "+before)
		} else if f.ID.Set() {
			first[f.ID.Value] = one.Name
		}
		p := byID[f.Runbook.Value]
		if p == nil {
			if f.Runbook.Set() {
				fail(f.Runbook, "unknown-runbook", cmp.Or(didYouMean(f.Runbook.Value, ids), "look at the runbook: it is not there, or has errors of its own"), "there is no runbook "+word(f.Runbook.Value))
			}
			continue
		}
		s, more := f.Check(p, cat)
		found = append(found, more...)
		if s != nil && !twice {
			scenarios = append(scenarios, s)
		}
	}
	slices.SortFunc(scenarios, func(a, b *Scenario) int { return cmp.Compare(a.ID, b.ID) })
	found.Sort()
	return scenarios, found
}
