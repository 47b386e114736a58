package timeline

import (
	"fmt"
	"slices"
	"strings"
)

// class says what a field holds, and so at which level it is shown.
type class string

// The classes. What they become is in the package documentation.
const (
	isOpen     class = "open"     // shown at every level: ids of steps, outcomes, times, digests of long contents
	isPerson   class = "person"   // the id of a person
	isDisplay  class = "display"  // the name of a person, the account of a target
	isAddress  class = "address"  // of a person in a chat or on a host, keys, signatures
	isAudience class = "audience" // "person:bob", "group:leads"
	isPlace    class = "place"    // the name of an environment
	isTarget   class = "target"   // what was touched
	isPlan     class = "plan"     // digest of a plan, which a guess of the target could be compared with
	isValue    class = "value"    // arguments, results, outputs
	isProse    class = "prose"    // words of people, of actions and of expressions, which name anything
	isNamed    class = "named"    // the name of a key time: shown when it is a usual one
	isChannel  class = "channel"  // a chat channel and what was posted in it
	isDrop     class = "drop"     // shown to the company, nothing in its place for others
	isThere    class = "there"    // a signature, the value of a reading: that there is one is shown
	isProgram  class = "program"  // a pinned program: its outline is read
	isItems    class = "items"    // the list of a loop
	isNested   class = "nested"   // a struct of its own, or a list of them
	isReadings class = "readings" // what a condition read: values are not shown to the company, nothing is to others
)

// hides says whether a level shows something else in the place of what is in
// a field of the class.
func (c class) hides(level Level) bool {
	switch c {
	case isOpen, isNested:
		return false
	case isAddress, isValue, isThere, isProgram, isItems, isReadings:
		return level != Full
	}
	return level == External
}

