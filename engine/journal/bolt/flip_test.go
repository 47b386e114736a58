package bolt

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// dump is all that a store holds, or the error in its place.
func dump(path string) (out []byte) {
	db, _, err := openFile(path, Options{ReadOnly: true, InitialMmapSize: testMap}, false)
	if err != nil {
		return []byte(err.Error())
	}
	err = guard(path, func() error {
		return db.View(func(tx *bbolt.Tx) error {
			for _, name := range bucketNames {
				b := tx.Bucket([]byte(name))
				if b == nil {
					return errors.New("no bucket " + name)
				}
				err := b.ForEach(func(key, value []byte) error {
					out = fmt.Appendf(out, "%s %q %q %q\n", name, key, value, b.Get(key))
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return []byte(err.Error())
	}
	return out
}

// flips is the other process of TestVerifyFindsBitFlips: it reads bits from its input, flips each in the file, and says whether verify found it. It may
// die of a flip; the parent then goes on with another.
func flips(path string) error {
	if err := limitMemory(childMemory); err != nil {
		return err
	}
	signer, err := journal.SignerFromSeed("firebreak/acme", [32]byte{1})
	if err != nil {
		return err
	}
	l, err := Open(path, Options{ReadOnly: true, InitialMmapSize: testMap})
	if err != nil {
		return err
	}
	last, err := l.Head(context.Background())
	if err := errors.Join(err, l.Close()); err != nil {
		return err
	}
	want := dump(path)
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var bit int
		if _, err := fmt.Sscan(lines.Text(), &bit); err != nil {
			return err
		}
		at := int64(bit / 8)
		if _, err := f.WriteAt([]byte{data[at] ^ 1<<(bit%8)}, at); err != nil {
			return err
		}
		answer := "found"
		r, err := Verify(context.Background(), path, VerifyOptions{Key: signer.Verifier(), Anchors: []journal.Checkpoint{last}})
		if err != nil {
			return err
		}
		if r.ExitCode() == ExitConsistent {
			answer = "same"
			if !bytes.Equal(dump(path), want) {
				answer = "missed"
			}
		}
		if _, err := f.WriteAt(data[at:at+1], at); err != nil {
			return err
		}
		fmt.Println(answer)
	}
	return nil
}

func TestVerifyFindsBitFlips(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	last := story(t, path, "plain")[storyRecords]
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	leaf := bytes.Index(data, []byte(`{"data":{"flavor":"plain","i":9,"j":1}`))
	note := bytes.Index(data, last.Note)
	if leaf < 0 || note < 0 {
		t.Fatal("the store does not hold what was written")
	}
	// One leaf and the checkpoint, where each flip must be found; what a page begins with; and anywhere.
	type flip struct {
		bit  int
		must bool
	}
	var todo []flip
	for at := range 172 {
		todo = append(todo, flip{8*(leaf+at) + at%8, true})
	}
	for at := range last.Note {
		todo = append(todo, flip{8*(note+at) + at%8, true})
	}
	random := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		todo = append(todo, flip{8*(4096*random.IntN(len(data)/4096)+random.IntN(64)) + random.IntN(8), false})
	}
	for range 500 {
		todo = append(todo, flip{random.IntN(8 * len(data)), false})
	}
	found, died := 0, 0
	for len(todo) > 0 {
		var in strings.Builder
		for _, f := range todo {
			fmt.Fprintln(&in, f.bit)
		}
		cmd := exec.Command(os.Args[0], "flips", path)
		cmd.Stdin = strings.NewReader(in.String())
		out, err := cmd.StdoutPipe()
		if err := errors.Join(err, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		limit := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		for lines := bufio.NewScanner(out); len(todo) > 0 && lines.Scan(); todo = todo[1:] {
			limit.Reset(20 * time.Second)
			switch answer := lines.Text(); {
			case answer == "found":
				found++
			case answer != "same" || todo[0].must:
				t.Errorf("bit %d of byte %d: %s", todo[0].bit%8, todo[0].bit/8, answer)
			}
		}
		if err := cmd.Wait(); err != nil {
			if len(todo) == 0 {
				t.Fatalf("after the last flip: %v", err)
			}
			died++
			todo = todo[1:]
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		limit.Stop()
	}
	t.Logf("%d flips found, %d of them by the death of the reader", found+died, died)
	if r := verify(t, path, last); r.ExitCode() != ExitConsistent {
		t.Fatalf("the restored file: %+v", r.Findings)
	}
	if found < 500 || died > 50 {
		t.Errorf("%d flips found, %d times the reader died", found, died)
	}
}
