package lint

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func secretInLiteral() Rule {
	return Rule{
		Name:     "secret-in-literal",
		Severity: runbooks.SeverityError,
		Doc:      "A runbook lies in git and in the journal: a secret is given by reference, and the id of a key as an input.",
		Bad: `
steps:
  - id: tell
    uses: slack.post
    with: {text: "the key is ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"}
`,
		Good: `
steps:
  - id: read
    uses: test.types
    with: {token: "secret://env/TOKEN"}
`,
		check: func(p *pass) {
			forms := newFinder()
			for step := range p.program.All() {
				values := []*runbooks.Value{step.With}
				if step.Manual != nil {
					values = append(values, step.Manual.Instructions)
				}
				if step.Undo != nil {
					values = append(values, step.Undo.Manual)
				}
				for _, v := range values {
					for path, written := range v.Literals() {
						if what, hint := forms.find(path, written.Text); what != "" {
							p.add(step.ID, written.Pos, fmt.Sprintf("the step %q holds %s", step.ID, what), hint)
						}
					}
				}
			}
			for _, in := range p.program.Inputs {
				for _, text := range texts(in.Default) {
					if what, hint := forms.find(in.Name, text); what != "" {
						p.runbook(fmt.Sprintf("the default of input %q holds %s", in.Name, what), hint)
						break
					}
				}
			}
		},
	}
}

// texts lists the texts in a default, those of a map by name.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, texts(one)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			all = append(all, texts(v[name])...)
		}
		return all
	}
	return nil
}

// finder finds secrets, and the ids of keys: these are none, but a runbook is
// for the next key too.
type finder struct {
	runbooks.SecretFinder
	keyID *regexp.Regexp
}

func newFinder() finder {
	return finder{runbooks.NewSecretFinder(), regexp.MustCompile(`\b(AKIA|ASIA)[A-Z0-9]{16}\b`)}
}

func (f finder) find(name, text string) (what, hint string) {
	if f.keyID.MatchString(text) {
		return "the id of an AWS access key", "make it an input: a runbook is for the next key too"
	}
	return f.Find(name, text)
}
