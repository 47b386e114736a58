package config

import (
	"time"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

// APIVersion is the version of both files that this build reads.
const APIVersion = "firebreak/v1"

// Config is a checked firebreak.yaml with its directory file. All paths are
// absolute.
type Config struct {
	Path               string        // of firebreak.yaml
	Organisation       string        // "example"
	Store              string        // the journal file
	Signer             string        // file of the key that signs the journal
	Genesis            string        // file of the public key that the journal begins with
	Runbooks           []string      // our own runbooks: folders and files
	Library            bool          // the embedded runbooks too
	DirectoryPath      string        // of the directory file
	Socket             string        // unix socket between terminal and server
	Slack              *Slack        // nil: no Slack
	Environments       []Environment // sorted by name; never empty
	DefaultEnvironment string        // "" when there are several and none was chosen
	Policy             Policy
	Readiness          Readiness
	Rehearsal          Rehearsal
	HTTP               *HTTP      // nil: steps may call no host
	Okta               *Okta      // nil: not used
	GitHub             *GitHub    // nil: github.com
	PagerDuty          *PagerDuty // nil: not used
	Programs           map[string]Program
	Directory          chatops.Directory
	Warnings           []Problem // odd, but not wrong
}

// Origin is the name of the journal, the first line of each of its checkpoints.
func (c *Config) Origin() string { return Origin(c.Organisation) }

// Origin is the name of the journal of an organisation.
func Origin(organisation string) string { return "firebreak/" + organisation }

// Environment finds an environment by name; "" means the default one.
func (c *Config) Environment(name string) (Environment, bool) {
	if name == "" {
		name = c.DefaultEnvironment
	}
	for _, e := range c.Environments {
		if e.Name == name {
			return e, true
		}
	}
	return Environment{}, false
}

// Mode is how Slack reaches us.
type Mode string

// The modes.
const (
	SocketMode Mode = "socket" // we dial out; no inbound port
	HTTPMode   Mode = "http"   // Slack posts to us, behind a TLS proxy
)

// Slack is the connection to one workspace. Tokens are references such as
// secret://env/NAME, to be resolved by [actions.Secrets].
type Slack struct {
	Mode          Mode
	Listen        string // host:port, http mode
	Team          string // "T0123"
	BotToken      string // reference
	AppToken      string // reference, socket mode
	SigningSecret string // reference, http mode
	APIURL        string // "" is Slack itself
	Word          string // the slash command, "/incident"
}

// Environment is one AWS account and what holds there.
type Environment struct {
	Name       string
	Account    string // 12 digits
	Region     string // "eu-central-1"
	Role       string // ARN to assume; "" is the server's own identity
	Roles      Roles  // ARNs to assume for one duty each; an empty one is Role
	ExternalID string // for the roles
	Evidence   *Evidence
	Endpoint   string // "" is AWS itself
	// Settle is how long a change must be seen before it counts as proven, and how long a lost call may still land.
	// Nil, for AWS itself: what each action says. Emulators are quicker.
	Settle    *time.Duration
	Protected []string // targets nobody may touch, "kind:pattern" with * and ?
	Floor     *engine.Floor
}

// Rehearsal is where and how exercises take place.
type Rehearsal struct {
	Store    string // the journal file of exercises, never that of live incidents
	StopWord string // whoever types it ends an exercise
}

// Roles are ARNs, one a duty; see iam-policy, which writes what each has to be
// allowed.
type Roles struct{ Preflight, Contain, Evidence, Release string }

// Evidence says where an environment keeps what its steps collect.
type Evidence struct {
	Bucket  string // name of an S3 bucket with Object Lock
	Account string // 12 digits, that the bucket belongs to; "" is not checked
	Mode    string // GOVERNANCE or COMPLIANCE
	Days    int    // how long an object is kept at least
	KMSKey  string // ARN of a key; "" is the bucket's own
}

// Policy is what holds everywhere.
type Policy struct {
	EverybodyResponds bool // people of the directory without any role are responders
}
