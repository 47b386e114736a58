package arch

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// arrow says what one package may import besides the standard library.
type arrow struct {
	pkg string // "x/*" is each package directly in x that has no row of its own
	may string // ours with ./, modules of others as they are; "./x/..." is x and all below
	why string
}

// The words of the four folders, for those to their right.
const (
	wordsOfRunbooks = "./actions ./runbooks"
	wordsOfEngine   = wordsOfRunbooks + " ./engine"
	wordsOfChat     = wordsOfEngine + " ./chatops"
)

var arrows = []arrow{
	// The line of the roots.
	{"actions", "", "the left end of the line: whoever writes an action learns one package, and no dependency"},
	{"runbooks", "./actions go.yaml.in/yaml/v4 github.com/expr-lang/expr", "a file becomes a program with nothing but the words of actions, YAML and expressions"},
	{"engine", wordsOfRunbooks, "the core is pure: it folds facts and knows no store, no chat and no cloud"},
	{"chatops", wordsOfEngine, "grammar, policy and replies are the same for every chat"},
	{"cmd/firebreak", "./cmd/internal/... ./engine/cases " + wordsOfChat + " ./engine/journal ./engine/plan ./engine/preflight ./engine/readiness ./engine/rehearsal ./engine/timeline ./runbooks/diff ./runbooks/docs ./runbooks/format ./runbooks/graph ./runbooks/iampolicy ./runbooks/library ./runbooks/lint ./runbooks/report ./runbooks/schema github.com/rogpeppe/go-internal/diff github.com/spf13/cobra github.com/spf13/pflag golang.org/x/term", "a command parses flags and prints; adapters are wired in cmd/internal/app, where another binary finds them too"},

	// Providers: one each, and never each other.
	{"actions/*", "./actions", "a provider stands alone; one with an SDK has a row of its own"},
	{"actions/aws", "./actions ./actions/aws/... github.com/aws/aws-sdk-go-v2", "puts the services together; nothing else knows AWS"},
	{"actions/aws/cloud", "./actions github.com/aws/aws-sdk-go-v2 github.com/aws/smithy-go", "sessions, classes of errors, attempts: what every service needs and none may do by itself"},
	{"actions/aws/*", "./actions ./actions/aws/cloud ./actions/aws/s3 github.com/aws/aws-sdk-go-v2 github.com/aws/smithy-go", "one room a service; what it collects goes into the evidence bucket through s3"},
	{"actions/aws/ec2", "./actions ./actions/aws/cloud ./actions/aws/iam ./actions/aws/s3 github.com/aws/aws-sdk-go-v2 github.com/aws/smithy-go", "cutting an instance off its role ends in a revocation, which is IAM's"},
	{"actions/aws/awsfake", "", "an endpoint that behaves like AWS must not share code with what it tests"},
	{"actions/aws/awstest", "./actions ./actions/aws/awsfake ./actions/aws/cloud github.com/aws/aws-sdk-go-v2 github.com/aws/smithy-go github.com/google/go-cmp", "the same tests against each emulator, read back by a client of their own"},
	{"actions/exec", "./actions golang.org/x/sys", "starts pinned programs, sealed in memory; only the kernel can promise that what runs is what was checked"},
	{"actions/slack", "./actions github.com/slack-go/slack", "posts, opens channels and invites as actions; the chat itself is chatops/slack"},

	// Tools of the language.
	{"runbooks/*", wordsOfRunbooks, "rules, drawings and schemas read the program, and do not see each other"},
	{"runbooks/docs", wordsOfRunbooks + " ./runbooks/graph", "the page of a runbook holds its drawing; it sees no other tool"},
	{"runbooks/library", "./runbooks", "files, and how to find them"},
	{"runbooks/library/librarytest", "./actions ./actions/aws ./actions/exec ./actions/http ./actions/slack", "the real actions, for tests of the ready runbooks; a copy of their shapes would grow old"},
	{"runbooks/schema", wordsOfRunbooks, "describes the language and the actions to editors; what a file holds it never sees"},
	{"runbooks/format", wordsOfRunbooks + " go.yaml.in/yaml/v4", "lays out a file by the places that YAML gives its values; a program has no layout"},

	// The rooms of the engine, and the few arrows between them.
	{"engine/journal", "golang.org/x/mod", "a log of opaque records that any program could use: it does not know the engine"},
	{"engine/journal/journaltest", "./engine/journal", "one suite for all stores"},
	{"engine/journal/bolt", "./engine/journal go.etcd.io/bbolt golang.org/x/mod", "the only package that knows bbolt, so that another store can take its place"},
	{"engine/journal/mem", "./engine/journal golang.org/x/mod", "a store, and so beside bolt, never on it"},
	{"engine/record", wordsOfEngine + " ./engine/journal", "the one place where facts become records: the core knows no store, and the log no facts"},
	{"engine/host", wordsOfEngine + " ./engine/journal ./engine/record", "runs the core durably; it gets its store, actions and chat from the wiring"},
	{"engine/sim", wordsOfEngine, "virtual time and a scripted world around the core; a real host, store or provider would let the world in"},
	{"engine/retell", wordsOfEngine + " ./engine/sim", "what happened, told again under other names: tests and scenarios are made of it"},
	{"engine/cases", wordsOfEngine + " ./engine/retell ./engine/sim ./engine/timeline", "tests of runbooks: stories of the simulated world, read back through the timeline; it can reach no live provider"},
	{"engine/rehearsal", wordsOfEngine + " ./engine/retell ./engine/sim ./engine/journal ./engine/record", "scenarios played on the simulated world, written down in a store of their own; it can reach no live provider"},
	{"engine/rehearsal/score", wordsOfEngine + " ./engine/rehearsal ./engine/timeline", "what a rehearsal, or an incident, shows is worked out from its facts"},
	{"engine/rehearsal/report", wordsOfEngine + " ./engine/journal ./engine/rehearsal ./engine/rehearsal/score ./engine/timeline", "the score and the timeline, on paper"},
	{"engine/readiness", wordsOfEngine + " ./engine/rehearsal ./engine/rehearsal/score ./engine/timeline ./runbooks/diff ./runbooks/lint", "compares the runbooks of today with what was rehearsed and what happened"},
	{"engine/plan", wordsOfEngine + " ./engine/journal", "what will happen is worked out from the program and reads, with nothing carried out"},
	{"engine/preflight", wordsOfEngine + " ./engine/plan ./runbooks/iampolicy", "whether a run would work tonight is a plan, rights, and the actions' own checks; who answers about rights comes from the wiring"},
	{"engine/timeline", wordsOfEngine + " ./engine/journal ./engine/record", "what happened is worked out from facts and their proof"},

	// Chats.
	{"chatops/*", wordsOfEngine + " ./chatops", "a chat carries words in and out; policy stays in chatops, durability in the host"},
	{"chatops/slack", wordsOfEngine + " ./chatops github.com/slack-go/slack github.com/gorilla/websocket", "the only chat that knows Slack"},
	{"chatops/slack/slackfake", "github.com/gorilla/websocket", "a Slack that behaves, useful to other bots too, and sharing no code with what it tests"},
	{"chatops/console", wordsOfEngine + " ./chatops golang.org/x/term", "the same words in a terminal"},

	// The one place where all meets.
	{"cmd/internal/app", "./... github.com/aws/aws-sdk-go-v2 go.yaml.in/yaml/v4", "the wiring: the only package that sees every leaf; a test of it takes the library's runbooks apart"},
	{"cmd/internal/config", wordsOfChat + " go.yaml.in/yaml/v4", "reads files into the words of the folders"},
	{"cmd/internal/local", wordsOfChat + " golang.org/x/sys", "carries the words of a terminal over a unix socket"},
	{"cmd/internal/tabletop", "./engine ./chatops", "an exercise around one terminal: the same bot and the same words as elsewhere"},
	{"cmd/internal/demo", "./cmd/internal/app ./cmd/internal/config ./actions/aws/awsfake ./chatops/slack/slackfake " + wordsOfChat + " ./engine/journal ./engine/timeline", "plays the real wiring against the two fakes"},
	{"cmd/internal/e2e", "", "tells its stories to the finished binary, from outside; only its tests import"},
	{"cmd/internal/arch", "golang.org/x/mod", "looks at the source, and is part of nothing"},
}

