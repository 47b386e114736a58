package e2e

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// block gives the first code block after a mark.
func block(t *testing.T, text, mark string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, mark)
	if !ok {
		t.Fatalf("the README has no %q", mark)
	}
	m := regexp.MustCompile("(?s)\n *```[a-z]*\n(.*?)\n *```").FindStringSubmatch(rest)
	if m == nil {
		t.Fatalf("no code block follows %q", mark)
	}
	return m[1] + "\n"
}

// TestReadme runs the commands of the README to the letter, in the order in
// which a newcomer types them.
func TestReadme(t *testing.T) {
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	text, dir := readme(t), t.TempDir()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	sh := func(script string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, "sh", "-eu", "-c", script)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + filepath.Dir(bin) + ":/usr/bin:/bin", "HOME=" + dir, "USER=" + me.Username, "AWS_EC2_METADATA_DISABLED=true"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, script, out)
		}
		return string(out)
	}
	played := sh("firebreak demo --out demo-out")
	sh(block(t, text, "<!-- run: after the demo -->"))
	if out := sh(block(t, text, "<!-- run -->")); !strings.Contains(out, "consistent and anchored") {
		t.Errorf("the last command says:\n%s", out)
	}

	t.Run("the session is what the demo shows", func(t *testing.T) {
		for line := range strings.Lines(block(t, text, "(the whole is longer):")) {
			if line = strings.TrimSpace(line); !strings.Contains(played, line) {
				t.Errorf("the demo does not show: %s", line)
			}
		}
	})
	t.Run("an exercise is played and told", func(t *testing.T) {
		out := sh("cd ir\n" + block(t, text, "<!-- run: rehearse -->") + "test -s night.html && test -s drl-1.html")
		for _, want := range []string{"leaked-access-key-friday", "DRL-1  PASS", "compromised-instance  ", "Review since "} {
			if !strings.Contains(out, want) {
				t.Errorf("the commands do not say %q:\n%s", want, out)
			}
		}
	})
	t.Run("the runbook is right", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, "example.yaml"), []byte(block(t, text, "## A runbook")), 0o600); err != nil {
			t.Fatal(err)
		}
		sh("cd ir && firebreak lint ../example.yaml") // its groups exist; that they have one person is a warning
		if out := sh("firebreak lint example.yaml"); !strings.Contains(out, "nothing wrong") {
			t.Errorf("lint says:\n%s", out)
		}
	})
	t.Run("a new author comes to a tested runbook", func(t *testing.T) {
		if err := os.Mkdir(filepath.Join(dir, "author"), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"stop-user.yaml", "stop-user_test.yaml"} {
			if err := os.WriteFile(filepath.Join(dir, "author", name), []byte(block(t, text, "<!-- write: "+name+" -->")), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		script := block(t, text, "<!-- run: as an author -->")
		for _, want := range []struct{ after, say string }{
			{"firebreak fmt stop-user.yaml", ""}, // it is laid out already
			{"firebreak lint stop-user.yaml", "1 runbook, nothing wrong"},
			{"firebreak test stop-user.yaml", "4 cases, steps 4/4, branches 2/2"},
			{"firebreak iam-policy stop-user.yaml --phase contain --format table", "iam:PutUserPolicy"},
		} {
			if !strings.Contains(script, want.after+"\n") {
				t.Errorf("the README does not say: %s", want.after)
			}
			if out := sh("cd author && " + want.after); want.say == "" && out != "" || !strings.Contains(out, want.say) {
				t.Errorf("%s says:\n%s", want.after, out)
			}
		}
		sh("cd author\n" + script + "test -s stop-user.svg && test -s stop-user.md")
	})
	t.Run("make targets exist", func(t *testing.T) {
		makefile, err := os.ReadFile("../../../Makefile")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?m)[`^]make ([a-z]+)|^make ([a-z]+)").FindAllStringSubmatch(text, -1) {
			if name := m[1] + m[2]; !strings.Contains(string(makefile), "\n"+name+":") {
				t.Errorf("there is no target %q", name)
			}
		}
	})
}
