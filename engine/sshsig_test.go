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
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/engine"
)

func vector(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/sshsig", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Signatures that the real ssh-keygen made; see testdata/sshsig/README.
func TestVerifySSH(t *testing.T) {
	message := vector(t, "message")
	ed := vector(t, "ed25519.sig")
	lines := strings.Split(strings.TrimSpace(ed), "\n")
	for _, c := range []struct {
		name, sig, message, namespace string
		key                           string // whose .pub made it
		want                          string // in the error
	}{
		{name: "ed25519", sig: ed, key: "ed25519"},
		{name: "ed25519 with sha256", sig: vector(t, "ed25519-sha256.sig"), key: "ed25519"},
		{name: "ecdsa", sig: vector(t, "ecdsa.sig"), key: "ecdsa"},
		{name: "line ends of Windows", sig: strings.ReplaceAll(ed, "\n", "\r\n"), key: "ed25519"},
		{name: "space around it", sig: "\n\n" + ed + "\n ", key: "ed25519"},

		{name: "rsa", sig: vector(t, "rsa.sig"), want: "RSA keys are not taken; make one that is taken: ssh-keygen -t ed25519"},
		{name: "dsa", sig: vector(t, "dsa.sig"), want: "DSA keys are broken"},
		{name: "ecdsa of 384 bits", sig: vector(t, "ecdsa384.sig"), want: "only those of 256 bits"},
		{name: "another namespace", sig: vector(t, "namespace.sig"), want: `made for "git", not for "firebreak-approve"`},
		{name: "another namespace is wanted", sig: ed, namespace: "git", want: `made for "firebreak-approve"`},
		{name: "another message", sig: ed, message: message + "\n", want: "not over what was to be signed"},
		{name: "another message, ecdsa", sig: vector(t, "ecdsa.sig"), message: strings.Replace(message, "bob", "eve", 1), want: "not over what was to be signed"},
		{name: "nothing", want: "does not begin with -----BEGIN SSH SIGNATURE-----"},
		{name: "a file name", sig: "id_ed25519.sig", want: "does not begin with"},
		{name: "a private key", sig: strings.ReplaceAll(ed, "SSH SIGNATURE", "OPENSSH PRIVATE KEY"), want: "does not begin with"},
		{name: "no end", sig: strings.Join(lines[:len(lines)-1], "\n"), want: "cut off or damaged"},
		{name: "a line too few", sig: strings.Join(slices.Delete(slices.Clone(lines), 3, 4), "\n"), want: "cut off or damaged"},
		{name: "half a line", sig: strings.Join([]string{lines[0], lines[1][:33], lines[len(lines)-1]}, "\n"), want: "cut off or damaged"},
		{name: "two of them", sig: ed + ed, want: "cut off or damaged"},
		{name: "too long", sig: ed + strings.Repeat(" ", 9000), want: "at most 8192"},
		{name: "a bit of the signature", sig: flipped(t, ed, -1), want: "not over what was to be signed"},
		{name: "a bit of the version", sig: flipped(t, ed, 9), want: "only version 1 is known"},
		{name: "a bit of the magic", sig: flipped(t, ed, 0), want: "cut off or damaged"},
		{name: "a bit of the key", sig: flipped(t, ed, 40), want: "not over what was to be signed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.message == "" {
				c.message = message
			}
			if c.namespace == "" {
				c.namespace = engine.VoteNamespace
			}
			key, err := engine.VerifySSH(c.sig, c.namespace, []byte(c.message))
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got the error %v, want %q in it", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			own, err := engine.ParseSSHKey(vector(t, c.key+".pub"))
			if err != nil || !own.Equal(key) {
				t.Errorf("got the key %s, want %s (%v)", key, own, err)
			}
		})
	}
}

// flipped changes the lowest bit of one byte of what is in the armor; n counts
// from the end when it is negative.
func flipped(t testing.TB, armored string, n int) string {
	t.Helper()
	blob := bare(t, armored)
	if n < 0 {
		n += len(blob)
	}
	blob[n] ^= 1
	return armor(blob)
}

func bare(t testing.TB, armored string) []byte {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(armored), "\n")
	blob, err := base64.StdEncoding.DecodeString(strings.Join(lines[1:len(lines)-1], ""))
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func armor(blob []byte) string {
	return "-----BEGIN SSH SIGNATURE-----\n" + base64.StdEncoding.EncodeToString(blob) + "\n-----END SSH SIGNATURE-----\n"
}

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

