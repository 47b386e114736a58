package config

import (
	"net/netip"
	"regexp"

	"go.yaml.in/yaml/v4"
)

// HTTP says which hosts steps may call, and what they may send there.
type HTTP struct {
	Hosts   []string            // names or addresses, with a port when it is not 443
	Secrets map[string][]string // references that steps may send, by host
	Private []netip.Prefix      // ranges that may be called although they are not public
}

// Okta is one Okta organisation. Token is a reference.
type Okta struct{ URL, Token, Scheme string }

// GitHub is GitHub itself or a server of one's own. Token is a reference.
type GitHub struct{ URL, Token string }

// PagerDuty is one integration of its Events API. RoutingKey is a reference.
type PagerDuty struct{ URL, RoutingKey string }

// Program is one program that steps may run, pinned by its content.
type Program struct {
	Path, SHA256           string
	Interpreter, ScriptSum string   // path and SHA-256 of what runs it when it is a script
	Env                    []string // names of the variables that it may be given
	Dir                    string   // where it runs; "" is /
	Effects                []string // read, destructive
}

var (
	sumForm  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	hostForm = regexp.MustCompile(`^(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:[0-9]{1,5})?$`)
)

// outside are the sections about what stands neither in AWS nor in Slack.
func (c *config) outside() []field {
	return []field{
		may("http", c.http),
		may("okta", func(n *yaml.Node, at string) {
			c.Okta = &Okta{}
			c.mapping(n, at, need("url", c.text(&c.Okta.URL, secureURL)), need("token", c.secretRef(&c.Okta.Token)), may("scheme", c.text(&c.Okta.Scheme, exactly("SSWS", "Bearer"))))
		}),
		may("github", func(n *yaml.Node, at string) {
			c.GitHub = &GitHub{}
			c.mapping(n, at, may("url", c.text(&c.GitHub.URL, secureURL)), may("token", c.secretRef(&c.GitHub.Token)))
			if c.GitHub.Token != "" && c.GitHub.URL == "" {
				c.fault(c.at[join(at, "token")], "add the url of your own server, or remove the token", "%s is of no use at github.com, which revokes only for callers who do not say who they are", join(at, "token"))
			}
		}),
		may("pagerduty", func(n *yaml.Node, at string) {
			c.PagerDuty = &PagerDuty{}
			c.mapping(n, at, may("url", c.text(&c.PagerDuty.URL, secureURL)), need("routing_key", c.secretRef(&c.PagerDuty.RoutingKey)))
		}),
		may("programs", c.programs),
	}
}

func (c *config) http(n *yaml.Node, at string) {
	c.HTTP = &HTTP{Secrets: map[string][]string{}}
	host := form(hostForm, "api.example.com or api.example.com:8443")
	c.mapping(n, at,
		need("hosts", func(n *yaml.Node, at string) {
			c.list(n, at, func(n *yaml.Node, at string) {
				var h string
				c.text(&h, host)(n, at)
				c.HTTP.Hosts = append(c.HTTP.Hosts, h)
			})
		}),
		may("secrets", func(n *yaml.Node, at string) {
			if !c.is(n, at, yaml.MappingNode) {
				return
			}
			for key, value := range c.pairs(n, at) {
				var h string
				c.text(&h, host)(key, at)
				c.list(value, join(at, key.Value), func(n *yaml.Node, at string) {
					var ref string
					c.secretRef(&ref)(n, at)
					c.HTTP.Secrets[h] = append(c.HTTP.Secrets[h], ref)
				})
			}
		}),
		may("private", func(n *yaml.Node, at string) {
			c.list(n, at, func(n *yaml.Node, at string) {
				var text string
				c.text(&text)(n, at)
				prefix, err := netip.ParsePrefix(text)
				if err != nil && text != "" {
					c.fault(n, "write it like 10.20.0.0/16", "%s is no range of addresses", at)
					return
				}
				c.HTTP.Private = append(c.HTTP.Private, prefix)
			})
		}),
	)
}

func (c *config) programs(n *yaml.Node, at string) {
	c.Programs = map[string]Program{}
	words := func(to *[]string, checks ...check) reader {
		return func(n *yaml.Node, at string) {
			c.list(n, at, func(n *yaml.Node, at string) {
				var w string
				c.text(&w, checks...)(n, at)
				*to = append(*to, w)
			})
		}
	}
	absolute := func(s string) (what, next string) {
		if s == "" || s[0] != '/' {
			return "is not a whole path", "write it like /opt/ir/rotate"
		}
		return "", ""
	}
	sum := form(sumForm, "the 64 hex digits that sha256sum prints")
	c.entries(n, at, func(key, n *yaml.Node, at string) {
		var p Program
		c.mapping(n, at,
			need("path", c.text(&p.Path, absolute)), need("sha256", c.text(&p.SHA256, sum)),
			may("interpreter", c.section(need("path", c.text(&p.Interpreter, absolute)), need("sha256", c.text(&p.ScriptSum, sum)))),
			may("env", words(&p.Env, form(envForm, "TOKEN"))),
			may("dir", c.text(&p.Dir, absolute)),
			need("effects", words(&p.Effects, exactly("read", "destructive"))),
		)
		c.Programs[key.Value] = p
	})
}
