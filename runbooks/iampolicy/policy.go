package iampolicy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Phase is what rights are for.
type Phase string

// The phases.
const (
	Preflight Phase = "preflight" // read: plans, and steps that only read
	Contain   Phase = "contain"   // change, and prove the change
	Evidence  Phase = "evidence"  // collect evidence
	Release   Phase = "release"   // take changes back
)

// Phases lists the phases in the order in which they come.
func Phases() []Phase { return []Phase{Preflight, Contain, Evidence, Release} }

// Limits of IAM on the size of policies, in characters without white space.
const (
	MaxManaged    = 6144  // one managed policy
	MaxInlineRole = 10240 // all inline policies of one role together
)

// Use is a runbook that is to be run.
type Use struct {
	Program *runbooks.Program
	Inputs  map[string]any // those that are known beforehand, as [runbooks.Program.CheckInputs] gives them
	// Params are the parameters of steps, by path, as far as they were found out
	// beforehand; several of a loop. They go before what the runbook says.
	Params map[string][]map[string]any
}

// Options say where runbooks are to run. The zero value is any account and
// region of the partition aws.
type Options struct {
	Environment string   // name of the environment; empty: not known
	Partition   string   // empty: that of the region, else "aws"
	Account     string   // twelve digits; empty: any
	Region      string   // empty: any
	Phases      []Phase  // those that are wanted; empty: all
	Evidence    []string // patterns of the names of buckets that hold evidence; empty: firebreak-evidence-*
	Limit       int      // of one document; zero: MaxManaged
}

// Set is the rights of some runbooks, one policy a phase.
type Set struct {
	Policies []Policy `json:"policies"`
	Denies   []Deny   `json:"denies"` // in every document
	Notes    []string `json:"notes"`  // what a person has to know before attaching them
}

// Policy is the rights of one phase. It has several documents when one would be
// too large; all of them belong to the same role.
type Policy struct {
	Phase     Phase      `json:"phase"`
	Documents []Document `json:"documents"`
	Rows      []Row      `json:"rows"` // why each right is there, sorted
}

// Row is one right that is allowed, and the reason for it.
type Row struct {
	Action     string             `json:"action"`
	Resources  []string           `json:"resources"`
	Conditions actions.Conditions `json:"conditions,omitempty"`
	Phase      Phase              `json:"phase"`
	Runbook    string             `json:"runbook"`
	Step       string             `json:"step"` // path of ids: "contain.disable"
	Uses       string             `json:"uses"` // the action of the step
	Why        string             `json:"why"`
}

// Document is one IAM policy.
type Document struct {
	Version   string      `json:"Version"`
	Statement []Statement `json:"Statement"`
}

// Statement is one statement of a policy. Principal is set in trust policies
// only, and Resource is not.
type Statement struct {
	Sid       string              `json:"Sid"`
	Effect    string              `json:"Effect"`
	Principal map[string][]string `json:"Principal,omitempty"`
	Action    []string            `json:"Action"`
	Resource  []string            `json:"Resource,omitempty"`
	Condition actions.Conditions  `json:"Condition,omitempty"`
}

// version is the one version of the policy language that knows variables.
const version = "2012-10-17"

// Size is the length of the document as IAM counts it: characters without
// white space.
func (d Document) Size() int {
	n := 0
	for _, r := range string(compact(d)) {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

func compact(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("iampolicy: " + err.Error()) // texts, and maps and lists of texts
	}
	return bytes.TrimSpace(b.Bytes())
}

// Make works the rights of runbooks out. spec finds the declaration of an
// action, as [actions.Registry.Spec] does. An error means that a runbook uses an
// action that is not there, or that no document can hold a statement.
func Make(uses []Use, spec func(name string) (actions.Spec, bool), o Options) (*Set, error) {
	o = o.filled()
	c := &collector{spec: spec, options: o, notes: map[string]bool{}}
	for _, use := range uses {
		if err := c.program(use); err != nil {
			return nil, err
		}
	}
	o.Evidence = append(slices.Clone(o.Evidence), c.buckets()...)
	set := &Set{Denies: Denies(o)}
	for _, phase := range o.Phases {
		rows := sorted(c.rows, phase)
		documents, err := documents(phase, rows, set.Denies, o.Limit)
		if err != nil {
			return nil, fmt.Errorf("the policy for %s: %w", phase, err)
		}
		set.Policies = append(set.Policies, Policy{Phase: phase, Documents: documents, Rows: rows})
	}
	set.Notes = c.told(set)
	return set, nil
}

func (o Options) filled() Options {
	if o.Partition == "" {
		o.Partition = partitionOf(o.Region)
	}
	if len(o.Phases) == 0 {
		o.Phases = Phases()
	}
	if len(o.Evidence) == 0 {
		o.Evidence = []string{"firebreak-evidence-*"}
	}
	if o.Limit == 0 {
		o.Limit = MaxManaged
	}
	return o
}

// or gives * for what is not known.
func or(known string) string {
	if known == "" {
		return "*"
	}
	return known
}
