package exec

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

const (
	minSecret = 6  // bytes; shorter ones would mask half of all words
	minLine   = 12 // bytes of a line that is masked by itself
	masked    = "[secret]"
)

// mask knows the forms in which secrets could come out of a program.
type mask struct {
	forms [][]byte // longest first, so that no form hides a longer one
}

func newMask(secrets []string) mask {
	var m mask
	for _, secret := range secrets {
		m.add(secret)
		for line := range strings.Lines(secret) {
			if line = strings.TrimSpace(line); len(line) >= minLine && line != secret {
				m.add(line)
			}
		}
	}
	slices.SortFunc(m.forms, func(a, b []byte) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), bytes.Compare(a, b))
	})
	m.forms = slices.CompactFunc(m.forms, bytes.Equal)
	return m
}

// add notes one secret in all its forms.
func (m *mask) add(secret string) {
	quoted, err := json.Marshal(secret)
	if err != nil {
		panic("exec: " + err.Error()) // a string always marshals
	}
	forms := []string{
		secret, string(quoted[1 : len(quoted)-1]), plainJSON(secret),
		url.QueryEscape(secret), url.PathEscape(secret),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		forms = append(forms, encoding.EncodeToString([]byte(secret)))
		for offset := range 3 {
			forms = append(forms, insideBase64(encoding, secret, offset))
		}
	}
	for _, form := range forms {
		if len(form) >= minSecret {
			m.forms = append(m.forms, []byte(form))
		}
	}
}

// plainJSON is the string inside JSON as encoders write it that leave <, > and & alone.
func plainJSON(secret string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(secret); err != nil {
		return secret
	}
	return strings.Trim(strings.TrimSpace(b.String()), `"`)
}

// insideBase64 is the part of the encoding that does not depend on what stands
// before and behind the secret, when it begins offset bytes into a group of three.
func insideBase64(encoding *base64.Encoding, secret string, offset int) string {
	whole := encoding.EncodeToString(append(make([]byte, offset), secret...))
	from := []int{0, 2, 3}[offset]
	to := (offset + len(secret)) / 3 * 4
	if to <= from {
		return ""
	}
	return whole[from:to]
}

// bytes replaces every known form.
func (m mask) bytes(b []byte) []byte {
	for _, form := range m.forms {
		b = bytes.ReplaceAll(b, form, []byte(masked))
	}
	return b
}

func (m mask) text(s string) string { return string(m.bytes([]byte(s))) }

// longest is the length of the longest form.
func (m mask) longest() int {
	if len(m.forms) == 0 {
		return 0
	}
	return len(m.forms[0])
}
