package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// Secret is a value that never prints, logs or marshals. Only Reveal gives it
// out; call it where the value is used, and nowhere else.
//
// The value stands behind a pointer because fmt does not call the methods of a
// Secret in an unexported field, nor for the verb %p: it then prints what the
// struct holds, which is an address. Two secrets are therefore not compared
// with ==.
type Secret struct{ value *string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal is the value itself.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty says whether there is no value.
func (s Secret) Empty() bool { return s.Reveal() == "" }

const mask = "[secret]"

// String is a mask.
func (Secret) String() string { return mask }

// GoString is a mask.
func (Secret) GoString() string { return mask }

// Format writes a mask for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(mask)) }

// LogValue is a mask.
func (Secret) LogValue() slog.Value { return slog.StringValue(mask) }

// MarshalJSON writes a mask.
func (Secret) MarshalJSON() ([]byte, error) { return json.Marshal(mask) }

// MarshalText writes a mask.
func (Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// UnmarshalJSON refuses: a secret never comes from a document.
func (*Secret) UnmarshalJSON([]byte) error {
	return errors.New("a secret is given by reference, such as secret://env/NAME")
}

// Secrets resolves references of the form secret://scheme/rest. The zero value
// knows env and file; more schemes are added at wiring.
type Secrets struct {
	schemes map[string]func(ctx context.Context, rest string) (Secret, error)
}

// Scheme adds a scheme, such as aws.
func (s *Secrets) Scheme(name string, resolve func(ctx context.Context, rest string) (Secret, error)) {
	if s.schemes == nil {
		s.schemes = map[string]func(context.Context, string) (Secret, error){}
	}
	s.schemes[name] = resolve
}

// CheckSecretRef says what is wrong with the form of a reference, without resolving it.
func CheckSecretRef(ref string) error {
	rest, ok := strings.CutPrefix(ref, "secret://")
	scheme, name, found := strings.Cut(rest, "/")
	if !ok || !found || scheme == "" || name == "" {
		return errors.New(`a secret is given by reference, such as secret://env/NAME or secret://file/etc/firebreak/token, never as the value`)
	}
	return nil
}

// Resolve fetches the value behind a reference. The error names the
// reference, never the value.
func (s *Secrets) Resolve(ctx context.Context, ref string) (Secret, error) {
	if err := CheckSecretRef(ref); err != nil {
		return Secret{}, err
	}
	scheme, rest, _ := strings.Cut(strings.TrimPrefix(ref, "secret://"), "/")
	switch {
	case s != nil && s.schemes[scheme] != nil:
		return s.schemes[scheme](ctx, rest)
	case scheme == "env":
		value, ok := os.LookupEnv(rest)
		if !ok || value == "" {
			return Secret{}, fmt.Errorf("%s: the environment variable %q is not set", ref, rest)
		}
		return NewSecret(value), nil
	case scheme == "file":
		return fileSecret(ref, "/"+rest)
	}
	return Secret{}, fmt.Errorf("%s: the scheme %q is not known; known: env, file", ref, scheme)
}

func fileSecret(ref, path string) (Secret, error) {
	info, err := os.Stat(filepath.Clean(path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Secret{}, fmt.Errorf("%s: the file does not exist", ref)
	case err != nil:
		return Secret{}, fmt.Errorf("%s: %w", ref, err)
	case !info.Mode().IsRegular():
		return Secret{}, fmt.Errorf("%s: is not a regular file", ref)
	case info.Mode().Perm()&0o077 != 0:
		return Secret{}, fmt.Errorf("%s: others can read the file (mode %04o); run: chmod 600 %s", ref, info.Mode().Perm(), path)
	case info.Size() > 64<<10:
		return Secret{}, fmt.Errorf("%s: the file is larger than 64 KiB, that is no secret", ref)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Secret{}, fmt.Errorf("%s: %w", ref, err)
	}
	value := strings.TrimRight(string(data), "\r\n")
	if value == "" {
		return Secret{}, fmt.Errorf("%s: the file is empty", ref)
	}
	return NewSecret(value), nil
}
