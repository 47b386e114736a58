package http

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

type revokeCredential struct{ provider *Provider }

type revokeCredentialParams struct {
	Tokens []string `json:"tokens" doc:"references of the tokens to revoke, at most 1000" example:"[\"secret://file/run/firebreak/leaked-token\"]" secret:"true"`
}

type revokeCredentialResult struct {
	Submitted    int      `json:"submitted" doc:"how many tokens were handed to GitHub"`
	Fingerprints []string `json:"fingerprints" doc:"beginnings of the SHA-256 of the tokens, in the order of the step"`
}

// revokeState is what Plan captures: which tokens GitHub took before.
type revokeState struct {
	Tokens []tokenState `json:"tokens"`
}

type tokenState struct {
	Fingerprint string `json:"fingerprint"`
	Alive       bool   `json:"alive"`
	Login       string `json:"login,omitempty"`
}

const (
	opRevoke  = "github.revoke_credential"
	maxTokens = 1000
	together  = 16 // tokens that are asked about at the same time
)

func (revokeCredential) Spec() actions.Spec {
	permission := func(phase actions.Phase, action, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: "github:" + action, Resource: "{tokens}", Why: why}
	}
	return actions.Spec{
		Name: opRevoke, Version: 1,
		Title:  "Revoke leaked GitHub tokens",
		Doc:    "Hands leaked tokens to GitHub, which revokes them for good and tells their owners by mail. The tokens are given by reference. GitHub does it after it has answered, so the proof is that each token itself is refused: GET /user with it answers 401. On api.github.com the call is made without credentials, because GitHub refuses callers who say who they are; a server of one's own wants github.token.",
		Effect: actions.Destructive, Repeat: actions.Idempotent,
		BlastRadius: "Everything that uses these tokens stops for good: jobs, bots, deploys. Their owners get mail from GitHub, which may also warn whoever holds the account.",
		StaysAlive: []string{
			"Other tokens, SSH keys, deploy keys and browser sessions of the same owner.",
			"What was done with the tokens: pushed commits, cloned code, secrets read, webhooks and keys added.",
			"Credentials that were made from a token, such as those of applications it authorised.",
		},
		Permissions: []actions.Permission{
			permission(actions.PhasePlan, "GET /user", "ask with each token whether it works, and whose it is"),
			permission(actions.PhaseExecute, "POST /credentials/revoke", "revoke the tokens"),
			permission(actions.PhaseVerify, "GET /user", "see that each token is refused"),
		},
		Timeout: 2 * time.Minute, Settle: time.Minute,
	}
}

// tokensOf resolves the tokens of a step.
func (a revokeCredential) tokensOf(ctx context.Context, p revokeCredentialParams) (veil, error) {
	wrong := func(format string, args ...any) error {
		return &actions.Error{Class: actions.Invalid, Op: opRevoke, Err: fmt.Errorf(format, args...)}
	}
	if len(p.Tokens) == 0 || len(p.Tokens) > maxTokens {
		return nil, wrong("there are %d tokens, GitHub takes 1 to %d at once", len(p.Tokens), maxTokens)
	}
	own := ""
	if ref := a.provider.options.GitHub.Token; ref != "" {
		if s, err := a.provider.secret(ctx, opRevoke, ref); err == nil {
			own = s.Reveal()
		}
	}
	seen := map[string]bool{}
	var found veil
	for i, ref := range p.Tokens {
		if err := actions.CheckSecretRef(ref); err != nil {
			return nil, wrong("tokens: number %d: %w", i+1, err)
		}
		s, err := a.provider.secret(ctx, opRevoke, ref)
		if err != nil {
			return nil, err
		}
		switch value := s.Reveal(); {
		case value == own:
			return nil, &actions.Error{Class: actions.Precondition, Op: opRevoke, Err: fmt.Errorf("%s is the token that firebreak itself uses", ref), Hint: "firebreak would lock itself out; give it another token first"}
		case strings.HasPrefix(value, "ghr_"):
			return nil, wrong("%s is a refresh token, whose end cannot be proved; revoke the ghu_ token that belongs to it", ref)
		case strings.ContainsAny(value, " \t") || len(value) < 20:
			return nil, wrong("%s holds no GitHub token", ref)
		case seen[value]:
			return nil, wrong("%s holds a token that is there already", ref)
		default:
			seen[value] = true
		}
		found = append(found, s)
	}
	return found, nil
}

func fingerprint(s actions.Secret) string {
	sum := sha256.Sum256([]byte(s.Reveal()))
	return hex.EncodeToString(sum[:6])
}

// ask tries each token, a few at a time. The answers are in the order of the
// tokens; the error is that of the first token which has one.
func (a revokeCredential) ask(ctx context.Context, call actions.Call, all veil) ([]tokenState, error) {
	states, failed := make([]tokenState, len(all)), make([]error, len(all))
	var group sync.WaitGroup
	room := make(chan struct{}, together)
	for i := range all {
		room <- struct{}{}
		group.Go(func() {
			defer func() { <-room }()
			states[i], failed[i] = a.try(ctx, call, all[i], all)
		})
	}
	group.Wait()
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	return states, nil
}

