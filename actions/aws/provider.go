package aws

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/firebreak-ir/firebreak/actions"
)

// Environment is one AWS account as firebreak reaches it.
type Environment struct {
	Account    string // twelve digits; when set, credentials of any other account are refused
	Region     string // empty: what the SDK finds, else us-east-1
	Role       string // ARN of a role to assume first; empty: the credentials are used as they are
	ExternalID string // for the role's trust policy
	Endpoint   string // base URL for every service; empty: the SDK's own AWS_ENDPOINT_URL handling applies
}

// Options configure a Provider. Only Environments is needed.
type Options struct {
	Environments map[string]Environment
	Now          func() time.Time         // nil: time.Now
	Credentials  aws.CredentialsProvider  // nil: the SDK's chain (environment, profile, instance role)
	HTTPClient   *awshttp.BuildableClient // nil: the SDK's; a plain *http.Client would not take AWS_CA_BUNDLE
	Settle       time.Duration            // how long a deny is watched for removal after it was put; zero: 5 s; negative: not at all
	MaxBackoff   time.Duration            // longest pause between two attempts of the SDK; zero: the SDK's 20 s
}

// StaticCredentials are fixed long-term credentials, for emulators.
func StaticCredentials(id string, secret actions.Secret) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(id, secret.Reveal(), "")
}

// Provider holds the sessions that its actions share. It is safe for
// concurrent use.
type Provider struct {
	options Options

	mu       sync.Mutex
	sessions map[sessionKey]*slot
}

// New gives a provider. Nothing is read and nobody is called yet.
func New(options Options) *Provider {
	options.Environments = maps.Clone(options.Environments)
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Settle == 0 {
		options.Settle = 5 * time.Second
	}
	return &Provider{options: options, sessions: map[sessionKey]*slot{}}
}

// Register adds all actions of this package to r.
func (p *Provider) Register(r *actions.Registry) {
	actions.Register(r, lookupAccessKey{p})
	actions.Register(r, quarantinePrincipal{p})
	actions.Register(r, deactivateAccessKey{p})
	actions.Register(r, revokeSessions{p})
}

func (p *Provider) environmentNames() string {
	names := slices.Sorted(maps.Keys(p.options.Environments))
	if len(names) == 0 {
		return "none is configured"
	}
	return "known: " + strings.Join(names, ", ")
}
