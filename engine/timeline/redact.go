package timeline

import (
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// LeftOut stands where a text was left out.
const LeftOut = "[left out]"

// at is the record as a level shows it. The facts are redacted before they are
// folded, so that no sentence is ever made of what must not be in it.
func (r *Record) at(level Level) (*Record, error) {
	if level == "" {
		level = Full
	}
	switch {
	case !slices.Contains(Levels(), level):
		return nil, fmt.Errorf("redaction level %q is not known; write one of full, internal, external", level)
	case level == r.level:
		return r, nil
	case r.level != Full:
		return nil, fmt.Errorf("this record is redacted for %s already and cannot be written as %s", r.level, level)
	}
	out, err := Open(redacted(r.source, level))
	if err != nil {
		return nil, err
	}
	out.level = level
	return out, nil
}

// redacted gives the facts of source as a level shows them. Stand-ins are
// numbered by first appearance, so they are the same each time.
func redacted(source Source, level Level) Source {
	if level == Full {
		return source
	}
	return func() iter.Seq2[engine.Event, error] {
		return func(yield func(engine.Event, error) bool) {
			x := newRedactor(level)
			for e, err := range source() {
				if err == nil {
					e = x.event(e)
				}
				if !yield(e, err) {
					return
				}
			}
		}
	}
}

// redactor takes out of facts what a level must not show.
type redactor struct {
	level    Level
	standIns map[string]string // "person\x00alice" -> "person 1"
	counts   map[string]int
	plans    []string          // digests, in order of appearance
	typeable map[string]string // "step\x00i-1" -> the key of the stand-in of a target that is called so
	step     string            // of the fact at hand
}

func newRedactor(level Level) *redactor {
	return &redactor{level: level, standIns: map[string]string{}, counts: map[string]int{}, typeable: map[string]string{}}
}

// event is e with other values where they must not be shown. It shares nothing
// that was changed with e.
func (x *redactor) event(e engine.Event) engine.Event {
	x.step = e.Step
	actor := reflect.New(reflect.TypeFor[engine.Actor]()).Elem()
	actor.Set(reflect.ValueOf(e.Actor))
	if e.Actor.Type != engine.System {
		x.fields(actor)
	}
	e.Actor = actor.Interface().(engine.Actor)
	if e.Actor.Type == engine.Stranger && x.level == External {
		e.Actor.ID = ""
	}
	body := reflect.New(reflect.TypeOf(e.Body)).Elem()
	body.Set(reflect.ValueOf(e.Body))
	if body.Kind() == reflect.Struct { // a kind that this build has no words for is refused by the fold
		x.fields(body)
		e.Body = body.Interface().(engine.Body)
	}
	return e
}

// fields redacts each field of a struct; one that the table does not know is emptied.
func (x *redactor) fields(v reflect.Value) {
	of := factFields[v.Type().String()]
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		class, known := of[f.Name]
		if !known {
			v.Field(i).SetZero()
			continue
		}
		x.field(v.Field(i), class)
	}
}

// field redacts one value by its class.
func (x *redactor) field(v reflect.Value, c class) {
	if c == isNested || c == isReadings && x.level == Internal {
		x.inside(v)
		return
	}
	if v.IsZero() || !c.hides(x.level) {
		return
	}
	switch c {
	case isProgram:
		v.Set(reflect.ValueOf(engine.Large{Value: bare(v.Interface().(engine.Large).Value)}))
	case isItems:
		if !strings.Contains(x.step, undoMark) { // of an undo these are the ids of steps
			v.SetZero()
		}
	case isAddress, isValue, isDisplay, isDrop, isReadings:
		v.SetZero()
	case isTarget:
		if v.Kind() == reflect.String {
			x.typed(v)
			return
		}
		x.targets(v)
	default:
		x.texts(v, c)
	}
}

// inside redacts a struct, a pointer to one, or a list of them.
func (x *redactor) inside(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		x.fields(v)
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(v.Elem())
		x.fields(p.Elem())
		v.Set(p)
	case reflect.Slice:
		list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(list, v)
		for i := range list.Len() {
			x.fields(list.Index(i))
		}
		if !v.IsNil() {
			v.Set(list)
		}
	}
}

