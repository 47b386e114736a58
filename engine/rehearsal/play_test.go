package rehearsal_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The whole of a scripted play, fact by fact.
func TestPlay(t *testing.T) {
	p := book(t)
	out := played(t, p, friday(t, p), memory(t))
	if len(out.Faults) > 0 {
		t.Errorf("faults: %q", out.Faults)
	}
	got := strings.Join(told(out.Events), "\n") + "\n"
	if *update {
		if err := os.WriteFile("testdata/friday.txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, "testdata/friday.txt")), got); diff != "" {
		t.Errorf("got (+) and want (-):\n%s", diff)
	}
}
