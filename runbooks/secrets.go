package runbooks

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// SecretFinder finds texts that look like secrets. The zero one finds nothing;
// [NewSecretFinder] makes one, which several goroutines may use.
type SecretFinder struct {
	forms []secretForm
	name  *regexp.Regexp // of a value that is a secret
	token *regexp.Regexp // a long random-looking word
}

type secretForm struct {
	pattern *regexp.Regexp
	what    string
}

const byReference = "give it by reference, such as secret://env/NAME"

// NewSecretFinder makes a finder with every form that is known.
func NewSecretFinder() SecretFinder {
	form := func(pattern, what string) secretForm { return secretForm{regexp.MustCompile(pattern), what} }
	return SecretFinder{
		forms: []secretForm{
			form(`-----BEGIN [A-Z ]*PRIVATE KEY-----`, "a private key"),
			form(`\bxox[abeoprs]-[A-Za-z0-9-]{10,}`, "a Slack token"),
			form(`https://hooks\.slack\.com/(services|workflows)/\S+`, "the address of a Slack webhook, which is a secret"),
			form(`\b(gh[oprsu]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50,})`, "a GitHub token"),
			form(`\b[rs]k_live_[A-Za-z0-9]{16,}`, "a Stripe key"),
			form(`\bAIza[A-Za-z0-9_-]{35}`, "a Google API key"),
			form(`\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.`, "a JSON web token"),
			form(`://[^/\s:@]+:[^/\s:@]+@`, "a password in an address"),
		},
		name:  regexp.MustCompile(`(?i)(^|[._-])(password|passwd|secret|token|api_?key|private_?key)$`),
		token: regexp.MustCompile(`[A-Za-z0-9/+]{40}`),
	}
}

// Find says what a text gives away, without repeating it, and what to do. Name
// is that of the value, such as a parameter's, or empty. It gives nothing when
// there is nothing to say.
func (f SecretFinder) Find(name, text string) (what, hint string) {
	if f.name == nil {
		return "", ""
	}
	for _, one := range f.forms {
		if one.pattern.MatchString(text) {
			return one.what, byReference
		}
	}
	if f.name.MatchString(name) && text != "" && !strings.HasPrefix(text, "secret://") {
		return fmt.Sprintf("a value for %q", name), byReference
	}
	for _, word := range f.token.FindAllString(text, -1) {
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

// unseen says whether a character takes no room on the screen and has no part in
// how people write: it hides a text in another. Joiners are not among them; they
// are needed for scripts and for emoji.
func unseen(r rune) bool {
	switch {
	case r == '\u00AD', r == '\u180E', r == '\u200B', r >= '\u2060' && r <= '\u2064', r >= '\u206A' && r <= '\u206F':
		return true
	case r == '\u115F', r == '\u1160', r == '\u3164', r == '\uFFA0', r >= 0xE0000 && r <= 0xE0FFF:
		return true
	}
	return unicode.Is(unicode.Noncharacter_Code_Point, r)
}

// secrets is made when it is first needed: most files are no scenarios.
var secrets = sync.OnceValue(NewSecretFinder)

// harmless looks at every text of a scenario: it lies in git, and players read
// it.
func (s *source) harmless(root *node) {
	finder := secrets()
	var walk func(n *node, name string)
	walk = func(n *node, name string) {
		if n.kind == scalarNode && !s.full() {
			if i := strings.IndexFunc(n.text, unseen); i >= 0 {
				r, _ := utf8.DecodeRuneInString(n.text[i:])
				s.fail(n.pos, "hidden-character", "remove it; it is not visible in your editor, and readers do not see it either", "the text holds the character U+%04X, which nobody sees", r)
			}
			if what, _ := finder.Find(name, n.text); what != "" {
				s.fail(n.pos, "secret-in-scenario", "make one up that nobody can take for real", "the text holds %s", what)
			}
		}
		for _, item := range n.items {
			walk(item, "")
		}
		for _, p := range n.pairs {
			walk(p.key, "")
			walk(p.value, "")
		}
	}
	for _, p := range root.pairs {
		if p.key.text != "facts" {
			walk(p.value, "")
			continue
		}
		for _, fact := range p.value.pairs { // their names are the author's, and say what they are
			walk(fact.key, "")
			walk(fact.value, fact.key.text)
		}
	}
}
