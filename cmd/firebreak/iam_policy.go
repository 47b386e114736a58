package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/iampolicy"
)

// iamPolicy holds the flags of the command.
type iamPolicy struct {
	env, format string
	phases      []string
	options     iampolicy.Options
	trust       iampolicy.Trust
}

func (p *program) iamPolicyCommand() *cobra.Command {
	var f iamPolicy
	c := &cobra.Command{
		Use:   "iam-policy [RUNBOOK [NAME=VALUE ...]] ...",
		Short: "Write the IAM rights that runbooks need, and no more",
		Long: `Write the IAM rights that runbooks (files, or ids of those in the configuration
or the library; all of them when none is named) need, and no more, one policy for
each phase: preflight (only reads: plans, and steps that read), contain (changes
and their proof), evidence (steps marked evidence) and release (what an undo needs).

Resources are filled from the runbooks, from the inputs given after a runbook,
and from the environment; what is not known before a run stays *. --format table
says for each right which step needs it and why; Terraform has the same as
comments; --json has documents, reasons and notes. JSON for one phase is the
document itself, for several an object of documents by name. What would be too
large for a managed policy goes on in contain-2 and so on.

--trust writes the trust policies of the roles instead.

Exit codes: 0 done, 1 a runbook or an input is wrong, 2 usage.`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return p.runbookIDs(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.loadIfThere()
			if err != nil {
				return err
			}
			if err := f.check(c, cfg); err != nil {
				return err
			}
			if c.Flags().Changed("trust") {
				return p.writeTrust(f, args)
			}
			registry := app.Registry(cfg, app.Options{}, nil)
			uses, err := p.uses(cfg, registry, args)
			if err != nil {
				return err
			}
			set, err := iampolicy.Make(uses, registry.Spec, f.options)
			if err != nil {
				return err
			}
			return p.writePolicies(f, set)
		},
	}
	flags := c.Flags()
	flags.StringSliceVar(&f.phases, "phase", nil, "only this phase: preflight, contain, evidence, release")
	flags.StringVar(&f.format, "format", "json", "json, terraform or table")
	flags.StringVar(&f.env, "env", "", "environment that gives account and region (default: the default one of the configuration)")
	flags.StringVar(&f.options.Account, "account", "", "account, twelve digits (default: that of the environment, else any)")
	flags.StringVar(&f.options.Region, "region", "", "region (default: that of the environment, else any)")
	flags.StringVar(&f.options.Partition, "partition", "", "partition (default: that of the region, else aws)")
	flags.StringSliceVar(&f.options.Evidence, "evidence-bucket", nil, "pattern of the names of evidence buckets (default: firebreak-evidence-*)")
	flags.StringVar(&f.trust.Engine, "trust", "", "write trust policies for this ARN, the identity that firebreak runs as")
	flags.StringVar(&f.trust.ExternalID, "external-id", "", "with --trust: the external id that must be given")
	return c
}

var (
	accountForm   = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm    = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	partitionForm = regexp.MustCompile(`^aws(-[a-z]+)*$`)
	bucketForm    = regexp.MustCompile(`^[a-z0-9.*-]{3,63}$`)
)

// check reads the flags, and fills in what the environment says.
func (f *iamPolicy) check(c *cobra.Command, cfg *config.Config) error {
	for _, name := range f.phases {
		phase := iampolicy.Phase(name)
		if !slices.Contains(iampolicy.Phases(), phase) {
			return usage("there is no phase %q; there are preflight, contain, evidence, release", name)
		}
		f.options.Phases = append(f.options.Phases, phase)
	}
	slices.SortFunc(f.options.Phases, func(a, b iampolicy.Phase) int {
		return slices.Index(iampolicy.Phases(), a) - slices.Index(iampolicy.Phases(), b)
	})
	f.options.Phases = slices.Compact(f.options.Phases)
	f.trust.Phases = f.options.Phases
	if !slices.Contains([]string{"json", "terraform", "table"}, f.format) {
		return usage("there is no format %q; there are json, terraform and table", f.format)
	}
	if c.Flags().Changed("trust") {
		if err := f.trust.Check(); err != nil {
			return usage("%w", err)
		}
		if f.format == "table" {
			return usage("a trust policy has the formats json and terraform")
		}
	} else if f.trust.ExternalID != "" {
		return usage("--external-id belongs to a trust policy; give --trust as well")
	}
	if err := f.environment(cfg); err != nil {
		return err
	}
	for _, flag := range []struct {
		name, value, like string
		form              *regexp.Regexp
	}{
		{"account", f.options.Account, "111122223333", accountForm}, {"region", f.options.Region, "eu-central-1", regionForm}, {"partition", f.options.Partition, "aws", partitionForm},
	} {
		if flag.value != "" && !flag.form.MatchString(flag.value) {
			return usage("--%s %q is none; write it like %s", flag.name, flag.value, flag.like)
		}
	}
	for _, bucket := range f.options.Evidence {
		if !bucketForm.MatchString(bucket) {
			return usage("--evidence-bucket %q is no pattern of a bucket's name; write it like firebreak-evidence-*", bucket)
		}
	}
	return nil
}

