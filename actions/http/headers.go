package http

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

const refMark = "secret://"

// checkHeaders says what is wrong with the headers of a step, with no secret
// resolved yet. A value holds at most one reference, and it ends the value.
func (p *Provider) checkHeaders(op, name string, headers map[string]string, u *url.URL) error {
	for _, h := range slices.Sorted(maps.Keys(headers)) {
		before, rest, secret := strings.Cut(headers[h], refMark)
		ref := refMark + rest
		fail := func(format string, args ...any) error {
			return &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf("%s: header %q: %w", name, h, fmt.Errorf(format, args...))}
		}
		switch {
		case h == "" || strings.Trim(h, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "":
			return fail("a header's name has letters, digits and hyphens only")
		case slices.Contains([]string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Te", "Trailer", "Accept-Encoding", "Expect", "Proxy-Connection"}, textproto.CanonicalMIMEHeaderKey(h)):
			return fail("firebreak sets this one itself; leave it out")
		case !printable(headers[h]):
			return fail("the value holds a line break or another character that headers do not have")
		case !secret && credentialHeader.MatchString(h):
			return fail(`the value is no secret reference; write it like "Bearer secret://env/NAME"`)
		case !secret:
		case strings.Contains(rest, refMark) || strings.ContainsAny(rest, " ,;\"'"):
			return fail(`a secret reference must end the value, like "Bearer secret://env/NAME"`)
		case actions.CheckSecretRef(ref) != nil:
			return fail("%w", actions.CheckSecretRef(ref))
		case !printable(before):
			return fail("the value holds a character that headers do not have")
		case !slices.Contains(p.secrets[dialKey(u)], ref):
			return &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf("%s: header %q: the secret %s may not be sent to %q", name, h, ref, u.Host),
				Hint: fmt.Sprintf("name it in http.secrets in the configuration, under %q", u.Host)}
		}
	}
	return nil
}

// printable is true of what a header may hold.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' })
}

// resolve gives the headers with their secrets in place.
func (p *Provider) resolve(ctx context.Context, op string, headers map[string]string) (http.Header, veil, error) {
	resolved, hidden := http.Header{}, veil{}
	for _, h := range slices.Sorted(maps.Keys(headers)) {
		value := headers[h]
		if before, rest, secret := strings.Cut(value, refMark); secret {
			s, err := p.secret(ctx, op, refMark+rest)
			if err != nil {
				return nil, nil, err
			}
			hidden = append(hidden, s)
			value = before + s.Reveal()
		}
		resolved.Set(h, value)
	}
	return resolved, hidden, nil
}

// secret resolves one reference to a value that fits into a header.
func (p *Provider) secret(ctx context.Context, op, ref string) (actions.Secret, error) {
	s, err := p.options.Secrets.Resolve(ctx, ref)
	switch {
	case err != nil:
		return s, &actions.Error{Class: actions.Denied, Op: op, Err: fmt.Errorf("find the secret: %w", err), Hint: "nothing was sent; give firebreak the secret"}
	case s.Empty() || !printable(s.Reveal()):
		return s, &actions.Error{Class: actions.Denied, Op: op, Err: fmt.Errorf("the secret %s is empty, or holds a line break or another character that cannot be sent", ref), Hint: "nothing was sent; store it on one line"}
	}
	return s, nil
}

// veil is the secrets of one request, and hides them in what comes back.
type veil []actions.Secret

// shortest is the length from which a secret is looked for: hiding every "x"
// would only garble what comes back.
const shortest = 4

// over hides the secrets in text, in the forms in which they are usually echoed.
func (v veil) over(text string) string {
	for _, s := range v {
		value := s.Reveal()
		if len(value) < shortest {
			continue
		}
		for _, form := range []string{value, url.QueryEscape(value), url.PathEscape(value), base64.StdEncoding.EncodeToString([]byte(value)),
			base64.RawURLEncoding.EncodeToString([]byte(value)), hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value)))} {
			text = strings.ReplaceAll(text, form, s.String())
		}
	}
	return text
}

// word is text of a server as one short line: control characters and secrets
// do not come through.
func (v veil) word(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, v.over(text))
	if r := []rune(strings.TrimSpace(text)); len(r) > most {
		return string(r[:most]) + "…"
	}
	return strings.TrimSpace(text)
}
