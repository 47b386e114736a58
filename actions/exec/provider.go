package exec

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// Options configure a Provider.
type Options struct {
	Programs map[string]Program               // by the name that runbooks use
	Secrets  *actions.Secrets                 // resolves references in env; nil knows secret://env and secret://file
	Environ  func(name string) (string, bool) // firebreak's own environment; nil: os.LookupEnv
	Grace    time.Duration                    // between asking a group of processes to end and killing it; zero: 2 s
}

// Program is one program that runbooks may run.
type Program struct {
	File
	Interpreter File             // what runs the file when it is a script; zero: the file is run itself
	Env         []string         // names that the environment may hold: set by the step, but for PATH, else taken from firebreak's own
	Dir         string           // working directory; empty: /
	Effects     []actions.Effect // read: for exec.read and verify; destructive: for exec.run and undo
}

// File is a file pinned by its content.
type File struct {
	Path   string // absolute
	SHA256 string // 64 lower-case hex digits
}

// Provider holds what the actions of this package share. It is safe for
// concurrent use.
type Provider struct{ options Options }

const defaultGrace = 2 * time.Second

// New gives a provider. No file is opened yet, so that a program which is
// missing stops the steps that need it and not the server. The error names all
// that is wrong with the options, sorted by program.
func New(options Options) (*Provider, error) {
	if options.Environ == nil {
		options.Environ = os.LookupEnv
	}
	if options.Grace == 0 {
		options.Grace = defaultGrace
	}
	programs := make(map[string]Program, len(options.Programs))
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(options.Programs)) {
		p := options.Programs[name]
		for _, problem := range p.problems(name) {
			problems = append(problems, fmt.Errorf("program %q: %s", name, problem))
		}
		p.Env, p.Effects = slices.Clone(p.Env), slices.Clone(p.Effects)
		programs[name] = p
	}
	options.Programs = programs
	return &Provider{options}, errors.Join(problems...)
}

// Register adds all actions of this package to r.
func (p *Provider) Register(r *actions.Registry) {
	actions.Register(r, read{p})
	actions.Register(r, run{p})
}

// problems says what is wrong with a program, before its files are looked at.
func (p Program) problems(name string) []string {
	var found []string
	add := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if ok, _ := regexp.MatchString(programForm, name); !ok {
		add("the name does not match %s", programForm)
	}
	check := func(what string, f File) {
		if !filepath.IsAbs(f.Path) {
			add("the path of the %s, %q, is not absolute", what, f.Path)
		}
		if ok, _ := regexp.MatchString(`^[0-9a-f]{64}$`, f.SHA256); !ok {
			add("the sum of the %s is not 64 lower-case hex digits; take it with: sha256sum %s", what, f.Path)
		}
	}
	check("file", p.File)
	if p.Interpreter != (File{}) {
		check("interpreter", p.Interpreter)
	}
	if p.Dir != "" && !filepath.IsAbs(p.Dir) {
		add("the working directory %q is not absolute", p.Dir)
	}
	for _, env := range p.Env {
		if why := refusedEnv(env); why != "" {
			add("the environment may not hold %q: %s", env, why)
		}
	}
	if len(p.Effects) == 0 {
		add("no effects are allowed; list read, destructive or both")
	}
	for _, effect := range p.Effects {
		if effect != actions.Read && effect != actions.Destructive {
			add("the effect %q is not read or destructive; what a program does to the world counts as destructive even when another one takes it back", effect)
		}
	}
	return found
}

// refusedEnv says why a name must not stand in the environment of a pinned
// program: the loader or the interpreter would take code from it.
func refusedEnv(name string) string {
	if ok, _ := regexp.MatchString(`^[A-Za-z_][A-Za-z0-9_]*$`, name); !ok {
		return "it is no name of a variable"
	}
	for _, prefix := range []string{"LD_", "DYLD_"} {
		if strings.HasPrefix(name, prefix) {
			return "it makes the program load other code than what was pinned"
		}
	}
	if strings.HasPrefix(name, "FIREBREAK_") {
		return "names that begin with FIREBREAK_ are set by firebreak"
	}
	switch name {
	case "GCONV_PATH", "GLIBC_TUNABLES", "BASH_ENV", "ENV", "SHELLOPTS", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "NODE_OPTIONS", "NODE_PATH",
		"PERL5LIB", "PERLLIB", "PERL5OPT", "PERL5DB", "RUBYLIB", "RUBYOPT", "GEM_HOME", "GEM_PATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH",
		"LUA_INIT", "LUA_PATH", "LUA_CPATH", "PHPRC", "PHP_INI_SCAN_DIR", "DOTNET_STARTUP_HOOKS", "CORECLR_PROFILER_PATH", "OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES":
		return "it makes the program load other code than what was pinned"
	}
	return ""
}

// sum names what is pinned: the file, and the interpreter in front of it.
func (p Program) sum() string {
	if p.Interpreter == (File{}) {
		return p.SHA256
	}
	return p.Interpreter.SHA256 + "+" + p.SHA256
}

func (p Program) dir() string {
	if p.Dir == "" {
		return "/"
	}
	return p.Dir
}

// program finds a program that may be used for an effect.
func (p *Provider) program(name string, effect actions.Effect) (Program, error) {
	found, ok := p.options.Programs[name]
	switch {
	case !ok:
		hint := "none is configured"
		if names := slices.Sorted(maps.Keys(p.options.Programs)); len(names) > 0 {
			hint = "known: " + strings.Join(names, ", ")
		}
		return Program{}, &actions.Error{Class: actions.NotFound, Op: "exec", Err: fmt.Errorf("program %q is not in the configuration", name), Hint: hint}
	case !slices.Contains(found.Effects, effect):
		return Program{}, &actions.Error{Class: actions.Denied, Op: "exec", Err: fmt.Errorf("program %q may not be used for the effect %q", name, effect), Hint: "allow the effect in the configuration, or use another program"}
	}
	return found, nil
}
