package aws

import (
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
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/logging"

	"github.com/firebreak-ir/firebreak/actions"
)

// A session is used by one step on one person's authority, so that CloudTrail
// shows whose it was. Sessions are dropped from memory after sessionAge.
type sessionKey struct{ environment, incident, run, step, actor string }

const sessionAge = time.Hour

// slot holds a session being made or made. Its own lock lets one step wait for
// AWS without holding up the others.
type slot struct {
	mu      sync.Mutex
	session *session
	made    time.Time
}

// session is an open door into one account.
type session struct {
	iam     *iam.Client
	account string
	selves  []principal // who we are, and who we were before assuming a role
	keys    []string    // the access key ids that we sign with
}

// conn is a session in use for one call of an action.
type conn struct {
	*session
	requests *actions.Requests
}

// open gives the session for call, made on first use.
func (p *Provider) open(ctx context.Context, call actions.Call) (*conn, error) {
	environment, known := p.options.Environments[call.Environment]
	if !known {
		return nil, &actions.Error{Class: actions.Invalid, Op: "aws", Err: fmt.Errorf("the environment %q has no AWS account", call.Environment), Hint: p.environmentNames()}
	}
	s := p.slot(sessionKey{call.Environment, call.Incident, call.Run, call.Step, call.Actor})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session == nil {
		made, err := p.connect(ctx, environment, call)
		if err != nil {
			return nil, err
		}
		s.session = made
	}
	return &conn{s.session, call.Requests}, nil
}

func (p *Provider) slot(key sessionKey) *slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.options.Now()
	for k, old := range p.sessions {
		if now.Sub(old.made) > sessionAge {
			delete(p.sessions, k)
		}
	}
	s, ok := p.sessions[key]
	if !ok {
		s = &slot{made: now}
		p.sessions[key] = s
	}
	return s
}

func (p *Provider) connect(ctx context.Context, environment Environment, call actions.Call) (*session, error) {
	cfg, err := p.load(ctx, environment, call)
	if err != nil {
		return nil, &actions.Error{Class: actions.Invalid, Op: "aws: read the SDK's configuration", Err: err,
			Hint: "check AWS_PROFILE, AWS_CONFIG_FILE and AWS_CA_BUNDLE"}
	}
	s := &session{}
	base, err := s.identify(ctx, cfg, call.Requests)
	if err != nil {
		return nil, err
	}
	if environment.Role != "" {
		cfg.Credentials = assume(cfg, environment, call)
		a := &attempts{operation: "AssumeRole", requests: call.Requests}
		if _, err := cfg.Credentials.Retrieve(a.in(ctx)); err != nil {
			failed := classify("sts:AssumeRole", reads, a, err)
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
	s.account = base.Account
	s.iam = iam.NewFromConfig(cfg)
	return s, nil
}

func (p *Provider) load(ctx context.Context, environment Environment, call actions.Call) (aws.Config, error) {
	client := p.options.HTTPClient
	if client == nil {
		client = awshttp.NewBuildableClient()
	}
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithLogger(logging.Nop{}), // errors are told once, by us
		config.WithAppID("firebreak-" + word(call.Incident, 40)),
		config.WithAPIOptions(recording()),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				if p.options.MaxBackoff > 0 {
					o.MaxBackoff = p.options.MaxBackoff
				}
			})
		}),
	}
	if environment.Region != "" {
		options = append(options, config.WithRegion(environment.Region))
	}
	if environment.Endpoint != "" {
		options = append(options, config.WithBaseEndpoint(environment.Endpoint))
	}
	if p.options.Credentials != nil {
		options = append(options, config.WithCredentialsProvider(p.options.Credentials))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err == nil && cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	return cfg, err
}

// identify asks AWS who cfg's credentials are. It adds them to those we must
// never contain.
func (s *session) identify(ctx context.Context, cfg aws.Config, requests *actions.Requests) (principal, error) {
	a := &attempts{requests: requests}
	if cfg.Credentials == nil {
		return principal{}, noCredentials(fmt.Errorf("no credentials are configured"))
	}
	keys, err := cfg.Credentials.Retrieve(a.in(ctx))
	if err != nil {
		return principal{}, noCredentials(err)
	}
	out, err := do(ctx, requests, reads, "sts:GetCallerIdentity", sts.NewFromConfig(cfg).GetCallerIdentity, &sts.GetCallerIdentityInput{})
	if err != nil {
		return principal{}, err
	}
	self, err := parseCaller(aws.ToString(out.Arn), aws.ToString(out.Account))
	if err != nil {
		return principal{}, &actions.Error{Class: actions.Invalid, Op: "sts:GetCallerIdentity", Err: err}
	}
	s.selves = append(s.selves, self)
	s.keys = append(s.keys, keys.AccessKeyID)
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
		o.RoleSessionName = word("fb-"+call.Incident+"-"+call.Run, 64)
		if environment.ExternalID != "" {
			o.ExternalID = &environment.ExternalID
		}
		if actor := word(call.Actor, 64); len(actor) >= 2 {
			o.SourceIdentity = &actor
		}
		for _, tag := range []struct{ key, value string }{{"incident", call.Incident}, {"run", call.Run}, {"step", call.Step}} {
			if tag.value == "" {
				continue
			}
			o.Tags = append(o.Tags, ststypes.Tag{Key: aws.String(tag.key), Value: aws.String(word(tag.value, 256))})
			o.TransitiveTagKeys = append(o.TransitiveTagKeys, tag.key)
		}
	}))
}

var notWord = regexp.MustCompile(`[^A-Za-z0-9_=,.@-]+`)

// word makes s fit for session names, identities, policy names and tags.
func word(s string, limit int) string {
	s = strings.Trim(notWord.ReplaceAllString(s, "-"), "-")
	return s[:min(len(s), limit)]
}
