package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// config is a file being read: the values, and where they stand.
type config struct {
	document
	Config
	dir   string  // relative paths start here
	asks  []asked // names to look up when the directory is known
	files []named // files to look at
}

// asked is a use of "group:x" or "person:y", with the people needed.
type asked struct {
	env    string
	from   []*yaml.Node
	quorum *yaml.Node
	floor  *engine.Floor
}

// named is a file that the config names.
type named struct {
	node *yaml.Node
	at   string
	path string
	kind fileKind
}

// readConfig reads the bytes of a config file. It touches no other file.
func readConfig(file, dir string, src []byte) *config {
	c := &config{document: document{file: file}, dir: dir}
	c.Path = filepath.Join(dir, filepath.Base(file))
	c.Library = true
	c.Socket = filepath.Join(dir, "var", "firebreak.sock")
	top := c.parse(src)
	if top == nil {
		return c
	}
	c.mapping(top, "", append(c.outside(),
		need("apiVersion", c.text(new(string), exactly(APIVersion))),
		need("kind", c.text(new(string), exactly("Config"))),
		need("organisation", c.text(&c.Organisation, form(organisationForm, "example or example.com"))),
		need("store", c.section(need("path", c.path(&c.Store, journalFile)))),
		need("keys", c.section(
			need("signer", c.path(&c.Signer, secretFile)),
			need("genesis", c.path(&c.Genesis, openFile)))),
		may("runbooks", func(n *yaml.Node, at string) {
			c.list(n, at, func(n *yaml.Node, at string) {
				var p string
				c.path(&p, runbookFile)(n, at)
				c.Runbooks = append(c.Runbooks, p)
			})
		}),
		may("library", c.boolean(&c.Library)),
		need("directory", c.path(&c.DirectoryPath, openFile)),
		may("socket", c.path(&c.Socket, socketFile)),
		may("slack", c.slack),
		need("environments", c.environments),
		may("default_environment", c.text(&c.DefaultEnvironment)),
		may("policy", c.section(
			may("everybody_responds", c.boolean(&c.Policy.EverybodyResponds)))),
		may("readiness", c.readiness),
		may("rehearsal", c.section(
			may("store", c.path(&c.Rehearsal.Store, journalFile)),
			may("stop_word", c.text(&c.Rehearsal.StopWord, form(stopForm, "stopdrill"))))),
	)...)
	c.rehearsal()
	c.defaultEnvironment()
	if len(c.Runbooks) == 0 && !c.Library {
		c.warn(top, "name a folder under runbooks, or set library: true", "there are no runbooks")
	}
	return c
}

// rehearsal sets where exercises are written down when nothing is said: beside
// the journal, never in it.
func (c *config) rehearsal() {
	if c.Rehearsal.Store == "" && c.Store != "" {
		ext := filepath.Ext(c.Store)
		c.Rehearsal.Store = strings.TrimSuffix(c.Store, ext) + "-drills" + ext
	}
	if c.Rehearsal.Store == c.Store && c.Store != "" {
		c.fault(c.at["rehearsal.store"], "name another file", "exercises are never written into the journal of live incidents")
	}
	if c.Rehearsal.StopWord == "" {
		c.Rehearsal.StopWord = "stopdrill"
	}
}

var (
	stopForm         = regexp.MustCompile(`^[a-z]{4,20}$`)
	organisationForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)
	teamForm         = regexp.MustCompile(`^T[A-Z0-9]{2,}$`)
	wordForm         = regexp.MustCompile(`^/[a-z0-9_-]{1,31}$`)
	accountForm      = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm       = regexp.MustCompile(`^[a-z]{2,5}(-[a-z]+)+-[0-9]{1,2}$`)
	bucketForm       = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	kmsForm          = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[\w/-]+$`)
	roleForm         = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):role/[\w+=,.@/-]{1,512}$`)
	externalIDForm   = regexp.MustCompile(`^[\w+=,.@:/-]{2,256}$`)
)

// path reads a file name and makes it absolute.
func (c *config) path(to *string, kind fileKind) reader {
	return func(n *yaml.Node, at string) {
		var p string
		if c.text(&p, notEmpty)(n, at); p == "" {
			return
		}
		if strings.HasPrefix(p, "~") {
			c.fault(n, "write the whole path", "%s begins with ~, which only a shell knows", at)
			return
		}
		if !filepath.IsAbs(p) {
			p = filepath.Join(c.dir, p)
		}
		*to = filepath.Clean(p)
		c.files = append(c.files, named{n, at, *to, kind})
	}
}

func notEmpty(s string) (what, next string) {
	if s == "" {
		return "is empty", "name a file, or remove the key"
	}
	return "", ""
}

// secretRef reads a reference, and has the file behind it looked at.
func (c *config) secretRef(to *string) reader {
	return func(n *yaml.Node, at string) {
		c.secret(to)(n, at)
		if rest, ok := strings.CutPrefix(*to, "secret://file/"); ok {
			c.files = append(c.files, named{n, at, filepath.Clean("/" + rest), secretFile})
		}
	}
}

