package runbooks

import (
	"regexp"
	"slices"
	"time"
)

const kindScenario = "Scenario"

// Limits on a scenario.
const (
	maxInjects    = 200
	maxObjectives = 50
	maxExpected   = 50 // of one inject
	maxClocks     = 50
	maxForbidden  = 100
	maxScript     = 1000
	maxFacts      = 100

	longestScenario = 7 * 24 * time.Hour
	mostPoints      = 1000
	mostSeed        = 1<<53 - 1 // what every reader of JSON holds exactly
)

// The forms of words in scenarios.
var (
	scenarioStart = regexp.MustCompile(`(?m)^kind:[ \t]*["']?` + kindScenario + `\b`)
	factName      = matching(`[A-Za-z][A-Za-z0-9 _.-]{0,62}`, "use letters, digits, spaces and _ . -, starting with a letter")
	scenarioTag   = matching(`[a-z][a-z0-9]*(-[a-z0-9]+)*`, "name what it is good for, such as ambiguous-outcome")
	audience      = matching(`channel|(person|group):[A-Za-z0-9][A-Za-z0-9._@-]{0,99}|role:[a-z][a-z_]{0,29}`, "write channel, person:NAME, group:NAME or role:NAME")
	targetPattern = matching(`[a-z*?][a-z0-9_.*?-]*:.+`, `write a target as in protected: "aws.iam.user:*"`)
)

// ScenarioFile is a parsed file of a scenario. What depends on the runbook is
// checked by [ScenarioFile.Check].
type ScenarioFile struct {
	ID      At[string]
	Runbook At[string] // id of the runbook that is rehearsed

	source      *source
	root        Pos
	title       At[string]
	shown       At[string]
	owner       OwnerDecl
	severity    At[int]
	seed        At[int]
	briefing    At[string]
	tests       []At[string]
	objectives  []objectiveDecl
	aims        bool // objectives: was written, maybe with a fault
	facts       []ScenarioPair
	people      []personDecl
	facilitator facilitatorDecl
	env         environmentDecl
	answers     []answersDecl
	answersPos  Pos
	injects     []injectDecl
	clocks      []clockDecl
	forbidden   []forbiddenDecl
	end         endDecl
	script      []lineDecl
}

type objectiveDecl struct {
	pos                  Pos
	id, text, capability At[string]
	check                *node
}

type facilitatorDecl struct {
	name   At[string] // of somebody in people; else person is given
	person personDecl
}

// triggerDecl is when something happens, as written. Which holds the keys that
// were, in the order of the file.
type triggerDecl struct {
	which        []At[string]
	at, delay    At[Span]
	after, asked At[string]
	when         *node
}

type injectDecl struct {
	pos                Pos
	id, to, say, chat  At[string]
	trigger            triggerDecl
	redFlag, away, got []At[string]
	answers            []answersDecl
	expect             []expectedDecl
}

type expectedDecl struct {
	pos                Pos
	which              []At[string]
	text, verb, target At[string]
	step, status, note At[string]
	when               *node
	by                 []At[string]
	within             At[Span]
	points             At[int]
}

type clockDecl struct {
	pos                  Pos
	id, text, from, note At[string]
	within               At[Span]
}

type forbiddenDecl struct {
	pos                  Pos
	which                []At[string]
	action, step, target At[string]
	verb, of, why        At[string]
}

type endDecl struct {
	pos  Pos
	when *node
	max  At[Span]
}

type lineDecl struct {
	pos                   Pos
	by, line, via, refuse At[string]
	trigger               triggerDecl
	each                  At[bool]
}

// ParseScenario reads the file of a scenario and reports every fault at once.
// With faults the file may still be there, so that [ScenarioFile.Check] can find
// more; it is nil when this is no scenario at all.
func ParseScenario(name string, src []byte) (*ScenarioFile, Diagnostics) {
	s := newSource(name, src)
	f := &ScenarioFile{source: s}
	if root := s.read(); root == nil || !s.scenarioHead(root) {
		f = nil
	} else {
		f.read(root)
		s.harmless(root)
	}
	s.found.Sort()
	return f, s.found
}

// IsScenario says whether a file says of itself that it is a scenario.
func IsScenario(src []byte) bool { return scenarioStart.Match(src) }