// Signatures that are made well and written down in another form than the only one.
func TestVerifySSHOfOtherForms(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, 32))
	message := []byte("text")
	type form struct {
		hash, kind        string
		tail, inner, pads []byte
	}
	make := func(f form) string {
		sum := sha512.Sum512(message)
		signed := append([]byte("SSHSIG"), str([]byte("n"), nil, []byte(f.hash), sum[:])...)
		public := str([]byte("ssh-ed25519"), key.Public().(ed25519.PublicKey))
		signature := append(str([]byte(f.kind), ed25519.Sign(key, signed)), f.inner...)
		blob := append([]byte("SSHSIG\x00\x00\x00\x01"), str(append(public, f.pads...), []byte("n"), nil, []byte(f.hash), signature)...)
		return armor(append(blob, f.tail...))
	}
	for name, tt := range map[string]struct {
		form form
		want string
	}{
		"the only one":                  {form{hash: "sha512", kind: "ssh-ed25519"}, ""},
		"another hash":                  {form{hash: "sha384", kind: "ssh-ed25519"}, `uses the hash "sha384"`},
		"another type of key":           {form{hash: "sha512", kind: "ecdsa-sha2-nistp256"}, `made as "ecdsa-sha2-nistp256" with a key of the type "ssh-ed25519"`},
		"more behind it":                {form{hash: "sha512", kind: "ssh-ed25519", tail: []byte{0}}, "cut off or damaged"},
		"more behind what the key made": {form{hash: "sha512", kind: "ssh-ed25519", inner: []byte{0}}, "cut off or damaged"},
		"more behind the public key":    {form{hash: "sha512", kind: "ssh-ed25519", pads: []byte{0}}, "cut off or damaged"},
	} {
		if _, err := engine.VerifySSH(make(tt.form), "n", message); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

// What this package takes and makes, the real ssh-keygen takes too.
func TestSSHKeygenAgrees(t *testing.T) {
	bin, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not installed (package openssh-client)")
	}
	message := []byte("firebreak-approve v1\nstep: disable\n")
	agrees := func(t *testing.T, public, signature string) {
		t.Helper()
		dir := t.TempDir()
		for name, text := range map[string]string{"signers": "bob " + public + "\n", "sig": signature} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c := exec.Command(bin, "-Y", "verify", "-f", filepath.Join(dir, "signers"), "-I", "bob", "-n", engine.VoteNamespace, "-s", filepath.Join(dir, "sig"))
		c.Stdin = bytes.NewReader(message)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("ssh-keygen does not take it: %v\n%s", err, out)
		}
	}
	t.Run("made in memory", func(t *testing.T) {
		key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))
		sig := engine.SignSSH(key, engine.VoteNamespace, message)
		if got, err := engine.VerifySSH(sig, engine.VoteNamespace, message); err != nil || got.String() != engine.PublicSSH(key) {
			t.Errorf("got %v, %v", got, err)
		}
		agrees(t, engine.PublicSSH(key), sig)
	})
	for _, kind := range tokens {
		t.Run(kind, func(t *testing.T) {
			k := newToken(t, kind)
			agrees(t, kind+" "+base64.StdEncoding.EncodeToString(k.blob(t)), k.sign(t, engine.VoteNamespace, message))
		})
	}
}

// Whatever the text is, it is judged without a panic, and none that was made
// from what is known here holds for another message.
func FuzzVerifySSH(f *testing.F) {
	files, err := filepath.Glob("testdata/sshsig/*.sig")
	if err != nil || len(files) < 7 {
		f.Fatalf("found %d signatures, %v", len(files), err)
	}
	for _, file := range files {
		f.Add(vector(f, filepath.Base(file)))
	}
	for _, kind := range tokens {
		f.Add(newToken(f, kind).sign(f, engine.VoteNamespace, []byte("text")))
	}
	f.Fuzz(func(t *testing.T, sig string) {
		if key, err := engine.VerifySSH(sig, engine.VoteNamespace, []byte("a message that nobody has signed")); err == nil {
			t.Fatalf("it holds by the key %s", key)
		}
	})
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
