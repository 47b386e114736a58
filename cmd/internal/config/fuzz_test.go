package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeds are the good files and each way in which the fault table breaks them.
func seeds(f *testing.F, name string) {
	f.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(src)
	for _, tt := range faults {
		if broken := strings.Replace(string(src), tt.old, tt.new, 1); broken != string(src) {
			f.Add([]byte(broken))
		}
	}
}

// Whatever the bytes are: no panic, every problem stands inside the file, is
// one line, and shows no credential.
func checkProblems(t *testing.T, d *document, src []byte) {
	t.Helper()
	lines := strings.FieldsFunc(string(src), func(r rune) bool { return r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029' })
	breaks := strings.Count(string(src), "\n") + strings.Count(string(src), "\r") + len(lines) + 1
	for _, p := range append(d.problems, d.warnings...) {
		if p.Line < 1 || p.Col < 1 || p.Line > breaks {
			t.Errorf("%d:%d is outside of the file: %s", p.Line, p.Col, p)
		}
		if p.What == "" || p.Next == "" || strings.ContainsAny(p.String(), "\n\r\x1b") {
			t.Errorf("not one line that says what and what next: %q", p)
		}
		if credential.MatchString(strings.ReplaceAll(p.String(), "secret://", "")) {
			t.Errorf("shows a credential: %s", p)
		}
	}
}

func FuzzConfig(f *testing.F) {
	seeds(f, FileName)
	f.Fuzz(func(t *testing.T, src []byte) {
		c := readConfig(FileName, "/etc/firebreak", src)
		checkProblems(t, &c.document, src)
		if len(c.problems) > 0 {
			return
		}
		if c.Organisation == "" || len(c.Environments) == 0 || !filepath.IsAbs(c.Store) || !filepath.IsAbs(c.Signer) || !filepath.IsAbs(c.Genesis) {
			t.Errorf("accepted, but not whole: %+v", c.Config)
		}
		for _, e := range c.Environments {
			if !accountForm.MatchString(e.Account) || strings.HasPrefix(e.Endpoint, "http:") && !strings.Contains(e.Endpoint, "localhost") && !strings.Contains(e.Endpoint, "127.") && !strings.Contains(e.Endpoint, "::") {
				t.Errorf("accepted the environment %+v", e)
			}
		}
		if s := c.Slack; s != nil && (!strings.HasPrefix(s.BotToken, "secret://") || s.Mode == SocketMode && !strings.HasPrefix(s.AppToken, "secret://") || s.Mode == HTTPMode && !strings.HasPrefix(s.SigningSecret, "secret://")) {
			t.Errorf("accepted a secret that is no reference: %+v", s)
		}
	})
}

func FuzzDirectory(f *testing.F) {
	seeds(f, "directory.yaml")
	f.Fuzz(func(t *testing.T, src []byte) {
		d := readDirectory("directory.yaml", src)
		checkProblems(t, &d.document, src)
		if len(d.problems) > 0 {
			return
		}
		ids, slacks := map[string]bool{}, map[string]bool{}
		for _, p := range d.People {
			if p.ID == "" || ids[p.ID] || p.Slack != "" && slacks[p.Slack] {
				t.Errorf("accepted a person twice: %+v", p)
			}
			ids[p.ID], slacks[p.Slack] = true, true
		}
		for group, members := range d.Groups {
			for _, id := range members {
				if !ids[id] {
					t.Errorf("accepted the stranger %q in the group %q", id, group)
				}
			}
		}
	})
}