func (s *source) scenarioHead(root *node) bool {
	start := "start with: apiVersion: " + apiVersion + " and kind: " + kindScenario
	if root.kind != mapNode {
		s.fail(root.pos, "not-a-scenario", start, "this is not a scenario: it is %s", root.kind)
		return false
	}
	version, kind := root.valueOf("apiVersion"), root.valueOf("kind")
	switch {
	case version == nil && kind == nil:
		s.fail(root.pos, "not-a-scenario", start, "this is not a scenario: it has no apiVersion and no kind")
		return false
	case version != nil && version.text != apiVersion:
		s.fail(version.pos, "not-a-scenario", "this build reads "+apiVersion, "the apiVersion is %s", version.shown())
		return false
	case kind != nil && kind.text != kindScenario:
		s.fail(kind.pos, "not-a-scenario", "the kind of a scenario is "+kindScenario, "the kind is %s", kind.shown())
		return false
	}
	return true
}

func (f *ScenarioFile) read(root *node) {
	s := f.source
	f.root = root.pos
	var version, kind At[string]
	var set bool
	s.object(root, "a scenario",
		key{"apiVersion", true, s.text(&version)},
		key{"kind", true, s.text(&kind)},
		key{"id", true, s.word(&f.ID, runbookID)},
		key{"title", true, s.text(&f.title)},
		key{"shown", false, s.text(&f.shown)},
		key{"runbook", true, s.word(&f.Runbook, runbookID)},
		key{"owner", false, s.owner(&f.owner)},
		key{"severity", false, s.count(&f.severity, 1, 4)},
		key{"seed", false, s.count(&f.seed, 0, mostSeed)},
		key{"tests", false, s.words(&f.tests, &set, scenarioTag)},
		key{"briefing", true, s.text(&f.briefing)},
		key{"objectives", false, f.readObjectives},
		key{"facts", false, f.readFacts},
		key{"people", false, s.directory(&f.people)},
		key{"facilitator", false, f.readFacilitator},
		key{"environment", false, f.env.read(s)},
		key{"answers", false, func(n *node) {
			f.answersPos = n.pos
			f.answers = s.answersOf(n)
		}},
		key{"injects", false, f.readInjects},
		key{"clocks", false, f.readClocks},
		key{"forbidden", false, f.readForbidden},
		key{"end", true, f.readEnd},
		key{"script", false, f.readScript},
	)
}

// answersOf reads a map of answers by step.
func (s *source) answersOf(n *node) []answersDecl {
	var list []answersDecl
	s.each(n, "answers", testStep, func(step At[string], v *node) { list = append(list, s.answers(step, v, false)) })
	return list
}

// list reads a list of at most so many maps.
func (s *source) list(n *node, what, one string, most int, read func(*node)) {
	switch {
	case n.kind != listNode:
		s.fail(n.pos, "wrong-type", "begin each with a dash: "+one, "%s must be a list, not %s", what, n.shown())
		return
	case len(n.items) == 0:
		s.fail(n.pos, "missing", "write one, or leave the key out", "there is nothing in the list of %s", what)
		return
	case len(n.items) > most:
		s.fail(n.items[most].pos, "size", "", "there are %d %s; at most %d are allowed", len(n.items), what, most)
		return
	}
	for _, item := range n.items {
		read(item)
	}
}

// formula keeps an expression for the check that knows the runbook.
func (s *source) formula(into **node, what string) func(*node) {
	return func(n *node) {
		if s.scalarIn(n, what+" must be an expression, without ${{ }}") {
			*into = n
		}
	}
}

// exactly makes sure that one of some keys was written.
func (s *source) exactly(which []At[string], pos Pos, what string, keys ...string) {
	switch {
	case len(which) == 0:
		s.fail(pos, "missing", "add one of "+inWords(keys), "%s", what)
	case len(which) > 1:
		s.fail(which[1].Pos, "value", "leave one of them out", "%s and %s do not go together", which[0].Value, which[1].Value)
	}
}

// chosen are the keys of a map that are among some, in the order of the file.
func (n *node) chosen(keys ...string) []At[string] {
	var which []At[string]
	for _, p := range n.pairs {
		if slices.Contains(keys, p.key.text) {
			which = append(which, At[string]{p.key.text, p.key.pos})
		}
	}
	return which
}
