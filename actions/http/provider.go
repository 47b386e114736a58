package http

import (
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// Options configure a Provider. The zero value reaches nothing but GitHub and
// PagerDuty.
type Options struct {
	Hosts       []string            // hosts that http.get and http.request may call: a name, or an address, with a port when it is not 443
	HostSecrets map[string][]string // references of secrets that steps may send, by host as in Hosts; any other is refused
	Private     []netip.Prefix      // ranges that may be dialled although they are not public

	Secrets   *actions.Secrets // resolves references; nil: env and file
	Okta      Okta
	GitHub    GitHub
	PagerDuty PagerDuty

	Timeout   time.Duration    // of one request with its answer; zero: 20 s
	MaxAnswer int64            // bytes of a body that are read; zero: 1 MiB
	Roots     *x509.CertPool   // authorities that servers are trusted by; nil: the system's
	Now       func() time.Time // nil: time.Now

	// Resolve looks a name up; nil: the system's resolver. Network is "ip".
	Resolve func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Okta is one Okta organisation.
type Okta struct {
	URL    string // "https://example.okta.com"; empty: okta actions say that it is missing
	Token  string // reference
	Scheme string // of the Authorization header: SSWS (an API token, the default) or Bearer (an access token)
}

// GitHub is GitHub itself or a server of one's own.
type GitHub struct {
	URL   string // base of the REST API; empty: https://api.github.com
	Token string // reference; never sent to api.github.com, which refuses callers who say who they are
}

// PagerDuty is one integration of the Events API v2.
type PagerDuty struct {
	URL        string // empty: https://events.pagerduty.com
	RoutingKey string // reference
}

const (
	defaultTimeout   = 20 * time.Second
	defaultMaxAnswer = 1 << 20
	githubURL        = "https://api.github.com"
	pagerDutyURL     = "https://events.pagerduty.com"
)

// Provider holds what the actions of this package share. It is safe for
// concurrent use.
type Provider struct {
	options                 Options
	hosts                   map[string]bool // "name:port", as in a dial
	secrets                 map[string][]string
	okta, github, pagerDuty *url.URL // okta is nil when it is not configured
}

// New gives a provider. Nobody is called yet. The error names the key of the
// configuration that is wrong.
func New(o Options) (*Provider, error) {
	p := &Provider{options: o, hosts: map[string]bool{}, secrets: map[string][]string{}}
	if p.options.Timeout <= 0 {
		p.options.Timeout = defaultTimeout
	}
	if p.options.MaxAnswer <= 0 {
		p.options.MaxAnswer = defaultMaxAnswer
	}
	if p.options.Now == nil {
		p.options.Now = time.Now
	}
	if p.options.Resolve == nil {
		p.options.Resolve = net.DefaultResolver.LookupNetIP
	}
	for _, h := range o.Hosts {
		key, err := hostKey(h)
		if err != nil {
			return nil, fmt.Errorf("http.hosts: %w", err)
		}
		p.hosts[key] = true
	}
	for _, h := range slices.Sorted(maps.Keys(o.HostSecrets)) {
		key, err := hostKey(h)
		if err == nil && !p.hosts[key] {
			err = fmt.Errorf("%q is not among the hosts", h)
		}
		for _, ref := range o.HostSecrets[h] {
			if err == nil {
				err = actions.CheckSecretRef(ref)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("http.secrets: %w", err)
		}
		p.secrets[key] = slices.Clone(o.HostSecrets[h])
	}
	return p, p.services()
}

// services reads the addresses and references of the ready actions.
func (p *Provider) services() error {
	o := &p.options
	if o.Okta.Scheme == "" {
		o.Okta.Scheme = "SSWS"
	}
	if o.Okta.Scheme != "SSWS" && o.Okta.Scheme != "Bearer" {
		return fmt.Errorf("okta.scheme: %q is not one of SSWS and Bearer", o.Okta.Scheme)
	}
	for _, s := range []struct {
		key, text, otherwise string
		into                 **url.URL
	}{
		{"okta.url", o.Okta.URL, "", &p.okta},
		{"github.url", o.GitHub.URL, githubURL, &p.github},
		{"pagerduty.url", o.PagerDuty.URL, pagerDutyURL, &p.pagerDuty},
	} {
		if s.text == "" {
			s.text = s.otherwise
		}
		if s.text == "" {
			continue
		}
		u, err := checkURL(strings.TrimRight(s.text, "/"))
		if err == nil && u.RawQuery != "" {
			err = fmt.Errorf("the URL has a query, which does not belong here")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.key, err)
		}
		*s.into = u
	}
	for _, r := range []struct{ key, ref string }{{"okta.token", o.Okta.Token}, {"github.token", o.GitHub.Token}, {"pagerduty.routing_key", o.PagerDuty.RoutingKey}} {
		if r.ref == "" {
			continue
		}
		if err := actions.CheckSecretRef(r.ref); err != nil {
			return fmt.Errorf("%s: %w", r.key, err)
		}
	}
	return nil
}

// Register adds all actions of this package to r.
func (p *Provider) Register(r *actions.Registry) {
	actions.Register(r, get{p})
	actions.Register(r, request{p})
	actions.Register(r, suspendUser{p})
	actions.Register(r, revokeCredential{p})
	actions.Register(r, event{p})
}