// exceptions are arrows that the table forbids and that are drawn all the same,
// one by one. Each is a debt or a border case; its reason says which.
var exceptions = []arrow{
	{"cmd/firebreak", "./chatops/console", "the command is the terminal that the console draws on"},
	{"cmd/firebreak", "./chatops/slack", "the app manifest is text that is made from what the chat needs; no Slack is talked to"},
	{"cmd/firebreak", "./engine/journal/bolt", "verify and init work on a journal file where no server and no config need be"},
	{"cmd/internal/tabletop", "./chatops/console", "an exercise in a terminal is drawn as the terminal draws"},
	{"cmd/internal/demo", "./actions/aws ./chatops/slack", "tells the real wiring where the two fakes listen, in the options of the packages themselves"},
}

func excepted(pkg, p string) bool {
	return slices.ContainsFunc(exceptions, func(a arrow) bool { return a.pkg == pkg && allowed(a.may, p) })
}

// fakes stand in for the outside world. Whoever imports one outside of tests
// could answer a real incident with it.
var fakes = map[string][]string{
	"./actions/aws/awsfake":     {"cmd/internal/demo"},
	"./chatops/slack/slackfake": {"cmd/internal/demo"},
}

// forTests are modules that any test may use.
const forTests = "github.com/google/go-cmp pgregory.net/rapid github.com/rogpeppe/go-internal"

