package tabletop

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

// Bot answers people; a *chatops.Bot.
type Bot interface {
	Command(ctx context.Context, in chatops.Input) chatops.Message
}

// Options are what an exercise at a table needs.
type Options struct {
	Bot         Bot
	Incident    string // "DRL-3"
	Players     []engine.Actor
	Facilitator engine.Actor
	Sign        func(actor engine.Actor, m chatops.Message) (signature string) // that a yes may need
	In          io.Reader
	Terminal    *Terminal
	Over        func() bool                    // whether the exercise has ended
	Prompt      bool                           // say who acts before each line; for a terminal
	Stopped     func() (why string, stop bool) // asked each second whether a live incident was declared; nil: none can be
}

// Play reads lines until the exercise is over and the table has looked back, or
// the input ends. kept are the files that were handed out.
func Play(ctx context.Context, o Options) (kept []chatops.File, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &table{Options: o}
	if len(o.Players) > 0 {
		t.now = o.Players[0]
	} else {
		t.now = o.Facilitator
	}
	lines, failed := read(ctx, o.In)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	t.prompt()
	for {
		select {
		case line, more := <-lines:
			if !more {
				return t.kept, t.leave(ctx, *failed)
			}
			done, err := t.line(ctx, line)
			if done || err != nil {
				return t.kept, err
			}
			t.prompt()
		case <-second.C:
			if why, stop := t.stopped(); stop {
				return t.kept, t.live(ctx, why)
			}
		case <-ctx.Done():
			return t.kept, ctx.Err()
		}
	}
}

// stopped says whether a live incident was declared.
func (t *table) stopped() (why string, stop bool) {
	if t.Stopped == nil {
		return "", false
	}
	return t.Stopped()
}

// live ends the exercise because a live incident was declared.
func (t *table) live(ctx context.Context, why string) error {
	if err := t.Terminal.Print(chatops.Message{Title: "A LIVE incident was declared: " + why, Tone: chatops.Danger, Seq: -1}); err != nil {
		return err
	}
	t.say(ctx, t.Facilitator, "drill stop "+t.Incident)
	return nil
}

// read gives the lines of the input, and why it ended.
func read(ctx context.Context, in io.Reader) (<-chan string, *error) {
	lines, failed := make(chan string), new(error)
	go func() {
		defer close(lines)
		s := bufio.NewScanner(in)
		s.Buffer(nil, chatops.MaxLine*2)
		for s.Scan() {
			select {
			case lines <- s.Text():
			case <-ctx.Done():
				return
			}
		}
		*failed = s.Err()
	}()
	return lines, failed
}

type table struct {
	Options
	now  engine.Actor // who acts unless somebody is named
	kept []chatops.File
}

func (t *table) prompt() {
	if !t.Prompt {
		return
	}
	t.Terminal.mu.Lock()
	defer t.Terminal.mu.Unlock()
	_, _ = fmt.Fprintf(t.Terminal.out, "\n%s> ", t.now.ID) // a terminal that is gone ends the input too
}

// leave ends an exercise whose input has ended.
func (t *table) leave(ctx context.Context, err error) error {
	if err != nil {
		return fmt.Errorf("read what is typed: %w", err)
	}
	if !t.Over() {
		t.say(ctx, t.Facilitator, "drill end "+t.Incident+` "the table was left"`)
	}
	select { // the last word is printed by another goroutine
	case <-t.Terminal.over:
	case <-time.After(lastWord):
	case <-ctx.Done():
	}
	return nil
}

// lastWord is how long a table waits to be told that the exercise is over.
const lastWord = 5 * time.Second

// line does what one line says; done is true when the table is left.
func (t *table) line(ctx context.Context, text string) (done bool, err error) {
	text = strings.TrimSpace(text)
	word, rest, _ := strings.Cut(text, " ")
	switch strings.ToLower(word) {
	case "", "#":
		return false, nil
	case "quit", "exit":
		return true, t.leave(ctx, nil)
	case "as":
		who, ok := t.person(strings.TrimSpace(rest))
		if !ok {
			return false, t.complain("%q does not play; there are %s", rest, t.names())
		}
		t.now = who
		return false, nil
	case "wait":
		return false, t.wait(ctx, strings.TrimSpace(rest))
	case "who":
		return false, t.complain("at the table: %s; write NAME: words, or: as NAME", t.names())
	}
	if strings.HasPrefix(text, "#") {
		return false, nil
	}
	actor, words := t.actor(text)
	t.say(ctx, actor, words)
	return false, nil
}

// actor finds out who says a line.
func (t *table) actor(text string) (engine.Actor, string) {
	if name, words, ok := strings.Cut(text, ":"); ok && !strings.ContainsAny(name, " \t\"'") {
		if who, known := t.person(name); known {
			return who, strings.TrimSpace(words)
		}
	}
	verb := chatops.VerbOf(text)
	if first, _, two := strings.Cut(verb, " "); two && (first == "drill" || first == "corrective") && verb != string(chatops.DrillFeedback) {
		return t.Facilitator, text
	}
	return t.now, text
}

func (t *table) person(name string) (engine.Actor, bool) {
	everybody := append(slices.Clone(t.Players), t.Facilitator)
	i := slices.IndexFunc(everybody, func(a engine.Actor) bool { return a.ID == name })
	if i < 0 {
		return engine.Actor{}, false
	}
	return everybody[i], true
}

func (t *table) names() string {
	var names []string
	for _, p := range t.Players {
		names = append(names, p.ID)
	}
	return strings.Join(append(names, t.Facilitator.ID+" (facilitator)"), ", ")
}

func (t *table) complain(format string, args ...any) error {
	return t.Terminal.Print(chatops.Message{Title: fmt.Sprintf(format, args...), Seq: -1})
}

// say types a line for somebody and prints the answer. A yes that has to be
// signed is signed with the exercise's own key of that person.
func (t *table) say(ctx context.Context, actor engine.Actor, words string) {
	words = chatops.Imply(words, t.Incident)
	m := t.Bot.Command(ctx, chatops.Input{Actor: actor, Text: words})
	if m.Sign != nil && t.Sign != nil {
		m = t.Bot.Command(ctx, chatops.Input{Actor: actor, Text: words, Signature: t.Sign(actor, m)})
	}
	t.kept = append(t.kept, m.Files...)
	_ = t.Terminal.Print(m) // a terminal that is gone ends the input too
}

// wait lets time pass until something is said, or for so long at most, or until
// a step asks somebody.
func (t *table) wait(ctx context.Context, what string) error {
	limit, step := 10*time.Minute, ""
	if d, err := time.ParseDuration(what); err == nil && d > 0 {
		limit = d
	} else if what != "" {
		step = what
		if t.Terminal.asks(step) {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-t.Terminal.news: // what was said before
	default:
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-t.Terminal.news:
			if step == "" || t.Terminal.asks(step) {
				return nil
			}
		case <-t.Terminal.over:
			return nil
		case <-ctx.Done():
			return nil
		case <-second.C:
			if _, stop := t.stopped(); stop {
				return nil // the table is told at once
			}
		}
	}
}
