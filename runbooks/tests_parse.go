package runbooks

import (
	"regexp"
	"strconv"
	"time"
)

const kindTests = "RunbookTest"

// Limits on a file of tests.
const (
	maxCases    = 10_000
	longestTest = 366 * 24 * time.Hour
)

// The forms of names in tests.
var (
	testStep   = matching(`[a-z][a-z0-9_]{0,62}(\.([a-z][a-z0-9_]{0,62}|[1-9][0-9]{0,4}))*(~undo[0-9]*)?`, "name a step by its id; the second item of a list is revoke.2, a step of a called runbook is other.owner, an undo is disable~undo")
	personID   = matching(`[A-Za-z0-9][A-Za-z0-9._@-]{0,99}`, "use letters, digits and . _ @ -")
	yamlFile   = matching(`[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*\.ya?ml`, "name the file of the runbook, beside this one, such as leaked-access-key.yaml")
	targetText = regexp.MustCompile(`\A([a-z][a-z0-9_.-]*):(?:([0-9]{12})/)?(.+)\z`)
	percent    = regexp.MustCompile(`\A([0-9]|[1-9][0-9]|100)%\z`)
)

// testVerbs are what people can do in a test.
func testVerbs() []string {
	return []string{"approve", "deny", "answer", "retry", "skip", "undo", "lift", "applied", "not_applied", "cancel", "extend", "keep", "break_glass", "review"}
}

// ParseTests reads a file of tests and reports every fault at once. With faults
// the tests may still be there, so that [Tests.Check] can find more; they are
// nil when the file is no file of tests at all.
func ParseTests(name string, src []byte) (*Tests, Diagnostics) {
	s := newSource(name, src)
	t := &Tests{source: s}
	if root := s.read(); root == nil || !s.testHead(root) {
		t = nil
	} else {
		t.read(root)
	}
	s.found.Sort()
	return t, s.found
}

// IsTests says whether a file says of itself that it holds tests.
func IsTests(src []byte) bool {
	return regexp.MustCompile(`(?m)^kind:[ \t]*["']?` + kindTests + `\b`).Match(src)
}

func (s *source) testHead(root *node) bool {
	start := "start with: apiVersion: " + apiVersion + " and kind: " + kindTests
	if root.kind != mapNode {
		s.fail(root.pos, "not-a-test", start, "this is not a file of tests: it is %s", root.kind)
		return false
	}
	for _, p := range root.pairs {
		switch {
		case p.key.text == "apiVersion" && p.value.text != apiVersion:
			s.fail(p.value.pos, "not-a-test", "this build reads "+apiVersion, "the apiVersion is %s", p.value.shown())
			return false
		case p.key.text == "kind" && p.value.text != kindTests:
			s.fail(p.value.pos, "not-a-test", "the kind of a file of tests is "+kindTests, "the kind is %s", p.value.shown())
			return false
		}
	}
	return true
}

func (t *Tests) read(root *node) {
	s := t.source
	var version, kind At[string]
	s.object(root, "a file of tests",
		key{"apiVersion", true, s.text(&version)},
		key{"kind", true, s.text(&kind)},
		key{"runbook", true, s.word(&t.Runbook, yamlFile)},
		key{"coverage", false, func(n *node) {
			s.object(n, "coverage", key{"steps", false, s.percent(&t.steps)}, key{"branches", false, s.percent(&t.branches)})
		}},
		key{"people", false, s.directory(&t.people)},
		key{"defaults", false, func(n *node) { t.defaults = s.testCase(n, "defaults", false) }},
		key{"cases", true, t.readCases},
	)
}

func (t *Tests) readCases(n *node) {
	s := t.source
	switch {
	case n.kind != listNode:
		s.fail(n.pos, "wrong-type", "begin each case with a dash: - name: ...", "cases must be a list, not %s", n.shown())
		return
	case len(n.items) == 0:
		s.fail(n.pos, "missing", "", "there are no cases")
	case len(n.items) > maxCases:
		s.fail(n.pos, "size", "make two files of it", "there are %d cases; at most %d are allowed", len(n.items), maxCases)
		return
	}
	first := map[string]Pos{}
	for _, item := range n.items {
		c := s.testCase(item, "a case", true)
		s.onlyOnce(first, c.name, "case")
		t.cases = append(t.cases, c)
	}
}

// onlyOnce makes sure that a name is not there twice.
func (s *source) onlyOnce(first map[string]Pos, name At[string], what string) {
	if !name.Set() {
		return
	}
	if before, twice := first[name.Value]; twice {
		s.fail(name.Pos, "value", "the first is in line "+strconv.Itoa(before.Line), "there is another %s named %s", what, word(name.Value))
		return
	}
	first[name.Value] = name.Pos
}

// directory reads the people that a file makes up: a list of groups for each, or
// a map with groups and identities.
func (s *source) directory(into *[]personDecl) func(*node) {
	return func(n *node) {
		s.each(n, "people", personID, func(id At[string], v *node) {
			p := personDecl{id: id}
			var set bool
			if v.kind == mapNode {
				s.object(v, "a person", key{"groups", false, s.words(&p.groups, &set, personID)}, key{"identities", false, s.words(&p.identities, &set, anyWord)})
			} else {
				s.words(&p.groups, &set, personID)(v)
			}
			*into = append(*into, p)
		})
	}
}

// each reads a map whose keys are names.
func (s *source) each(n *node, what string, f form, read func(At[string], *node)) {
	if n.kind != mapNode {
		s.fail(n.pos, "wrong-type", "", "%s must be a map of names, not %s", what, n.shown())
		return
	}
	for _, p := range n.pairs {
		var name At[string]
		if s.word(&name, f)(p.key); name.Set() && !p.value.bad {
			if p.value.empty() {
				s.fail(p.key.pos, "missing", "give it a value, or leave the key out", "the key %q has no value", p.key.text)
				continue
			}
			read(name, p.value)
		}
	}
}

func (s *source) percent(into *At[int]) func(*node) {
	return func(n *node) {
		m := percent.FindStringSubmatch(n.text)
		if n.kind != scalarNode || m == nil {
			s.fail(n.pos, "wrong-type", "write it like 100%", "this must be a share from 0%% to 100%%, not %s", n.shown())
			return
		}
		v, _ := strconv.Atoi(m[1])
		*into = At[int]{v, n.pos}
	}
}