func (c *config) slack(n *yaml.Node, at string) {
	s := &Slack{Word: "/incident"}
	var mode string
	ok := c.mapping(n, at,
		need("mode", c.text(&mode, exactly(string(SocketMode), string(HTTPMode)))),
		may("listen", c.text(&s.Listen, listenAddress)),
		need("team", c.text(&s.Team, form(teamForm, "T0123ABCD, the id of the workspace"))),
		need("bot_token", c.secretRef(&s.BotToken)),
		may("app_token", c.secretRef(&s.AppToken)),
		may("signing_secret", c.secretRef(&s.SigningSecret)),
		may("api_url", c.text(&s.APIURL, secureURL)),
		may("word", c.text(&s.Word, form(wordForm, "/incident"))),
	)
	if !ok {
		return
	}
	s.Mode = Mode(mode)
	c.Slack = s
	wants := map[Mode][]string{SocketMode: {"app_token"}, HTTPMode: {"listen", "signing_secret"}}[s.Mode]
	for _, key := range wants {
		if c.at[join(at, key)] == nil {
			c.fault(n, fmt.Sprintf("add the key %q", key), "%s is missing; mode %s needs it", join(at, key), mode)
		}
	}
	if host, _, err := net.SplitHostPort(s.Listen); err == nil && s.Mode == HTTPMode && !loopback(host) {
		c.warn(c.at[join(at, "listen")], "let a TLS proxy on this machine do the listening, or make sure that one stands before it",
			"%s is open to other machines in plain http", join(at, "listen"))
	}
}

func (c *config) environments(n *yaml.Node, at string) {
	c.entries(n, at, func(key, n *yaml.Node, at string) {
		e := Environment{Name: key.Value}
		c.mapping(n, at,
			need("account", c.account(&e.Account)),
			need("region", c.text(&e.Region, form(regionForm, "eu-central-1"))),
			may("role", c.text(&e.Role, form(roleForm, "arn:aws:iam::111122223333:role/firebreak-contain"))),
			may("roles", func(n *yaml.Node, at string) { c.roles(&e, n, at) }),
			may("evidence", func(n *yaml.Node, at string) { c.evidence(&e, n, at) }),
			may("external_id", c.text(&e.ExternalID, form(externalIDForm, "firebreak-prod (2 to 256 letters, digits and +=,.@:/-)"))),
			may("endpoint", c.text(&e.Endpoint, secureURL)),
			may("settle", c.span(&e.Settle)),
			may("protected", func(n *yaml.Node, at string) {
				c.list(n, at, func(n *yaml.Node, at string) {
					var p string
					c.text(&p, target)(n, at)
					e.Protected = append(e.Protected, p)
				})
			}),
			may("approval_floor", func(n *yaml.Node, at string) { e.Floor = c.floor(n, at, key.Value) }),
		)
		for key, role := range map[string]string{"role": e.Role, "roles.preflight": e.Roles.Preflight, "roles.contain": e.Roles.Contain, "roles.evidence": e.Roles.Evidence, "roles.release": e.Roles.Release} {
			if m := roleForm.FindStringSubmatch(role); m != nil && e.Account != "" && m[1] != e.Account {
				c.fault(c.at[join(at, key)], "make both the same account", "%s is of account %s, the environment of %s", join(at, key), m[1], e.Account)
			}
		}
		if e.ExternalID != "" && c.at[join(at, "role")] == nil && c.at[join(at, "roles")] == nil {
			c.fault(c.at[join(at, "external_id")], "add the role, or remove the external id", "%s is of no use without a role", join(at, "external_id"))
		}
		if e.Settle != nil && e.Endpoint == "" {
			c.fault(c.at[join(at, "settle")], "remove it, or give the endpoint of the emulator", "%s is for emulators; AWS itself takes the time that each action knows", join(at, "settle"))
		}
		c.Environments = append(c.Environments, e)
	})
	slices.SortFunc(c.Environments, func(a, b Environment) int { return strings.Compare(a.Name, b.Name) })
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		c.fault(n, "define at least one, such as prod: {account: \"111122223333\", region: eu-central-1}", "%s is empty", at)
	}
}

// roles reads one role a duty.
func (c *config) roles(e *Environment, n *yaml.Node, at string) {
	role := func(to *string, name string) reader {
		return c.text(to, form(roleForm, "arn:aws:iam::111122223333:role/firebreak-"+name))
	}
	c.mapping(n, at,
		may("preflight", role(&e.Roles.Preflight, "preflight")), may("contain", role(&e.Roles.Contain, "contain")),
		may("evidence", role(&e.Roles.Evidence, "evidence")), may("release", role(&e.Roles.Release, "release")),
	)
}

// evidence reads where evidence is kept.
func (c *config) evidence(e *Environment, n *yaml.Node, at string) {
	out := Evidence{Mode: "governance", Days: 30}
	c.mapping(n, at,
		need("bucket", c.text(&out.Bucket, form(bucketForm, "acme-evidence"))),
		may("account", c.account(&out.Account)),
		may("mode", c.text(&out.Mode, func(s string) (what, next string) {
			if s != "governance" && s != "compliance" {
				return "is neither governance nor compliance", "write governance, unless the law asks for compliance, which nobody can shorten"
			}
			return "", ""
		})),
		may("days", c.number(&out.Days, 1, 3650)),
		may("kms_key", c.text(&out.KMSKey, form(kmsForm, "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"))),
	)
	out.Mode = strings.ToUpper(out.Mode)
	e.Evidence = &out
}

