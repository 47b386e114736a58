package app

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/host"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
	"github.com/firebreak-ir/firebreak/engine/record"
)

// Deep adds the engine's own rules to a verification: every incident is folded
// again and audited, and what is still in doubt at the end is said.
func Deep(o *bolt.VerifyOptions) {
	incidents := map[string]*engine.Incident{}
	audits := map[string]*engine.Audit{}
	broken := map[string]bool{}
	o.Deep = func(entry journal.Entry, blob func(string) ([]byte, error)) error {
		if entry.Stream == host.StoreStream || broken[entry.Stream] {
			return nil
		}
		if incidents[entry.Stream] == nil {
			incidents[entry.Stream], audits[entry.Stream] = engine.NewIncident(), engine.NewAudit()
		}
		e, err := record.Fact(entry, blob)
		if err != nil {
			broken[entry.Stream] = true
			return err
		}
		var wrong []error
		if err := incidents[entry.Stream].Apply(e); err != nil {
			broken[entry.Stream] = true
			wrong = append(wrong, fmt.Errorf("record %d of %s does not follow: %w", entry.N, entry.Stream, err))
		}
		for _, w := range audits[entry.Stream].Take(e) {
			wrong = append(wrong, fmt.Errorf("record %d of %s breaks a rule: %s", entry.N, entry.Stream, w))
		}
		return errors.Join(wrong...)
	}
	o.DeepEnd = func() []bolt.Finding {
		var list []bolt.Finding
		for _, stream := range slices.Sorted(maps.Keys(audits)) {
			for _, what := range audits[stream].Open() {
				list = append(list, bolt.Finding{Seq: incidents[stream].LastSeq, Kind: bolt.KindOpen, What: stream + ": " + what})
			}
		}
		return list
	}
}
