package chatops

import (
	"slices"
	"strings"
)

// Verb is what somebody wants done.
type Verb string

// The verbs.
const (
	Declare     Verb = "declare"
	List        Verb = "list"
	Status      Verb = "status"
	Plan        Verb = "plan"
	Run         Verb = "run"
	Step        Verb = "step"
	Approve     Verb = "approve"
	Deny        Verb = "deny"
	BreakGlass  Verb = "break-glass"
	Justified   Verb = "justified"
	Unjustified Verb = "unjustified"
	Note        Verb = "note"
	Timeline    Verb = "timeline"
	Export      Verb = "export"
	Cancel      Verb = "cancel"
	Retry       Verb = "retry"
	Skip        Verb = "skip"
	Done        Verb = "done"
	Undo        Verb = "undo"
	Extend      Verb = "extend"
	Keep        Verb = "keep"
	Contained   Verb = "contained"
	Readiness   Verb = "readiness"
	Resolve     Verb = "resolve"
	WhoAmI      Verb = "whoami"
	Help        Verb = "help"
)

// slot is what the first plain word after a verb names.
type slot string

const (
	noTarget    slot = ""
	runbookSlot slot = "runbook"
	stepSlot    slot = "step"
	runSlot     slot = "run"
	formatSlot  slot = "format"
	verbSlot    slot = "verb"
)

// scope is what a verb needs to know about incidents.
type scope int

const (
	noIncident   scope = iota // none
	mayIncident               // takes one when there is one
	needIncident              // cannot do without
)

// flag is one --name of a verb.
type flag struct {
	name   string
	value  string   // what stands after it, for help: "text", "n"; empty: a switch
	text   bool     // its value is free text, and may be several words when it comes last
	choice []string // one of these
	most   int      // a whole number from 1 to most
	must   bool     // the verb cannot do without it
	doc    string
}

// entry is everything there is to say about a verb, in one place: the parser,
// the help, the completion, the policy and the dispatcher read it.
type entry struct {
	verb     Verb
	aliases  []string
	scope    scope
	target   slot
	optional bool   // the target may be left out
	inputs   bool   // takes k=v
	text     string // what the free text is, for help; empty: none
	flags    []flag
	changes  bool // it changes something, so a refusal of it is written down
	reason   bool // it needs --reason
	who      rights
	help     string
	example  string
	handle   func(*Bot, *call) Message
}

