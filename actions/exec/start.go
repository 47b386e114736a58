package exec

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// outcome is what a program did, with all secrets masked.
type outcome struct {
	ending
	stdout, stderr string
	cut            bool
	bytes          int64
	mask           mask
	left           []int // processes that outlived the kill
}

// start runs a command to its end. An error means that nothing was run.
func (p *Provider) start(ctx context.Context, call actions.Call, c command, strict bool) (outcome, error) {
	program, err := p.program(c.program, c.effect)
	if err != nil {
		return outcome{}, err
	}
	if problems := c.problems("", program, strict); len(problems) > 0 {
		return outcome{}, &actions.Error{Class: actions.Invalid, Op: "exec:" + c.program, Err: problems}
	}
	env, secrets, err := p.environment(ctx, call, c, program)
	if err != nil {
		return outcome{}, err
	}
	files, err := p.open(c.program, program)
	if err != nil {
		return outcome{}, err
	}
	defer closeAll(files)
	out := outcome{mask: newMask(secrets)}
	stdout, stderr := newCapture(out.mask), newCapture(out.mask)
	args := []string{program.Path}
	if len(files) > 1 {
		args = []string{program.Interpreter.Path, sealedPath(1)}
	}
	out.ending, err = process{
		files: files, args: append(args, c.args...), env: env, dir: program.dir(), stdin: c.input(),
		out: stdout, errors: stderr, grace: p.options.Grace,
	}.run(ctx)
	if err != nil {
		e := &actions.Error{Class: actions.Precondition, Op: "exec:" + c.program, Err: fmt.Errorf("it could not be started: %w", err), Hint: "nothing was run; check the working directory, and that the file is a program for this machine"}
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			e.Class, e.Err, e.Hint = actions.Transient, errors.New("the time was over before it could be started"), "nothing was run"
		}
		return outcome{}, e
	}
	call.Requests.Add("exec:"+c.program, "pid "+strconv.Itoa(out.pid))
	ended := out.cause == nil && out.signal == "" && !out.open
	out.stdout, out.cut, out.bytes = stdout.text(out.mask, ended)
	out.stderr, _, _ = stderr.text(out.mask, ended)
	if out.cause != nil {
		out.left = left(context.WithoutCancel(ctx), string(call.Key))
	}
	return out, nil
}

// environment gives what the program sees, sorted by name, and the secrets in it.
func (p *Provider) environment(ctx context.Context, call actions.Call, c command, program Program) (env, secrets []string, err error) {
	values := map[string]string{
		"FIREBREAK_INCIDENT": call.Incident, "FIREBREAK_RUN": call.Run, "FIREBREAK_STEP": call.Step,
		"FIREBREAK_ATTEMPT": strconv.Itoa(call.Attempt), "FIREBREAK_KEY": string(call.Key),
	}
	for _, name := range program.Env {
		value, given := c.env[name]
		if !given {
			if value, given = p.options.Environ(name); given {
				values[name] = value
			}
			continue
		}
		if strings.HasPrefix(value, "secret://") {
			secret, err := p.options.Secrets.Resolve(ctx, value)
			refused := &actions.Error{Class: actions.Denied, Op: "exec:" + c.program, Err: err, Hint: "nothing was run; see that the reference in env is right and can be read"}
			switch {
			case err != nil:
				return nil, nil, refused
			case len(secret.Reveal()) < minSecret:
				refused.Class, refused.Err = actions.Precondition, fmt.Errorf("%s: the value has fewer than %d characters, too few to be kept out of the output", value, minSecret)
				return nil, nil, refused
			case strings.ContainsRune(secret.Reveal(), 0):
				refused.Class, refused.Err = actions.Precondition, fmt.Errorf("%s: the value holds a NUL", value)
				return nil, nil, refused
			}
			value = secret.Reveal()
			secrets = append(secrets, value)
		}
		values[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		env = append(env, name+"="+values[name])
	}
	return env, secrets, nil
}

// failure is what an ending means when it is none of success; nil when it is.
func (o outcome) failure(c command) error {
	e := &actions.Error{Class: actions.Unknown, Op: "exec:" + c.program}
	if c.effect == actions.Read {
		e.Class = actions.Precondition
	}
	switch {
	case o.cause != nil:
		what := "it was cancelled"
		if errors.Is(o.cause, context.DeadlineExceeded) {
			what = "it did not end before the time limit"
		}
		e.Err = fmt.Errorf("%s; its processes were killed", what)
		if c.effect == actions.Read {
			e.Class = actions.Transient
		}
		if len(o.left) > 0 {
			e.Hint = "these left its group and still run: " + pids(o.left) + "; end them by hand"
		}
	case o.signal != "":
		e.Err = fmt.Errorf("the signal %q ended it", o.signal)
	default:
		class, ok := c.exit.class(o.code, e.Class)
		if ok {
			return nil
		}
		e.Class, e.Err = class, fmt.Errorf("exit code %d", o.code)
	}
	if said := o.mask.text(tail(o.stderr)); said != "" {
		e.Err = fmt.Errorf("%w; it said: %s", e.Err, said)
	}
	if e.Hint == "" && e.Class == actions.Unknown {
		e.Hint = "what it did by then is not known; look at the target"
	}
	return e
}

func pids(list []int) string {
	words := make([]string, len(list))
	for i, pid := range list {
		words[i] = "pid " + strconv.Itoa(pid)
	}
	return strings.Join(words, ", ")
}

// result is what exec.read and exec.run give.
type result struct {
	ExitCode int               `json:"exit_code" doc:"exit code of the program"`
	Stdout   string            `json:"stdout" doc:"what it wrote to stdout, with secrets masked; empty unless output is true"`
	SHA256   string            `json:"stdout_sha256" doc:"SHA-256 of stdout as kept: secrets masked, at most 65536 bytes; empty when there was none, or when it is not known because the answer was lost"`
	Bytes    int64             `json:"stdout_bytes" doc:"how many bytes it wrote to stdout in all"`
	Values   map[string]string `json:"values" doc:"the values, when stdout is one flat JSON object; numbers and booleans as text"`
	Note     string            `json:"note" doc:"what was cut or could not be read; empty when all is there"`
}

// result makes the outputs of a success.
func (o outcome) result(show bool) result {
	r := result{ExitCode: o.code, Bytes: o.bytes, Values: map[string]string{}}
	if o.stdout != "" {
		sum := sha256.Sum256([]byte(o.stdout))
		r.SHA256 = hex.EncodeToString(sum[:])
	}
	var notes []string
	switch {
	case o.cut:
		notes = append(notes, fmt.Sprintf("stdout is longer than the %d bytes that are kept", maxKept))
	default:
		var note string
		if r.Values, note = flat(o.stdout, o.mask); note != "" {
			notes = append(notes, note)
		}
	}
	if show {
		var cut bool
		if r.Stdout, cut = fit(o.stdout, maxShown); cut {
			notes = append(notes, fmt.Sprintf("only the first %d bytes of stdout are shown", len(r.Stdout)))
		}
	}
	if o.open {
		notes = append(notes, "something that the program started kept its output open; what came later was not read")
	}
	r.Note = strings.Join(notes, "; ")
	return r
}
