package actions

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Effect is what an action does to its target.
type Effect string

// The effects, from harmless to final.
const (
	Read        Effect = "read"
	Reversible  Effect = "reversible"
	Destructive Effect = "destructive"
)

// AtLeast says whether e is as dangerous as other, or more.
func (e Effect) AtLeast(other Effect) bool { return e.rank() >= other.rank() }

func (e Effect) rank() int { return slices.Index([]Effect{Read, Reversible, Destructive}, e) }

// Valid says whether e is one of the three.
func (e Effect) Valid() bool { return e.rank() >= 0 }

// Repeat is what may happen after an attempt whose outcome is not known.
type Repeat string

// How an action repeats. Undeclared means Once.
const (
	Idempotent Repeat = "idempotent" // sets a state: run it again
	Keyed      Repeat = "keyed"      // the target removes duplicates by our key: run it again
	Probe      Repeat = "probe"      // ask the target what happened, then decide
	Once       Repeat = "once"       // only a person may decide
)

// Valid says whether r is one of the four.
func (r Repeat) Valid() bool { return slices.Contains([]Repeat{Idempotent, Keyed, Probe, Once}, r) }

// Again says whether an attempt may be repeated without asking anybody.
func (r Repeat) Again() bool { return r == Idempotent || r == Keyed }

// Phase is a part of an action's life, for which rights are declared.
type Phase string

// The phases.
const (
	PhasePlan    Phase = "plan"
	PhaseExecute Phase = "execute" // and the probe of an attempt in doubt
	PhaseVerify  Phase = "verify"
	PhaseUndo    Phase = "undo" // its plan, itself, and its proof
)

// Phases lists the phases in the order in which they come.
func Phases() []Phase { return []Phase{PhasePlan, PhaseExecute, PhaseVerify, PhaseUndo} }

// Permission is one right an action needs, and why. A right that is used in
// several phases has a row for each.
//
// Resource is a template. {partition}, {account} and {region} are those of the
// environment; any other {name} is the parameter of that name, or, where there
// is none, something that is known only when the action runs. A parameter may
// hold a whole ARN: then the resource is that ARN, and a row whose template does
// not fit it is not needed. It is "*" only where AWS knows no smaller resource.
type Permission struct {
	Phase      Phase      `json:"phase"`
	Action     string     `json:"action"`               // "iam:UpdateAccessKey"
	Resource   string     `json:"resource"`             // template: "arn:{partition}:iam::{account}:user/{user}"
	Conditions Conditions `json:"conditions,omitempty"` // all must hold, or the right is not used
	When       When       `json:"when,omitempty"`       // it is needed only then
	Why        string     `json:"why"`
}

// When names parameters with the values for which a right is needed: all of them
// must have one of theirs. A parameter that is not given has its default, and one
// that only the run knows may have any.
type When map[string][]string

// Conditions narrow a right as IAM does: operator, key, values. The values may
// be templates: {"StringEquals": {"iam:PassedToService": {"ec2.amazonaws.com"}}}.
type Conditions map[string]map[string][]string

// Spec declares an action. Params, Outputs and the Can fields are filled
// in by [Register].
type Spec struct {
	Name        string        `json:"name"`    // "aws.iam.deactivate_access_key"
	Version     int           `json:"version"` // raised when the meaning changes
	Title       string        `json:"title"`   // imperative, for people
	Doc         string        `json:"doc"`     // what it does, in a paragraph
	Effect      Effect        `json:"effect"`
	Repeat      Repeat        `json:"repeat"`
	Tells       bool          `json:"tells,omitempty"`        // only tells people: it touches no environment, so nobody has to approve it
	Adds        bool          `json:"adds,omitempty"`         // only adds to the record: a copy or a snapshot beside what is there, so nobody takes it back; nobody has to approve it unless it is destructive, which says that it leaves a trace on its target
	Preserves   bool          `json:"preserves,omitempty"`    // only keeps its target from being lost, so it may come before evidence is collected from it
	BlastRadius string        `json:"blast_radius,omitempty"` // what else feels it
	StaysAlive  []string      `json:"stays_alive,omitempty"`  // what this does not stop, said honestly
	Permissions []Permission  `json:"permissions,omitempty"`
	Timeout     time.Duration `json:"timeout,omitempty"` // of one attempt; zero: 30 s
	Settle      time.Duration `json:"settle,omitempty"`  // how long after an attempt a late effect may still land
	Params      []Field       `json:"params,omitempty"`
	Outputs     []Field       `json:"outputs,omitempty"`
	CanVerify   bool          `json:"can_verify"`
	CanUndo     bool          `json:"can_undo"`
	CanProbe    bool          `json:"can_probe"`

	CanPreflight bool `json:"can_preflight"`
}

// Kind is the type of a field's value.
type Kind string

// The kinds. A duration is written as "90s", a time as RFC 3339.
const (
	String   Kind = "string"
	Int      Kind = "int"
	Bool     Kind = "bool"
	Duration Kind = "duration"
	Time     Kind = "time"
	List     Kind = "list"
	Map      Kind = "map"
	Object   Kind = "object"
)

