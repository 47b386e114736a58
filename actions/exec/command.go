package exec

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

const (
	programForm = `^[a-z][a-z0-9_.-]{0,63}$`
	maxArgs     = 256
	maxArgBytes = 8 << 10  // all arguments together: a person reads them in the approval
	maxStdin    = 64 << 10 // bytes
)

// check is a program that answers a question by its exit code.
type check struct {
	Program string   `json:"program" doc:"name of the program in the configuration; it must be allowed the effect read" example:"rotate-check" pattern:"^[a-z][a-z0-9_.-]{0,63}$"`
	Args    []string `json:"args,omitempty" doc:"its arguments, one by one"`
}

// command is one use of one program.
type command struct {
	program string
	args    []string
	env     map[string]string
	stdin   string
	params  map[string]string
	exit    exitCodes
	effect  actions.Effect
}

// command is the check as it is run: with the environment of the step, as far
// as its own list allows.
func (c check) command(env map[string]string) command {
	return command{program: c.Program, args: c.Args, env: env, effect: actions.Read}
}

// problems says what is wrong with the words of a command. path is where its
// parameters stand; strict says that env was written for this program, so that a
// name which is not on its list is a mistake.
func (c command) problems(path string, p Program, strict bool) actions.Problems {
	var found actions.Problems
	add := func(at, message, hint string) {
		found = append(found, actions.Problem{Path: path + at, Message: message, Hint: hint})
	}
	const byEnv = "a secret goes into env, where nobody else can read it"
	if len(c.args) > maxArgs {
		add("args", fmt.Sprintf("there are %d arguments, and %d are allowed", len(c.args), maxArgs), "give a list on stdin")
	}
	total := 0
	for i, arg := range c.args {
		total += len(arg)
		switch at := "args." + strconv.Itoa(i); {
		case strings.ContainsRune(arg, 0):
			add(at, "holds a NUL", "")
		case strings.Contains(arg, "secret://"):
			add(at, "holds a reference to a secret, and arguments are seen by everybody on the machine", byEnv)
		}
	}
	if total > maxArgBytes {
		add("args", fmt.Sprintf("the arguments have %d bytes, and %d are allowed", total, maxArgBytes), "give more on stdin")
	}
	if c.stdin != "" && len(c.params) > 0 {
		add("stdin", "is given together with params, which are written to stdin too", "give one of them")
	}
	if len(c.stdin) > maxStdin || len(c.input()) > maxStdin {
		add("stdin", fmt.Sprintf("has more than %d bytes", maxStdin), "")
	}
	if strings.Contains(c.stdin, "secret://") {
		add("stdin", "holds a reference to a secret", byEnv)
	}
	for _, name := range slices.Sorted(maps.Keys(c.params)) {
		if strings.Contains(c.params[name], "secret://") {
			add("params."+name, "holds a reference to a secret", byEnv)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.env)) {
		switch value := c.env[name]; {
		case strict && !slices.Contains(p.Env, name):
			add("env."+name, fmt.Sprintf("is not in the list of the program %q", c.program), allowedEnv(p.Env))
		case name == "PATH": // listed, it is passed on as firebreak has it
			add("env."+name, "decides which other programs a pinned one starts, so a step cannot set it", "leave it out; the program gets firebreak's own")
		case strings.ContainsRune(value, 0):
			add("env."+name, "holds a NUL", "")
		case strings.HasPrefix(value, "secret://"):
			if err := actions.CheckSecretRef(value); err != nil {
				add("env."+name, err.Error(), "")
			}
		case strings.Contains(value, "secret://"):
			add("env."+name, "holds a reference to a secret with other text around it", "give the reference alone")
		}
	}
	return append(found, c.exit.check()...)
}

func allowedEnv(names []string) string {
	if len(names) == 0 {
		return "its list is empty"
	}
	return "its list: " + strings.Join(slices.Sorted(slices.Values(names)), ", ")
}

// input is what the program reads on stdin; nil for nothing at all.
func (c command) input() []byte {
	switch {
	case c.stdin != "":
		return []byte(c.stdin)
	case len(c.params) > 0:
		data, err := json.Marshal(c.params)
		if err != nil {
			panic("exec: " + err.Error()) // a map of strings always marshals
		}
		return append(data, '\n')
	}
	return nil
}

// sentence is the command for people.
func (c command) sentence(p Program) string {
	words := []string{c.program}
	for _, arg := range c.args {
		words = append(words, strconv.Quote(arg))
	}
	s := fmt.Sprintf("Program %s is run: %s (%s, SHA-256 %s…).", strconv.Quote(c.program), strings.Join(words, " "), p.Path, p.SHA256[:12])
	if input := c.input(); input != nil {
		s += fmt.Sprintf(" It reads %d bytes on stdin.", len(input))
	}
	var set []string
	for _, name := range slices.Sorted(maps.Keys(c.env)) {
		if slices.Contains(p.Env, name) {
			set = append(set, name)
		}
	}
	if len(set) > 0 {
		s += " Set in its environment: " + strings.Join(set, ", ") + "."
	}
	return s
}

// look checks a command without running it: the words, the configuration, and
// the files as they are now.
func (p *Provider) look(path string, c command, strict bool) (Program, error) {
	program, err := p.program(c.program, c.effect)
	if err != nil {
		return program, err
	}
	if problems := c.problems(path, program, strict); len(problems) > 0 {
		return program, &actions.Error{Class: actions.Invalid, Op: "exec:" + c.program, Err: problems}
	}
	files, err := p.open(c.program, program)
	closeAll(files)
	return program, err
}

// open seals the files of a program: itself, or its interpreter and itself.
func (p *Provider) open(name string, program Program) ([]*os.File, error) {
	parts := []File{program.File}
	if program.Interpreter != (File{}) {
		parts = []File{program.Interpreter, program.File}
	}
	var files []*os.File
	for i, part := range parts {
		f, err := seal(name, part, i == 0)
		if err != nil {
			closeAll(files)
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
