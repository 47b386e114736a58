package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// MaxText is the longest text, in bytes, that a person can put in one fact.
const MaxText = 8 << 10

// NewIncident gives an incident to which no fact was applied yet.
func NewIncident() *Incident {
	return &Incident{Posts: map[string]*Post{}, asks: map[string]*Ask{}, byID: map[string]*Run{}}
}

// ReadPrograms sets how pinned programs are read, in place of
// [runbooks.DecodeProgram]. Whoever plays one program many times decodes it once;
// incidents that share a program must not be used at the same time.
func (i *Incident) ReadPrograms(read func(encoded []byte) (*runbooks.Program, error)) { i.read = read }

// Apply folds one fact in. When it returns an error the incident is as it was.
// A *[Refusal] is an answer to a person; any other error means that the fact
// contradicts the record.
func (i *Incident) Apply(e Event) error {
	if i.ID == "" {
		d, ok := e.Body.(Declared)
		if !ok {
			return fmt.Errorf("engine: %s comes before the incident was declared", e.Kind())
		}
		i.ID, i.Title, i.Severity, i.Private, i.store = d.ID, d.Title, d.Severity, d.Private, d.Store
		i.DeclaredBy, i.DeclaredAt = e.Actor, e.At
		i.seen(e)
		return nil
	}
	if e.At.Before(i.Now) {
		return fmt.Errorf("engine: %s is older than the fact before it", e.Kind())
	}
	before := i.Now
	i.Now = e.At // rules that look at the time see the fact's own
	if err := i.fold(e); err != nil {
		i.Now = before
		return err
	}
	i.seen(e)
	return nil
}

func (i *Incident) seen(e Event) {
	i.Now = e.At
	i.Facts++
	i.LastSeq = max(i.LastSeq, e.Seq)
}

// Wrote notes the journal place of the last fact, once it is known.
func (i *Incident) Wrote(seq int64) { i.LastSeq = max(i.LastSeq, seq) }

func (i *Incident) fold(e Event) error {
	if i.Resolved {
		switch e.Body.(type) {
		case MessagePosted, MessageClosed, ExportMade, Refused, Noted, ClockAnomaly, ChannelBound, EffectLate:
		case RowCorrected, RowHidden, RowShown, KeyTimeSet, CorrectiveAdded, CorrectiveClosed:
		case DrillEnded, DrillObserved, ObjectiveRated, ExpectationJudged, FeedbackGiven:
		default:
			return Refuse(IsResolved, "%s is resolved; declare a new incident", i.ID)
		}
	}
	if known, err := i.drill(e); known || err != nil {
		return err
	}
	if known, err := i.curate(e); known {
		return err
	}
	switch b := e.Body.(type) {
	case Declared:
		return fmt.Errorf("engine: %s is declared twice", i.ID)
	case Resolved:
		return i.resolve(e, b)
	case Noted:
		return i.note(e, b)
	case ChannelBound:
		i.Channel = &b
		return nil
	case MessagePosted:
		i.Posts[b.Ref] = &Post{Ref: b.Ref, Channel: b.Channel, TS: b.TS}
		i.settleAsks()
		return nil
	case MessageClosed:
		p := i.Posts[b.Ref]
		if p == nil {
			return fmt.Errorf("engine: message %q was never posted", b.Ref)
		}
		p.Closed = true
		i.settleAsks()
		return nil
	case ExportMade, Refused, ClockAnomaly:
		return nil
	case RunStarted:
		return i.start(e, b)
	}
	run, ok := i.byID[e.Run]
	if !ok {
		return Refuse(NoRun, "%s has no run %q", i.ID, e.Run)
	}
	if e.Step == "" {
		return run.fold(e)
	}
	step, ok := run.byID[e.Step]
	if !ok {
		return Refuse(NoStep, "run %s of %s has no step %q; it has %s", run.ID, i.ID, e.Step, run.stepIDs())
	}
	if err := step.fold(e); err != nil {
		return err
	}
	i.touch(step)
	return nil
}

