package slack

import (
	"context"
	"errors"
	"net/http"
	"path"
	"strings"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/actions"
)

// Options configure a Provider.
type Options struct {
	Token   func(ctx context.Context) (actions.Secret, error) // the app's bot token, asked for by each call
	APIURL  string                                            // empty: Slack's own
	Channel func(incident string) (string, error)             // id of an incident's channel, for steps that name none; may be nil
	Client  *http.Client                                      // nil: one that follows no redirects, since they would carry the token elsewhere
}

// Provider holds what the actions of this package share. It is safe for
// concurrent use.
type Provider struct{ options Options }

// New gives a provider. Nobody is called yet.
func New(options Options) *Provider {
	if options.APIURL == "" {
		options.APIURL = slack.APIURL
	}
	if !strings.HasSuffix(options.APIURL, "/") {
		options.APIURL += "/"
	}
	if options.Client == nil {
		options.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &Provider{options}
}

// Register adds all actions of this package to r.
func (p *Provider) Register(r *actions.Registry) {
	actions.Register(r, invite{p})
	actions.Register(r, openChannel{p})
	actions.Register(r, post{p})
}

// open gives a client for one call of an action.
func (p *Provider) open(ctx context.Context, call actions.Call) (*slack.Client, error) {
	denied := func(err error) error {
		return &actions.Error{Class: actions.Denied, Op: "slack: find the bot token", Err: err, Hint: "set the bot token in the configuration"}
	}
	if p.options.Token == nil {
		return nil, denied(errors.New("no token is configured"))
	}
	token, err := p.options.Token(ctx)
	switch {
	case err != nil:
		return nil, denied(err)
	case token.Empty():
		return nil, denied(errors.New("the token is empty"))
	}
	return slack.New(token.Reveal(), slack.OptionAPIURL(p.options.APIURL), slack.OptionHTTPClient(noting{p.options.Client, call.Requests})), nil
}

// noting is an HTTP client that notes Slack's ids of requests.
type noting struct {
	client   *http.Client
	requests *actions.Requests
}

// Do sends one request, once.
func (n noting) Do(r *http.Request) (*http.Response, error) {
	answer, err := n.client.Do(r)
	id := ""
	if answer != nil {
		id = answer.Header.Get("X-Slack-Req-Id")
	}
	n.requests.Add("slack:"+path.Base(r.URL.Path), id)
	return answer, err
}
