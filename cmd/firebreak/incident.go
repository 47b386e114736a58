package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/chatops/console"
	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/cmd/internal/local"
	"github.com/firebreak-ir/firebreak/engine"
)

func (p *program) incidentCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "incident VERB ...",
		Short: "The same words as /incident in Slack, from a terminal",
		Long: `Say what you would say after /incident in Slack. When a server runs, it is asked
over its socket; otherwise the journal is opened for this one command, and what
the command starts is waited for until it needs a person or is done.

Who you are is your user name on this machine, looked up in the directory.

  firebreak incident help
  firebreak incident declare "leaked key" --sev 2
  firebreak incident run leaked-access-key access_key_id=AKIA... INC-12
  firebreak incident approve disable INC-12
  firebreak incident approve disable INC-12 --sign ~/.ssh/id_ed25519

A step may want a yes to be signed with an SSH key of yours that the directory
holds. --sign names the key, its .pub file when the private half is in
ssh-agent, or the word agent for the first key of ssh-agent that fits. What is
signed is shown; ssh-keygen makes the signature, and asks for the pass phrase
or the touch of a hardware key.

--config comes before the verb. What is handed out (export) is written into the
current folder; firebreak export writes it elsewhere.

Exit codes: 0 done, 1 refused or failed, 2 the words were not understood, 10 or
20 the journal is damaged or altered (see firebreak verify).`,
		DisableFlagParsing: true,
		ValidArgsFunction: func(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			return chatops.Complete(append(args, word), p.runbookIDs()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			words, help, err := p.ownFlags(args)
			if err != nil {
				return err
			}
			if help {
				return c.Help()
			}
			if len(words) == 0 {
				words = []string{"help"}
			}
			cfg, err := p.load()
			if err != nil {
				return err
			}
			m, err := p.say(c.Context(), cfg, chatops.Join(incidentFirst(words)))
			if err != nil {
				return err
			}
			if err := p.keep(m.Files); err != nil {
				return err
			}
			return p.show(m)
		},
	}
}

var incidentForm = regexp.MustCompile(`(?i)^(INC|DRL)-[0-9]+$`)

// incidentFirst moves an incident from the end to behind the verb, where it
// cannot be taken for the last word of a text: the shell has taken the quotes
// away that tell resolve "ok" INC-2 from resolve ok INC-2, and the second would
// end another incident than the one that was named.
func incidentFirst(words []string) []string {
	last, verb := len(words)-1, 0
	if len(words) > 1 {
		verb = strings.Count(chatops.VerbOf(words[0]+" "+words[1]), " ") + 1
	}
	if last < verb+1 || !incidentForm.MatchString(words[last]) || incidentForm.MatchString(words[verb]) {
		return words
	}
	return slices.Concat(words[:verb], words[last:], words[verb:last])
}

// keep writes what was handed out into the current folder. JSON for machines
// holds it already.
func (p *program) keep(files []chatops.File) error {
	if p.json {
		return nil
	}
	for _, f := range files {
		name := filepath.Base(f.Name)
		if err := saveNew(name, 0o600, f.Data, "name another file: firebreak export --out FILE INCIDENT"); err != nil {
			return err
		}
	}
	return nil
}

// ownFlags takes away what is not the verb's: --config and --json before it,
// and, because no verb has them and hands type them there, --json and --help
// behind it.
func (p *program) ownFlags(args []string) (words []string, help bool, err error) {
	for ; len(args) > 0; args = args[1:] {
		name, value, given := strings.Cut(args[0], "=")
		switch {
		case args[0] == "--json":
			p.json = true
		case args[0] == "--help" || args[0] == "-h":
			if len(words) == 0 {
				return nil, true, nil
			}
			return []string{"help", words[0]}, false, nil
		case len(words) > 0:
			words = append(words, args[0])
		case name == "--config" && given:
			p.config = value
		case name == "--config":
			if len(args) < 2 {
				return nil, false, usage("--config needs a path")
			}
			p.config = args[1]
			args = args[1:]
		case strings.HasPrefix(name, "-"):
			return nil, false, usage("flag %s is not known before the verb; known: --config, --json", name)
		default:
			words = append(words, args[0])
		}
	}
	return words, false, nil
}

// talk is somebody who answers lines and forms.
type talk struct {
	command func(ctx context.Context, text, signature string) (chatops.Message, error)
	answer  func(ctx context.Context, form, state string, values map[string]string) (chatops.Message, map[string]string, error)
}

// say asks the server, or the journal when no server runs.
func (p *program) say(ctx context.Context, cfg *config.Config, text string) (chatops.Message, error) {
	return p.sayTo(ctx, cfg, text, nil)
}