func (i *Incident) note(e Event, b Noted) error {
	switch {
	case strings.TrimSpace(b.Text) == "":
		return Refuse(Usage, `a note needs a text: note "what you saw"`)
	case len(b.Text) > MaxText:
		return Refuse(Usage, "a note holds up to %d bytes and this one has %d; keep the rest as evidence and note where it is", MaxText, len(b.Text))
	case !b.Observed.IsZero() && b.Observed.After(e.At):
		return Refuse(FutureTime, "%s is in the future; a note tells what was seen", b.Observed.Format(time.RFC3339))
	}
	i.Notes++
	return nil
}

func (i *Incident) resolve(e Event, b Resolved) error {
	var open []string
	for _, r := range i.Runs {
		if !r.Status.Ended() {
			open = append(open, "run "+r.ID+" is "+string(r.Status))
		}
		for _, s := range r.Steps {
			if s.Undoes != nil && !s.Status.Ended() {
				open = append(open, "undo of "+r.ID+"/"+s.Undoes.ID+" is "+string(s.Status))
			}
		}
	}
	if len(open) > 0 {
		return Refuse(OpenSteps, "%s cannot be resolved yet: %s; finish or cancel first", i.ID, strings.Join(open, ", "))
	}
	if c := i.Contained(); len(c) > 0 {
		s := c[0]
		return Refuse(OpenSteps, "%s cannot be resolved yet: %s/%s contains its target until %s; lift it: undo %s, or let it last for good: keep %s --reason \"...\"",
			i.ID, s.run.ID, s.ID, s.Containment.Until.Format(time.RFC3339), s.ID, s.ID)
	}
	if list := i.Unreviewed(); len(list) > 0 {
		g := list[0]
		return Refuse(Unreviewed, "%s cannot be resolved yet: %s broke the glass at %s/%s and nobody has reviewed it; somebody of %s who had no part in it: justified %s --reason \"...\", or: unjustified %s --reason \"...\"",
			i.ID, g.By.ID, g.Step.run.ID, g.Step.ID, strings.Join(g.Rule.Review, ", "), g.Step.ID, g.Step.ID)
	}
	i.Resolved, i.ResolvedAt, i.Summary = true, e.At, b.Summary
	return nil
}

// start pins a program and lays out its steps.
func (i *Incident) start(e Event, b RunStarted) error {
	if want := "R" + strconv.Itoa(len(i.Runs)+1); e.Run != want {
		return fmt.Errorf("engine: run %q starts where %q is due", e.Run, want)
	}
	read := i.read
	if read == nil || b.Settle != nil { // settle times are written into the program
		read = runbooks.DecodeProgram
	}
	program, err := read(b.Program.Value)
	if err != nil {
		return fmt.Errorf("engine: the program of run %s: %w", e.Run, err)
	}
	if program.Digest != b.Digest {
		return fmt.Errorf("engine: the program of run %s does not have the digest it was started with", e.Run)
	}
	if x := b.Extra; x != nil && (x.Approvers < 1 || x.Approvers > MaxExtra || x.Why == "") {
		return fmt.Errorf("engine: run %s asks for %d more people (%q); 1 to %d can be added, for a reason", e.Run, x.Approvers, x.Why, MaxExtra)
	}
	inputs, err := decodeObject(b.Inputs)
	if err != nil {
		return fmt.Errorf("engine: the inputs of run %s: %w", e.Run, err)
	}
	for _, other := range i.Runs {
		if !other.Status.Ended() && other.Program.Digest == b.Digest && other.Environment == b.Environment && bytes.Equal(other.inputs, b.Inputs) {
			return Refuse(AlreadyRunning, "run %s of %s does the same already and is %s; see: status %s", other.ID, i.ID, other.Status, i.ID)
		}
	}
	r := &Run{
		ID: e.Run, inputs: b.Inputs, Program: program, Inputs: inputs, Environment: b.Environment, Floor: b.Floor, Extra: b.Extra, Protected: b.Protected,
		Requester: e.Actor, Status: RunActive, StartedAt: e.At, incident: i, byID: map[string]*Step{},
	}
	if b.Settle != nil {
		for _, def := range program.Deep() {
			def.Settle = *b.Settle
		}
	}
	r.root = newFrame(r, nil, program, inputs)
	r.root.lay(program.Steps)
	i.Runs = append(i.Runs, r)
	i.byID[r.ID] = r
	r.root.begin()
	i.stir(r)
	return nil
}

