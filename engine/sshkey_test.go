package engine_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/engine"
)

func TestParseSSHKey(t *testing.T) {
	for _, name := range []string{"ed25519", "ecdsa"} {
		line := strings.TrimSpace(vector(t, name+".pub"))
		key, err := engine.ParseSSHKey(line)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSuffix(line, " made for tests"); key.String() != want {
			t.Errorf("got %q, want %q", key, want)
		}
		again, err := engine.ParseSSHKey(key.String())
		if err != nil || !again.Equal(key) {
			t.Errorf("its own text gives %v, %v", again, err)
		}
	}
	key, _ := engine.ParseSSHKey(vector(t, "ed25519.pub"))
	if bin, err := exec.LookPath("ssh-keygen"); err == nil {
		out, err := exec.Command(bin, "-l", "-f", "testdata/sshsig/ed25519.pub").Output()
		if err != nil || !strings.Contains(string(out), key.Fingerprint()+" ") {
			t.Errorf("got the fingerprint %s, ssh-keygen says %s (%v)", key.Fingerprint(), out, err)
		}
	}
	ed := strings.Fields(vector(t, "ed25519.pub"))
	for line, want := range map[string]string{
		"":                                         "not a public key",
		"ssh-ed25519":                              "not a public key",
		vector(t, "rsa.pub"):                       "RSA keys are not taken",
		vector(t, "dsa.pub"):                       "DSA keys are broken",
		vector(t, "ecdsa384.pub"):                  "only those of 256 bits",
		"ssh-ed25519 AAAA*":                        "not base64",
		"ssh-ed25519 AAAA":                         "cut off or damaged",
		ed[0] + " " + ed[1][:40]:                   "cut off or damaged",
		"sk-" + ed[0] + " " + ed[1]:                "no type of key that is taken",
		"no-pty " + strings.Join(ed, " "):          `"no-pty" is no type`,
		"ecdsa-sha2-nistp256 " + ed[1]:             `it says "ecdsa-sha2-nistp256" and holds a key of the type "ssh-ed25519"`,
		"ssh-ed25519-cert-v01@openssh.com AAAA":    "certificates are not taken",
		"-----BEGIN OPENSSH PRIVATE KEY-----":      "it is a private key",
		"ssh-ed25519 " + strings.Repeat("A", 2000): "more than 1024 bytes",
	} {
		if _, err := engine.ParseSSHKey(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %q in it", line, err, want)
		}
	}
}

// token is a hardware key that tests can hold: it signs as PROTOCOL.u2f of
// OpenSSH says, and says what it is told about having been touched.
type token struct {
	kind        string
	application string
	ed          ed25519.PrivateKey
	ec          *ecdsa.PrivateKey
	flags       byte
	number      func(*big.Int) []byte // how numbers are written; nil: as they are
}

func str(values ...[]byte) []byte {
	var out []byte
	for _, v := range values {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(v))), v...)
	}
	return out
}

func newToken(t testing.TB, kind string) *token {
	t.Helper()
	k := &token{kind: kind, application: "ssh:", flags: 1}
	if strings.Contains(kind, "ed25519") {
		k.ed = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
		return k
	}
	var err error
	if k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *token) blob(t testing.TB) []byte {
	t.Helper()
	if k.ed != nil {
		return str([]byte(k.kind), k.ed.Public().(ed25519.PublicKey), []byte(k.application))
	}
	point, err := k.ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return str([]byte(k.kind), []byte("nistp256"), point, []byte(k.application))
}

