package lint

import (
	"fmt"
	"io"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// Markdown explains a rule: what it wants, an example of each side, and
// whether it may be waived.
func (r Rule) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.Doc)
	fmt.Fprintf(&b, "This breaks it:\n\n```yaml%s```\n\n", r.Bad)
	fmt.Fprintf(&b, "This does not:\n\n```yaml%s```\n", r.Good)
	if r.Waivable {
		fmt.Fprintf(&b, "\nIt may be waived: `{rule: %s, step: ..., reason: ..., owner: group:..., expires: ...}` under `waivers:`.\n", r.Name)
	} else {
		b.WriteString("\nIt cannot be waived.\n")
	}
	return b.String()
}

// Table is the list of rules as a table of Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| rule | severity | waiver | what it wants |\n|---|---|---|---|\n")
	for _, r := range Rules() {
		waiver := "no"
		if r.Waivable {
			waiver = "yes"
		}
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n", r.Name, r.Name, r.Severity, waiver, strings.ReplaceAll(r.Doc, "|", `\|`))
	}
	return b.String()
}

// Manual writes the page about lint: the table of rules, each with its
// examples, and what the compiler refuses by itself.
func Manual(w io.Writer) error {
	var b strings.Builder
	b.WriteString(manualHead)
	b.WriteString(Table())
	b.WriteString(manualFrame)
	for _, r := range Rules() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n%s", r.Name, severityLine(r), r.Markdown())
	}
	b.WriteString(manualTail)
	_, err := io.WriteString(w, b.String())
	return err
}

func severityLine(r Rule) string {
	if r.Severity == runbooks.SeverityError {
		return "An **error**: such a runbook is not run.\n"
	}
	return "A **warning**: such a runbook is run.\n"
}

// frame holds what the examples leave out, key by key.
func frame() [][2]string {
	return [][2]string{
		{"apiVersion", "apiVersion: firebreak/v1\n"},
		{"kind", "kind: Runbook\n"},
		{"id", "id: example\n"},
		{"title", "title: Example\n"},
		{"owner", "owner: {team: cloud-security, contact: \"#cloud-sec\", escalate: group:leads}\n"},
		{"budget", "budget: 20m\n"},
		{"inputs", "inputs:\n  key: {type: string, pattern: \"^AKIA[A-Z0-9]{16}$\", description: An access key}\n  principal: {type: string, description: The user or role to stop}\n"},
	}
}

// Example completes what an example leaves out to a whole runbook. A key that
// the example gives with nothing behind it stays out.
func Example(text string) []byte {
	var head, body strings.Builder
	given := map[string]bool{}
	for line := range strings.Lines(strings.TrimPrefix(text, "\n")) {
		key, rest, found := strings.Cut(line, ":")
		if top := found && key != "" && !strings.ContainsAny(key[:1], " #-"); top {
			given[key] = true
			if strings.TrimSpace(rest) == "# none" {
				continue
			}
		}
		body.WriteString(line)
	}
	for _, part := range frame() {
		if !given[part[0]] {
			head.WriteString(part[1])
		}
	}
	return []byte(head.String() + body.String())
}

const manualHead = `# What lint says

<!-- Made by: go generate ./runbooks/lint -->

` + "`firebreak lint`" + ` compiles runbooks and then looks for danger in them. What the compiler refuses is wrong in form: an
unknown key, a wrong type, an output that is read without a guard. What follows here is danger in a runbook that is
correct. An error keeps the runbook from being run; a warning does not.

`

const manualFrame = `
` + "`firebreak lint --explain RULE`" + ` prints one of them. ` + "`--format json`, `sarif` and `github`" + ` write for programs.

The examples are steps; they stand in a runbook with an owner, a budget of 20m, and the inputs ` + "`key` and `principal`" + `.
The actions ` + "`test.*`" + ` stand for any action of their kind: ` + "`test.terminate`" + ` is destructive and can verify and undo itself,
` + "`test.wipe`" + ` is destructive and can do neither, ` + "`test.once`" + ` may run only once, ` + "`test.types`" + ` reads. The group ` + "`leads`" + `
has three people and ` + "`ciso`" + ` has two; today is 2026-11-26.
`

const manualTail = `
## What the compiler refuses

These are no rules of lint and cannot be waived, because a program that breaks them cannot be run with any safety.

| name | what it wants |
|---|---|
| ` + "`unguarded`" + ` | the outputs of a step that may not be done are read only behind ` + "`steps.x.status == \"done\"`" + ` |
| ` + "`order`" + ` | a step reads only what has certainly ended before it |
| ` + "`cycle`" + ` | steps do not wait for each other |
| ` + "`reference`" + ` | every step, input and output that is named exists |
| ` + "`expression`, `wrong-type`, `value`" + ` | every value has the type and the words that are asked for; a word outside a closed set is never silently false |
| ` + "`unknown-key`, `unknown-param`, `unknown-action`, `missing`, `duplicate-id`" + ` | nothing is misspelled, forgotten or there twice |
| ` + "`retry-of-once`" + ` | an action that may run only once is not tried again |
`
