package docs_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/docs"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

var update = flag.Bool("update", false, "write the golden files of testdata")

const hostile = "a|b <script>x</script> &amp; `code` **bold** [link](http://evil) @everyone @here #123 {{ tpl }} ${{ run }} \u202E\n# Heading\n| a | b |\n---\n1. list ~~x~~ $x$ www.evil.com"

// catalog says of real actions what a page needs.
type catalog struct{ *actions.Registry }

func (c catalog) Spec(name string) (actions.Spec, bool) {
	s, ok := c.Registry.Spec(name)
	if name == "aws.iam.deactivate_access_key" {
		s.Title, s.BlastRadius = "Switch an access key off", "whoever uses the key"
		s.StaysAlive = []string{"sessions that were made with the key | " + "until they expire", "other keys"}
		s.Permissions = []actions.Permission{
			{Phase: actions.PhasePlan, Action: "iam:ListAccessKeys"}, {Phase: actions.PhaseExecute, Action: "iam:UpdateAccessKey"},
			{Phase: actions.PhaseVerify, Action: "iam:ListAccessKeys"}, {Phase: actions.PhaseUndo, Action: "iam:UpdateAccessKey"},
		}
	}
	return s, ok
}

func programs(t *testing.T) map[string]*runbooks.Program {
	entry, _ := library.Get("leaked-access-key")
	leaked, found := runbooks.Load(entry.Name, entry.Source, runbookstest.Catalog())
	if found.HasErrors() {
		t.Fatal(found)
	}
	leaked.Digest = "0123456789abcdef" // so that the page changes with the runbook only
	return map[string]*runbooks.Program{"leaked-access-key": leaked, "everything": runbookstest.Whole(), "hostile": hostileProgram()}
}

func hostileProgram() *runbooks.Program {
	p := runbookstest.Whole()
	p.Title, p.Description, p.Owner.Team, p.Owner.Contact = hostile, hostile, hostile, hostile
	p.Source.Name = hostile
	for i := range p.Inputs {
		p.Inputs[i].Description, p.Inputs[i].Pattern = hostile, hostile
		p.Inputs[i].Enum = []string{hostile}
	}
	p.Inputs[0].Default = hostile
	for i := range p.Waivers {
		p.Waivers[i].Reason = hostile
	}
	for s := range p.All() {
		s.Title = hostile
		if s.If != nil {
			s.If = runbookstest.Expr(`steps.x.status == "` + hostile + `"`)
		}
		if s.Manual != nil {
			s.Manual.Instructions = &runbooks.Value{Form: runbooks.Literal, Literal: hostile}
		}
		if s.With != nil {
			s.With.Members[0].Value = &runbooks.Value{Form: runbooks.Literal, Literal: hostile}
		}
	}
	return p
}

func page(t *testing.T, p *runbooks.Program, cat runbooks.Catalog) string {
	t.Helper()
	var b bytes.Buffer
	if err := docs.Write(&b, p, cat); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for name, p := range programs(t) {
		t.Run(name, func(t *testing.T) {
			got, file := page(t, p, catalog{runbookstest.Catalog()}), filepath.Join("testdata", name+".md")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("got (+) and want (-):\n%s", diff)
			}
		})
	}
}

// What a page is made of, with its code taken out: nothing of a hostile text
// may be left that Markdown, HTML or a chat would act upon.
func TestHostileTextIsInert(t *testing.T) {
	text := page(t, hostileProgram(), catalog{runbookstest.Catalog()})
	drawing := regexp.MustCompile("(?s)```mermaid\n.*?\n```\n")
	if n := len(drawing.FindAllString(text, -1)); n != 1 {
		t.Errorf("there are %d drawings", n)
	}
	text = drawing.ReplaceAllString(text, "")
	code := regexp.MustCompile("(?:``+ .*? ``+|``.*?``|`[^`\n]*`)")
	bare := code.ReplaceAllString(strings.ReplaceAll(text, "\\`", ""), "CODE")
	bare = strings.ReplaceAll(bare, "<!-- -->", "\x00")
	bare = regexp.MustCompile(`\\[[:punct:]]|&#?\w+;`).ReplaceAllString(bare, "E")
	for _, bad := range []string{"<", "@everyone", "@here", "#123", "](", "http://", "`", "{{", "~", "**bold", "\u202E", "www.evil"} {
		if strings.Contains(bare, bad) {
			t.Errorf("%q is left: %s", bad, around(bare, bad))
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "# Heading") || strings.TrimSpace(line) == "---" || strings.HasPrefix(line, "1. list") {
			t.Errorf("a line of a hostile text acts: %q", line)
		}
	}
	// Every row of a table has as many cells as its head.
	cells := 0
	unescaped := regexp.MustCompile(`(^|[^\\])\|`)
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := len(unescaped.FindAllString(line, -1))
		if cells == 0 {
			cells = n
		}
		if n != cells {
			t.Errorf("%d cells, not %d: %s", n, cells, line)
		}
	}
}

func around(s, what string) string {
	i := strings.Index(s, what)
	return s[max(0, i-60):min(len(s), i+60)]
}

// Whatever compiles has a page, with every step on it.
func TestCompiled(t *testing.T) {
	all := runbookstest.Compiled(filepath.Join("..", "testdata"))
	if all["language.yaml"] == nil {
		t.Fatal("the tour of the language does not compile")
	}
	for name, p := range all {
		text := page(t, p, runbookstest.Catalog())
		missing := func(steps []runbooks.Step) {
			for i := range steps {
				if !strings.Contains(text, "Step `"+steps[i].ID+"`.") {
					t.Errorf("%s: the step %s is not there", name, steps[i].ID)
				}
			}
		}
		missing(p.Steps)
		missing(p.OnCancel)
		for s := range p.All() {
			if s.Runbook != nil {
				missing(s.Runbook.Program.Steps)
			}
		}
		for _, bad := range []string{"%!", "<nil>", " 0s"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s: %q is there: %s", name, bad, around(text, bad))
			}
		}
	}
}

// Without a catalog the page still says what the program pinned.
func TestUnknownAction(t *testing.T) {
	text := page(t, runbookstest.Whole(), actions.NewRegistry())
	for _, want := range []string{"this firebreak has no such action", "`aws.iam.deactivate_access_key`, version 1", "It is **destructive**."} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not there", want)
		}
	}
	if page(t, runbookstest.Whole(), nil) != text {
		t.Error("no catalog and an empty one differ")
	}
}

// A step's danger in the catalog of today is told when it is not what was pinned.
func TestActionChanged(t *testing.T) {
	p := runbookstest.Whole()
	p.Steps[1].ActionVersion = 7
	if text := page(t, p, runbookstest.Catalog()); !strings.Contains(text, "the action is at version 1 now, and is reversible") {
		t.Error(text)
	}
}

// A drawing that Mermaid would refuse is not put on the page.
func TestTooLarge(t *testing.T) {
	p := &runbooks.Program{ID: "big", Title: "Big"}
	for i := range 400 {
		s := runbookstest.Tell("s"+strings.Repeat("x", i%9)+string(rune('a'+i%26))+strings.Repeat("y", i/26), "Step", "x")
		p.Steps = append(p.Steps, s)
	}
	text := page(t, p, nil)
	if strings.Contains(text, "```mermaid") || !strings.Contains(text, "`firebreak graph big --out big.svg`") {
		t.Error("the drawing is there, or nothing says where to find it")
	}
}
