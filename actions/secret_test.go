package actions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
)

const canary = "canary-5f0c1e9ab7d24836"

type openHolder struct {
	Name   string
	Secret actions.Secret
	List   []actions.Secret
	ByName map[string]actions.Secret
	Ptr    *actions.Secret
	Any    any
}

type closedHolder struct {
	name   string
	secret actions.Secret
	list   []actions.Secret
	byName map[string]actions.Secret
	ptr    *actions.Secret
	any    any
	inner  struct{ secret actions.Secret }
}

// holders are all ways to carry a secret that we could think of.
func holders() map[string]any {
	s := actions.NewSecret(canary)
	closed := closedHolder{"x", s, []actions.Secret{s}, map[string]actions.Secret{"k": s}, &s, s, struct{ secret actions.Secret }{s}}
	open := openHolder{"x", s, []actions.Secret{s}, map[string]actions.Secret{"k": s}, &s, s}
	return map[string]any{
		"value": s, "pointer": &s, "list": []actions.Secret{s}, "map": map[string]actions.Secret{"k": s}, "any list": []any{s, &s},
		"exported field": open, "pointer to exported field": &open, "unexported field": closed, "pointer to unexported field": &closed,
	}
}

func TestSecretNeverPrints(t *testing.T) {
	verbs := "vTtbcdoOqxXUeEfFgGspw%zZ!"
	flags := []string{"", "+", "#", "-", " ", "0", "10", ".3", "+#", "# "}
	for name, holder := range holders() {
		t.Run(name, func(t *testing.T) {
			for _, verb := range verbs {
				for _, flag := range flags {
					format := "%" + flag + string(verb)
					outputs := map[string]string{"Sprintf": fmt.Sprintf(format, holder), "Errorf": fmt.Errorf(format, holder).Error()}
					for by, output := range outputs {
						if leaks(output) {
							t.Errorf("%s(%q) gives %s", by, format, output)
						}
					}
				}
			}
			for by, output := range map[string]string{"Sprint": fmt.Sprint(holder), "Sprintln": fmt.Sprintln(holder)} {
				if leaks(output) {
					t.Errorf("%s gives %s", by, output)
				}
			}
		})
	}
}

func TestSecretNeverLogs(t *testing.T) {
	for name, holder := range holders() {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			everything := &slog.HandlerOptions{AddSource: true, Level: slog.LevelDebug}
			for _, logger := range []*slog.Logger{slog.New(slog.NewTextHandler(&b, everything)), slog.New(slog.NewJSONHandler(&b, everything))} {
				logger.Info("x", "secret", holder)
				logger.With("secret", holder).WithGroup("g").Error("x", "err", fmt.Errorf("wrapped: %v", holder), slog.Any("again", holder))
			}
			log.New(&b, "", 0).Println(holder)
			if leaks(b.String()) {
				t.Errorf("it is in the log: %s", b.String())
			}
		})
	}
}

func TestSecretNeverMarshals(t *testing.T) {
	for name, holder := range holders() {
		t.Run(name, func(t *testing.T) {
			data, err := json.Marshal(holder)
			if err != nil {
				t.Fatal(err)
			}
			if leaks(string(data)) {
				t.Errorf("it is in the JSON: %s", data)
			}
		})
	}
	type document struct{ Secret actions.Secret }
	if data, err := xml.Marshal(document{actions.NewSecret(canary)}); err != nil || leaks(string(data)) {
		t.Errorf("got XML %s, error %v", data, err)
	}
	if data, err := json.Marshal(map[string]actions.Secret{"s": actions.NewSecret(canary)}); err != nil || string(data) != `{"s":"[secret]"}` {
		t.Errorf("got JSON %s, error %v", data, err)
	}
}

func TestSecretIsRevealedOnlyOnRequest(t *testing.T) {
	s := actions.NewSecret(canary)
	if s.Reveal() != canary || s.Empty() {
		t.Errorf("the value is gone")
	}
	if zero := (actions.Secret{}); zero.Reveal() != "" || !zero.Empty() || !actions.NewSecret("").Empty() {
		t.Error("a secret without value is not empty")
	}
	for _, output := range []string{fmt.Sprint(s), fmt.Sprintf("%d", s), fmt.Sprintf("%+v", openHolder{Secret: s}.Secret), s.String(), s.GoString(), s.LogValue().String()} {
		if output != "[secret]" {
			t.Errorf("a secret prints as %q", output)
		}
	}
	var read actions.Secret
	if err := json.Unmarshal([]byte(`"`+canary+`"`), &read); err == nil || leaks(err.Error()) || !read.Empty() {
		t.Errorf("a secret was read from a document, or its error tells it: %v", err)
	}
}

// leaks looks for the canary and for a good part of it, plain and in hex.
func leaks(output string) bool {
	part := canary[len(canary)-8:]
	return strings.Contains(output, part) || strings.Contains(strings.ToLower(output), fmt.Sprintf("%x", part))
}

func TestResolve(t *testing.T) {
	t.Setenv("FIREBREAK_TEST_TOKEN", canary)
	t.Setenv("FIREBREAK_TEST_EMPTY", "")
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // the umask may have taken bits away
			t.Fatal(err)
		}
		return "secret://file" + path
	}
	var secrets actions.Secrets
	secrets.Scheme("vault", func(_ context.Context, rest string) (actions.Secret, error) {
		if rest != "team/token" {
			return actions.Secret{}, errors.New("no such secret")
		}
		return actions.NewSecret(canary), nil
	})
	for _, test := range []struct{ name, ref, fails string }{
		{"environment", "secret://env/FIREBREAK_TEST_TOKEN", ""},
		{"environment not set", "secret://env/FIREBREAK_TEST_NOTHING", "is not set"},
		{"environment empty", "secret://env/FIREBREAK_TEST_EMPTY", "is not set"},
		{"file", write("good", canary+"\n", 0o600), ""},
		{"file open to others", write("open", canary, 0o644), "chmod 600"},
		{"file empty", write("empty", "\n", 0o600), "is empty"},
		{"file too large", write("large", strings.Repeat(canary, 4000), 0o600), "larger than 64 KiB"},
		{"file missing", "secret://file" + dir + "/nothing", "does not exist"},
		{"folder", "secret://file" + dir, "not a regular file"},
		{"added scheme", "secret://vault/team/token", ""},
		{"added scheme fails", "secret://vault/x", "no such secret"},
		{"unknown scheme", "secret://magic/x", `"magic" is not known`},
		{"the value itself", canary, "never as the value"},
		{"no name", "secret://env/", "given by reference"},
		{"no scheme", "secret:///x", "given by reference"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := secrets.Resolve(t.Context(), test.ref)
			switch {
			case test.fails == "" && (err != nil || got.Reveal() != canary):
				t.Errorf("got %q, error %v", got.Reveal(), err)
			case test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)):
				t.Errorf("got error %v, want %q", err, test.fails)
			case err != nil && leaks(err.Error()):
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}
