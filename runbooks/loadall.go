package runbooks

import (
	"fmt"
	"slices"
	"strings"
)

// File is the text of one runbook.
type File struct {
	Name string
	Src  []byte
}

// LoadAll parses and compiles files that may call each other, each after those
// that it calls. Others are programs that the files may call besides; a file
// with the id of one of them takes its place. The programs come in the order of
// the files; a file with errors gives none, and neither does one that calls it.
// Two files with one id are an error of the second. A file that says of itself
// that it is a scenario is passed over; see [LoadScenarios].
func LoadAll(files []File, cat Catalog, others ...*Program) ([]*Program, Diagnostics) {
	a := &loading{cat: cat, files: map[string]*unit{}, others: newShelf(others)}
	units := make([]*unit, 0, len(files))
	for _, f := range files {
		if IsScenario(f.Src) {
			continue
		}
		rb, found := Parse(f.Name, f.Src)
		a.found = append(a.found, found...)
		if rb == nil {
			continue
		}
		u := &unit{rb: rb}
		units = append(units, u)
		id := rb.ID.Value
		if first, twice := a.files[id]; twice && rb.ID.Set() {
			a.fail(rb, rb.ID.Pos, "duplicate-id", "give it an id of its own", "another runbook has the id %q: %s", id, first.rb.source.name)
			u.state = closed
			continue
		}
		if rb.ID.Set() {
			a.files[id] = u
			a.others.ids[id] = true
			delete(a.others.programs, id)
		}
	}
	var programs []*Program
	for _, u := range units {
		a.compile(u, nil)
	}
	for _, u := range units {
		if u.program != nil {
			programs = append(programs, u.program)
		}
	}
	a.found.Sort()
	return programs, a.found
}

// unit is a file while the files are compiled.
type unit struct {
	rb      *Runbook
	state   int // fresh, open, closed
	program *Program
}

// loading is one run of [LoadAll].
type loading struct {
	cat    Catalog
	files  map[string]*unit
	others *shelf
	found  Diagnostics
}

func (a *loading) fail(rb *Runbook, pos Pos, rule, hint, format string, args ...any) {
	a.found = append(a.found, Diagnostic{File: rb.source.name, Pos: pos, Rule: rule, Severity: SeverityError, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// compile compiles a file after those that it calls. Trail is the way here; a
// file that is open again closes a circle.
func (a *loading) compile(u *unit, trail []string) {
	if u.state != fresh {
		return
	}
	u.state = open
	id := u.rb.ID.Value
	trail = append(slices.Clip(trail), id)
	for _, list := range [][]StepDecl{u.rb.Steps, u.rb.OnCancel} {
		for i := range list {
			call := list[i].Calls
			next, known := a.files[call.Value]
			switch {
			case !call.Set() || !known || call.Value == id:
			case next.state == open:
				circle := append(slices.Clone(trail[slices.Index(trail, call.Value):]), call.Value)
				a.others.broken[call.Value] = fault{rule: "runbook-cycle", message: "the runbooks call each other: " + strings.Join(circle, " calls "), hint: "take one of the calls out"}
			default:
				a.compile(next, trail)
			}
		}
	}
	program, found := compile(u.rb, a.cat, a.others)
	a.found = append(a.found, found...)
	u.program, u.state = program, closed
	switch {
	case !u.rb.ID.Set():
	case program == nil:
		a.others.broken[id] = fault{rule: "runbook", message: "it has errors of its own", hint: "mend " + u.rb.source.name + " first"}
	default:
		a.others.programs[id] = program
	}
}
