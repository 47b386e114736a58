package mem_test

import (
	"errors"
	"testing"

	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/journaltest"
	"github.com/firebreak-ir/firebreak/engine/journal/mem"
)

func TestStore(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) func() journal.Log {
		var log *mem.Log
		return func() journal.Log {
			var err error
			if log == nil {
				log, err = mem.New(mem.Options{})
			} else {
				log, err = log.Reopen()
			}
			if err != nil {
				t.Fatal(err)
			}
			return log
		}
	})
}

func TestReopenFencesTheOlderHandle(t *testing.T) {
	first, err := mem.New(mem.Options{Org: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := first.Reopen()
	if err != nil {
		t.Fatal(err)
	}
	b := journal.Batch{Stream: "INC-1", Expect: -1, Records: []journal.Record{{Data: []byte(`{}`)}}}
	if _, err := first.Append(t.Context(), b); !isFenced(err) {
		t.Errorf("older handle: got %v", err)
	}
	if _, err := second.Append(t.Context(), b); err != nil {
		t.Errorf("newer handle: %v", err)
	}
}

func isFenced(err error) bool {
	_, ok := errors.AsType[*journal.FencedError](err)
	return ok
}

func TestSameAppendsSameRoot(t *testing.T) {
	var roots [2][32]byte
	for i := range roots {
		log, err := mem.New(mem.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			done, err := log.Append(t.Context(), journal.Batch{Stream: "INC-1", Expect: -1, Records: []journal.Record{{Data: []byte(`{"a":1}`)}}})
			if err != nil {
				t.Fatal(err)
			}
			roots[i] = done.Head.Root
		}
	}
	if roots[0] != roots[1] {
		t.Errorf("roots differ: %x and %x", roots[0], roots[1])
	}
}

func TestNewRefusesAMalformedOrganization(t *testing.T) {
	if _, err := mem.New(mem.Options{Org: "two words"}); err == nil {
		t.Error("accepted an organization with a space")
	}
}
