package cloud

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/logging"

	"github.com/firebreak-ir/firebreak/actions"
)

// A session is used by one step on one person's authority and for one duty, so
// that CloudTrail shows whose it was. Sessions are dropped from memory after
// sessionAge.
type sessionKey struct{ environment, incident, run, step, actor, role string }

const sessionAge = time.Hour

// slot holds a session being made or made. Its own lock lets one step wait for
// AWS without holding up the others.
type slot struct {
	mu      sync.Mutex
	session *Session
	made    time.Time
}

// Session is an open door into one account.
type Session struct {
	Config  aws.Config // for the clients of services; its retries are those of [Do]
	Account string
	Region  string
	Selves  []Principal // who we are, and who we were before assuming a role
	Keys    []string    // the access key ids that we sign with

	// Instances are the EC2 instances that our credentials come from: the session
	// of an instance's role is named after it. Other sessions of that name count
	// too, since being refused is the lesser evil.
	Instances []string

	// Duties are firebreak's own roles in the account, those of other duties and of
	// other environments too: who contains must not contain the role that releases.
	Duties []Principal

	// Sessions are the names of the sessions that our credentials are of: for a
	// role of IAM Identity Center, the user's name.
	Sessions []string
}

// Partition is the part of AWS that the account is in: aws, aws-cn, aws-us-gov.
func (s *Session) Partition() string { return s.Selves[len(s.Selves)-1].Partition }

// DutyARNs are the ARNs of Duties, for policies that exempt them.
func (s *Session) DutyARNs() []string {
	var arns []string
	for _, duty := range s.Duties {
		arns = append(arns, duty.ARN())
	}
	return arns
}

// Conn is a session in use for one call of an action.
type Conn struct {
	*Session
	Requests *actions.Requests
	Evidence Evidence // where this environment keeps evidence
}

// Open gives the session for call, made on first use. It assumes the role of
// the call's duty. The error is of class invalid for an environment that is not
// configured, precondition when the credentials are of another account, denied
// when AWS refuses.
func (c *Cloud) Open(ctx context.Context, call actions.Call) (*Conn, error) {
	environment, known := c.options.Environments[call.Environment]
	if !known {
		return nil, &actions.Error{Class: actions.Invalid, Op: "aws", Err: fmt.Errorf("the environment %q has no AWS account", call.Environment), Hint: c.environmentNames()}
	}
	environment.Role = environment.roleFor(call)
	s := c.slot(sessionKey{call.Environment, call.Incident, call.Run, call.Step, call.Actor, environment.Role})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session == nil {
		made, err := c.connect(ctx, environment, call)
		if err != nil {
			return nil, err
		}
		s.session = made
	}
	return &Conn{s.session, call.Requests, environment.Evidence}, nil
}

// In gives a session like this one in another region, for services that are
// asked region by region.
func (c *Conn) In(region string) *Conn {
	session := *c.Session
	session.Config, session.Region = c.Config.Copy(), region
	session.Config.Region = region
	return &Conn{&session, c.Requests, c.Evidence}
}

// roleFor is the role that a call assumes.
func (e Environment) roleFor(call actions.Call) string {
	own := e.Roles.Contain
	switch {
	case call.Phase == actions.PhaseUndo:
		own = e.Roles.Release
	case call.Phase == actions.PhasePlan:
		own = e.Roles.Preflight
	case call.Evidence:
		own = e.Roles.Evidence
	case call.Effect == actions.Read:
		own = e.Roles.Preflight
	}
	return cmp.Or(own, e.Role)
}

// duties are the roles of all duties in an account, sorted by ARN.
func (c *Cloud) duties(account string) []Principal {
	var all []Principal
	for _, arn := range c.OwnRoles() {
		if duty, err := ParsePrincipal(arn); err == nil && duty.Account == account {
			all = append(all, duty)
		}
	}
	return all
}

func (c *Cloud) slot(key sessionKey) *slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.options.Now()
	for k, old := range c.sessions {
		if now.Sub(old.made) > sessionAge {
			delete(c.sessions, k)
		}
	}
	s, ok := c.sessions[key]
	if !ok {
		s = &slot{made: now}
		c.sessions[key] = s
	}
	return s
}

