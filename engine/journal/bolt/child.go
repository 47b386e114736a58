package bolt

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// greeting is the child's first line: it tells a child that died on the file from a program that never was a verifier.
const greeting = "fbj-verify/1\n"

// ChildLimit is how long VerifyInChild waits when the context has no earlier end.
const ChildLimit = 5 * time.Minute

// childMemory is what a child may take beside the file; the largest honest store needs a small part of it.
const childMemory = 512 << 20

// request and response cross the pipe as JSON.
type request struct {
	Path        string               `json:"path"`
	Key         string               `json:"key"`
	Origin      string               `json:"origin,omitempty"`
	Anchors     []journal.Checkpoint `json:"anchors,omitempty"`
	LockTimeout time.Duration        `json:"lock_timeout,omitempty"`
}

type response struct {
	Report Report               `json:"report"`
	Locked *journal.LockedError `json:"locked,omitempty"`
	Error  string               `json:"error,omitempty"`
}

// VerifyInChild runs Verify in a process of its own, because a damaged file can kill the one that maps it. argv0 with args must be a program that
// calls VerifyChild on its standard input and output, as a rule this same program with a hidden command; it gets an empty environment.
// o.Deep and o.DeepEnd are not passed on: VerifyChild adds them there. A child that dies or takes too long is a Report that says "damaged".
func VerifyInChild(ctx context.Context, argv0 string, args []string, path string, o VerifyOptions) (Report, error) {
	in, err := json.Marshal(request{path, o.Key, o.Origin, o.Anchors, o.LockTimeout})
	if err != nil {
		return Report{}, fmt.Errorf("verify: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, ChildLimit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(limited, argv0, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &stdout, &stderr
	cmd.Env = []string{"GOTRACEBACK=none"}
	cmd.WaitDelay = time.Second
	runErr := cmd.Run()

	answer, greeted := bytes.CutPrefix(stdout.Bytes(), []byte(greeting))
	if !greeted {
		if err := context.Cause(ctx); err != nil {
			return Report{}, fmt.Errorf("verify %q: %w", path, err)
		}
		return Report{}, fmt.Errorf("verify: %q is not a verifier (%v): %s", argv0, runErr, firstLine(stderr.String()))
	}
	var r response
	if err := errors.Join(runErr, json.Unmarshal(answer, &r)); err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return Report{}, fmt.Errorf("verify %q: %w", path, ctx.Err())
		}
		if limited.Err() != nil {
			err = fmt.Errorf("no answer in time (%w)", limited.Err())
		} else if line := firstLine(stderr.String()); line != "" {
			err = fmt.Errorf("%w: %s", runErr, line)
		}
		report := Report{Path: path}
		report.add(Finding{-1, KindDamaged, fmt.Sprintf("the process that read the file did not survive it: %v", err)})
		report.NotProven = []string{"Anything: the file could not be read to its end."}
		return report, nil
	}
	switch {
	case r.Locked != nil:
		return r.Report, r.Locked
	case r.Error != "":
		return r.Report, errors.New(r.Error)
	}
	return r.Report, nil
}

// VerifyChild is the other side of VerifyInChild: it reads the request, verifies, and writes the answer. hooks, which may be nil, adds the caller's
// rules. The process should then exit with 0 whatever the report says; an error means that the pipe did not work.
func VerifyChild(ctx context.Context, in io.Reader, out io.Writer, hooks func(*VerifyOptions)) error {
	if err := limitMemory(childMemory); err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	if _, err := io.WriteString(out, greeting); err != nil {
		return fmt.Errorf("verify child: %w", err)
	}
	var q request
	if err := json.NewDecoder(in).Decode(&q); err != nil {
		return fmt.Errorf("verify child: %w", err)
	}
	o := VerifyOptions{Key: q.Key, Origin: q.Origin, Anchors: q.Anchors, LockTimeout: q.LockTimeout}
	if hooks != nil {
		hooks(&o)
	}
	var r response
	var err error
	if r.Report, err = Verify(ctx, q.Path, o); err != nil {
		if locked, ok := errors.AsType[*journal.LockedError](err); ok {
			r.Locked = locked
		}
		r.Error = err.Error()
	}
	if err := errors.Join(json.NewEncoder(w).Encode(r), w.Flush()); err != nil {
		return fmt.Errorf("verify child: %w", err)
	}
	return nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