func (f *iamPolicy) environment(cfg *config.Config) error {
	if cfg == nil {
		if f.env != "" {
			return usage("there is no configuration that says what environment %q is; give --account and --region", f.env)
		}
		return nil
	}
	env, ok := cfg.Environment(f.env)
	if !ok {
		if f.env == "" {
			return nil // several, and none is the default
		}
		return usage("there is no environment %q", f.env)
	}
	if f.options.Account != "" && f.options.Account != env.Account {
		if f.env != "" {
			return usage("environment %q is account %s, not %s", env.Name, env.Account, f.options.Account)
		}
		return nil
	}
	f.options.Environment, f.options.Account = env.Name, env.Account
	if f.options.Region == "" {
		f.options.Region = env.Region
	}
	return nil
}

// uses reads the words: runbooks, each with its inputs behind it.
func (p *program) uses(cfg *config.Config, registry *actions.Registry, args []string) ([]iampolicy.Use, error) {
	books := &shelf{p: p, cfg: cfg, registry: registry}
	var uses []iampolicy.Use
	var given []map[string]string
	for _, word := range args {
		name, value, isInput := strings.Cut(word, "=")
		if _, err := os.Stat(word); !isInput || err == nil {
			r, err := p.program(word, books.all, books.check)
			if err != nil {
				return nil, err
			}
			uses, given = append(uses, iampolicy.Use{Program: r}), append(given, map[string]string{})
			continue
		}
		if len(uses) == 0 {
			return nil, usage("%q is an input; name its runbook first", word)
		}
		last := given[len(given)-1]
		if _, twice := last[name]; twice {
			return nil, usage("input %q is given twice", name)
		}
		last[name] = value
	}
	for i := range uses {
		inputs, err := someInputs(uses[i].Program, given[i])
		if err != nil {
			return nil, fmt.Errorf("the inputs of %q do not fit: %w", uses[i].Program.ID, err)
		}
		uses[i].Inputs = inputs
	}
	if len(args) > 0 {
		return uses, nil
	}
	for _, r := range books.all() {
		uses = append(uses, iampolicy.Use{Program: r})
	}
	return uses, nil
}

// someInputs reads the inputs that were given; the others need not be.
func someInputs(p *runbooks.Program, given map[string]string) (map[string]any, error) {
	only := *p
	only.Inputs = slices.DeleteFunc(slices.Clone(p.Inputs), func(in runbooks.Input) bool {
		_, ok := given[in.Name]
		return !ok
	})
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, known := p.Input(name); !known {
			_, problems := p.CoerceInputs(given) // knows the names that were meant
			problems = slices.DeleteFunc(problems, func(one actions.Problem) bool { return one.Path != name })
			return nil, problems
		}
	}
	inputs, problems := only.CoerceInputs(given)
	if len(problems) > 0 {
		return nil, problems
	}
	return inputs, nil
}

func (p *program) writePolicies(f iamPolicy, set *iampolicy.Set) error {
	return p.write(set, func(w io.Writer) error {
		switch f.format {
		case "table":
			return set.Table(w)
		case "terraform":
			_, err := w.Write(set.Terraform())
			return err
		}
		if err := set.WriteNotes(p.err, "", "note: "); err != nil {
			return err
		}
		_, err := w.Write(set.JSON())
		return err
	})
}

func (p *program) writeTrust(f iamPolicy, args []string) error {
	if len(args) > 0 {
		return usage("a trust policy is the same for every runbook; leave %q out", args[0])
	}
	documents := struct {
		Trust iampolicy.Document `json:"trust"`
		Notes []string           `json:"notes"`
	}{f.trust.Document(), f.trust.Notes()}
	return p.write(documents, func(w io.Writer) error {
		if f.format == "terraform" {
			_, err := w.Write(f.trust.Terraform())
			return err
		}
		for _, note := range f.trust.Notes() {
			fmt.Fprintf(p.err, "note: %s\n", note)
		}
		_, err := w.Write(f.trust.JSON())
		return err
	})
}