// entries lists the verbs in the order in which help shows them.
func entries() []entry {
	reason := flag{name: "reason", value: "text", text: true, doc: "why; it is written down"}
	list := []entry{
		{verb: Declare, aliases: []string{"new", "open"}, text: "title", changes: true, who: anybody, handle: (*Bot).declare,
			flags: []flag{
				{name: "sev", value: "1-4", most: 4, doc: "severity, 1 is the worst; 3 when not given"},
				{name: "private", doc: "only responders, commanders, auditors, admins and the people asked can see it"}},
			help: "open an incident and its channel", example: `declare "AWS key on a public page" --sev 2`},
		{verb: List, aliases: []string{"ls", "incidents"}, who: anybody, handle: (*Bot).list,
			flags: []flag{
				{name: "all", doc: "resolved ones too"},
				{name: "mine", doc: "only those you declared"}},
			help: "show the incidents that are open, or all of them", example: "list --all"},
		{verb: Status, aliases: []string{"show", "card"}, scope: needIncident, who: viewers, handle: (*Bot).status,
			flags: []flag{{name: "post", doc: "show it to the whole channel"}},
			help:  "show where an incident stands", example: "status INC-12"},
		{verb: Plan, aliases: []string{"noop", ".noop", "dry-run"}, scope: mayIncident, target: runbookSlot, inputs: true, who: responders, handle: (*Bot).plan,
			flags: []flag{{name: "env", value: "name", doc: "the environment to act in"}},
			help:  "say what a runbook would do, without doing it", example: "plan leaked-access-key access_key_id=AKIAIOSFODNN7EXAMPLE"},
		{verb: Run, aliases: []string{"start", "execute"}, scope: needIncident, target: runbookSlot, inputs: true, changes: true, who: responders, handle: (*Bot).run,
			flags: []flag{
				{name: "env", value: "name", doc: "the environment to act in"},
				{name: "plan", value: "digest", doc: "run only what was planned under this digest"}},
			help: "start a runbook", example: "run leaked-access-key access_key_id=AKIAIOSFODNN7EXAMPLE --env prod"},
		{verb: Step, aliases: []string{"detail"}, scope: needIncident, target: stepSlot, who: viewers, handle: (*Bot).step,
			help: "show everything about one step", example: "step R1/disable"},
		{verb: Approve, aliases: []string{"yes", "lgtm"}, scope: needIncident, target: stepSlot, changes: true, who: asked, handle: (*Bot).approve,
			flags: []flag{
				{name: "digest", value: "hex", doc: "vote only on the plan with this digest (its first 12 digits or more)"},
				{name: "sign", value: "key", doc: "in a terminal: sign the yes with this SSH key, a file or the word agent"},
				reason},
			help: "say yes to the step that asks you", example: "approve disable --digest 0123456789ab"},
		{verb: Deny, aliases: []string{"reject", "no"}, scope: needIncident, target: stepSlot, changes: true, reason: true, who: asked, handle: (*Bot).deny,
			flags: []flag{reason, {name: "digest", value: "hex", doc: "vote only on the plan with this digest"}},
			help:  "say no to the step that asks you", example: `deny disable --reason "the key is used by payments"`},
		{verb: BreakGlass, aliases: []string{"breakglass"}, scope: needIncident, target: stepSlot, changes: true, who: asked, handle: (*Bot).breakGlass,
			flags: []flag{
				{name: "target", value: "target", must: true, doc: "what the step acts on, typed out as it stands in its plan"},
				{name: "reason", value: "text", text: true, must: true, doc: "why it cannot wait; everybody sees it"},
				{name: "sign", value: "key", must: true, doc: "in a terminal: sign with this SSH key, a file or the word agent"},
				{name: "digest", value: "hex", doc: "only for the plan with this digest (its first 12 digits or more)"}},
			help: "let a step go on alone, where its runbook allows you to and nobody can approve", example: `break-glass disable --target AKIAIOSFODNN7EXAMPLE --reason "nobody answers and the key is in use" --sign ~/.ssh/id_ed25519`},
		{verb: Justified, scope: needIncident, target: stepSlot, changes: true, reason: true, who: asked, handle: (*Bot).justified,
			flags: []flag{reason},
			help:  "say that it was right to break the glass at a step", example: `justified disable --reason "both leads were on a flight"`},
		{verb: Unjustified, scope: needIncident, target: stepSlot, changes: true, reason: true, who: asked, handle: (*Bot).unjustified,
			flags: []flag{reason},
			help:  "say that it was not right to break the glass at a step", example: `unjustified disable --reason "nobody was called"`},
		{verb: Note, aliases: []string{"update", "log"}, scope: needIncident, text: "text", changes: true, who: responders, handle: (*Bot).note,
			flags: []flag{
				{name: "at", value: "time", doc: "when it was seen: 14:05, 10m (ago), 2026-03-01T14:05Z; UTC"},
				{name: "kind", value: "kind", choice: []string{"observation", "decision", "hypothesis"}, doc: "observation (when not given), decision or hypothesis"}},
			help: "write a note into the record", example: `note "first call from 203.0.113.7" --at 14:05`},
		{verb: Timeline, aliases: []string{"history"}, scope: needIncident, who: viewers, handle: (*Bot).timeline,
			flags: []flag{{name: "last", value: "n", most: 500, doc: "how many lines; 20 when not given"}},
			help:  "show what happened, in order", example: "timeline --last 50"},
		{verb: Export, aliases: []string{"download"}, scope: needIncident, target: formatSlot, changes: true, who: exporters, handle: (*Bot).export,
			flags: []flag{
				{name: "redact", value: "level", choice: []string{"full", "internal", "external"}, doc: "for whom it is: full (when not given), internal for the company, external for others"},
				{name: "tz", value: "zone", doc: "a time zone beside UTC: Europe/Zurich"},
				{name: "ocsf", value: "version", choice: []string{"1.8", "1.9"}, doc: "version of the OCSF schema; 1.8 when not given"}},
			help: "hand out the record as a file", example: "export md"},
		{verb: Cancel, aliases: []string{"stop", "abort"}, scope: needIncident, target: runSlot, optional: true, changes: true, reason: true, who: owners, handle: (*Bot).cancel,
			flags: []flag{reason},
			help:  "stop a run before its next effect", example: `cancel R1 --reason "wrong account"`},
		{verb: Retry, aliases: []string{"again"}, scope: needIncident, target: stepSlot, changes: true, who: responders, handle: (*Bot).retry,
			flags: []flag{
				{name: "confirm-not-applied", doc: "you looked at the target, and the attempt in doubt had no effect"},
				reason},
			help: "try a failed, refused or held step again", example: "retry disable --confirm-not-applied"},
		{verb: Skip, scope: needIncident, target: stepSlot, changes: true, reason: true, who: owners, handle: (*Bot).skip,
			flags: []flag{reason},
			help:  "leave a step out", example: `skip notify --reason "they are on the call"`},
		{verb: Done, aliases: []string{"complete", "finish"}, scope: needIncident, target: stepSlot, text: "answer", changes: true, who: responders, handle: (*Bot).done,
			flags: []flag{{name: "confirm-applied", doc: "you looked at the target, and the attempt in doubt did take effect"}},
			help:  "report that a manual step is done", example: `done call-owner "spoke to Dana, key is not needed"`},
		{verb: Undo, aliases: []string{"revert", "rollback", "lift"}, scope: needIncident, target: stepSlot, changes: true, reason: true, who: minders, handle: (*Bot).undo,
			flags: []flag{reason},
			help:  "take back what a finished step did, and so lift its containment", example: `undo disable --reason "false alarm"`},
		{verb: Extend, aliases: []string{"prolong"}, scope: needIncident, target: stepSlot, changes: true, reason: true, who: minders, handle: (*Bot).extend,
			flags: []flag{{name: "for", value: "time", must: true, doc: "how much longer: 90m, 24h, 3d; from its present end, or from now when that is over"}, reason},
			help:  "let a containment last longer", example: `extend quarantine --for 24h --reason "the owner is on leave"`},
		{verb: Keep, scope: needIncident, target: stepSlot, changes: true, reason: true, who: keepers, handle: (*Bot).keep,
			flags: []flag{reason},
			help:  "let a containment last for good", example: `keep quarantine --reason "the role is not needed any more"`},
		{verb: Contained, aliases: []string{"containments"}, who: anybody, handle: (*Bot).contained,
			help: "list what is contained in all open incidents, and until when", example: "contained"},
		{verb: Readiness, aliases: []string{"ready"}, target: runbookSlot, optional: true, who: anybody, handle: (*Bot).readiness,
			help: "say which runbooks were rehearsed, and what has changed since", example: "readiness leaked-access-key"},
		{verb: Resolve, aliases: []string{"close"}, scope: needIncident, text: "summary", changes: true, who: owners, handle: (*Bot).resolve,
			help: "end the incident", example: `resolve "key disabled, no use found"`},
		{verb: WhoAmI, aliases: []string{"who", "me"}, who: everybody, handle: (*Bot).whoami,
			help: "show who you are here, and which rule says so", example: "whoami"},
		{verb: Help, aliases: []string{"?", "man"}, scope: mayIncident, target: verbSlot, optional: true, who: everybody, handle: (*Bot).help,
			help: "list what you can do, or explain one verb", example: "help run"},
	}
	return append(list, rehearseEntries()...)
}