// factFields says for every field of every fact what it holds. It is an allow
// list: what is not in it is not shown at the levels internal and external.
var factFields = classes(map[string]string{
	"engine.Actor":               "open: Type; person: ID; display: Name; address: Via Keys Identities; drop: Groups",
	"engine.Declared":            "open: ID Severity Private Store; prose: Title",
	"engine.Resolved":            "prose: Summary",
	"engine.Noted":               "open: Class Observed; prose: Text",
	"engine.ChannelBound":        "channel: Channel; drop: Name",
	"engine.MessagePosted":       "open: Ref; channel: Channel TS",
	"engine.MessageClosed":       "open: Ref",
	"engine.ExportMade":          "open: Format Redact SHA256 First Last",
	"engine.Refused":             "open: Verb Code; prose: Message",
	"engine.ClockAnomaly":        "open: BackMillis",
	"engine.RunStarted":          "open: Runbook Digest Settle; program: Program; value: Inputs; nested: Environment Floor Extra; drop: Protected",
	"engine.Extra":               "open: Approvers; prose: Why",
	"engine.Large":               "value: Value",
	"runbooks.EnvironmentFacts":  "place: Name; display: Account Region",
	"engine.Floor":               "open: Effect Quorum BreakGlass; audience: From",
	"engine.CancelRequested":     "prose: Reason",
	"engine.RunEnded":            "open: Status; prose: Reason; value: Outputs",
	"engine.StepReady":           "value: Params; prose: If; readings: Readings",
	"runbooks.Reading":           "prose: Path; there: Value",
	"engine.StepPlanned":         "open: N; nested: Preview; value: State; plan: Digest",
	"actions.Preview":            "target: Targets; prose: Changes Calls Warnings NoUndo; value: State; open: InEffect",
	"actions.Target":             "open: Type; target: ID; display: Account Region",
	"engine.PlanFailed":          "open: N; nested: Failure",
	"engine.Failure":             "open: Class; prose: Message",
	"engine.ApprovalRequested":   "open: ID Quorum Expires EscalateAt RemindAt StepUp Floor Extra; plan: Digest; audience: From EscalateTo; prose: Because; nested: BreakGlass",
	"engine.Vote":                "open: Approval Approve Root; plan: Digest; prose: Reason; there: Signature",
	"engine.ApprovalReminded":    "open: ID N Next",
	"engine.ApprovalEscalated":   "open: ID; audience: To",
	"engine.ApprovalClosed":      "open: ID Verdict; prose: Changed Reason",
	"runbooks.BreakGlass":        "open: Within; audience: By Review",
	"engine.GlassBroken":         "open: Approval Root; plan: Digest; target: Target; prose: Reason; there: Signature",
	"engine.GlassReviewAsked":    "open: ID Approval Due; person: By; audience: Ask",
	"engine.GlassReviewed":       "open: ID Justified; prose: Text",
	"engine.EffectIntent":        "open: Attempt Key Action Version Effect Approval Deadline; plan: Digest; person: Actor",
	"engine.EffectOutcome":       "open: Attempt Epoch Millis; value: Result; nested: Failure; drop: Requests",
	"actions.Request":            "open: Operation; drop: ID",
	"engine.EffectInDoubt":       "open: Attempt; prose: Reason",
	"engine.EffectProbed":        "open: Attempt Found; value: Result; prose: Detail",
	"engine.EffectResolved":      "open: Attempt Applied; prose: Reason",
	"engine.EffectLate":          "open: Attempt; nested: Outcome",
	"engine.EffectVerified":      "open: Attempt Readings; nested: Reading; drop: Requests",
	"actions.Reading":            "open: Verdict; prose: Detail",
	"engine.RetryScheduled":      "open: Attempt Due; prose: Why",
	"engine.TimerFired":          "open: Ref Due",
	"engine.StepHeld":            "open: ID Why; prose: Message",
	"engine.StepEnded":           "open: Status; prose: Reason If; readings: Readings; nested: Failure; value: Outputs",
	"engine.ManualAsked":         "open: ID Until; prose: Instructions",
	"engine.ManualDone":          "prose: Answer",
	"engine.RetryRequested":      "open: NotApplied; prose: Reason",
	"engine.SkipRequested":       "prose: Reason",
	"engine.UndoRequested":       "prose: Reason",
	"engine.StepExpanded":        "open: N; items: Items; prose: If; readings: Readings",
	"engine.StepEntered":         "value: Inputs; prose: If; readings: Readings",
	"engine.WaitStarted":         "open: Until; prose: If; readings: Readings",
	"engine.ContainmentBegan":    "open: Until; audience: Ask",
	"engine.ContainmentDue":      "open: ID; audience: Ask",
	"engine.ContainmentExtended": "open: Until; prose: Reason",
	"engine.ContainmentKept":     "prose: Reason",
	"engine.DrillStarted":        "open: Scenario Digest Runbook RunbookDigest Seed Pace Blind Scripted Wall; prose: Title; value: File; person: Facilitators",
	"engine.InjectDelivered":     "open: ID Why Chat; audience: To; prose: Text; person: Away Back",
	"engine.InjectSkipped":       "open: ID; prose: Reason",
	"engine.DrillHeld":           "open: Wall; prose: Reason",
	"engine.DrillResumed":        "open: Wall",
	"engine.DrillPaced":          "open: Pace",
	"engine.DrillAdvanced":       "open: By",
	"engine.OutcomeSet":          "open: Step Outcome",
	"engine.HintGiven":           "audience: To; prose: Text",
	"engine.ExpectationJudged":   "open: Inject N Met; prose: Why",
	"engine.DrillObserved":       "prose: Objective Text",
	"engine.ObjectiveRated":      "open: Objective Rating; prose: Why",
	"engine.DrillEnded":          "open: Why Wall; prose: Text",
	"engine.FeedbackGiven":       "prose: Well Badly Change",
	"engine.CorrectiveAdded":     "open: ID Due; prose: Objective Text; person: Owner",
	"engine.CorrectiveClosed":    "open: ID; prose: How",
	"engine.RowCorrected":        "open: Of; prose: Text Reason",
	"engine.KeyTimeSet":          "open: When; named: Name; prose: Source",
	"engine.RowHidden":           "open: Of; prose: Reason",
	"engine.RowShown":            "open: Of",
})