func (k *token) sign(t testing.TB, namespace string, message []byte) string {
	t.Helper()
	sum := sha512.Sum512(message)
	signed := append([]byte("SSHSIG"), str([]byte(namespace), nil, []byte("sha512"), sum[:])...)
	application, hash := sha256.Sum256([]byte(k.application)), sha256.Sum256(signed)
	tail := []byte{k.flags, 0, 0, 0, 9}
	device := slices.Concat(application[:], tail, hash[:])
	var raw []byte
	if k.ed != nil {
		raw = ed25519.Sign(k.ed, device)
	} else {
		sum := sha256.Sum256(device)
		a, b, err := ecdsa.Sign(rand.Reader, k.ec, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		number := k.number
		if number == nil {
			number = mpint
		}
		raw = str(number(a), number(b))
	}
	signature := append(str([]byte(k.kind), raw), tail...)
	blob := append([]byte("SSHSIG\x00\x00\x00\x01"), str(k.blob(t), []byte(namespace), nil, []byte("sha512"), signature)...)
	return armor(blob)
}

func mpint(n *big.Int) []byte {
	b := n.Bytes()
	if b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return b
}

var tokens = []string{"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"}

func TestVerifySSHOfHardwareKeys(t *testing.T) {
	message := []byte("text")
	for _, kind := range tokens {
		t.Run(kind, func(t *testing.T) {
			k := newToken(t, kind)
			if _, err := engine.VerifySSH(k.sign(t, "n", message), "n", message); err != nil {
				t.Error(err)
			}
			if _, err := engine.VerifySSH(k.sign(t, "n", message), "n", []byte("tex")); err == nil {
				t.Error("it holds for another message")
			}
			for flags, want := range map[byte]string{0: "was not touched", 4: "was not touched", 5: ""} {
				k.flags = flags
				if _, err := engine.VerifySSH(k.sign(t, "n", message), "n", message); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("flags %d: got %v, want %q", flags, err, want)
				}
			}
			k.flags = 1
			blob := bare(t, k.sign(t, "n", message))
			blob[len(blob)-1]++ // the counter is signed too
			if _, err := engine.VerifySSH(armor(blob), "n", message); err == nil {
				t.Error("it holds with another counter")
			}
			for application, want := range map[string]string{"ssh:work": "", "https://example.com": `made for the application "https://example.com"`, "": "application"} {
				k.application = application
				if _, err := engine.VerifySSH(k.sign(t, "n", message), "n", message); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("application %q: got %v, want %q", application, err, want)
				}
			}
		})
	}
}

// A number has one form only: no sign, and no zeros that it does not need.
func TestVerifySSHOfOtherNumbers(t *testing.T) {
	k := newToken(t, "sk-ecdsa-sha2-nistp256@openssh.com")
	message := []byte("text")
	for name, form := range map[string]func(n *big.Int) []byte{
		"negative":       func(n *big.Int) []byte { return n.Bytes() }, // half of all, so of 64 pairs some are
		"a zero more":    func(n *big.Int) []byte { return append([]byte{0}, mpint(n)...) },
		"nothing at all": func(*big.Int) []byte { return nil },
		"zero":           func(*big.Int) []byte { return []byte{0} },
	} {
		k.number = form
		refused := 0
		for range 64 {
			if _, err := engine.VerifySSH(k.sign(t, "n", message), "n", message); err != nil && strings.Contains(err.Error(), "cut off or damaged") {
				refused++
			}
		}
		if refused == 0 || name != "negative" && refused < 64 {
			t.Errorf("%s: refused %d of 64 times", name, refused)
		}
	}
}

func FuzzParseSSHKey(f *testing.F) {
	for _, name := range []string{"ed25519", "ecdsa", "rsa", "dsa", "ecdsa384"} {
		f.Add(vector(f, name+".pub"))
	}
	for _, kind := range tokens {
		f.Add(kind + " " + base64.StdEncoding.EncodeToString(newToken(f, kind).blob(f)))
	}
	f.Fuzz(func(t *testing.T, line string) {
		key, err := engine.ParseSSHKey(line)
		if err != nil {
			return
		}
		if again, err := engine.ParseSSHKey(key.String()); err != nil || !again.Equal(key) || !strings.HasPrefix(key.String(), strings.Fields(line)[0]) {
			t.Fatalf("%q gives %q, which gives %v, %v", line, key, again, err)
		}
	})
}
