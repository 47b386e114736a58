package score

import (
	"iter"

	"github.com/firebreak-ir/firebreak/engine"
)

// Watched follows a record and gives, after each fact and for each run, how many
// steps are at work and how many ask people: as the watches count them from what
// moved, and by looking at every step.
func Watched(events iter.Seq2[engine.Event, error], look func(seq int64, run string, counted, seen [2]int)) error {
	f := newFold(Options{})
	for e, err := range events {
		if err != nil {
			return err
		}
		if err := f.take(e); err != nil {
			return err
		}
		for _, r := range f.runs {
			if f.over {
				continue
			}
			var seen [2]int
			for s := range r.of.All() {
				switch classOf(s) {
				case working:
					seen[0]++
				case asking:
					seen[1]++
				}
			}
			look(e.Seq, r.Run.Run, [2]int{r.working, r.asking}, seen)
		}
	}
	return nil
}
