package bolt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// TestMain lets this test binary play the other processes.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 {
		os.Exit(m.Run())
	}
	var err error
	switch os.Args[1] {
	case "verify-child":
		err = VerifyChild(context.Background(), os.Stdin, os.Stdout, nil)
	case "verify-dies":
		fmt.Print(greeting)
		os.Exit(2)
	case "verify-hangs":
		fmt.Print(greeting)
		select {}
	case "flips":
		err = flips(os.Args[2])
	case "writer":
		err = write(os.Args[2])
	case "holder":
		err = hold(os.Args[2])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func processOptions() (Options, error) {
	signer, err := journal.SignerFromSeed("firebreak/acme", [32]byte{1})
	return Options{Signer: signer, Org: "acme", InitialMmapSize: testMap}, err
}

// write appends from several goroutines for ever and prints each acknowledged seq with its data.
func write(path string) error {
	o, err := processOptions()
	if err != nil {
		return err
	}
	l, err := Open(path, o)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	failed := make(chan error)
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				b := one(fmt.Sprintf("INC-%d", w), i)
				b.Records = append(b.Records, record(i))
				if i%16 == 0 {
					b.Blobs = [][]byte{fmt.Appendf(nil, "%d/%d/%d", l.Epoch(), w, i)}
				}
				b.Close = i%8 == 7
				done, err := l.Append(context.Background(), b)
				if err == nil {
					mu.Lock()
					_, err = fmt.Printf("%d %d\n", done.First, i)
					mu.Unlock()
				}
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// hold opens the store and keeps it until its standard input ends.
func hold(path string) error {
	o, err := processOptions()
	if err != nil {
		return err
	}
	l, err := Open(path, o)
	if err != nil {
		return err
	}
	fmt.Println("held")
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, l.Close())
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	const rounds = 12
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	acked := map[int64]string{}
	for round := range rounds {
		cmd := exec.Command(os.Args[0], "writer", path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := random.IntN(150) // after so many acknowledgments, at whatever the writer is doing then
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if n == kill {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			seq, data, ok := strings.Cut(lines.Text(), " ")
			if at, err := strconv.ParseInt(seq, 10, 64); ok && err == nil && data != "" {
				acked[at] = data
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("round %d: the writer ended by itself: %v", round, err)
		}

		l := openTest(t, path)
		found := map[int64]string{}
		for e, err := range l.All(t.Context(), 0) {
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			data := strings.TrimPrefix(string(e.Data), `{"i":`)
			found[e.Seq], _, _ = strings.Cut(data, ",")
		}
		for seq, data := range acked {
			// A line that the kill cut short shows a prefix of the number.
			if !strings.HasPrefix(found[seq], data) {
				t.Errorf("round %d: record %d was acknowledged with %q, found %q", round, seq, data, found[seq])
			}
		}
		head, err := l.Head(t.Context())
		if err := errors.Join(err, l.Close()); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(t.Context(), path, VerifyOptions{Key: testSigner(t).Verifier(), Anchors: []journal.Checkpoint{head}})
		if err != nil || r.ExitCode() != ExitConsistent {
			t.Fatalf("round %d: verify: %d %+v, %v", round, r.ExitCode(), r.Findings, err)
		}
	}
	if len(acked) == 0 {
		t.Error("no round acknowledged anything")
	}
}

func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	cmd := exec.Command(os.Args[0], "holder", path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	o := testOptions(t)
	o.LockTimeout = 100 * time.Millisecond
	started := time.Now()
	for name, open := range map[string]func() error{
		"writer": func() error { _, err := Open(path, o); return err },
		"reader": func() error { o := o; o.ReadOnly = true; _, err := Open(path, o); return err },
		"verify": func() error {
			_, err := Verify(t.Context(), path, VerifyOptions{Key: o.Signer.Verifier(), LockTimeout: o.LockTimeout})
			return err
		},
		"verify in child": func() error {
			_, err := VerifyInChild(t.Context(), os.Args[0], []string{"verify-child"}, path, VerifyOptions{Key: o.Signer.Verifier(), LockTimeout: o.LockTimeout})
			return err
		},
	} {
		err := open()
		locked, ok := errors.AsType[*journal.LockedError](err)
		if !ok || locked.Path != path || locked.Do == "" {
			t.Errorf("%s: got %v", name, err)
		}
		if strings.HasPrefix(name, "verify") && (!ok || !strings.Contains(locked.Do, "--live")) {
			t.Errorf("%s: does not say what to do: %v", name, err)
		}
	}
	if took := time.Since(started); took > 8*time.Second {
		t.Errorf("four refusals took %v", took)
	}
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		t.Fatalf("the holder: %v", err)
	}
	openTest(t, path)
}

func TestVerifyInChild(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	l := openTest(t, path)
	done, err := l.Append(t.Context(), one("INC-1", 1))
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	o := VerifyOptions{Key: testSigner(t).Verifier(), Anchors: []journal.Checkpoint{done.Head}}
	r, err := VerifyInChild(t.Context(), os.Args[0], []string{"verify-child"}, path, o)
	if err != nil || r.ExitCode() != ExitConsistent || r.Size != 1 || len(r.Proven) == 0 {
		t.Errorf("got %+v, %v", r, err)
	}
	if r, err = VerifyInChild(t.Context(), os.Args[0], []string{"verify-dies"}, path, o); err != nil || r.ExitCode() != ExitDamaged {
		t.Errorf("a child that dies: got %+v, %v", r, err)
	}
	hasty, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if r, err = VerifyInChild(hasty, os.Args[0], []string{"verify-hangs"}, path, o); err != nil || r.ExitCode() != ExitDamaged {
		t.Errorf("a child that hangs: got %+v, %v", r, err)
	}
	if _, err = VerifyInChild(t.Context(), os.Args[0], []string{"-test.run=^$"}, path, o); err == nil || !strings.Contains(err.Error(), "not a verifier") {
		t.Errorf("a child that is no verifier: got %v", err)
	}
	if _, err = VerifyInChild(t.Context(), os.Args[0], []string{"verify-child"}, path+".gone", o); err == nil {
		t.Error("no file: no error")
	}
	o.Key = "nonsense"
	if _, err = VerifyInChild(t.Context(), os.Args[0], []string{"verify-child"}, path, o); err == nil {
		t.Error("no key: no error")
	}
}
