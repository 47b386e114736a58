package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/chatops/console"
	"github.com/firebreak-ir/firebreak/engine"
)

// inAgent is what --sign says for a key of ssh-agent.
const inAgent = "agent"

// signed shows what is to be signed, has ssh-keygen sign it, and sends the
// line again with the signature. The line then names what was shown, so that
// nothing else can be voted on in between.
func (p *program) signed(ctx context.Context, t talk, text string, m chatops.Message) (chatops.Message, error) {
	cmd, err := chatops.Parse(text)
	if err != nil {
		return m, err
	}
	b := m.Sign.Ballot
	if err := meant(cmd, b); err != nil {
		return m, err
	}
	if err := console.Print(p.err, m, console.Style{Width: p.style().Width}); err != nil {
		return m, err
	}
	signature, err := p.sign(ctx, cmd.Flags["sign"], m.Sign.Keys, b)
	if err != nil {
		return m, err
	}
	cmd.Incident, cmd.Run, cmd.Target = b.Incident, b.Run, b.Step
	cmd.Flags["digest"] = b.Plan
	return t.command(ctx, cmd.String(), signature)
}

// meant refuses to sign something else than what was typed.
func meant(cmd chatops.Command, b engine.Ballot) error {
	for _, word := range [...]struct{ what, typed, given string }{
		{"incident", cmd.Incident, b.Incident}, {"run", cmd.Run, b.Run}, {"step", cmd.Target, b.Step},
	} {
		if word.typed != "" && word.typed != word.given {
			return fmt.Errorf("you typed %s %q and the server wants a signature for %q, so nothing was signed; tell who runs the server", word.what, word.typed, word.given)
		}
	}
	verb := chatops.Approve
	if b.Answer == engine.BreakGlass {
		verb = chatops.BreakGlass
		if cmd.Flags["target"] != b.Target || cmd.Flags["reason"] != b.Reason {
			return errors.New("the server wants another target or reason signed than you typed, so nothing was signed; tell who runs the server")
		}
	}
	if cmd.Verb != verb || !strings.HasPrefix(b.Plan, strings.ToLower(cmd.Flags["digest"])) {
		return errors.New("the server wants a signature for something else than you typed, so nothing was signed; tell who runs the server")
	}
	return nil
}

// sign has ssh-keygen sign an answer. The text goes through a file, because
// ssh-keygen asks for a pass phrase only when its input is the terminal.
func (p *program) sign(ctx context.Context, key string, mine []string, b engine.Ballot) (string, error) {
	if rest, ok := strings.CutPrefix(key, "~/"); ok { // of --sign=~/..., which shells leave as it is
		if home, err := os.UserHomeDir(); err == nil {
			key = filepath.Join(home, rest)
		}
	}
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		return "", errors.New("signing needs ssh-keygen, which is not on this machine; install OpenSSH (such as with: apt-get install openssh-client) and try again")
	}
	dir, err := os.MkdirTemp("", "firebreak-sign-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if key == inAgent {
		line, err := fromAgent(ctx, mine)
		if err != nil {
			return "", err
		}
		key = filepath.Join(dir, "key.pub")
		if err := os.WriteFile(key, []byte(line+"\n"), 0o600); err != nil {
			return "", err
		}
	} else if _, err := os.Stat(key); err != nil {
		return "", fmt.Errorf("the key %s cannot be read: %w; --sign takes the file of an SSH key, or the word %s", key, err, inAgent)
	}
	file := filepath.Join(dir, "vote")
	if err := os.WriteFile(file, engine.VoteMessage(b), 0o600); err != nil {
		return "", err
	}
	if abs, err := filepath.Abs(key); err == nil {
		key = abs // so that no name can be taken for a flag
	}
	c := exec.CommandContext(ctx, keygen, "-Y", "sign", "-n", b.Namespace(), "-f", key, file)
	c.Stdin, c.Stdout, c.Stderr = p.in, p.err, p.err
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("ssh-keygen did not sign with %s (%w), so nothing was sent; what it said stands above", key, err)
	}
	f, err := os.Open(file + ".sig")
	if err != nil {
		return "", err
	}
	defer f.Close()
	signature, err := io.ReadAll(io.LimitReader(f, 64<<10))
	return string(signature), err
}

// fromAgent finds the first key of ssh-agent that is among a person's own.
func fromAgent(ctx context.Context, mine []string) (string, error) {
	const next = "load it with: ssh-add ~/.ssh/id_ed25519, or name the key's file after --sign"
	add, err := exec.LookPath("ssh-add")
	if err != nil {
		return "", errors.New("ssh-add, which lists the keys of ssh-agent, is not on this machine; name the key's file after --sign")
	}
	list, err := exec.CommandContext(ctx, add, "-L").Output()
	if err != nil {
		return "", errors.New("ssh-agent holds no key, or does not run; " + next)
	}
	for line := range strings.Lines(string(list)) {
		key, err := engine.ParseSSHKey(line)
		if err != nil {
			continue
		}
		for _, own := range mine {
			if own == key.String() {
				return own, nil
			}
		}
	}
	return "", errors.New("ssh-agent holds none of the keys that the directory has of you; " + next)
}
