// Package runbookstest is a catalog of actions for tests of the language. They
// have the shapes of real ones and change nothing.
package runbookstest

import (
	"context"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// Catalog gives a fresh registry with every action of this package.
func Catalog() *actions.Registry {
	r := actions.NewRegistry()
	reads := actions.Spec{Effect: actions.Read, Repeat: actions.Idempotent}
	reversible := actions.Spec{Effect: actions.Reversible, Repeat: actions.Idempotent, Timeout: time.Minute, Settle: 5 * time.Second}
	actions.Register(r, inert[LookupParams, LookupResult]{named("aws.iam.lookup_access_key", reads)})
	actions.Register(r, full[QuarantineParams, QuarantineResult]{inert[QuarantineParams, QuarantineResult]{named("aws.iam.quarantine_principal", reversible)}})
	actions.Register(r, full[DeactivateParams, DeactivateResult]{inert[DeactivateParams, DeactivateResult]{named("aws.iam.deactivate_access_key", reversible)}})
	actions.Register(r, full[RevokeParams, RevokeResult]{inert[RevokeParams, RevokeResult]{named("aws.iam.revoke_sessions", reversible)}})
	actions.Register(r, probing[PostParams, PostResult]{inert[PostParams, PostResult]{named("slack.post", actions.Spec{Effect: actions.Reversible, Repeat: actions.Probe, Tells: true})}})
	actions.Register(r, inert[TargetParams, TargetResult]{named("test.wipe", actions.Spec{Effect: actions.Destructive, Repeat: actions.Idempotent})})
	actions.Register(r, full[TargetParams, TargetResult]{inert[TargetParams, TargetResult]{named("test.terminate", actions.Spec{Effect: actions.Destructive, Repeat: actions.Idempotent})}})
	actions.Register(r, inert[TargetParams, TargetResult]{named("test.once", actions.Spec{Effect: actions.Reversible, Repeat: actions.Once})})
	actions.Register(r, inert[AllParams, AllResult]{named("test.types", reads)})
	actions.Register(r, inert[struct{}, struct{}]{named("test.nothing", reads)})
	actions.Register(r, inert[HostsParams, HostsResult]{named("test.hosts", reads)})
	actions.Register(r, inert[TargetParams, CollectResult]{named("test.collect", reads)})
	actions.Register(r, inert[TargetParams, TargetResult]{named("test.snapshot", actions.Spec{Effect: actions.Reversible, Repeat: actions.Idempotent, Adds: true})})
	actions.Register(r, full[TargetParams, TargetResult]{inert[TargetParams, TargetResult]{named("test.protect", actions.Spec{Effect: actions.Reversible, Repeat: actions.Idempotent, Preserves: true})}})
	actions.Register(r, full[SignalParams, TargetResult]{inert[SignalParams, TargetResult]{named("test.signal", reversible)}})
	return r
}

func named(name string, s actions.Spec) actions.Spec {
	s.Name, s.Version, s.Title, s.Doc = name, 1, "Test "+name, "An action of the tests."
	return s
}

// LookupParams and the types that follow have the shapes of real actions.
type LookupParams struct {
	AccessKeyID string `json:"access_key_id" doc:"the key to look up" example:"AKIAIOSFODNN7EXAMPLE" pattern:"^AKIA[A-Z0-9]{16}$"`
}

// LookupResult says whose key it is.
type LookupResult struct {
	User            string    `json:"user"`
	PrincipalARN    string    `json:"principal_arn"`
	Account         string    `json:"account"`
	Status          string    `json:"status" enum:"Active,Inactive"`
	Created         time.Time `json:"created"`
	LastUsed        string    `json:"last_used"`
	LastUsedService string    `json:"last_used_service"`
	LastUsedRegion  string    `json:"last_used_region"`
	OtherKeys       []string  `json:"other_keys"`
}

// QuarantineParams names a principal.
type QuarantineParams struct {
	PrincipalARN string `json:"principal_arn" doc:"the user or role to stop" subject:"true"`
}

// QuarantineResult says what was put where.
type QuarantineResult struct {
	PolicyName string `json:"policy_name"`
	Principal  string `json:"principal"`
	Kind       string `json:"kind" enum:"user,role"`
}

// DeactivateParams names a key.
type DeactivateParams struct {
	AccessKeyID string `json:"access_key_id" doc:"the key to switch off" pattern:"^(AKIA|ASIA)[A-Z0-9]{16}$"`
	User        string `json:"user,omitempty" doc:"its owner" subject:"true"`
}

// DeactivateResult says what was before.
type DeactivateResult struct {
	User           string   `json:"user"`
	AccessKeyID    string   `json:"access_key_id"`
	PreviousStatus string   `json:"previous_status" enum:"Active,Inactive"`
	OtherKeys      []string `json:"other_keys"`
}

// RevokeParams names a role and which of its sessions.
type RevokeParams struct {
	Role   string    `json:"role" doc:"name or ARN of the role" subject:"true"`
	Scope  string    `json:"scope" doc:"whose sessions" enum:"all,session_name,source_identity,instance" default:"all"`
	Value  string    `json:"value,omitempty" doc:"of the scope"`
	Cutoff time.Time `json:"cutoff,omitzero" doc:"older sessions are revoked"`
}

// RevokeResult says what was put where.
type RevokeResult struct {
	PolicyName        string    `json:"policy_name"`
	Cutoff            time.Time `json:"cutoff"`
	MaxSessionSeconds int       `json:"max_session_seconds"`
}

// PostParams is a message.
type PostParams struct {
	Text    string `json:"text" doc:"what to say"`
	Channel string `json:"channel,omitempty" doc:"where; the incident's channel when not given"`
}

// PostResult says where it stands.
type PostResult struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

// TargetParams names one target.
type TargetParams struct {
	Target string `json:"target" doc:"what to change"`
}

// TargetResult says what was changed.
type TargetResult struct {
	Target string `json:"target"`
}

// HostsParams says which hosts to look for.
type HostsParams struct {
	Zone  string   `json:"zone,omitempty" doc:"where to look"`
	Names []string `json:"names,omitempty" doc:"which ones; all when not given"`
}

// HostsResult is a list of objects.
type HostsResult struct {
	Hosts []Host `json:"hosts"`
	Total int    `json:"total"`
}

// Host is one of them.
type Host struct {
	ID       string            `json:"id"`
	State    string            `json:"state" enum:"running,stopped"`
	Public   bool              `json:"public"`
	CPUs     int               `json:"cpus"`
	Launched time.Time         `json:"launched"`
	Lease    actions.Span      `json:"lease,omitempty"`
	Tags     []Tag             `json:"tags,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
}

// CollectResult is what is known about a piece of evidence.
type CollectResult struct {
	URI    string    `json:"uri"`
	SHA256 string    `json:"sha256"`
	Bytes  int       `json:"bytes"`
	Taken  time.Time `json:"taken"`
}

// SignalParams has a parameter that is secret.
type SignalParams struct {
	Target string `json:"target" doc:"whom to signal" subject:"true"`
	Token  string `json:"token" doc:"the key to sign with" secret:"true"`
	Times  int    `json:"times,omitempty" doc:"how often"`
}

// Tag is a key and a value.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

// AllParams has one field of each kind.
type AllParams struct {
	Text   string            `json:"text,omitempty"`
	Mode   string            `json:"mode,omitempty" enum:"soft,hard"`
	Count  int               `json:"count,omitempty"`
	Force  bool              `json:"force,omitempty"`
	Wait   actions.Span      `json:"wait,omitempty"`
	Since  time.Time         `json:"since,omitzero"`
	Names  []string          `json:"names,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	Tags   []Tag             `json:"tags,omitempty"`
	Where  Tag               `json:"where,omitzero"`
	Token  string            `json:"token,omitempty" secret:"true"`
}

// AllResult has one field of each kind.
type AllResult struct {
	Text   string            `json:"text"`
	Note   string            `json:"note,omitempty"`
	Count  int               `json:"count"`
	Force  bool              `json:"force"`
	Wait   actions.Span      `json:"wait"`
	Since  time.Time         `json:"since"`
	Names  []string          `json:"names"`
	Labels map[string]string `json:"labels"`
	Tags   []Tag             `json:"tags"`
	Where  Tag               `json:"where"`
	Token  string            `json:"token" secret:"true"`
}

// inert is an action that answers with nothing.
type inert[P, R any] struct{ spec actions.Spec }

func (a inert[P, R]) Spec() actions.Spec { return a.spec }

func (a inert[P, R]) Plan(context.Context, actions.Call, P) (actions.Preview, error) {
	return actions.Preview{}, nil
}

func (a inert[P, R]) Execute(context.Context, actions.Call, P) (R, error) {
	var r R
	return r, nil
}

// full can verify and undo too.
type full[P, R any] struct{ inert[P, R] }

func (full[P, R]) Verify(context.Context, actions.Call, P, R) (actions.Reading, error) {
	return actions.Reading{Verdict: actions.Verified}, nil
}

func (full[P, R]) PlanUndo(context.Context, actions.Call, P, R) (actions.Preview, error) {
	return actions.Preview{}, nil
}

func (full[P, R]) Undo(context.Context, actions.Call, P, R) error { return nil }

func (full[P, R]) VerifyUndo(context.Context, actions.Call, P, R) (actions.Reading, error) {
	return actions.Reading{Verdict: actions.Verified}, nil
}

// probing can be asked what happened.
type probing[P, R any] struct{ inert[P, R] }

func (probing[P, R]) Probe(context.Context, actions.Call, P) (actions.Found, R, error) {
	var r R
	return actions.NotApplied, r, nil
}