// sayTo is say with a place for what is handed out; nil: it comes in the answer.
func (p *program) sayTo(ctx context.Context, cfg *config.Config, text string, sink io.Writer) (chatops.Message, error) {
	client, err := local.Dial(cfg.Socket)
	if err == nil && sink != nil {
		return client.Export(ctx, text, sink)
	}
	if err == nil {
		return p.converse(ctx, talk{client.Command, client.Answer}, text)
	}
	if !errors.Is(err, local.ErrNoServer) {
		return chatops.Message{}, err
	}
	if err := p.checkJournal(ctx, cfg); err != nil {
		return chatops.Message{}, err
	}
	a, err := app.Open(ctx, cfg, app.Options{NoChat: true, CheckDrills: checkStore})
	if err != nil {
		return chatops.Message{}, err
	}
	actor := local.Person(&cfg.Directory, os.Getuid())
	m, err := p.converse(ctx, talk{
		command: func(ctx context.Context, text, signature string) (chatops.Message, error) {
			return a.Bot.Command(ctx, chatops.Input{Actor: actor, Text: text, Signature: signature, Sink: sink}), nil
		},
		answer: func(ctx context.Context, form, state string, values map[string]string) (chatops.Message, map[string]string, error) {
			m, wrong := a.Bot.Answer(ctx, chatops.Answer{Actor: actor, Form: form, State: state, Values: values})
			return m, wrong, nil
		},
	}, text)
	if err == nil && m.Seq >= 0 && !m.Failed {
		err = p.finish(ctx, a)
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
	defer cancel()
	return m, errors.Join(err, a.Close(closing))
}

// finish waits until every open incident needs a person or is done, because
// nobody goes on with the work once this process has ended.
func (p *program) finish(ctx context.Context, a *app.App) error {
	list, err := a.Host.List(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Resolved {
			continue
		}
		if err := a.Host.Idle(ctx, s.ID); err != nil {
			return err
		}
		err := a.Host.View(ctx, s.ID, func(i *engine.Incident) {
			if p.json {
				return
			}
			for _, ask := range i.Asks {
				if !ask.Closed {
					fmt.Fprintf(p.err, "%s waits: %s of %s/%s\n", i.ID, ask.Type, ask.Step.Run().ID, ask.Step.ID)
				}
			}
			for _, r := range i.Runs {
				for _, step := range sleeping(r.Steps) {
					fmt.Fprintf(p.err, "%s waits: %s/%s until %s; start a server (firebreak serve), or come back then\n", i.ID, r.ID, step.ID, step.Due.UTC().Format("2006-01-02 15:04:05 UTC"))
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sleeping lists the steps, at every level, that let time pass.
func sleeping(steps []*engine.Step) []*engine.Step {
	var list []*engine.Step
	for _, s := range steps {
		if s.Status == engine.StepSleeping {
			list = append(list, s)
		}
		list = append(list, sleeping(s.Children())...)
	}
	return list
}

// converse sends a line, signs what it may be answered with, and fills in the
// form it may be answered with.
func (p *program) converse(ctx context.Context, t talk, text string) (chatops.Message, error) {
	m, err := t.command(ctx, text, "")
	if err == nil && m.Sign != nil {
		m, err = p.signed(ctx, t, text, m)
	}
	for err == nil && m.Form != nil && p.interactive() && !p.json {
		form := *m.Form
		var values, wrong map[string]string
		if values, err = console.Fill(p.in, p.err, form); err != nil {
			return m, err
		}
		if m, wrong, err = t.answer(ctx, form.ID, form.State, values); err == nil && len(wrong) > 0 {
			if err := console.Wrong(p.err, form, wrong); err != nil {
				return m, err
			}
			m.Form = &form
		}
	}
	return m, err
}

// show writes an answer and gives its exit code.
func (p *program) show(m chatops.Message) error {
	write := func() error { return console.Print(p.out, m, p.style()) }
	if p.json {
		write = func() error { return console.PrintJSON(p.out, m) }
	}
	if err := write(); err != nil {
		return err
	}
	switch {
	case m.Usage, m.Form != nil:
		return &exit{code: exitUsage}
	case m.Failed:
		return &exit{code: exitFailed}
	}
	return nil
}

// runbookIDs lists what can be completed, or nothing.
func (p *program) runbookIDs() []string {
	path, err := config.Find(p.config)
	if err != nil {
		return nil
	}
	cfg, err := config.Load(path)
	if err != nil {
		return nil
	}
	programs, _, _ := app.Programs(cfg, app.Registry(cfg, app.Options{}, nil))
	var ids []string
	for _, r := range programs {
		ids = append(ids, r.ID)
	}
	return ids
}
