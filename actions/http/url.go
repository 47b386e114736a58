package http

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// hostKey is a host of the configuration in the form in which it is compared:
// lower case, with its port.
func hostKey(text string) (string, error) {
	host, port := text, "443"
	if addr, err := netip.ParseAddr(text); err == nil {
		host = addr.String()
	} else if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	}
	if err := checkHost(host); err != nil {
		return "", fmt.Errorf("%q: %w", text, err)
	}
	if err := checkPort(port); err != nil {
		return "", fmt.Errorf("%q: %w", text, err)
	}
	return net.JoinHostPort(strings.ToLower(host), port), nil
}

func checkPort(port string) error {
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port {
		return fmt.Errorf("the port %q is no number from 1 to 65535", port)
	}
	return nil
}

// checkHost takes names of letters, digits and hyphens, and IP addresses in
// their one usual form. Names that a resolver could read as a number, such as
// 2130706433 or 0x7f.1, are neither.
func checkHost(host string) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" || addr.Is4In6() || addr.String() != strings.ToLower(host) {
			return errors.New("write the IP address in its usual form, such as 192.0.2.1 or 2001:db8::1")
		}
		return nil
	}
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || l[0] == '-' || l[len(l)-1] == '-' {
			return errors.New("this is no host name; write letters, digits, hyphens and dots only, a name in another script in its form that begins with xn--")
		}
	}
	if last := labels[len(labels)-1]; len(host) > 253 || strings.ContainsAny(last[:1], "0123456789") {
		return errors.New("this is no host name: its last part begins with a digit, so it can be read as an address")
	}
	return nil
}

// checkURL reads an absolute URL that has nothing odd in it. Plain http is for
// this machine only.
func checkURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("this is no URL; write it like https://api.example.com/v1/things")
	}
	host := u.Hostname()
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the URL must begin with https://")
	case u.User != nil:
		return nil, errors.New("the URL holds a user or password; put a secret reference in a header instead")
	case u.Opaque != "" || u.Fragment != "" || strings.Contains(text, "#"):
		return nil, errors.New("the URL has a fragment (#), which is never sent; leave it out")
	case strings.ContainsAny(u.Path, "\\") || strings.ContainsFunc(u.Path+u.RawQuery, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return nil, errors.New("the URL holds a backslash or a control character")
	case strings.Contains(text, "secret://"):
		return nil, errors.New("the URL holds a secret reference; URLs are shown and recorded, put it in a header")
	}
	if err := checkHost(host); err != nil {
		return nil, fmt.Errorf("the host %q of the URL: %w", host, err)
	}
	if u.Port() != "" || strings.HasSuffix(u.Host, ":") {
		if err := checkPort(u.Port()); err != nil {
			return nil, err
		}
	}
	if u.Scheme == "http" && !loopback(host) {
		return nil, fmt.Errorf("the URL is not encrypted, which is allowed only to this machine; write https://%s", u.Host)
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return nil, errors.New(`the path of the URL has a part "." or "..", so it would lead elsewhere`)
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("the query of the URL cannot be read; give it as query:, then it is written correctly")
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if credentialQuery.MatchString(name) {
			return nil, fmt.Errorf("the query parameter %q looks like a secret; URLs are shown and recorded, put a secret reference in a header", name)
		}
	}
	return u, nil
}

// Names of query parameters and headers that hold credentials.
var (
	credentialQuery  = regexp.MustCompile(`(?i)^(access_?token|token|api_?key|apikey|auth|password|passwd|secret|client_?secret|signature|sig)$`)
	credentialHeader = regexp.MustCompile(`(?i)^(authorization|proxy-authorization|cookie)$|token|secret|password|api-?key`)
)

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost")
}

// dialKey is where u leads: host and port, as in hostKey.
func dialKey(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
		if u.Scheme == "http" {
			port = "80"
		}
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// place is the URL as errors show it: without its query.
func place(u *url.URL) string {
	shown := *u
	shown.RawQuery, shown.ForceQuery = "", false
	return shown.String()
}

// where is what a step says about the URL of one request.
type where struct {
	name  string // of the parameter, for people: "url", "verify.url"
	url   string
	path  []string
	query map[string]string
}

// find puts the URL together, and checks that the step may call its host.
func (p *Provider) find(op string, w where) (*url.URL, error) {
	wrong := func(name string, err error, hint string) error {
		return &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf("%s: %w", strings.Replace(w.name, "url", name, 1), err), Hint: hint}
	}
	u, err := checkURL(w.url)
	if err != nil {
		return nil, wrong("url", err, "")
	}
	key := dialKey(u)
	if !p.hosts[key] {
		return nil, wrong("url", fmt.Errorf("the host %q is not one that steps may call", key),
			fmt.Sprintf("add it to http.hosts in the configuration, as %q", strings.TrimSuffix(key, ":443")))
	}
	for _, segment := range w.path {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsFunc(segment, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
			return nil, wrong("path", fmt.Errorf("the part %q would change where the request goes", segment), "check the value that was put in")
		}
	}
	if len(w.path) > 0 {
		u = appendPath(u, w.path...)
	}
	if len(w.query) > 0 {
		query := u.Query()
		for _, name := range slices.Sorted(maps.Keys(w.query)) {
			if credentialQuery.MatchString(name) || strings.Contains(w.query[name], "secret://") {
				return nil, wrong("query", fmt.Errorf("the parameter %q looks like a secret; URLs are shown and recorded", name), "put a secret reference in a header")
			}
			query.Set(name, w.query[name])
		}
		u.RawQuery = query.Encode()
	}
	return u, nil
}

// appendPath adds parts to the path of u, each as one part whatever it holds.
func appendPath(u *url.URL, parts ...string) *url.URL {
	whole, escaped := strings.TrimRight(u.Path, "/"), strings.TrimRight(u.EscapedPath(), "/")
	for _, one := range parts {
		whole += "/" + one
		escaped += "/" + url.PathEscape(one)
	}
	added := *u
	added.Path, added.RawPath = whole, escaped
	return &added
}
