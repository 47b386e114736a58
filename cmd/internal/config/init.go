package config

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

// InitOptions says what a first config is about. Empty fields get the default.
type InitOptions struct {
	Organisation string // "example"
	Person       string // id of the first person; "admin"
	Name         string // of the first person; the id
	OSUser       string // of the first person on this machine; the id
	Account      string // AWS account of the environment prod; "111122223333"
	Region       string // "eu-central-1"

	// Generate makes the key pair of a journal of this origin, both as text.
	Generate func(origin string) (signer, verifier string, err error)
}

//go:embed template
var templates embed.FS

// Init writes a first config with comments, a directory of one person, an
// example runbook and the keys into dir, and returns the files written,
// relative to dir, in the order in which to read them. It overwrites nothing:
// when one of the files is there already it writes none. Files are 0600,
// folders 0700. What it writes loads without faults.
func Init(dir string, opts InitOptions) ([]string, error) {
	opts.defaults()
	if err := opts.check(); err != nil {
		return nil, err
	}
	signer, verifier, err := opts.Generate(Origin(opts.Organisation))
	if err != nil {
		return nil, fmt.Errorf("generate the keys: %w", err)
	}
	files := []struct{ name, template, text string }{
		{name: FileName, template: "firebreak.yaml"},
		{name: "directory.yaml", template: "directory.yaml"},
		{name: "runbooks/who-owns-key.yaml", template: "runbook.yaml"},
		{name: "keys/signer.key", text: line(signer)},
		{name: "keys/genesis.pub", text: line(verifier)},
		{name: "keys/.gitignore", text: "# the signer stays on the server\nsigner.key\n"},
		{name: "var/.gitignore", text: "# the journal and the socket are no source\n*\n!.gitignore\n"},
	}
	var there, names []string
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f.name)); !errors.Is(err, fs.ErrNotExist) {
			there = append(there, f.name)
		}
		names = append(names, f.name)
	}
	if len(there) > 0 {
		return nil, fmt.Errorf("%q already has %s; nothing was written; give another folder, or move them away", dir, strings.Join(there, ", "))
	}
	for i, f := range files {
		text := f.text
		if f.template != "" {
			if text, err = opts.render(f.template); err != nil {
				return nil, err
			}
		}
		if err := writeNew(filepath.Join(dir, f.name), text); err != nil {
			return nil, errors.Join(fmt.Errorf("write %s: %w", f.name, err), remove(dir, names[:i]))
		}
	}
	return names, nil
}

func (o *InitOptions) defaults() {
	for _, field := range []struct {
		to    *string
		value string
	}{
		{&o.Organisation, "example"},
		{&o.Person, "admin"},
		{&o.Account, "111122223333"},
		{&o.Region, "eu-central-1"},
	} {
		if *field.to == "" {
			*field.to = field.value
		}
	}
	if o.Name == "" {
		o.Name = o.Person
	}
	if o.OSUser == "" {
		o.OSUser = o.Person
	}
}

// check holds the options to the same forms as the files they end up in.
func (o *InitOptions) check() error {
	for _, field := range []struct {
		what, value string
		check       check
	}{
		{"organisation", o.Organisation, form(organisationForm, "example or example.com")},
		{"person", o.Person, form(nameForm, "alice")},
		{"name", o.Name, form(printable, "Alice Example")},
		{"user of this machine", o.OSUser, form(osForm, "alice")},
		{"account", o.Account, form(accountForm, "111122223333")},
		{"region", o.Region, form(regionForm, "eu-central-1")},
	} {
		if what, next := field.check(field.value); what != "" {
			return fmt.Errorf("the %s %s; %s", field.what, what, next)
		}
	}
	return nil
}

// printable is a name for people; it ends up in quotes.
var printable = regexp.MustCompile(`^[^\p{C}]{1,200}$`)

// Origin is the name of the journal.
func (o *InitOptions) Origin() string { return Origin(o.Organisation) }

func (o *InitOptions) render(name string) (string, error) {
	t, err := template.ParseFS(templates, "template/"+name)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, o); err != nil {
		return "", err
	}
	return b.String(), nil
}

func line(s string) string { return strings.TrimRight(s, "\n") + "\n" }

// writeNew makes a file that is not there, with its folders.
func writeNew(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// remove takes back the files that were written before one failed.
func remove(dir string, names []string) error {
	var errs []error
	for _, name := range names {
		errs = append(errs, os.Remove(filepath.Join(dir, name)))
	}
	return errors.Join(errs...)
}
