package exec_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var token = map[string]string{"TOKEN": "secret://vault/token"}

func TestSecretsAreMasked(t *testing.T) {
	w := newWorld(t)
	o := w.run("exec.run", map[string]any{"program": "tool", "args": []string{"do:babble"}, "env": token, "output": true})
	if n := strings.Count(o.Stdout, "[secret]"); n != 8 {
		t.Errorf("%d of 8 forms are masked: %s", n, o.Stdout)
	}
	// What JSON hides behind escapes is masked once it is a value.
	o = w.run("exec.read", map[string]any{"program": "look", "args": []string{"do:letters"}, "env": token})
	if diff := cmp.Diff(map[string]string{"token": "[secret]"}, o.Values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	o = w.run("exec.read", map[string]any{"program": "look", "args": []string{"do:owner"}, "env": token})
	want := map[string]string{"owner": "grace", "keys": "2", "leaked": "true", "token": "[secret]"}
	if diff := cmp.Diff(want, o.Values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if o.Stdout != "" {
		t.Errorf("stdout came out without being asked for: %s", o.Stdout)
	}
}

func TestValues(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name, says string
		want       map[string]string
		note       string
	}{
		{"no JSON", "hello", map[string]string{}, ""},
		{"nothing", "", map[string]string{}, ""},
		{"flat", `{"a": "x", "b": 1.50, "c": false, "d": null}`, map[string]string{"a": "x", "b": "1.50", "c": "false"}, ""},
		{"deep", `{"a": {"b": 1}}`, map[string]string{}, "not flat"},
		{"list", `{"a": [1]}`, map[string]string{}, "not flat"},
		{"broken", `{"a": `, map[string]string{}, "is none"},
		{"two", `{"a": "x"} {"b": "y"}`, map[string]string{}, "something follows"},
		{"large", `{"a": "` + strings.Repeat("x", 20_000/3) + `"}`, map[string]string{"a": strings.Repeat("x", 20_000/3)}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := w.run("exec.read", map[string]any{"program": "look", "args": []string{"do:say", test.says}})
			if diff := cmp.Diff(test.want, o.Values); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if test.note == "" && o.Note != "" || !strings.Contains(o.Note, test.note) {
				t.Errorf("got note %q, want %q", o.Note, test.note)
			}
		})
	}
}

func TestLongOutputIsCutAndSaid(t *testing.T) {
	w := newWorld(t)
	o := w.run("exec.read", map[string]any{"program": "look", "args": []string{"do:flood"}, "output": true})
	if o.Bytes != 180_000 {
		t.Errorf("got %d bytes, want 180000", o.Bytes)
	}
	if len(o.Stdout) > 20_000 || !strings.HasPrefix(o.Stdout, "éééé") || strings.ContainsRune(o.Stdout, '\uFFFD') {
		t.Errorf("got %d bytes of stdout: %.20s", len(o.Stdout), o.Stdout)
	}
	for _, says := range []string{"longer than the 65536 bytes", "only the first 19998 bytes of stdout are shown"} {
		if !strings.Contains(o.Note, says) {
			t.Errorf("got note %q, want %q", o.Note, says)
		}
	}
	if want := sumOf([]byte(strings.Repeat("é", 65536/2))); o.SHA256 != want {
		t.Errorf("got sum %s, want that of the kept bytes, %s", o.SHA256, want)
	}
}

// A step that only reads is carried out without a plan, so it has captured nothing.
func TestReadNeedsNoPlan(t *testing.T) {
	w := newWorld(t)
	o, err := w.step("exec.read", map[string]any{"program": "look", "args": []string{"do:letters"}, "env": map[string]string{"TOKEN": "x"}}).execute(t.Context())
	if err != nil || o.ExitCode != 0 {
		t.Errorf("got %+v, %v", o, err)
	}
}
