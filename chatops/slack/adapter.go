package slack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

// Bot follows what people ask for; *chatops.Bot is one.
type Bot interface {
	Command(ctx context.Context, in chatops.Input) chatops.Message
	Click(ctx context.Context, click chatops.Click) chatops.Message
	// Answer gives the problems of a form by field id, or a message.
	Answer(ctx context.Context, answer chatops.Answer) (chatops.Message, map[string]string)
}

// Renderer draws what is owed to an incident's channel. All of them are needed.
type Renderer struct {
	Card   func(i *engine.Incident, head string) chatops.Message
	Ask    func(i *engine.Incident, ask *engine.Ask) chatops.Message
	End    func(i *engine.Incident, run *engine.Run) chatops.Message
	Remind func(i *engine.Incident, ask *engine.Ask, n int) chatops.Message
}

// Recorder writes down a request that was refused before it reached the Bot.
type Recorder interface {
	Refuse(ctx context.Context, req engine.Request, incident string, refusal *engine.Refusal) error
}

// Incidents is what the adapter looks at; [engine.Incidents] has it all.
type Incidents interface {
	Recorder
	View(ctx context.Context, incident string, look func(*engine.Incident)) error
	List(ctx context.Context) ([]engine.Summary, error)
	Head(ctx context.Context, incident string) (size int64, root string, err error)
}

// Options is what an Adapter is made of. BotToken, TeamID, Renderer, Directory
// and one of AppToken (Socket Mode) and SigningSecret (HTTP) are needed; Bot and
// Incidents may be given later, by [Adapter.Bind].
type Options struct {
	BotToken      actions.Secret // xoxb-…
	AppToken      actions.Secret // xapp-…, for Socket Mode
	SigningSecret actions.Secret // for HTTP
	TeamID        string         // the one workspace that is listened to
	APIURL        string         // instead of https://slack.com/api/
	Word          string         // the slash command without the slash; "incident" when empty; /firebreak always works too

	Bot       Bot
	Incidents Incidents
	Renderer  Renderer
	Directory func() *chatops.Directory

	CardInterval time.Duration    // least time between two drawings of a card; 3 s when zero
	Sockets      int              // Socket Mode connections at the same time, 2 when zero; Slack allows 10
	Now          func() time.Time // the wall clock when nil
	Logger       *slog.Logger     // silent when nil
}

// Adapter speaks with one Slack workspace. It is an [engine.Chat].
type Adapter struct {
	opt     Options
	api     *api
	now     func() time.Time
	log     *slog.Logger
	jobs    *lanes // what people asked for, a lane a channel
	modals  *lanes // first sight of a form, which cannot wait in a lane of jobs
	out     *outbox
	seen    *window
	refused *refusals
	people  *cache[verdict]
	places  *cache[place]
	cards   *cards
	posted  *posted
	sockets sockets

	ctx  context.Context // ends with Stop
	stop context.CancelFunc

	mu        sync.Mutex
	bot       Bot
	incidents Incidents
	me        identity
}

var _ engine.Chat = (*Adapter)(nil)

const (
	jobLimit   = 2 * time.Minute
	farewell   = 5 * time.Second // for what is under way when the adapter is closed
	nonceKept  = 15 * time.Minute
	nonceLimit = 100_000
)

// New checks the options and makes an Adapter. It calls nobody.
func New(opt Options) (*Adapter, error) {
	switch {
	case opt.BotToken.Empty():
		return nil, errors.New("slack: there is no bot token; give one by reference, such as secret://env/SLACK_BOT_TOKEN")
	case opt.TeamID == "":
		return nil, errors.New("slack: the workspace is not named; set its team id, such as T0123ABCD")
	case opt.AppToken.Empty() && opt.SigningSecret.Empty():
		return nil, errors.New("slack: give an app token for Socket Mode, or a signing secret for HTTP")
	case opt.Directory == nil:
		return nil, errors.New("slack: there is no directory of people")
	case opt.Renderer.Card == nil || opt.Renderer.Ask == nil || opt.Renderer.End == nil || opt.Renderer.Remind == nil:
		return nil, errors.New("slack: the renderer is not complete")
	}
	client, err := newAPI(opt.BotToken, opt.AppToken, opt.APIURL)
	if err != nil {
		return nil, fmt.Errorf("slack: %w", err)
	}
	if opt.Word == "" {
		opt.Word = "incident"
	}
	if opt.CardInterval == 0 {
		opt.CardInterval = 3 * time.Second
	}
	if opt.Sockets == 0 {
		opt.Sockets = 2
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Adapter{
		opt: opt, api: client, now: opt.Now, log: opt.Logger, bot: opt.Bot, incidents: opt.Incidents,
		jobs: newLanes(32, 1024), modals: newLanes(1, 64), seen: newWindow(nonceKept, nonceLimit),
		people: newCache[verdict](), places: newCache[place](), cards: newCards(), posted: newPosted(),
	}
	a.ctx, a.stop = context.WithCancel(context.Background())
	a.out = newOutbox(a.ctx, a.now, a.log)
	a.refused = newRefusals(a.now, a.record)
	return a, nil
}

// Bind gives the adapter what it could not have at New, because the two sides
// need each other. Call it before Run and before the first request.
func (a *Adapter) Bind(bot Bot, incidents Incidents) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bot, a.incidents = bot, incidents
}

func (a *Adapter) bound() (Bot, Incidents, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bot, a.incidents, a.bot != nil && a.incidents != nil
}

// Run listens through Socket Mode when there is an app token, draws the cards
// that may be stale, and returns nil after ctx ends and what was under way is
// finished. An error says that Slack does not accept the tokens or that they
// are of another workspace: nothing can be heard from Slack any more, but
// cards and posts are still tried until [Adapter.Stop]; the terminal goes on.
func (a *Adapter) Run(ctx context.Context) error {
	if _, _, ok := a.bound(); !ok {
		return errors.New("slack: Run was called before Bind")
	}
	if _, err := a.self(ctx); err != nil && class(err) == FaultAuth {
		return fmt.Errorf("slack does not accept the bot token: %w", err)
	} else if errors.Is(err, errWrongTeam) {
		return err
	}
	a.refreshCards(ctx)
	if !a.opt.AppToken.Empty() {
		if err := a.listen(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	<-ctx.Done()
	a.Stop()
	return nil
}

// Stop takes no more requests, gives what is under way a few seconds, and ends.
func (a *Adapter) Stop() {
	a.refused.flush()
	a.jobs.close()
	a.modals.close()
	ctx, cancel := context.WithTimeout(a.ctx, farewell)
	defer cancel()
	_ = a.Flush(ctx) // what is left then is drawn or asked again after the next start
	a.out.close()
	a.stop()
	a.out.wg.Wait()
	a.api.close()
}

// Flush waits until every request that came was worked on and nothing is owed to Slack.
func (a *Adapter) Flush(ctx context.Context) error {
	for _, wait := range []func() <-chan struct{}{a.modals.empty, a.jobs.empty, a.out.empty} {
		select {
		case <-wait():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Outbox says how many messages wait for Slack, and for how long the oldest has.
func (a *Adapter) Outbox() (depth int, oldest time.Duration) { return a.out.depth() }

// errWrongTeam says that the token does not fit the configuration.
const errWrongTeam = failure("the bot token is of another workspace than the configured team id; correct one of the two")

// self is who the bot is, asked once.
func (a *Adapter) self(ctx context.Context) (identity, error) {
	a.mu.Lock()
	me := a.me
	a.mu.Unlock()
	if me.user != "" {
		return me, nil
	}
	me, err := a.api.authTest(ctx)
	if err != nil {
		return identity{}, err
	}
	if me.team != a.opt.TeamID {
		return identity{}, errWrongTeam
	}
	a.mu.Lock()
	a.me = me
	a.mu.Unlock()
	return me, nil
}