// span reads a duration.
func (c *config) span(to **time.Duration) reader {
	return func(n *yaml.Node, at string) {
		var text string
		c.text(&text, func(s string) (what, next string) {
			if d, err := time.ParseDuration(s); err != nil || d < 0 || d > time.Hour {
				return "is no duration between 0s and 1h", "write it like 2s"
			}
			return "", ""
		})(n, at)
		if d, err := time.ParseDuration(text); err == nil && d >= 0 && d <= time.Hour {
			*to = &d
		}
	}
}

// account reads twelve digits in quotes: without quotes, YAML may read a
// number with another base or drop a leading zero.
func (c *config) account(to *string) reader {
	return func(n *yaml.Node, at string) {
		quoted := n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0
		if n.Kind == yaml.ScalarNode && !quoted && n.Value != masked {
			c.fault(n, fmt.Sprintf("put it in quotes: %s, so that no leading zero is lost", show(n)), "%s is not in quotes", at)
			return
		}
		c.text(to, form(accountForm, `"111122223333", twelve digits in quotes`))(n, at)
	}
}

func (c *config) floor(n *yaml.Node, at, env string) *engine.Floor {
	f := &engine.Floor{Quorum: 1}
	ask := asked{env: env, floor: f, quorum: n}
	var effect string
	effects := []string{string(actions.Read), string(actions.Reversible), string(actions.Destructive)}
	c.mapping(n, at,
		need("effect", c.text(&effect, exactly(effects...))),
		need("from", func(n *yaml.Node, at string) {
			c.list(n, at, func(n *yaml.Node, at string) {
				before := len(c.problems)
				var who string
				if c.text(&who, someone)(n, at); len(c.problems) == before {
					f.From = append(f.From, who)
					ask.from = append(ask.from, n)
				}
			})
			if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
				c.fault(n, "name a group, such as group:security-leads", "%s is empty: nobody could approve", at)
			}
		}),
		may("quorum", func(n *yaml.Node, at string) {
			ask.quorum = n
			c.number(&f.Quorum, 1, 20)(n, at)
		}),
		may("break_glass", c.boolean(&f.BreakGlass)),
	)
	f.Effect = actions.Effect(effect)
	c.asks = append(c.asks, ask)
	return f
}

func (c *config) defaultEnvironment() {
	names := make([]string, len(c.Environments))
	for i, e := range c.Environments {
		names[i] = e.Name
	}
	switch {
	case c.DefaultEnvironment == "" && len(names) == 1:
		c.DefaultEnvironment = names[0]
	case c.DefaultEnvironment != "" && !slices.Contains(names, c.DefaultEnvironment):
		if n := c.at["default_environment"]; n.Value != masked {
			c.fault(n, suggest(c.DefaultEnvironment, names), "default_environment names %q, which is not defined", c.DefaultEnvironment)
		}
	}
}

// someone is "group:x" or "person:y".
func someone(s string) (what, next string) {
	kind, name, _ := strings.Cut(s, ":")
	if (kind != "group" && kind != "person") || !nameForm.MatchString(name) {
		return fmt.Sprintf("is %q", s), "write group:name or person:name"
	}
	return "", ""
}

// target is "kind:pattern", as actions name what they touch.
func target(s string) (what, next string) {
	kind, pattern, _ := strings.Cut(s, ":")
	if !targetKind.MatchString(kind) || pattern == "" {
		return fmt.Sprintf("is %q", s), "write kind:name, such as aws.iam.user:break-glass-*"
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return fmt.Sprintf("is %q, a pattern that cannot be read", s), "close the [ or write \\[ for the character itself"
	}
	return "", ""
}

var targetKind = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)*$`)

// secureURL wants https; plain http only to this very machine.
func secureURL(s string) (what, next string) {
	if s == "" {
		return "", ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return "is no URL", "write something like https://proxy.example.com/, or leave it empty"
	case u.User != nil:
		return "holds a user name or password", "take them out; the config holds no secrets"
	case u.RawQuery != "" || u.Fragment != "":
		return "has a query or fragment", "end it with the path"
	case u.Scheme == "https":
		return "", ""
	case u.Scheme != "http":
		return fmt.Sprintf("is a URL of kind %q", u.Scheme), "use https"
	case !loopback(u.Hostname()):
		return "is plain http to another machine", "use https; http is allowed for 127.0.0.1, ::1 and localhost only"
	}
	return "", ""
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

func listenAddress(s string) (what, next string) {
	host, port, err := net.SplitHostPort(s)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || n == 0 && !loopback(host) {
		return fmt.Sprintf("is %q", s), "write host:port, such as 127.0.0.1:8080"
	}
	return "", ""
}
