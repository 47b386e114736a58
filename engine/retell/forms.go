package retell

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The forms of texts that must stay what they are.
var (
	secretRef  = regexp.MustCompile(`^secret://`)
	accessKey  = regexp.MustCompile(`^(A[A-Z]{3})[A-Z0-9]{12,124}$`)
	arnForm    = regexp.MustCompile(`^(arn:[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]*):([0-9]*):(.+)$`)
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	resourceID = regexp.MustCompile(`^([a-z][a-z0-9]{0,11})-([0-9a-f]{8,17})$`)
	slackID    = regexp.MustCompile(`^([CDGUWTB])[A-Z0-9]{7,20}$`)
	slackTime  = regexp.MustCompile(`^[0-9]{10}\.[0-9]{6}$`)
	email      = regexp.MustCompile(`^[^\s@]+@[^\s@]+\.[^\s@]+$`)
	uuid       = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
	hexDigits  = regexp.MustCompile(`^[0-9a-f]{16,128}$`)
	regionForm = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	webAddress = regexp.MustCompile(`^https?://`)
	slashed    = regexp.MustCompile(`^[A-Za-z0-9._@+=,~!-]*(/[A-Za-z0-9._@+=,~!-]*)+$`)
	plainName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+=,~-]*$`)
)

// Text gives a stand-in of the same form.
func (r *Redactor) Text(s string) string {
	if name, ok := r.names[s]; ok {
		return name
	}
	if r.keep[s] || regionForm.MatchString(s) {
		return s
	}
	if _, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return r.time(s)
	}
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day.Add(r.shift).Format(time.DateOnly)
	}
	if m := arnForm.FindStringSubmatch(s); m != nil {
		account := ""
		if m[2] != "" {
			account = r.Text(m[2])
		}
		return m[1] + ":" + account + ":" + r.resource(m[3])
	}
	if out, ok := r.address(s); ok {
		return out
	}
	var form func(n int) string
	switch {
	case secretRef.MatchString(s):
		form = func(n int) string { return fmt.Sprintf("secret://env/SECRET_%d", n) }
	case accountID.MatchString(s):
		form = func(n int) string { return fmt.Sprintf("9999%08d", n) }
	case accessKey.MatchString(s):
		form = func(n int) string { return s[:4] + numbered(len(s)-4, "REDACTED", n) }
	case resourceID.MatchString(s):
		m := resourceID.FindStringSubmatch(s)
		form = func(n int) string { return m[1] + "-" + fmt.Sprintf("%0*x", len(m[2]), n) }
	case slackID.MatchString(s):
		form = func(n int) string { return s[:1] + numbered(len(s)-1, "REDACTED", n) }
	case slackTime.MatchString(s):
		form = func(n int) string { return fmt.Sprintf("1700000000.%06d", n) }
	case email.MatchString(s):
		form = func(n int) string { return fmt.Sprintf("name-%d@example.com", n) }
	case uuid.MatchString(s):
		form = func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }
	case hexDigits.MatchString(s):
		form = func(n int) string { return fmt.Sprintf("%0*x", len(s), n) }
	case webAddress.MatchString(s):
		form = func(n int) string { return fmt.Sprintf("https://name-%d.example.com/", n) }
	case slashed.MatchString(s):
		parts := strings.Split(s, "/")
		for i, part := range parts {
			parts[i] = r.Text(part)
		}
		return strings.Join(parts, "/")
	case plainName.MatchString(s):
		form = func(n int) string { return fmt.Sprintf("name-%d", n) }
	default:
		form = func(n int) string { return fmt.Sprintf("text %d", n) }
	}
	return r.standIn(s, form)
}

// numbered is a word and a number that together have a length.
func numbered(length int, word string, n int) string {
	digits := max(length-len(word), 4)
	return (word + strings.Repeat("0", length))[:length-digits] + fmt.Sprintf("%0*d", digits, n)
}

// resource keeps the words of an ARN that say what it is, and no name.
func (r *Redactor) resource(s string) string {
	parts := strings.FieldsFunc(s, func(c rune) bool { return c == '/' || c == ':' })
	if s == "root" || len(parts) == 0 {
		return s
	}
	if len(parts) == 1 {
		return r.Text(s)
	}
	var b strings.Builder
	rest := s
	for i, part := range parts {
		at := strings.Index(rest, part)
		b.WriteString(rest[:at])
		if i == 0 && slices.Contains(resourceTypes(), part) {
			b.WriteString(part)
		} else {
			b.WriteString(r.Text(part))
		}
		rest = rest[at+len(part):]
	}
	return b.String() + rest
}

// resourceTypes are the words that begin the last part of an ARN and say
// nothing about whose it is.
func resourceTypes() []string {
	return []string{
		"access-key", "alias", "assumed-role", "cluster", "db", "detector", "distribution", "federated-user", "function", "group", "image", "instance",
		"instance-profile", "key", "loadbalancer", "log-group", "mfa", "network-interface", "oidc-provider", "parameter", "policy", "role", "saml-provider",
		"secret", "security-group", "server-certificate", "snapshot", "stack", "subnet", "table", "targetgroup", "trail", "user", "volume", "vpc",
	}
}

// address gives an address of the ranges that are kept for documents.
func (r *Redactor) address(s string) (string, bool) {
	host, bits, mask := strings.Cut(s, "/")
	a, err := netip.ParseAddr(host)
	if err != nil {
		return "", false
	}
	form := func(n int) string { return fmt.Sprintf("2001:db8::%x", n) }
	if a.Is4() {
		form = func(n int) string { return fmt.Sprintf("198.51.%d.%d", 100+n/250, n%250+1) }
	}
	if !mask {
		return r.standIn(host, form), true
	}
	network, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return "", false
	case network.Bits() <= 8: // so large that it is nobody's
		return s, true
	}
	return r.standIn(s, func(n int) string {
		text := fmt.Sprintf("2001:db8:%x::/%s", n, bits)
		switch {
		case a.Is4() && network.Bits() > 24:
			text = fmt.Sprintf("198.18.%d.%d/%s", n/250, n%250+1, bits)
		case a.Is4() && network.Bits() > 16:
			text = fmt.Sprintf("198.18.%d.0/%s", n%250, bits)
		case a.Is4():
			text = fmt.Sprintf("10.%d.0.0/%s", n%250, bits)
		}
		p, err := netip.ParsePrefix(text)
		if err != nil || network != network.Masked() {
			return text
		}
		return p.Masked().String()
	}), true
}
