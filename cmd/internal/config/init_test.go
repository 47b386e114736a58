package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/lint"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

func fakeKeys(origin string) (string, string, error) {
	return "PRIVATE+KEY+" + origin + "+00000000+AA==", origin + "+00000000+BB==\n", nil
}

func TestInit(t *testing.T) {
	for _, tt := range []struct {
		name string
		opts InitOptions
	}{
		{"defaults", InitOptions{}},
		{"all given", InitOptions{Organisation: "example.com", Person: "alice", Name: `Alice "Ace" Ünal \`, OSUser: "alice.u", Account: "012345678901", Region: "us-gov-east-1"}},
		{"words that YAML reads as something else", InitOptions{Organisation: "12", Person: "null", Name: "# 1e3", OSUser: "0x1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			tt.opts.Generate = fakeKeys
			written, err := Init(dir, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Load(filepath.Join(dir, FileName))
			if err != nil {
				t.Fatalf("what Init wrote does not load: %v", err)
			}
			for _, w := range c.Warnings {
				if !strings.Contains(w.What, "is a path of") {
					t.Errorf("what Init wrote loads with the warning %s", w)
				}
			}
			opts := tt.opts
			opts.defaults()
			p := c.Directory.People[0]
			if c.Organisation != opts.Organisation || p.ID != opts.Person || p.Name != opts.Name || p.OSUser != opts.OSUser || c.Environments[0].Account != opts.Account {
				t.Errorf("got %+v and %+v, want what the options say: %+v", c, p, opts)
			}
			example := filepath.Join(dir, "runbooks/who-owns-key.yaml")
			src, err := os.ReadFile(example)
			if err != nil {
				t.Fatal(err)
			}
			program, said := runbooks.Load(example, src, runbookstest.Catalog())
			if program != nil {
				said = append(said, lint.Check(program, runbookstest.Catalog(), lint.Options{})...)
			}
			if len(said) > 0 {
				t.Errorf("the example runbook: got %v, want silence", said)
			}
			if key, err := os.ReadFile(c.Signer); err != nil || !strings.HasPrefix(string(key), "PRIVATE+KEY+"+c.Origin()+"+") || strings.Count(string(key), "\n") != 1 {
				t.Errorf("the signer: got %q, %v", key, err)
			}
			var found []string
			err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				info, err := entry.Info()
				if err != nil {
					return err
				}
				want := fs.FileMode(0o600)
				if entry.IsDir() {
					want = 0o700
				} else {
					found = append(found, strings.TrimPrefix(path, dir+"/"))
				}
				if got := info.Mode().Perm(); got != want {
					t.Errorf("%s: got mode %04o, want %04o", path, got, want)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(written)
			if !slices.Equal(found, written) {
				t.Errorf("says that it wrote %v, and wrote %v", written, found)
			}
		})
	}
}

func TestInitOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "directory.yaml", "mine\n")
	_, err := Init(dir, InitOptions{Generate: fakeKeys})
	if err == nil || !strings.Contains(err.Error(), "already has directory.yaml; nothing was written") {
		t.Errorf("got %v, want a refusal that names the file", err)
	}
	entries, err := os.ReadDir(dir)
	if src, _ := os.ReadFile(filepath.Join(dir, "directory.yaml")); err != nil || len(entries) != 1 || string(src) != "mine\n" {
		t.Errorf("something was written: %v, %q", entries, src)
	}
}

func TestInitRefusals(t *testing.T) {
	boom := errors.New("no entropy")
	for _, tt := range []struct {
		name string
		opts InitOptions
		want string
	}{
		{"organisation", InitOptions{Organisation: "a b"}, `the organisation is "a b"; write something like`},
		{"person", InitOptions{Person: "x]\n- y"}, "the person is"},
		{"name", InitOptions{Name: "a\nb"}, "the name is"},
		{"user", InitOptions{OSUser: `a"b`}, "the user of this machine is"},
		{"account", InitOptions{Account: "1"}, `the account is "1"`},
		{"region", InitOptions{Region: "x"}, `the region is "x"`},
		{"keys", InitOptions{Generate: func(string) (string, string, error) { return "", "", boom }}, "generate the keys: no entropy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			if tt.opts.Generate == nil {
				tt.opts.Generate = fakeKeys
			}
			if _, err := Init(dir, tt.opts); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something was written: %v", err)
			}
		})
	}
}
