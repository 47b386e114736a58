package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/firebreak-ir/firebreak/chatops/console"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// program is one call of firebreak.
type program struct {
	streams
	config string // path of firebreak.yaml; empty: see config.Find
	json   bool
	ran    bool // the words were understood and the command began
}

// exit is an error that carries its exit code. Without err everything was said.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// usage is a mistake in how a command was called.
func usage(format string, args ...any) error {
	return &exit{exitUsage, fmt.Errorf(format, args...)}
}

// run is the whole program: words in, exit code out.
func run(ctx context.Context, args []string, s streams) int {
	p := &program{streams: s}
	root := p.root()
	root.SetArgs(args)
	called, err := root.ExecuteContextC(ctx)
	code := codeOf(err)
	if err != nil && !p.ran {
		code = exitUsage
	}
	if err != nil && err.Error() != "" {
		name := "firebreak: "
		if _, ok := errors.AsType[*config.Problems](err); ok {
			name = "" // each line begins with the place in the file
		}
		fmt.Fprintf(s.err, "%s%s\n", name, strings.TrimSuffix(err.Error(), "\n"))
		if code == exitUsage {
			fmt.Fprintf(s.err, "see: %s --help\n", called.CommandPath())
		}
	}
	return code
}

func codeOf(err error) int {
	if err == nil {
		return exitDone
	}
	if e, ok := errors.AsType[*exit](err); ok {
		return e.code
	}
	if _, ok := errors.AsType[*journal.FencedError](err); ok {
		return journal.ExitFenced
	}
	if _, ok := errors.AsType[*journal.PoisonedError](err); ok {
		return journal.ExitPoisoned
	}
	return exitFailed
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "firebreak",
		Short: "Incident response runbooks that ask first, prove their effect, and leave a record",
		Long: `firebreak runs incident response runbooks written as YAML: it plans, asks the
right people, acts, checks that the effect is there, can take it back, and
leaves a record that a stranger can verify.

Begin with: firebreak demo, or: firebreak init

Exit codes: 0 done, 1 failed, 2 usage; 3 to 21 see: firebreak verify --help;
70 the store may hold what could not be confirmed, start again and read;
71 another process took the store.`,
		SilenceUsage: true, SilenceErrors: true,
		Args:              cobra.NoArgs,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error { p.ran = true; return nil },
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exit{exitUsage, err} })
	root.PersistentFlags().StringVar(&p.config, "config", "", "path of firebreak.yaml (default: $"+config.Variable+", then ./"+config.FileName+")")
	root.PersistentFlags().BoolVar(&p.json, "json", false, "write JSON for machines")
	root.AddCommand(
		p.initCommand(), p.serveCommand(), p.incidentCommand(), p.lintCommand(), p.fmtCommand(), p.testCommand(), p.rehearseCommand(),
		p.planCommand(), p.schemaCommand(), p.iamPolicyCommand(), p.exportCommand(), p.verifyCommand(), p.verifyChildCommand(),
		p.actionsCommand(), p.doctorCommand(), p.slackCommand(), p.demoCommand(), p.versionCommand(),
		p.graphCommand(), p.docsCommand(), p.diffCommand(), p.readinessCommand(), p.reviewCommand(),
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = func(_ *cobra.Command, args []string) error {
				if found, _, _ := root.Find(args); found == root && len(args) > 0 {
					return usage("there is no command %q", args[0])
				}
				return nil
			}
			nameExitCodes(c)
		case "completion":
			nameExitCodes(c)
		}
	}
	return root
}

// words asks for at least low and at most high arguments; high -1: as many as
// there are.
func words(low, high int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < low || high >= 0 && len(args) > high {
			return usage("%d arguments do not fit: %s", len(args), c.UseLine())
		}
		return nil
	}
}

// nameExitCodes adds the exit codes to the help of commands that are not ours.
func nameExitCodes(c *cobra.Command) {
	c.Long = strings.TrimRight(c.Long, "\n") + "\n\nExit codes: 0 done, 2 usage."
	for _, sub := range c.Commands() {
		nameExitCodes(sub)
	}
}

// count writes a number with its noun: 1 runbook, 2 runbooks.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// load finds and reads the configuration.
func (p *program) load() (*config.Config, error) {
	path, err := config.Find(p.config)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintf(p.err, "warning: %s\n", w)
	}
	return cfg, nil
}

// write writes v as JSON when that was asked for, else calls people.
func (p *program) write(v any, people func(w io.Writer) error) error {
	if !p.json {
		return people(p.out)
	}
	e := json.NewEncoder(p.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// logger writes what a server has to say, to standard error.
func (p *program) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: level}))
}

// style is how the terminal, if it is one, wants to be written to.
func (p *program) style() console.Style {
	f, ok := p.out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return console.Style{Width: 100}
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 80
	}
	return console.Style{Width: width, Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// interactive says whether a person can be asked.
func (p *program) interactive() bool {
	f, ok := p.in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
