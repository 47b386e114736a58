package journal_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/mem"
)

func Example() {
	ctx := context.Background()
	log, err := mem.New(mem.Options{Org: "acme"})
	if err != nil {
		panic(err)
	}
	fact, err := journal.Canonical(map[string]any{"kind": "incident.declared", "severity": 1})
	if err != nil {
		panic(err)
	}
	batch := journal.Batch{Stream: "INC-1", Expect: 0, Records: []journal.Record{{Data: fact, Nonce: "slack:Ev123"}}}
	done, err := log.Append(ctx, batch)
	fmt.Println(done.First, done.Head.Size, err)

	batch.Expect = -1 // the same request, delivered again
	_, err = log.Append(ctx, batch)
	duplicate, _ := errors.AsType[*journal.DuplicateError](err)
	fmt.Println(duplicate.Seq, duplicate.Stream)

	for entry, err := range log.Read(ctx, "INC-1", 0) {
		fmt.Println(entry.N, string(entry.Data), err)
	}

	proof, err := journal.ProveInclusion(ctx, log, 0)
	if err != nil {
		panic(err)
	}
	entry, err := journal.CheckInclusion(proof, log.Verifier()) // by a stranger who knows the key
	fmt.Println(entry.Stream, err)
	// Output:
	// 0 1 <nil>
	// 0 INC-1
	// 0 {"kind":"incident.declared","severity":1} <nil>
	// INC-1 <nil>
}