// touch asks Decide to look at a step again, and keeps the list of active steps.
func (i *Incident) touch(s *Step) {
	if !s.touched {
		s.touched = true
		i.touched = append(i.touched, s)
	}
	if !s.moved {
		s.moved = true
		i.moved = append(i.moved, s)
	}
	switch owes := s.owes(); {
	case owes && s.place == 0:
		i.active = append(i.active, s)
		s.place = len(i.active)
	case !owes && s.place > 0:
		i.active[s.place-1] = nil
		s.place = 0
		if i.gone++; i.gone > 32 && i.gone > len(i.active)/2 {
			i.active = slices.DeleteFunc(i.active, func(a *Step) bool { return a == nil })
			i.gone = 0
			for n, a := range i.active {
				a.place = n + 1
			}
		}
	}
}

func (i *Incident) stir(r *Run) {
	if !r.stirred {
		r.stirred = true
		i.stirred = append(i.stirred, r)
	}
}

// ask puts a question on the list of those to be shown.
func (i *Incident) ask(a *Ask) {
	i.Asks = append(i.Asks, a)
	i.asks[a.ID] = a
	i.owed = append(i.owed, a)
	a.Step.questions++
}

// answer closes whatever is asked about a step, but for the question when its
// effect ends and the review of a broken glass: those stay until they are
// answered themselves.
func (i *Incident) answer(s *Step) {
	i.settle(s, func(a *Ask) bool { return a.Type != AskContainment && a.Type != AskReview })
}

// lift closes the question whether the effect of a step ends.
func (i *Incident) lift(s *Step) {
	i.settle(s, func(a *Ask) bool { return a.Type == AskContainment })
}

func (i *Incident) settle(s *Step, answered func(*Ask) bool) {
	if s.questions == 0 {
		return // most steps ask nothing, and however many others do is no matter
	}
	for _, a := range i.owed {
		if a.Step == s && !a.Closed && answered(a) {
			a.Closed = true
			s.questions--
		}
	}
	i.settleAsks()
}

// settleAsks forgets asks to which nothing is owed any more.
func (i *Incident) settleAsks() {
	i.owed = slices.DeleteFunc(i.owed, func(a *Ask) bool {
		p := i.Posts[a.Ref()]
		if p == nil {
			return a.Closed && i.Channel == nil // nobody saw it and nobody will
		}
		return a.Closed && p.Closed
	})
}

// decodeObject reads a JSON object with whole numbers as int64.
func decodeObject(data json.RawMessage) (map[string]any, error) {
	if len(data) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, err
	}
	if m == nil {
		m = map[string]any{}
	}
	whole(m)
	return m, nil
}

func whole(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		return v.String()
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = whole(v[k])
		}
	}
	return v
}

// MatchProtected finds the first target that a pattern protects. A pattern is
// a target in the form type:id or type:account/id, with * for any characters
// and ? for any one.
func MatchProtected(patterns []string, targets []actions.Target) (target string, ok bool) {
	for _, t := range targets {
		for _, p := range patterns {
			if wild(p, t.String()) || wild(p, t.Type+":"+t.ID) {
				return t.String(), true
			}
		}
	}
	return "", false
}

// wild matches s against a pattern with * and ?, in time proportional to the
// product of their lengths at worst.
func wild(pattern, s string) bool {
	p, n, star, mark := 0, 0, -1, 0
	for n < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[n]):
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