// summaryFields says the same of every field of an export. The values come
// from redacted facts; the table tells a reader of an export which of them may
// be stand-ins or missing.
var summaryFields = classes(map[string]string{
	"timeline.Incident":            "open: ID Severity Private Mode Store DeclaredAt ResolvedAt; prose: Title Summary; channel: Channel; nested: DeclaredBy",
	"timeline.KeyTime":             "open: At Seq; named: Name; prose: Text Source; nested: By",
	"timeline.Participant":         "open: Type Did; person: ID; display: Name; address: Via",
	"timeline.Run":                 "open: Run Runbook Title Digest StartedAt EndedAt Status BudgetMS ContainedMS Budget; place: Environment; prose: Reason; value: Outputs; nested: By",
	"timeline.Group":               "open: Run Step Kind Runbook StartedAt EndedAt Items Done Failed NotRun Open Status; prose: Reason",
	"timeline.Wait":                "open: Run Step From Until EndedAt Status",
	"timeline.Containment":         "open: Run Step Since Until State LiftedAt LiftedBy; audience: Ask; nested: Decisions",
	"timeline.ContainmentDecision": "open: What At Until Seq; prose: Reason; nested: By",
	"timeline.Approval":            "open: Run Step ID AskedAt Expires Quorum Floor Items Reminders ClosedAt LatencyMS Verdict Glass; plan: Digest; audience: From EscalatedTo; prose: Reason Changed; nested: Votes",
	"timeline.Vote":                "open: Approve At Signed Seq; prose: Reason; nested: Actor",
	"timeline.Glass":               "open: Run Step Approval At Signed Review Due Overdue State ReviewedAt Seq; plan: Digest; audience: Ask; target: Target; prose: Reason Text; nested: By Reviewer",
	"timeline.Action":              "open: Run Step Action Version Effect Seq At Attempts Outcome EndedAt Verified UndoOf UndoneBy Glass; person: Authority; prose: Reading; target: Targets; drop: Refs",
	"timeline.Refusal":             "open: Seq At Verb Code; prose: Text; nested: Actor",
	"timeline.NotDone":             "open: Run Step Status Seq; prose: Reason",
	"timeline.OpenItem":            "open: Kind Run Step; prose: Text",
	"timeline.Warning":             "open: Run Step; prose: Text",
	"timeline.Correction":          "open: Of At Seq; prose: Text Reason; nested: By",
	"timeline.Hiding":              "open: Of At Seq; prose: Reason; nested: By",
	"timeline.Row":                 "open: Seq At Derived Kind Type Run Step Attempt Outcome Observed Millis Minor Control Hash Prev; prose: Text; value: Details; target: Targets; plan: Digest; drop: Refs; nested: Actor Corrected Hidden",
	"timeline.Actor":               "open: Type; person: ID; display: Name; address: Via",
	"timeline.Timeline":            "nested: Incident KeyTimes People Runs Approvals Actions Groups Waits Refused NotDone Containments Glasses Corrections Hidden Open Alive Rows",
})

// classes reads a table: for each struct its fields by class.
func classes(table map[string]string) map[string]map[string]class {
	out := map[string]map[string]class{}
	for name, spec := range table {
		out[name] = map[string]class{}
		for part := range strings.SplitSeq(spec, ";") {
			of, fields, ok := strings.Cut(part, ":")
			if !ok {
				panic(fmt.Sprintf("timeline: the classes of %s cannot be read", name))
			}
			for _, f := range strings.Fields(fields) {
				out[name][f] = class(strings.TrimSpace(of))
			}
		}
	}
	return out
}

// fields lists the fields of an export that do not hold at this level what is
// in the record, sorted.
func (l Level) fields() []string {
	var list []string
	for name, of := range summaryFields {
		for field, c := range of {
			if c.hides(l) {
				list = append(list, strings.TrimPrefix(name, "timeline.")+"."+field)
			}
		}
	}
	slices.Sort(list)
	return list
}