func (c *Cloud) connect(ctx context.Context, environment Environment, call actions.Call) (*Session, error) {
	cfg, err := c.load(ctx, environment, call)
	if err != nil {
		return nil, &actions.Error{Class: actions.Invalid, Op: "aws: read the SDK's configuration", Err: err,
			Hint: "check AWS_PROFILE, AWS_CONFIG_FILE and AWS_CA_BUNDLE"}
	}
	s := &Session{}
	base, err := s.identify(ctx, cfg, call.Requests)
	if err != nil {
		return nil, err
	}
	if environment.Role != "" {
		cfg.Credentials = assume(cfg, environment, call)
		a := &attempts{operation: "AssumeRole", requests: call.Requests}
		if _, err := cfg.Credentials.Retrieve(a.in(ctx)); err != nil {
			failed := classify("sts:AssumeRole", Reads, a, err)
			if failed.Class == actions.Denied {
				failed.Hint = fmt.Sprintf("the trust policy of %s must let %s do sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity, with the configured external id", environment.Role, base.ARN())
			}
			return nil, failed
		}
		if base, err = s.identify(ctx, cfg, call.Requests); err != nil {
			return nil, err
		}
	}
	if environment.Account != "" && base.Account != environment.Account {
		return nil, &actions.Error{Class: actions.Precondition, Op: "sts:GetCallerIdentity",
			Err:  fmt.Errorf("the credentials for environment %q belong to account %s, not to %s", call.Environment, base.Account, environment.Account),
			Hint: "nothing was read or changed; correct the role or the account in the configuration"}
	}
	s.Account, s.Region, s.Config, s.Duties = base.Account, cfg.Region, cfg, c.duties(base.Account)
	return s, nil
}

func (c *Cloud) load(ctx context.Context, environment Environment, call actions.Call) (aws.Config, error) {
	client := c.options.HTTPClient
	if client == nil {
		client = awshttp.NewBuildableClient()
	}
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithLogger(logging.Nop{}), // errors are told once, by us
		config.WithAppID("firebreak-" + Word(call.Incident, 40)),
		config.WithAPIOptions(recording()),
		config.WithRetryer(func() aws.Retryer {
			return onceOnly{retry.NewStandard(func(o *retry.StandardOptions) {
				if c.options.MaxBackoff > 0 {
					o.MaxBackoff = c.options.MaxBackoff
				}
			})}
		}),
	}
	if environment.Region != "" {
		options = append(options, config.WithRegion(environment.Region))
	}
	if environment.Endpoint != "" {
		options = append(options, config.WithBaseEndpoint(environment.Endpoint))
	}
	if c.options.Credentials != nil {
		options = append(options, config.WithCredentialsProvider(c.options.Credentials))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err == nil && cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	return cfg, err
}

// identify asks AWS who cfg's credentials are. It adds them to those we must
// never contain.
func (s *Session) identify(ctx context.Context, cfg aws.Config, requests *actions.Requests) (Principal, error) {
	a := &attempts{requests: requests}
	if cfg.Credentials == nil {
		return Principal{}, noCredentials(fmt.Errorf("no credentials are configured"))
	}
	keys, err := cfg.Credentials.Retrieve(a.in(ctx))
	if err != nil {
		return Principal{}, noCredentials(err)
	}
	out, err := Do(ctx, &Conn{Requests: requests}, Reads, "sts:GetCallerIdentity", sts.NewFromConfig(cfg).GetCallerIdentity, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Principal{}, err
	}
	self, err := parseCaller(aws.ToString(out.Arn), aws.ToString(out.Account))
	if err != nil {
		return Principal{}, &actions.Error{Class: actions.Invalid, Op: "sts:GetCallerIdentity", Err: err}
	}
	s.Selves = append(s.Selves, self)
	if _, session, in := strings.Cut(aws.ToString(out.Arn), ":assumed-role/"+self.Name+"/"); in {
		s.Sessions = append(s.Sessions, session)
		if instanceID.MatchString(session) {
			s.Instances = append(s.Instances, session)
		}
	}
	s.Keys = append(s.Keys, keys.AccessKeyID)
	return self, nil
}

func noCredentials(err error) error {
	return &actions.Error{Class: actions.Denied, Op: "aws: find credentials", Err: err,
		Hint: "give firebreak AWS credentials by its environment, a profile or an instance role"}
}

// assume gives credentials of the environment's role, in a session that names
// incident, run, step and person.
func assume(cfg aws.Config, environment Environment, call actions.Call) aws.CredentialsProvider {
	return aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), environment.Role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = Word("fb-"+call.Incident+"-"+call.Run, 64)
		if environment.ExternalID != "" {
			o.ExternalID = &environment.ExternalID
		}
		if actor := Word(call.Actor, 64); len(actor) >= 2 {
			o.SourceIdentity = &actor
		}
		for _, tag := range []struct{ key, value string }{{"incident", call.Incident}, {"run", call.Run}, {"step", call.Step}} {
			if tag.value == "" {
				continue
			}
			o.Tags = append(o.Tags, ststypes.Tag{Key: aws.String(tag.key), Value: aws.String(Word(tag.value, 256))})
			o.TransitiveTagKeys = append(o.TransitiveTagKeys, tag.key)
		}
	}))
}

var instanceID = regexp.MustCompile(`^i-[0-9a-f]{8,17}$`)

var notWord = regexp.MustCompile(`[^A-Za-z0-9_=,.@-]+`)

// Word makes s fit for session names, identities, policy names and tags.
func Word(s string, limit int) string {
	s = strings.Trim(notWord.ReplaceAllString(s, "-"), "-")
	return s[:min(len(s), limit)]
}