// clients are modules that the tests of a package use to look at it from outside.
var clients = map[string]string{
	"actions/slack":           "./chatops/slack/slackfake",                                   // a workspace with people and channels, which knows no client of ours
	"chatops/slack/slackfake": "github.com/slack-go/slack",                                   // what bots are written with
	"cmd/internal/e2e":        "github.com/aws/aws-sdk-go-v2",                                // a second reader, who does not believe the first
	"runbooks/schema":         "github.com/santhosh-tekuri/jsonschema/v6 go.yaml.in/yaml/v4", // a reader of the schema who does not know us
	"actions/aws/awsfake":     "github.com/aws/aws-sdk-go-v2 github.com/aws/smithy-go",       // what AWS is called with
}

func TestArrows(t *testing.T) { report(t, checkArrows(house(t))) }

func checkArrows(files []*source) []string {
	var faults []string
	fault := func(s *source, format string, args ...any) {
		faults = append(faults, s.name+": "+fmt.Sprintf(format, args...))
	}
	for _, s := range files {
		row, ok := arrowOf(s.pkg)
		if !ok {
			fault(s, "the package %s has no row in the table of arrows; add one that says what it may import, and why", s.pkg)
			continue
		}
		for _, p := range s.imports() {
			if users, fake := fakes[p]; fake && !s.test && !isTest(s.pkg) && !slices.Contains(users, s.pkg) {
				fault(s, "imports %s; a fake is for tests and the demo, a real incident must not reach it", p)
				continue
			}
			switch {
			case standard(p) || allowed(row.may, p) || excepted(s.pkg, p):
			case s.test && (allowed(forTests+" "+clients[s.pkg], p) || sameFolder(s.pkg, p)):
			case s.test && leftOf(s.pkg, p):
			default:
				fault(s, "must not import %s; %s %s", p, row.pkg, "is held to: "+row.why)
			}
			if strings.HasPrefix(p, "./") && isTest(p) && !s.test && !isTest(s.pkg) {
				fault(s, "imports %s; a test helper in production code pulls its dependencies into the binary", p)
			}
		}
	}
	return faults
}

func arrowOf(pkg string) (arrow, bool) {
	for _, name := range []string{pkg, path.Dir(pkg) + "/*"} {
		if i := slices.IndexFunc(arrows, func(a arrow) bool { return a.pkg == name }); i >= 0 {
			return arrows[i], true
		}
	}
	return arrow{}, false
}

func allowed(may, p string) bool {
	for _, m := range strings.Fields(may) {
		tree, below := strings.CutSuffix(m, "/...")
		switch {
		case m == p:
			return true
		case below && (tree == "." && strings.HasPrefix(p, "./") || strings.HasPrefix(p, tree+"/")):
			return true
		case !strings.HasPrefix(m, ".") && strings.HasPrefix(p, m+"/"):
			return true
		}
	}
	return false
}

