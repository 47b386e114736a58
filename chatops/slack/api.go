package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/actions"
)

// api is all that this package asks of Slack. It is the only place that knows
// the library's client, which changes often. Every error is a *Fault. Nothing is
// retried here: the library's own retries would post twice after a broken
// connection.
type api struct {
	client *slack.Client
	http   *http.Client
	host   string // where response URLs may lead, besides slack.com
}

const (
	callLimit   = 15 * time.Second
	uploadLimit = 2 * time.Minute
)

func newAPI(bot, app actions.Secret, base string) (*api, error) {
	if base == "" {
		base = slack.APIURL
	}
	if !strings.HasSuffix(base, "/") {
		base += "/"
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New("the Slack API address must be a whole http or https address, such as https://slack.com/api/")
	}
	a := &api{host: u.Host, http: &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}}
	a.client = slack.New(bot.Reveal(), slack.OptionAPIURL(base), slack.OptionHTTPClient(a.http),
		slack.OptionAppLevelToken(app.Reveal()), slack.OptionLog(log.New(io.Discard, "", 0)))
	return a, nil
}

func (a *api) close() { a.http.CloseIdleConnections() }

type identity struct {
	team, user, bot string
	header          http.Header
}

func (a *api) authTest(ctx context.Context) (identity, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	r, err := a.client.AuthTestContext(ctx)
	if r == nil {
		return identity{}, fault("auth.test", err)
	}
	return identity{r.TeamID, r.UserID, r.BotID, r.Header}, fault("auth.test", err)
}

func (a *api) openSocket(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	_, address, err := a.client.StartSocketModeContext(ctx)
	return address, fault("apps.connections.open", err)
}

func (a *api) user(ctx context.Context, id string) (*slack.User, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	u, err := a.client.GetUserInfoContext(ctx, id)
	return u, fault("users.info", err)
}

// content is a message ready to send.
type content struct {
	text   string
	blocks []slack.Block
}

func (c content) options() []slack.MsgOption {
	return []slack.MsgOption{
		slack.MsgOptionText(c.text, false), slack.MsgOptionBlocks(c.blocks...),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
}

// tag marks a message as ours, so that it can be found again.
type tag struct{ Incident, Ref string }

const eventType = "firebreak"

func (a *api) post(ctx context.Context, channel string, c content, t *tag) (ts string, where string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	options := c.options()
	if t != nil {
		options = append(options, slack.MsgOptionMetadata(slack.SlackMetadata{
			EventType: eventType, EventPayload: map[string]any{"incident": t.Incident, "ref": t.Ref},
		}))
	}
	where, ts, err = a.client.PostMessageContext(ctx, channel, options...)
	if err == nil && ts == "" {
		err = &Fault{Method: "chat.postMessage", Code: "no answer", Class: FaultDown}
	}
	return ts, where, fault("chat.postMessage", err)
}

func (a *api) postEphemeral(ctx context.Context, channel, user string, c content) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	_, err := a.client.PostEphemeralContext(ctx, channel, user, c.options()...)
	return fault("chat.postEphemeral", err)
}

func (a *api) update(ctx context.Context, channel, ts string, c content) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	_, _, _, err := a.client.UpdateMessageContext(ctx, channel, ts, c.options()...)
	return fault("chat.update", err)
}

func (a *api) pin(ctx context.Context, channel, ts string) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return fault("pins.add", a.client.AddPinContext(ctx, channel, slack.NewRefToMessage(channel, ts)))
}