// find looks a verb up by its name or an alias.
func find(name string) (entry, bool) {
	for _, e := range entries() {
		if string(e.verb) == name || slices.Contains(e.aliases, name) {
			return e, true
		}
	}
	return entry{}, false
}

// VerbOf is the verb at the start of a line as it is typed: one word, or two.
func VerbOf(line string) string {
	name, _ := verbWords(strings.Fields(line))
	return name
}

// Means says whether a word is a verb's name or one of its aliases.
func Means(word string, v Verb) bool {
	e, ok := find(word)
	return ok && e.verb == v
}

// Harmless says whether a line that begins with this word changes nothing. A
// word that is no verb is not harmless; an empty line asks for help.
func Harmless(word string) bool {
	e, ok := find(word)
	return word == "" || ok && !e.changes
}

// NeedsReason says whether the verb behind a word is not followed without a
// reason, which a chat asks for by a form.
func NeedsReason(word string) bool {
	e, ok := find(word)
	return ok && e.reason
}

func (e entry) flag(name string) (flag, bool) {
	i := slices.IndexFunc(e.flags, func(f flag) bool { return f.name == name })
	if i < 0 {
		return flag{}, false
	}
	return e.flags[i], true
}

// usage is the form of the verb in one line.
func (e entry) usage() string {
	parts := []string{string(e.verb)}
	switch e.scope {
	case needIncident:
		parts = append(parts, "[INC-n]")
	case mayIncident:
		if e.verb != Help {
			parts = append(parts, "[INC-n]")
		}
	}
	if e.target != noTarget {
		t := "<" + string(e.target) + ">"
		if e.optional {
			t = "[" + string(e.target) + "]"
		}
		parts = append(parts, t)
	}
	if e.inputs {
		parts = append(parts, "[input=value ...]")
	}
	if e.text != "" {
		t := `"` + e.text + `"`
		if e.verb != Note {
			t = "[" + t + "]"
		}
		parts = append(parts, t)
	}
	for _, f := range e.flags {
		t := "--" + f.name
		if f.value != "" {
			t += " <" + f.value + ">"
		}
		if !f.must && (!e.reason || f.name != "reason") {
			t = "[" + t + "]"
		}
		parts = append(parts, t)
	}
	return strings.Join(parts, " ")
}