// texts redacts a text, or a list of them; a list of texts that are left out
// says so once.
func (x *redactor) texts(v reflect.Value, c class) {
	if v.Kind() == reflect.String {
		v.SetString(x.text(v.String(), c))
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, v.Len())
	for i := range v.Len() {
		text := x.text(v.Index(i).String(), c)
		if text == LeftOut && i > 0 {
			continue
		}
		list = reflect.Append(list, reflect.ValueOf(text).Convert(v.Type().Elem()))
	}
	v.Set(list)
}

func (x *redactor) text(s string, c class) string {
	if s == "" {
		return ""
	}
	switch c {
	case isPerson:
		return x.standIn("person", s)
	case isPlace:
		return x.standIn("environment", s)
	case isAudience:
		kind, id, ok := strings.Cut(s, ":")
		switch {
		case s == "channel":
			return s
		case ok && kind == "person":
			return x.standIn("person", id)
		case ok && kind == "group":
			return x.standIn("group", id)
		}
		return x.standIn("others", s)
	case isPlan:
		for n, digest := range x.plans { // a vote names the beginning of one
			if strings.HasPrefix(digest, s) {
				return fmt.Sprintf("no.%d", n+1)
			}
		}
		x.plans = append(x.plans, s)
		return fmt.Sprintf("no.%d", len(x.plans))
	case isNamed:
		if slices.Contains(keyTimeNames, strings.ToLower(s)) {
			return strings.ToLower(s)
		}
	case isProse:
		if s == emptyList { // the engine's own words
			return s
		}
	}
	return LeftOut
}

// keyTimeNames are the names of key times that tell nothing of an environment.
var keyTimeNames = []string{
	"began", "started", "cause", "detected", "alert", "alerted", "page", "paged", "acknowledged", "reported", "escalated", "notified",
	"mitigated", "contained", "eradicated", "recovered", "restored", "closed", "ended",
}

// standIn is "person 1" for the first person, and so on.
func (x *redactor) standIn(kind, s string) string {
	key := kind + "\x00" + s
	if x.standIns[key] == "" {
		x.counts[kind]++
		x.standIns[key] = fmt.Sprintf("%s %d", kind, x.counts[kind])
	}
	return x.standIns[key]
}

// targets puts stand-ins in the place of targets; their types stay.
func (x *redactor) targets(v reflect.Value) {
	var list []actions.Target
	for _, t := range v.Interface().([]actions.Target) {
		key := t.Type + "\x00" + t.Account + "\x00" + t.Region + "\x00" + t.ID
		list = append(list, actions.Target{Type: t.Type, ID: x.standIn(targetMark, key)})
		for _, name := range []string{t.ID, t.String()} {
			x.typeable[x.step+"\x00"+name], x.typeable["\x00"+name] = key, key
		}
	}
	v.Set(reflect.ValueOf(list))
}

// typed puts a stand-in in the place of a target that a person typed out: that
// of the target which a plan of the step calls so, or else a plan of another one,
// because an approval of a loop is for the plans of its items. Where a step
// has no target its own id is typed, which is shown everywhere.
func (x *redactor) typed(v reflect.Value) {
	name := v.String()
	key, ok := x.typeable[x.step+"\x00"+name]
	if !ok {
		key, ok = x.typeable["\x00"+name]
	}
	switch {
	case ok:
		v.SetString(x.standIn(targetMark, key))
	case name != x.step:
		v.SetString(x.standIn(targetMark, "\x00typed\x00"+name))
	}
}

// targetMark begins the stand-in of a target.
const targetMark = "target"

// bare keeps of a program what the timeline reads, and of that the shape alone.
func bare(data json.RawMessage) json.RawMessage {
	var o outline
	if json.Unmarshal(data, &o) != nil {
		return json.RawMessage("!") // it cannot be read now either
	}
	o.bare()
	out, err := json.Marshal(o)
	if err != nil {
		return json.RawMessage("!")
	}
	return out
}

func (o *outline) bare() {
	for _, list := range [][]definition{o.Steps, o.OnCancel} {
		for i := range list {
			d := &list[i]
			if len(d.ForEach) > 0 {
				d.ForEach = json.RawMessage("true")
			}
			if d.Undo != nil && len(d.Undo.Manual) > 0 {
				d.Undo.Manual = json.RawMessage("true")
			}
			if d.Runbook != nil {
				d.Runbook.Program.bare()
			}
		}
	}
}
