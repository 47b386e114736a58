package lint

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

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
			forms := secretForms()
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

type secretForm struct {
	pattern *regexp.Regexp
	what    string
	hint    string
}

type secretFinder struct {
	forms []secretForm
	name  *regexp.Regexp // of a parameter that holds a secret
	token *regexp.Regexp // a long random-looking word
}

const byReference = "give it by reference, such as secret://env/NAME"

func secretForms() secretFinder {
	form := func(pattern, what, hint string) secretForm {
		return secretForm{regexp.MustCompile(pattern), what, hint}
	}
	return secretFinder{
		forms: []secretForm{
			form(`\b(AKIA|ASIA)[A-Z0-9]{16}\b`, "the id of an AWS access key", "make it an input: a runbook is for the next key too"),
			form(`-----BEGIN [A-Z ]*PRIVATE KEY-----`, "a private key", byReference),
			form(`\bxox[abeoprs]-[A-Za-z0-9-]{10,}`, "a Slack token", byReference),
			form(`https://hooks\.slack\.com/(services|workflows)/\S+`, "the address of a Slack webhook, which is a secret", byReference),
			form(`\b(gh[oprsu]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50,})`, "a GitHub token", byReference),
			form(`\b[rs]k_live_[A-Za-z0-9]{16,}`, "a Stripe key", byReference),
			form(`\bAIza[A-Za-z0-9_-]{35}`, "a Google API key", byReference),
			form(`\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.`, "a JSON web token", byReference),
			form(`://[^/\s:@]+:[^/\s:@]+@`, "a password in an address", byReference),
		},
		name:  regexp.MustCompile(`(?i)(^|[._-])(password|passwd|secret|token|api_?key|private_?key)$`),
		token: regexp.MustCompile(`[A-Za-z0-9/+]{40}`),
	}
}

// find says what a text gives away, without repeating it.
func (s secretFinder) find(path, text string) (what, hint string) {
	for _, f := range s.forms {
		if f.pattern.MatchString(text) {
			return f.what, f.hint
		}
	}
	if s.name.MatchString(path) && text != "" && !strings.HasPrefix(text, "secret://") {
		return fmt.Sprintf("a value for %q", path), byReference
	}
	for _, word := range s.token.FindAllString(text, -1) {
		if random(word) {
			return "a word that looks like a secret key", byReference
		}
	}
	return "", ""
}

// random says whether a word mixes capitals, small letters and digits as a
// generated secret does; hex digests, paths and ARNs do not.
func random(word string) bool {
	var upper, lower, digit, slash int
	for _, r := range word {
		switch {
		case r >= 'A' && r <= 'Z':
			upper++
		case r >= 'a' && r <= 'z':
			lower++
		case r >= '0' && r <= '9':
			digit++
		default:
			slash++
		}
	}
	return upper >= 6 && lower >= 6 && digit >= 1 && slash <= 4
}
