package cloud

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
	Roles      Roles  // roles of their own for the duties; empty: Role
	ExternalID string // for the role's trust policy
	Endpoint   string // base URL for every service; empty: the SDK's own AWS_ENDPOINT_URL handling applies
	Evidence   Evidence
}

// Roles are ARNs of one role a duty, so that whoever gets hold of the one that
// contains cannot touch evidence, nor lift a containment by a right of its own;
// rights that work both ways, such as iam:UpdateAccessKey, it has. An empty one is
// [Environment.Role].
type Roles struct {
	Preflight string // reads, and plans
	Contain   string // carries out, and proves
	Evidence  string // carries out and proves the steps that collect evidence
	Release   string // takes back
}

// Evidence says where an environment keeps what its steps collect.
type Evidence struct {
	Bucket string // name of an S3 bucket with Object Lock; empty: a step has to name one
	Owner  string // account that the bucket must belong to; empty: not checked
	Mode   string // GOVERNANCE or COMPLIANCE; empty: GOVERNANCE
	Days   int    // how long an object is kept at least; zero: 30
	KMSKey string // ARN of the key that encrypts it; empty: the bucket's own
}

// Options configure a Cloud. Only Environments is needed.
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

// Cloud holds the sessions that the actions share. It is safe for
// concurrent use.
type Cloud struct {
	options Options

	mu       sync.Mutex
	sessions map[sessionKey]*slot
}

// New gives a Cloud. Nothing is read and nobody is called yet.
func New(options Options) *Cloud {
	options.Environments = maps.Clone(options.Environments)
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Settle == 0 {
		options.Settle = 5 * time.Second
	}
	return &Cloud{options: options, sessions: map[sessionKey]*slot{}}
}

// Now is the time by the clock of the options.
func (c *Cloud) Now() time.Time { return c.options.Now() }

// Settle is how long a change that others may fight is watched after it was
// made; negative: not at all.
func (c *Cloud) Settle() time.Duration { return c.options.Settle }

// OwnRoles lists the roles that the configuration lets firebreak assume, in all of
// its environments, sorted: what would lock firebreak out of an account must leave
// them out.
func (c *Cloud) OwnRoles() []string {
	var roles []string
	for _, e := range c.options.Environments {
		roles = append(roles, e.Role, e.Roles.Preflight, e.Roles.Contain, e.Roles.Evidence, e.Roles.Release)
	}
	slices.Sort(roles)
	return slices.DeleteFunc(slices.Compact(roles), func(arn string) bool { return arn == "" })
}

func (c *Cloud) environmentNames() string {
	names := slices.Sorted(maps.Keys(c.options.Environments))
	if len(names) == 0 {
		return "none is configured"
	}
	return "known: " + strings.Join(names, ", ")
}
