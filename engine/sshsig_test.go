package engine_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/base64"
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
