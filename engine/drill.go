package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// ExercisePrefix begins the id of every incident that is a rehearsal: "DRL-12".
const ExercisePrefix = "DRL"

// IsExercise says whether an incident of this id is a rehearsal.
func IsExercise(id string) bool { return strings.HasPrefix(id, ExercisePrefix+"-") }

// Facts of a rehearsal. They follow only in an incident whose id says that it
// is one, after its [DrillStarted]; see [Drill] for what they come to.
type (
	// DrillStarted pins everything a rehearsal depends on, right after the
	// declaration.
	DrillStarted struct {
		Scenario      string   `json:"scenario"` // id
		Title         string   `json:"title"`
		Digest        string   `json:"digest"` // of the scenario's meaning
		File          Large    `json:"file"`   // the encoded scenario
		Runbook       string   `json:"runbook"`
		RunbookDigest string   `json:"runbook_digest"`
		Seed          int64    `json:"seed"`
		Pace          int      `json:"pace"`               // how many times faster than the wall the clock runs while nobody is asked; from 1
		Blind         bool     `json:"blind,omitempty"`    // players do not learn which scenario it is
		Scripted      bool     `json:"scripted,omitempty"` // its people act by the scenario's script
		Facilitators  []string `json:"facilitators"`       // person ids, sorted
		Wall          Stamp    `json:"wall,omitzero"`      // the time outside; absent when scripted
	}
	// InjectDelivered is something that players, or one of them, are told.
	InjectDelivered struct {
		ID   string   `json:"id"`
		To   string   `json:"to"` // "channel", "person:bob", "group:leads"
		Text string   `json:"text"`
		Why  string   `json:"why"`            // "time", "after", "when", "hand"
		Chat string   `json:"chat,omitempty"` // from now on the chat is "down", or "up" again
		Away []string `json:"away,omitempty"` // these people are away from now on
		Back []string `json:"back,omitempty"` // these are back
	}
	// InjectSkipped is an inject that the facilitator leaves out.
	InjectSkipped struct {
		ID     string `json:"id"`
		Reason string `json:"reason"`
	}
	// DrillHeld stops the clock; players wait.
	DrillHeld struct {
		Reason string `json:"reason"`
		Wall   Stamp  `json:"wall,omitzero"`
	}
	// DrillResumed lets the clock go on.
	DrillResumed struct {
		Wall Stamp `json:"wall,omitzero"`
	}
	// DrillPaced changes how fast the clock runs while nobody is asked.
	DrillPaced struct {
		Pace int `json:"pace"`
	}
	// DrillAdvanced lets time pass at once. It is written at the time before.
	DrillAdvanced struct {
		By runbooks.Span `json:"by"`
	}
	// OutcomeSet is what the facilitator lets the next attempts of a step come to.
	OutcomeSet struct {
		Step    string `json:"step"`
		Outcome string `json:"outcome"` // one of [Outcomes]
	}
	// HintGiven is help for the players, which counts.
	HintGiven struct {
		To   string `json:"to"`
		Text string `json:"text"`
	}
	// ExpectationJudged is the facilitator's word about what an inject expects.
	ExpectationJudged struct {
		Inject string `json:"inject"`
		N      int    `json:"n"` // its number among those of the inject, from 1
		Met    bool   `json:"met"`
		Why    string `json:"why,omitempty"`
	}
	// DrillObserved is a note of the facilitator that players do not see.
	DrillObserved struct {
		Text      string `json:"text"`
		Objective string `json:"objective,omitempty"`
	}
	// ObjectiveRated is the facilitator's rating of an objective.
	ObjectiveRated struct {
		Objective string `json:"objective"`
		Rating    Rating `json:"rating"`
		Why       string `json:"why"`
	}
	// DrillEnded ends the play. What was going on stops where it is.
	DrillEnded struct {
		Why  EndReason `json:"why"`
		Text string    `json:"text,omitempty"`
		Wall Stamp     `json:"wall,omitzero"`
	}
	// FeedbackGiven is a participant's answer to the three questions of the hot
	// wash. An anonymous one is written down under no name.
	FeedbackGiven struct {
		Well   string `json:"well,omitempty"`   // what went well
		Badly  string `json:"badly,omitempty"`  // what did not
		Change string `json:"change,omitempty"` // what should be changed first
	}
	// CorrectiveAdded is something that has to be done better, after a rehearsal
	// or a live incident.
	CorrectiveAdded struct {
		ID        string `json:"id"` // "C1", counted within the incident
		Text      string `json:"text"`
		Owner     string `json:"owner"` // a person id
		Due       string `json:"due"`   // 2006-01-02
		Objective string `json:"objective,omitempty"`
	}
	// CorrectiveClosed says that it is done.
	CorrectiveClosed struct {
		ID  string `json:"id"`
		How string `json:"how"` // what shows it: a commit, a link
	}
)

// Rating is how an objective was performed, on HSEEP's scale.
type Rating string

// The ratings, the best first.
const (
	Performed      Rating = "P" // without challenges
	SomeChallenges Rating = "S" // with some challenges
	MajorChallenge Rating = "M" // with major challenges
	Unable         Rating = "U" // unable to be performed
)

// Ratings lists the ratings, the best first.
func Ratings() []Rating { return []Rating{Performed, SomeChallenges, MajorChallenge, Unable} }

// EndReason says why a rehearsal ended.
type EndReason string

// The reasons.
const (
	EndCondition   EndReason = "end"         // the scenario's end came
	EndTime        EndReason = "time"        // its time is over
	EndResolved    EndReason = "resolved"    // the players resolved it
	EndFacilitator EndReason = "facilitator" // the facilitator ended it
	EndStopWord    EndReason = "stop"        // somebody said the stop word
	EndLive        EndReason = "live"        // a live incident was declared
)

// Outcomes lists what a facilitator can let an attempt come to: it works; it
// fails; no answer comes in time; its answer is lost and nobody knows; it says
// that it worked and its effect is not there.
func Outcomes() []string { return []string{"ok", "fail", "timeout", "unknown", "lies"} }

// Drill is the state of a rehearsal. Readers may look at every field and must
// change none.
type Drill struct {
	DrillStarted
	StartedAt  time.Time
	Delivered  map[string]time.Time // injects, by id
	Skipped    map[string]bool
	Held       bool
	ChatDown   bool
	Away       map[string]bool
	Hints      int
	Ended      bool
	EndedAt    time.Time
	Why        EndReason
	Objectives map[string]Rating
	Said       []Said // what players were told, in order
}

// Said is something that players of an exercise were told.
type Said struct {
	Ref  string // of its message: "inject:i1", "hint:1"
	To   string
	Text string
	At   time.Time
}

// Gone says whether an inject needs no more thought: it was delivered, or left out.
func (d *Drill) Gone(inject string) bool {
	_, delivered := d.Delivered[inject]
	return delivered || d.Skipped[inject]
}

func (DrillStarted) Kind() Kind      { return "drill.started" }
func (InjectDelivered) Kind() Kind   { return "drill.inject" }
func (InjectSkipped) Kind() Kind     { return "drill.inject_skipped" }
func (DrillHeld) Kind() Kind         { return "drill.held" }
func (DrillResumed) Kind() Kind      { return "drill.resumed" }
func (DrillPaced) Kind() Kind        { return "drill.paced" }
func (DrillAdvanced) Kind() Kind     { return "drill.advanced" }
func (OutcomeSet) Kind() Kind        { return "drill.outcome" }
func (HintGiven) Kind() Kind         { return "drill.hint" }
func (ExpectationJudged) Kind() Kind { return "drill.judged" }
func (DrillObserved) Kind() Kind     { return "drill.observed" }
func (ObjectiveRated) Kind() Kind    { return "drill.rated" }
func (DrillEnded) Kind() Kind        { return "drill.ended" }
func (FeedbackGiven) Kind() Kind     { return "drill.feedback" }
func (CorrectiveAdded) Kind() Kind   { return "corrective.added" }
func (CorrectiveClosed) Kind() Kind  { return "corrective.closed" }

// Messages of a rehearsal, besides those of [Said].
const (
	ControlRef  = "control"   // the facilitators' console, in a channel of their own
	DrillEndRef = "drill:end" // that it is over
)

// messages lists what players and facilitators have to be told.
func (d *Drill) messages() []string {
	refs := []string{ControlRef}
	for _, s := range d.Said {
		refs = append(refs, s.Ref)
	}
	if d.Ended {
		refs = append(refs, DrillEndRef)
	}
	return refs
}

// Corrective is something that has to be done better.
type Corrective struct {
	CorrectiveAdded
	At       time.Time
	Closed   bool
	ClosedAt time.Time
	How      string
}

// drill folds the facts of a rehearsal, and those that follow one.
func (i *Incident) drill(e Event) (known bool, err error) {
	switch b := e.Body.(type) {
	case CorrectiveAdded:
		return true, i.corrective(e, b)
	case CorrectiveClosed:
		return true, i.closeCorrective(e, b)
	case DrillStarted:
		return true, i.startDrill(e, b)
	}
	if !strings.HasPrefix(string(e.Kind()), "drill.") {
		return false, i.mayPlay(e)
	}
	d := i.Drill
	if d == nil {
		return true, Refuse(NotADrill, "%s is no exercise; this is a word for one", i.ID)
	}
	if d.Ended {
		switch e.Body.(type) {
		case DrillObserved, ObjectiveRated, ExpectationJudged, FeedbackGiven:
		default:
			return true, Refuse(IsResolved, "the exercise %s is over", i.ID)
		}
	}
	return true, d.fold(i, e)
}

func (d *Drill) fold(i *Incident, e Event) error {
	switch b := e.Body.(type) {
	case InjectDelivered:
		if d.Gone(b.ID) {
			return Refuse(AlreadyDecided, "inject %s was delivered or left out already", b.ID)
		}
		d.Delivered[b.ID] = e.At
		d.Said = append(d.Said, Said{Ref: "inject:" + b.ID, To: b.To, Text: b.Text, At: e.At})
		if b.Chat != "" {
			d.ChatDown = b.Chat == "down"
		}
		for _, p := range b.Away {
			d.Away[p] = true
		}
		for _, p := range b.Back {
			delete(d.Away, p)
		}
	case InjectSkipped:
		if d.Gone(b.ID) {
			return Refuse(AlreadyDecided, "inject %s was delivered or left out already", b.ID)
		}
		d.Skipped[b.ID] = true
	case DrillHeld:
		if d.Held {
			return Refuse(AlreadyDecided, "the exercise is held already; go on with: drill go")
		}
		d.Held = true
	case DrillResumed:
		if !d.Held {
			return Refuse(AlreadyDecided, "the exercise is not held")
		}
		d.Held = false
	case DrillPaced:
		if b.Pace < 1 || b.Pace > MaxPace {
			return Refuse(Usage, "an exercise runs 1 to %d times as fast as the wall clock, not %d", MaxPace, b.Pace)
		}
		d.Pace = b.Pace
	case DrillAdvanced:
		if b.By <= 0 || time.Duration(b.By) > MaxAdvance {
			return Refuse(Usage, "time can be advanced by up to %s at once", MaxAdvance)
		}
	case OutcomeSet:
		if !slices.Contains(Outcomes(), b.Outcome) {
			return Refuse(Usage, "there is no outcome %q; write one of %s", b.Outcome, strings.Join(Outcomes(), ", "))
		}
	case HintGiven:
		if err := shortText("a hint", b.Text); err != nil {
			return err
		}
		d.Hints++
		d.Said = append(d.Said, Said{Ref: fmt.Sprintf("hint:%d", d.Hints), To: b.To, Text: b.Text, At: e.At})
	case ExpectationJudged:
		if _, ok := d.Delivered[b.Inject]; !ok {
			return Refuse(NoStep, "inject %s was not delivered, so nothing is expected of it yet", b.Inject)
		}
	case DrillObserved:
		return shortText("an observation", b.Text)
	case ObjectiveRated:
		if !slices.Contains(Ratings(), b.Rating) {
			return Refuse(Usage, "a rating is P (performed without challenges), S (with some), M (with major ones) or U (unable), not %q", b.Rating)
		}
		d.Objectives[b.Objective] = b.Rating
	case FeedbackGiven:
		return shortText("an answer", b.Well+b.Badly+b.Change)
	case DrillEnded:
		d.Ended, d.EndedAt, d.Why, d.Held = true, e.At, b.Why, false
		if !i.Resolved {
			i.Resolved, i.ResolvedAt, i.Summary = true, e.At, b.Text
		}
		for _, a := range i.owed {
			a.Closed = true
			a.Step.questions = 0
		}
		i.settleAsks()
	default:
		return fmt.Errorf("engine: %s is not known here", e.Kind())
	}
	return nil
}

// Limits of an exercise.
const (
	MaxPace    = 1000
	MaxAdvance = 7 * 24 * time.Hour
)

func (i *Incident) startDrill(e Event, b DrillStarted) error {
	switch {
	case !IsExercise(i.ID):
		return fmt.Errorf("engine: %s is live, and no exercise can start in it", i.ID)
	case i.Drill != nil || len(i.Runs) > 0:
		return fmt.Errorf("engine: the exercise %s starts twice or too late", i.ID)
	case b.Pace < 1 || b.Pace > MaxPace:
		return Refuse(Usage, "an exercise runs 1 to %d times as fast as the wall clock, not %d", MaxPace, b.Pace)
	}
	i.Drill = &Drill{
		DrillStarted: b, StartedAt: e.At, Delivered: map[string]time.Time{}, Skipped: map[string]bool{}, Away: map[string]bool{}, Objectives: map[string]Rating{},
	}
	return nil
}

// mayPlay refuses what a player does while the exercise is held, over, or says
// that this player, or the chat, is out of reach. What only looks at the record
// or adds a note stays possible.
func (i *Incident) mayPlay(e Event) error {
	d := i.Drill
	if d == nil || e.Actor.Type != Person {
		return nil
	}
	switch e.Body.(type) {
	case ExportMade, Refused, RowCorrected, RowHidden, RowShown, KeyTimeSet:
		return nil
	}
	switch {
	case d.Ended:
		return nil // the incident is resolved, and says so
	case d.Away[e.Actor.ID]:
		return Refuse(OutOfReach, "the exercise says that you are away; somebody else has to do it until you are told that you are back")
	case d.ChatDown && strings.HasPrefix(e.Actor.Via, "slack:"):
		return Refuse(OutOfReach, "the exercise says that the chat is down; use the terminal: firebreak incident ... %s", i.ID)
	case d.Held:
		if _, note := e.Body.(Noted); !note {
			return Refuse(OutOfReach, "the exercise is held; wait until the facilitator lets it go on")
		}
	}
	return nil
}

func shortText(what, s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return Refuse(Usage, "%s needs a text", what)
	case len(s) > MaxText:
		return Refuse(Usage, "%s holds up to %d bytes and this has %d", what, MaxText, len(s))
	}
	return nil
}

func (i *Incident) corrective(e Event, b CorrectiveAdded) error {
	if want := fmt.Sprintf("C%d", len(i.Correctives)+1); b.ID != want {
		return Refuse(AlreadyDecided, "another corrective action was added to %s at the same moment, and this one would be %s now, not %s; nothing was added, say it again", i.ID, want, b.ID)
	}
	if _, err := time.Parse(time.DateOnly, b.Due); err != nil {
		return Refuse(Usage, "a corrective action needs a day by which it is done: --due 2027-03-31, not %q", b.Due)
	}
	if b.Owner == "" {
		return Refuse(Usage, "a corrective action needs an owner: --owner alice")
	}
	if err := shortText("a corrective action", b.Text); err != nil {
		return err
	}
	i.Correctives = append(i.Correctives, &Corrective{CorrectiveAdded: b, At: e.At})
	return nil
}

func (i *Incident) closeCorrective(e Event, b CorrectiveClosed) error {
	for _, c := range i.Correctives {
		switch {
		case c.ID != b.ID:
		case c.Closed:
			return Refuse(AlreadyDecided, "corrective action %s of %s is closed already", b.ID, i.ID)
		default:
			if err := shortText("the end of a corrective action", b.How); err != nil {
				return err
			}
			c.Closed, c.ClosedAt, c.How = true, e.At, b.How
			return nil
		}
	}
	return Refuse(NoStep, "%s has no corrective action %q", i.ID, b.ID)
}
