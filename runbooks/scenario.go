package runbooks

// Scenario is a checked scenario of a rehearsal of one runbook: what players
// are told and when, what the world does, what is expected, and when it is
// over. It is a plain value, which encodes to JSON and back without loss, so
// that a rehearsal is pinned by what it was.
type Scenario struct {
	ID          string              `json:"id"`
	Title       string              `json:"title"`
	Shown       string              `json:"shown"` // the title that players see, which gives nothing away
	Severity    int                 `json:"severity"`
	Owner       Owner               `json:"owner"`
	Runbook     string              `json:"runbook"`  // id
	Briefing    string              `json:"briefing"` // what players are told at the start
	Seed        int64               `json:"seed"`
	Tests       []string            `json:"tests,omitempty"` // what it is good for: "ambiguous-outcome", ...
	Objectives  []Objective         `json:"objectives"`
	Facts       []ScenarioPair      `json:"facts,omitempty"`  // in the order of the file
	People      []TestPerson        `json:"people,omitempty"` // of the script, sorted by id
	Facilitator TestPerson          `json:"facilitator"`
	Environment TestEnvironment     `json:"environment"`
	Answers     []TestAnswers       `json:"answers"`           // sorted by step
	Injects     []Inject            `json:"injects,omitempty"` // in the order of the file
	Clocks      []NotificationClock `json:"clocks,omitempty"`
	Forbidden   []Forbidden         `json:"forbidden,omitempty"`
	End         ScenarioEnd         `json:"end"`
	Script      []ScriptLine        `json:"script,omitempty"`

	Digest string `json:"-"` // of the meaning: 64 hex digits
}

// ScenarioPair is a named fact that players may know.
type ScenarioPair struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Objective is what a rehearsal is to show.
type Objective struct {
	ID         string `json:"id"`
	Text       string `json:"text"`
	Capability string `json:"capability,omitempty"` // detection, analysis, containment, eradication, recovery, communication, coordination
	Check      string `json:"check,omitempty"`      // an expression over [ScenarioEnv]; empty: rated by hand alone
	Pos        Pos    `json:"-"`
}

// Trigger is when something happens. Exactly one of At, After, Asked, When and
// Hand is set; Delay comes on top.
type Trigger struct {
	At    *Span  `json:"at,omitempty"`    // since the start
	After string `json:"after,omitempty"` // a step has ended, or an inject was delivered: its id
	Asked string `json:"asked,omitempty"` // a question about the step is open (approval, manual, held, containment)
	When  string `json:"when,omitempty"`  // an expression over [ScenarioEnv] has become true
	Hand  bool   `json:"hand,omitempty"`  // the facilitator delivers it
	Delay Span   `json:"delay,omitempty"`
}

// Inject is something that players, or one of them, are told, and what it
// changes in the world.
type Inject struct {
	ID      string        `json:"id"`
	Trigger Trigger       `json:"trigger"`
	To      string        `json:"to"` // "channel", "person:bob", "group:leads", "role:commander"
	Say     string        `json:"say"`
	RedFlag []string      `json:"red_flag,omitempty"` // a yes to one of these steps after it is a wrong decision
	Chat    string        `json:"chat,omitempty"`     // "down" or "up"
	Away    []string      `json:"away,omitempty"`     // person ids
	Back    []string      `json:"back,omitempty"`
	Answers []TestAnswers `json:"answers,omitempty"` // take the place of those of the scenario, from the next attempt on
	Expect  []Expectation `json:"expect,omitempty"`
	Pos     Pos           `json:"-"`
}

// Expectation is what players should do after an inject. Exactly one of Verb,
// Step, Note, When and Hand is set.
type Expectation struct {
	Text   string   `json:"text"`             // in words, for the report
	Verb   string   `json:"verb,omitempty"`   // run, approve, deny, note, cancel, retry, skip, done, undo, extend, keep, applied, not_applied, export
	Target string   `json:"target,omitempty"` // of the verb: a step, or a runbook for run
	Step   string   `json:"step,omitempty"`   // it has ended with Status
	Status string   `json:"status,omitempty"` // empty: done
	Note   string   `json:"note,omitempty"`   // a note that holds this text, in any case
	When   string   `json:"when,omitempty"`   // an expression over [ScenarioEnv] has become true
	Hand   bool     `json:"hand,omitempty"`   // the facilitator judges
	By     []string `json:"by,omitempty"`     // "person:bob", "group:leads": who has to do it; empty: anybody
	Within Span     `json:"within"`           // since the inject
	Points int      `json:"points"`           // from 0
	Pos    Pos      `json:"-"`
}

// NotificationClock is a duty to notify somebody in time.
type NotificationClock struct {
	ID     string `json:"id"`
	Text   string `json:"text"`           // whom, and by which rule
	From   string `json:"from,omitempty"` // an inject; empty: the start
	Within Span   `json:"within"`         // 72h
	Note   string `json:"note"`           // met by a note that holds this text, in any case
	Pos    Pos    `json:"-"`
}

// Forbidden is an act that is wrong in this scenario. Exactly one of Action,
// Step, Target and Verb is set.
type Forbidden struct {
	Action string `json:"action,omitempty"` // an effect of this action was begun
	Step   string `json:"step,omitempty"`   // an effect of this step was begun
	Target string `json:"target,omitempty"` // an effect on a target of this pattern was begun; as in protected
	Verb   string `json:"verb,omitempty"`   // "skip", "cancel", ...
	Of     string `json:"of,omitempty"`     // the step of the verb; empty: any
	Why    string `json:"why"`
	Pos    Pos    `json:"-"`
}

// ScenarioEnd is when a rehearsal is over.
type ScenarioEnd struct {
	When string `json:"when,omitempty"` // an expression over [ScenarioEnv] has become true
	Max  Span   `json:"max"`            // the time it may take at most
}

// ScriptLine is a line that a made up participant types.
type ScriptLine struct {
	By      string  `json:"by"`
	Type    string  `json:"type"`          // as after /incident: "approve disable"
	Via     string  `json:"via,omitempty"` // "chat" (as from Slack) or empty: the terminal
	Trigger Trigger `json:"trigger"`
	Each    bool    `json:"each,omitempty"`    // of asked: for each question
	Refused string  `json:"refused,omitempty"` // part of what is said when it must not be followed; empty: it must
	Pos     Pos     `json:"-"`
}