// try asks GitHub who the owner of one token is. Only 401 means that the token
// is dead: one that may not see its owner answers 403, and works.
func (a revokeCredential) try(ctx context.Context, call actions.Call, token actions.Secret, all veil) (tokenState, error) {
	state := tokenState{Fingerprint: fingerprint(token)}
	o := outgoing{op: "github:GET /user", how: reads, method: http.MethodGet, url: appendPath(a.provider.github, "user"), hidden: all,
		header: http.Header{"Authorization": {"Bearer " + token.Reveal()}, "Accept": {"application/vnd.github+json"}}}
	got, err := a.provider.send(ctx, call, o)
	if err != nil {
		return state, err
	}
	switch class := a.provider.classOf(reads, got); {
	case got.status == http.StatusUnauthorized:
	case got.status == http.StatusOK, got.status == http.StatusForbidden && class == actions.Denied:
		state.Alive = true
		var user struct {
			Login string `json:"login"`
		}
		if json.Unmarshal(got.body, &user) == nil {
			state.Login = all.word(user.Login, 60)
		}
	default:
		return state, a.provider.unexpected(o, got, "200 or 401")
	}
	return state, nil
}

func (a revokeCredential) Plan(ctx context.Context, call actions.Call, p revokeCredentialParams) (actions.Preview, error) {
	var preview actions.Preview
	all, err := a.tokensOf(ctx, p)
	if err != nil {
		return preview, err
	}
	states, err := a.ask(ctx, call, all)
	if err != nil {
		return preview, err
	}
	alive, owners := 0, []string{}
	for _, s := range states {
		preview.Targets = append(preview.Targets, actions.Target{Type: "github.token", ID: s.Fingerprint, Account: s.Login})
		if s.Alive {
			alive++
		}
		if s.Login != "" && !slices.Contains(owners, s.Login) {
			owners = append(owners, s.Login)
		}
	}
	whose := ""
	if len(owners) > 0 {
		whose = " of " + strings.Join(owners, ", ")
	}
	preview.Changes = []string{fmt.Sprintf("%d GitHub tokens%s are revoked for good; %d of them work now.", len(states), whose, alive)}
	preview.Calls = []string{"github:POST /credentials/revoke"}
	preview.Warnings = []string{"GitHub cannot bring revoked tokens back; their owners are told by mail."}
	preview.NoUndo = "GitHub cannot bring revoked tokens back"
	preview.InEffect = alive == 0
	return preview, preview.Capture(revokeState{states})
}

// resume resolves the tokens again, and sees that they are those of the plan.
func (a revokeCredential) resume(ctx context.Context, call actions.Call, p revokeCredentialParams) (veil, error) {
	var state revokeState
	if err := call.LoadState(&state); err != nil {
		return nil, err
	}
	all, err := a.tokensOf(ctx, p)
	if err != nil {
		return nil, err
	}
	same := slices.EqualFunc(all, state.Tokens, func(s actions.Secret, planned tokenState) bool { return fingerprint(s) == planned.Fingerprint })
	if !same {
		return nil, &actions.Error{Class: actions.Precondition, Op: opRevoke, Err: errors.New("the references hold other tokens than when the step was planned"), Hint: "plan the step again"}
	}
	return all, nil
}

func (a revokeCredential) Execute(ctx context.Context, call actions.Call, p revokeCredentialParams) (revokeCredentialResult, error) {
	var r revokeCredentialResult
	all, err := a.resume(ctx, call, p)
	if err != nil {
		return r, err
	}
	values := make([]string, len(all))
	for i, s := range all {
		values[i] = s.Reveal()
		r.Fingerprints = append(r.Fingerprints, fingerprint(s))
	}
	o := outgoing{op: "github:POST /credentials/revoke", how: writes, method: http.MethodPost, url: appendPath(a.provider.github, "credentials", "revoke"), hidden: all,
		header: http.Header{"Accept": {"application/vnd.github+json"}, "Content-Type": {"application/json"}}}
	if o.body, err = json.Marshal(map[string][]string{"credentials": values}); err != nil {
		return r, err
	}
	if ref := a.provider.options.GitHub.Token; ref != "" && !anonymous(o.url) {
		token, err := a.provider.secret(ctx, opRevoke, ref)
		if err != nil {
			return r, err
		}
		o.hidden = append(slices.Clone(all), token)
		o.header.Set("Authorization", "Bearer "+token.Reveal())
	}
	got, err := a.provider.send(ctx, call, o)
	switch {
	case err != nil:
		return r, err
	case got.status == http.StatusUnprocessableEntity:
		e := a.provider.unexpected(o, got, "202")
		e.Hint = "GitHub does not take these as tokens, or was called too often: 60 calls an hour are allowed"
		return r, e
	case got.status != http.StatusAccepted:
		return r, a.provider.unexpected(o, got, "202")
	}
	r.Submitted = len(all)
	return r, nil
}

// anonymous is true of GitHub itself, which refuses a revocation by callers who
// say who they are.
func anonymous(u *url.URL) bool { return dialKey(u) == "api.github.com:443" }

func (a revokeCredential) Verify(ctx context.Context, call actions.Call, p revokeCredentialParams, _ revokeCredentialResult) (actions.Reading, error) {
	all, err := a.resume(ctx, call, p)
	if err != nil {
		return unreadable(err)
	}
	states, err := a.ask(ctx, call, all)
	if err != nil {
		return unreadable(err)
	}
	for i, s := range states {
		if s.Alive {
			return actions.Reading{Verdict: actions.Pending, Detail: fmt.Sprintf("GitHub still takes token %s (number %d); it revokes some time after it has answered", s.Fingerprint, i+1)}, nil
		}
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("GitHub refuses all %d tokens", len(states))}, nil
}