// Field is one named, typed value of an action's params or outputs.
type Field struct {
	Name     string   `json:"name"`
	Kind     Kind     `json:"kind"`
	Doc      string   `json:"doc,omitempty"`
	Example  string   `json:"example,omitempty"`
	Default  string   `json:"default,omitempty"`
	Enum     []string `json:"enum,omitempty"`
	Pattern  string   `json:"pattern,omitempty"`
	Required bool     `json:"required,omitempty"`
	Secret   bool     `json:"secret,omitempty"`
	Subject  bool     `json:"subject,omitempty"`
	Elem     *Field   `json:"elem,omitempty"`   // of a list or map
	Fields   []Field  `json:"fields,omitempty"` // of an object
}

// Param finds a parameter by name.
func (s Spec) Param(name string) (Field, bool) { return find(s.Params, name) }

// Output finds an output by name.
func (s Spec) Output(name string) (Field, bool) { return find(s.Outputs, name) }

func find(fields []Field, name string) (Field, bool) {
	i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return fields[i], true
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9]*(\.[a-z][a-z0-9_]*)+$`)

// check says what is wrong with a Spec; it is a programmer's mistake.
func (s Spec) check() error {
	switch {
	case !nameForm.MatchString(s.Name):
		return fmt.Errorf("action name %q is not of the form provider.verb", s.Name)
	case s.Version < 1:
		return fmt.Errorf("action %q has no version", s.Name)
	case !s.Effect.Valid():
		return fmt.Errorf("action %q has no effect", s.Name)
	case !s.Repeat.Valid():
		return fmt.Errorf("action %q: repeat %q is not known", s.Name, s.Repeat)
	case s.Repeat == Probe && !s.CanProbe:
		return fmt.Errorf("action %q repeats by probe but has no Probe method", s.Name)
	case s.Adds && (s.CanUndo || s.Effect == Read):
		return fmt.Errorf("action %q only adds to the record: its effect is reversible, or destructive, and it has no undo", s.Name)
	case s.Title == "" || s.Doc == "":
		return fmt.Errorf("action %q has no title or doc", s.Name)
	}
	return nil
}

// fieldsOf reads the tags of a params or result struct.
func fieldsOf(t reflect.Type) ([]Field, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is not a struct", t)
	}
	var fields []Field
	for f := range t.Fields() {
		if !f.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if name == "" {
			return nil, fmt.Errorf("field %s of %s has no json name", f.Name, t)
		}
		field, err := fieldOf(f.Type)
		if err != nil {
			return nil, fmt.Errorf("field %s of %s: %w", f.Name, t, err)
		}
		field.Name = name
		field.Required = !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero")
		field.Doc, field.Example, field.Default, field.Pattern = f.Tag.Get("doc"), f.Tag.Get("example"), f.Tag.Get("default"), f.Tag.Get("pattern")
		field.Secret, field.Subject = f.Tag.Get("secret") == "true", f.Tag.Get("subject") == "true"
		if enum := f.Tag.Get("enum"); enum != "" {
			field.Enum = strings.Split(enum, ",")
		}
		if field.Pattern != "" {
			if _, err := regexp.Compile(field.Pattern); err != nil {
				return nil, fmt.Errorf("field %s of %s: %w", f.Name, t, err)
			}
		}
		if field.Default != "" {
			field.Required = false
		}
		fields = append(fields, field)
	}
	return fields, nil
}

var (
	durationType = reflect.TypeFor[Span]()
	timeType     = reflect.TypeFor[time.Time]()
)

func fieldOf(t reflect.Type) (Field, error) {
	switch t {
	case durationType:
		return Field{Kind: Duration}, nil
	case timeType:
		return Field{Kind: Time}, nil
	}
	switch t.Kind() {
	case reflect.String:
		return Field{Kind: String}, nil
	case reflect.Bool:
		return Field{Kind: Bool}, nil
	case reflect.Int, reflect.Int64, reflect.Int32:
		return Field{Kind: Int}, nil
	case reflect.Slice, reflect.Map:
		if t.Kind() == reflect.Map && t.Key().Kind() != reflect.String {
			return Field{}, fmt.Errorf("map keys must be strings")
		}
		elem, err := fieldOf(t.Elem())
		if err != nil {
			return Field{}, err
		}
		kind := List
		if t.Kind() == reflect.Map {
			kind = Map
		}
		return Field{Kind: kind, Elem: &elem}, nil
	case reflect.Struct:
		fields, err := fieldsOf(t)
		return Field{Kind: Object, Fields: fields}, err
	}
	return Field{}, fmt.Errorf("type %s has no kind", t)
}

// Span is a duration in params and results, written as "90s" in JSON.
type Span time.Duration

// UnmarshalText reads "90s".
func (s *Span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration like %s", text, strconv.Quote("90s"))
	}
	*s = Span(d)
	return nil
}

// MarshalText writes "1m30s".
func (s Span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }
