package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws"
	execaction "github.com/firebreak-ir/firebreak/actions/exec"
	httpaction "github.com/firebreak-ir/firebreak/actions/http"
	slackaction "github.com/firebreak-ir/firebreak/actions/slack"
	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/chatops/slack"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/host"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Options are what a caller may set besides the configuration. The zero value
// is what a server uses.
type Options struct {
	Log          *slog.Logger     // nil: silent
	Secrets      *actions.Secrets // nil: env and file
	Create       bool             // make the journal when there is none; only init and the demo do
	NoChat       bool             // for a command in a terminal while no server runs
	AWS          aws.Options      // credentials and pauses; the environments come from the configuration
	CardInterval time.Duration    // of Slack's card; zero: the adapter's own
	CheckDrills  StoreCheck       // before the store of exercises is opened; nil: it is not looked at, as in tests
}

// App is everything that runs.
type App struct {
	Config   *config.Config
	Journal  *bolt.Log
	Registry *actions.Registry
	Host     *host.Host
	Bot      *chatops.Bot
	Slack    *slack.Adapter // nil without Slack
	Drills   *Drills        // nil: another process has the store of exercises
	Faults   runbooks.Diagnostics
	Sources  map[string][]byte // of the runbook files, for Faults

	log    *slog.Logger
	fatal  chan error
	opened chan struct{} // closed when Host is there, or will never be
	wakes  *waking       // the journal, as the host appends to it
	shelf  func() Shelf  // read when it is first asked for: most words of a terminal need no runbook
	past   *past
}

// Open takes the store and brings back what is unfinished in it.
func Open(ctx context.Context, cfg *config.Config, o Options) (_ *App, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &App{Config: cfg, log: o.Log, fatal: make(chan error, 1), opened: make(chan struct{}), past: newPast()}
	if _, _, err := outside(cfg, o); err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Path, err)
	}
	signer, err := journal.LoadSigner(cfg.Signer)
	if err != nil {
		return nil, fmt.Errorf("the key that signs the journal: %w", err)
	}
	a.Journal, err = bolt.Open(cfg.Store, bolt.Options{Signer: signer, Org: cfg.Organisation, MustExist: !o.Create})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Journal.Close())
		}
	}()
	a.wakes = newWaking(a.Journal)
	if err := sameKey(cfg.Genesis, a.Journal.Verifier()); err != nil {
		return nil, err
	}
	if cfg.Slack != nil && !o.NoChat {
		if a.Slack, err = newSlack(ctx, cfg, o); err != nil {
			return nil, err
		}
	}
	a.Registry = Registry(cfg, o, a.channel)
	a.shelf = sync.OnceValue(func() Shelf { return LoadShelf(cfg, a.Registry) })
	if !o.NoChat { // a server says what is wrong with them before anybody needs them
		shelf := a.shelf()
		a.Faults, a.Sources = shelf.Faults, shelf.Sources
	}
	ho := host.Options{
		Journal: a.wakes, Store: a.Journal.Origin(), Registry: a.Registry, Log: o.Log,
		Programs:     func() []*runbooks.Program { return a.shelf().Programs },
		Environments: environments(cfg), Environment: cfg.DefaultEnvironment,
		Fatal: func(err error) { a.fatal <- err }, Extra: a.extra,
	}
	if a.Slack != nil {
		ho.Chat = a.Slack
	}
	a.Host, err = host.Open(ctx, ho)
	close(a.opened)
	if err != nil {
		if a.Slack != nil {
			a.Slack.Stop()
		}
		return nil, err
	}
	a.openDrills(ctx, a.shelf, ho.Chat, o.CheckDrills)
	a.Bot = a.newBot()
	if a.Slack != nil {
		a.Slack.Bind(a.Bot, a.sides())
	}
	return a, nil
}

// openDrills makes exercises possible. Without them live incidents are handled
// all the same, so that it does not work is told and is no error.
func (a *App) openDrills(ctx context.Context, shelf func() Shelf, chat engine.Chat, check StoreCheck) {
	log, err := openDrillStore(ctx, a.Config, check)
	if err == nil {
		a.Drills, err = openDrills(ctx, log, shelf, drillOptions{
			store: log.Origin(), chat: chat, log: a.log, stopWord: a.Config.Rehearsal.StopWord, environments: environments(a.Config), directory: a.directory,
		})
	}
	if err != nil {
		a.log.Warn("nothing can be rehearsed here", "error", err)
	}
}

// sides are live incidents and exercises, side by side.
func (a *App) sides() *incidents {
	x := &incidents{live: a.Host, alarm: a.alarm}
	if a.Drills != nil {
		x.drills, x.overview = a.Drills.Stage, a.Drills.Overview
	}
	return x
}

// journalOf is the journal that holds an incident.
func (a *App) journalOf(incident string) journal.Log {
	if engine.IsExercise(incident) && a.Drills != nil {
		return a.Drills.Journal
	}
	return a.Journal
}

// sameKey compares the public key beside the configuration with the one the
// journal was made with. A missing file is only a pity: the journal carries
// its own; whoever verifies needs the file from elsewhere anyway.
func sameKey(path, verifier string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the public key of the journal: %w", err)
	}
	if strings.TrimSpace(string(data)) != strings.TrimSpace(verifier) {
		return fmt.Errorf("%s is not the key that this journal was made with; find out which of the two was replaced before anything else", path)
	}
	return nil
}

func environments(cfg *config.Config) []host.Environment {
	var list []host.Environment
	for _, e := range cfg.Environments {
		list = append(list, host.Environment{
			EnvironmentFacts: runbooks.EnvironmentFacts{Name: e.Name, Account: e.Account, Region: e.Region},
			Floor:            e.Floor, Protected: e.Protected, Settle: e.Settle,
		})
	}
	return list
}

// Registry is every action this build has, for the environments of cfg. It
// needs no credentials and no network until an action is called. cfg may be
// nil, for lint on a machine that has no configuration.
func Registry(cfg *config.Config, o Options, channel func(incident string) (string, error)) *actions.Registry {
	r := actions.NewRegistry()
	so := slackaction.Options{Channel: channel}
	if cfg != nil && cfg.Slack != nil {
		so.APIURL = cfg.Slack.APIURL
		so.Token = func(ctx context.Context) (actions.Secret, error) { return o.Secrets.Resolve(ctx, cfg.Slack.BotToken) }
	}
	aws.New(awsOptions(cfg, o.AWS)).Register(r)
	slackaction.New(so).Register(r)
	web, programs, _ := outside(cfg, o) // what is wrong with them stops a server, see New
	web.Register(r)
	programs.Register(r)
	return r
}

// Outside says what is wrong in the configuration about hosts, services and
// programs that steps may use; nil: nothing. Nobody is called.
func Outside(cfg *config.Config) error {
	_, _, err := outside(cfg, Options{})
	return err
}

// outside gives the providers that are neither AWS nor Slack. The error names
// what is wrong in the configuration; then they know no host and no program.
func outside(cfg *config.Config, o Options) (*httpaction.Provider, *execaction.Provider, error) {
	ho, eo := httpaction.Options{Secrets: o.Secrets}, execaction.Options{Secrets: o.Secrets, Programs: map[string]execaction.Program{}}
	if cfg != nil {
		if cfg.HTTP != nil {
			ho.Hosts, ho.HostSecrets, ho.Private = cfg.HTTP.Hosts, cfg.HTTP.Secrets, cfg.HTTP.Private
		}
		if cfg.Okta != nil {
			ho.Okta = httpaction.Okta(*cfg.Okta)
		}
		if cfg.GitHub != nil {
			ho.GitHub = httpaction.GitHub(*cfg.GitHub)
		}
		if cfg.PagerDuty != nil {
			ho.PagerDuty = httpaction.PagerDuty(*cfg.PagerDuty)
		}
		for name, p := range cfg.Programs {
			program := execaction.Program{File: execaction.File{Path: p.Path, SHA256: p.SHA256}, Env: p.Env, Dir: p.Dir}
			program.Interpreter = execaction.File{Path: p.Interpreter, SHA256: p.ScriptSum}
			for _, effect := range p.Effects {
				program.Effects = append(program.Effects, actions.Effect(effect))
			}
			eo.Programs[name] = program
		}
	}
	web, err := httpaction.New(ho)
	if err != nil {
		web, _ = httpaction.New(httpaction.Options{})
	}
	programs, wrong := execaction.New(eo)
	if wrong != nil {
		programs, _ = execaction.New(execaction.Options{})
	}
	return web, programs, errors.Join(err, wrong)
}

// awsOptions adds the environments of the configuration.
func awsOptions(cfg *config.Config, o aws.Options) aws.Options {
	o.Environments = map[string]aws.Environment{}
	if cfg == nil {
		return o
	}
	for _, e := range cfg.Environments {
		environment := aws.Environment{Account: e.Account, Region: e.Region, Role: e.Role, Roles: aws.Roles(e.Roles), ExternalID: e.ExternalID, Endpoint: e.Endpoint}
		if e.Evidence != nil {
			environment.Evidence = aws.Evidence{Bucket: e.Evidence.Bucket, Owner: e.Evidence.Account, Mode: e.Evidence.Mode, Days: e.Evidence.Days, KMSKey: e.Evidence.KMSKey}
		}
		o.Environments[e.Name] = environment
		if e.Settle != nil {
			o.Settle = max(o.Settle, *e.Settle, time.Millisecond)
		}
	}
	return o
}

// channel finds the chat channel of an incident for the actions.
func (a *App) channel(incident string) (string, error) {
	var channel string
	<-a.opened // what goes on where it was left may ask before Open is done
	if a.Host == nil {
		return "", errors.New("the server did not start")
	}
	err := a.Host.View(context.Background(), incident, func(i *engine.Incident) { // of live incidents only: no action is called for another
		if i.Channel != nil {
			channel = i.Channel.Channel
		}
	})
	if err == nil && channel == "" {
		err = fmt.Errorf("%s has no channel yet; name one with the parameter channel", incident)
	}
	return channel, err
}

func (a *App) newBot() *chatops.Bot {
	var names []string
	for _, e := range a.Config.Environments {
		if e.Name == a.Config.DefaultEnvironment {
			names = append([]string{e.Name}, names...)
		} else {
			names = append(names, e.Name)
		}
	}
	word := "/incident"
	if a.Config.Slack != nil && a.Config.Slack.Word != "" {
		word = a.Config.Slack.Word
	}
	if a.Slack == nil {
		word = "firebreak incident"
	}
	o := chatops.Options{
		Incidents: a.sides(), Directory: a.directory, Planner: &planner{a}, Exporter: &exporter{a.sides(), a.journalOf}, Readiness: &ledgerer{a},
		Policy: chatops.Policy{EverybodyResponds: a.Config.Policy.EverybodyResponds}, Word: word, StopWord: a.Config.Rehearsal.StopWord, Environments: names,
	}
	if a.Drills != nil {
		o.Drills = a.Drills
	}
	return chatops.NewBot(o)
}

func (a *App) directory() *chatops.Directory { return &a.Config.Directory }

// Close waits for effects in flight until ctx ends, and lets go of the store.
func (a *App) Close(ctx context.Context) error {
	a.Host.Close(ctx)
	var err error
	if a.Drills != nil {
		err = a.Drills.Close(ctx)
	}
	if a.Slack != nil {
		a.Slack.Stop()
	}
	return errors.Join(err, a.Journal.Close())
}

func newSlack(ctx context.Context, cfg *config.Config, o Options) (*slack.Adapter, error) {
	s := cfg.Slack
	so := slack.Options{
		TeamID: s.Team, APIURL: s.APIURL, Word: strings.TrimPrefix(s.Word, "/"), CardInterval: o.CardInterval, Logger: o.Log,
		Renderer:  slack.Renderer{Card: chatops.Card, Ask: chatops.AskMessage, End: chatops.EndMessage, Remind: chatops.ReminderMessage},
		Directory: func() *chatops.Directory { return &cfg.Directory },
	}
	for _, ref := range []struct {
		ref  string
		into *actions.Secret
	}{{s.BotToken, &so.BotToken}, {s.AppToken, &so.AppToken}, {s.SigningSecret, &so.SigningSecret}} {
		if ref.ref == "" {
			continue
		}
		var err error
		if *ref.into, err = o.Secrets.Resolve(ctx, ref.ref); err != nil {
			return nil, fmt.Errorf("a secret for Slack: %w", err)
		}
	}
	return slack.New(so)
}