func standard(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".")
}

func isTest(pkg string) bool { return strings.HasSuffix(pkg, "test") }

// sameFolder is true of two packages under one root folder: a test may put the
// rooms of its own folder together.
func sameFolder(pkg, p string) bool {
	folder, _, _ := strings.Cut(pkg, "/")
	return p == "./"+folder || strings.HasPrefix(p, "./"+folder+"/")
}

// leftOf is true of what stands left of pkg on the line of the roots, leaves too.
func leftOf(pkg, p string) bool {
	line := []string{"actions", "runbooks", "engine", "chatops", "cmd"}
	from, _, _ := strings.Cut(pkg, "/")
	to, _, _ := strings.Cut(strings.TrimPrefix(p, "./"), "/")
	return strings.HasPrefix(p, "./") && slices.Index(line, to) < slices.Index(line, from) && slices.Contains(line, to)
}

// The table itself: a row for each name, each with a reason, and no row that
// lets one adapter see another. A package of tests is in no binary.
func TestTable(t *testing.T) {
	adapters := []string{"./actions/aws", "./actions/exec", "./actions/http", "./actions/slack", "./engine/journal/bolt", "./engine/journal/mem", "./engine/host", "./chatops/slack", "./chatops/console"}
	seen := map[string]bool{}
	for _, a := range arrows {
		if seen[a.pkg] || a.why == "" {
			t.Errorf("the row of %q is there twice, or gives no reason", a.pkg)
		}
		seen[a.pkg] = true
		for _, adapter := range adapters {
			if a.pkg != "cmd/internal/app" && !isTest(a.pkg) && a.pkg != strings.TrimPrefix(adapter, "./") && allowed(a.may, adapter) {
				t.Errorf("the row of %s lets it import the adapter %s; only cmd/internal/app may", a.pkg, adapter)
			}
		}
	}
}

func TestArrowsFind(t *testing.T) {
	const m = `"` + module + "/"
	for _, tt := range []struct {
		name, file, text, want string
	}{
		{"the core and a store", "engine/a.go", "package engine\nimport _ " + m + `engine/journal/bolt"`, "must not import ./engine/journal/bolt"},
		{"the core and a module", "engine/a.go", `package engine; import _ "go.etcd.io/bbolt"`, "must not import go.etcd.io/bbolt"},
		{"left to right", "runbooks/a.go", "package runbooks\nimport _ " + m + `engine"`, "must not import ./engine"},
		{"one provider and another", "actions/http/a.go", "package http\nimport _ " + m + `actions/aws"`, "must not import ./actions/aws"},
		{"a module like an allowed one", "actions/aws/a.go", `package aws; import _ "github.com/aws/aws-sdk-go-v2x"`, "must not import"},
		{"no row", "engine/journal/bolt/deep/a.go", "package deep", "has no row"},
		{"a fake in the wiring", "cmd/internal/app/a.go", "package app\nimport _ " + m + `actions/aws/awsfake"`, "a fake is for tests and the demo"},
		{"a fake in the demo", "cmd/internal/demo/a.go", "package demo\nimport _ " + m + `actions/aws/awsfake"`, ""},
		{"a fake in a test", "actions/aws/a_test.go", "package aws\nimport _ " + m + `actions/aws/awsfake"`, ""},
		{"a test helper in production code", "cmd/internal/app/a.go", "package app\nimport _ " + m + `engine/journal/journaltest"`, "a test helper in production code"},
		{"a test that looks to the right", "engine/a_test.go", "package engine\nimport _ " + m + `chatops"`, "must not import ./chatops"},
		{"a test that looks to the left", "chatops/slack/a_test.go", "package slack\nimport _ " + m + `engine/journal/mem"`, ""},
		{"a test's module in production code", "engine/a.go", `package engine; import _ "github.com/google/go-cmp/cmp"`, "must not import github.com/google/go-cmp/cmp"},
		{"all is well", "engine/host/a.go", "package host\nimport _ " + m + `engine/journal"`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(checkArrows(pieces(t, tt.file, tt.text)), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
