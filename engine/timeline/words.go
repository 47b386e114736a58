package timeline

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// because is a reason at the end of a sentence, or nothing.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// count is "1 approval" or "2 approvals".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// short is the beginning of a digest, for a sentence; the row holds all of it.
func short(digest string) string {
	if len(digest) > 12 {
		return digest[:12] + "…"
	}
	return digest
}

// span is a duration for people: whole seconds once it is ten seconds long.
func span(d time.Duration) string {
	if d >= 10*time.Second {
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}

// clock is a time of day, with the date when it is another day than near.
func clock(at, near engine.Stamp) string {
	if at.UTC().Format(time.DateOnly) == near.UTC().Format(time.DateOnly) {
		return at.UTC().Format(time.TimeOnly) + " UTC"
	}
	return at.UTC().Format(time.DateTime) + " UTC"
}

// failure is an error of the world in a sentence.
func failure(f *engine.Failure) string {
	if f == nil {
		return ""
	}
	return fmt.Sprintf("%s (%s)", f.Message, f.Class)
}

func targetWords(targets []actions.Target) string {
	words := make([]string, len(targets))
	for i, t := range targets {
		words[i] = t.String()
		if strings.HasPrefix(t.ID, targetMark+" ") && t.Account == "" { // a stand-in
			words[i] = t.ID + inBrackets(t.Type)
		}
	}
	return strings.Join(words, ", ")
}

func requestWords(requests []actions.Request) string {
	words := make([]string, len(requests))
	for i, r := range requests {
		words[i] = strings.TrimSpace(r.Operation + " " + r.ID)
	}
	return strings.Join(words, ", ")
}

// readingWords says what a condition read.
func readingWords(readings []runbooks.Reading) string {
	words := make([]string, len(readings))
	for i, r := range readings {
		words[i] = r.Path + " = " + r.Value
	}
	return strings.Join(words, ", ")
}