// Complete lists what could stand next on a line, given the words so far; the
// last one may be unfinished. runbooks are the ids to offer where one is asked
// for. It knows nothing of incidents, so it tells nobody about them.
func Complete(words []string, runbooks []string) []string {
	last := ""
	if len(words) > 0 {
		last, words = words[len(words)-1], words[:len(words)-1]
	}
	var offer []string
	e, ok := entry{}, false
	if len(words) > 0 {
		name, _ := verbWords(words)
		e, ok = find(name)
	}
	switch {
	case len(words) == 0:
		for _, e := range entries() {
			first, _, _ := strings.Cut(string(e.verb), " ")
			offer = append(offer, first)
		}
	case len(words) == 1 && slices.Contains(families, words[0]):
		for _, e := range entries() {
			if second, ok := strings.CutPrefix(string(e.verb), words[0]+" "); ok {
				offer = append(offer, second)
			}
		}
	case !ok:
	case strings.HasPrefix(last, "--"):
		for _, f := range e.flags {
			offer = append(offer, "--"+f.name)
		}
	default:
		if f, ok := e.flag(strings.TrimPrefix(words[len(words)-1], "--")); ok && strings.HasPrefix(words[len(words)-1], "--") && f.value != "" {
			offer = f.choice
			break
		}
		switch e.target {
		case runbookSlot:
			offer = runbooks
		case formatSlot:
			offer = []string{"json", "md"}
		case verbSlot:
			for _, e := range entries() {
				offer = append(offer, string(e.verb))
			}
		}
	}
	offer = slices.DeleteFunc(slices.Clone(offer), func(s string) bool { return !strings.HasPrefix(s, last) })
	slices.Sort(offer)
	return slices.Compact(offer)
}