// respond answers through the address that came with a request. The address is
// a secret and leads only to Slack.
func (a *api) respond(ctx context.Context, address string, c content, public bool) error {
	const method = "response_url"
	u, err := url.Parse(address)
	if err != nil || !a.trusted(u) {
		return &Fault{Method: method, Code: "not an address of Slack", Class: FaultRefused}
	}
	kind := slack.ResponseTypeEphemeral
	if public {
		kind = slack.ResponseTypeInChannel
	}
	body, err := json.Marshal(struct {
		Type    string        `json:"response_type"`
		Replace bool          `json:"replace_original"`
		Text    string        `json:"text"`
		Blocks  []slack.Block `json:"blocks"`
	}{kind, false, c.text, c.blocks})
	if err != nil {
		return fault(method, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fault(method, err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp, err := a.http.Do(req)
	if err != nil {
		return fault(method, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		wait, _ := time.ParseDuration(resp.Header.Get("Retry-After") + "s")
		return &Fault{Method: method, Code: "ratelimited", Class: FaultLimited, RetryAfter: wait}
	case resp.StatusCode != http.StatusOK:
		f := &Fault{Method: method}
		f.status(resp.StatusCode)
		return f
	case err != nil:
		return fault(method, err)
	}
	var said slack.SlackResponse
	if json.Unmarshal(answer, &said) == nil && !said.Ok && said.Error != "" {
		return fault(method, said.Err())
	}
	return nil
}

func (a *api) trusted(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	official := host == "slack.com" || strings.HasSuffix(host, ".slack.com") || strings.HasSuffix(host, ".slack-gov.com")
	return u.Scheme == "https" && official || strings.EqualFold(u.Host, a.host)
}

type view struct{ id, hash string }

func (a *api) openView(ctx context.Context, trigger string, v slack.ModalViewRequest) (view, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	r, err := a.client.OpenViewContext(ctx, trigger, v)
	if err != nil || r == nil {
		return view{}, fault("views.open", err)
	}
	return view{r.View.ID, r.View.Hash}, nil
}

func (a *api) updateView(ctx context.Context, at view, v slack.ModalViewRequest) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	_, err := a.client.UpdateViewContext(ctx, v, "", at.hash, at.id)
	return fault("views.update", err)
}

func (a *api) createChannel(ctx context.Context, name string, private bool) (*slack.Channel, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	c, err := a.client.CreateConversationContext(ctx, slack.CreateConversationParams{ChannelName: name, IsPrivate: private})
	return c, fault("conversations.create", err)
}

func (a *api) setPurpose(ctx context.Context, channel, purpose string) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	_, err := a.client.SetPurposeOfConversationContext(ctx, channel, purpose)
	return fault("conversations.setPurpose", err)
}

func (a *api) invite(ctx context.Context, channel string, users []string) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	_, err := a.client.InviteUsersToConversationContext(ctx, channel, users...)
	return fault("conversations.invite", err)
}

func (a *api) channel(ctx context.Context, id string) (*slack.Channel, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	c, err := a.client.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
	return c, fault("conversations.info", err)
}

// findChannel looks for a channel by its exact name among those the bot can see.
func (a *api) findChannel(ctx context.Context, name string) (*slack.Channel, error) {
	const method = "conversations.list"
	ctx, cancel := context.WithTimeout(ctx, uploadLimit)
	defer cancel()
	for cursor := ""; ; {
		page, next, err := a.client.GetConversationsContext(ctx, &slack.GetConversationsParameters{
			Cursor: cursor, Limit: 999, Types: []string{"public_channel", "private_channel"},
		})
		if err != nil {
			return nil, fault(method, err)
		}
		if i := slices.IndexFunc(page, func(c slack.Channel) bool { return c.Name == name }); i >= 0 {
			return &page[i], nil
		}
		if next == "" {
			return nil, &Fault{Method: method, Code: "channel_not_found", Class: FaultRefused}
		}
		cursor = next
	}
}

// tagged reads the messages of ours in a channel since a time, by their ref.
func (a *api) tagged(ctx context.Context, channel, incident string, since time.Time) (map[string]string, error) {
	const method = "conversations.history"
	ctx, cancel := context.WithTimeout(ctx, uploadLimit)
	defer cancel()
	found := map[string]string{}
	for cursor := ""; ; {
		page, err := a.client.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
			ChannelID: channel, Cursor: cursor, Limit: 200, IncludeAllMetadata: true, Inclusive: true,
			Oldest: slackTime(since),
		})
		if err != nil {
			return nil, fault(method, err)
		}
		for _, m := range page.Messages {
			p := m.Metadata.EventPayload
			ref, _ := p["ref"].(string)
			if m.Metadata.EventType == eventType && p["incident"] == incident && ref != "" {
				found[ref] = m.Timestamp // pages go back in time: the first post wins
			}
		}
		cursor = page.ResponseMetaData.NextCursor
		if cursor == "" {
			return found, nil
		}
	}
}

// upload hands a file to a channel.
func (a *api) upload(ctx context.Context, channel, name string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, uploadLimit)
	defer cancel()
	_, err := a.client.UploadFileContext(ctx, slack.UploadFileParameters{
		Channel: channel, Filename: name, Title: name, FileSize: len(data), Reader: bytes.NewReader(data),
	})
	return fault("files.upload", err)
}

// direct opens the conversation between the bot and one person.
func (a *api) direct(ctx context.Context, user string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	c, _, _, err := a.client.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{user}, ReturnIM: true})
	if err != nil {
		return "", fault("conversations.open", err)
	}
	return c.ID, nil
}

// fingerprint tells two messages apart.
func (c content) fingerprint() string {
	b, err := json.Marshal(c.blocks)
	if err != nil {
		panic("slack: blocks that cannot be written: " + err.Error())
	}
	return c.text + "\x00" + string(b)
}
